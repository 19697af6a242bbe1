//! Where people sign in: the template of an address.

use super::{Login, LoginParam, Placeholder, uri};
use crate::{
    decode::{Fault, FromText, shown},
    uri::{host_and_port, is_loopback, split},
};

/// What may stand in braces.
const PLACEHOLDERS: [(&str, Placeholder); 3] = [
    ("{return_to}", Placeholder::ReturnTo),
    ("{acr_values}", Placeholder::AcrValues),
    ("{max_age}", Placeholder::MaxAge),
];

impl FromText for Login {
    const WANTED: &'static str =
        "the URI of a page, such as https://app.example.com/login?return_to={return_to}";
    const PATTERN: &'static str = "^https?://";

    fn shown(text: &str) -> String {
        uri::shown_uri(text)
    }

    fn from_text(text: &str) -> Result<Self, Fault> {
        let (page, query) = text.split_once('?').unwrap_or((text, ""));
        if page.contains(['{', '}']) {
            return Err((
                "has a placeholder outside of its query",
                "write it as the value of a parameter",
            )
                .into());
        }
        let (scheme, authority, _) =
            split(&text.replace(['{', '}'], "_")).map(|(scheme, authority, rest)| {
                (scheme.to_owned(), authority.to_owned(), rest.len())
            })?;
        let (host, _) = host_and_port(&authority)?;
        if scheme == "http" && !is_loopback(&host.to_ascii_lowercase()) {
            return Err((
                "is reached without TLS, which only loopback may be",
                "write https://",
            )
                .into());
        }
        if text.contains('#') {
            return Err(("has a fragment", "write it without # and what follows").into());
        }
        let params = query.split('&').filter(|param| !param.is_empty());
        Ok(Self {
            page: page.to_owned(),
            params: params.map(param).collect::<Result<_, _>>()?,
        })
    }
}

/// One parameter: all of its value is a placeholder, or nothing is.
fn param(text: &str) -> Result<LoginParam, Fault> {
    if !text.contains(['{', '}']) {
        return Ok(LoginParam::Fixed(text.to_owned()));
    }
    let names = PLACEHOLDERS.map(|(name, _)| name);
    let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.contains('{')) else {
        return Err(Fault::of(
            &["has a placeholder that is no value"],
            &["write return_to=", "{return_to}"],
        ));
    };
    match PLACEHOLDERS.iter().find(|(text, _)| *text == value) {
        Some((_, placeholder)) => Ok(LoginParam::Filled {
            name: name.to_owned(),
            with: *placeholder,
        }),
        None => Err(Fault::of(
            &["has a parameter with ", &shown::text(value)],
            &["the whole value may be ", &shown::one_of(&names)],
        )),
    }
}
