//! A slot beside a model of it that keeps everything apart.

use std::collections::BTreeMap;

use super::*;

/// What a slot keeps, in words: of each thing that was spent, who spent it, and its date.
#[derive(Clone, Debug, Default)]
struct Model {
    entries: BTreeMap<(u8, u64), (u64, u64)>,
    /// Of each kind, the latest date that was let go.
    gone: [u64; 2],
}

/// Somebody spends something.
#[derive(Clone, Copy, Debug)]
struct Step {
    kind: u8,
    number: u64,
    who: u64,
    dated: u64,
    retention: u64,
    now: u64,
}

impl Model {
    /// What is refused changes nothing: nobody writes it.
    fn spend(&mut self, step: Step) -> Result<(), NotSpent> {
        let mut next = self.clone();
        next.enter(step)?;
        *self = next;
        Ok(())
    }

    fn enter(&mut self, step: Step) -> Result<(), NotSpent> {
        let Step { retention, now, .. } = step;
        for ((kind, _), (_, dated)) in &self.entries {
            let gone = &mut self.gone[usize::from(*kind)];
            if now > dated + if *kind == 0 { retention } else { 0 } {
                *gone = (*gone).max(*dated);
            }
        }
        self.entries
            .retain(|(kind, _), (_, dated)| now <= *dated + if *kind == 0 { retention } else { 0 });
        let gone = self.gone[usize::from(step.kind)];
        let name = (step.kind, step.number);
        let own = self.entries.values().filter(|(who, _)| *who == step.who);
        let own = own.count();
        if self.entries.contains_key(&name) {
            Err(NotSpent::Replayed)
        } else if step.dated <= gone {
            Err(NotSpent::TooOld(UnixTime::from_millis(gone)))
        } else if own >= limits::REPLAY_SLOT_ENTRIES - self.entries.len() {
            Err(NotSpent::Full)
        } else {
            self.entries.insert(name, (step.who, step.dated));
            Ok(())
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let who = prop_oneof![Just(0u64), 0u64..30];
    let window = prop::sample::select(vec![30u64, 60, 300]);
    // Most clocks stand still, so that slots get full.
    let now = prop_oneof![9 => Just(1_000u64), 1 => 900u64..1_600];
    (0u8..2, 0u64..150, who, 800u64..1_400, window, now).prop_map(
        |(kind, number, who, dated, retention, now)| Step {
            kind,
            number,
            who,
            dated,
            retention,
            now,
        },
    )
}

proptest! {
    #[test]
    fn a_slot_is_as_its_model(steps in prop::collection::vec(step(), 1..250)) {
        let (mut model, mut slot) = (Model::default(), Slot::new(&birth()));
        for step in steps {
            let entry = Entry {
                id: [step.number << 8 | u64::from(step.kind), step.number],
                principal: step.who,
                dated: UnixTime::from_millis(step.dated),
            };
            let retention = Duration::from_millis(step.retention);
            let now = UnixTime::from_millis(step.now);
            prop_assert_eq!(enter(&mut slot, entry, retention, now), model.spend(step));
            prop_assert_eq!(entries(&slot), model.entries.len());
        }
    }
}
