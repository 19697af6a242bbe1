//! Rules: which requests they are about, and what they ask for.

use core::time::Duration;

use super::{RawDeny, RawMcp, RawPeer, RawProof};
use crate::{
    config::{
        HostMatch, Mode,
        claim_name::{ClaimName, Scalar},
        date::Until,
        text::{Method, Name, Scope},
        words::{Delegated, Split, TokenWish},
    },
    decode::{Filled, Text, record},
    evidence::{Fact, Kind},
};

record! {
    /// One rule. Exactly one of `public`, `requires` and `deny`.
    pub(in crate::config) RawRule "rule" {
        /// Which requests it is about.
        matches as "match": RawMatch = "{ prefix: / }" => "match",
        /// Lets these requests pass without a token.
        public: RawPublic,
        /// What a token must show.
        requires: RawRequires => "requires",
        /// `enforce`, or `shadow` until a day, for these requests. Default: that of the whole
        /// configuration.
        mode: Mode,
        /// What becomes of these requests' streams. Default: that of the whole configuration.
        streams: RawStreams,
        "requirement_name": "write the requirement itself, under requires",
        /// What it is called in metrics, records and messages, in place of a number. Begins with a
        /// letter.
        name: Name,
        /// Refuses these requests, whoever makes them.
        deny: RawDeny,
    }
}

record! {
    /// What becomes of streams that outlive what let them pass.
    pub(in crate::config) RawStreams "streams" {
        /// Whether WebSockets and other upgrades, gRPC, and requests that accept
        /// `text/event-stream` end when `exp`, `max_age` or the rule's `until` is reached, a list
        /// revokes them, or a new policy refuses them. Default: false.
        end_with_authority: bool,
    }
}

record! {
    /// Which requests a rule is about; all members must fit, and absent ones mean all. At most one
    /// of `path`, `prefix`, `path_separated_prefix`.
    pub(in crate::config) RawMatch "match" {
        /// Exactly this path. A segment `*` is any one segment that is not empty, a final `**` the
        /// rest, or nothing.
        path: Text,
        "safe_regex": "write path with * for one segment and ** at the end for the rest; there are no regular expressions",
        "path_match_policy": "write path with * for one segment and ** at the end for the rest",
        /// Paths that begin so; ends in `/`. A segment `*` is any one segment that is not empty.
        prefix: Text,
        /// This path and all below it. A segment `*` is any one segment that is not empty.
        path_separated_prefix: Text,
        "grpc": "write path_separated_prefix: /package.Service",
        /// Any of these hosts.
        hosts: Filled<HostMatch>,
        "headers": "write hosts or methods; other headers are the client's to choose",
        /// Any of these methods. Absent: all but CONNECT and TRACE.
        methods: Filled<Method>,
        "connect_matcher": "write methods: [CONNECT]",
        /// Compare the path without regard to the case of ASCII letters. Default: false.
        ignore_case: bool,
        /// One of these calls of MCP.
        mcp: RawMcp,
        "case_sensitive": "write ignore_case: true for case_sensitive: false",
        // What no rule sees.
        "runtime_fraction": "remove it; a rule holds for all requests or for none",
        "query_parameters": "remove it; rules see the path without its query",
        "cookies": "remove it; cookies are the client's to choose",
        "tls_context": "remove it; rules see host, method and path",
        "dynamic_metadata": "remove it; rules see host, method and path",
        "filter_state": "remove it; rules see host, method and path",
    }
}

record! {
    /// An exemption: these requests need no token.
    pub(in crate::config) RawPublic "public" {
        /// Why.
        reason: Text = "\"load balancer probe\"",
        /// Whose responsibility.
        owner: Text = "platform",
        /// The last day (UTC), or `never`, said on purpose.
        until: Until = "2027-06-30, or never",
        "expires": "write until: 2027-06-30",
        /// A token of this provider, when there is one, must be valid, and its identity headers are
        /// written.
        identity_from: Text,
    }
}

record! {
    /// What rules ask of one token, beside alternatives or inside one; all that is given must hold.
    pub(in crate::config) Demands "requires" {
        /// The token's audience must hold one of these, instead of one of the provider's.
        audiences: Filled<Text>,
        /// All of these must be granted, in `scope` or `scp`.
        scopes: Filled<Scope>,
        /// All of these must hold.
        claims: Filled<RawClaim>,
        /// All of these must be proved by the sign-in, as the provider's `evidence` says.
        facts: Filled<Fact>,
        "acr_values": "write facts, which the provider's evidence reads off acr",
        "amr": "write facts, which the provider's evidence reads off amr",
        "acr": "write facts, which the provider's evidence reads off acr",
        /// The oldest sign-in that will do, judged at each request.
        max_age: Duration,
        /// Who must act: `human`, `workload` or `agent`, as the provider's `kinds` say.
        kind: Kind,
        /// Whether a token that names an actor (`act`) carries the facts and the age of somebody
        /// else's sign-in: `deny` (default) or `allow`.
        delegated: Delegated,
        "provider_and_audiences": "write provider_name and audiences side by side",
        "requires_all": "write one requirement; with two tokens in one request, whose request is it?",
        "allow_missing": "write public: { reason: …, owner: …, until: …, identity_from: <provider> } instead of requires",
        "allow_missing_or_failed": "a failed token never passes; for a missing one write public with identity_from instead of requires",
        "extract_only_without_validation": "remove it; nothing is taken from a token that was not verified",
        /// What must be proved beside the token: that its sender holds the key that it is bound to.
        /// Tokens that are not bound so are refused.
        proof: RawProof,
        /// Whether the token must say that its sign-in was the relying party's, in the claims that
        /// the provider's `evidence` names. Default: false.
        origin_bound: bool,
        /// Whether a token counts for one request only, by its `jti`. Default: false.
        single_use: bool,
        /// The workload at the other end of the connection, by its client certificate.
        peer: RawPeer,
        /// All of these roles, which stand under `roles` at the top.
        roles: Filled<Text>,
        /// One of these products, which stand under `products` at the top.
        products: Filled<Text>,
        /// Most that `exp - iat` of the token may be, beside the provider's own bound.
        max_token_lifetime: Duration,
        /// Who may act for a person, where the token names an actor (`act`): `ISSUER/SUBJECT`, as
        /// in `x-passgate-actor`. A token without one is not refused.
        actors: Filled<Text>,
        "may_act": "write actors",
        /// Most actors that such a token names, one within the other: 1 or more.
        max_act_depth: usize,
        "principals": "write peer: { spiffe: [\"spiffe://cluster.local/ns/pay/sa/*\"] }",
    }
}

record! {
    /// What one token must show; all that is given must hold. With neither `provider_name` nor
    /// `requires_any`, a token of any provider will do.
    pub(in crate::config) RawRequires "requires" {
        /// Only tokens of this provider.
        provider_name: Text,
        /// `none`: the workload that `peer` names is enough, and no token is looked at.
        token: TokenWish,
        /// One of several ways to meet the rule.
        requires_any: RawRequiresAny,
        ..demands: Demands,
    }
}

record! {
    /// Ways to meet a rule.
    pub(in crate::config) RawRequiresAny "requires_any" {
        /// One of these, by one token.
        requirements: Filled<RawAlternative> = "[{ provider_name: acme }, { provider_name: partners }]",
        "requirements_any": "write requirements",
    }
}

record! {
    /// One way to meet a rule; what stands beside `requires_any` must hold too.
    pub(in crate::config) RawAlternative "requirement" {
        /// Only tokens of this provider.
        provider_name: Text,
        /// `none`: the workload that `peer` names is enough, and no token is looked at.
        token: TokenWish,
        "requires_any": "alternatives do not nest; write all of them in one list",
        ..demands: Demands,
    }
}

record! {
    /// A condition on a claim. Exactly one of `claim_name` and `claim_path`, and exactly one of
    /// `any_of`, `all_of`, `equals`, `starts_with`, `has_member` and `none_of`.
    pub(in crate::config) RawClaim "claims" {
        /// The claim; dots nest.
        claim_name: ClaimName,
        "name": "write claim_name",
        /// The claim, as a path of member names.
        claim_path: Filled<Text>,
        "path": "write claim_path",
        /// The claim is, or holds, one of these.
        any_of: Filled<Scalar>,
        "values": "write any_of",
        "contains": "write any_of; a claim that is a list offers each of its elements",
        /// The claim holds all of these.
        all_of: Filled<Scalar>,
        /// The claim is, or holds, this.
        equals: Scalar,
        "value": "write equals",
        /// The claim is, or holds, a string that begins with one of these.
        starts_with: Filled<Text>,
        "prefix": "write starts_with: [ … ]",
        "matches": "write starts_with: [ … ]; there are no regular expressions",
        "regex": "write starts_with: [ … ]; there are no regular expressions",
        /// The claim is an object with a member of one of these names that is neither null nor
        /// false.
        has_member: Filled<Text>,
        /// `space`: split a string at blanks before comparing.
        split: Split,
        /// The claim is a string, or a list of strings, neither of them empty, with none of these.
        none_of: Filled<Text>,
        "not": "write none_of: [ … ]",
    }
}
