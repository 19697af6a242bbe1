//! What a sender proves with a request, beside its token: that it holds the key to which the token
//! is bound, here and now, and once.

mod binding;
mod bound;
mod dpop;
mod nonce;
mod replay;
mod sessions;
mod shared;
mod uri;
mod window;

use core::time::Duration;

pub(crate) use self::{
    binding::Binding,
    bound::{APPROVAL, Approved, Passkey, Session, Sought, UnverifiedApproval},
    dpop::{Asked, Fault, Thumbprint, UnverifiedProof, VerifiedProof, find},
    nonce::NonceUse,
    replay::{NotSpent, Spend, SpendKind},
    window::window,
};
pub use self::{
    binding::CnfJwk,
    bound::{ApprovalTerms, Approves},
    dpop::Terms,
    shared::{NotShared, SharedData, Stored},
};
use self::{nonce::Nonces, replay::ReplayMemory, sessions::Sessions, shared::Shared};
use crate::{limits, provider_id::ProviderId, time::UnixTime};

/// What a gate keeps for proofs: nonces, what was spent, and sessions.
#[derive(Debug)]
pub(crate) struct Proofs {
    shared: Shared,
    nonces: Nonces,
    retention: Duration,
    memory: ReplayMemory,
    pub(crate) sessions: Sessions,
}

impl Proofs {
    /// With these secrets for nonces, the newest first. `retention`: how long any rule accepts a
    /// proof.
    pub(crate) fn new(secrets: &[Vec<u8>], retention: Duration) -> Self {
        Self {
            shared: Shared::default(),
            nonces: Nonces::new(secrets),
            retention,
            memory: ReplayMemory::new("", retention),
            sessions: Sessions::default(),
        }
    }

    /// From now on it is shared with the other workers of this gate. Its memory begins now, unless
    /// it has: what was made before is not believed, so it must not begin with the first proof.
    pub(crate) fn share(
        &mut self,
        data: Box<dyn SharedData>,
        entropy: [u8; 32],
        gate: &str,
        now: UnixTime,
    ) {
        self.shared = Shared::new(data, entropy);
        self.memory = ReplayMemory::new(gate, self.retention);
        self.memory.begin(&self.shared, now);
    }

    /// A nonce for this use with tokens of this issuer. `before`: the one that the client has used.
    pub(crate) fn nonce(
        &mut self,
        usage: (NonceUse, &str),
        at: UnixTime,
        before: Option<&str>,
    ) -> Result<String, NotShared> {
        self.nonces.make(&self.shared, usage, at, before)
    }

    /// The time of such a nonce; `None`: it is not one.
    pub(crate) fn time_of(
        &mut self,
        usage: (NonceUse, &str),
        nonce: &str,
    ) -> Result<Option<UnixTime>, NotShared> {
        self.nonces.time_of(&self.shared, usage, nonce)
    }

    /// Which bucket of the budget pays for wrong signatures of this key. Nobody can aim at one.
    pub(crate) fn share_of(&self, key: &Thumbprint) -> ProviderId {
        let [first, ..] = self.shared.hidden(key);
        ProviderId(usize::from(first) % limits::PROOF_KEY_SHARES)
    }

    /// Spends something, for the first and the last time.
    pub(crate) fn spend(&mut self, spend: &Spend, now: UnixTime) -> Result<(), NotSpent> {
        self.memory.spend(&self.shared, spend, now)
    }
}

/// Whether a client should get a new nonce with the answer: half the time of this one is over.
pub(crate) fn is_ageing(made: UnixTime, terms: Terms, now: UnixTime) -> bool {
    nonce::is_ageing(made, terms.window, now)
}
