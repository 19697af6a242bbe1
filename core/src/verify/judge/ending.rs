//! Whether the authority of a verified token has ended before its time: at each request, for
//! remembered tokens too.

use super::{Case, Status, Stop};
use crate::{
    identity::Identity,
    jose,
    proof::Binding,
    provider::Provider,
    provider_id::ProviderId,
    reason::{Malformed, Unavailable, Untrusted},
    revocation::{Before, Kind, NotAName, Revocations, Standing},
    status_list::{NotAReference, Reference, StatusListSource},
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
        let passkey = binding.passkey.as_ref().map(|key| key.thumbprint);
        let key = binding.dpop.or(passkey);
        let key = key.map(|key| jose::to_base64url(&key));
        let key = key.as_deref().map(|key| (Kind::Key, key));
        let issued = jwt.claims.get("iat").and_then(jose::numeric_date);
        let names = subject.into_iter().chain(names).chain(key);
        if self.lasts {
            self.stands.names = self.supply.digests(id, names.clone());
        }
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
        let mut status = Status::of(self);
        let checked = status.check((id, provider), reference);
        checked.map_err(|(stop, wanted)| {
            self.record.expected = wanted;
            stop
        })
    }

    fn no_status(&mut self, wanted: &str) -> Stop {
        self.record.expected = Some(wanted.to_owned());
        Malformed::Claims.into()
    }
}

/// What a token would have had to be.
pub(in crate::verify) fn unrevoked(kind: Kind, before: Before) -> String {
    let name = kind.name();
    match before.seconds().map(UnixTime::from_secs) {
        Some(time) => format!("{name}: issued after {time}, until when it is revoked"),
        None => format!("{name}: one that is not revoked"),
    }
}
