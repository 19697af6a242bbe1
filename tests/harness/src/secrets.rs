//! What no log may hold: parts of every token that was minted, every cookie and credential that a
//! request carried, and keys that Envoy hands over.

use std::collections::{BTreeSet, HashMap};
use std::sync::Mutex;

static SENT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Shorter texts may stand in a log by chance.
const SHORTEST: usize = 20;

/// Notes what a header of a request holds, if it holds secrets.
pub fn note(name: &str, value: &[u8]) {
    let is_cookie = name.eq_ignore_ascii_case("cookie");
    if !is_cookie && !name.eq_ignore_ascii_case("authorization") {
        return;
    }
    let Ok(text) = std::str::from_utf8(value) else {
        return;
    };
    let mut sent = SENT.lock().unwrap();
    for word in text.split([' ', ';', ',']) {
        let word = match word.split_once('=') {
            Some((_, value)) if is_cookie => value,
            _ => word,
        };
        sent.extend(parts(word));
    }
}

/// Notes a secret of Envoy's environment, such as a private key: each line of it, and each member
/// of a JWK.
pub fn keep(secret: &str) {
    let words = secret.split(|c: char| c.is_whitespace() || "\",:{}".contains(c));
    let long = words.filter(|word| word.len() >= SHORTEST && !word.starts_with('-'));
    SENT.lock().unwrap().extend(long.map(str::to_owned));
}

/// Whether one of them is in this text: which. One pass over the text, since a story may make ten
/// thousand tokens and megabytes of logs.
pub fn find_in(text: &str) -> Option<String> {
    let minted = passgate_kit::minted();
    // The header of a token is not a secret: it is the same for many tokens, and a key set says as
    // much.
    let of_tokens = minted.iter().flat_map(|token| parts(token));
    let sent = SENT.lock().unwrap();
    let mut by_beginning: HashMap<Vec<u8>, BTreeSet<String>> = HashMap::new();
    for secret in of_tokens.chain(sent.iter().cloned()) {
        let beginning = secret.as_bytes()[..SHORTEST].to_vec();
        by_beginning.entry(beginning).or_default().insert(secret);
    }
    let bytes = text.as_bytes();
    let places = bytes.windows(SHORTEST).enumerate();
    let candidates = places.filter_map(|(at, beginning)| Some((at, by_beginning.get(beginning)?)));
    candidates
        .flat_map(|(at, secrets)| secrets.iter().map(move |secret| (at, secret)))
        .find(|(at, secret)| bytes[*at..].starts_with(secret.as_bytes()))
        .map(|(_, secret)| secret.clone())
}

fn parts(word: &str) -> impl Iterator<Item = String> {
    let is_token = word.split('.').count() == 3;
    let parts = word.split('.').enumerate();
    let parts = parts.filter(move |(index, _)| !(is_token && *index == 0));
    let parts: Vec<String> = parts
        .filter(|(_, part)| part.len() >= SHORTEST)
        .map(|(_, part)| part.to_owned())
        .collect();
    parts.into_iter()
}
