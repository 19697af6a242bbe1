//! What people write: the shape of the document, field by field. Meaning is given one module up.

use core::time::Duration;

use super::{
    HostMatch, Lines, Login, Mode, Origin, UriPrefix,
    claim_name::{ClaimName, Scalar},
    date::Until,
    dated_by::RawDatedBy,
    decode::{self, At, Decode, Field, Filled, List, Map, OrNone, Problems, record},
    header_name::{HeaderName, ValuePrefix},
    subject::RawSubject,
    text::{CookieName, InlineString, Method, ParamName, RequestAcr, Scope, Subprotocol, Text},
    uri::{HttpUri, PageUri},
    words::{AudienceClaim, Delegated, DocumentKind, OverrideHeader, Space, Spelling},
};
use crate::{
    crypto::Algorithm,
    evidence::{Fact, Kind, Preset},
    jose::MediaType,
    json::Json,
};

record! {
    /// The configuration of the gate.
    RawConfig "the configuration" {
        /// Where clients reach this gate: scheme, host and port.
        origins: List<Origin>,
        /// The issuers that are trusted, by a name of your choice.
        providers: Map<RawProvider>,
        /// The first rule that matches decides; a request that none matches is denied. Without `rules`, every request needs a valid token of one of the providers.
        rules: List<RawRule>,
        /// Lets CORS preflights pass without a token. Default: false.
        bypass_cors_preflight: bool,
        /// Whether the proxy may check signatures of RSA, P-384 and P-521 keys, which it does many times faster, once it has passed a test. Default: true.
        host_crypto: bool,
        /// Which spellings of a path that could be read in two ways are let through.
        path: RawPath,
        /// Which headers that change method or path behind the gate are kept.
        override_headers: RawOverrideHeaders,
        /// What is written about each verdict.
        audit: RawAudit,
        /// Bounds. All but `token_bytes`, `rsa_bits` and `forged_tokens_cpu_percent` may be tightened only.
        limits: RawLimits,
        /// `enforce` (default), or `shadow` until a day: decide, count and record, but change nothing and let pass.
        mode: Mode,
        /// The document that tells clients which issuers this resource trusts (RFC 9728).
        resource_metadata: RawResourceMetadata,
    }
}

record! {
    /// An issuer that is trusted, and what to do with its tokens.
    RawProvider "provider" {
        /// Exact value of `iss`; unique among the providers.
        issuer: Text = "https://id.example.com/realms/acme",
        /// The token's audience must hold one of these.
        audiences: Filled<Text> = "[https://api.example.com]",
        /// The claim that holds the audience: `aud` (default); or `client_id` or `azp`, for providers whose access tokens have no `aud`.
        audience_claim: AudienceClaim,
        /// Claims that name the subject: the first that is a string and not empty. Default: `[sub]`. In place of `sub` the subject is `CLAIM:VALUE`, so that a client never passes for a person.
        subject_claims: Filled<Text>,
        /// Algorithms that tokens may use. Default: every one that we verify. An RSA key without `alg` is for the first RSA algorithm here, by default RS256.
        algorithms: Filled<Algorithm>,
        /// Values of `typ` that tokens may have; a token must have one of them. `application/` may be left out. Default: none, or any that is not a kind of JWT of its own, such as `logout+jwt`; `at+jwt` is an access token's.
        token_types: Filled<MediaType>,
        /// Keys that are fetched. Exactly one of `remote_jwks`, `discovery` and `local_jwks`.
        remote_jwks: RawRemoteJwks,
        /// Keys that are fetched from where the issuer's own document says. Exactly one of `remote_jwks`, `discovery` and `local_jwks`.
        discovery: RawDiscovery,
        /// Keys that stand in the configuration. Exactly one of `remote_jwks`, `discovery` and `local_jwks`.
        local_jwks: RawLocalJwks,
        /// Headers that may hold the token. Naming any place switches the default, `Authorization: Bearer`, off.
        from_headers: List<RawFromHeader>,
        /// Cookies that may hold the token.
        from_cookies: List<CookieName>,
        /// Query parameters that may hold the token.
        from_params: List<ParamName>,
        /// The subprotocol behind which `Sec-WebSocket-Protocol` may hold the token, such as `bearer`.
        from_websocket_protocol: Subprotocol,
        /// Whether the token stays in the request. Default: false.
        forward: bool,
        /// Header that gets the token's payload, base64url as it came.
        forward_payload_header: HeaderName,
        /// Headers made from claims.
        claim_to_headers: List<RawClaimToHeader>,
        /// Tolerance for `exp`, `nbf` and `iat`. Default: 60s; at most 10m.
        clock_skew: Duration,
        /// Most that `exp - iat` may be. No default.
        max_token_lifetime: Duration,
        /// What tells people, workloads and agents apart.
        kinds: RawKinds,
        /// What claims of this issuer prove about a sign-in.
        evidence: RawEvidence,
        /// Where browsers are sent to sign in, instead of a 401.
        login: RawLogin,
        /// Says that one value means one subject at every provider that feeds the same header. Each of them must say so.
        shared_subjects: bool,
    }
}

record! {
    /// Where browsers are sent to sign in.
    RawLogin "login" {
        /// The page, with `{return_to}`, `{acr_values}` and `{max_age}` as values of parameters; those without a value are left out.
        uri: Login = "\"https://app.example.com/login?return_to={return_to}\"",
    }
}

record! {
    /// Metadata of the protected resource (RFC 9728).
    RawResourceMetadata "resource_metadata" {
        /// Where they are, on one of `origins`; named in every challenge.
        uri: PageUri = "https://api.example.com/.well-known/oauth-protected-resource",
        /// Whether the gate itself serves them there, on every host of `origins`. Default: false.
        serve: bool,
    }
}

record! {
    /// A JWK set behind a URI.
    RawRemoteJwks "remote_jwks" {
        /// Where it is and how to get there.
        http_uri: RawHttpUri = "{ uri: https://id.example.com/certs, cluster: id.example.com }",
        /// How long a set is fresh when the answer does not say. Default: 5m.
        cache_duration: Duration,
        /// Most that `Cache-Control` may lengthen freshness to. Default: `cache_duration`.
        max_cache_duration: Duration,
        /// How long a set that is no longer fresh may serve while fetches fail. Default: 1h.
        max_stale: Duration,
        /// Pace of the fetches that unknown keys may cause. Default: 30s.
        refetch_cooldown: Duration,
    }
}

record! {
    /// A JWK set where the issuer's own document says.
    RawDiscovery "discovery" {
        /// Which document: `openid` (default), at the `issuer` followed by `/.well-known/openid-configuration`; or `oauth` (RFC 8414), at `/.well-known/oauth-authorization-server` before the issuer's path.
        document: DocumentKind,
        /// Name of the cluster in Envoy that leads to the issuer.
        cluster: Text = "id.example.com",
        /// Name of the cluster that leads to the keys. Default: `cluster`.
        jwks_cluster: Text,
        /// What the document's `jwks_uri` must lie below: scheme, host, port and path.
        jwks_uri_prefix: UriPrefix = "https://id.example.com/realms/acme/",
        /// Most that one fetch may take, of the document or of the keys. Default: 4s.
        timeout: Duration,
        /// How long the document is fresh. Default: 1h.
        refresh: Duration,
        /// How long a set is fresh when the answer does not say. Default: 5m.
        cache_duration: Duration,
        /// Most that `Cache-Control` may lengthen freshness to. Default: `cache_duration`.
        max_cache_duration: Duration,
        /// How long a set, or an address, that is no longer fresh may serve while fetches fail. Default: 1h.
        max_stale: Duration,
        /// Pace of the fetches that unknown keys may cause. Default: 30s.
        refetch_cooldown: Duration,
    }
}

record! {
    /// A URI and the cluster that leads there.
    RawHttpUri "http_uri" {
        /// An `http` or `https` URI.
        uri: HttpUri = "https://id.example.com/certs",
        /// Name of the cluster in Envoy, such as `outbound|443||id.example.com` in Istio.
        cluster: Text = "id.example.com",
        /// Most that one fetch may take. Default: 4s.
        timeout: Duration,
    }
}

record! {
    /// A JWK set in the configuration.
    RawLocalJwks "local_jwks" {
        /// The set, as a string of JSON. Public keys only.
        inline_string: InlineString = "'{\"keys\":[…]}'",
    }
}

record! {
    /// A header that may hold the token.
    RawFromHeader "from_headers" {
        /// Its name.
        name: HeaderName = "authorization",
        /// What stands before the token: a scheme and a blank. Without it the whole value is the token.
        value_prefix: ValuePrefix,
    }
}

record! {
    /// A header made from a claim. Exactly one of `claim_name` and `claim_path`.
    RawClaimToHeader "claim_to_headers" {
        /// The claim; dots nest.
        claim_name: ClaimName,
        /// The claim, as a path of member names.
        claim_path: Filled<Text>,
        /// Whether the header holds the names of the claim's members, where the claim is an object. Default: false.
        members: bool,
        /// The header.
        header_name: HeaderName = "x-user",
    }
}

record! {
    /// What a token must show to count as one of the kinds.
    RawKinds "kinds" {
        /// A person.
        human: RawWhen,
        /// A program that acts for itself.
        workload: RawWhen,
        /// A program that acts for somebody. A token with `act` always is one.
        agent: RawWhen,
    }
}

record! {
    /// A condition on a token; all that is given must hold.
    RawWhen "a condition" {
        /// `amr` holds all of these.
        amr_all_of: Filled<Text>,
        /// `amr` holds one of these.
        amr_any_of: Filled<Text>,
        /// `amr` is exactly this set.
        amr_exactly: Filled<Text>,
        /// `amr` is a list that is not empty and holds none of these.
        amr_none_of: Filled<Text>,
        /// `acr` is one of these.
        acr_any_of: Filled<Text>,
        /// A claim has a value.
        claim: RawClaimEquals,
    }
}

record! {
    /// A claim that must have one exact value.
    RawClaimEquals "claim" {
        /// The claim, as a path of member names.
        path: Filled<Text> = "[client_type]",
        /// It is this string, number or boolean. Exactly one of `equals` and `contains`.
        equals: Scalar,
        /// It is a list of strings that holds this one.
        contains: Text,
    }
}

record! {
    /// What claims of an issuer prove. `preset`, `lines`, or both.
    RawEvidence "evidence" {
        /// Lines that are known for this kind of provider.
        preset: Preset,
        /// Lines of your own.
        lines: Filled<RawLine>,
    }
}

record! {
    /// Something that a token may show, and what it proves. Facts of lines that read different claims do not add up.
    RawLine "a line of evidence" {
        /// What the token must show; all that is given must hold.
        when: RawWhen = "{ acr_any_of: [phr] }",
        /// What that proves: all of it, since no fact implies another.
        proves: Filled<Fact> = "[phishing_resistant]",
        /// The claim that says when it happened, or `none`. Default: `auth_time`.
        dated_by: RawDatedBy,
        /// The value of `acr` that a client asks for to get such a token. Default: those of `acr_any_of`.
        request_acr: RequestAcr,
    }
}

record! {
    /// One rule. Exactly one of `public` and `requires`.
    RawRule "rule" {
        /// Which requests it is about.
        matches as "match": RawMatch = "{ prefix: / }",
        /// Lets these requests pass without a token.
        public: RawPublic,
        /// What a token must show.
        requires: RawRequires,
        /// `enforce`, or `shadow` until a day, for these requests. Default: that of the whole configuration.
        mode: Mode,
    }
}

record! {
    /// Which requests a rule is about; all members must fit, and absent ones mean all. At most one of `path`, `prefix`, `path_separated_prefix`.
    RawMatch "match" {
        /// Exactly this path. A segment `*` is any one segment that is not empty, a final `**` the rest, or nothing.
        path: Text,
        /// Paths that begin so; ends in `/`. A segment `*` is any one segment that is not empty.
        prefix: Text,
        /// This path and all below it. A segment `*` is any one segment that is not empty.
        path_separated_prefix: Text,
        /// Any of these hosts.
        hosts: Filled<HostMatch>,
        /// Any of these methods. Absent: all but CONNECT and TRACE.
        methods: Filled<Method>,
        /// Compare the path without regard to the case of ASCII letters. Default: false.
        ignore_case: bool,
    }
}

record! {
    /// An exemption: these requests need no token.
    RawPublic "public" {
        /// Why.
        reason: Text = "\"load balancer probe\"",
        /// Whose responsibility.
        owner: Text = "platform",
        /// The last day (UTC), or `never`, said on purpose.
        until: Until = "2027-06-30, or never",
        /// A token of this provider, when there is one, must be valid, and its identity headers are written.
        identity_from: Text,
    }
}

record! {
    /// What one token must show; all that is given must hold. With neither `provider_name` nor `requires_any`, a token of any provider will do.
    RawRequires "requires" {
        /// Only tokens of this provider.
        provider_name: Text,
        /// One of several ways to meet the rule.
        requires_any: RawRequiresAny,
        /// The token's audience must hold one of these, instead of one of the provider's.
        audiences: Filled<Text>,
        /// All of these must be granted, in `scope` or `scp`.
        scopes: Filled<Scope>,
        /// All of these must hold.
        claims: Filled<RawClaim>,
        /// All of these must be proved by the sign-in, as the provider's `evidence` says.
        facts: Filled<Fact>,
        /// The oldest sign-in that will do, judged at each request.
        max_age: Duration,
        /// Who must act: `human`, `workload` or `agent`, as the provider's `kinds` say.
        kind: Kind,
        /// Whether a token that names an actor (`act`) carries the facts and the age of somebody else's sign-in: `deny` (default) or `allow`.
        delegated: Delegated,
    }
}

record! {
    /// Ways to meet a rule.
    RawRequiresAny "requires_any" {
        /// One of these, by one token.
        requirements: Filled<RawAlternative> = "[{ provider_name: acme }, { provider_name: partners }]",
    }
}

record! {
    /// One way to meet a rule; what stands beside `requires_any` must hold too.
    RawAlternative "requirement" {
        /// Only tokens of this provider.
        provider_name: Text,
        /// The token's audience must hold one of these, instead of one of the provider's.
        audiences: Filled<Text>,
        /// All of these must be granted, in `scope` or `scp`.
        scopes: Filled<Scope>,
        /// All of these must hold.
        claims: Filled<RawClaim>,
        /// All of these must be proved by the sign-in, as the provider's `evidence` says.
        facts: Filled<Fact>,
        /// The oldest sign-in that will do, judged at each request.
        max_age: Duration,
        /// Who must act: `human`, `workload` or `agent`, as the provider's `kinds` say.
        kind: Kind,
        /// Whether a token that names an actor (`act`) carries the facts and the age of somebody else's sign-in: `deny` (default) or `allow`.
        delegated: Delegated,
    }
}

record! {
    /// A condition on a claim. Exactly one of `claim_name` and `claim_path`, and exactly one of `any_of`, `all_of`, `equals`, `starts_with` and `has_member`.
    RawClaim "claims" {
        /// The claim; dots nest.
        claim_name: ClaimName,
        /// The claim, as a path of member names.
        claim_path: Filled<Text>,
        /// The claim is, or holds, one of these.
        any_of: Filled<Scalar>,
        /// The claim holds all of these.
        all_of: Filled<Scalar>,
        /// The claim is, or holds, this.
        equals: Scalar,
        /// The claim is, or holds, a string that begins with one of these.
        starts_with: Filled<Text>,
        /// The claim is an object with a member of one of these names that is neither null nor false.
        has_member: Filled<Text>,
        /// `space`: split a string at blanks before comparing.
        split: Space,
    }
}

record! {
    /// Spellings of a path that could be read in two ways.
    RawPath "path" {
        /// `encoded_slash` (%2F), `double_slash` (//), `semicolon` (;), `encoded_percent` (%25), `backslash` (\ and %5C).
        allow: List<Spelling> = "[encoded_slash]",
    }
}

record! {
    /// Headers that change method or path behind the gate.
    RawOverrideHeaders "override_headers" {
        /// `x-http-method`, `x-http-method-override`, `x-method-override`, `x-original-url`, `x-override-url`, `x-rewrite-url`.
        allow: List<OverrideHeader> = "[x-http-method-override]",
    }
}

record! {
    /// What is written about each verdict, and whether it is counted.
    RawAudit "audit" {
        /// Which verdicts make a line in the log: `all`; `verifications`, which is every token whose signature was checked just now and every refusal; `denials` (default); `none`.
        log: Lines,
        /// Whether each verdict's record is handed to the access log, through filter state. Default: true.
        access_log: bool,
        /// Whether each verdict is counted, exactly, whatever is written of it. Default: true.
        counters: bool,
        /// How the subject is shown in records: `clear` (default), `{ hashed: { salt: { env: NAME } } }` or `omitted`.
        subject: RawSubject,
    }
}

record! {
    /// Bounds. All but `token_bytes`, `rsa_bits` and `forged_tokens_cpu_percent` may be tightened only.
    RawLimits "limits" {
        /// Largest token, in bytes: at most 65536. Default: 16384.
        token_bytes: usize,
        /// Largest JWK set, in bytes.
        jwks_bytes: usize,
        /// Most keys of one JWK set.
        jwks_keys: usize,
        /// Most requests of one worker that wait for keys.
        waiting_requests: usize,
        /// Most bytes of headers that waiting requests of one worker hold.
        waiting_bytes: usize,
        /// The part of a processor that each worker spends on finding out that signatures are wrong, in percent: 1 to 90. Beyond, chance decides which of the tokens that were not verified before are verified now; the others get 503. Default: 25.
        forged_tokens_cpu_percent: usize,
        /// Most tokens of one worker whose signature is not checked again while they and the keys are what they were; 0: none. Default: 8192.
        remembered_tokens: OrNone,
        /// Most bytes that these take. Default: 16777216.
        remembered_bytes: OrNone,
        /// Longest RSA key, in bits: 2048 to 8192. Default: 4096. A signature costs the fourfold for each doubling.
        rsa_bits: usize,
    }
}
