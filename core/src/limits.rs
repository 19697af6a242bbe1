//! Every number that bounds an input, with its source.

/// Largest configuration document, in bytes: Envoy refuses larger xDS resources long before.
pub const CONFIG_BYTES: usize = 1 << 20;
/// Largest token where nothing is configured, in bytes; RFC 8725 leaves the number open.
pub const TOKEN_BYTES: usize = 16 << 10;
/// Largest token that may be configured, in bytes: Envoy's default for all request headers together
/// is 60 KiB.
pub const TOKEN_BYTES_CEILING: usize = 64 << 10;
/// Largest token that tells of an event: some providers name many claims in one. Only services take
/// them, never the filter.
pub const EVENT_TOKEN_BYTES: usize = 64 << 10;
/// Largest JWK set, in bytes: a hundred RSA keys with their certificates fit.
pub const JWKS_BYTES: usize = 256 << 10;
/// Most keys of one JWK set.
pub const JWKS_KEYS: usize = 100;
/// Longest thumbprint of a certificate, in bytes: base64url of SHA-256 has 43.
pub const THUMBPRINT_BYTES: usize = 64;
/// Deepest nesting of any JSON that is read; identity providers stay below six.
pub const JSON_DEPTH: usize = 16;
/// Most members and elements of one JSON document that comes from a token of at most
/// [`TOKEN_BYTES`].
pub const TOKEN_JSON_NODES: usize = 2_000;

/// Most members and elements of the claims of a token of at most this size: larger tokens have more
/// groups.
#[must_use]
pub const fn token_json_nodes(token_bytes: usize) -> usize {
    let share = token_bytes / 8;
    if share > TOKEN_JSON_NODES {
        share
    } else {
        TOKEN_JSON_NODES
    }
}
/// Most members and elements of a JWK set or a configuration.
pub const DOCUMENT_JSON_NODES: usize = 100_000;
/// Most alternatives of one rule that are compared with each other, to warn of those that others
/// make moot: people write less than ten.
pub const COMPARED_ALTERNATIVES: usize = 32;
/// Longest `ETag` of a key set that is sent back, in bytes; servers use a hash or a time.
pub const ETAG_BYTES: usize = 256;
/// Largest discovery document, in bytes; those of large providers stay below 8 KiB.
pub const DISCOVERY_BYTES: usize = 64 << 10;
/// Longest `jwks_uri` of a discovery document, in bytes: RFC 9110 section 4.1 recommends to take
/// 8,000; nobody uses so many.
pub const JWKS_URI_BYTES: usize = 2_048;
/// Longest address that a browser is told to come back to, in bytes; percent-encoded it may grow
/// threefold, and many servers take 8 KiB.
pub const RETURN_TO_BYTES: usize = 2_048;
/// Most names of headers in a record of what would have been done.
pub const SHOWN_HEADERS: usize = 32;
/// Most entries of all lists of revocations that one worker holds: some 3 MiB.
pub const REVOCATION_ENTRIES: usize = 100_000;
/// Most bytes of all documents of revocations that one worker reads at a time: ninety for each
/// entry. With the lists in hand and the lists that are read, each worker takes at most 16 MiB for
/// them.
pub const REVOCATION_BYTES: usize = 9 << 20;
/// Longest name in a list of revocations, in bytes: of OpenID Connect Core 1.0 section 2, where
/// `sub` has at most 255.
pub const REVOCATION_NAME_BYTES: usize = 512;
/// Longest member or entry of a long list, in bytes: escaped, a name of [`REVOCATION_NAME_BYTES`]
/// may be six times as long, and a passkey with an RSA key and the longest id has three quarters of
/// that.
pub const LIST_MEMBER_BYTES: usize = 4 << 10;
/// Most passkeys of all documents of credentials that one worker holds: some 4 MiB.
pub const CREDENTIALS: usize = 10_000;
/// Most bytes of all documents of credentials that one worker reads at a time: five hundred for
/// each passkey.
pub const CREDENTIAL_BYTES: usize = 5 << 20;
/// Most people whose passkeys one worker remembers, where they are asked for one by one; each
/// provider that is asked so gets at least one.
pub const CREDENTIAL_SUBJECTS: usize = 500;
/// Most passkeys of one person in an answer: people register a handful.
pub const CREDENTIALS_OF_SUBJECT: usize = 32;
/// Most bytes of an answer about one person: a kilobyte for each passkey.
pub const CREDENTIAL_ANSWER_BYTES: usize = 32 << 10;
/// Longest subject whose passkeys are looked up, in bytes: OpenID Connect Core 1.0 section 2 allows
/// 255 characters.
pub const SUBJECT_BYTES: usize = 512;
/// Most answers about tokens that one worker keeps of all providers until a request takes them, and
/// as many about tokens that are not active, and again as many about those of them that were active
/// before; each provider that is asked gets at least one. What was taken is among
/// [`REMEMBERED_TOKENS`].
pub const INTROSPECTION_ANSWERS: usize = 128;
/// Most bytes of an answer about a token: the claims of the largest token that is usual.
pub const INTROSPECTION_BYTES: usize = 16 << 10;
/// Most members and elements of an answer about a token.
pub const INTROSPECTION_NODES: usize = 1_000;
/// Most questions in a second, of each worker and provider, about tokens that the gate does not
/// accept: a server that answers a thousand has most of its time for others.
pub const INTROSPECTION_QUESTIONS: u64 = 50;
/// Most status lists that one worker remembers; each provider that has some gets at least one.
pub const STATUS_LISTS: usize = 16;
/// Largest inflated status list, in bytes: four million tokens of one bit each.
pub const STATUS_LIST_BYTES: usize = 512 << 10;
/// Largest signed status list, in bytes: one that does not compress, twice in base64.
pub const STATUS_LIST_TOKEN_BYTES: usize = 1 << 20;
/// Most open streams of one worker that end with their authority; each takes at most a half
/// kilobyte.
pub const STREAMS: usize = 20_000;
/// Bytes for each of these streams that their leases may take together: 5 MiB for ten thousand.
pub const STREAM_BYTES: usize = 512;
/// Longest method, authority and path of a stream that are kept, in bytes: it is judged anew by
/// them.
pub const STREAM_REQUEST_BYTES: usize = 1_024;
/// Longest method, tool or URI of MCP that is looked at, in bytes: as [`JWKS_URI_BYTES`]. Of tools
/// the protocol wants at most 128; what is longer is not told apart.
pub const MCP_NAME_BYTES: usize = 2_048;
/// Longest `kid` that is looked up, in bytes; longer ones are unknown keys.
pub const KID_BYTES: usize = 512;
/// Most names of keys that no set holds and that one worker remembers for a provider: 256 KiB, far
/// more than honest clients use.
pub const UNKNOWN_KEYS: usize = 512;
/// Most names of withdrawn keys that are remembered for each provider: a few rotations of the
/// largest set that is taken.
pub const WITHDRAWN_KEYS: usize = 256;
/// Most keys of one worker that have a table of multiples, 464 KiB each; the generator has one
/// more.
pub const KEY_TABLES: usize = 16;
/// Most requests of one worker that wait for keys, lists or bodies, of all providers (`waiting.rs`
/// shares them out). Beside its headers each takes some 300 bytes of ours, so 1.2 MiB together.
pub const WAITING_REQUESTS: usize = 4_096;
/// Most bytes that waiting requests of one worker hold: their headers, and the bodies that are
/// waited for.
pub const WAITING_BYTES: usize = 32 << 20;
/// Most bodies of one person's approvals that one worker waits for: what a person can approve
/// within `window`. They hold at most a quarter of `waiting_bytes`, unless it is one alone.
pub const WAITING_OF_PERSON: usize = 8;
/// Largest proof, in bytes: one with an RSA key of 4,096 bits takes 3 KiB.
pub const PROOF_BYTES: usize = 8 << 10;
/// Largest proof by a passkey, in bytes: client data and authenticator data of 4 KiB each, and a
/// statement with a long URI, in base64url, the assertion twice.
pub const APPROVAL_BYTES: usize = 16 << 10;
/// Largest body that an approval covers where nothing is configured, in bytes: what a person can
/// approve on a screen is far smaller.
pub const PROOF_BODY_BYTES: usize = 64 << 10;
/// Largest such body that may be configured, in bytes: Envoy holds 1 MiB of a request unless its
/// listener says otherwise (`per_connection_buffer_limit_bytes`).
pub const PROOF_BODY_BYTES_CEILING: usize = 1 << 20;
/// Longest that a request with an approval waits for its body, in seconds: 64 KiB at 52 kbit/s.
pub const PROOF_BODY_SECS: u64 = 10;
/// Longest credential id, in bytes (WebAuthn Level 3 section 4, "Credential ID").
pub const CREDENTIAL_ID_BYTES: usize = 1_023;
/// Longest RSA modulus of a proof's key, in bits, whatever [`Limits::rsa_bits`] says: the client
/// chooses this key, and not the issuer.
pub const PROOF_RSA_BITS: usize = 4_096;
/// Longest RSA exponent of a proof's key, in bits: 65,537, which all libraries take, has as many.
/// With one of 33 bits a wrong signature costs three times what the budget counts.
pub const PROOF_RSA_EXPONENT_BITS: u32 = 17;
/// How far from now a proof may be made where a rule does not say it, in seconds: what RFC 9449
/// section 11.1 calls "on the order of seconds or minutes".
pub const PROOF_WINDOW_SECS: u64 = 60;
/// Shortest `iat_window`, in seconds: clocks of clients differ by more than less.
pub const PROOF_WINDOW_MIN_SECS: u64 = 5;
/// Longest `iat_window`, in seconds: each proof is remembered so long.
pub const PROOF_WINDOW_MAX_SECS: u64 = 300;
/// How long a session that a passkey approves may last where a rule does not say it, in seconds.
pub const SESSION_SECS: u64 = 600;
/// Shortest `max_session`, in seconds: a person is not asked more often than that for nothing.
pub const SESSION_MIN_SECS: u64 = 60;
/// Longest `max_session`, in seconds: NIST SP 800-63B-4, section 2.3.3, wants people of AAL3 to
/// authenticate again within 12 hours.
pub const SESSION_MAX_SECS: u64 = 12 * 3_600;
/// Sessions whose signature one worker remembers to be right, 32 bytes each: ten times the people
/// who sit before a console at once.
pub const SESSIONS: usize = 1_024;
/// How far from its time a proof may count at some replica, in seconds: the longest `iat_window`,
/// and a minute between the clocks of replicas and of what counts for all of them.
pub const PROOF_AROUND_SECS: u64 = PROOF_WINDOW_MAX_SECS + 60;
/// Buckets in which wrong signatures of proofs are paid for, by proof key.
pub const PROOF_KEY_SHARES: usize = 64;
/// Slots of the memory of proofs; each is one value of the host's shared data, which cannot be
/// removed.
pub const REPLAY_SLOTS: u16 = 4_096;
/// Most proofs in one slot, 32 bytes each. Full, the whole memory takes 8.5 MiB of a proxy, and
/// before that remembers some 150,000 proofs: with a window of one minute, 2,500 in a second.
pub const REPLAY_SLOT_ENTRIES: usize = 64;
/// Most bytes of a value that comes from a token and is shown to an operator.
pub const SHOWN_BYTES: usize = 128;
/// Shortest salt of hashed subjects, in bytes: 128 bits cannot be tried out, as subjects can.
pub const SALT_BYTES: usize = 16;
/// Most log lines about refusals, per second and worker, of half a kilobyte each. Further ones are
/// counted.
pub const REFUSAL_LINES: u32 = 50;
/// How often a worker logs a refusal for one reason at level warning, which hosts show by default
/// (Istio's proxies, for one). The others are at level info.
pub const WARNING_EVERY: core::time::Duration = core::time::Duration::from_secs(60);
/// Most counters of verdicts that one worker names with rule and provider; Envoy keeps a few
/// hundred bytes for each.
pub const VERDICT_COUNTERS: usize = 10_000;
/// Smallest RSA modulus, in bits (RFC 7518 section 3.3).
pub const RSA_MIN_BITS: usize = 2_048;
/// Longest RSA modulus where nothing is configured, in bits: a verification costs about four times
/// as much for each doubling.
pub const RSA_BITS: usize = 4_096;
/// Longest RSA modulus that may be configured, in bits: longer keys cost an attacker nothing and us
/// milliseconds.
pub const RSA_BITS_CEILING: usize = 8_192;
/// Largest skew between clocks that may be configured, in seconds: more would undo `exp`.
pub const CLOCK_SKEW_SECS: u64 = 600;
/// Longest duration that a configuration may name, in seconds: ten years, beyond any use.
pub const DURATION_SECS: u64 = 315_360_000;
/// Shortest time that one fetch of keys may be given, in milliseconds: a TLS handshake on one
/// continent.
pub const FETCH_TIMEOUT_MIN_MILLIS: u64 = 100;
/// Longest time that one fetch of keys may be given, in milliseconds: requests wait for it.
pub const FETCH_TIMEOUT_MAX_MILLIS: u64 = 60_000;
/// Longest time that keys may be fresh, and that they may be stale, in seconds: a week. A withdrawn
/// key lives on so long.
pub const KEY_AGE_SECS: u64 = 604_800;
/// Slowest pace of fetches that unknown keys may cause, in seconds: one hour. More, and a new key
/// would never be found.
pub const REFETCH_COOLDOWN_SECS: u64 = 3_600;
/// The part of a processor that each worker spends on finding out that signatures are wrong, in
/// percent, where nothing is configured: three times what a thousand of ES256 in a second take
/// (docs/security/forged-tokens.md), and most of the worker is left.
pub const FORGED_TOKENS_CPU_PERCENT: usize = 25;
/// The most of it that may be configured, in percent: the rest is for known tokens.
pub const FORGED_TOKENS_CPU_PERCENT_CEILING: usize = 90;
/// Tokens whose signature was right and that one worker remembers.
pub const REMEMBERED_TOKENS: usize = 8_192;
/// Bytes that they take, with what they say: those of some five thousand tokens of one kilobyte.
pub const REMEMBERED_BYTES: usize = 16 << 20;
/// Headers of tokens that one worker has read once and for all: those of as many keys in use.
pub const REMEMBERED_HEADERS: usize = 64;
/// Longest header that is remembered, in bytes of base64url. One without certificates has a
/// hundred.
pub const REMEMBERED_HEADER_BYTES: usize = 1_024;
/// Bytes of the identity tokens that one worker makes and keeps, with what they say: some two
/// thousand, each for half its lifetime.
pub const IDENTITY_TOKEN_BYTES: usize = 4 << 20;
/// Most keys of `identity_token`: one that signs, the one before, and the next.
pub const IDENTITY_KEYS: usize = 8;
/// How long an identity token lasts where nothing is configured, in seconds.
pub const IDENTITY_SECS: u64 = 60;
/// Shortest time that an identity token may last, in seconds: half of it is for the way to the
/// service, and for its clock.
pub const IDENTITY_MIN_SECS: u64 = 10;
/// Longest time that an identity token may last, in seconds: so long it outlives a revocation.
pub const IDENTITY_MAX_SECS: u64 = 3_600;
/// Longest name of a gate, in bytes.
pub const GATE_BYTES: usize = 64;
/// Most providers of a configuration.
pub const PROVIDERS: usize = 100;
/// Most entries of `roles`, and as many of `products`: all roles of a caller stand in one header,
/// where Envoy takes 60 KiB by default.
pub const CALLER_NAMES: usize = 200;
/// Most rules of a configuration: a thousand cost no more than ten (`policy/index.rs`), and nobody
/// reads more.
pub const RULES: usize = 1_000;
/// Most ways to read one path, beside the path as it came: a path with two spellings of
/// `path.allow` has a dozen.
pub const PATH_READINGS: usize = 32;
/// Most bytes of all ways to read one path together: several times the longest path that most
/// servers take (8 KiB).
pub const PATH_READING_BYTES: usize = 64 << 10;
/// Longest SPIFFE ID, in bytes (SPIFFE-ID section 2.3).
pub const SPIFFE_ID_BYTES: usize = 2_048;
/// Longest name of a trust domain, in bytes (SPIFFE-ID section 2.3).
pub const TRUST_DOMAIN_BYTES: usize = 255;
/// Longest client certificate that is looked at, in bytes of PEM: a few times one with a chain of
/// names and an RSA key of 8,192 bits.
pub const PEER_CERTIFICATE_BYTES: usize = 32 << 10;
/// Most problems of a configuration that are told at once.
pub const CONFIG_PROBLEMS: usize = 100;

/// The bounds that a configuration may lower but not raise; [`Limits::rsa_bits`],
/// [`Limits::proof_body_bytes`] and [`Limits::forged_tokens_cpu_percent`] are the exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest token, in bytes.
    pub token_bytes: usize,
    /// Largest JWK set, in bytes.
    pub jwks_bytes: usize,
    /// Most keys of one JWK set.
    pub jwks_keys: usize,
    /// Most requests of one worker that wait.
    pub waiting_requests: usize,
    /// Most bytes that waiting requests of one worker hold: headers, and bodies that are waited
    /// for.
    pub waiting_bytes: usize,
    /// The part of a processor that each worker spends on wrong signatures, in percent, from 1 to
    /// [`FORGED_TOKENS_CPU_PERCENT_CEILING`]. It may be raised, because what it buys is that new
    /// tokens pass.
    pub forged_tokens_cpu_percent: usize,
    /// Most tokens of one worker whose signature is not checked again; zero: none.
    pub remembered_tokens: usize,
    /// Most bytes that these take; zero: none.
    pub remembered_bytes: usize,
    /// Most open streams of one worker that end with their authority.
    pub streams: usize,
    /// Largest body that an approval covers, in bytes, from 1 to [`PROOF_BODY_BYTES_CEILING`]. It
    /// may be raised, because the operator knows the host's buffer.
    pub proof_body_bytes: usize,
    /// Longest RSA modulus, in bits, from [`RSA_MIN_BITS`] to [`RSA_BITS_CEILING`]. It may be
    /// raised, because the issuer chooses the size of its keys and a token of a longer one cannot
    /// be verified otherwise.
    pub rsa_bits: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_bytes: TOKEN_BYTES,
            jwks_bytes: JWKS_BYTES,
            jwks_keys: JWKS_KEYS,
            waiting_requests: WAITING_REQUESTS,
            waiting_bytes: WAITING_BYTES,
            forged_tokens_cpu_percent: FORGED_TOKENS_CPU_PERCENT,
            remembered_tokens: REMEMBERED_TOKENS,
            remembered_bytes: REMEMBERED_BYTES,
            streams: STREAMS,
            proof_body_bytes: PROOF_BODY_BYTES,
            rsa_bits: RSA_BITS,
        }
    }
}
