//! What providers say of tokens when they are asked.

use core::time::Duration;

use super::Supply;
use crate::{
    crypto::{Algorithm, Backend},
    fetch::clock::Moment,
    introspection::{Active, Said},
    jwks::Lookup,
    provider_id::ProviderId,
    time::UnixTime,
};

impl Supply {
    /// What the provider says of a token; a signed answer counts by its keys and these algorithms.
    /// `was_active`: it was, before.
    pub(crate) fn introspect(
        &mut self,
        (provider, algorithms): (ProviderId, &[Algorithm]),
        (token, was_active): (&str, bool),
        crypto: &mut Backend,
        now: UnixTime,
    ) -> Said {
        let moment = self.clock.advance(now);
        let Some(desk) = self.endings.introspection_mut(provider) else {
            // A provider of another configuration, or keys alone.
            return Said::Unavailable(Duration::from_secs(1));
        };
        let said = desk.ask(token, was_active, (moment, now));
        let Said::Unverified(signed) = &said else {
            return said;
        };
        let (kid, algorithm) = (signed.kid.as_deref(), signed.algorithm);
        let opened = if algorithms.contains(&algorithm) {
            match self.keys.lookup(provider, kid, algorithm, moment).0 {
                Lookup::Found(jwk) => {
                    let content = signed.open(&jwk.key, crypto);
                    content.map(drop).ok_or("its signature is wrong")
                }
                Lookup::Pending => return Said::Keyless,
                Lookup::Unavailable { retry_after, .. } => return Said::Unavailable(retry_after),
                Lookup::Unknown | Lookup::Misfit | Lookup::Ambiguous => Err("no key is for it"),
            }
        } else {
            Err("its algorithm is not one of algorithms")
        };
        desk.opened(token, opened, moment);
        desk.ask(token, was_active, (moment, now))
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
