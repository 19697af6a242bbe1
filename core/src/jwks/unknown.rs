//! Keys that tokens name and no set holds: since when they are asked for, and whether a fetch has
//! confirmed that they do not exist.

use core::time::Duration;
use std::{collections::VecDeque, rc::Rc};

use crate::{
    crypto::Algorithm,
    fetch::{clock::Moment, flight::SLACK},
    jose::JwkSet,
    limits,
    sorted::SortedMap,
};

/// What is known about a key that the set in force does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does not exist: the set was fetched after the key was first asked for, or no set can hold
    /// it.
    Confirmed,
    /// Asked for since then, and not fetched since.
    Since(Moment),
    /// The same for a key that a fetch has confirmed not to exist before, too long ago to count.
    Again(Moment),
    /// There is no room to remember that it was asked for.
    NoRoom,
}

/// Which fetch a token wants whose key is not in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    /// One for a key that was asked for in vain before.
    Again,
    /// One for a key that nobody has heard of.
    New,
}

#[derive(Debug)]
struct Sighting {
    first_seen: Moment,
    confirmed: Option<Moment>,
    /// A fetch has confirmed it before.
    again: bool,
}

impl Sighting {
    const fn standing(&self) -> Standing {
        if self.again {
            Standing::Again(self.first_seen)
        } else {
            Standing::Since(self.first_seen)
        }
    }
}

/// A token without `kid` asks for the key that fits its algorithm.
type Name = (Option<Box<str>>, Algorithm);

/// The bounded memory of unknown keys.
#[derive(Debug)]
pub(super) struct UnknownKeys {
    sightings: SortedMap<Name, Sighting>,
    /// Keys that a set has held and the next one did not; the last one last.
    gone: VecDeque<Rc<str>>,
    memory: Duration,
}

impl UnknownKeys {
    /// `cooldown`: how long the confirmation holds that a key is gone.
    pub(super) fn new(cooldown: Duration) -> Self {
        Self {
            sightings: SortedMap::default(),
            gone: VecDeque::new(),
            memory: cooldown.max(SLACK),
        }
    }

    /// How long a confirmation holds; then the key is asked for anew. What no set has held may be
    /// published at any moment, so only those count on it who have waited for the answer and are
    /// judged again. It may be a second old then.
    fn memory(&self, kid: Option<&str>, odd: impl Fn(&str) -> bool) -> Duration {
        let is_known = |kid: &str| odd(kid) || self.gone.iter().any(|gone| **gone == *kid);
        if kid.is_some_and(is_known) {
            self.memory
        } else {
            SLACK
        }
    }

    /// A token asks for a key that the set in force does not hold. `odd`: whether it does, but
    /// cannot use it.
    pub(super) fn seen(
        &mut self,
        kid: Option<&str>,
        algorithm: Algorithm,
        odd: impl Fn(&str) -> bool,
        now: Moment,
    ) -> Standing {
        if kid.is_some_and(|kid| kid.len() > limits::KID_BYTES) {
            // No set holds a key with such a name, so none is worth a fetch, or the room.
            return Standing::Confirmed;
        }
        let memory = self.memory(kid, odd);
        let name = (kid.map(Box::from), algorithm);
        match self.sightings.get_mut(&name) {
            Some(sighting) => match sighting.confirmed {
                Some(confirmed) if now.since(confirmed) < memory => Standing::Confirmed,
                Some(_) => {
                    *sighting = Sighting {
                        first_seen: now,
                        confirmed: None,
                        again: true,
                    };
                    sighting.standing()
                }
                None => sighting.standing(),
            },
            None => self.remember(name, now),
        }
    }

    fn remember(&mut self, name: Name, now: Moment) -> Standing {
        if self.sightings.len() >= limits::UNKNOWN_KEYS {
            // What is confirmed costs a paced fetch at most when it is asked for again; what waits
            // must stay.
            self.forget_confirmed();
        }
        if self.sightings.len() >= limits::UNKNOWN_KEYS {
            return Standing::NoRoom;
        }
        self.sightings.insert(
            name,
            Sighting {
                first_seen: now,
                confirmed: None,
                again: false,
            },
        );
        Standing::Since(now)
    }

    /// The set in force gives way to another: which keys go with it.
    pub(super) fn replaced(&mut self, old: Option<&JwkSet>, new: &JwkSet) {
        let holds = |set: &JwkSet, kid: &str| {
            let mut kids = set.keys().iter().filter_map(|jwk| jwk.kid.as_deref());
            kids.any(|other| other == kid)
        };
        self.gone.retain(|kid| !holds(new, kid));
        let old = old.map_or(&[][..], JwkSet::keys).iter();
        let kids = old.filter_map(|jwk| jwk.kid.as_ref());
        for kid in kids.filter(|kid| !holds(new, kid)) {
            if self.gone.len() >= limits::WITHDRAWN_KEYS {
                self.gone.pop_front();
            }
            self.gone.push_back(Rc::clone(kid));
        }
    }

    /// The set that confirmed what does not exist is no longer in force.
    pub(super) fn forget_confirmed(&mut self) {
        self.sightings
            .retain(|sighting| sighting.confirmed.is_none());
    }

    /// A fetch that started then has brought a set: another than before, or the same once more.
    /// What an older set confirmed dies with it; a key first asked for while the fetch was under
    /// way may have been published too late for this answer.
    pub(super) fn fetched(&mut self, is_new: bool, started: Moment, now: Moment) {
        if is_new {
            self.forget_confirmed();
        }
        for sighting in self.sightings.values_mut() {
            if sighting.first_seen <= started {
                sighting.confirmed = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: Duration = Duration::from_secs(30);

    fn at(secs: u64) -> Moment {
        Moment::default().plus(Duration::from_secs(secs))
    }

    /// All keys of these tests but those with "made-up" in their names were in a set once.
    fn keys() -> UnknownKeys {
        let mut keys = UnknownKeys::new(MEMORY);
        keys.gone.extend(["a".into(), "b".into()]);
        keys
    }

    impl UnknownKeys {
        fn sees(&mut self, kid: Option<&str>, algorithm: Algorithm, now: Moment) -> Standing {
            self.seen(kid, algorithm, |_| false, now)
        }
    }

    #[test]
    fn what_no_set_has_held_is_confirmed_for_a_second_and_what_is_odd_for_a_cooldown() {
        let mut keys = keys();
        for name in ["made-up", "odd"] {
            keys.seen(Some(name), Algorithm::Es256, |kid| kid == "odd", at(0));
        }
        keys.fetched(true, at(0), at(0));
        let mut seen = |name, now| keys.seen(Some(name), Algorithm::Es256, |kid| kid == "odd", now);
        let just_before = at(0).plus(Duration::from_millis(999));
        assert_eq!(seen("made-up", just_before), Standing::Confirmed);
        assert_eq!(seen("made-up", at(1)), Standing::Again(at(1)));
        assert_eq!(seen("odd", at(29)), Standing::Confirmed);
        assert_eq!(seen("odd", at(30)), Standing::Again(at(30)));
    }

    #[test]
    fn only_a_fetch_that_started_later_confirms() {
        let mut keys = keys();
        let seen = |keys: &mut UnknownKeys, now| keys.sees(Some("a"), Algorithm::Es256, at(now));
        assert_eq!(seen(&mut keys, 5), Standing::Since(at(5)));
        keys.fetched(true, at(4), at(6));
        assert_eq!(seen(&mut keys, 6), Standing::Since(at(5)));
        keys.fetched(true, at(6), at(7));
        assert_eq!(seen(&mut keys, 7), Standing::Confirmed);
    }

    #[test]
    fn a_confirmation_dies_with_the_next_set_and_with_time() {
        let mut keys = keys();
        let seen = |keys: &mut UnknownKeys, now| keys.sees(Some("a"), Algorithm::Es256, at(now));
        seen(&mut keys, 0);
        keys.fetched(true, at(0), at(0));
        assert_eq!(seen(&mut keys, 29), Standing::Confirmed);
        assert_eq!(seen(&mut keys, 30), Standing::Again(at(30)));
        keys.fetched(true, at(31), at(31));
        assert_eq!(seen(&mut keys, 31), Standing::Confirmed);
        keys.fetched(true, at(32), at(32));
        assert_eq!(seen(&mut keys, 33), Standing::Since(at(33)));
    }

    #[test]
    fn the_same_set_once_more_confirms_once_more() {
        let mut keys = keys();
        let seen = |keys: &mut UnknownKeys, now| keys.sees(Some("a"), Algorithm::Es256, at(now));
        seen(&mut keys, 0);
        keys.fetched(true, at(0), at(0));
        keys.fetched(false, at(20), at(20));
        assert_eq!(seen(&mut keys, 49), Standing::Confirmed);
        assert_eq!(seen(&mut keys, 50), Standing::Again(at(50)));
    }

    #[test]
    fn without_a_kid_each_algorithm_is_a_key_of_its_own() {
        let mut keys = keys();
        keys.sees(None, Algorithm::Es256, at(0));
        keys.fetched(true, at(0), at(0));
        assert_eq!(
            keys.sees(None, Algorithm::Es256, at(0)),
            Standing::Confirmed
        );
        assert_eq!(
            keys.sees(None, Algorithm::Rs256, at(0)),
            Standing::Since(at(0))
        );
    }

    #[test]
    fn made_up_names_take_bounded_room_and_what_is_confirmed_makes_way() {
        let mut keys = keys();
        for n in 0..10_000 {
            keys.sees(Some(&format!("made-up-{n}")), Algorithm::Es256, at(0));
        }
        assert_eq!(keys.sightings.len(), limits::UNKNOWN_KEYS);
        assert_eq!(
            keys.sees(Some("b"), Algorithm::Es256, at(0)),
            Standing::NoRoom
        );
        keys.fetched(true, at(0), at(1));
        assert_eq!(
            keys.sees(Some("b"), Algorithm::Es256, at(1)),
            Standing::Since(at(1))
        );
        assert_eq!(keys.sightings.len(), 1);
    }
}
