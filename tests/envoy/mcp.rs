//! Rules about calls of MCP, behind Envoy's own filter that reads bodies: the file that is shipped,
//! and without that filter. A client that calls a protected tool in any way never meets less.

use passgate_harness::{BOTH, Gate, Protocol, Request, Response, Setup, policy_with, ruled};
use serde_json::{Value, json};

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_users","arguments":{"x":1}}}"#;
const DELETE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_user","arguments":{"x":1}}}"#;

/// What stands before the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// The filter as it is shipped.
    Shipped,
    /// The filter, which lets pass what it cannot read.
    PassThrough,
    /// No filter.
    Nothing,
}

/// A gate where a deletion wants a sign-in by passkey, and the rest any token.
fn gate(before: Before) -> Gate {
    let rules = json!([
        { "match": { "path": "/mcp", "methods": ["POST"],
                     "mcp": { "methods": ["tools/call"], "names": ["delete_*"] } },
          "requires": { "facts": ["phishing_resistant"] } },
        { "match": { "path": "/mcp", "methods": ["POST", "GET", "DELETE"] }, "requires": {} },
    ]);
    let lines = json!({ "lines": [{
        "when": { "amr_all_of": ["hwk"] }, "proves": ["phishing_resistant"],
    }] });
    let policy = ruled(policy_with(json!({ "evidence": lines })), rules);
    let setup = Setup::shipped("envoy/mcp.yaml").edit(|bootstrap| {
        bootstrap.set_policy(&policy);
        let is_reader = |filter: &Value| filter["name"] == "envoy.filters.http.mcp";
        if before != Before::Shipped {
            let routes = &mut bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"];
            routes[0]["typed_per_filter_config"] = json!({});
        }
        if before == Before::Nothing {
            bootstrap.filters().retain(|filter| !is_reader(filter));
        }
    });
    setup.start()
}

fn token(gate: &Gate, amr: &str) -> String {
    gate.token().claim("amr", json!([amr])).build()
}

/// A message as clients send it.
fn message(body: impl AsRef<[u8]>) -> Request {
    Request::post("/mcp", body.as_ref())
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
}

fn send(gate: &Gate, request: Request, amr: &str) -> Response {
    let token = token(gate, amr);
    gate.send(Protocol::Http1, &request.bearer(&token))
}

#[test]
fn a_tool_meets_the_rule_that_names_it() {
    let gate = gate(Before::Shipped);
    for (name, protected) in [
        ("list_users", false),
        ("delete_user", true),
        ("delete_", true),
        ("delet", false),
        ("undelete_user", false),
        // In another case it may be either.
        ("Delete_user", true),
        ("DELETE_USER", true),
        // What is not plain is not told apart.
        ("list users", true),
        ("l\u{ef}st", true),
        ("delete\u{200b}_user", true),
    ] {
        let call = LIST.replace("list_users", name);
        for protocol in BOTH {
            let weak = message(&call).bearer(&token(&gate, "pwd"));
            let answer = gate.send(protocol, &weak);
            if protected {
                gate.denied(&answer, "insufficient.authentication");
            } else {
                assert_eq!(gate.passed(&answer).body, call.as_bytes());
            }
            let strong = message(&call).bearer(&token(&gate, "hwk"));
            gate.passed(&gate.send(protocol, &strong));
        }
    }
    // Methods without a name, notifications, and streams of older versions.
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"delete_user","version":"1"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///delete_user"}}"#,
    ] {
        gate.passed(&send(&gate, message(body), "pwd"));
    }
    let stream = Request::get("/mcp").header("accept", "text/event-stream");
    gate.passed(&send(&gate, stream, "pwd"));
    let end = Request::new("DELETE", "/mcp").header("mcp-session-id", "1");
    gate.passed(&send(&gate, end, "pwd"));
    gate.finish();
}

/// Bodies that some reader could take for a deletion, and another one for something else.
fn tricks() -> Vec<(&'static str, Vec<u8>)> {
    let call = |rest: &str| {
        let start = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","#;
        [start, rest, "}"].concat().into_bytes()
    };
    let start = |rest: &str| {
        [r#"{"jsonrpc":"2.0","id":1,"#, rest, "}"]
            .concat()
            .into_bytes()
    };
    let big = "a".repeat(70_000);
    let deep = ["{\"a\":".repeat(200), "1".to_owned(), "}".repeat(200)].concat();
    vec![
        // The same member twice.
        ("name twice", call(r#""params":{"name":"list_users","name":"delete_user"}"#)),
        ("name twice, turned", call(r#""params":{"name":"delete_user","name":"list_users"}"#)),
        ("name twice, escaped", call(r#""params":{"name":"list_users","n\u0061me":"delete_user"}"#)),
        ("params twice", call(r#""params":{"name":"list_users"},"params":{"name":"delete_user"}"#)),
        ("params twice, turned", call(r#""params":{"name":"delete_user"},"params":{"name":"list_users"}"#)),
        ("params with meta twice", call(r#""params":{"name":"list_users","_meta":{}},"params":{"name":"delete_user"}"#)),
        ("params twice, a text", call(r#""params":{"name":"delete_user"},"params":"x""#)),
        ("name twice, an object", call(r#""params":{"name":"list_users","name":{"delete_user":1}}"#)),
        ("method twice", start(r#""method":"tools/list","method":"tools/call","params":{"name":"delete_user"}"#)),
        ("method twice, turned", start(r#""method":"tools/call","params":{"name":"delete_user"},"method":"tools/list""#)),
        ("a notification that calls", br#"{"jsonrpc":"2.0","method":"notifications/initialized","method":"tools/call","params":{"name":"delete_user"},"id":1}"#.to_vec()),
        // Escapes, and names that only look like members.
        ("escaped", br#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"n\u0061me":"\u0064elete_user"}}"#.to_vec()),
        ("dots in the root", call(r#""params.name":"list_users","params":{"name":"delete_user"}"#)),
        ("dots behind", call(r#""params":{"name":"delete_user"},"params.name":"list_users","x.params":{"name":"list_users"}"#)),
        ("dots within", call(r#""params":{"x.name":"list_users","name":"delete_user","a.b":{"name":"list_users"}}"#)),
        ("a method with a dot", start(r#""method":"tools/call","x.method":"tools/list","params":{"name":"delete_user"}"#)),
        ("a name without letters", call(r#""params":{"name":"delete_user","":"list_users"},"":{"params":{"name":"list_users"}}"#)),
        ("another name within", call(r#""params":{"arguments":{"name":"list_users"},"name":"delete_user","x":[{"name":"list_users"}]}"#)),
        ("metadata in the body", call(r#""is_mcp_request":true,"params":{"name":"delete_user","_meta":{"name":"list_users"}}"#)),
        // No name that is a text.
        ("a list of names", call(r#""params":{"name":["delete_user"]}"#)),
        ("a number", call(r#""params":{"name":12}"#)),
        ("null", call(r#""params":{"name":null}"#)),
        ("an object", call(r#""params":{"name":{"delete_user":1}}"#)),
        ("no name", call(r#""params":{}"#)),
        ("no params", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#.to_vec()),
        ("a list of params", call(r#""params":[{"name":"delete_user"}]"#)),
        ("a prototype", call(r#""params":{"__proto__":{"name":"delete_user"}}"#)),
        ("a zero byte", call(r#""params":{"name":"list_users\u0000delete_user"}"#)),
        // Not one message.
        ("a batch", format!("[{DELETE}]").into_bytes()),
        ("a batch of two", format!("[{LIST},{DELETE}]").into_bytes()),
        ("two messages", format!("{LIST}{DELETE}").into_bytes()),
        ("two lines", format!("{LIST}\n{DELETE}").into_bytes()),
        ("an answer that calls", start(r#""result":{},"method":"tools/call","params":{"name":"delete_user"}"#)),
        ("a call that answers", call(r#""params":{"name":"delete_user"},"result":{}"#)),
        ("an error that calls", start(r#""error":{"code":1,"message":""},"method":"tools/call","params":{"name":"delete_user"}"#)),
        ("an older JSON-RPC", br#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"delete_user"}}"#.to_vec()),
        ("no JSON-RPC", br#"{"id":1,"method":"tools/call","params":{"name":"delete_user"}}"#.to_vec()),
        ("a list of methods", start(r#""method":["tools/call"],"params":{"name":"delete_user"}"#)),
        // Texts that one reader reads and another does not.
        ("a mark of byte order", [b"\xef\xbb\xbf", DELETE.as_bytes()].concat()),
        ("UTF-16", DELETE.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("Latin-1", call(r#""params":{"name":"delete_user"}"#).iter().map(|byte| if *byte == b'_' { 0xe9 } else { *byte }).collect()),
        ("half a surrogate", call(r#""params":{"name":"list_users\ud800"}"#)),
        ("a comment", br#"{"jsonrpc":"2.0","id":1,/*"*/"method":"tools/call","params":{"name":"delete_user"}}"#.to_vec()),
        ("single quotes", b"{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'delete_user'}}".to_vec()),
        ("deep", call(&format!(r#""params":{{"name":"list_users","a":{deep},"name":"delete_user"}}"#))),
        // Larger than what is read.
        ("large, and then a name", call(&format!(r#""params":{{"name":"list_users","x":"{big}","name":"delete_user"}}"#))),
        ("large before the name", call(&format!(r#""params":{{"x":"{big}","name":"delete_user"}}"#))),
        ("large, and then params", call(&format!(r#""params":{{"name":"list_users"}},"x":"{big}","params":{{"name":"delete_user"}}"#))),
        ("cut", br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_user"}"#.to_vec()),
        ("nothing", Vec::new()),
    ]
}

#[test]
fn no_body_that_could_be_a_deletion_gets_past_its_rule() {
    for before in [Before::Shipped, Before::PassThrough, Before::Nothing] {
        let gate = gate(before);
        let weak = token(&gate, "pwd");
        for (trick, body) in tricks() {
            for protocol in BOTH {
                for request in [message(&body), message(&body).chunked()] {
                    let answer = gate.send(protocol, &request.bearer(&weak));
                    // Envoy's filter has refused it, or the gate.
                    assert!(
                        [400, 401, 413].contains(&answer.status),
                        "{before:?}, {trick}: {answer:?}"
                    );
                }
            }
        }
        assert_eq!(gate.upstream.hits(), 0, "{before:?}");
        // It is not refused whatever is sent.
        gate.passed(&send(&gate, message(DELETE), "hwk"));
        let list = send(&gate, message(LIST), "pwd");
        if before == Before::Nothing {
            gate.denied(&list, "insufficient.authentication");
        } else {
            gate.passed(&list);
        }
        gate.finish();
    }
}

/// The headers of MCP, and those by which a body is read.
#[test]
fn no_header_gets_a_deletion_past_its_rule() {
    for before in [Before::Shipped, Before::PassThrough, Before::Nothing] {
        let gate = gate(before);
        let weak = token(&gate, "pwd");
        let version = ("mcp-protocol-version", "2026-07-28");
        let lie = [("mcp-method", "tools/list"), ("mcp-name", "list_users")];
        let right = [("mcp-method", "tools/call"), ("mcp-name", "list_users")];
        let both = [lie[0], lie[1], version];
        let half = [right[0], right[1], version];
        for headers in [
            &lie[..],
            &lie[..1],
            &lie[1..],
            &both,
            &half,
            &[version][..],
            &right,
        ] {
            let mut request = message(DELETE).bearer(&weak);
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let answer = gate.send(Protocol::Http1, &request);
            assert!(
                [400, 401].contains(&answer.status),
                "{before:?}, {headers:?}: {answer:?}"
            );
        }
        let deletes = || Request::post("/mcp", DELETE.as_bytes()).bearer(&weak);
        let accepts = "application/json, text/event-stream";
        for (content, accept) in [
            (Some("application/json"), None),
            (Some("application/json"), Some("application/json")),
            (Some("application/json"), Some("text/html")),
            (Some("application/json; charset=utf-7"), Some(accepts)),
            (Some("application/json;charset=utf-16"), Some(accepts)),
            (Some("application/json-rpc"), Some(accepts)),
            (Some("Application/JSON"), Some(accepts)),
            (Some("text/plain"), Some(accepts)),
            (Some("application/x-www-form-urlencoded"), Some(accepts)),
            (None, Some(accepts)),
            (None, None),
        ] {
            let mut request = deletes();
            for (name, value) in [("content-type", content), ("accept", accept)] {
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            let answer = gate.send(Protocol::Http1, &request);
            assert!(
                [400, 401].contains(&answer.status),
                "{before:?}, {content:?}: {answer:?}"
            );
        }
        // What a service would read that believes these headers, Envoy's filter does not see.
        let utf7 = LIST.replace("list_users", "list+ACI-,+ACI-name+ACI-:+ACI-delete_user");
        let utf7 = Request::post("/mcp", utf7.as_bytes()).header("accept", accepts);
        let utf7 = utf7.header("content-type", "application/json; charset=utf-7");
        for request in [utf7, message(LIST).header("content-encoding", "deflate")] {
            gate.denied(&send(&gate, request, "pwd"), "insufficient.authentication");
        }
        // Other methods, and paths that are not the rule's.
        for (method, path) in [
            ("PUT", "/mcp"),
            ("PATCH", "/mcp"),
            ("QUERY", "/mcp"),
            ("OPTIONS", "/mcp"),
            ("POST", "/mcp/"),
            ("POST", "//mcp"),
            ("POST", "/MCP"),
            ("POST", "/mcp;x"),
            ("POST", "/mcp%2f"),
            ("POST", "/x/%2e%2e/mcp"),
            ("POST", "/mcp%20"),
        ] {
            let mut request = message(DELETE);
            request.method = method.into();
            request.path = path.into();
            let answer = gate.send(Protocol::Http1, &request.bearer(&weak));
            assert!(
                [400, 401, 403].contains(&answer.status),
                "{before:?}, {method} {path}: {answer:?}"
            );
        }
        let overridden = message(DELETE)
            .header("x-http-method-override", "GET")
            .bearer(&weak);
        let answer = gate.send(Protocol::Http1, &overridden);
        gate.denied(&answer, "insufficient.authentication");
        assert_eq!(gate.upstream.hits(), 0, "{before:?}");
        gate.finish();
    }
}

#[test]
fn headers_that_say_something_else_than_the_body_are_refused() {
    let gate = gate(Before::Shipped);
    let strong = token(&gate, "hwk");
    let with = |headers: &[(&str, &str)]| {
        let mut request = message(LIST).bearer(&strong);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request
    };
    for protocol in BOTH {
        for headers in [
            &[("mcp-method", "tools/list")][..],
            &[("mcp-name", "delete_user")],
            &[("mcp-name", "list_users"), ("mcp-name", "delete_user")],
            &[("mcp-name", "list_users"), ("mcp-name", "list_users")],
            &[("Mcp-Name", "LIST_USERS")],
            &[("mcp-name", "=?base64?ZGVsZXRlX3VzZXI=?=")],
        ] {
            gate.denied(&gate.send(protocol, &with(headers)), "ambiguous.mcp");
        }
        for headers in [
            &[][..],
            &[("mcp-method", "tools/call"), ("mcp-name", "list_users")],
            &[("mcp-name", "=?base64?bGlzdF91c2Vycw==?=")],
        ] {
            gate.passed(&gate.send(protocol, &with(headers)));
        }
    }
    gate.finish();
}

/// What Envoy's filter does not see: docs/guides/agents.md leaves it to the service.
#[test]
fn what_is_left_to_the_service_is_just_what_the_guide_says() {
    let gate = gate(Before::Shipped);
    let far = " ".repeat(66_000);
    for body in [
        LIST.replace("\"arguments\"", "\"Name\":\"delete_user\",\"arguments\""),
        LIST.replace("\"arguments\"", "\"name\":[\"delete_user\"],\"arguments\""),
        format!("{LIST}{far}{DELETE}"),
    ] {
        gate.passed(&send(&gate, message(&body), "pwd"));
    }
    gate.finish();
}

/// The id that Envoy has read stands in the error; where nobody is sure of it, the error has none.
#[test]
fn a_refusal_is_an_error_of_json_rpc_with_the_id_of_the_call() {
    let gate = gate(Before::Shipped);
    for (id, told) in [
        ("1", json!(1)),
        ("0", json!(0)),
        ("-7", json!(-7)),
        ("9007199254740991", json!(9_007_199_254_740_991_i64)),
        ("1.0", json!(1)),
        ("\"1\"", json!("1")),
        ("\"a\\\"b\"", json!("a\"b")),
        ("\"12345678\"", json!("12345678")),
        (
            "\"8f14e45f-ceea-467f-a9f2-1d5b0b1c6f3e\"",
            json!("8f14e45f-ceea-467f-a9f2-1d5b0b1c6f3e"),
        ),
        // What MCP does not know as an id, or not every reader of JSON reads in one way.
        ("9007199254740993", Value::Null),
        ("1.5", Value::Null),
        ("1e400", Value::Null),
        ("null", Value::Null),
        ("true", Value::Null),
        ("\"\"", Value::Null),
        ("\"a b\"", Value::Null),
        ("\"a\\u0000\"", Value::Null),
        ("{\"a\":1}", Value::Null),
        ("[1]", Value::Null),
    ] {
        let call = DELETE.replace("\"id\":1", &format!("\"id\":{id}"));
        for protocol in BOTH {
            let answer = gate.send(protocol, &message(&call).bearer(&token(&gate, "pwd")));
            // Envoy's filter takes some for no message; none of those has an id.
            if answer.status == 400 {
                assert_eq!(told, Value::Null, "{id}");
            } else {
                gate.denied(&answer, "insufficient.authentication");
                let error: Value = serde_json::from_slice(&answer.body).unwrap();
                assert_eq!(error["id"], told, "{id}");
                assert_eq!(error.get("id").is_some(), !told.is_null(), "{id}");
                assert_eq!(error["error"]["code"], 401, "{id}");
            }
        }
    }
    let lie = message(LIST).header("mcp-name", "delete_user");
    let answer = gate.send(Protocol::Http1, &lie.bearer(&token(&gate, "hwk")));
    gate.denied(&answer, "ambiguous.mcp");
    let error: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(error["error"]["code"], -32_020);
    gate.finish();
}
