//! The document as a whole: from bytes to strict JSON, and its hash.

use sha2::{Digest as _, Sha256};

use crate::{
    decode::{At, Problems},
    json::Json,
    limits,
};

/// Reads the document; what is no JSON gets one clear error.
pub(super) fn read(bytes: &[u8], problems: &mut Problems) -> Option<Json> {
    if bytes.is_empty() {
        problems.add(
            At::Root,
            &["the configuration is empty"],
            &["write at least one provider under providers"],
        );
        return None;
    }
    if bytes.len() > limits::CONFIG_BYTES {
        problems.add(
            At::Root,
            &["the configuration is larger than 1 MiB"],
            &["write less"],
        );
        return None;
    }
    match Json::parse(bytes, limits::DOCUMENT_JSON_NODES) {
        Ok(json) => Some(json),
        Err(_) if is_struct(bytes) => {
            problems.add(
                At::Root,
                &["the configuration is a google.protobuf.Struct, which does not arrive as JSON"],
                &["write it as JSON in a \
                 StringValue: \"@type\": type.googleapis.com/google.protobuf.StringValue"],
            );
            None
        }
        Err(_) if is_yaml(bytes) => {
            problems.add(
                At::Root,
                &["the configuration is not JSON and looks like YAML, which arrives as it is"],
                &["write here what \
                 `passgate print --json FILE` prints"],
            );
            None
        }
        Err(error) => {
            let error: String = error
                .to_string()
                .chars()
                .take(2 * limits::SHOWN_BYTES)
                .collect();
            let seen = ["the configuration is not JSON that is accepted: ", &error];
            problems.add(At::Root, &seen, &[]);
            None
        }
    }
}

/// Whether these bytes look like YAML: text that does not begin like a JSON object, and names a
/// member.
fn is_yaml(bytes: &[u8]) -> bool {
    let mut visible = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    let is_json = visible.next() == Some(&b'{') && matches!(visible.next(), Some(b'"' | b'}'));
    let names_member = bytes
        .windows(2)
        .any(|pair| matches!(pair, b": " | b":\n" | b":\r"));
    !is_json && names_member && core::str::from_utf8(bytes).is_ok()
}

/// Whether these bytes look like a `google.protobuf.Struct`: a map entry (field 1) whose key (field
/// 1) is followed by a value (field 2).
fn is_struct(bytes: &[u8]) -> bool {
    fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
        let mut value = 0_usize;
        for (index, byte) in bytes.iter().take(4).enumerate() {
            let shift = u32::try_from(index).ok()?.saturating_mul(7);
            value |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some((value, bytes.get(index.saturating_add(1)..)?));
            }
        }
        None
    }
    let entry = bytes.strip_prefix(&[0x0a]).and_then(length);
    let key = entry
        .and_then(|(_, rest)| rest.strip_prefix(&[0x0a]))
        .and_then(length);
    key.and_then(|(key, rest)| rest.get(key)) == Some(&0x12)
}

/// The first twelve hexadecimal digits of the SHA-256 of the document, compact and with its members
/// sorted: two spellings of one document have one hash, whoever passed it on. Its tests are left
/// out.
pub(super) fn hash(document: &Json) -> String {
    let mut document = sorted(document);
    if let Json::Object(members) = &mut document {
        members.retain(|(name, _)| **name != *"tests");
    }
    let digest = Sha256::digest(document.to_string());
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    digest
        .iter()
        .take(6)
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

fn sorted(json: &Json) -> Json {
    match json {
        Json::Array(elements) => Json::Array(elements.iter().map(sorted).collect()),
        Json::Object(members) => {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
            names.sort_unstable();
            let member = |name: &str| Some((name.into(), sorted(json.get(name)?)));
            Json::Object(names.into_iter().filter_map(member).collect())
        }
        leaf => leaf.clone(),
    }
}
