//! What a status list says of a token, whoever asks: a request, or an open stream.

use std::rc::Rc;

use super::{Case, Stop};
use crate::{
    crypto::Backend,
    fetch::Asked,
    jwks::Lookup,
    provider::Provider,
    provider_id::ProviderId,
    reason::{Malformed, Unavailable, Untrusted},
    status_list::{Bits, Held, ListError, Reference, UnverifiedList},
    supply::{Need, Supply},
    time::UnixTime,
};

/// What it takes to ask.
pub(in crate::verify) struct Status<'s> {
    pub(in crate::verify) supply: &'s mut Supply,
    pub(in crate::verify) crypto: &'s mut Backend,
    pub(in crate::verify) now: UnixTime,
}

/// Why it does not pass, and what was wanted.
pub(in crate::verify) type Unmet = (Stop, Option<String>);

impl<'s> Status<'s> {
    pub(super) fn of(case: &'s mut Case<'_, '_, '_>) -> Self {
        Self {
            supply: case.supply,
            crypto: case.crypto,
            now: case.now,
        }
    }

    /// Whether the token at this place of a list is valid.
    pub(in crate::verify) fn check(
        &mut self,
        (id, provider): (ProviderId, &Provider),
        Reference { uri, index }: Reference<'_>,
    ) -> Result<(), Unmet> {
        let bits = self.bits((id, provider), uri)?;
        let status = bits.get(index);
        if status == Some(Bits::VALID) {
            return Ok(());
        }
        let wanted = match status {
            Some(status) => format!("status: 0 in the status list; it is {status}"),
            None => format!("status: an idx below {}", bits.len()),
        };
        Err((Untrusted::Revoked.into(), Some(wanted)))
    }

    fn bits(
        &mut self,
        (id, provider): (ProviderId, &Provider),
        uri: &str,
    ) -> Result<Rc<Bits>, Unmet> {
        let held = match self.supply.status_list(id, uri, self.now) {
            None => {
                let wanted = "status.status_list.uri: below uri_prefix, without dots and query";
                return Err((Malformed::Claims.into(), Some(wanted.to_owned())));
            }
            Some(Asked::Pending) => return Err((Stop::Await(Need::StatusLists(id)), None)),
            Some(Asked::Unavailable(retry_after)) => {
                return Err((Unavailable::StatusList { retry_after }.into(), None));
            }
            Some(Asked::Said(held)) => held.clone(),
        };
        let bits = match held {
            Held::Open(_, Some(expires)) if expires <= self.now => Err(ListError::Expired),
            Held::Open(bits, _) => Ok(bits),
            Held::Unverified(list) => self
                .open(&list, (id, provider), uri)
                .map_err(|stop| (stop, None))?,
        };
        bits.map_err(|error| {
            let retry_after = self.supply.spoil_status_list(id, uri, error, self.now);
            (Unavailable::StatusList { retry_after }.into(), None)
        })
    }

    /// Checks the signature of a list that came, by the provider's keys, once. The inner error: it
    /// does not count.
    fn open(
        &mut self,
        list: &UnverifiedList,
        (id, provider): (ProviderId, &Provider),
        uri: &str,
    ) -> Result<Result<Rc<Bits>, ListError>, Stop> {
        let ends = list.check_end(self.now);
        if ends.is_err() || !provider.algorithms.contains(&list.signed.algorithm) {
            return Ok(ends.and(Err(ListError::Key)));
        }
        let (kid, algorithm) = (list.signed.kid.as_deref(), list.signed.algorithm);
        let opened = match self.supply.lookup(id, kid, algorithm, self.now) {
            Lookup::Found(jwk) => list.open(&jwk.key, self.crypto),
            Lookup::Pending => return Err(Stop::Await(Need::Keys(id))),
            Lookup::Unavailable { retry_after, .. } => {
                return Err(Unavailable::StatusList { retry_after }.into());
            }
            Lookup::Unknown | Lookup::Misfit | Lookup::Ambiguous => Err(ListError::Key),
        };
        Ok(opened.map(|bits| {
            let bits = Rc::new(bits);
            let opened = (list, Rc::clone(&bits));
            self.supply.opened_status_list(id, uri, opened);
            bits
        }))
    }
}
