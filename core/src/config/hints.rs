//! What to write instead of a field that is not ours: a word of `jwt_authn` or Istio, another spelling, a slip.

use super::{shown, suggest};

/// The text for an unknown field of a record.
pub(super) fn unknown(record: &str, name: &str, fields: &[&str]) -> String {
    let snake = snake_case(name);
    if fields.contains(&&*snake) {
        return shown::join(&["unknown here; write ", &snake]);
    }
    let tables = [
        (JWT_AUTHN, "unknown here; "),
        (ELSEWHERE, "unknown here; "),
        (LATER, "not in this version; "),
    ];
    if TOP.contains(&record) && OF_PROVIDER.contains(&&*snake) {
        return "unknown here; write it inside providers.<name>".to_owned();
    }
    for (table, why) in tables {
        let is_meant = |hint: &&Hint| hint.1 == snake && hint.0.contains(&record);
        if let Some((_, _, instead)) = table.iter().find(is_meant) {
            return shown::join(&[why, instead]);
        }
    }
    match suggest::closest(&snake, fields.iter().copied()) {
        Some(field) => shown::join(&["unknown here; did you mean ", field, "?"]),
        None => shown::join(&["unknown here; ", record, " takes ", &fields.join(", ")]),
    }
}

/// `claimToHeaders`, as protobuf's JSON has it, is `claim_to_headers`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for (index, letter) in name.chars().enumerate() {
        if letter.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Words of a provider that somebody may write at the top.
const OF_PROVIDER: &[&str] = &[
    "issuer",
    "audiences",
    "audience_claim",
    "algorithms",
    "token_types",
    "remote_jwks",
    "discovery",
    "local_jwks",
    "from_headers",
    "from_cookies",
    "from_params",
    "forward",
    "forward_payload_header",
    "claim_to_headers",
    "clock_skew",
    "max_token_lifetime",
    "kinds",
    "evidence",
    "login",
];

/// Records, the field that somebody may write there, and what to write instead.
type Hint = (&'static [&'static str], &'static str, &'static str);

const TOP: &[&str] = &["the configuration"];
const PROVIDER: &[&str] = &["provider"];
const REMOTE: &[&str] = &["remote_jwks"];
const DISCOVERY: &[&str] = &["discovery"];
const LOCAL: &[&str] = &["local_jwks"];
const RULE: &[&str] = &["rule"];
const MATCH: &[&str] = &["match"];
const REQUIRES: &[&str] = &["requires", "requirement"];

/// Words of Envoy's `jwt_authn` that are not taken (`extensions.filters.http.jwt_authn.v3`, `RouteMatch`, `DataSource`).
const JWT_AUTHN: &[Hint] = &[
    (
        TOP,
        "filter_state_rules",
        "write rules; filter state is never read for a decision",
    ),
    (
        TOP,
        "requirement_map",
        "write each requirement in its rule, under requires",
    ),
    (
        TOP,
        "strip_failure_response",
        "remove it; a refusal never tells the client why in detail",
    ),
    (
        TOP,
        "stat_prefix",
        "remove it; counters are named wasmcustom.passgate.verdicts.…",
    ),
    (PROVIDER, "clock_skew_seconds", "write clock_skew: \"60s\""),
    (
        PROVIDER,
        "max_lifetime",
        "write max_token_lifetime, which bounds exp - iat; max_lifetime bounded exp - now",
    ),
    (
        PROVIDER,
        "require_expiration",
        "remove it; a token without exp is never accepted",
    ),
    (
        PROVIDER,
        "subjects",
        "write it in a rule: requires: { claims: [{ claim_name: sub, any_of: [alice] }] }",
    ),
    (
        PROVIDER,
        "payload_in_metadata",
        "write claim_to_headers or forward_payload_header",
    ),
    (
        PROVIDER,
        "header_in_metadata",
        "remove it; the header of a token is not passed on",
    ),
    (
        PROVIDER,
        "failed_status_in_metadata",
        "remove it; the reason is in RESPONSE_CODE_DETAILS and in the log",
    ),
    (
        PROVIDER,
        "normalize_payload_in_metadata",
        "remove it; scopes are compared one by one",
    ),
    (
        PROVIDER,
        "pad_forward_payload_header",
        "remove it; the payload is passed on as it came, without padding",
    ),
    (
        PROVIDER,
        "jwt_cache_config",
        "remove it; tokens are remembered, at most limits.remembered_tokens",
    ),
    (
        PROVIDER,
        "clear_route_cache",
        "remove it; there is no such switch",
    ),
    (
        REMOTE,
        "async_fetch",
        "remove it; keys are always fetched before the first request",
    ),
    (
        REMOTE,
        "retry_policy",
        "remove it; failed fetches are repeated at growing intervals, and max_stale bridges an outage",
    ),
    (
        LOCAL,
        "filename",
        "write inline_string; the filter reads no files",
    ),
    (
        LOCAL,
        "inline_bytes",
        "write inline_string: '{\"keys\":[…]}'",
    ),
    (
        LOCAL,
        "environment_variable",
        "write inline_string; the filter reads no environment",
    ),
    (
        LOCAL,
        "watched_directory",
        "write inline_string; the filter reads no files",
    ),
    (
        RULE,
        "requirement_name",
        "write the requirement itself, under requires",
    ),
    (
        MATCH,
        "safe_regex",
        "write path with * for one segment and ** at the end for the rest; there are no regular expressions",
    ),
    (
        MATCH,
        "case_sensitive",
        "write ignore_case: true for case_sensitive: false",
    ),
    (MATCH, "connect_matcher", "write methods: [CONNECT]"),
    (
        MATCH,
        "path_match_policy",
        "write path with * for one segment and ** at the end for the rest",
    ),
    (
        MATCH,
        "runtime_fraction",
        "remove it; a rule holds for all requests or for none",
    ),
    (
        MATCH,
        "headers",
        "write hosts or methods; other headers are the client's to choose",
    ),
    (
        MATCH,
        "query_parameters",
        "remove it; rules see the path without its query",
    ),
    (
        MATCH,
        "cookies",
        "remove it; cookies are the client's to choose",
    ),
    (
        MATCH,
        "grpc",
        "write path_separated_prefix: /package.Service",
    ),
    (
        MATCH,
        "tls_context",
        "remove it; rules see host, method and path",
    ),
    (
        MATCH,
        "dynamic_metadata",
        "remove it; rules see host, method and path",
    ),
    (
        MATCH,
        "filter_state",
        "remove it; rules see host, method and path",
    ),
    (
        REQUIRES,
        "provider_and_audiences",
        "write provider_name and audiences side by side",
    ),
    (
        REQUIRES,
        "requires_all",
        "write one requirement; with two tokens in one request, whose request is it?",
    ),
    (
        REQUIRES,
        "allow_missing",
        "write public: { reason: …, owner: …, until: …, identity_from: <provider> } instead of requires",
    ),
    (
        REQUIRES,
        "allow_missing_or_failed",
        "a failed token never passes; for a missing one write public with identity_from instead of requires",
    ),
    (
        REQUIRES,
        "extract_only_without_validation",
        "remove it; nothing is taken from a token that was not verified",
    ),
    (
        &["requirement"],
        "requires_any",
        "alternatives do not nest; write all of them in one list",
    ),
];

/// Words of Istio's `RequestAuthentication`, and right words in the wrong place.
const ELSEWHERE: &[Hint] = &[
    (
        TOP,
        "jwt_rules",
        "write providers, by a name of your choice",
    ),
    (TOP, "allow", "write it inside path or override_headers"),
    (
        PROVIDER,
        "jwks_uri",
        "write remote_jwks: { http_uri: { uri: …, cluster: … } }",
    ),
    (
        PROVIDER,
        "jwks",
        "write local_jwks: { inline_string: '{\"keys\":[…]}' }",
    ),
    (PROVIDER, "http_uri", "write it inside remote_jwks"),
    (PROVIDER, "timeout", "write it inside remote_jwks.http_uri"),
    (PROVIDER, "cache_duration", "write it inside remote_jwks"),
    (PROVIDER, "forward_original_token", "write forward: true"),
    (
        PROVIDER,
        "output_payload_to_header",
        "write forward_payload_header",
    ),
    (
        PROVIDER,
        "output_claim_to_headers",
        "write claim_to_headers: [{ claim_name: sub, header_name: x-user }]",
    ),
    (
        PROVIDER,
        "space_delimited_claims",
        "write split: space in the condition on the claim",
    ),
    (PROVIDER, "audience", "write audiences: [ … ]"),
    (PROVIDER, "scopes", "write it in a rule, under requires"),
    (REMOTE, "uri", "write it inside http_uri"),
    (REMOTE, "cluster", "write it inside http_uri"),
    (REMOTE, "timeout", "write it inside http_uri"),
    (
        DISCOVERY,
        "uri",
        "remove it; the document is the issuer's /.well-known/openid-configuration, or with document: oauth that of RFC 8414",
    ),
    (
        DISCOVERY,
        "http_uri",
        "write cluster; the document is the issuer's /.well-known/openid-configuration, or with document: oauth that of RFC 8414",
    ),
    (
        DISCOVERY,
        "jwks_uri",
        "write jwks_uri_prefix, or remote_jwks where the address is known",
    ),
    (
        LOCAL,
        "keys",
        "write the set as a string: inline_string: '{\"keys\":[…]}'",
    ),
    (
        &["from_headers"],
        "prefix",
        "write value_prefix: \"Bearer \"",
    ),
    (&["claim_to_headers"], "claim", "write claim_name"),
    (&["claim_to_headers"], "header", "write header_name"),
    (&["claims"], "name", "write claim_name"),
    (&["claims"], "path", "write claim_path"),
    (&["claims"], "value", "write equals"),
    (&["claims"], "values", "write any_of"),
    (&["claims"], "prefix", "write starts_with: [ … ]"),
    (
        &["claims"],
        "matches",
        "write starts_with: [ … ]; there are no regular expressions",
    ),
    (
        &["claims"],
        "regex",
        "write starts_with: [ … ]; there are no regular expressions",
    ),
    (
        &["claims"],
        "contains",
        "write any_of; a claim that is a list offers each of its elements",
    ),
    (
        &["claims"],
        "none_of",
        "conditions say what a claim must hold, not what it must not; write any_of",
    ),
    (&["public"], "expires", "write until: 2027-06-30"),
    (TOP, "match", "write it inside rules"),
    (TOP, "public", "write it inside rules"),
    (TOP, "requires", "write it inside rules"),
    (RULE, "path", "write it inside match"),
    (RULE, "prefix", "write it inside match"),
    (RULE, "path_separated_prefix", "write it inside match"),
    (RULE, "hosts", "write it inside match"),
    (RULE, "methods", "write it inside match"),
    (RULE, "provider_name", "write it inside requires"),
    (RULE, "requires_any", "write it inside requires"),
    (RULE, "audiences", "write it inside requires"),
    (RULE, "scopes", "write it inside requires"),
    (RULE, "claims", "write it inside requires"),
    (RULE, "facts", "write it inside requires"),
    (RULE, "max_age", "write it inside requires"),
    (RULE, "kind", "write it inside requires"),
    (RULE, "delegated", "write it inside requires"),
    (PROVIDER, "preset", "write evidence: { preset: keycloak }"),
    (PROVIDER, "facts", "write it in a rule, under requires"),
    (PROVIDER, "max_age", "write it in a rule, under requires"),
    (
        REQUIRES,
        "acr_values",
        "write facts, which the provider's evidence reads off acr",
    ),
    (
        REQUIRES,
        "amr",
        "write facts, which the provider's evidence reads off amr",
    ),
    (
        REQUIRES,
        "acr",
        "write facts, which the provider's evidence reads off acr",
    ),
    (&["requires_any"], "requirements_any", "write requirements"),
    (
        &["limits"],
        "wrong_signatures",
        "write forged_tokens_cpu_percent: 25, the part of a processor that they may cost; they are not counted any more",
    ),
];

/// Fields of later versions.
const LATER: &[Hint] = &[(REQUIRES, "proof", "remove it")];
