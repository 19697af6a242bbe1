//! The identity that goes on with a request, signed.

use super::{Trail, Verifier};
use crate::{
    headers, mint::Way, request::Request, request::Target, time::UnixTime, verdict::Permit,
};

impl Verifier {
    /// Writes an identity token into a permit, where some are written and it is not only observed.
    #[inline(never)]
    pub(super) fn sign(
        &mut self,
        request: Request<'_>,
        target: &Target<'_>,
        trail: &Trail,
        permit: &mut Permit,
        now: UnixTime,
    ) {
        let Some(own) = self.prepared.config.identity_token() else {
            return;
        };
        let identity = permit.identity.as_ref();
        let about = identity.and_then(|identity| identity.onward.as_deref());
        let Some(about) = about.filter(|_| !self.is_observed(trail, false, Some(now))) else {
            return;
        };
        let way = Way {
            host: self.prepared.named_host(target),
            request: request.id(),
        };
        let token = self.minted.token(own, about, permit.shown, way, now);
        let edit = token.map(|token| headers::set(own.header.clone(), token));
        permit.edits.extend(edit);
    }
}
