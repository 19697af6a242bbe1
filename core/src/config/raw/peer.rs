//! Workloads, and the trust domains whose tokens name them.

use crate::decode::{Filled, Text, record};

record! {
    /// The workload at the other end of the connection.
    pub(in crate::config) RawPeer "peer" {
        /// The URI of its client certificate is one of these. A segment `*` of the path is any one
        /// segment, a final `**` one or more.
        spiffe: Filled<Text> = "[\"spiffe://cluster.local/ns/pay/sa/*\"]",
    }
}

record! {
    /// Tokens that name workloads: JWT-SVIDs.
    pub(in crate::config) RawSpiffe "spiffe" {
        /// The trust domain that their `sub` lies in, and whose bundle the keys are.
        trust_domain: Text = "cluster.local",
    }
}
