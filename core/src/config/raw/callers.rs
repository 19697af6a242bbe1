//! Roles and products, and rules that refuse everybody.

use super::{RawPeer, RawWhen};
use crate::{
    config::text::Name,
    decode::{Filled, Text, record},
    evidence::{Fact, Kind},
};

record! {
    /// A name for callers. In `roles` several entries may give one role. In `products` the first
    /// entry that holds decides.
    pub(in crate::config) RawNamed "a name for callers" {
        /// In `roles`: what it is called in rules, records and `x-passgate-roles`.
        role: Name,
        /// In `products`: what it is called in rules, records, metrics and `x-passgate-product`.
        product: Name,
        "name": "write role or product",
        /// Who has it; all that is given must hold.
        when: RawCaller = "{ claim: { path: [groups], contains: finance } }",
        /// Whether the service is told, by the header. Default: true.
        header: bool,
    }
}

record! {
    /// A condition on a caller; all that is given must hold.
    pub(in crate::config) RawCaller "a condition on a caller" {
        /// The token is of this provider. With several providers, conditions on a token name one.
        provider_name: Text,
        /// The sign-in proves all of these, as the provider's `evidence` says.
        facts: Filled<Fact>,
        /// Who acts: `human`, `workload` or `agent`, as the provider's `kinds` say.
        kind: Kind,
        /// The workload at the other end of the connection, by its client certificate.
        peer: RawPeer,
        "groups": "write claim: { path: [groups], contains: finance }",
        "claims": "write claim: { path: [groups], contains: finance }",
        "claim_name": "write claim: { path: [groups], contains: finance }",
        ..token: RawWhen,
    }
}

record! {
    /// Refuses these requests, whoever makes them.
    pub(in crate::config) RawDeny "deny" {
        /// Why; for the record, and never for the client.
        reason: Text = "\"nobody deletes here\"",
        /// Whose responsibility.
        owner: Text = "platform",
        "until": "remove the rule when its time is over; a refusal does not end by itself",
    }
}
