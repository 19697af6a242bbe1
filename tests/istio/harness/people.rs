//! Where people sign in at the identity provider of the examples: a page, and the endpoint of
//! tokens behind it, for one client (OAuth 2.0 with PKCE: RFC 6749, RFC 7636).

use passgate_harness::{Message, servers};
use passgate_kit::{base64url, sha256};
use serde_json::json;
use std::sync::{Mutex, PoisonError};

/// Where the client wants people back, and how a form says so.
const BACK: &str = "https://api.example.com/oauth2/callback";
const BACK_IN_A_FORM: &str = "https%3A%2F%2Fapi.example.com%2Foauth2%2Fcallback";

/// Whoever comes to the page is the same person.
#[derive(Default)]
pub struct People(Mutex<State>);

#[derive(Default)]
struct State {
    token: String,
    secret: String,
    given: usize,
}

impl People {
    /// From now on gives this token to the client that has this secret, and to nobody else.
    pub fn admit(&self, token: &str, secret: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State {
            token: token.to_owned(),
            secret: secret.to_owned(),
            given: 0,
        };
    }

    /// How often it gave the token.
    pub fn given(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).given
    }

    /// What the page `auth` shows, and what the endpoint `token` says.
    pub fn answer(&self, request: &Message) -> Option<Vec<u8>> {
        let path = servers::path_of(request);
        match path.split_once('?') {
            Some((_, query)) => page(query),
            None => self.exchange(&String::from_utf8_lossy(&request.body)),
        }
    }

    fn exchange(&self, form: &str) -> Option<Vec<u8>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verifier = parameter(form, "code_verifier");
        for (name, expected) in [
            ("grant_type", "authorization_code"),
            ("client_id", "gate"),
            ("client_secret", &state.secret),
            ("redirect_uri", BACK_IN_A_FORM),
            ("code", &base64url(sha256(verifier.as_bytes()))),
        ] {
            assert_eq!(parameter(form, name), expected, "{name} in {form}");
        }
        state.given += 1;
        let answer = json!({
            "access_token": state.token,
            "refresh_token": "for the next token",
            "token_type": "Bearer",
            "expires_in": 300,
        });
        servers::ok("application/json", answer.to_string().as_bytes())
    }
}

/// One link, which gives the client's challenge as the code: the verifier alone is worth a token.
fn page(query: &str) -> Option<Vec<u8>> {
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", "gate"),
        ("redirect_uri", BACK_IN_A_FORM),
        ("code_challenge_method", "S256"),
        ("acr_values", "phr"),
    ] {
        assert_eq!(parameter(query, name), expected, "{name} in {query}");
    }
    let code = parameter(query, "code_challenge");
    let state = parameter(query, "state");
    let page = format!(
        "<!doctype html><title>Sign in</title><link rel=icon href='data:,'>\
         <a href='{BACK}?code={code}&amp;state={state}'>Sign in</a>"
    );
    servers::ok("text/html", page.as_bytes())
}

/// As it is written there, or nothing.
fn parameter<'f>(form: &'f str, name: &str) -> &'f str {
    let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(found, _)| *found == name);
    found.map(|(_, value)| value).unwrap_or_default()
}
