//! An agent with a person's token, at the file that is shipped: a tool that deletes waits for the
//! person, whose passkey approves this one call.

use passgate_harness::{BOTH, Gate, Issuer, Request, Response, Setup};
use passgate_kit::{ApprovalBuilder, SigningKey, Token, base64url, now};
use serde_json::{Value, json};

const ISSUER: &str = "http://localhost:9000";
const RESOURCE: &str = "http://localhost:8080/mcp";
/// The page that asks the person.
const PAGE: (&str, &str) = ("localhost", "http://localhost:3000");
/// Which credential an assertion of the kit says that it is of.
const ID: [u8; 16] = [7; 16];

fn call(id: u8, tool: &str, user: &str) -> String {
    let params = json!({ "name": tool, "arguments": { "user": user } });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }).to_string()
}

struct Story {
    gate: Gate,
    passkey: SigningKey,
}

impl Story {
    fn start() -> Self {
        let passkey = SigningKey::es256("passkey");
        let issuer = Issuer::start();
        let credential = json!({
            "sub": "alice", "id": base64url(ID), "public_key": passkey.public_jwk(),
        });
        let document = json!({ "iss": ISSUER, "credentials": [credential] });
        issuer.page("/credentials", 200, &document.to_string());
        let gate = Setup::shipped("envoy/mcp.yaml").issuer(issuer).start();
        Self { gate, passkey }
    }

    /// What an agent shows: alice's token, with these actors.
    fn token(&self, act: Option<Value>) -> String {
        let token = Token::of(&self.gate.issuer.key, ISSUER, RESOURCE);
        let token = token.claim("amr", json!(["pwd"]));
        match act {
            Some(act) => token.claim("act", act).build(),
            None => token.build(),
        }
    }

    fn request(&self, token: &str, body: &str) -> Request {
        Request::post("/mcp", body.as_bytes())
            .authority("localhost:8080")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .bearer(token)
    }

    /// What the person's page makes of the challenge: an approval of this body.
    fn approval(&self, asked: &Response, token: &str, body: &str) -> String {
        let nonce = asked.headers.text("webauthn-nonce").unwrap();
        ApprovalBuilder::of(&self.passkey, PAGE, ("POST", RESOURCE))
            .token(token)
            .claim("iss", ISSUER)
            .claim("sub", "alice")
            .claim("iat", now())
            .claim("nonce", nonce)
            .claim("content_type", "application/json")
            .id(&ID)
            .body(body.as_bytes())
            .build()
    }
}

#[test]
fn a_person_approves_one_call_of_an_agent_and_no_other() {
    let story = Story::start();
    let gate = &story.gate;
    let agent = story.token(Some(json!({ "sub": "agent-7" })));
    for protocol in BOTH {
        let send = |body: &str, approval: Option<&str>| {
            let request = story.request(&agent, body);
            gate.send(
                protocol,
                &match approval {
                    Some(approval) => request.header("webauthn-proof", approval),
                    None => request,
                },
            )
        };
        // What does not delete needs nobody.
        gate.passed(&send(&call(1, "list_users", "bob"), None));
        let body = call(2, "delete_user", "bob");
        let asked = send(&body, None);
        gate.denied(&asked, "missing.proof");
        let challenge = asked.headers.text("www-authenticate").unwrap();
        for part in [
            "error=\"insufficient_user_authentication\"",
            "proof=\"webauthn\"",
            "proof_mode=\"transaction\"",
            "resource_metadata=\"http://localhost:8080/.well-known/oauth-protected-resource/mcp\"",
        ] {
            assert!(challenge.contains(part), "{challenge}");
        }
        let approval = story.approval(&asked, &agent, &body);
        // Neither another tool, nor another user, nor the same a second time.
        for other in [
            call(2, "delete_all", "bob"),
            call(2, "delete_user", "carol"),
        ] {
            gate.denied(&send(&other, Some(&approval)), "untrusted.proof_body");
        }
        let received = gate.passed(&send(&body, Some(&approval)));
        assert_eq!(received.body, body.as_bytes());
        let header = |name| received.headers.text(name);
        assert_eq!(header("x-passgate-kind"), Some("agent"));
        assert_eq!(
            header("x-passgate-actor"),
            Some("http://localhost:9000/agent-7")
        );
        assert_eq!(
            header("x-passgate-principal"),
            Some("http://localhost:9000/alice")
        );
        gate.denied(&send(&body, Some(&approval)), "untrusted.proof_replayed");
    }
    story.gate.finish();
}

#[test]
fn another_agent_is_refused_whatever_the_person_approves() {
    let story = Story::start();
    let gate = &story.gate;
    let body = call(1, "delete_user", "bob");
    let through = json!({ "sub": "agent-7", "act": { "sub": "agent-8" } });
    for (act, code) in [
        (json!({ "sub": "agent-8" }), "forbidden.actor"),
        (
            json!({ "sub": "agent-7", "iss": "http://127.0.0.1:9001" }),
            "forbidden.actor",
        ),
        (through, "forbidden.actor"),
        (json!("agent-7"), "forbidden.actor"),
    ] {
        let token = story.token(Some(act));
        let asked = gate.send(BOTH[0], &story.request(&token, &body));
        gate.denied(&asked, "missing.proof");
        let approval = story.approval(&asked, &token, &body);
        let request = story
            .request(&token, &body)
            .header("webauthn-proof", &approval);
        gate.denied(&gate.send(BOTH[0], &request), code);
    }
    // The person needs no agent, and the same approval.
    let token = story.token(None);
    let asked = gate.send(BOTH[0], &story.request(&token, &body));
    gate.denied(&asked, "missing.proof");
    let approval = story.approval(&asked, &token, &body);
    let request = story
        .request(&token, &body)
        .header("webauthn-proof", &approval);
    gate.passed(&gate.send(BOTH[0], &request));
    story.gate.finish();
}
