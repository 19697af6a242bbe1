//! Plugins that Istio attaches nowhere, or not where they are meant: requests pass, and nothing
//! says so. `tests/istio/waypoint_attachments.rs` sees that in a real Istio.
#![allow(clippy::expect_used, reason = "tests")]

#[path = "common/check.rs"]
mod common;

use self::common::judged as check;

/// A plugin in this namespace with these lines in its `spec`.
fn plugin(namespace: &str, spec: &str) -> String {
    format!(
        r#"
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {{ name: passgate, namespace: {namespace} }}
spec:
{spec}  phase: AUTHN
  pluginConfig:
    providers:
      acme:
        issuer: https://id.example.com
        audiences: [a]
        remote_jwks: {{ http_uri: {{ uri: https://id.example.com/certs, cluster: id }} }}
"#
    )
}

const WAYPOINT: &str = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: books }
spec: { gatewayClassName: istio-waypoint }
";
const EDGE: &str = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: waypoint, namespace: books }
spec: { gatewayClassName: istio }
";
const SELECTING: &str = "
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: public, namespace: shop }
spec: { selector: { istio: ingress }, servers: [] }
";
const SERVICE: &str = "
---
apiVersion: v1
kind: Service
metadata: { name: accounts, namespace: books }
";

const GATEWAY: &str =
    "  targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: waypoint }]\n";
const CLASS: &str = "  targetRefs: [{ group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint }]\n";
const ACCOUNTS: &str = "  targetRefs: [{ group: \"\", kind: Service, name: accounts }]\n";
const CLIENT: &str = "  match: [{ mode: CLIENT }]\n";
const SERVER: &str = "  match: [{ mode: SERVER }]\n";

fn with(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn what_certainly_judges_nothing_is_an_error() {
    let elsewhere =
        "  targetRefs: [{ group: \"\", kind: Service, name: accounts, namespace: books }]\n";
    let of_class = "  selector: { matchLabels: { gateway.networking.k8s.io/gateway-class-name: istio-waypoint } }\n";
    let managed =
        "  selector: { matchLabels: { gateway.istio.io/managed: istio.io-mesh-controller } }\n";
    let of_name =
        "  selector: { matchLabels: { gateway.networking.k8s.io/gateway-name: waypoint } }\n";
    let client = "spec.match: mode CLIENT never matches at a waypoint, so requests pass unjudged; leave match out";
    let server = "spec.match: mode SERVER never matches at a gateway, so requests pass unjudged; leave match out";
    let ingress = "  selector: { matchLabels: { istio: ingress } }\n";
    let edge = "  selector: { matchLabels: { app: edge, istio: ingress } }\n";
    let other = "spec.targetRefs: a plugin judges Services of its own namespace alone, so requests pass unjudged; put the plugin into the Service's namespace";
    let selects = "spec.selector: selects a waypoint, which takes plugins by targetRefs alone, so requests pass unjudged; write targetRefs in its place";
    for (namespace, spec, around, expected) in [
        ("books", with(&[ACCOUNTS, CLIENT]), "", client),
        ("istio-system", with(&[CLASS, CLIENT]), "", client),
        ("books", with(&[GATEWAY, CLIENT]), WAYPOINT, client),
        ("books", with(&[GATEWAY, SERVER]), EDGE, server),
        ("edge", with(&[ingress, SERVER]), SELECTING, server),
        ("edge", with(&[edge, SERVER]), SELECTING, server),
        ("shop", elsewhere.to_owned(), "", other),
        ("books", of_class.to_owned(), "", selects),
        ("books", managed.to_owned(), "", selects),
        ("books", of_name.to_owned(), WAYPOINT, selects),
    ] {
        let (status, output) = check(&(plugin(namespace, &spec) + around));
        let first = format!("SWITCHED OFF in 1 place\n{expected}\n");
        assert!(output.starts_with(&first), "{spec}{around}\n{output}");
        assert_eq!(status, Some(1), "{output}");
    }
}

#[test]
fn what_judges_nothing_unless_another_file_says_so_is_a_warning() {
    let of_name =
        "  selector: { matchLabels: { gateway.networking.k8s.io/gateway-name: waypoint } }\n";
    let ingress = "  selector: { matchLabels: { istio: ingressgateway } }\n";
    let helm = "  selector: { matchLabels: { istio: ingress } }\n";
    let app = "  selector: { matchLabels: { app: accounts } }\n";
    for (namespace, spec, around, expected) in [
        (
            "books",
            with(&[CLASS]),
            "",
            "targetRefs names a GatewayClass, which counts in the mesh's root namespace alone",
        ),
        (
            "shop",
            with(&[ACCOUNTS]),
            SERVICE,
            "targetRefs names the Service accounts, which the file has in the namespace books; ",
        ),
        (
            "books",
            with(&[GATEWAY, CLIENT]),
            "",
            "match names mode CLIENT alone, which never matches at a waypoint; leave match out, ",
        ),
        (
            "books",
            with(&[GATEWAY, SERVER]),
            "",
            "match names mode SERVER alone, which never matches at a gateway that is not one; ",
        ),
        (
            "books",
            of_name.to_owned(),
            "",
            "selector names a Gateway; if that is a waypoint, requests pass unjudged",
        ),
        (
            "istio-ingress",
            with(&[ingress, SERVER]),
            "",
            "match: mode SERVER never matches at a gateway, so requests pass unjudged",
        ),
        (
            "istio-ingress",
            with(&[helm, SERVER]),
            "",
            "match: mode SERVER never matches at a gateway, so requests pass unjudged",
        ),
        (
            "books",
            app.to_owned(),
            WAYPOINT,
            "selector reaches no waypoint: requests through books/waypoint pass unjudged unless ",
        ),
        (
            "books",
            String::new(),
            WAYPOINT,
            "the plugin has neither selector nor targetRefs, and reaches no waypoint: requests ",
        ),
        (
            "istio-system",
            String::new(),
            WAYPOINT,
            "the plugin has neither selector nor targetRefs, and reaches no waypoint: requests ",
        ),
    ] {
        let (status, output) = check(&(plugin(namespace, &spec) + around));
        let warning = format!("\nwarning: passgate: {expected}");
        assert!(output.contains(&warning), "{spec}{around}\n{output}");
        assert_eq!(status, Some(0), "{output}");
    }
}

#[test]
fn a_plugin_that_is_attached_is_not_warned_of() {
    let ingress = "  selector: { matchLabels: { istio: ingressgateway } }\n";
    let app = "  selector: { matchLabels: { app: accounts } }\n";
    let both = "  match: [{ mode: SERVER }, { mode: CLIENT }]\n";
    let second = plugin("books", &with(&[app, SERVER]));
    for (namespace, spec, around) in [
        ("books", with(&[GATEWAY]), WAYPOINT),
        ("books", with(&[GATEWAY, SERVER]), WAYPOINT),
        ("books", with(&[GATEWAY, both]), ""),
        ("books", with(&[GATEWAY]), EDGE),
        ("books", with(&[GATEWAY, CLIENT]), EDGE),
        ("books", with(&[ACCOUNTS]), SERVICE),
        ("books", with(&[ACCOUNTS, SERVER]), WAYPOINT),
        ("istio-system", with(&[CLASS]), WAYPOINT),
        ("books", with(&[app, SERVER]), ""),
        ("shop", with(&[app, SERVER]), WAYPOINT),
        ("shop", with(&[app, SERVER]), SELECTING),
        ("istio-ingress", ingress.to_owned(), ""),
        // The waypoint has a plugin of its own.
        ("books", with(&[GATEWAY]), &format!("{WAYPOINT}---{second}")),
    ] {
        let (status, output) = check(&(plugin(namespace, &spec) + around));
        assert!(!output.contains("warning"), "{spec}{around}\n{output}");
        assert_eq!(status, Some(0), "{output}");
    }
}

/// Istio puts phase STATS, and then plugins without a phase, behind its authorization.
#[test]
fn a_plugin_that_an_authorization_policy_comes_before_is_warned_of() {
    let wasm = plugin("shop", "");
    let extension = wasm
        .replace("WasmPlugin", "TrafficExtension")
        .replace("  pluginConfig:", "  wasm:\n   pluginConfig:");
    let remedy = "puts the filter behind AuthorizationPolicy, which then sees identity headers as a client wrote them; write phase: AUTHN";
    for plugin in [wasm, extension] {
        for (phase, seen) in [
            ("", Some("without one Istio")),
            ("phase:", Some("without one Istio")),
            ("phase: UNSPECIFIED_PHASE", Some("without one Istio")),
            ("phase: UNSPECIFIED", Some("without one Istio")),
            ("phase: STATS", Some("STATS")),
            ("phase: AUTHN", None),
            ("phase: AUTHZ", None),
        ] {
            let (status, output) = check(&plugin.replace("phase: AUTHN", phase));
            assert_eq!(status, Some(0), "{output}");
            let warning = seen.map(|seen| format!("warning: spec.phase: {seen} {remedy}\n"));
            match warning {
                Some(warning) => assert!(output.contains(&warning), "{phase}: {output}"),
                None => assert!(!output.contains("warning"), "{phase}: {output}"),
            }
        }
    }
}

/// At a gateway, mode SERVER would open the gate.
#[test]
fn nobody_is_told_to_write_mode_server_where_there_may_be_a_gateway() {
    let helm = "  selector: { matchLabels: { istio: ingress } }\n";
    for around in ["", SELECTING] {
        let (_, output) = check(&(plugin("edge", &with(&[helm, CLIENT])) + around));
        let warning = "warning: spec.match: names mode CLIENT alone: in a sidecar only what the workload itself calls is judged, and nothing that comes in; leave match out, which is right at a gateway, too\n";
        assert!(output.contains(warning), "{output}");
        assert!(!output.contains("SERVER"), "{output}");
    }
}

#[test]
fn what_no_http_filter_sees_of_selected_pods_is_said() {
    let helm = "  selector: { matchLabels: { istio: ingress } }\n";
    let servers =
        |servers: &str| SELECTING.replace("servers: []", &format!("servers: [{servers}]"));
    let check = |around: &str| check(&(plugin("edge", helm) + around)).1;
    let warning = |port: &str| {
        format!(
            "warning: passgate: the Gateway public has the port {port}, which no HTTP filter sees, so requests there pass unjudged; write HTTP, or HTTPS without PASSTHROUGH, unless nothing behind it needs the gate\n"
        )
    };
    for (server, port) in [
        ("{ port: { number: 9000, protocol: TCP } }", "9000 (TCP)"),
        (
            "{ port: { number: 443, protocol: TLS }, tls: { mode: SIMPLE } }",
            "443 (TLS)",
        ),
        (
            "{ port: { number: 443, protocol: HTTPS }, tls: { mode: PASSTHROUGH } }",
            "443 (HTTPS)",
        ),
    ] {
        let output = check(&servers(server));
        assert!(output.contains(&warning(port)), "{output}");
    }
    for server in [
        "{ port: { number: 80, protocol: HTTP } }",
        "{ port: { number: 443, protocol: https }, tls: { mode: SIMPLE } }",
        "{ port: { number: 80, protocol: HTTP2 } }, { port: { number: 81, protocol: GRPC } }",
    ] {
        let output = check(&servers(server));
        assert!(!output.contains("warning"), "{output}");
    }
    let app = "  selector: { matchLabels: { app: accounts } }\n";
    let check = |around: &str| self::check(&(plugin("edge", app) + around)).1;
    let pod = |labels: &str, annotations: &str| {
        format!(
            "
---
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: shop, namespace: edge }}
spec: {{ template: {{ metadata: {{ labels: {{ app: accounts{labels} }}, annotations: {{ a: b{annotations} }} }} }} }}
"
        )
    };
    let off = ", sidecar.istio.io/inject: \"false\"";
    let said = "warning: passgate: selector selects pods with sidecar.istio.io/inject: \"false\": they have no proxy, so requests to them pass unjudged; remove it\n";
    for output in [check(&pod(off, "")), check(&pod("", off))] {
        assert!(output.contains(said), "{output}");
    }
    let other = pod(off, "").replace("accounts", "other");
    for output in [check(&pod("", "")), check(&other)] {
        assert!(!output.contains("warning"), "{output}");
    }
    // A plugin without a selector is for all pods of its namespace, or of the mesh.
    let all = said.replace(
        "selector selects",
        "it is for all pods of a namespace, also for",
    );
    let check_all = |namespace: &str, spec: &str, around: &str| {
        self::check(&(plugin(namespace, spec) + around)).1
    };
    for (namespace, spec) in [
        ("edge", SERVER),
        ("istio-system", SERVER),
        ("istio-system", "  selector: { matchLabels: {} }\n"),
    ] {
        let output = check_all(namespace, spec, &pod(off, ""));
        assert!(output.contains(&all), "{output}");
    }
    let output = check_all("other", SERVER, &pod(off, ""));
    assert!(!output.contains("warning"), "{output}");
    let passes = servers("{ port: { number: 443, protocol: TLS }, tls: { mode: PASSTHROUGH } }");
    let output = check_all("istio-system", "", &passes);
    assert!(output.contains(&warning("443 (TLS)")), "{output}");
    for output in [
        check_all("istio-system", SERVER, &passes),
        check_all("edge", "", &passes),
    ] {
        assert!(!output.contains("warning"), "{output}");
    }
    // The Deployment of a gateway has its proxy itself.
    let gateway = pod(off, "").replace("app: accounts", "istio: ingress");
    let output = self::check(&(plugin("edge", helm) + &gateway)).1;
    assert!(!output.contains("warning"), "{output}");
}

/// Istio takes the protocol of a port from `appProtocol`, else from its name.
#[test]
fn ports_of_services_that_istio_does_not_take_for_http_are_said() {
    let app = "  selector: { matchLabels: { app: accounts } }\n";
    let service = |selector: &str, port: &str| {
        format!(
            "
---
apiVersion: v1
kind: Service
metadata: {{ name: accounts, namespace: edge }}
spec: {{ selector: {{ {selector} }}, ports: [{{ port: 80, {port} }}] }}
"
        )
    };
    for (port, member, value) in [
        ("name: tcp-api", "name", "tcp-api"),
        ("name: https", "name", "https"),
        ("name: http-api, appProtocol: tls", "appProtocol", "tls"),
    ] {
        let said = format!(
            "warning: passgate: the Service accounts has a port with {member}: {value}, which Istio does not take for HTTP, so requests there pass unjudged; write {member}: http, unless nothing behind it needs the gate\n"
        );
        for spec in [app, SERVER] {
            let (_, output) = check(&(plugin("edge", spec) + &service("app: accounts", port)));
            assert!(output.contains(&said), "{output}");
        }
        for (spec, selector) in [(app, "app: other"), (GATEWAY, "app: accounts")] {
            let (_, output) = check(&(plugin("edge", spec) + &service(selector, port)));
            assert!(!output.contains("Service accounts"), "{output}");
        }
        let (_, output) = check(&(plugin("other", SERVER) + &service("app: accounts", port)));
        assert!(!output.contains("warning"), "{output}");
    }
    for port in [
        "name: http",
        "name: web",
        "targetPort: 8080",
        "name: grpc-tls",
        "name: tcp, appProtocol: http",
        "appProtocol: kubernetes.io/h2c",
    ] {
        let (_, output) = check(&(plugin("edge", app) + &service("app: accounts", port)));
        assert!(!output.contains("warning"), "{output}");
    }
}
