//! The scripted identity provider: what it publishes, and how it answers.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use passgate_core::{Answer, Fetch, Purpose, UnixTime, VerifyingKey};

use crate::random::Random;

/// A public key with a name. Equal points under two names are two keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) kid: String,
    pub(crate) point: usize,
}

struct Point {
    x: String,
    y: String,
    key: VerifyingKey,
    signer: SigningKey,
}

/// When all tokens expire.
pub(crate) const TOKENS_END: UnixTime = UnixTime::from_secs(253_402_300_799);

const POINTS: u8 = 16;

fn points() -> &'static [Point] {
    static POINTS_MADE: OnceLock<Vec<Point>> = OnceLock::new();
    POINTS_MADE.get_or_init(|| {
        (1..=POINTS)
            .map(|scalar| {
                let signer = SigningKey::from_slice(&[scalar; 32]).unwrap();
                let point = signer.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                Point {
                    x: URL_SAFE_NO_PAD.encode(x),
                    y: URL_SAFE_NO_PAD.encode(y),
                    key: VerifyingKey::p256(x, y).unwrap(),
                    signer,
                }
            })
            .collect()
    })
}

impl Key {
    pub(crate) fn verifying_key(&self) -> &'static VerifyingKey {
        &points()[self.point].key
    }

    /// A token of the site's issuer that this key has signed.
    pub(crate) fn token(&self, site: usize) -> String {
        let header = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, self.kid);
        let claims = format!(
            r#"{{"iss":"https://{site}.example","aud":"api","sub":"a","exp":{}}}"#,
            TOKENS_END.as_secs()
        );
        let text = [header, claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part))
            .join(".");
        let signature: Signature = points()[self.point].signer.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    fn jwk(&self) -> String {
        let Point { x, y, .. } = &points()[self.point];
        let kid = &self.kid;
        format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{x}","y":"{y}"}}"#)
    }
}

/// How an origin behaves for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Good,
    Slow,
    /// Refuses at once.
    Down,
    /// Answers nothing; the host gives up after its timeout.
    Hanging,
    /// The host itself loses the answer, or delivers it long after the deadline.
    Lossy,
    /// Answers junk.
    Sick,
    /// Publishes a set without usable keys by mistake.
    Empty,
    /// Any of these for each fetch anew.
    Mixed,
}

pub(crate) const WEATHERS: [Weather; 8] = [
    Weather::Good,
    Weather::Slow,
    Weather::Down,
    Weather::Hanging,
    Weather::Lossy,
    Weather::Sick,
    Weather::Empty,
    Weather::Mixed,
];

/// An answer on its way.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// The published keys; `None`: those of the moment of arrival.
    Keys {
        keys: Option<Vec<Key>>,
        cache_control: CacheControl,
        tagged: bool,
    },
    /// The issuer's document.
    Document {
        says: Says,
        tagged: bool,
    },
    /// "The same as you have", honestly or not; `None`: without `Cache-Control`.
    NotModified(Option<CacheControl>),
    Empty,
    OnlyOdd,
    Status(u16),
    Junk,
    TooLarge,
    NoAnswer,
    NotSent,
}

/// What the issuer's document says about the address of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Path(u64),
    /// It is another issuer's.
    OtherIssuer,
    /// An address that the configuration does not allow.
    Elsewhere,
}

/// The path of the issuer's document.
pub(crate) const DOCUMENT: &str = "/acme/.well-known/openid-configuration";

/// The path of the keys, which changes now and then.
pub(crate) fn path(number: u64) -> String {
    format!("/acme/{number}")
}

/// The name of the document that says so.
pub(crate) fn document_etag(path: u64) -> String {
    format!("\"{path}\"")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheControl {
    Silent,
    MaxAge(u64),
    NoStore,
}

impl CacheControl {
    fn value(self) -> String {
        match self {
            Self::Silent => "public".to_owned(),
            Self::MaxAge(secs) => format!("max-age={secs}"),
            Self::NoStore => "no-store".to_owned(),
        }
    }
}

/// The name of a set of keys: another set has another.
pub(crate) fn etag(keys: &[Key]) -> String {
    let names: Vec<_> = keys
        .iter()
        .map(|key| format!("{}={}", key.kid, key.point))
        .collect();
    format!("W/\"{}\"", names.join(","))
}

/// What comes of one fetch: at most two arrivals of one reply.
pub(crate) struct Delivery {
    pub(crate) reply: Reply,
    /// Milliseconds after the start.
    pub(crate) after: Vec<u64>,
}

/// What an origin has: its keys, and the number of their address.
#[derive(Clone, Copy)]
pub(crate) struct Published<'a> {
    pub(crate) keys: &'a [Key],
    pub(crate) path: u64,
}

pub(crate) fn deliver(
    weather: Weather,
    published: Published<'_>,
    fetch: &Fetch,
    timeout: u64,
    random: &mut Random,
) -> Delivery {
    let quick = random.between(0, 40);
    let if_none_match = fetch.call.header("if-none-match");
    let is_document = fetch.purpose == Some(Purpose::Discovery);
    let Published {
        keys: published,
        path: number,
    } = published;
    let asked = &fetch.call.endpoint.path;
    let moved_away = asked.starts_with("/acme/") && *asked != path(number);
    let content = |random: &mut Random| {
        if is_document {
            let same = if_none_match == Some(&*document_etag(number));
            return if same && random.percent(70) {
                Reply::NotModified(None)
            } else {
                Reply::Document {
                    says: Says::Path(number),
                    tagged: random.percent(70),
                }
            };
        }
        if moved_away {
            return Reply::Status(404);
        }
        let cache_control = match random.between(0, 5) {
            0 => CacheControl::MaxAge(random.between(0, 120)),
            1 => CacheControl::NoStore,
            _ => CacheControl::Silent,
        };
        if if_none_match == Some(&*etag(published)) {
            let says = random.percent(50);
            return Reply::NotModified(says.then_some(cache_control));
        }
        Reply::Keys {
            keys: random.percent(50).then(|| published.to_vec()),
            cache_control,
            tagged: random.percent(70),
        }
    };
    let (reply, after) = match weather {
        Weather::Good => (content(random), vec![quick]),
        Weather::Slow => (content(random), vec![random.between(0, timeout)]),
        Weather::Down => {
            let reply = random.one_of(&[Failed::NotSent, Failed::NoAnswer, Failed::Status]);
            (reply.into(), vec![quick / 8])
        }
        Weather::Hanging => (Reply::NoAnswer, vec![timeout]),
        Weather::Lossy => match random.between(0, 3) {
            0 => (content(random), Vec::new()),
            1 => (
                content(random),
                vec![timeout + random.between(1_001, 9_000)],
            ),
            2 => (
                content(random),
                vec![quick, quick + random.between(0, 3_000)],
            ),
            _ => (content(random), vec![timeout + random.between(0, 900)]),
        },
        Weather::Sick if is_document && random.percent(50) => {
            let says = random.one_of(&[Says::OtherIssuer, Says::Elsewhere]);
            let tagged = false;
            (Reply::Document { says, tagged }, vec![quick])
        }
        Weather::Sick => {
            let reply = random.one_of(&[
                Failed::Status,
                Failed::Junk,
                Failed::TooLarge,
                Failed::NotModified,
            ]);
            (reply.into(), vec![quick])
        }
        Weather::Empty if is_document => (content(random), vec![quick]),
        Weather::Empty if random.percent(50) => (Reply::Empty, vec![quick]),
        Weather::Empty => (Reply::OnlyOdd, vec![quick]),
        Weather::Mixed => {
            let weather = random.one_of(&WEATHERS[..7]);
            let published = Published {
                keys: published,
                path: number,
            };
            return deliver(weather, published, fetch, timeout, random);
        }
    };
    Delivery { reply, after }
}

#[derive(Clone, Copy)]
enum Failed {
    NotSent,
    NoAnswer,
    Status,
    Junk,
    TooLarge,
    NotModified,
}

impl From<Failed> for Reply {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::NotSent => Self::NotSent,
            Failed::NoAnswer => Self::NoAnswer,
            Failed::Status => Self::Status(503),
            Failed::Junk => Self::Junk,
            Failed::TooLarge => Self::TooLarge,
            Failed::NotModified => Self::NotModified(None),
        }
    }
}

/// Gives a reply to the receiver of answers, in the form that the cache reads.
pub(crate) fn with_answer<T>(
    reply: &Reply,
    published: &[Key],
    odd: bool,
    give: impl FnOnce(Answer<'_>) -> T,
) -> T {
    let http = |status, body: &[u8], give: &mut dyn FnMut(Answer<'_>)| {
        give(Answer::Http {
            status,
            headers: &[],
            body,
        });
    };
    let mut give = Some(give);
    let mut result = None;
    let mut once = |answer: Answer<'_>| result = give.take().map(|give| give(answer));
    match reply {
        Reply::Keys {
            keys,
            cache_control,
            tagged,
        } => {
            let keys = keys.as_deref().unwrap_or(published);
            let (body, value, tag) = (document(keys, odd), cache_control.value(), etag(keys));
            let headers: [(&[u8], &[u8]); 2] = [
                (b"Cache-Control", value.as_bytes()),
                (b"etag", tag.as_bytes()),
            ];
            once(Answer::Http {
                status: 200,
                headers: if *tagged { &headers } else { &headers[..1] },
                body: &body,
            });
        }
        Reply::NotModified(cache_control) => {
            let value = cache_control.map(CacheControl::value);
            let header = value
                .as_ref()
                .map(|value| (&b"Cache-Control"[..], value.as_bytes()));
            once(Answer::Http {
                status: 304,
                headers: header.as_slice(),
                body: b"",
            });
        }
        Reply::Empty => http(200, br#"{"keys":[]}"#, &mut once),
        Reply::OnlyOdd => http(200, &document(&[], true), &mut once),
        Reply::Status(status) => http(*status, &document(published, odd), &mut once),
        Reply::Junk => http(200, b"<html>", &mut once),
        Reply::Document { says, tagged } => {
            let (issuer, number) = match says {
                Says::Path(number) => ("https://id.example/acme", *number),
                Says::OtherIssuer => ("https://id.example/evil", 0),
                Says::Elsewhere => ("https://id.example/acme", 0),
            };
            let host = if *says == Says::Elsewhere {
                "evil.example"
            } else {
                "id.example"
            };
            let body = format!(
                r#"{{"issuer":"{issuer}","jwks_uri":"https://{host}{}"}}"#,
                path(number)
            );
            let tag = document_etag(number);
            let headers: [(&[u8], &[u8]); 1] = [(b"ETag", tag.as_bytes())];
            once(Answer::Http {
                status: 200,
                headers: if *tagged { &headers } else { &[] },
                body: body.as_bytes(),
            });
        }
        Reply::TooLarge => http(200, &[b' '; 70_000], &mut once),
        Reply::NoAnswer => once(Answer::NoAnswer),
        Reply::NotSent => once(Answer::NotSent { cluster: "idp" }),
    }
    result.unwrap()
}

/// The document of a set, with an odd key in it now and then: it must not spoil the others.
fn document(keys: &[Key], odd: bool) -> Vec<u8> {
    let mut jwks: Vec<String> = keys.iter().map(Key::jwk).collect();
    if odd {
        jwks.insert(0, r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.into());
    }
    format!(r#"{{"keys":[{}]}}"#, jwks.join(",")).into_bytes()
}
