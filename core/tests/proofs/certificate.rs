//! Tokens that are bound to a client certificate (RFC 8705 section 3).

use passgate_kit::base64url;
use serde_json::json;

use crate::world::{World, policy};

const OWN: [u8; 32] = [7; 32];

fn bearer(world: &World) -> [(&'static str, String); 1] {
    let cnf = json!({ "x5t#S256": base64url(OWN) });
    let token = world.token_with(|token| token.claim("cnf", cnf));
    [("authorization", format!("Bearer {token}"))]
}

#[test]
fn a_bound_token_passes_on_the_connection_of_its_certificate_and_on_no_other() {
    let mut world = World::new(&policy());
    for path in ["/certificate", "/plain"] {
        let headers = bearer(&world);
        for (certificate, code) in [
            (Some(OWN), "permitted.token"),
            (None, "missing.proof"),
            (Some([8; 32]), "untrusted.proof_key"),
            (Some(OWN), "permitted.token"),
        ] {
            world.certificate = certificate;
            assert_eq!(world.judge(path, &headers).code, code, "{path}");
        }
    }
    // The certificate proves no key of proofs.
    world.certificate = Some(OWN);
    let headers = bearer(&world);
    assert_eq!(world.judge("/dpop", &headers).code, "untrusted.proof_token");
}

#[test]
fn a_forged_header_changes_nothing() {
    let mut world = World::new(&policy());
    let [bearer] = bearer(&world);
    let hash: String = OWN.iter().map(|byte| format!("{byte:02x}")).collect();
    let forged = ("x-forwarded-client-cert", format!("Hash={hash}"));
    let judged = world.judge("/certificate", &[bearer, forged]);
    assert_eq!((judged.code, judged.status), ("missing.proof", Some(401)));
    let challenge = judged.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer ") && challenge.contains("invalid_token"),
        "{challenge}"
    );
}

#[test]
fn a_token_with_two_bindings_wants_both() {
    let mut world = World::new(&policy());
    let cnf = json!({ "x5t#S256": base64url(OWN), "jkt": passgate_kit::thumbprint(&world.key) });
    for (certificate, has_proof, code) in [
        (Some(OWN), true, "permitted.token"),
        (Some(OWN), false, "missing.proof"),
        (None, true, "missing.proof"),
        (Some([8; 32]), true, "untrusted.proof_key"),
    ] {
        world.certificate = certificate;
        let token = world.token_with(|token| token.claim("cnf", cnf.clone()));
        let mut headers = vec![("authorization", format!("DPoP {token}"))];
        if has_proof {
            headers.push(("dpop", world.proof("/certificate", &token).build()));
        }
        assert_eq!(world.judge("/certificate", &headers).code, code);
    }
}

#[test]
fn records_say_that_it_was_a_certificate() {
    let mut world = World::new(&policy());
    world.certificate = Some(OWN);
    let headers = bearer(&world);
    let record = world.judge("/certificate", &headers).record();
    assert_eq!(record["proof"], json!({ "kind": "certificate" }));
    // It is asked for once, and only where a token names it.
    assert_eq!(world.asked.get(), 1);
}
