//! Stories about the filter in a real Envoy Gateway: its control plane as it is released, with
//! Envoy as a process beside it, on a machine of their own (`tools/isolated`). They apply the files
//! of `envoy-gateway/` as `make image` filled them in.
//!
//! `make test-envoy-gateway` runs them, one after the other. A prober asks without a token all the
//! time, and what passed is counted by the step that it fell into.

mod oidc;
mod world;

use passgate_harness::{Request, Response, eventually, run, workspace};
use passgate_kit::tampered;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use world::{World, image, parts, send, served, shipped};

/// The gate of the shipped file with this module.
fn policy(code: Value) -> Value {
    let mut policy = parts("gate.yaml", "EnvoyExtensionPolicy").remove(0);
    policy["spec"]["wasm"][0]["code"] = code;
    policy
}

/// The same with a configuration that the filter refuses.
fn broken(code: Value) -> Value {
    let mut policy = policy(code);
    policy["spec"]["wasm"][0]["config"]["providers"]["acme"]["clock_skew_seconds"] = json!(60);
    policy
}

fn named(name: &str, mut policy: Value) -> Value {
    policy["metadata"]["name"] = json!(name);
    policy
}

/// A policy of the route's own.
fn of_route(policy: Value) -> Value {
    let mut policy = named("passgate-of-route", policy);
    policy["spec"]["targetRefs"][0]["kind"] = json!("HTTPRoute");
    policy["spec"]["targetRefs"][0]["name"] = json!("api");
    policy
}

/// Both halves of the lock.
fn lock() -> [Value; 2] {
    ["ClientTrafficPolicy", "SecurityPolicy"].map(|kind| parts("gate.yaml", kind).remove(0))
}

/// Images that cannot be had: one that is nowhere, and one whose bytes are others.
fn absent() -> [Value; 2] {
    let mut nowhere = image("oci");
    nowhere["image"]["url"] = json!("registry.example.com/absent:1");
    let mut wrong = served("/passgate.wasm");
    wrong["http"]["sha256"] = json!("0".repeat(64));
    [nowhere, wrong]
}

/// What the service got.
#[track_caller]
fn received(answer: &Response) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"))
}

#[track_caller]
fn judges(world: &World) {
    let got = received(&world.gives(401, 200));
    assert_eq!(got["headers"]["x-user"], "alice");
    assert_eq!(got["headers"]["authorization"], Value::Null);
}

#[test]
fn the_shipped_files_judge_with_the_module_in_each_form() {
    let world = World::start(&["identity-provider.yaml", "gate.yaml"]);
    // As it is shipped, by its image.
    world.step("shipped", &[]);
    judges(&world);
    let forged = Request::get("/").bearer(&tampered(&world.good()));
    assert_eq!(send(&forged).unwrap().status, 401);
    world.eventually("a record in the access log", || {
        let log = world.log();
        log.contains("\"details\":\"passgate.untrusted.signature\"")
            .then_some(())
    });
    let lied = Request::get("/").header("x-user", "admin");
    let lied = received(&send(&lied.bearer(&world.good())).unwrap());
    assert_eq!(lied["headers"]["x-user"], "alice");

    let passed = world.finish();
    assert!(passed.is_empty(), "{passed:?}");

    // In the place of the shipped policy: of two for one Gateway the older one counts.
    let world = World::start(&["identity-provider.yaml"]);
    let [client, security] = lock();
    let forms = ["oci", "docker", "artifact"].map(|form| (form, image(form)));
    for (name, code) in forms
        .into_iter()
        .chain([("http", served("/passgate.wasm"))])
    {
        world.step(name, &[&client, &security, &policy(code)]);
        judges(&world);
    }
    let passed = world.finish();
    assert!(passed.is_empty(), "{passed:?}");
}

#[test]
fn behind_the_lock_nothing_passes_in_any_transition() {
    let mut world = World::start(&["identity-provider.yaml"]);
    let [client, security] = lock();
    let good = policy(image("oci"));
    let file = policy(served("/passgate.wasm"));
    let step = |world: &World, name: &str, policies: &[&Value]| {
        world.step(name, &[&[&client, &security], policies].concat());
    };
    step(&world, "good", &[&good]);
    judges(&world);
    step(&world, "file", &[&file]);
    judges(&world);
    // Envoy has the module and judges the configuration at once: the old listener stays.
    step(&world, "broken", &[&broken(served("/passgate.wasm"))]);
    judges(&world);
    step(&world, "mended", &[&good]);
    judges(&world);
    step(&world, "renamed", &[&named("passgate-2", good.clone())]);
    judges(&world);
    step(
        &world,
        "renamed-broken",
        &[&named("passgate-3", broken(image("oci")))],
    );
    world.gives(403, 403);
    step(&world, "named-again", &[&good]);
    judges(&world);
    step(
        &world,
        "route-broken",
        &[&good, &of_route(broken(image("oci")))],
    );
    world.gives(403, 403);
    step(&world, "route-gone", &[&good]);
    judges(&world);
    step(
        &world,
        "route-new",
        &[&good, &of_route(policy(served("/other-1.wasm")))],
    );
    judges(&world);
    for (index, code) in absent().into_iter().enumerate() {
        step(&world, &format!("absent-{index}"), &[&policy(code)]);
        world.gives(403, 403);
        let other = policy(served(&format!("/other-{}.wasm", index + 2)));
        step(&world, &format!("there-{index}"), &[&other]);
        judges(&world);
    }
    // A new Envoy has no module yet: it takes the listener, and the filter lets nobody pass.
    world.step("restart", &[&client, &security, &broken(image("oci"))]);
    world.restart();
    world.step(
        "broken-at-start",
        &[&client, &security, &broken(image("oci"))],
    );
    world.gives(503, 503);
    world.step("mended-at-last", &[&client, &security, &good]);
    judges(&world);
    let passed = world.finish();
    assert!(passed.is_empty(), "passed without a token: {passed:?}");
}

#[test]
fn without_the_lock_requests_pass_for_as_long_as_envoy_refuses_a_renamed_filter() {
    let world = World::start(&["identity-provider.yaml"]);
    let good = policy(image("oci"));
    world.step("good", &[&good]);
    judges(&world);
    let open = |policies: &[&Value], name: &str| {
        world.step(name, policies);
        world.gives(200, 200);
        let forged = Request::get("/").header("x-user", "admin");
        let got = received(&send(&forged).unwrap());
        assert_eq!(got["headers"]["x-user"], "admin");
        world.step(&format!("after-{name}"), &[&good]);
        judges(&world);
    };
    open(&[&named("passgate-2", broken(image("oci")))], "renamed");
    open(&[&good, &of_route(broken(image("oci")))], "route");
    let refused = "Envoy rejected the last update";
    assert!(world.log().contains(refused), "{}", world.log());
    let passed = world.finish();
    for name in ["renamed", "route"] {
        assert!(passed.contains_key(name), "{passed:?}");
    }
    for name in ["good", "after-renamed", "after-route"] {
        assert!(!passed.contains_key(name), "{passed:?}");
    }

    // `passgate check` refuses what has no lock.
    let file = std::env::temp_dir().join(format!("passgate-unlocked-{}.yaml", std::process::id()));
    fs::write(&file, good.to_string()).unwrap();
    let check = |file: &std::path::Path| {
        let mut passgate = Command::new(workspace().join("target/debug/passgate"));
        passgate.arg("check").arg(file).output().unwrap()
    };
    assert!(!check(&file).status.success());
    fs::write(&file, shipped("gate.yaml")).unwrap();
    run(Command::new(workspace().join("target/debug/passgate"))
        .arg("check")
        .arg(&file));
    fs::remove_file(file).unwrap();
}

#[test]
fn a_module_that_has_crashed_lets_nobody_pass_and_the_patch_brings_it_back() {
    let world = World::start(&["identity-provider.yaml"]);
    let [client, security] = lock();
    let policy = policy(served("/trap.wasm"));
    world.step("trap", &[&client, &security, &policy]);
    judges(&world);
    let good = Request::get("/").bearer(&world.good());
    let crash = || {
        send(&good.clone().header("x-story-trap", "1"))
            .unwrap()
            .status
    };
    assert_eq!(crash(), 503);
    world.gives(503, 503);
    world.apply("reload.yaml");
    eventually("FAIL_RELOAD at Envoy", || {
        let listeners = world.admin("/config_dump?resource=dynamic_listeners")?;
        listeners
            .contains("\"failure_policy\": \"FAIL_RELOAD\"")
            .then_some(())
    });
    judges(&world);
    assert_eq!(crash(), 503);
    judges(&world);
    let passed = world.finish();
    assert!(passed.is_empty(), "{passed:?}");
}
