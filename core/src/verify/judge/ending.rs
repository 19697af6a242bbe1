//! Whether the authority of a verified token has ended before its time: at each request, for
//! remembered tokens too.

use std::rc::Rc;

use super::{Case, Stop};
use crate::{
    fetch::Asked,
    identity::Identity,
    jose,
    jwks::Lookup,
    proof::Binding,
    provider::Provider,
    provider_id::ProviderId,
    reason::{Malformed, Unavailable, Untrusted},
    revocation::{Before, Kind, NotAName, Revocations, Standing},
    status_list::{
        Bits, Held, ListError, NotAReference, Reference, StatusListSource, UnverifiedList,
    },
    supply::Need,
    time::UnixTime,
    token::VerifiedJwt,
};

impl Case<'_, '_, '_> {
    /// What the provider's own lists say of a token.
    pub(super) fn check_not_ended(
        &mut self,
        (jwt, binding): (&VerifiedJwt<'_>, &Binding),
        identity: &Identity,
        (id, provider): (ProviderId, &Provider),
    ) -> Result<(), Stop> {
        if let Some(revocations) = &provider.revocations {
            self.check_revocations((jwt, binding), identity, (id, revocations))?;
        }
        match &provider.status_lists {
            Some(lists) if self.supply.has_status_lists() => {
                self.check_status(jwt, (id, provider), lists)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_revocations(
        &mut self,
        (jwt, binding): (&VerifiedJwt<'_>, &Binding),
        identity: &Identity,
        (id, revocations): (ProviderId, &Revocations),
    ) -> Result<(), Stop> {
        let names = revocations.names.of(&jwt.claims);
        let names = names.map_err(|NotAName(claim)| {
            let wanted = ": a name that revocations can have: a string";
            self.record.expected = Some([&claim, wanted].concat());
            Malformed::Claims
        })?;
        let subject = identity.subject.as_deref();
        let subject = subject.map(|subject| (Kind::Subject, subject));
        let names = names.iter().map(|(kind, name)| (*kind, &**name));
        let names = names.filter(|name| Some(*name) != subject);
        let key = binding.dpop.map(|key| jose::to_base64url(&key));
        let key = key.as_deref().map(|key| (Kind::Key, key));
        let issued = jwt.claims.get("iat").and_then(jose::numeric_date);
        let names = subject.into_iter().chain(names).chain(key);
        match self.supply.standing(id, names, issued, self.now) {
            Standing::Clear | Standing::Unchecked => Ok(()),
            Standing::Revoked { kind, before } => {
                self.record.expected = Some(unrevoked(kind, before));
                Err(Untrusted::Revoked.into())
            }
            Standing::Pending => Err(Stop::Await(Need::Revocations(id))),
            Standing::Unavailable(retry_after) => {
                Err(Unavailable::Revocations { retry_after }.into())
            }
        }
    }

    fn check_status(
        &mut self,
        jwt: &VerifiedJwt<'_>,
        (id, provider): (ProviderId, &Provider),
        lists: &StatusListSource,
    ) -> Result<(), Stop> {
        let reference = match Reference::read(&jwt.claims) {
            Ok(Some(reference)) => reference,
            Ok(None) if !lists.required => return Ok(()),
            Ok(None) => {
                return Err(self.no_status("status: a place in a status list; it is absent"));
            }
            Err(NotAReference) => {
                let wanted = "status: status_list with idx and uri, and nothing else";
                return Err(self.no_status(wanted));
            }
        };
        let held = match self.supply.status_list(id, reference.uri, self.now) {
            None => {
                let wanted = "status.status_list.uri: below uri_prefix, without dots and query";
                return Err(self.no_status(wanted));
            }
            Some(Asked::Pending) => return Err(Stop::Await(Need::StatusLists(id))),
            Some(Asked::Unavailable(retry_after)) => {
                return Err(Unavailable::StatusList { retry_after }.into());
            }
            Some(Asked::Said(held)) => held.clone(),
        };
        let bits = match held {
            Held::Open(_, Some(expires)) if expires <= self.now => Err(ListError::Expired),
            Held::Open(bits, _) => Ok(bits),
            Held::Unverified(list) => self.open(&list, (id, provider), reference.uri)?,
        };
        let bits = bits.map_err(|error| self.spoilt(id, reference.uri, error))?;
        let status = bits.get(reference.index);
        if status == Some(Bits::VALID) {
            return Ok(());
        }
        self.record.expected = Some(match status {
            Some(status) => format!("status: 0 in the status list; it is {status}"),
            None => format!("status: an idx below {}", bits.len()),
        });
        Err(Untrusted::Revoked.into())
    }

    fn no_status(&mut self, wanted: &str) -> Stop {
        self.record.expected = Some(wanted.to_owned());
        Malformed::Claims.into()
    }

    /// Checks the signature of a list that came, by the provider's keys, once. The inner error: it does
    /// not count.
    fn open(
        &mut self,
        list: &UnverifiedList,
        (id, provider): (ProviderId, &Provider),
        uri: &str,
    ) -> Result<Result<Rc<Bits>, ListError>, Stop> {
        let ends = list.check_end(self.now);
        if ends.is_err() || !provider.algorithms.contains(&list.algorithm) {
            return Ok(ends.and(Err(ListError::Key)));
        }
        let kid = list.kid.as_deref();
        let opened = match self.supply.lookup(id, kid, list.algorithm, self.now) {
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

    fn spoilt(&mut self, id: ProviderId, uri: &str, error: ListError) -> Stop {
        let retry_after = self.supply.spoil_status_list(id, uri, error, self.now);
        Unavailable::StatusList { retry_after }.into()
    }
}

/// What a token would have had to be.
fn unrevoked(kind: Kind, before: Before) -> String {
    let name = kind.name();
    match before.seconds().map(UnixTime::from_secs) {
        Some(time) => format!("{name}: issued after {time}, until when it is revoked"),
        None => format!("{name}: one that is not revoked"),
    }
}
