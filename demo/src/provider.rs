//! The demo's identity provider: passkeys in, ES256 tokens out. For a machine of one's own only: it
//! keeps everything in memory, anybody may register, and `/token` asks for nothing at all.

mod jwk;
mod keys;
mod passkeys;

use crate::feed::{AUDIENCE, Wire};
use crate::http::{self, Answer, Received};
use crate::ports::Ports;
use hyper::header::{HeaderValue, ORIGIN, SET_COOKIE};
use hyper::{Method, StatusCode};
use keys::KeyRing;
use passgate_kit::{Token, base64url, tampered};
use passkeys::{Effort, Passkeys, Refused, SignIn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The cookie that carries the token, as `from_cookies` in `envoy/envoy.yaml` names it.
const COOKIE: &str = "passgate_demo";

const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// How long a sign-in lasts (`exp - iat`). A rotated key stays published that long.
const TOKEN_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// An issuer and the passkeys of its people.
#[derive(Clone)]
pub(crate) struct Provider(Arc<Inner>);

struct Inner {
    issuer: String,
    /// The origin of the page, where the gate is reached: the audience of the tokens, and the
    /// origin of ceremonies.
    origin: String,
    keys: KeyRing,
    passkeys: Passkeys,
    /// Who tells gates what has ended.
    feed: Wire,
}

impl Provider {
    pub(crate) fn new(ports: &Ports, feed: Wire) -> Result<Self, String> {
        let origin = ports.gate_url();
        Ok(Self(Arc::new(Inner {
            issuer: ports.issuer(),
            keys: KeyRing::new(TOKEN_LIFETIME),
            passkeys: Passkeys::new("localhost", origin.clone())?,
            origin,
            feed,
        })))
    }

    /// What machines ask for, on the issuer's own address:
    ///
    /// - `/.well-known/openid-configuration`: the discovery document
    /// - `/jwks`: the public keys
    /// - `/token`: a token for `alice` whom nobody asked to sign in, good for five minutes;
    ///   `scope=…` puts that claim in, `tampered=yes` changes the claims after signing
    pub(crate) fn answer(&self, request: &Received) -> Answer {
        let issuer = &self.0.issuer;
        match request.uri().path() {
            "/.well-known/openid-configuration" => http::json(&json!({
                "issuer": issuer,
                "jwks_uri": format!("{issuer}/jwks"),
                "token_endpoint": format!("{issuer}/token"),
                "id_token_signing_alg_values_supported": ["ES256"],
                "response_types_supported": ["token"],
                "subject_types_supported": ["public"],
                "acr_values_supported": ["phr"],
                "claims_supported": ["sub", "auth_time", "acr", "amr", "webauthn"],
            })),
            "/jwks" => {
                let mut answer = http::json(&self.0.keys.published());
                let minute = HeaderValue::from_static("max-age=60");
                answer
                    .headers_mut()
                    .insert(hyper::header::CACHE_CONTROL, minute);
                answer
            }
            "/token" => http::text(&self.token(request.uri().query().unwrap_or_default())),
            _ => http::not_found(),
        }
    }

    /// What the page asks for, below `/provider/` of its own origin. Each is a POST with a JSON
    /// body:
    ///
    /// - `register/options` `{name}`: options for `navigator.credentials.create`
    /// - `register` `{name, credential}`: what that made
    /// - `sign-in/options` `{acr_values?, max_age?, touch_only?}`: options for
    ///   `navigator.credentials.get`. Who asks in the words of a challenge (RFC 9470) gets a
    ///   ceremony that verifies the user.
    /// - `sign-in` `{credential, jkt}`: what that made; sets the cookie, and returns three more
    ///   tokens. One is bound to the key with this thumbprint (RFC 9449 section 10). Bound to
    ///   another's key, it is of no use to the page. The other names the passkey (`cnf.jwk`, RFC
    ///   7800), which approves requests. The third is for an agent of this person (RFC 8693 section
    ///   4.1), and names the passkey, too.
    /// - `sign-out`: takes the cookie away
    /// - `sign-out-everywhere` `{name}`: ends all sessions of this person, by an event
    /// - `revoke` `{name}`: forgets the passkey of this person, and ends what it signed in
    /// - `rotate`: signs with another key from now on
    pub(crate) async fn answer_page(&self, request: &Received) -> Answer {
        let result = match self.body_of(request) {
            Ok(body) => self.page_request(request.uri().path(), &body).await,
            Err(refused) => Err(refused),
        };
        result.unwrap_or_else(|Refused { status, message }| {
            let mut answer = http::json(&json!({ "error": message }));
            *answer.status_mut() = status;
            answer
        })
    }

    fn body_of(&self, request: &Received) -> Result<Value, Refused> {
        // The browser sends Origin with every POST. Another site's page must not sign anybody in or
        // out.
        let origin = request.headers().get(ORIGIN);
        if request.method() != Method::POST
            || origin.is_none_or(|origin| origin != self.0.origin.as_str())
        {
            let message = format!("only a POST from {} is answered here", self.0.origin);
            return Err(Refused::new(StatusCode::FORBIDDEN, message));
        }
        serde_json::from_slice(request.body())
            .map_err(|error| Refused::bad(format!("the body is not JSON: {error}")))
    }

    async fn page_request(&self, path: &str, body: &Value) -> Result<Answer, Refused> {
        let member = |name: &str| body.get(name).filter(|value| !value.is_null());
        let text = |name: &str| member(name).and_then(Value::as_str).unwrap_or_default();
        let credential = || member("credential").ok_or(Refused::bad("credential is missing"));

        let passkeys = &self.0.passkeys;
        match path {
            "/provider/register/options" => passkeys
                .start_registration(text("name"))
                .map(|options| http::json(&options)),
            "/provider/register" => passkeys
                .finish_registration(text("name"), credential()?)
                .map(|name| http::json(&json!({ "name": name }))),
            "/provider/sign-in/options" => {
                let stepping_up = member("acr_values").is_some() || member("max_age").is_some();
                let touch_only = member("touch_only").and_then(Value::as_bool);
                let effort = match (stepping_up, touch_only) {
                    (true, _) => Effort::Verified,
                    (false, Some(true)) => Effort::Touch,
                    (false, _) => Effort::Usual,
                };
                passkeys
                    .start_sign_in(effort)
                    .map(|options| http::json(&options))
            }
            "/provider/sign-in" => {
                let sign_in = passkeys.finish_sign_in(credential()?)?;
                let token = self.token_of(&sign_in, None);
                let key_of_page = json!({ "jkt": text("jkt") });
                let passkey = json!({ "jwk": sign_in.public_key });
                let seconds = TOKEN_LIFETIME.as_secs();
                let answer = http::json(&json!({
                    "name": sign_in.name,
                    "expires_in": seconds,
                    "bound_token": self.token_of(&sign_in, Some(key_of_page)),
                    "agent_token": self.token_of_agent(&sign_in, &passkey),
                    "approving_token": self.token_of(&sign_in, Some(passkey)),
                }));
                with_cookie(answer, &token, seconds)
            }
            "/provider/sign-out" => with_cookie(http::json(&json!({})), "", 0),
            "/provider/sign-out-everywhere" => {
                let event = self.session_revoked(text("name"));
                let told = self.0.feed.push(event).await;
                told.map(|()| http::json(&json!({})))
                    .map_err(|error| unheard(&error))
            }
            "/provider/revoke" => {
                let id = passkeys.remove(text("name"));
                let id = id.ok_or_else(|| Refused::bad("nobody of this name has a passkey"))?;
                let told = self.0.feed.revoke(&id).await;
                told.map(|()| http::json(&json!({})))
                    .map_err(|error| unheard(&error))
            }
            "/provider/rotate" => self.0.keys.rotate().map(|kid| {
                let published = self.0.keys.len();
                http::json(&json!({ "kid": kid, "published": published }))
            }),
            _ => Ok(http::not_found()),
        }
    }

    fn token(&self, query: &str) -> String {
        let key = self.0.keys.signing();
        let mut token = Token::of(&key, &self.0.issuer, &self.0.origin);
        let mut spoil = false;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "scope" => token = token.claim("scope", value.into_owned()),
                "tampered" => spoil = value == "yes",
                _ => {}
            }
        }
        let token = token.build();
        if spoil { tampered(&token) } else { token }
    }

    /// The name of the key that signs now.
    pub(crate) fn signing_kid(&self) -> String {
        self.0.keys.signing().kid().to_owned()
    }
}

/// The feed was not told.
fn unheard(error: &impl std::fmt::Display) -> Refused {
    Refused::new(StatusCode::BAD_GATEWAY, error.to_string())
}

/// The claims of a sign-in: all that the ceremony proved, and no more.
fn claims_of(sign_in: &SignIn) -> [(&'static str, Value); 6] {
    // RFC 8176: a key was proven and somebody was there. Not `hwk` or `swk`: where the key lives is
    // known from attestation alone, and this provider asks for none.
    let mut amr = vec!["pop", "user"];
    if sign_in.user_verified {
        amr.push("mfa"); // the authenticator, and a PIN or biometric
    }
    // The flags that the authenticator signed (WebAuthn section 6.1). Backup eligibility by its
    // name in section 4: the key of a single-device credential cannot leave its authenticator.
    let mut flags = vec!["up"];
    if sign_in.user_verified {
        flags.push("uv");
    }
    flags.push(if sign_in.backup_eligible {
        "multi_device"
    } else {
        "single_device"
    });
    if sign_in.backed_up {
        flags.push("backed_up");
    }
    [
        ("sub", json!(sign_in.name)),
        ("auth_time", json!(passgate_kit::now())),
        // OpenID EAP ACR values: phishing-resistant. Not `phrh` (hardware-protected), for the same
        // reason.
        ("acr", json!("phr")),
        ("amr", json!(amr)),
        ("webauthn", json!(flags)),
        // Which passkey it was: a list of revocations may name it.
        ("passkey", json!(base64url(&sign_in.id))),
    ]
}

impl Provider {
    /// An event that says that all sessions of a person have ended (CAEP `session-revoked`, in a
    /// security event token, RFC 8417).
    fn session_revoked(&self, name: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let key = self.0.keys.signing();
        let person = json!({ "format": "iss_sub", "iss": self.0.issuer, "sub": name });
        Token::of(&key, &self.0.issuer, AUDIENCE)
            .header("typ", "secevent+jwt")
            .without("sub")
            .without("exp")
            .claim("jti", format!("{}-{count}", passgate_kit::now()))
            .claim("sub_id", person)
            .claim("events", json!({ SESSION_REVOKED: {} }))
            .build()
    }

    /// A token with which an agent acts for this person. It says nothing of the sign-in: the agent
    /// has not signed in.
    fn token_of_agent(&self, sign_in: &SignIn, cnf: &Value) -> String {
        let key = self.0.keys.signing();
        let lifetime = i64::try_from(TOKEN_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        Token::of(&key, &self.0.issuer, &self.0.origin)
            .expires_in(lifetime)
            .claim("sub", sign_in.name.as_str())
            .claim("act", json!({ "sub": "agent-7" }))
            .claim("passkey", base64url(&sign_in.id))
            .claim("cnf", cnf.clone())
            .build()
    }

    /// A token about this sign-in, bound to the key that `cnf` names.
    fn token_of(&self, sign_in: &SignIn, cnf: Option<Value>) -> String {
        let key = self.0.keys.signing();
        let lifetime = i64::try_from(TOKEN_LIFETIME.as_secs()).unwrap_or(i64::MAX);
        let token = Token::of(&key, &self.0.issuer, &self.0.origin).expires_in(lifetime);
        let cnf = cnf.map(|cnf| ("cnf", cnf));
        claims_of(sign_in)
            .into_iter()
            .chain(cnf)
            .fold(token, |token, (name, value)| token.claim(name, value))
            .build()
    }
}

/// Script cannot read the cookie (`HttpOnly`) and no other site can have it sent (`SameSite`).
/// `Secure` and `__Host-`, which a site with TLS would add, are refused by some browsers on
/// `http://localhost`.
fn with_cookie(mut answer: Answer, token: &str, seconds: u64) -> Result<Answer, Refused> {
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    let value = HeaderValue::try_from(cookie).map_err(|_| Refused::bad("no such cookie"))?;
    answer.headers_mut().insert(SET_COOKIE, value);
    Ok(answer)
}
