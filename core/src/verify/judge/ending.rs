//! Whether the authority of a verified token has ended before its time: at each request, for
//! remembered tokens too.

use sha2::{Digest as _, Sha256};

use super::{Case, Status, Stop};
use crate::{
    identity::Identity,
    jose,
    json::Json,
    proof::{Approved, Binding, Thumbprint},
    provider::Provider,
    provider_id::ProviderId,
    reason::{Malformed, Unavailable, Untrusted},
    revocation::{Before, Kind, NameDigest, NotAName, Revocations, Standing},
    status_list::{NotAReference, Reference, StatusListSource},
    supply::Need,
    time::UnixTime,
};

/// By which a list may revoke something.
type Name<'n> = (Kind, &'n str);

impl Case<'_, '_, '_> {
    /// What the provider's own lists say of a token.
    pub(super) fn check_not_ended(
        &mut self,
        (claims, binding): (&Json, &Binding),
        identity: &Identity,
        (id, provider): (ProviderId, &Provider),
    ) -> Result<(), Stop> {
        if let Some(revocations) = &provider.revocations {
            self.check_revocations((claims, binding), identity, (id, revocations))?;
        }
        match &provider.status_lists {
            Some(lists) if self.supply.has_status_lists() => {
                self.check_status(claims, (id, provider), lists)
            }
            Some(_) | None => Ok(()),
        }
    }

    #[inline(never)]
    fn check_revocations(
        &mut self,
        (claims, binding): (&Json, &Binding),
        identity: &Identity,
        (id, revocations): (ProviderId, &Revocations),
    ) -> Result<(), Stop> {
        let names = revocations.names.of(claims);
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
        let issued = claims.get("iat").and_then(jose::numeric_date);
        let names: Vec<Name<'_>> = subject.into_iter().chain(names).chain(key).collect();
        self.stands.names = self.digests(id, &names);
        self.stands.passkey = None;
        self.check_names(id, &names, issued)
    }

    /// What the provider's list says of the passkey that approved a request, by its thumbprint, and
    /// by the id of its credential where the provider has told it.
    pub(super) fn check_passkey_not_ended(
        &mut self,
        (credential, thumbprint, approved): (Option<&[u8]>, &Thumbprint, Approved),
        (id, provider): (ProviderId, &Provider),
    ) -> Result<(), Stop> {
        if provider.revocations.is_none() {
            return Ok(());
        }
        let hash = credential.map(|id| jose::to_base64url(&Sha256::digest(id)));
        let hash = hash.as_deref().map(|hash| (Kind::Credential, hash));
        let key = jose::to_base64url(thumbprint);
        let model = approved.aaguid.as_ref();
        let model = model.map(|aaguid| (Kind::Aaguid, aaguid.as_str()));
        let mut names = vec![(Kind::Key, &*key)];
        names.extend(hash.into_iter().chain(model));
        self.stands.passkey = Some((self.digests(id, &names), approved.made));
        self.check_names(id, &names, Some(approved.made))
    }

    /// What a stream keeps of these names.
    fn digests(&mut self, id: ProviderId, names: &[Name<'_>]) -> Box<[NameDigest]> {
        if !self.lasts {
            return Box::default();
        }
        self.supply.digests(id, names.iter().copied())
    }

    /// What the list says of these names, for what was issued then.
    fn check_names(
        &mut self,
        id: ProviderId,
        names: &[Name<'_>],
        issued: Option<UnixTime>,
    ) -> Result<(), Stop> {
        let names = names.iter().copied();
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

    #[inline(never)]
    fn check_status(
        &mut self,
        claims: &Json,
        (id, provider): (ProviderId, &Provider),
        lists: &StatusListSource,
    ) -> Result<(), Stop> {
        let reference = match Reference::read(claims) {
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
