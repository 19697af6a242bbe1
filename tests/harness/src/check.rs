//! What must be true of every refusal, of every passage, and at the end of every story.

use super::gate::Gate;
use super::{Received, Response, secrets};
use serde_json::{Value, json};

/// What a client may learn from a refusal.
struct Expected {
    status: u16,
    error: Option<&'static str>,
    challenge: bool,
}

impl Expected {
    /// `is_approval`: a passkey was to approve the request (RFC 9470 section 3).
    fn of(code: &str, is_approval: bool) -> Self {
        // A proof is at fault: the challenge is one for proofs (RFC 9449 section 7.1), or for the
        // token that a certificate did not prove.
        let wants_proof = !code.starts_with("forbidden") && !code.starts_with("unavailable");
        let error = match code {
            _ if is_approval && wants_proof => Some("insufficient_user_authentication"),
            "untrusted.proof_nonce" => Some("use_dpop_nonce"),
            _ if code.contains(".proof") => Some("invalid_"),
            _ => None,
        };
        if error.is_some() {
            return Self {
                status: 401,
                error,
                challenge: true,
            };
        }
        let (status, error, challenge) = match code.split('.').next().unwrap() {
            "missing" if code == "missing.peer" => (403, None, false),
            "missing" => (401, None, true),
            "malformed" | "untrusted" => (401, Some("invalid_token"), true),
            "ambiguous" => (400, None, false),
            "insufficient" if code == "insufficient.scope" => {
                (403, Some("insufficient_scope"), true)
            }
            "insufficient" => (401, Some("insufficient_user_authentication"), true),
            "forbidden" if code == "forbidden.body_size" => (413, None, false),
            "forbidden" => (403, None, false),
            "unavailable" => (503, None, false),
            "internal" => (500, None, false),
            other => panic!("no such blame: {other}"),
        };
        Self {
            status,
            error,
            challenge,
        }
    }
}

/// The problem document of a body: the body itself, or for clients of MCP the data of an error of
/// JSON-RPC, beside the challenge.
#[track_caller]
fn problem(
    media_type: Option<&str>,
    mut body: Value,
    challenge: Option<&str>,
    seen: &str,
) -> Value {
    if media_type == Some("application/problem+json") {
        return body;
    }
    assert_eq!(media_type, Some("application/json"), "{seen}");
    assert_eq!(body["jsonrpc"], "2.0", "{seen}");
    let Value::Object(mut data) = body["error"]["data"].take() else {
        panic!("no data: {seen}");
    };
    assert_eq!(body["error"]["message"], data["title"], "{seen}");
    let told = data.remove("www_authenticate");
    assert_eq!(told, challenge.map(|text| json!([text])), "{seen}");
    Value::Object(data)
}

impl Gate {
    /// The answer is the refusal of this reason code, in everything that the client and the
    /// operator see, and nothing of the request went on.
    #[track_caller]
    pub fn denied(&self, response: &Response, code: &str) {
        let Expected {
            status,
            error,
            challenge,
        } = Expected::of(code, response.headers.text("webauthn-nonce").is_some());
        let seen = format!("{code}: {response:?}");
        let headers = &response.headers;
        assert_eq!(response.status, status, "{seen}");
        assert_eq!(headers.text("cache-control"), Some("no-store"), "{seen}");

        let body: Value = serde_json::from_slice(&response.body).expect(&seen);
        let challenge_told = headers.text("www-authenticate");
        let body = problem(headers.text("content-type"), body, challenge_told, &seen);
        let members: Vec<&String> = body.as_object().expect(&seen).keys().collect();
        assert_eq!(members, ["request_id", "status", "title", "type"], "{seen}");
        assert_eq!(body["type"], "about:blank", "{seen}");
        assert_eq!(body["status"], json!(status), "{seen}");
        assert!(!body["title"].as_str().expect(&seen).is_empty(), "{seen}");

        match challenge_told {
            Some(text) => {
                let schemes = ["Bearer realm=\"", "DPoP realm=\""];
                assert!(
                    schemes.iter().any(|scheme| text.starts_with(scheme)),
                    "{seen}"
                );
                let named = error.map(|error| format!("error=\"{error}"));
                match named {
                    Some(named) => assert!(text.contains(&named), "{seen}"),
                    None if status == 400 => {}
                    None => assert!(!text.contains("error"), "{seen}"),
                }
                assert!(challenge || status == 400, "{seen}");
            }
            None => assert!(!challenge, "{seen}"),
        }
        let retry = headers
            .text("retry-after")
            .map(|text| text.parse::<u32>().expect(&seen));
        assert_eq!(retry.is_some(), status == 503, "{seen}");

        let request_id = body["request_id"].as_str().expect(&seen);
        let entry = self.entry(request_id);
        assert_eq!(
            entry["details"],
            json!(format!("passgate.{code}")),
            "{seen}\n{entry}"
        );
        let went_on = self.upstream.received();
        let went_on = went_on
            .iter()
            .any(|received| received.headers.bytes("x-request-id") == Some(request_id.as_bytes()));
        assert!(!went_on, "refused, and yet at the upstream: {seen}");
    }

    /// The answer came from the upstream; what it had received.
    #[track_caller]
    pub fn passed(&self, response: &Response) -> Received {
        assert_eq!(response.status, 200, "{response:?}");
        self.upstream.last()
    }

    /// Ends the story: Envoy is still alive and stops in order, no VM crashed, nothing secret was
    /// logged.
    #[track_caller]
    pub fn finish(mut self) {
        self.end();
        self.issuer.release();
        assert!(
            self.process.is_alive(),
            "Envoy ended during the story:\n{}",
            self.log()
        );
        self.no_vm_was_lost();
        let refused = self.stat("listener_manager.lds.update_rejected");
        if self.has_secrets {
            for page in ["/config_dump", "/stats", "/clusters", "/server_info"] {
                let found = secrets::find_in(&self.admin(page));
                assert_eq!(found, None, "a secret that Envoy's admin shows at {page}");
            }
        }
        self.process.admin("POST", "/quitquitquit");
        let status = self.process.wait().expect("Envoy stops when asked");
        assert!(
            status.success(),
            "Envoy stopped with {status}:\n{}",
            self.log()
        );

        let mut log = self.log();
        if refused > 0 {
            log = without_refusals(&log);
        }
        for mark in CRASH_MARKS {
            assert!(!log.contains(mark), "{mark:?} in the log:\n{log}");
        }
        self.records_are_in_shape();
        assert_eq!(self.secret_in_logs(), None, "a secret in the log");
    }

    /// Something in one of the logs that must not be there.
    pub fn secret_in_logs(&self) -> Option<String> {
        [self.log(), self.process.access_log()]
            .iter()
            .find_map(|log| secrets::find_in(log))
    }

    /// At least a VM for each worker and one for the main thread; none was started anew after a
    /// crash.
    #[track_caller]
    fn no_vm_was_lost(&self) {
        let stats = self.stats();
        let reloads = stats.iter().filter(|(name, _)| name.contains("vm_reload"));
        assert_eq!(
            reloads.map(|(_, count)| count).sum::<u64>(),
            0,
            "a VM was reloaded"
        );
        let active = self.stat("wasm.envoy.wasm.runtime.v8.active");
        let created = self.stat("wasm.envoy.wasm.runtime.v8.created");
        let workers = self.stat("server.concurrency");
        assert!(
            active > workers,
            "{active} VMs are left for {workers} workers"
        );
        assert!(created >= active, "{created} VMs made, {active} active");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            panic!("the story ended without `finish`");
        }
    }
}

/// A refused configuration is reported in words that would otherwise mean a crash.
fn without_refusals(log: &str) -> String {
    let refusals = [
        "Failed to configure base Wasm plugin",
        "Plugin passgate failed to load",
        "Plugin configured to fail closed failed to load",
    ];
    let is_other = |line: &&str| !refusals.iter().any(|text| line.contains(text));
    log.lines().filter(is_other).collect::<Vec<_>>().join("\n")
}

const CRASH_MARKS: [&str; 8] = [
    "panicked",
    "Wasm VM failed",
    "Function: proxy_on",
    "proxy_abi",
    "RuntimeError",
    "Uncaught",
    "[critical]",
    "Proxy-Wasm plugin in-VM backtrace",
];
