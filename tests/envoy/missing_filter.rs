//! Where requests can be served without the filter, and where they cannot: while its configuration
//! or its module is not there yet, and where routes switch it on. `docs/missing_filter.md` says
//! what follows from each.

use passgate_harness::{
    BOTH, Bootstrap, Gate, Received, Request, Server, Setup, eventually, module, policy,
    policy_with, serve,
};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const ROUTES: &str = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// A folder of files that Envoy watches; it goes with the story.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let name = format!("passgate-missing-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// Puts these resources into a file, in one move.
    fn put(&self, name: &str, resources: &Value) {
        let fresh = self.0.join(format!("{name}.new"));
        fs::write(&fresh, json!({ "resources": resources }).to_string()).unwrap();
        fs::rename(fresh, self.0.join(name)).unwrap();
    }

    /// A `ConfigSource` of this file.
    fn source(&self, name: &str) -> Value {
        json!({ "path_config_source": {
            "path": self.0.join(name), "watched_directory": { "path": self.0 },
        } })
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The filter with this policy as a resource of extension config discovery (ECDS).
fn extension(ours: &Value, policy: &Value) -> Value {
    let mut config = ours["typed_config"].clone();
    config["config"]["configuration"]["value"] = json!(policy.to_string());
    json!([{ "@type": EXTENSION, "name": "passgate", "typed_config": config }])
}

/// Puts ECDS into the filter's place. Gives the filter.
fn discover(bootstrap: &mut Bootstrap, source: &Value, more: &Value) -> Value {
    let ours = bootstrap.passgate().clone();
    let mut discovery = json!({ "config_source": source, "type_urls": [WASM] });
    for (name, value) in more.as_object().unwrap() {
        discovery[name] = value.clone();
    }
    *bootstrap.passgate() = json!({ "name": "passgate", "config_discovery": discovery });
    bootstrap.0["node"] = json!({ "id": "story", "cluster": "stories" });
    ours
}

/// A gate whose filter comes by ECDS from a file, which first holds this policy; and the filter.
fn discovered(files: &Files, first: &Value, more: &Value) -> (Gate, Value) {
    let mut filter = Value::Null;
    let setup = Setup::new(policy()).edit(|bootstrap| {
        filter = discover(bootstrap, &files.source("ecds.json"), more);
        if !more["default_config"].is_null() {
            let types = &mut bootstrap.filters()[0]["config_discovery"]["type_urls"];
            let kind = more["default_config"]["@type"].clone();
            types.as_array_mut().unwrap().push(kind);
        }
        files.put("ecds.json", &extension(&filter, first));
    });
    (setup.start(), filter)
}

/// What the filter refuses.
fn broken() -> Value {
    policy_with(json!({ "clock_skew_seconds": 60 }))
}

/// Good tokens pass, and nothing passes without one.
#[track_caller]
fn judges(gate: &Gate) {
    let good = gate.good();
    for protocol in BOTH {
        let received = gate.passed(&gate.send(protocol, &Request::get("/").bearer(&good)));
        assert_eq!(received.headers.text("x-user"), Some("alice"));
        gate.denied(&gate.send(protocol, &Request::get("/")), "missing.token");
    }
}

/// All get this status, with a token and without one, and nothing reaches the service.
#[track_caller]
fn answers_all(gate: &Gate, status: u16) {
    let hits = gate.upstream.hits();
    let good = gate.good();
    for protocol in BOTH {
        for request in [Request::get("/"), Request::get("/").bearer(&good), forged()] {
            assert_eq!(gate.send(protocol, &request).status, status);
        }
    }
    assert_eq!(gate.upstream.hits(), hits);
}

/// A request without a token whose sender makes up what the filter would write.
fn forged() -> Request {
    let forged = Request::get("/").header("x-user", "admin");
    forged.header("x-passgate-provider", "acme")
}

/// It passes without a token. What reached the service.
#[track_caller]
fn open(gate: &Gate) -> Received {
    let hits = gate.upstream.hits();
    for protocol in BOTH {
        gate.passed(&gate.send(protocol, &forged()));
    }
    assert_eq!(gate.upstream.hits(), hits + BOTH.len());
    gate.upstream.last()
}

/// Waits until so many configurations have come by ECDS, of which so many were refused.
fn discoveries(gate: &Gate, all: u64, refused: u64) {
    eventually("a configuration by ECDS", || {
        let stats = gate.stats();
        let stat = |end: &str| {
            let mut of_ecds = stats.iter().filter(|(name, _)| {
                name.contains("extension_config_discovery") && name.ends_with(end)
            });
            of_ecds.next().map_or(0, |(_, count)| *count)
        };
        let seen = (stat(".update_attempt"), stat(".update_rejected"));
        (seen == (all, refused)).then_some(())
    });
}

#[test]
fn a_first_configuration_by_ecds_that_is_refused_closes_the_gate_until_a_good_one_comes() {
    let files = Files::new();
    let (mut gate, filter) = discovered(&files, &broken(), &json!({}));
    answers_all(&gate, 500);
    files.put("ecds.json", &extension(&filter, &policy()));
    discoveries(&gate, 2, 1);
    judges(&gate);
    gate.end();
}

#[test]
fn an_update_by_ecds_that_is_refused_or_empty_leaves_the_filter_as_it_was() {
    let files = Files::new();
    let (mut gate, filter) = discovered(&files, &policy(), &json!({}));
    judges(&gate);
    let mut other = extension(&filter, &policy());
    other[0]["name"] = json!("passgate-2");
    let updates = [extension(&filter, &broken()), json!([]), other];
    for (refused, update) in (1..).zip(&updates) {
        files.put("ecds.json", update);
        discoveries(&gate, 1 + refused, refused);
        judges(&gate);
    }
    gate.end();
}

#[test]
fn a_default_configuration_decides_until_the_first_one_comes() {
    let rbac = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";
    let cors = "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors";
    // Rules without a policy deny all; a filter that does nothing lets all pass.
    let defaults = [
        (json!({ "@type": rbac, "rules": {} }), Some(403)),
        (json!({ "@type": cors }), None),
    ];
    for (default, status) in defaults {
        for unwarmed in [false, true] {
            let files = Files::new();
            let more = json!({
                "default_config": default, "apply_default_config_without_warming": unwarmed,
            });
            let (mut gate, filter) = discovered(&files, &broken(), &more);
            match status {
                Some(status) => answers_all(&gate, status),
                None => assert_eq!(open(&gate).headers.text("x-user"), Some("admin")),
            }
            files.put("ecds.json", &extension(&filter, &policy()));
            discoveries(&gate, 2, 1);
            judges(&gate);
            gate.end();
        }
    }
}

/// A control plane that takes connections and says nothing.
fn silent() -> Server {
    Server::start(|stream| {
        let _ = std::io::copy(&mut &stream, &mut std::io::sink());
    })
}

/// ECDS from this control plane, as Istio asks for it; `seconds` is how long Envoy waits for it,
/// and zero is for ever.
fn asks(control: &Server, seconds: &str) -> impl Fn(&mut Bootstrap) {
    let address = control.address;
    move |bootstrap| {
        let source = json!({
            "api_config_source": {
                "api_type": "GRPC", "transport_api_version": "V3",
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "control" } }],
            },
            "initial_fetch_timeout": seconds, "resource_api_version": "V3",
        });
        if !bootstrap.has_cluster("control") {
            bootstrap.add_cluster("control", address);
            bootstrap.cluster("control")["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": { "http2_protocol_options": {} },
                },
            });
        }
        discover(bootstrap, &source, &json!({}));
    }
}

fn warming(gate: &Gate) -> u64 {
    gate.stat("listener_manager.total_listeners_warming")
}

#[test]
fn while_a_listener_waits_for_its_filter_the_one_before_it_serves() {
    let control = silent();
    let with_cluster = |setup: Setup| setup.cluster("control", control.address);
    // A gate stays one.
    let setup = with_cluster(Setup::new(policy()).watched());
    let mut gate = setup.start();
    judges(&gate);
    gate.relisten(asks(&control, "0s"));
    assert_eq!(warming(&gate), 1);
    judges(&gate);
    gate.end();

    // A listener that was open stays open: until the filter is there, nobody is judged.
    let setup = with_cluster(Setup::new(policy()).watched());
    let mut filter = Value::Null;
    let setup = setup.edit(|bootstrap| filter = bootstrap.filters().remove(0));
    let mut gate = setup.start();
    assert_eq!(open(&gate).headers.text("x-user"), Some("admin"));
    gate.relisten(|bootstrap| {
        bootstrap.filters().insert(0, filter.clone());
        asks(&control, "0s")(bootstrap);
    });
    assert_eq!(warming(&gate), 1);
    open(&gate);
    // The filter in the listener itself is in force as soon as Envoy has taken it.
    gate.relisten(|bootstrap| bootstrap.filters()[0] = filter.clone());
    eventually("the filter", || {
        (gate.send(BOTH[0], &forged()).status == 401).then_some(())
    });
    judges(&gate);
    gate.end();
}

#[test]
fn a_filter_whose_configuration_does_not_come_in_time_closes_the_gate() {
    let control = silent();
    let setup = Setup::new(policy()).cluster("control", control.address);
    let mut gate = setup.edit(asks(&control, "0.1s")).start();
    answers_all(&gate, 500);
    gate.end();
}

#[test]
fn while_the_module_is_fetched_the_listener_before_serves_and_a_module_that_never_comes_closes() {
    let (answer, answers) = mpsc::channel::<bool>();
    let answers = std::sync::Mutex::new(answers);
    let bytes = fs::read(module()).unwrap();
    let digest: String = passgate_kit::sha256(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let server = Server::start(move |stream| {
        serve(stream, |_| {
            let head = match answers.lock().unwrap().recv().ok()? {
                false => {
                    return Some(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".into());
                }
                true => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len()),
            };
            Some([head.as_bytes(), &bytes].concat())
        });
    });
    let remote = |path: &str, sha256: &str| {
        json!({ "remote": {
            "sha256": sha256,
            "http_uri": { "uri": format!("http://modules{path}"), "cluster": "modules", "timeout": "20s" },
            "retry_policy": { "num_retries": 0 },
        } })
    };
    let with = |code: Value| {
        move |bootstrap: &mut Bootstrap| {
            bootstrap.passgate()["typed_config"]["config"]["vm_config"]["code"] = code;
        }
    };
    let setup = Setup::new(policy()).cluster("modules", server.address);
    // The module is larger than what the shipped files let Envoy hold of an answer.
    let setup = setup.edit(|bootstrap| {
        let layer = &mut bootstrap.0["layered_runtime"]["layers"][0]["static_layer"];
        layer["http.async_response_buffer_limit"] = json!(4_194_304);
    });
    let mut gate = setup.watched().start();
    judges(&gate);
    // Nobody answers yet: the new listener waits.
    gate.relisten(with(remote("/passgate.wasm", &digest)));
    assert_eq!(warming(&gate), 1);
    judges(&gate);
    answer.send(true).unwrap();
    eventually("the new listener", || (warming(&gate) == 0).then_some(()));
    judges(&gate);
    // It does not come at all: the new listener serves, and lets nobody pass.
    gate.relisten(with(remote("/absent.wasm", &"0".repeat(64))));
    assert_eq!(warming(&gate), 1);
    judges(&gate);
    answer.send(false).unwrap();
    eventually("the new listener", || (warming(&gate) == 0).then_some(()));
    eventually("a closed gate", || {
        (gate.send(BOTH[0], &Request::get("/")).status == 503).then_some(())
    });
    answers_all(&gate, 503);
    gate.end();
}

/// Routes that switch on the filter of this name, as Envoy Gateway writes them.
fn routes_for(name: &str) -> Value {
    let on = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
    json!([{ "@type": ROUTES, "name": "routes", "virtual_hosts": [{
        "name": "all", "domains": ["*"], "routes": [{
            "match": { "prefix": "/" }, "route": { "cluster": "upstream" }, "name": name,
            "typed_per_filter_config": { name: { "@type": on, "config": {} } },
        }],
    }] }])
}

/// Removes what a client says of itself before any filter, and lets nobody pass whom the filter
/// has not marked since.
fn lock(bootstrap: &mut Bootstrap) {
    let early = "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation";
    let names = ["x-passgate-provider", "x-passgate-principal", "x-user"];
    let mutations: Vec<Value> = names.iter().map(|name| json!({ "remove": name })).collect();
    bootstrap.manager()["early_header_mutation_extensions"] = json!([{
        "name": "lock", "typed_config": { "@type": early, "mutations": mutations },
    }]);
    let marked =
        json!({ "header": { "name": "x-passgate-provider", "string_match": { "exact": "acme" } } });
    let rbac = json!({ "name": "lock", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": { "action": "ALLOW", "policies": {
            "passgate-was-here": { "permissions": [{ "any": true }], "principals": [marked] },
        } },
    } });
    bootstrap.filters().insert(1, rbac);
}

/// Waits until the routes for the filter of this name serve.
fn routed(gate: &Gate, files: &Files, name: &str) {
    files.put("rds.json", &routes_for(name));
    eventually("the routes", || {
        let routes = gate.admin("/config_dump?resource=dynamic_route_configs");
        routes
            .contains(&format!("\"name\": \"{name}\""))
            .then_some(())
    });
}

#[test]
fn routes_that_switch_on_a_filter_which_the_listener_lacks_are_open_without_the_lock() {
    for locked in [false, true] {
        let files = Files::new();
        files.put("rds.json", &routes_for("passgate"));
        let mut gate = Setup::new(policy())
            .watched()
            .edit(|bootstrap| {
                bootstrap.passgate()["disabled"] = json!(true);
                let manager = bootstrap.manager();
                manager.as_object_mut().unwrap().remove("route_config");
                manager["rds"] = json!({
                    "route_config_name": "routes", "config_source": files.source("rds.json"),
                });
                if locked {
                    lock(bootstrap);
                }
            })
            .start();
        judges(&gate);
        let missing = |gate: &Gate| match locked {
            true => answers_all(gate, 403),
            false => assert_eq!(open(gate).headers.text("x-user"), Some("admin")),
        };

        // The name has changed, and the listener is not there yet.
        routed(&gate, &files, "passgate-2");
        missing(&gate);
        // Envoy refuses the listener: it stays so.
        gate.relisten(|bootstrap| {
            bootstrap.passgate()["name"] = json!("passgate-2");
            bootstrap.set_policy(&broken());
        });
        assert_eq!(gate.stat("listener_manager.lds.update_rejected"), 1);
        missing(&gate);
        // Routes and listener say the same again.
        gate.relisten(|bootstrap| bootstrap.set_policy(&policy()));
        eventually("the new listener", || {
            (gate.send(BOTH[0], &forged()).status == 401).then_some(())
        });
        judges(&gate);
        gate.end();
    }
}
