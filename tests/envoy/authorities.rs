//! The authority is read in one way only.

use passgate_harness::{BOTH, Gate, Protocol, Request, Setup, policy, ruled, the_rest, with};
use serde_json::{Value, json};

#[test]
fn an_authority_that_can_be_read_in_two_ways_is_refused() {
    let by_host = json!([{ "match": { "prefix": "/", "hosts": ["api.example.com"] },
        "requires": { "provider_name": "acme" } }]);
    for policy in [policy(), ruled(policy(), by_host)] {
        let gate = Gate::start(policy);
        let good = gate.good();
        for protocol in BOTH {
            for authority in ["user@api.example.com", "a.example,api.example.com"] {
                let request = Request::get("/").authority(authority).bearer(&good);
                match gate.try_send(protocol, &request) {
                    // Some never get past Envoy's own parser.
                    Ok(answer) if answer.body.is_empty() => assert_eq!(answer.status, 400),
                    Ok(answer) => gate.denied(&answer, "ambiguous.authority"),
                    Err(reset) => assert_eq!(protocol, Protocol::Http2, "{authority}: {reset}"),
                }
            }
            let none = Request::get("/").without_authority().bearer(&good);
            if let Ok(answer) = gate.try_send(protocol, &none) {
                assert_eq!(answer.status, 400);
            }
        }
        assert_eq!(gate.upstream.hits(), 0);
        gate.finish();
    }
}

#[test]
fn an_authority_with_a_comma_or_a_user_reaches_the_filter_over_http1() {
    let gate = Gate::start(policy());
    let good = gate.good();
    let mut client = gate.client();
    client.send(format!(
        "GET / HTTP/1.1\r\nhost: a.example\r\nhost: api.example.com\r\nauthorization: Bearer {good}\r\n\r\n"
    ));
    gate.denied(&client.read(), "ambiguous.authority");
    gate.finish();
}

#[test]
fn hosts_are_compared_without_case_port_and_trailing_dot() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "prefix": "/", "hosts": ["api.example.com", "*.wild.example.com"] },
              "requires": { "provider_name": "acme" } },
        ]),
    ));
    let good = gate.good();
    for protocol in BOTH {
        for authority in [
            "api.example.com",
            "API.Example.COM",
            "api.example.com.",
            "api.example.com:8443",
            "Api.example.com.:80",
            "a.wild.example.com",
        ] {
            let request = Request::get("/").authority(authority).bearer(&good);
            gate.passed(&gate.send(protocol, &request));
        }
        for authority in [
            "example.com",
            "evil-api.example.com",
            "wild.example.com",
            "a.wild.example.com.evil.example",
        ] {
            let request = Request::get("/").authority(authority).bearer(&good);
            gate.denied(&gate.send(protocol, &request), "forbidden.no_rule");
        }
    }
    gate.finish();
}

/// `www.test` is open, all else needs a token, and Envoy's virtual hosts say which one it took.
fn one_open_host() -> Setup {
    let open = json!({ "match": { "hosts": ["www.test"] },
        "public": { "reason": "story", "owner": "tests", "until": "never" } });
    let policy = ruled(policy(), json!([open, the_rest()]));
    let policy = with(policy, "origins", json!(["https://www.test:8443"]));
    Setup::new(policy).edit(|bootstrap| {
        let hosts = &mut bootstrap.manager()["route_config"]["virtual_hosts"];
        let mut everything = hosts[0].clone();
        let mut www = everything.clone();
        www["name"] = json!("www");
        www["domains"] = json!(["www.test"]);
        for (host, name) in [(&mut www, "www"), (&mut everything, "everything")] {
            let header = json!({ "header": { "key": "x-virtual-host", "value": name } });
            host["request_headers_to_add"] = json!([header]);
        }
        *hosts = json!([www, everything]);
    })
}

#[test]
fn a_host_of_the_rules_is_the_host_of_the_routes() {
    let gate = one_open_host().start();
    for protocol in BOTH {
        for authority in [
            "www.test",
            "WWW.test",
            "www.test:80",
            "www.test:0",
            "www.test.",
        ] {
            let answer = gate.send(protocol, &Request::get("/").authority(authority));
            let received = gate.passed(&answer);
            assert_eq!(
                received.headers.text("x-virtual-host"),
                Some("www"),
                "{authority}"
            );
        }
        let answer = gate.send(protocol, &Request::get("/").authority("other.test:80"));
        gate.denied(&answer, "missing.token");
    }
    gate.finish();
}

#[test]
fn without_envoys_help_a_port_or_a_dot_opens_no_other_virtual_host() {
    let as_by_default = |manager: &mut Value| {
        for setting in ["strip_any_host_port", "strip_trailing_host_dot"] {
            manager.as_object_mut().unwrap().remove(setting).unwrap();
        }
    };
    let setup = one_open_host().edit(|bootstrap| as_by_default(bootstrap.manager()));
    let gate = setup.start();
    for protocol in BOTH {
        for authority in [
            "www.test:80",
            "www.test:443",
            "www.test:0",
            "www.test:08443",
            "www.test.",
            "www.test.:8443",
        ] {
            let answer = gate.send(protocol, &Request::get("/").authority(authority));
            gate.denied(&answer, "ambiguous.authority");
        }
        gate.passed(&gate.send(protocol, &Request::get("/").authority("www.test")));
        // An origin says that clients come to this port.
        gate.passed(&gate.send(protocol, &Request::get("/").authority("www.test:8443")));
        let probe = Request::get("/").authority("10.0.0.1:8080");
        gate.denied(&gate.send(protocol, &probe), "missing.token");
    }
    gate.finish();
}

#[test]
fn an_absolute_form_request_is_judged_by_its_own_authority() {
    let gate = Gate::start(ruled(
        policy(),
        json!([
            { "match": { "prefix": "/", "hosts": ["api.example.com"] }, "requires": { "provider_name": "acme" } },
            { "match": { "prefix": "/", "hosts": ["open.example.com"] },
              "public": { "reason": "story", "owner": "tests", "until": "never" } },
        ]),
    ));
    let mut client = gate.client();
    client.send("GET http://api.example.com/a HTTP/1.1\r\nhost: open.example.com\r\n\r\n");
    gate.denied(&client.read(), "missing.token");
    assert_eq!(gate.upstream.hits(), 0);
    gate.finish();
}
