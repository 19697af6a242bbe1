//! Refusals for clients that speak MCP: errors of JSON-RPC, beside the same status and headers.

use serde_json::{Value, json};

use crate::{
    call,
    world::{Judged, Members, World, body, rules},
};

const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");

/// A call that is refused for want of a sign-in, with this id as Envoy writes it.
fn deletion(id: Option<&[u8]>) -> Members {
    let mut members = call("delete_user");
    members.extend(id.map(|id| ("id", id.to_vec())));
    members
}

fn header<'j>(judged: &'j Judged, wanted: &str) -> Option<&'j str> {
    let mut headers = judged.answer.as_ref().unwrap().0.iter();
    headers
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| &**value)
}

fn document(judged: &Judged) -> Value {
    serde_json::from_str(&judged.answer.as_ref().unwrap().1).unwrap()
}

fn problem(status: u16, title: &str) -> Value {
    json!({ "type": "about:blank", "title": title, "status": status, "request_id": "r\"1" })
}

#[test]
fn a_client_of_mcp_gets_an_error_of_json_rpc() {
    let mut world = World::new(&rules());
    world.body = Some(deletion(Some(&7_f64.to_le_bytes())));
    let judged = world.post(&[ACCEPT], &world.weak());
    assert_eq!(judged.status, Some(401));
    assert_eq!(header(&judged, "content-type"), Some("application/json"));
    let challenge = header(&judged, "www-authenticate").unwrap();
    let mut data = problem(401, "Unauthorized");
    data["www_authenticate"] = json!([challenge]);
    let error = json!({ "code": 401, "message": "Unauthorized", "data": data });
    let expected = json!({ "jsonrpc": "2.0", "id": 7, "error": error });
    assert_eq!(document(&judged), expected);

    // What no challenge goes with.
    let mut other = World::new(&json!([
        { "match": { "path": "/mcp", "methods": ["POST"], "mcp": { "names": ["delete_*"] } },
          "deny": { "reason": "nobody deletes", "owner": "platform" } },
        { "match": { "prefix": "/" }, "requires": {} },
    ]));
    other.body = Some(deletion(Some(b"a")));
    let judged = other.post(&[ACCEPT], &other.weak());
    assert_eq!(judged.code, "forbidden.denied");
    let error = json!({
        "code": 403, "message": "Forbidden", "data": problem(403, "Forbidden"),
    });
    let expected = json!({ "jsonrpc": "2.0", "id": "a", "error": error });
    assert_eq!(document(&judged), expected);
}

#[test]
fn an_id_is_told_back_only_if_it_is_sure() {
    let mut world = World::new(&rules());
    let long = vec![b'a'; 2_049];
    let whole = 9_007_199_254_740_991_f64;
    for (id, told) in [
        (&b"a"[..], json!("a")),
        (b"1", json!("1")),
        (b"\"},\"id\":\"", json!("\"},\"id\":\"")),
        (b"<script>", json!("<script>")),
        (b"12345678", json!("12345678")),
        (b"a\\u0000", json!("a\\u0000")),
        (&0_f64.to_le_bytes(), json!(0)),
        (&(-0_f64).to_le_bytes(), json!(0)),
        (&1_f64.to_le_bytes(), json!(1)),
        (&(-3_f64).to_le_bytes(), json!(-3)),
        (&1_234_567_f64.to_le_bytes(), json!(1_234_567)),
        (&whole.to_le_bytes(), json!(9_007_199_254_740_991_i64)),
        (&(-whole).to_le_bytes(), json!(-9_007_199_254_740_991_i64)),
        // Two ids that readers of JSON do not tell apart; no whole numbers; no numbers.
        (&(whole + 1.0).to_le_bytes(), Value::Null),
        (&1e300_f64.to_le_bytes(), Value::Null),
        (&0.5_f64.to_le_bytes(), Value::Null),
        (&1.5_f64.to_le_bytes(), Value::Null),
        (&f64::MIN_POSITIVE.to_le_bytes(), Value::Null),
        (&5e-324_f64.to_le_bytes(), Value::Null),
        (&f64::NAN.to_le_bytes(), Value::Null),
        (&f64::INFINITY.to_le_bytes(), Value::Null),
        // A text, or 5215310862495543.
        (b"7~?~?~2C", Value::Null),
        // Neither.
        (b"", Value::Null),
        (&[1], Value::Null),
        (b"a b", Value::Null),
        (b"a\n", Value::Null),
        ("\u{e9}".as_bytes(), Value::Null),
        (b"\xff", Value::Null),
        (&long, Value::Null),
    ] {
        world.body = Some(deletion(Some(id)));
        let answer = document(&world.post(&[ACCEPT], &world.weak()));
        assert_eq!(answer["error"]["code"], 401, "{id:?}");
        // MCP knows no id that is null.
        let has_id = answer.as_object().unwrap().contains_key("id");
        assert_eq!((&answer["id"], has_id), (&told, !told.is_null()), "{id:?}");
    }
    for body in [
        None,
        Some(Vec::new()),
        Some(deletion(None)),
        // Not read whole; an answer of the client, whose id is of a question of the server.
        Some([deletion(Some(b"a")), vec![("is_exceeding_limit", vec![1])]].concat()),
        Some(
            [
                body("__jsonrpc_response", None),
                vec![("id", b"a".to_vec())],
            ]
            .concat(),
        ),
    ] {
        world.body = body;
        let answer = document(&world.post(&[ACCEPT], &world.weak()));
        let members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(members, ["error", "jsonrpc"]);
    }
}

#[test]
fn headers_that_differ_from_the_body_have_the_code_that_mcp_gives_them() {
    let mut world = World::new(&rules());
    world.body = Some(deletion(Some(b"a")));
    let judged = world.post(&[ACCEPT, ("mcp-name", "list_users")], &world.strong());
    assert_eq!((judged.code, judged.status), ("ambiguous.mcp", Some(400)));
    let answer = document(&judged);
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("a"), &json!(-32_020))
    );
}

#[test]
fn others_get_the_problem_document() {
    let mut world = World::new(&rules());
    let json = ("content-type", "application/json");
    for (method, path, headers) in [
        ("POST", "/mcp", &[][..]),
        ("POST", "/mcp", &[("accept", "application/json")]),
        ("POST", "/mcp", &[("accept", "text/event-stream")]),
        ("POST", "/mcp", &[("accept", "*/*")]),
        ("POST", "/mcp", &[ACCEPT, ("content-type", "text/plain")]),
        ("POST", "/mcp", &[ACCEPT, json, json]),
        (
            "POST",
            "/mcp",
            &[ACCEPT, ("content-type", "application/grpc")],
        ),
        // No rule about calls is about these.
        ("GET", "/mcp", &[ACCEPT]),
        ("POST", "/other", &[ACCEPT]),
    ] {
        world.body = Some(deletion(Some(b"a")));
        let judged = world.send(method, path, headers, "a.b.c");
        let media_type = header(&judged, "content-type");
        if headers.contains(&("content-type", "application/grpc")) {
            assert_eq!(media_type, None);
            continue;
        }
        assert_eq!(media_type, Some("application/problem+json"), "{headers:?}");
        assert_eq!(document(&judged), problem(401, "Unauthorized"));
    }
}
