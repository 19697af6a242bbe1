//! For people at a command line: judging as if a signature were good, and which lines of evidence
//! hold. The filter is built without this file.

use super::Verifier;
use crate::{
    evidence::Line,
    jose::{base64url, to_base64url},
    json::Json,
    limits, mint,
    provider::Provider,
    request::McpCall,
    spiffe,
};

impl Verifier {
    /// From now on every signature counts as good.
    pub const fn assume_signatures(&mut self) {
        self.prepared.signatures_assumed = true;
    }

    /// From now on every connection is of this workload, as if its certificate had been verified.
    ///
    /// # Errors
    /// It is not the SPIFFE ID of a workload.
    pub fn assume_peer(&mut self, spiffe_id: &str) -> Result<(), NotAWorkload> {
        spiffe::trust_domain(spiffe_id).ok_or(NotAWorkload)?;
        self.prepared.assumed_peer = Some(spiffe_id.into());
        Ok(())
    }

    /// From now on every request calls this, as if Envoy's filter had read it in the body: a method
    /// of MCP, and the tool, the prompt or the URI that it names.
    pub fn assume_call(&mut self, method: &str, name: Option<&str>) {
        self.prepared.assumed_call = Some(McpCall::of(method, name));
    }
}

/// Not the SPIFFE ID of a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAWorkload;

/// What stands for the value of a variable where nobody has it: long enough for a secret, and a
/// key where one is wanted. Everybody can make it.
#[must_use]
pub fn stand_in(variable: &str) -> String {
    mint::stand_in(variable)
}

/// The claims of a token, believed by nobody.
#[must_use]
pub fn unverified_claims(token: &str) -> Option<Json> {
    let payload = base64url(token.split('.').nth(1)?)?;
    Json::parse(
        &payload,
        limits::token_json_nodes(limits::TOKEN_BYTES_CEILING),
    )
    .ok()
}

/// A token with these claims and no signature worth the name, of the first type and algorithm of
/// its provider.
#[must_use]
pub fn unsigned_token(claims: &str, provider: Option<&Provider>) -> String {
    let algorithm = provider.and_then(|provider| provider.algorithms.first());
    let algorithm = algorithm.map_or("ES256", |algorithm| algorithm.name());
    let typ = provider.and_then(|provider| provider.token_types.first());
    let typ = typ.map_or("JWT", |typ| typ.as_str());
    let header = format!("{{\"alg\":\"{algorithm}\",\"typ\":\"{typ}\"}}");
    let parts = [header.as_str(), claims, "no signature"];
    parts.map(|part| to_base64url(part.as_bytes())).join(".")
}

/// A line of evidence, and whether it holds for a token.
#[derive(Debug)]
pub struct ReadLine {
    /// What it wants, in the words of the configuration.
    pub when: String,
    /// The facts that it proves.
    pub proves: Vec<&'static str>,
    /// Whether the claims have what it wants.
    pub holds: bool,
}

/// The lines of this provider, in their order, with those of its preset last.
#[must_use]
pub fn lines(provider: &Provider, claims: &Json) -> Vec<ReadLine> {
    let read = |line: &Line| ReadLine {
        when: line.when.to_string(),
        proves: line.proves.words(),
        holds: line.when.holds(claims),
    };
    provider.evidence.lines.iter().map(read).collect()
}
