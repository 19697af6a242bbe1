//! A document with the passkeys of all people, as long as it may be.

use core::{fmt::Write as _, time::Duration};

use passgate_core::{Answer, Config, Request, Step, Supply, UnixTime, Verdict, Verifier, limits};
use passgate_kit::{ApprovalBuilder, SigningKey, TokenBuilder, base64url, jwks};
use serde_json::{Value, json};

use crate::{AUDIENCE, NOW, host::Proxy};

const ISSUER: &str = "https://holders.example.com";

pub(crate) struct Holders {
    supply: Supply,
    now: UnixTime,
}

/// Almost as many bytes as a document may have, with as many passkeys of RSA keys.
fn document() -> String {
    let key = base64url(SigningKey::rs256("k").cose_key());
    let mut entries = String::with_capacity(limits::CREDENTIAL_BYTES);
    for number in 0..limits::CREDENTIALS {
        let comma = if number == 0 { "" } else { "," };
        let handle = base64url([7; 48]);
        write!(
            entries,
            "{comma}{{\"sub\":\"{number}\",\"id\":\"AQID\",\"cose_key\":\"{key}\",\"user_handle\":\"{handle}\"}}"
        )
        .unwrap();
    }
    format!("{{\"iss\":\"{ISSUER}\",\"credentials\":[{entries}]}}")
}

impl Holders {
    pub(crate) fn start() -> Self {
        let key = SigningKey::es256("k");
        let uri = json!({ "uri": "https://id.example.com/credentials", "cluster": "c" });
        let config = json!({ "providers": { "p": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[&key]) },
            "credentials": { "document": { "http_uri": uri } },
        } } });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        Self {
            supply: Supply::new(&config, 1),
            now: NOW,
        }
    }

    /// Brings the next document, and says how many slices were read of it; so many are left out.
    fn bring(&mut self, left: usize) -> usize {
        self.now = self.now.max(self.supply.next_wakeup().unwrap());
        let fetch = self.supply.poll_call(self.now).unwrap();
        let body = document();
        assert!(body.len() <= fetch.call.max_bytes, "{}", body.len());
        assert!(body.len() > fetch.call.max_bytes / 10 * 8, "{}", body.len());
        let headers: &[(&[u8], &[u8])] = &[(b":status", b"200")];
        // A host allocates what it hands over, and no more.
        let body = body.into_bytes().into_boxed_slice().into_vec();
        self.supply
            .on_host_answer(fetch.id, headers, body, self.now);
        let mut slices = 1;
        while self.supply.holds(fetch.need) && (left == 0 || slices < left) {
            self.now = self.now.saturating_add(Duration::from_millis(1));
            self.supply.read_on(self.now);
            slices += 1;
        }
        assert_eq!(self.supply.holds(fetch.need), left > 0, "read too soon");
        slices
    }

    /// Reads a document, and nearly all of its successor.
    pub(crate) fn read_two_documents(&mut self) {
        self.supply.poll_call(self.now);
        let slices = self.bring(0);
        self.now = self.now.saturating_add(Duration::from_secs(60));
        self.bring(slices - 2);
    }
}

/// A gate that asks about one person at a time.
pub(crate) struct Asker {
    key: SigningKey,
    passkey: SigningKey,
    supply: Supply,
    verifier: Verifier,
}

const ORIGIN: &str = "https://api.example.com";
const PAGE: &str = "https://app.example.com";

impl Asker {
    pub(crate) fn start() -> Self {
        let [key, passkey] = ["k", "passkey"].map(SigningKey::es256);
        let uri = json!({ "uri": "https://id.example.com/{sub}", "cluster": "c" });
        let config = json!({
            "origins": [ORIGIN],
            "relying_party": { "id": "example.com", "origins": [PAGE] },
            "limits": { "remembered_tokens": 1 },
            "providers": { "p": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "local_jwks": { "inline_string": jwks(&[&key]) },
                "credentials": { "by_subject": { "http_uri": uri } },
            } },
            "rules": [{ "match": { "prefix": "/" }, "requires": {
                "proof": { "webauthn": { "mode": "transaction" } } } }],
        });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        let supply = Supply::new(&config, 1);
        let mut verifier = Verifier::new(config, 1);
        verifier.share(Box::new(Proxy::default()), [7; 32], "gate", NOW);
        Self {
            key,
            passkey,
            supply,
            verifier,
        }
    }

    fn judge(&mut self, headers: &[(&str, &str)]) -> Step {
        let mut all: Vec<(&[u8], &[u8])> = vec![
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"api.example.com"),
        ];
        let sent = headers.iter();
        all.extend(sent.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let request = Request::new(&all).ending_here(true);
        self.verifier.verify(request, &mut self.supply, NOW)
    }

    /// Asks about more people than are remembered, each with as many passkeys as may be.
    pub(crate) fn remember_people(&mut self) {
        let key = base64url(SigningKey::rs256("k").cose_key());
        let handle = base64url([7; 64]);
        let entry = |number: usize| {
            let id = base64url(number.to_be_bytes());
            json!({ "id": id, "cose_key": key, "user_handle": handle })
        };
        let entries: Vec<Value> = (0..limits::CREDENTIALS_OF_SUBJECT).map(entry).collect();
        let mut nonce = String::new();
        for number in 0..2 * limits::CREDENTIAL_SUBJECTS {
            let subject = format!("person-{number}");
            let token = TokenBuilder::of(&self.key, ISSUER, AUDIENCE);
            let token = token.claim("sub", &*subject).claim("iat", NOW.as_secs());
            let token = token.claim("exp", NOW.as_secs() + 600).build();
            let bearer = format!("Bearer {token}");
            if nonce.is_empty() {
                let Step::Settle(settlement) = self.judge(&[("authorization", &bearer)]) else {
                    panic!("it waits");
                };
                let Verdict::Deny(rejection) = settlement.verdict else {
                    panic!("it passes");
                };
                let headers = rejection.headers();
                let given = headers.iter().find(|(name, _)| *name == "webauthn-nonce");
                nonce.clone_from(&given.unwrap().1);
            }
            let page = ("example.com", PAGE);
            let request = ("GET", "https://api.example.com/");
            let approval = ApprovalBuilder::of(&self.passkey, page, request)
                .token(&token)
                .claim("iss", ISSUER)
                .claim("sub", &*subject)
                .claim("iat", NOW.as_secs())
                .claim("nonce", &*nonce)
                .build();
            let headers = [("authorization", &*bearer), ("webauthn-proof", &*approval)];
            let Step::Await(need) = self.judge(&headers) else {
                panic!("nobody knows {subject}");
            };
            let fetch = self.supply.poll_call(NOW).unwrap();
            let answer = json!({ "iss": ISSUER, "sub": subject, "credentials": entries });
            let answer = answer.to_string();
            assert!(
                answer.len() > fetch.call.max_bytes / 5 * 2,
                "{}",
                answer.len()
            );
            let answer = Answer::Http {
                status: 200,
                headers: &[],
                body: answer.as_bytes(),
            };
            let came = self.supply.on_answer(fetch.id, answer, NOW);
            assert_eq!(came, Some(need));
        }
    }
}
