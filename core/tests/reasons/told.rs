//! The specimen of a token that says nothing itself.

use passgate_core::{Answer, Request, Step, Supply, UnixTime, Verifier};
use serde_json::json;

use super::{Specimen, good};

/// An opaque token, and what its issuer says of it; `None`: it is down.
pub(crate) fn told(answer: Option<&'static str>) -> Specimen {
    let mut specimen = good();
    let place = json!({ "uri": "https://id.example.com/introspect", "cluster": "id" });
    let acme = &mut specimen.config["providers"]["acme"];
    acme["introspection"] = json!({ "http_uri": place });
    acme.as_object_mut().unwrap().remove("remote_jwks");
    Specimen {
        authorization: Some("Bearer an-opaque-token-of-alice".to_owned()),
        introspection: answer,
        ..specimen
    }
}

/// The same when many made-up tokens have come.
pub(crate) fn flooded() -> Specimen {
    Specimen {
        flood: 1_000,
        ..told(Some(r#"{"active":false}"#))
    }
}

impl Specimen {
    /// Brings made-up tokens, each of which is not active.
    pub(super) fn flood(&self, verifier: &mut Verifier, supply: &mut Supply, now: UnixTime) {
        for number in 0..self.flood {
            let made_up = format!("Bearer made-up-{number}");
            let headers: [(&[u8], &[u8]); 4] = [
                (b":method", self.method.as_bytes()),
                (b":path", self.path.as_bytes()),
                (b":authority", self.authority.as_bytes()),
                (b"authorization", made_up.as_bytes()),
            ];
            let request = Request::new(&headers);
            if let Step::Settle(_) = verifier.verify(request, supply, now) {
                continue;
            }
            let question = supply.poll_call(now).unwrap();
            let answer = Answer::Http {
                status: 200,
                headers: &[],
                body: br#"{"active":false}"#,
            };
            assert_eq!(
                supply.on_answer(question.id, answer, now),
                Some(question.need)
            );
        }
    }
}
