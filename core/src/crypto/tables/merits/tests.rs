//! What tables cost beside what they save, in many orders of keys. Costs are in hundredths of a
//! verification without a table, so nothing here depends on the machine.

use super::{CREDIT, FAST, KEY_TABLES, Merits, SLOW, TABLE};

/// Keys that are numbers, and what was spent on them.
#[derive(Default)]
struct World {
    merits: Merits<u32>,
    /// What was spent, less 1.2 times what it would be without tables.
    more: i64,
    /// The least that this ever was.
    least: i64,
    fast: u64,
    tables: u64,
    random: u64,
}

/// A verification without a table.
const WHOLE: i64 = 100;

impl World {
    /// A good signature of this key. However many came before, the last ones have cost a fifth
    /// more, and the credit.
    fn good(&mut self, key: u32) {
        let place = self.merits.place(&key);
        // What a table saves, less the fifth that all signatures may cost more.
        let saved = if place.is_some() { FAST - SLOW } else { 0 };
        self.fast += u64::from(place.is_some());
        self.more += WHOLE - i64::from(saved) - WHOLE * 12 / 10;
        self.least = self.least.min(self.more);
        if let Some(made) = self.merits.good(&key, place) {
            assert!(place.is_none() && made < KEY_TABLES);
            assert_eq!(self.merits.place(&key), Some(made));
            let count = if self.tables == 0 { 2 } else { 1 };
            self.more += count * i64::from(TABLE);
            self.tables += 1;
        }
        let more = self.more - self.least;
        assert!(more <= i64::from(CREDIT), "{more}");
        assert!(self.merits.owners.len() <= KEY_TABLES);
    }

    /// A key below `keys`, by splitmix64.
    fn random(&mut self, keys: u32) -> u32 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((z ^ (z >> 31)) % u64::from(keys)).unwrap()
    }
}

const MANY: u32 = 200_000;

/// 17 providers with one key each, two new tokens of each in turn, made a table for each key again
/// and again.
#[test]
fn keys_in_turn_never_take_turns_with_tables() {
    for keys in [17, 18, 30, 60, 64, 65, 100, 1_600] {
        for each in [1, 2, 3] {
            let mut world = World::default();
            for number in 0..MANY {
                world.good(number / each % keys);
            }
            let tables = world.tables;
            assert!(tables <= 16, "{keys} keys, {each} each: {tables} tables");
        }
    }
}

#[test]
fn keys_at_random_never_take_turns_with_tables() {
    for keys in [17, 18, 30, 60, 100, 1_600] {
        let mut world = World::default();
        for _ in 0..MANY {
            let key = world.random(keys);
            world.good(key);
        }
        let tables = world.tables;
        assert!(tables <= 18, "{keys} keys: {tables} tables");
        // As many as sixteen of so many keys can have.
        let expected = u64::from(MANY) * 16 / u64::from(keys);
        let fast = world.fast;
        assert!(keys > 100 || fast * 100 > expected * 95, "{keys}: {fast}");
    }
}

#[test]
fn the_first_keys_have_their_tables_at_the_second_signature() {
    for keys in 1..=4 {
        let mut world = World::default();
        for number in 0..2 * keys {
            world.good(number % keys);
        }
        assert_eq!(world.tables, u64::from(keys));
    }
}

#[test]
fn sixteen_keys_have_theirs_within_a_few_hundred_signatures() {
    let mut world = World::default();
    for number in 0..400 {
        world.good(number % 16);
    }
    assert_eq!(world.tables, 16);
    assert!(world.fast > 200, "{}", world.fast);
}

/// Tables that keys without a future took from free places are for those that come to stay.
#[test]
fn a_key_that_is_used_takes_over_from_sixteen_that_were_used_twice() {
    let mut world = World::default();
    for number in 0..3_200 {
        world.good(number / 2);
    }
    assert_eq!(world.tables, 16);
    for number in 0..32 {
        world.good(5_000);
        world.good(10_000 + number);
    }
    assert!(world.merits.place(&5_000).is_some());
}

#[test]
fn the_new_key_of_a_rotation_takes_over_from_one_that_was_withdrawn() {
    let mut world = World::default();
    for _ in 0..20_000 {
        let key = world.random(16);
        world.good(key);
    }
    assert_eq!(world.tables, 16);
    // The keys from 0 to 3 are 16 to 19 now.
    for _ in 0..20_000 {
        let key = world.random(16) + 4;
        world.good(key);
    }
    assert_eq!(world.tables, 20);
    assert!((4..20).all(|key| world.merits.place(&key).is_some()));
}

#[test]
fn the_most_used_keys_of_many_have_the_tables() {
    let mut world = World::default();
    for _ in 0..MANY {
        // Half of all signatures are of twelve keys, the others of 1,600.
        let among = if world.random(2) == 0 { 12 } else { 1_600 };
        let key = world.random(among);
        world.good(key);
    }
    assert!((0..12).all(|key| world.merits.place(&key).is_some()));
    assert!(world.tables < 60, "{} tables", world.tables);
}

/// A sender who holds many keys and knows all of this makes as many tables as the credit allows,
/// and no more: [`World::good`] looks at each step.
#[test]
fn no_order_of_keys_makes_tables_cost_more_than_a_fifth() {
    for stay in [20, 50, 200, 1_000, 5_000] {
        let mut world = World::default();
        for number in 0..MANY {
            // Sixteen at a time; then others, for so many signatures of each.
            let generation = number / (16 * stay);
            world.good(generation * 16 + number % 16);
        }
        assert!(world.tables >= 16);
    }
    let mut world = World::default();
    for number in 0..MANY {
        let worst = number % 100_000;
        // The key that is closest to a table: the most used of those that have none.
        let others = world.merits.others.iter();
        let best = others.max_by_key(|used| used.count - used.inherited);
        let key = best.map_or(worst, |used| used.key);
        let key = if world.random(10) == 0 { worst } else { key };
        world.good(key);
    }
    assert!(world.tables > 16, "{} tables", world.tables);
}
