//! What providers say of tokens when they are asked.

use core::time::Duration;

use super::Supply;
use crate::{
    fetch::clock::Moment,
    introspection::{Active, Said},
    provider_id::ProviderId,
    time::UnixTime,
};

impl Supply {
    /// What the provider says of a token. `was_active`: it was, before.
    pub(crate) fn introspect(
        &mut self,
        provider: ProviderId,
        token: &str,
        was_active: bool,
        now: UnixTime,
    ) -> Said {
        let moment = self.clock.advance(now);
        match self.endings.introspection_mut(provider) {
            Some(desk) => desk.ask(token, was_active, (moment, now)),
            // A provider of another configuration, or keys alone.
            None => Said::Unavailable(Duration::from_secs(1)),
        }
    }

    /// What the provider said of a token was accepted. `is_remembered`: from now on it is
    /// remembered elsewhere, and not here.
    pub(crate) fn introspection_taken(
        &mut self,
        provider: ProviderId,
        active: &Active,
        is_remembered: bool,
    ) {
        if let Some(desk) = self.endings.introspection_mut(provider) {
            desk.taken(active, is_remembered);
        }
    }

    /// Gives an answer to all questions about tokens.
    #[cfg(feature = "explain")]
    pub fn give_introspection(&mut self, body: &[u8]) {
        self.endings.give_introspection(body);
    }

    /// The moment on the clock by which what came grows old.
    pub(crate) fn moment(&mut self, now: UnixTime) -> Moment {
        self.clock.advance(now)
    }

    /// When the host's clock will show this moment.
    pub(crate) fn wall(&self, moment: Moment) -> UnixTime {
        self.clock.to_wall(moment)
    }
}
