//! What goes on with a request beside its headers: a signed identity, and the ids of what it has
//! spent; and what its answer gets.

use super::{Trail, Verifier};
use crate::{
    headers::{self, Edit},
    jose::to_base64url,
    mint::Way,
    proof::{self, Spend, SpendKind},
    reason::Nonce,
    request::{Request, Target},
    time::UnixTime,
    verdict::{AnswerHeader, Permit},
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

/// What a request that has spent something goes on with: the host sends it once, and the service
/// learns the id of a proof, and the window in which a memory of all replicas has to keep it.
#[inline(never)]
pub(super) fn once(request: Request<'_>, spends: &[Spend]) -> Vec<Edit> {
    if spends.is_empty() {
        return Vec::new();
    }
    let mut edits = headers::send_once(request);
    for Spend { kind, id, made, .. } in spends {
        if *kind != SpendKind::Token {
            edits.push(headers::set("x-passgate-proof-id", to_base64url(id)));
            let window = proof::window(*made);
            edits.push(headers::set("x-passgate-proof-window", window));
        }
    }
    edits
}

/// What the service's answer gets: a nonce for the next proof, and leave for a page of ours to read
/// it.
pub(super) fn answer(nonce: Nonce, is_page_of_ours: bool) -> Vec<AnswerHeader> {
    let header = |name, value, replaces| AnswerHeader {
        name,
        value,
        replaces,
    };
    let mut answer = vec![header(nonce.name, nonce.value, true)];
    if is_page_of_ours {
        answer.push(header(
            "access-control-expose-headers",
            nonce.shown.to_owned(),
            false,
        ));
    }
    answer
}
