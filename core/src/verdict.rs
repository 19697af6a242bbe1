//! What is decided about a request.

use std::rc::Rc;

use crate::{
    headers::Edit,
    identity::Identity,
    lease::Lease,
    mint::Shown,
    reason::Rejection,
    resource_metadata::{Document, KEYS_SERVED, METADATA_SERVED},
};

/// The decision.
#[derive(Debug)]
pub enum Verdict {
    /// Change the request's headers and let it pass.
    Allow(Permit),
    /// Answer in place of the service.
    Deny(Rejection),
    /// Answer with a document: about this resource, or with the keys of identity tokens.
    Serve(Document),
}

impl Verdict {
    /// Why it was decided so.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Allow(permit) => permit.code,
            Self::Deny(rejection) => rejection.code,
            Self::Serve(document) => document.code,
        }
    }
}

/// A header that the service's answer gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHeader {
    /// Lower case.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// Whether it stands in the place of the service's own.
    pub replaces: bool,
}

/// Proof that a request may pass. Identity headers exist only in here.
#[derive(Debug)]
pub struct Permit {
    pub(crate) code: &'static str,
    pub(crate) edits: Vec<Edit>,
    pub(crate) identity: Option<Rc<Identity>>,
    pub(crate) shown: Shown,
    pub(crate) answer: Vec<AnswerHeader>,
    pub(crate) is_observed: bool,
    pub(crate) lease: Option<Box<Lease>>,
}

impl Permit {
    /// Why it may pass: one of [`Self::CODES`], or what was decided where it is only observed.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// Whether it passes as it came, trailers included, whatever was decided: it is only observed.
    #[must_use]
    pub const fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// Changes to the request's headers, in order.
    pub fn edits(&self) -> impl Iterator<Item = &Edit> + Clone {
        let identity = self.identity.iter().flat_map(|identity| &identity.edits);
        self.edits.iter().chain(identity)
    }

    /// What its stream rests on, where that is to end with its authority: for
    /// [`Verifier::hold`](crate::Verifier::hold).
    pub const fn take_lease(&mut self) -> Option<Box<Lease>> {
        self.lease.take()
    }

    /// Headers that the service's answer gets.
    #[must_use]
    pub fn into_answer(self) -> Vec<AnswerHeader> {
        self.answer
    }

    /// The codes of all that passes, or is served, without a refusal.
    pub const CODES: [&'static str; 6] = [
        "permitted.token",
        "permitted.peer",
        "permitted.public",
        "permitted.preflight",
        METADATA_SERVED,
        KEYS_SERVED,
    ];
}
