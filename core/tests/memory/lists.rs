//! The lists that end tokens before their time, as long as they may be.

use core::{fmt::Write as _, time::Duration};

use passgate_core::{Answer, Config, Need, Request, Step, Supply, UnixTime, Verifier, limits};
use passgate_kit::{SigningKey, TokenBuilder, base64url, jwks};
use serde_json::json;

use crate::{AUDIENCE, NOW, START};

const ISSUER: &str = "https://lists.example.com";

pub(crate) struct Lists {
    key: SigningKey,
    supply: Supply,
    verifier: Verifier,
    now: UnixTime,
}

/// Almost as many bytes as a document may have, with as many entries.
fn revocations(sequence: u64) -> String {
    let mut entries = String::with_capacity(limits::REVOCATION_BYTES);
    for number in 0..limits::REVOCATION_ENTRIES {
        let comma = if number == 0 { "" } else { "," };
        write!(entries, "{comma}{{\"sub\":\"{number:0>82}\"}}").unwrap();
    }
    format!(
        "{{\"version\":1,\"epoch\":1,\"sequence\":{sequence},\"generated_at\":{START},\"entries\":[{entries}]}}"
    )
}

/// A list as long as it may be; nobody has checked its signature.
pub(crate) fn status_list(issuer: &str, number: usize) -> String {
    // Twice in base64: 16 bytes for each 9.
    let lst = base64url(vec![0x5a; limits::STATUS_LIST_TOKEN_BYTES / 16 * 9 - 1_024]);
    let uri = format!("{issuer}/status/{number}");
    let claims = json!({
        "sub": uri, "iat": START, "ttl": 3_600, "status_list": { "bits": 1, "lst": lst },
    });
    // Not of the kit, which remembers what it makes.
    let header = base64url(r#"{"alg":"ES256","typ":"statuslist+jwt"}"#);
    format!(
        "{header}.{}.{}",
        base64url(claims.to_string()),
        base64url([1; 64])
    )
}

impl Lists {
    pub(crate) fn start() -> Self {
        let key = SigningKey::es256("k");
        let config = json!({ "providers": { "p": {
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "local_jwks": { "inline_string": jwks(&[&key]) },
            "revocations": { "http_uri": { "uri": "https://feed.example.com/", "cluster": "c" } },
            "status_lists": { "uri_prefix": format!("{ISSUER}/status/"), "cluster": "c" },
        } } });
        let config = Config::parse(config.to_string().as_bytes()).unwrap();
        Self {
            key,
            supply: Supply::new(&config, 1),
            verifier: Verifier::new(config, 1),
            now: NOW,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    fn bring(&mut self, body: String) {
        self.supply.read_on(self.now);
        let fetch = self.supply.poll_call(self.now).unwrap();
        assert!(body.len() <= fetch.call.max_bytes, "{}", body.len());
        assert!(body.len() > fetch.call.max_bytes / 10 * 9, "{}", body.len());
        let headers: &[(&[u8], &[u8])] = &[(b":status", b"200")];
        // A host allocates what it hands over, and no more.
        let body = body.into_bytes().into_boxed_slice().into_vec();
        self.supply
            .on_host_answer(fetch.id, headers, body, self.now);
    }

    /// Reads a list, and nearly all of its successor.
    pub(crate) fn read_two_documents(&mut self) {
        let need = self.need();
        self.bring(revocations(1));
        let mut slices = 1;
        while self.supply.holds(need) {
            self.pass(Duration::from_millis(1));
            self.supply.read_on(self.now);
            slices += 1;
        }
        self.pass(Duration::from_secs(5));
        self.bring(revocations(2));
        for _ in 0..slices - 3 {
            self.pass(Duration::from_millis(1));
            self.supply.read_on(self.now);
        }
        assert!(self.supply.holds(need), "read too soon");
    }

    /// What a request with this token waits for.
    fn need(&mut self) -> Need {
        self.ask("").unwrap()
    }

    fn ask(&mut self, status: &str) -> Option<Need> {
        let token = TokenBuilder::of(&self.key, ISSUER, AUDIENCE)
            .claim("iat", START)
            .claim("exp", START + 600);
        let token = match status {
            "" => token.build(),
            uri => {
                let place = json!({ "status_list": { "idx": 0, "uri": uri } });
                token.claim("status", place).build()
            }
        };
        let authorization = format!("Bearer {token}");
        let headers: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"api.example.com"),
            (b"authorization", authorization.as_bytes()),
        ];
        let request = Request::new(&headers);
        match self.verifier.verify(request, &mut self.supply, self.now) {
            Step::Await(need) => Some(need),
            Step::Settle(_) => None,
        }
    }

    /// So many lists that nobody has looked at since they came.
    pub(crate) fn fetch_status_lists(&mut self) {
        for number in 0..2 * limits::STATUS_LISTS {
            let need = self.ask(&format!("{ISSUER}/status/{number}"));
            assert!(matches!(need, Some(Need::StatusLists(_))), "{need:?}");
            self.pass(Duration::from_millis(100)); // the pace of fetches
            let fetch = self.supply.poll_call(self.now).unwrap();
            let body = status_list(ISSUER, number);
            let answer = Answer::Http {
                status: 200,
                headers: &[],
                body: body.as_bytes(),
            };
            assert!(self.supply.on_answer(fetch.id, answer, self.now).is_some());
        }
    }
}
