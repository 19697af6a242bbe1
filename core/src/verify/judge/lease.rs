//! What a token gives to the lease of a stream.

use std::rc::Rc;

use super::Case;
use crate::{
    extract::Credential, identity::Identity, jose::numeric_date, json::Json, lease::LeasedToken,
    provider::Provider, provider_id::ProviderId, status_list::Reference, time::UnixTime,
};

impl Case<'_, '_, '_> {
    /// Notes what a stream rests on that this token begins.
    #[inline(never)]
    pub(super) fn lease_token(
        &mut self,
        credential: &Credential<'_, '_>,
        claims: &Json,
        identity: &Identity,
        (id, provider): (ProviderId, &Provider),
    ) {
        let date = |name: &str| claims.get(name).and_then(numeric_date);
        let expires = date("exp").unwrap_or(UnixTime::from_millis(0));
        let expires = expires.saturating_add(provider.clock_skew);
        self.ends_after(Some(expires));
        let known = self.remembered.find(credential.token.as_str().as_bytes());
        let status = Reference::read(claims).ok().flatten();
        let status = status.filter(|_| provider.status_lists.is_some());
        // Of a path with several readings, one may want an approval and the last one none.
        let earlier = self.stands.token.take().and_then(|token| token.passkey);
        self.stands.token = Some(LeasedToken {
            provider: id,
            known: known.as_ref().map(Rc::downgrade).unwrap_or_default(),
            expires,
            issued: date("iat"),
            names: core::mem::take(&mut self.stands.names),
            passkey: self.stands.passkey.take().or(earlier),
            status: status.map(|place| (place.uri.into(), place.index)),
            issuer: Rc::clone(&identity.issuer),
            subject: identity.subject.clone(),
            kind: identity.kind.as_str(),
        });
    }
}
