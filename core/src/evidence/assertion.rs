//! What an assertion proves that was verified here.

use core::time::Duration;

use super::{Demand, Fact, Facts, Proved};
use crate::webauthn::Gesture;

/// The facts of a gesture of this age. A passkey answers pages of its own relying party alone, and
/// the person was there: without that an assertion does not count.
pub(crate) fn gesture_proves(gesture: Gesture, age: Duration) -> Proved {
    let mut facts = Facts::of(&[Fact::PhishingResistant, Fact::UserPresent]);
    if gesture.is_verified {
        facts = facts.and(Facts::of(&[Fact::UserVerified]));
    }
    if gesture.is_device_bound {
        facts = facts.and(Facts::of(&[Fact::DeviceBound]));
    }
    Proved {
        facts,
        age: Some(age),
    }
}

impl Proved {
    /// Whether this is all that a rule wants.
    pub(crate) fn meets(&self, demand: &Demand) -> bool {
        let is_fresh = |most| self.age.is_some_and(|age| age <= most);
        self.facts.hold(demand.facts) && demand.max_age.is_none_or(is_fresh)
    }
}
