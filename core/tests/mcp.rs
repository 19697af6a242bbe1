//! Rules about calls of MCP: what Envoy's filter has read in the body decides, and who leaves open
//! what is called meets more and never less.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "mcp/errors.rs"]
mod errors;
#[path = "mcp/streams.rs"]
mod streams;
#[path = "mcp/world.rs"]
mod world;

use serde_json::json;

use world::{World, body, rules};

const CALL: &str = "tools/call";

/// The members that Envoy's filter writes for this call.
fn call(name: &str) -> Vec<(&'static str, Vec<u8>)> {
    body(CALL, Some(("params\0name", name)))
}

#[test]
fn a_call_meets_the_first_rule_that_names_it() {
    let mut world = World::new(&rules());
    for (method, named, rule) in [
        (CALL, Some(("params\0name", "delete_user")), 0),
        (CALL, Some(("params\0name", "delete_")), 0),
        (CALL, Some(("params\0name", "delet")), 2),
        (CALL, Some(("params\0name", "drop")), 0),
        (CALL, Some(("params\0name", "drop_all")), 2),
        (CALL, Some(("params\0name", "xdelete_user")), 2),
        ("prompts/get", Some(("params\0name", "delete_user")), 2),
        ("resources/read", Some(("params\0uri", "file:///a")), 1),
        ("tools/list", None, 2),
        ("notifications/initialized", None, 2),
        ("delete_user", None, 2),
    ] {
        world.body = Some(body(method, named));
        let judged = world.post(&[], &world.weak());
        let expected = match rule {
            0 => "insufficient.authentication",
            1 => "insufficient.scope",
            _ => "permitted.token",
        };
        assert_eq!(judged.code, expected, "{method} {named:?}");
        assert_eq!(judged.rule, Some(rule), "{method} {named:?}");
        let name = named.map_or("", |(_, name)| name);
        assert_eq!(judged.call, Some(format!("{method} {name}")));
        assert_eq!(world.post(&[], &world.strong()).code, "permitted.token");
    }
}

#[test]
fn a_call_that_nobody_can_tell_meets_every_rule_of_its_path() {
    let mut world = World::new(&rules());
    let good = || call("list_users");
    let without = |member: &str| {
        let mut members = good();
        members.retain(|(name, _)| *name != member);
        Some(members)
    };
    let with = |member: &'static str, value: &[u8]| {
        let mut members = without(member).unwrap();
        members.push((member, value.to_vec()));
        Some(members)
    };
    let long = vec![b'a'; 2_049];
    for body in [
        None,
        Some(Vec::new()),
        without("is_mcp_request"),
        with("is_mcp_request", &[0]),
        with("is_mcp_request", b"true"),
        with("is_exceeding_limit", &[1]),
        with("is_exceeding_limit", b"true"),
        with("passthrough_reason", b"mcp_body_too_large"),
        with("passthrough_reason", b""),
        without("method"),
        with("method", b""),
        with("method", b"tools/list "),
        with("method", b"tools/list\0"),
        with("method", b"\xff"),
        without("params\0name"),
        with("params\0name", b""),
        with("params\0name", b"list users"),
        with("params\0name", b"list_users\0"),
        with("params\0name", "l\u{131}st_users".as_bytes()),
        with("params\0name", &[1, 2, 3, 4, 5, 6, 7, 8]),
        with("params\0name", &long),
        Some(body("prompts/get", None)),
        // An answer of the client, which may be a call all the same.
        Some(body("__jsonrpc_response", None)),
        Some(body("resources/read", None)),
        // What a reader that does not look at case takes for a name of a rule.
        Some(call("Delete_user")),
        Some(call("DROP")),
        Some(body("Tools/Call", Some(("params\0name", "drop")))),
        Some(body("Resources/read", None)),
    ] {
        world.body.clone_from(&body);
        let weak = world.post(&[], &world.weak());
        assert_eq!(weak.code, "insufficient.authentication", "{body:?}");
        assert_eq!((weak.rule, weak.call), (Some(0), None));
        let signed_in = world.token(&["hwk"], "read");
        let scope = world.post(&[], &signed_in);
        assert_eq!((scope.code, scope.rule), ("insufficient.scope", Some(1)));
        let strong = world.post(&[], &world.strong());
        assert_eq!(strong.code, "permitted.token", "{body:?}");
    }
    world.body = Some(good());
    assert_eq!(world.post(&[], &world.weak()).code, "permitted.token");
}

/// A rule that nobody meets stands before it, or behind the one that takes the rest.
#[test]
fn it_does_not_matter_where_a_rule_stands() {
    let last = json!({
        "match": { "path": "/mcp", "methods": ["POST"], "mcp": { "names": ["pay"] } },
        "requires": { "scopes": ["pay"] },
    });
    let mut policy = rules();
    policy.as_array_mut().unwrap().push(json!({
        "match": { "path": "/mcp", "methods": ["GET"] }, "requires": {},
    }));
    policy[2]["match"] =
        json!({ "path": "/mcp", "methods": ["POST"], "hosts": ["other.example.com"] });
    policy.as_array_mut().unwrap().push(last);
    let mut world = World::new(&policy);
    world.body = None;
    // No rule takes what is no call that is named.
    let judged = world.post(&[], &world.strong());
    assert_eq!((judged.code, judged.rule), ("insufficient.scope", Some(4)));
    let token = world.token(&["hwk"], "read resources pay");
    assert_eq!(world.post(&[], &token).code, "forbidden.no_rule");
    world.body = Some(call("pay"));
    assert_eq!(world.post(&[], &token).code, "permitted.token");
    world.body = Some(call("other"));
    assert_eq!(world.post(&[], &token).code, "forbidden.no_rule");
    // Another method or path has nothing to do with it, and nobody looks.
    let judged = world.send("GET", "/mcp", &[], &world.weak());
    assert_eq!((judged.code, judged.rule), ("permitted.token", Some(3)));
}

#[test]
fn headers_are_never_believed_alone() {
    let mut world = World::new(&rules());
    let lie = [("mcp-method", "tools/list"), ("mcp-name", "list_users")];
    world.body = None;
    for headers in [&lie[..], &lie[..1], &lie[1..]] {
        let judged = world.post(headers, &world.weak());
        assert_eq!(judged.code, "insufficient.authentication");
    }
    world.body = Some(call("list_users"));
    let base64 = "=?base64?bGlzdF91c2Vycw==?=";
    for headers in [
        vec![],
        vec![("mcp-method", CALL)],
        vec![("mcp-name", "list_users"), ("mcp-method", CALL)],
        vec![("mcp-name", base64)],
    ] {
        assert_eq!(world.post(&headers, &world.weak()).code, "permitted.token");
    }
    for header in [
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/Call"),
        ("mcp-method", ""),
        ("mcp-method", "tools/call, tools/list"),
        ("mcp-name", "delete_user"),
        ("mcp-name", "List_users"),
        ("mcp-name", " list_users"),
        ("mcp-name", ""),
        ("mcp-name", "=?base64?ZGVsZXRlX3VzZXI=?="),
        ("mcp-name", "=?base64?bGlzdF91c2Vycw?="),
        ("mcp-name", "=?base64?bGlzdF91c2Vycw==?= "),
        ("mcp-name", "=?base64?%?="),
        ("Mcp-Name", "delete_user"),
    ] {
        let judged = world.post(&[header], &world.strong());
        assert_eq!(
            (judged.code, judged.status),
            ("ambiguous.mcp", Some(400)),
            "{header:?}"
        );
        // The same twice is not one name either.
        let right = [(header.0, "list_users"), header];
        assert_eq!(world.post(&right, &world.strong()).code, "ambiguous.mcp");
    }
    let twice = [("mcp-name", "list_users"), ("mcp-name", "list_users")];
    assert_eq!(world.post(&twice, &world.strong()).code, "ambiguous.mcp");
    // A resource is named by its URI, and other methods name nothing that we know.
    world.body = Some(body("resources/read", Some(("params\0uri", "file:///a"))));
    let right = [("mcp-name", "file:///a")];
    assert_eq!(world.post(&right, &world.strong()).code, "permitted.token");
    let wrong = [("mcp-name", "file:///b")];
    assert_eq!(world.post(&wrong, &world.strong()).code, "ambiguous.mcp");
    world.body = Some(body("tasks/get", None));
    assert_eq!(world.post(&wrong, &world.strong()).code, "permitted.token");
}

/// Envoy's filter takes a body for UTF-8 without a coding. A service may believe these headers.
#[test]
fn a_body_that_headers_let_read_in_another_way_is_not_believed() {
    let mut world = World::new(&rules());
    world.body = Some(call("list_users"));
    let ct = |value| vec![("content-type", value)];
    for headers in [
        ct("application/json;charset=utf-8"),
        ct("Application/JSON; charset=\"UTF-8\""),
        vec![("content-encoding", "identity")],
    ] {
        assert_eq!(world.post(&headers, &world.weak()).code, "permitted.token");
    }
    for headers in [
        ct("application/json; charset=utf-7"),
        ct("application/json; charset=utf-16"),
        ct("application/json; charset=utf-8; charset=utf-7"),
        ct("application/json;charset=utf-8;x=1"),
        ct("application/json, text/plain"),
        ct("text/plain"),
        ct(""),
        vec![
            ("content-type", "application/json"),
            ("content-type", "text/plain"),
        ],
        vec![("content-encoding", "gzip")],
        vec![("content-encoding", "")],
        vec![
            ("content-encoding", "identity"),
            ("content-encoding", "deflate"),
        ],
    ] {
        let judged = world.post(&headers, &world.weak());
        assert_eq!(judged.code, "insufficient.authentication", "{headers:?}");
    }
}

/// What no rule about the path wants to know is not asked of the host.
#[test]
fn nobody_asks_what_no_rule_of_the_path_wants_to_know() {
    let mut world = World::new(&rules());
    world.body = None;
    let headers = [("mcp-name", "x"), ("mcp-name", "y")];
    for (method, path) in [("POST", "/other"), ("GET", "/mcp"), ("POST", "/mcp/x")] {
        let judged = world.send(method, path, &headers, &world.weak());
        assert_eq!(judged.code, "permitted.token", "{method} {path}");
        assert_eq!(world.asked.take(), 0, "{method} {path}");
    }
    world.post(&[], &world.weak());
    assert!(world.asked.take() > 0);
}

/// Of a path with several readings each has its own rules.
#[test]
fn readings_of_a_path_and_calls_that_nobody_can_tell_come_together() {
    let mut policy = rules();
    policy[0]["match"]["path"] = json!("/a/mcp");
    policy[1]["match"]["path"] = json!("/a%2Fmcp");
    let mut world = World::with(&policy, json!({ "path": { "allow": ["encoded_slash"] } }));
    world.body = None;
    let judged = world.send("POST", "/a%2fmcp", &[], &world.weak());
    assert_ne!(judged.code, "permitted.token");
    let judged = world.send("POST", "/a%2fmcp", &[], &world.token(&["hwk"], "read"));
    assert_eq!(judged.code, "insufficient.scope");
    let judged = world.send("POST", "/a%2fmcp", &[], &world.strong());
    assert_eq!(judged.code, "permitted.token");
    world.body = Some(call("delete_user"));
    let judged = world.send("POST", "/a%2fmcp", &[], &world.token(&["hwk"], "read"));
    assert_eq!(judged.code, "permitted.token");
    let judged = world.send("POST", "/a%2fmcp", &[], &world.weak());
    assert_eq!(judged.code, "insufficient.authentication");
}

/// One rule is only observed: what may call anything must meet those that are enforced.
#[test]
fn shadow_of_one_rule_does_not_let_an_untold_call_past_the_others() {
    let mut policy = rules();
    policy[0]["mode"] = json!({ "shadow": { "until": "2023-12-31" } });
    let mut world = World::new(&policy);
    world.body = None;
    let judged = world.post(&[], &world.weak());
    assert!(!judged.is_observed, "{judged:?}");
    world.body = Some(call("drop"));
    assert!(world.post(&[], &world.weak()).is_observed);
    for index in 0..3 {
        policy[index]["mode"] = json!({ "shadow": { "until": "2023-12-31" } });
    }
    let mut world = World::new(&policy);
    world.body = None;
    assert!(world.post(&[], &world.weak()).is_observed);
}
