//! An issuer that is trusted.

use core::time::Duration;

use super::{
    credentials::RawCredentials,
    ending::{RawRevocations, RawStatusLists},
    introspection::RawIntrospection,
    keys::{RawDiscovery, RawLocalJwks, RawRemoteJwks},
    peer::RawSpiffe,
};
use crate::{
    config::{
        Login,
        claim_name::{ClaimName, Scalar},
        dated_by::RawDatedBy,
        header_name::{HeaderName, ValuePrefix},
        issuer::RawTenants,
        text::{CookieName, ParamName, RequestAcr, Subprotocol},
        words::AudienceClaim,
    },
    crypto::Algorithm,
    decode::{Filled, List, Text, record},
    evidence::{Fact, Preset},
    jose::MediaType,
    proof::CnfJwk,
};

record! {
    /// An issuer that is trusted, and what to do with its tokens.
    pub(in crate::config) RawProvider "provider" {
        /// Exact value of `iss`; unique among the providers. Exactly one of `issuer` and
        /// `issuer_template`.
        issuer: Text,
        /// The issuer of each tenant, where one segment of its path is a claim of the token: `https://login.microsoftonline.com/{tid}/v2.0`.
        issuer_template: Text,
        /// The values of that claim whose tokens are taken, or `any`. Mandatory with
        /// `issuer_template`.
        tenants: RawTenants,
        /// The token's audience must hold one of these.
        audiences: Filled<Text> = "[https://api.example.com]",
        "audience": "write audiences: [ … ]",
        /// The claim that holds the audience: `aud` (default); or `client_id` or `azp`, for
        /// providers whose access tokens have no `aud`.
        audience_claim: AudienceClaim,
        /// Claims that name the subject: the first that is a string and not empty. Default:
        /// `[sub]`. In place of `sub` the subject is `CLAIM:VALUE`, so that a client never passes
        /// for a person.
        subject_claims: Filled<Text>,
        /// The trust domain whose workloads its tokens name, in place of an issuer: JWT-SVIDs. Its
        /// keys are a SPIFFE bundle.
        spiffe: RawSpiffe,
        "trust_domain": "write spiffe: { trust_domain: cluster.local }",
        /// Algorithms that tokens may use. Default: every one that we verify. An RSA key without
        /// `alg` is for the first RSA algorithm here, by default RS256.
        algorithms: Filled<Algorithm>,
        /// Values of `typ` that tokens may have; a token must have one of them. `application/` may
        /// be left out. Default: none, or any that is not a kind of JWT of its own, such as
        /// `logout+jwt`; `at+jwt` is an access token's.
        token_types: Filled<MediaType>,
        /// Keys that are fetched. Exactly one of `remote_jwks`, `discovery` and `local_jwks`.
        remote_jwks: RawRemoteJwks,
        "jwks_uri": "write remote_jwks: { http_uri: { uri: …, cluster: … } }",
        "http_uri": "write it inside remote_jwks",
        "timeout": "write it inside remote_jwks.http_uri",
        "cache_duration": "write it inside remote_jwks",
        /// Keys that are fetched from where the issuer's own document says. Exactly one of
        /// `remote_jwks`, `discovery` and `local_jwks`.
        discovery: RawDiscovery,
        /// Keys that stand in the configuration. Exactly one of `remote_jwks`, `discovery` and
        /// `local_jwks`.
        local_jwks: RawLocalJwks,
        "jwks": "write local_jwks: { inline_string: '{\"keys\":[…]}' }",
        /// Where it is asked about tokens that are not JWTs, in place of a source of keys or beside
        /// one.
        introspection: RawIntrospection => "introspection",
        "introspection_endpoint": "write introspection: { http_uri: { uri: …, cluster: … } }",
        /// Headers that may hold the token. Naming any place switches the default,
        /// `Authorization: Bearer`, off.
        from_headers: List<RawFromHeader>,
        /// Cookies that may hold the token.
        from_cookies: List<CookieName>,
        /// Query parameters that may hold the token.
        from_params: List<ParamName>,
        /// The subprotocol behind which `Sec-WebSocket-Protocol` may hold the token, such as
        /// `bearer`.
        from_websocket_protocol: Subprotocol,
        /// Whether the token stays in the request. Default: false.
        forward: bool,
        "forward_original_token": "write forward: true",
        /// Header that gets the token's payload, base64url as it came.
        forward_payload_header: HeaderName,
        "output_payload_to_header": "write forward_payload_header",
        "payload_in_metadata": "write claim_to_headers or forward_payload_header",
        "pad_forward_payload_header": "remove it; the payload is passed on as it came, without padding",
        /// Headers made from claims.
        claim_to_headers: List<RawClaimToHeader>,
        "output_claim_to_headers": "write claim_to_headers: [{ claim_name: sub, header_name: x-user }]",
        /// Tolerance for `exp`, `nbf` and `iat`. Default: 60s; at most 10m.
        clock_skew: Duration,
        "clock_skew_seconds": "write clock_skew: \"60s\"",
        /// Most that `exp - iat` may be. No default.
        max_token_lifetime: Duration,
        "max_lifetime": "write max_token_lifetime, which bounds exp - iat; max_lifetime bounded exp - now",
        "require_expiration": "remove it; a token without exp is never accepted",
        /// What tells people, workloads and agents apart.
        kinds: RawKinds,
        /// What claims of this issuer prove about a sign-in.
        evidence: RawEvidence,
        "preset": "write evidence: { preset: keycloak }",
        /// What `cnf.jwk` of a token is: `dpop`, the key of its proofs; or `passkey`, a key that
        /// was registered by WebAuthn and by nothing else. Without it such tokens are refused.
        cnf_jwk: CnfJwk,
        /// Which passkeys its people have, for tokens whose `cnf.jwk` does not name one.
        credentials: RawCredentials,
        /// The list of people, sessions, tokens, clients, credentials, AAGUIDs and keys whose
        /// tokens are not accepted any more.
        revocations: RawRevocations,
        /// Lists that say the status of each token (draft-ietf-oauth-status-list).
        status_lists: RawStatusLists,
        "status_list": "write status_lists",
        /// Where browsers are sent to sign in, instead of a 401.
        login: RawLogin,
        /// Says that one value means one subject at every provider that feeds the same header. Each
        /// of them must say so.
        shared_subjects: bool,
        // What rules say.
        "subjects": "write it in a rule: requires: { claims: [{ claim_name: sub, any_of: [alice] }] }",
        "scopes": "write it in a rule, under requires",
        "facts": "write it in a rule, under requires",
        "max_age": "write it in a rule, under requires",
        "space_delimited_claims": "write split: space in the condition on the claim",
        // Words of Envoy's `jwt_authn` that nothing stands in for.
        "header_in_metadata": "remove it; the header of a token is not passed on",
        "failed_status_in_metadata": "remove it; the reason is in RESPONSE_CODE_DETAILS and in the log",
        "normalize_payload_in_metadata": "remove it; scopes are compared one by one",
        "jwt_cache_config": "remove it; tokens are remembered, at most limits.remembered_tokens",
        "clear_route_cache": "remove it; there is no such switch",
    }
}

record! {
    /// Where browsers are sent to sign in.
    pub(in crate::config) RawLogin "login" {
        /// The page, with `{return_to}`, `{acr_values}` and `{max_age}` as values of parameters;
        /// those without a value are left out.
        uri: Login = "\"https://app.example.com/login?return_to={return_to}\"",
    }
}

record! {
    /// A header that may hold the token.
    pub(in crate::config) RawFromHeader "from_headers" {
        /// Its name.
        name: HeaderName = "authorization",
        /// What stands before the token: a scheme and a blank. Without it the whole value is the
        /// token.
        value_prefix: ValuePrefix,
        "prefix": "write value_prefix: \"Bearer \"",
    }
}

record! {
    /// A header made from a claim. Exactly one of `claim_name` and `claim_path`.
    pub(in crate::config) RawClaimToHeader "claim_to_headers" {
        /// The claim; dots nest.
        claim_name: ClaimName,
        "claim": "write claim_name",
        /// The claim, as a path of member names.
        claim_path: Filled<Text>,
        /// Whether the header holds the names of the claim's members, where the claim is an object.
        /// Default: false.
        members: bool,
        /// The header.
        header_name: HeaderName = "x-user",
        "header": "write header_name",
    }
}

record! {
    /// What a token must show to count as one of the kinds.
    pub(in crate::config) RawKinds "kinds" {
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
    pub(in crate::config) RawWhen "a condition" {
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
    pub(in crate::config) RawClaimEquals "claim" {
        /// The claim, as a path of member names.
        path: Filled<Text> = "[client_type]",
        /// It is this string, number or boolean. Exactly one of `equals` and `contains`.
        equals: Scalar,
        /// It is a list of strings that holds this one.
        contains: Text,
    }
}

record! {
    /// What claims of an issuer prove, and where its sign-ins were.
    pub(in crate::config) RawEvidence "evidence" {
        /// Lines that are known for this kind of provider.
        preset: Preset,
        /// Lines of your own.
        lines: Filled<RawLine>,
        /// The claim that says for which RP ID the sign-in was. No default.
        rp_id_claim: ClaimName,
        /// The claim that says at which origin the sign-in was. No default.
        origin_claim: ClaimName,
    }
}

record! {
    /// Something that a token may show, and what it proves. Facts of lines that read different
    /// claims do not add up.
    pub(in crate::config) RawLine "a line of evidence" {
        /// What the token must show; all that is given must hold.
        when: RawWhen = "{ acr_any_of: [phr] }",
        /// What that proves: all of it, since no fact implies another.
        proves: Filled<Fact> = "[phishing_resistant]",
        /// The claim that says when it happened, or `none`. Default: `auth_time`.
        dated_by: RawDatedBy,
        /// The value of `acr` that a client asks for to get such a token. Default: those of
        /// `acr_any_of`.
        request_acr: RequestAcr,
    }
}
