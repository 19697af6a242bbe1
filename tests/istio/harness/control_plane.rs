//! What a mesh stands on: the API server with its etcd, the part of a node that answers for logs,
//! and the control plane.

use super::client::send;
use super::image::file;
use super::program::{Program, installed, run, said, tool};
use super::{Request, eventually, workspace};
use passgate_harness::{Authority, servers};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The part of a node that `kubectl logs` needs: the API server asks it for the log of a Pod.
pub fn kubelet(authority: &Authority, folder: &Path) {
    let folder = folder.to_owned();
    servers::serve_tls("10.0.0.9:10250", "node", authority, move |request| {
        // /containerLogs/NAMESPACE/POD/CONTAINER
        let path = servers::path_of(&request);
        let pod = path.split('/').nth(3)?;
        let log = fs::read(folder.join(pod).join("log")).ok()?;
        servers::ok("text/plain", &log)
    });
}

/// etcd and the API server, with Istio's types, the Prometheus operator's, and the objects of
/// `cluster/cluster.yaml`.
pub fn kubernetes(folder: &Path, programs: &mut Vec<Program>) {
    let etcd = "http://127.0.0.1:2379";
    let peers = "http://127.0.0.1:2380";
    programs.push(Program::start(
        &folder.join("etcd"),
        Command::new(tool("etcd"))
            .args(["--data-dir", "data", "--unsafe-no-fsync"])
            // It elects a leader although it is alone, and must not lose the election on a busy
            // machine.
            .args([
                "--heartbeat-interval",
                "1000",
                "--election-timeout",
                "20000",
            ])
            .args([
                "--listen-client-urls",
                etcd,
                "--advertise-client-urls",
                etcd,
            ])
            .args([
                "--listen-peer-urls",
                peers,
                "--initial-advertise-peer-urls",
                peers,
            ])
            .args(["--initial-cluster", &format!("default={peers}")]),
    ));
    let accounts = rcgen::KeyPair::generate().unwrap();
    fs::write(folder.join("accounts.key"), accounts.serialize_pem()).unwrap();
    fs::write(folder.join("accounts.pub"), accounts.public_key_pem()).unwrap();
    fs::write(folder.join("tokens.csv"), "admin,admin,1,system:masters").unwrap();
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "c", "cluster": { "server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": true } }],
        "users": [{ "name": "u", "user": { "token": "admin" } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x",
    });
    fs::write(folder.join("kubeconfig"), kubeconfig.to_string()).unwrap();
    programs.push(Program::start(
        &folder.join("apiserver"),
        Command::new(tool("kube-apiserver"))
            .args(["--etcd-servers", etcd, "--cert-dir", "certs"])
            .args([
                "--bind-address",
                "127.0.0.1",
                "--advertise-address",
                "10.0.0.1",
            ])
            .args(["--service-cluster-ip-range", "10.96.0.0/16"])
            .args(["--service-account-issuer", "https://kubernetes.default.svc"])
            .args(["--service-account-key-file", "../accounts.pub"])
            .args(["--service-account-signing-key-file", "../accounts.key"])
            .args([
                "--token-auth-file",
                "../tokens.csv",
                "--authorization-mode",
                "AlwaysAllow",
            ])
            // A controller that would give each account a token does not run here.
            .args(["--disable-admission-plugins", "ServiceAccount"]),
    ));
    let server = programs.last_mut().unwrap();
    eventually("a ready API server", || {
        server.must_live();
        let ready = kubectl(folder).args(["get", "--raw", "/readyz"]).output();
        ready.unwrap().status.success().then_some(())
    });
    // On a busy machine the first requests may time out; all of these may be repeated.
    let crds = installed("crds.yaml");
    let gateway_api = installed("gateway-api");
    let operator = workspace().join(".tools/prometheus-operator");
    assert!(operator.is_dir(), "run `make test-istio`");
    eventually("the types of Istio, Gateway API and Prometheus", || {
        let mut apply = kubectl(folder);
        apply.args(["apply", "--server-side"]);
        for types in [&crds, &gateway_api, &operator] {
            apply.arg("--filename").arg(types);
        }
        let applied = apply.output().unwrap();
        let wait = [
            "wait",
            "--for",
            "condition=established",
            "--timeout=20s",
            "crd",
            "--all",
        ];
        let ready = kubectl(folder).args(wait).output().unwrap();
        (applied.status.success() && ready.status.success()).then_some(())
    });
    eventually("the objects of the cluster", || apply(folder, OBJECTS).ok());
    // Of what is behind a waypoint, and of the waypoint, Istio reads the status.
    for (pod, address) in [
        ("waypoint-0", "10.0.0.6"),
        ("accounts-0", "10.0.0.7"),
        ("news-0", "10.0.0.10"),
    ] {
        let status = serde_json::json!({ "status": {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{ "ip": address }],
            "conditions": [{ "type": "Ready", "status": "True" }],
        } });
        run(kubectl(folder)
            .args(["patch", "pod", pod, "--namespace", "books"])
            .args(["--subresource", "status", "--type", "merge", "--patch"])
            .arg(status.to_string()));
    }
}

/// Every namespace, workload and resource that is there before a story.
pub const OBJECTS: &str = include_str!("../cluster/cluster.yaml");

/// Writes the mesh configuration, with these further `extensionProviders`. The control plane takes
/// it without a restart.
pub fn configure(folder: &Path, providers: &str) {
    let mesh = include_str!("../cluster/mesh.yaml").to_owned() + &file("mesh-config.yaml");
    fs::write(folder.join("mesh.yaml"), mesh + providers).unwrap();
}

/// The control plane.
pub fn istiod(folder: &Path) -> Program {
    configure(folder, "");
    let mut istiod = Program::start(
        &folder.join("istiod-0"),
        Command::new(tool("pilot-discovery"))
            .arg("discovery")
            .arg("--kubeconfig")
            .arg(folder.join("kubeconfig"))
            .arg("--meshConfig")
            .arg(folder.join("mesh.yaml"))
            .args([
                "--grpcAddr",
                "127.0.0.1:15010",
                "--secureGRPCAddr",
                "127.0.0.1:15012",
            ])
            .args([
                "--httpAddr",
                "127.0.0.1:15080",
                "--httpsAddr",
                "",
                "--ctrlz_port",
                "0",
            ])
            .args(["--monitoringAddr", "127.0.0.1:15014"])
            .env("POD_NAME", "istiod-0")
            .env("POD_NAMESPACE", "istio-system")
            // Waypoints; but no Deployments for them, which nothing here would run.
            .env("PILOT_ENABLE_AMBIENT", "true")
            .env("PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER", "false")
            // Two filters that only Istio's own build of Envoy has.
            .env("PILOT_ENABLE_METADATA_EXCHANGE", "false")
            .env("PILOT_ENABLE_ALPN_FILTER", "false"),
    );
    eventually("a ready istiod", || {
        istiod.must_live();
        let ready = Request::get("/ready");
        let answer = send("127.0.0.1:15080".parse().unwrap(), &ready)?;
        (answer.status == 200).then_some(())
    });
    istiod
}

/// A `kubectl` of this cluster, to be told what to do.
pub fn kubectl(folder: &Path) -> Command {
    let mut command = Command::new(tool("kubectl"));
    command
        .env("HOME", folder)
        .arg("--kubeconfig")
        .arg(folder.join("kubeconfig"));
    command
}

/// `kubectl apply`, or why the API server refused it.
pub fn apply(folder: &Path, yaml: &str) -> Result<(), String> {
    feed(kubectl(folder).args(["apply", "--filename", "-"]), yaml)
}

/// Whether the API server would take this, or why not.
pub fn try_on(folder: &Path, yaml: &str) -> Result<(), String> {
    let apply = ["apply", "--dry-run=server", "--filename", "-"];
    feed(kubectl(folder).args(apply), yaml)
}

/// Runs a command with this on its standard input; what it said when it fails.
fn feed(command: &mut Command, input: &str) -> Result<(), String> {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(said(&output))
}
