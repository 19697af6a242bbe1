//! The sum of `docs/memory.md`: what each part may take, by the numbers of `limits.rs`.

use passgate_core::limits::{
    self, CONFIG_BYTES, CREDENTIAL_ANSWER_BYTES, CREDENTIAL_BYTES, CREDENTIAL_SUBJECTS,
    CREDENTIALS, CREDENTIALS_OF_SUBJECT, ETAG_BYTES, IDENTITY_TOKEN_BYTES, INTROSPECTION_ANSWERS,
    INTROSPECTION_BYTES, INTROSPECTION_NODES, JWKS_KEYS, JWKS_URI_BYTES, KEY_TABLES, KID_BYTES,
    PROVIDERS, REMEMBERED_BYTES, REMEMBERED_HEADER_BYTES, REMEMBERED_HEADERS, REVOCATION_BYTES,
    REVOCATION_ENTRIES, RSA_BITS, STATUS_LIST_TOKEN_BYTES, STATUS_LISTS, STREAM_BYTES, STREAMS,
    TOKEN_BYTES, UNKNOWN_KEYS, VERDICT_COUNTERS, WAITING_BYTES, WAITING_REQUESTS, WITHDRAWN_KEYS,
};

/// A table of multiples: 29 windows of 256 points of 64 bytes.
const TABLE: usize = 29 * 256 * 64;
/// What maps and boxes take for a thing that is kept, beside its own bytes: a generous guess.
const EACH: usize = 256;

/// A part that stays, and its bound for a configuration of so many providers with so many keys
/// each.
pub(crate) struct Part {
    /// In the table, and here.
    pub(crate) name: &'static str,
    /// In the table: of which numbers the bound is made.
    pub(crate) made_of: &'static str,
    /// Bytes.
    pub(crate) bound: fn(usize, usize) -> usize,
}

/// All that one configuration keeps on one worker.
pub(crate) const PARTS: [Part; 15] = [
    Part {
        name: "configuration",
        made_of: "8 × `CONFIG_BYTES`",
        bound: |_, _| 8 * CONFIG_BYTES,
    },
    Part {
        name: "keys",
        made_of: "`PROVIDERS` × (`JWKS_KEYS` × (`KID_BYTES` + 9 × `RSA_BITS` / 8 + 256) + `ETAG_BYTES` + `JWKS_URI_BYTES` + 4 KiB)",
        bound: |providers, keys| {
            let key = KID_BYTES + 9 * RSA_BITS / 8 + EACH;
            providers * (keys * key + ETAG_BYTES + JWKS_URI_BYTES + 4_096)
        },
    },
    Part {
        name: "names of keys that no set holds",
        made_of: "`PROVIDERS` × (`UNKNOWN_KEYS` + `WITHDRAWN_KEYS`) × (`KID_BYTES` + 256)",
        bound: |providers, _| providers * (UNKNOWN_KEYS + WITHDRAWN_KEYS) * (KID_BYTES + EACH),
    },
    Part {
        name: "tables for ES256",
        made_of: "(`KEY_TABLES` + 1) × 464 KiB",
        bound: |_, _| (KEY_TABLES + 1) * TABLE,
    },
    Part {
        name: "remembered tokens",
        made_of: "5/4 × `remembered_bytes`",
        bound: |_, _| REMEMBERED_BYTES / 4 * 5,
    },
    Part {
        name: "remembered headers",
        made_of: "`REMEMBERED_HEADERS` × (2 × `REMEMBERED_HEADER_BYTES` + 256)",
        bound: |_, _| REMEMBERED_HEADERS * (2 * REMEMBERED_HEADER_BYTES + EACH),
    },
    Part {
        name: "revocations",
        made_of: "`REVOCATION_BYTES` + 2 × `REVOCATION_ENTRIES` × 36",
        bound: |_, _| REVOCATION_BYTES + 2 * REVOCATION_ENTRIES * 36,
    },
    Part {
        name: "status lists",
        made_of: "(the larger of `STATUS_LISTS` and `PROVIDERS`) × (`STATUS_LIST_TOKEN_BYTES` + 1 KiB)",
        bound: |providers, _| STATUS_LISTS.max(providers) * (STATUS_LIST_TOKEN_BYTES + 1_024),
    },
    Part {
        name: "credentials",
        made_of: "3 × `CREDENTIAL_BYTES` + 2 × `CREDENTIALS` × 256",
        bound: |_, _| 3 * CREDENTIAL_BYTES + 2 * CREDENTIALS * EACH,
    },
    Part {
        name: "credentials by subject",
        made_of: "(the larger of `CREDENTIAL_SUBJECTS` and `PROVIDERS`) × (`CREDENTIAL_ANSWER_BYTES` + (`CREDENTIALS_OF_SUBJECT` + 2) × 256)",
        bound: |providers, _| {
            let person = CREDENTIAL_ANSWER_BYTES + (CREDENTIALS_OF_SUBJECT + 2) * EACH;
            CREDENTIAL_SUBJECTS.max(providers) * person
        },
    },
    Part {
        name: "introspection",
        made_of: "(the larger of `INTROSPECTION_ANSWERS` and `PROVIDERS`) × (`INTROSPECTION_BYTES` + 64 × `INTROSPECTION_NODES` + 256) + `PROVIDERS` × 64 × `TOKEN_BYTES`",
        bound: |providers, _| {
            let answer = INTROSPECTION_BYTES + 64 * INTROSPECTION_NODES + EACH;
            INTROSPECTION_ANSWERS.max(providers) * answer + providers * 64 * TOKEN_BYTES
        },
    },
    Part {
        name: "waiting requests",
        made_of: "`waiting_bytes` + `waiting_requests` × 256",
        bound: |_, _| WAITING_BYTES + WAITING_REQUESTS * EACH,
    },
    Part {
        name: "open streams",
        made_of: "`streams` × `STREAM_BYTES`",
        bound: |_, _| STREAMS * STREAM_BYTES,
    },
    Part {
        name: "identity tokens",
        made_of: "5/4 × `IDENTITY_TOKEN_BYTES`",
        bound: |_, _| IDENTITY_TOKEN_BYTES / 4 * 5,
    },
    Part {
        name: "counters of verdicts",
        made_of: "`VERDICT_COUNTERS` × 256",
        bound: |_, _| VERDICT_COUNTERS * EACH,
    },
];

/// What comes and goes within one callback: one of these at a time.
pub(crate) const PASSING: [(&str, &str, usize); 4] = [
    (
        "reading a configuration",
        "24 × `CONFIG_BYTES`",
        24 * CONFIG_BYTES,
    ),
    (
        "reading a key set",
        "32 × `JWKS_BYTES`",
        32 * limits::JWKS_BYTES,
    ),
    ("reading a token", "16 × `TOKEN_BYTES`", 16 * TOKEN_BYTES),
    (
        "reading a status list",
        "8 × `STATUS_LIST_TOKEN_BYTES`",
        8 * STATUS_LIST_TOKEN_BYTES,
    ),
];

/// The bound of a part with so many providers.
pub(crate) fn bound(name: &str, providers: usize) -> usize {
    let part = PARTS.iter().find(|part| part.name == name).unwrap();
    (part.bound)(providers, JWKS_KEYS)
}

/// The table of `docs/memory.md`.
pub(crate) fn table() -> String {
    let mib = |bytes: usize| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let mut lines = vec![
        "| What | at most | MiB: 1 provider, 4 keys | MiB: 100 providers, 100 keys each |"
            .to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let mut sums = [0, 0];
    for Part {
        name,
        made_of,
        bound,
    } in PARTS
    {
        let bounds = [bound(1, 4), bound(PROVIDERS, JWKS_KEYS)];
        sums = [sums[0] + bounds[0], sums[1] + bounds[1]];
        let [small, large] = bounds.map(mib);
        lines.push(format!("| {name} | {made_of} | {small} | {large} |"));
    }
    for (name, made_of, bytes) in PASSING {
        let bytes = mib(bytes);
        lines.push(format!("| {name} | {made_of} | {bytes} | {bytes} |"));
    }
    let most = PASSING.iter().map(|(_, _, bytes)| *bytes).max().unwrap();
    let [small, large] = sums.map(|sum| mib(sum + most));
    lines.push(format!(
        "| **sum**, with the largest of the last four | | **{small}** | **{large}** |"
    ));
    lines.join("\n") + "\n"
}
