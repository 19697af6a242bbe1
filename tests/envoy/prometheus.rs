//! What a real Prometheus reads from a real gate: the labels, every query of the dashboard, the
//! alerts.

use passgate_harness::{
    AUDIENCE, BOTH, Companion, Crowd, Endless, Gate, Http1, ISSUER, Issuer, Request, Setup,
    eventually, free_address, new_folder, policy, provider, public, ruled, the_rest, with,
    workspace,
};
use passgate_kit::{ProofBuilder, SigningKey, Token, base64url, bound_to, now, tampered};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn prometheus_reads_the_gate_and_every_query_of_the_dashboard_has_an_answer() {
    let service = Endless::start();
    let gate = busy_gate(&service);
    // The tolerance for its `exp` ends in two seconds.
    let short = gate.token().claim("exp", now() - 58).build();
    let stream = Request::get("/events").bearer(&short);
    let stream = stream.header("accept", "text/event-stream");
    let _streams = Crowd::start(gate.address, 1, move |_| stream.clone());
    let prometheus = Prometheus::start(&gate);
    traffic(&gate);

    labels_are_bounded(&prometheus);
    let mut asked = 0;
    for (title, query) in dashboard() {
        eventually(&format!("an answer for {title}: {query}"), || {
            // So that rates are of something.
            traffic(&gate);
            let answer = prometheus.query(&query);
            // A share of nothing is not a number yet.
            let is_number = |sample: &Value| {
                let value = sample["value"][1].as_str().unwrap();
                value.parse::<f64>().unwrap().is_finite()
            };
            (!answer.is_empty() && answer.iter().all(is_number)).then_some(())
        });
        asked += 1;
    }
    assert!(asked >= 15, "{asked} queries in the dashboard");

    let refusals = prometheus.query(r#"sum(passgate_verdicts{reason="untrusted.signature"})"#);
    assert!(
        refusals[0]["value"][1]
            .as_str()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            > 0.0
    );
    alerts_are_loaded(&prometheus);
    gate.finish();
}

/// A gate with something for each panel: exemptions with an end, a provider that cannot be reached,
/// preflights, a rule in shadow, a stream that ends with its token.
fn busy_gate(service: &Endless) -> Gate {
    let dated = json!({
        "match": { "prefix": "/old/" },
        "public": { "reason": "story", "owner": "tests", "until": "2099-12-31" },
    });
    let partners = json!({
        "match": { "prefix": "/partners/" }, "requires": { "provider_name": "partners" },
    });
    let shadow = json!({
        "match": { "prefix": "/new/" }, "requires": { "provider_name": "acme" },
        "mode": { "shadow": { "until": "2999-12-31" } },
    });
    let bound = json!({
        "match": { "prefix": "/bound/" },
        "requires": {
            "provider_name": "acme", "proof": { "dpop": {} }, "actors": [format!("{ISSUER}/agent.7")],
        },
    });
    let mut policy = policy();
    policy["providers"]["acme"]["revocations"] = json!({
        "http_uri": { "uri": "https://id.example.com/revocations", "cluster": "idp" },
        "max_stale": "168h",
        "when_unavailable": "allow",
    });
    let issuer = Issuer::start();
    let list = json!({
        "version": 1, "epoch": 1, "sequence": 1, "generated_at": now(), "entries": [{ "sub": "ended" }],
    });
    issuer.page("/revocations", 200, &list.to_string());
    let passkey = SigningKey::es256("passkey");
    let entry = json!({
        "sub": "alice", "id": base64url([7; 16]), "cose_key": base64url(passkey.cose_key()),
    });
    let credentials = json!({ "iss": ISSUER, "credentials": [entry] });
    issuer.page("/credentials", 200, &credentials.to_string());
    policy["providers"]["acme"]["credentials"] = json!({ "document": {
        "http_uri": { "uri": "https://id.example.com/credentials", "cluster": "idp" },
        "cache_duration": "1s",
    } });
    policy["providers"]["partners"] = provider(json!({
        "issuer": "https://partners.example.com",
        "remote_jwks": null,
        "claim_to_headers": null,
        "discovery": { "cluster": "idp", "jwks_uri_prefix": "https://partners.example.com/" },
    }));
    let policy = ruled(
        policy,
        json!([public("/open/"), dated, partners, shadow, bound, the_rest()]),
    );
    let policy = with(
        policy,
        "origins",
        json!([AUDIENCE, "https://app.example.com"]),
    );
    let policy = with(policy, "bypass_cors_preflight", json!(true));
    let policy = with(policy, "audit", json!({ "labels": ["kind", "actor"] }));
    let policy = with(policy, "streams", json!({ "end_with_authority": true }));
    let setup = Setup::new(policy).issuer(issuer);
    let setup = setup.cluster("service", service.address);
    let setup = setup.edit(|bootstrap| bootstrap.endless("service", "/events"));
    setup.start()
}

fn traffic(gate: &Gate) {
    let good = gate.good();
    let partner = Token::of(&gate.issuer.key, "https://partners.example.com", AUDIENCE).build();
    let ended = gate.token().claim("sub", "ended").build();
    let unknown = gate.token().header("kid", "made-up").build();
    let preflight = Request::new("OPTIONS", "/")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET");
    for request in [
        Request::get("/").bearer(&good),
        Request::get("/").bearer(&tampered(&good)),
        Request::get("/").bearer(&unknown),
        Request::get("/").bearer(&ended),
        Request::get("/partners/a").bearer(&partner),
        Request::get("/open/a"),
        Request::get("/old/a"),
        Request::get("/new/a"),
        Request::get("/a//b"),
        preflight,
    ] {
        gate.send(BOTH[0], &request);
    }
    proofs(gate);
    // Agents without the proof that their tokens need; the rule names the first.
    for agent in ["agent.7", "agent.8", "agent.9"] {
        let agent = gate.token().claim("act", json!({ "sub": agent }));
        let agent = agent.claim("cnf", bound_to(&SigningKey::es256("agent")));
        let agent = format!("DPoP {}", agent.build());
        let request = Request::get("/bound/a").header("authorization", agent);
        assert_eq!(gate.send(BOTH[0], &request).status, 401);
    }
    // More refusals than the log takes in a second.
    let mut client = gate.client();
    for _ in 0..120 {
        client.send(Request::get("/").to_http1());
        assert_eq!(client.read().status, 401);
    }
}

/// One with a nonce of another replica, and then one with the nonce that is answered.
fn proofs(gate: &Gate) {
    let key = SigningKey::es256("proof");
    let token = gate.token().claim("cnf", bound_to(&key)).build();
    let send = |nonce: &str| {
        let proof = ProofBuilder::of(&key, "GET", &format!("{AUDIENCE}/bound/a"));
        let proof = proof.token(&token).claim("nonce", nonce).build();
        let request = Request::get("/bound/a").header("dpop", proof);
        gate.send(
            BOTH[0],
            &request.header("authorization", format!("DPoP {token}")),
        )
    };
    let [_, _, made @ ..] = (now() * 1_000).to_be_bytes();
    let foreign = base64url([&made[..], &[7; 16]].concat());
    let answer = send(&foreign);
    let nonce = answer.headers.text("dpop-nonce").expect("a nonce of ours");
    assert_eq!((answer.status, send(nonce).status), (401, 200));
}

/// Labels hold reason codes, indexes of rules, names of providers, kinds, and actors that rules
/// name, and nothing else.
fn labels_are_bounded(prometheus: &Prometheus) {
    let verdicts = eventually("verdicts", || {
        let verdicts = prometheus.query("passgate_verdicts");
        let is_cut = |sample: &Value| sample["metric"]["decision"] == "cut";
        (verdicts.len() >= 9 && verdicts.iter().any(is_cut)).then_some(verdicts)
    });
    let schema = fs::read_to_string(workspace().join("schema/audit-record.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let reasons = schema["properties"]["reason"]["enum"].as_array().unwrap();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sample in &verdicts {
        for (label, value) in sample["metric"].as_object().unwrap() {
            let values = seen.entry(label.clone()).or_default();
            values.insert(value.as_str().unwrap().to_owned());
        }
    }
    let labels: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(
        labels,
        [
            "__name__", "actor", "decision", "instance", "job", "kind", "provider", "reason",
            "rule"
        ]
    );
    let set = |label: &str| seen[label].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(set("decision"), ["allow", "cut", "deny", "shadow"]);
    assert_eq!(set("kind"), ["agent", "unknown"]);
    assert_eq!(set("actor"), ["https_id_example_com_agent_7", "other"]);
    assert_eq!(set("provider"), ["acme", "partners"]);
    assert_eq!(set("rule"), ["0", "1", "2", "3", "4", "5"]);
    for reason in &seen["reason"] {
        assert!(reasons.contains(&json!(reason)), "{reason}");
    }
}

/// The shipped alerts, evaluated by Prometheus; the provider that cannot be reached waits to be
/// one, the rule in shadow is one.
fn alerts_are_loaded(prometheus: &Prometheus) {
    eventually("evaluated alerts", || {
        let rules = prometheus.get("/api/v1/rules");
        let rules = rules["data"]["groups"][0]["rules"].as_array()?.clone();
        assert!(rules.len() >= 6, "{rules:?}");
        for rule in &rules {
            assert_ne!(rule["health"], "err", "{rule}");
        }
        let is_in = |name: &str, states: &[&str]| {
            let rule = rules.iter().find(|rule| rule["name"] == name);
            rule.is_some_and(|rule| states.contains(&rule["state"].as_str().unwrap()))
        };
        let unavailable = is_in("PassgateProviderUnavailable", &["pending", "firing"]);
        (unavailable && is_in("PassgateShadowDenials", &["firing"])).then_some(())
    });
}

/// Title and query of every panel, with Grafana's variables replaced.
fn dashboard() -> Vec<(String, String)> {
    let text = fs::read_to_string(workspace().join("observability/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let query = query
                .replace("$__rate_interval", "30s")
                .replace("$instance", ".*");
            assert!(
                !query.contains('$'),
                "a variable that nobody replaces: {query}"
            );
            queries.push((panel["title"].as_str().unwrap().to_owned(), query));
        }
    }
    queries
}

/// A Prometheus that scrapes the gate each second, with the shipped alerts; killed when dropped.
struct Prometheus {
    server: Companion,
    address: SocketAddr,
}

impl Prometheus {
    fn start(gate: &Gate) -> Self {
        let folder = new_folder();
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [workspace().join("observability/alerts.yaml")],
            "scrape_configs": [{
                "job_name": "gate",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{ "targets": [gate.admin_address().to_string()] }],
            }],
        });
        let file = folder.join("prometheus.json");
        fs::write(&file, config.to_string()).unwrap();
        let address = free_address();
        let data = folder.join("data");
        let mut command = Command::new(program());
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg(format!("--web.listen-address={address}"));
        let mut started = Self {
            server: Companion::start(&folder, &mut command),
            address,
        };
        eventually("a scraped gate", || {
            started.server.must_live();
            // Before it listens there is nobody to ask.
            std::net::TcpStream::connect(started.address).ok()?;
            (started.try_query("up")?.first()?["value"][1] == "1").then_some(())
        });
        started
    }

    /// The samples that the query gives now; an error of the query is a failure.
    fn query(&self, query: &str) -> Vec<Value> {
        self.try_query(query)
            .unwrap_or_else(|| panic!("no vector: {query}"))
    }

    fn try_query(&self, query: &str) -> Option<Vec<Value>> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.get(&format!("/api/v1/query?query={encoded}"));
        if answer["errorType"] == "unavailable" {
            return None;
        }
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }

    fn get(&self, path: &str) -> Value {
        let mut client = Http1::connect(self.address);
        client.send(format!(
            "GET {path} HTTP/1.1\r\nhost: prometheus\r\nconnection: close\r\n\r\n"
        ));
        let answer = client.read();
        serde_json::from_slice(&answer.body)
            .unwrap_or_else(|_| json!({ "errorType": "unavailable" }))
    }
}

fn program() -> PathBuf {
    let folder = std::env::var_os("PROMETHEUS").unwrap_or_else(|| ".tools/prometheus".into());
    let program = workspace().join(folder).join("prometheus");
    assert!(
        program.is_file(),
        "{} is not there: run `tools/install-prometheus`, or set PROMETHEUS to its folder",
        program.display()
    );
    program
}
