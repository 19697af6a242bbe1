//! `passgate revoke`: an operator's own entries, through the feed's API for operators.

mod send;

use std::{env, ffi::OsStr, fs};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use passgate_arguments::{Line, Program};
use passgate_core::{Json, RevocationEntry};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use self::send::Feed;
use crate::{report::Report, text::line_by_line};

pub(crate) const PROGRAM: Program = Program {
    name: "passgate",
    usage: USAGE,
    options: &["feed", "token-file", "not-before", "reason"],
    flags: &["undo"],
};

const USAGE: &str = "\
usage: passgate revoke [--undo] --feed URI [OPTIONS] PROVIDER NAME=VALUE...

Ends what the names name, at all gates that fetch the feed's list of this provider.
With --undo takes such entries away again. What events have ended stays ended.

  NAME               sub, sid, jti, client_id, credential, aaguid or jkt, as in the list;
                     credential_id is the id of a passkey, in base64url
  --feed URI         where the feed listens for operators, on this machine; over a network,
                     the end of a tunnel, such as ssh -L or kubectl port-forward
  --token-file FILE  what operators show; absent: the variable PASSGATE_FEED_TOKEN
  --not-before WHEN  what was issued up to then ends: now, seconds since 1970, or all.
                     Default: now for sub and client_id, all for the others
  --reason TEXT      what gates write into their records

exit status: 0 done, 1 refused by the feed, 2 unreadable, not reached or wrong usage
";

/// The variable that holds what operators show.
const TOKEN: &str = "PASSGATE_FEED_TOKEN";

/// Does what the words say. `None` is a wrong usage.
pub(crate) fn run(line: &Line) -> Option<Result<Report, String>> {
    let words = line.texts();
    let (provider, names) = words.split_first()?;
    let feed = line.value("feed")?.to_str()?;
    if names.is_empty() || (line.has("undo") && line.value("not-before").is_some()) {
        return None;
    }
    let not_before = NotBefore::of(line.value("not-before"))?;
    Some(revoke(line, (feed, provider), names, not_before).map_err(|why| said(&why)))
}

fn said(why: &str) -> String {
    format!("passgate: {why}\n")
}

fn revoke(
    line: &Line,
    (feed, provider): (&str, &str),
    names: &[String],
    not_before: NotBefore,
) -> Result<Report, String> {
    let feed = Feed::at(feed)?;
    let bearer = bearer(line.value("token-file"))?;
    let is_undone = line.has("undo");
    let reason = line.value("reason").map(OsStr::to_string_lossy);
    let entries = names.iter().map(|name| {
        let mut entry = entry(name)?;
        if !is_undone {
            not_before.write(&mut entry);
            if let Some(reason) = &reason {
                entry.insert("reason".to_owned(), (&**reason).into());
            }
        }
        // As a gate reads it.
        let text = Value::Object(entry.clone()).to_string();
        let json = Json::parse(text.as_bytes(), 16).ok();
        let is_read = json.is_some_and(|json| RevocationEntry::read(&json).is_some());
        let odd = || format!("{name}: gates would not read it; passgate revoke --help says more");
        is_read.then_some(entry).ok_or_else(odd)
    });
    let entries = entries.collect::<Result<Vec<_>, String>>()?;
    let method = if is_undone { "DELETE" } else { "POST" };
    let body = json!({ "entries": entries }).to_string();
    let (status, answer) = feed.send(method, provider, &bearer, body)?;
    let accepted = status == 200;
    let what = if is_undone { "taken away" } else { "written" };
    let text = match (accepted, serde_json::from_str::<Value>(&answer)) {
        (true, Ok(edition)) => {
            let number = |name: &str| {
                edition
                    .get(name)
                    .and_then(Value::as_u64)
                    .unwrap_or_default()
            };
            let (epoch, sequence) = (number("epoch"), number("sequence"));
            let count = entries.len();
            format!("{what}: {count}; gates see it in edition {epoch}.{sequence} of {provider}\n")
        }
        _ => format!("refused: {status} {}\n", line_by_line(answer.trim_end())),
    };
    Ok(Report { text, accepted })
}

/// What was issued up to this ends.
#[derive(Clone, Copy)]
enum NotBefore {
    Usual,
    At(u64),
    All,
}

impl NotBefore {
    /// `None`: it is no such time.
    fn of(word: Option<&OsStr>) -> Option<Self> {
        Some(match word.map(|word| word.to_str()) {
            None => Self::Usual,
            Some(Some("all")) => Self::All,
            Some(Some("now")) => Self::At(crate::now().as_secs()),
            Some(seconds) => Self::At(seconds?.parse().ok()?),
        })
    }

    fn write(self, entry: &mut Map<String, Value>) {
        // A session and a token are not issued again, and a passkey that was lost is not found.
        let comes_back = ["sub", "client_id"]
            .iter()
            .any(|name| entry.contains_key(*name));
        let seconds = match self {
            Self::Usual if comes_back => crate::now().as_secs(),
            Self::Usual | Self::All => return,
            Self::At(seconds) => seconds,
        };
        entry.insert("not_before".to_owned(), seconds.into());
    }
}

/// An entry with a name alone.
fn entry(word: &str) -> Result<Map<String, Value>, String> {
    let Some((name, value)) = word.split_once('=') else {
        return Err(format!("{word}: write NAME=VALUE, such as sub=alice"));
    };
    let (name, value) = if name == "credential_id" {
        let id = BASE64URL.decode(value);
        let id = id.map_err(|_| format!("{word}: write the id in base64url without padding"))?;
        ("credential", BASE64URL.encode(Sha256::digest(id)))
    } else {
        (name, value.to_owned())
    };
    Ok(Map::from_iter([(name.to_owned(), value.into())]))
}

/// The value of `Authorization`. What is secret does not stand on the command line.
fn bearer(file: Option<&OsStr>) -> Result<String, String> {
    let text = match file {
        Some(file) => fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.to_string_lossy()))?,
        None => env::var(TOKEN)
            .map_err(|_| format!("write --token-file FILE, or set the variable {TOKEN}"))?,
    };
    let token = text.trim_end();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token is not one line of visible ASCII".to_owned());
    }
    Ok(format!("Bearer {token}"))
}
