//! A document with the passkeys of all people, as long as it may be.

use core::{fmt::Write as _, time::Duration};

use passgate_core::{Config, Supply, UnixTime, limits};
use passgate_kit::{SigningKey, base64url, jwks};
use serde_json::json;

use crate::{AUDIENCE, NOW};

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
