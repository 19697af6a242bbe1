//! Rules: which one is about a request, and whether a token that is believed meets it.

mod actor;
mod claim;
mod index;
mod matcher;
mod mcp;
mod mode;
mod named;
mod proof;
mod requirement;
mod rule;

pub use self::{
    claim::{ClaimCondition, ClaimTest},
    matcher::{HostMatch, Matcher, PathMatch},
    mcp::McpMatch,
    mode::Mode,
    proof::ProofDemand,
    requirement::{Alternative, Requirement},
    rule::{Action, Denial, Public, Rule},
};
pub(crate) use self::{
    index::Index,
    matcher::{ONE, must_be_named},
    requirement::Met,
};

#[cfg(test)]
mod tests;
