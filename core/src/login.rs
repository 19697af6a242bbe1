//! Where a person's browser is sent instead of being told 401: to a page where people sign in, and
//! back again.
//!
//! Nothing of the address is the client's to choose. The page is configured. The way back begins
//! with one of our `origins`, which the request's authority selects and which is never copied from
//! it. Everything else of the request is percent-encoded, so it cannot leave its parameter or the
//! header. Tokens in the query are left out.
//!
//! A sign-in that does not help must not become a loop. A cookie of half a minute says where the
//! browser was sent to. A browser that would be sent there again gets a page in plain text instead.

use sha2::{Digest as _, Sha256};

use crate::{
    jose::to_base64url,
    limits,
    reason::{Detour, StepUp},
    request::{
        Origin, Request, Target,
        credentials::{cookies, without_params},
    },
    text::percent,
};

/// A page where people sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `https`, or `http` on loopback; without query and fragment.
    pub page: String,
    /// The query, in order.
    pub params: Vec<LoginParam>,
}

/// A parameter of the address of a login page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginParam {
    /// As it is written.
    Fixed(String),
    /// With a value that depends on the request; left out where there is none.
    Filled {
        /// As it is written.
        name: String,
        /// The value.
        with: Placeholder,
    },
}

/// What depends on the request in the address of a login page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The address that was asked for.
    ReturnTo,
    /// `acr_values` of the challenge (RFC 9470).
    AcrValues,
    /// `max_age` of the challenge.
    MaxAge,
}

/// A request that lacks a sign-in, and the one that it lacks.
pub(crate) struct Visit<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) target: &'a Target<'a>,
    pub(crate) origins: &'a [Origin],
    /// Names of the parameters in which a token may be.
    pub(crate) token_params: &'a [String],
    pub(crate) step_up: &'a StepUp,
}

impl Visit<'_> {
    /// The way to this page. `None`: the request does not come from a person's browser, or it
    /// reached a place that is not one of our origins.
    pub(crate) fn detour(&self, login: &Login) -> Option<Detour> {
        let origin = self.target.origin(self.origins)?;
        if !is_navigation(self.request, self.target) {
            return None;
        }
        let cookie = LoopCookie::of(origin);
        let back = self.return_to(origin);
        let place = self.place(login, origin);
        let mark = place.clone() + &digest(back.as_deref().unwrap_or_default(), BACK_BYTES);
        let mut marks = cookie.marks(self.request);
        let turns = marks.iter().filter(|mark| mark.starts_with(&place)).count();
        if marks.contains(&mark) || turns >= TURNS {
            let cookie = cookie.forget();
            return Some(Detour::Page { cookie });
        }
        marks.push(mark);
        Some(Detour::Redirect {
            location: self.location(login, back),
            cookie: cookie.remember(&marks),
        })
    }

    /// What is the same when a browser is sent to the same place for the same reason, whatever is
    /// in the query: the page may add to it with each turn.
    fn place(&self, login: &Login, origin: &Origin) -> String {
        let path = self.target.path.as_deref().unwrap_or_default();
        let max_age = self.step_up.max_age.map(|seconds| seconds.to_string());
        let parts = [
            &*origin.text,
            &login.page,
            path,
            &self.step_up.acr_values.join(" "),
            &max_age.unwrap_or_default(),
        ];
        digest(&parts.join("\n"), PLACE_BYTES)
    }

    /// The page, with the parameters that have a value.
    fn location(&self, login: &Login, back: Option<String>) -> String {
        let value = |placeholder| match placeholder {
            Placeholder::ReturnTo => back.clone(),
            Placeholder::AcrValues => {
                let values = self.step_up.acr_values.join(" ");
                (!values.is_empty()).then_some(values)
            }
            Placeholder::MaxAge => self.step_up.max_age.map(|seconds| seconds.to_string()),
        };
        let params = login.params.iter().filter_map(|param| match param {
            LoginParam::Fixed(text) => Some(text.clone()),
            LoginParam::Filled { name, with } => {
                let value = value(*with)?;
                let mut param = format!("{name}=");
                percent::encode(&mut param, value.bytes(), percent::is_unreserved);
                Some(param)
            }
        });
        let mut location = login.page.clone();
        for (index, param) in params.enumerate() {
            location.push(if index == 0 { '?' } else { '&' });
            location.push_str(&param);
        }
        location
    }

    /// What the browser asked for, on our origin, without tokens.
    fn return_to(&self, origin: &Origin) -> Option<String> {
        let tokens: Vec<&str> = self.token_params.iter().map(String::as_str).collect();
        let asked = self.request.values(":path").next()?;
        let clean = without_params(asked, &tokens).unwrap_or_else(|| asked.to_vec());
        let stays = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>\\^`{|}".contains(&byte);
        let mut uri = origin.text.clone();
        percent::encode(&mut uri, clean, stays);
        (uri.len() <= limits::RETURN_TO_BYTES).then_some(uri)
    }
}

/// Whether a person's browser asks for a page to show it (Fetch Metadata Request Headers, sections
/// 2.1 and 2.2), and not a script, a style sheet, a frame, or a browser that guesses what the
/// person will want next.
fn is_navigation(request: Request<'_>, target: &Target<'_>) -> bool {
    let only = |name: &str, wanted: &[u8]| {
        let mut values = request.values(name);
        values.next() == Some(wanted) && values.next().is_none()
    };
    let is_guess = request
        .values("sec-purpose")
        .any(|purpose| purpose.starts_with(b"prefetch"));
    if !matches!(target.method, "GET" | "HEAD") || request.has("upgrade") || is_guess {
        return false;
    }
    let (has_mode, has_dest) = (request.has("sec-fetch-mode"), request.has("sec-fetch-dest"));
    if has_mode || has_dest {
        return only("sec-fetch-mode", b"navigate")
            && (!has_dest || only("sec-fetch-dest", b"document"));
    }
    // A browser that tells nothing: an old one, or one that reached us without TLS. Scripts of such
    // browsers ask for anything, or name themselves; across origins they name their page.
    target.method == "GET"
        && !request.has("origin")
        && !only("x-requested-with", b"XMLHttpRequest")
        && request.values("accept").any(accepts_html)
}

/// Whether `text/html` itself is in a list of media ranges (RFC 9110 section 12.5.1), and not as
/// the one thing unwanted.
fn accepts_html(accept: &[u8]) -> bool {
    accept.split(|&byte| byte == b',').any(|range| {
        let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let is_html = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"text/html"));
        let unwanted: [&[u8]; 4] = [b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"];
        is_html && !parts.any(|part| unwanted.iter().any(|q| part.eq_ignore_ascii_case(q)))
    })
}

/// The cookie that says where a browser was sent to a moment ago.
struct LoopCookie {
    name: &'static str,
    attributes: &'static str,
}

impl LoopCookie {
    /// Over TLS with the prefix that lets nobody but this very origin write it (RFC 6265bis section
    /// 4.1.3.2). Lax: it has to come along when another site sends the browser back.
    fn of(origin: &Origin) -> Self {
        if origin.text.starts_with("https:") {
            Self {
                name: "__Host-passgate-login",
                attributes: "; Path=/; Secure; HttpOnly; SameSite=Lax",
            }
        } else {
            Self {
                name: "passgate-login",
                attributes: "; Path=/; HttpOnly; SameSite=Lax",
            }
        }
    }

    /// The marks that a request brings; nothing else of what the cookie holds is ever sent back.
    fn marks(&self, request: Request<'_>) -> Vec<String> {
        let values = cookies(request).filter(|(name, _)| *name == self.name.as_bytes());
        let marks = values.flat_map(|(_, value)| value.split(|&byte| byte == b'.'));
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let length = PLACE_BYTES.saturating_add(BACK_BYTES);
        let marks = marks.filter(|mark| mark.len() == length && mark.iter().all(plain));
        marks
            .take(MARKS)
            .map(|mark| String::from_utf8_lossy(mark).into_owned())
            .collect()
    }

    /// The latest marks: each tab of a browser may be on its way somewhere.
    fn remember(&self, marks: &[String]) -> String {
        let latest = marks
            .get(marks.len().saturating_sub(MARKS)..)
            .unwrap_or_default();
        let Self { name, attributes } = self;
        format!("{name}={}; Max-Age={SECONDS}{attributes}", latest.join("."))
    }

    fn forget(&self) -> String {
        let Self { name, attributes } = self;
        format!("{name}=; Max-Age=0{attributes}")
    }
}

/// How long a browser that comes back is taken to be in a loop: nobody signs in by hand and comes
/// back much faster, and a loop turns in a few seconds.
const SECONDS: u8 = 30;
/// Most ways back to one place that a browser may be on: tabs with other queries, or a page that
/// adds to the query with each turn of a loop.
const TURNS: usize = 3;
/// Most marks that are remembered: of eight places with all their ways back, so that none makes
/// room for another's loop.
const MARKS: usize = 8 * TURNS;
/// A mark is a place and a way back to it, 48 and 24 bits: for comparisons that nobody gains by
/// cheating.
const PLACE_BYTES: usize = 8;
const BACK_BYTES: usize = 4;

/// So many characters of a digest.
fn digest(text: &str, length: usize) -> String {
    let mut digest = to_base64url(&Sha256::digest(text));
    digest.truncate(length);
    digest
}
