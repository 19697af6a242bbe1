//! A proxy of the mesh: Istio's agent, which starts Envoy, with an account of the cluster.

use super::client::send;
use super::image::{file, plugin};
use super::program::{Program, installed, tool};
use super::{Request, Response, eventually, workspace};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One agent with its Envoy.
pub struct Proxy {
    role: &'static str,
    namespace: &'static str,
    account: &'static str,
    ip: String,
    entrance: SocketAddr,
    /// Nothing separates the proxies' ports, so each has its own where Istio has fixed ones.
    number: u16,
    program: Option<Program>,
}

impl Proxy {
    /// A gateway that listens at `entrance`.
    pub fn gateway(
        namespace: &'static str,
        account: &'static str,
        entrance: &str,
        number: u16,
    ) -> Self {
        let entrance: SocketAddr = entrance.parse().unwrap();
        let ip = entrance.ip().to_string();
        Self {
            role: "router",
            namespace,
            account,
            ip,
            entrance,
            number,
            program: None,
        }
    }

    /// The sidecar of the workload of this name; `entrance` is where the workload calls others.
    pub fn sidecar(
        namespace: &'static str,
        account: &'static str,
        entrance: &str,
        ip: &str,
        number: u16,
    ) -> Self {
        let entrance = entrance.parse().unwrap();
        let ip = ip.to_owned();
        Self {
            role: "sidecar",
            namespace,
            account,
            ip,
            entrance,
            number,
            program: None,
        }
    }

    /// The waypoint of this namespace. It listens at all addresses, so there is one alone.
    pub fn waypoint(namespace: &'static str, entrance: &str, number: u16) -> Self {
        Self {
            role: "waypoint",
            ..Self::gateway(namespace, "waypoint", entrance, number)
        }
    }

    pub fn namespace(&self) -> &'static str {
        self.namespace
    }

    pub fn account(&self) -> &'static str {
        self.account
    }

    fn port(&self, standard: u16) -> u16 {
        standard + 100 * self.number
    }

    /// Starts the agent below this folder, with the account's token and the root of the mesh, and
    /// does not wait for it.
    pub fn start(&mut self, folder: &Path, token: &str, root: &str) {
        let pod = format!("{}-0", self.account);
        let folder = folder.join(&pod);
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // Where the platform mounts them; the agent looks for them below the folder that it is
        // started in.
        put("var/run/secrets/tokens/istio-token", token);
        put("var/run/secrets/istio/root-cert.pem", root);
        let labels = match self.role {
            "router" if self.account == "edge" => {
                "gateway.networking.k8s.io/gateway-name=\"edge\"\n".to_owned()
            }
            "router" => format!("istio=\"ingressgateway\"\napp=\"{}\"\n", self.account),
            "waypoint" => WAYPOINT_LABELS.to_owned(),
            _ => format!("app=\"{}\"\n", self.account),
        };
        put("etc/istio/pod/labels", &labels);
        // What Istio's injector mounts for the annotation `sidecar.istio.io/bootstrapOverride`.
        let tags = &plugin("stats-tags.yaml")["data"]["custom_bootstrap.json"];
        put(
            "etc/istio/custom-bootstrap/custom_bootstrap.json",
            tags.as_str().unwrap(),
        );
        // Envoy's own build lacks an extension that the agent puts into every waypoint.
        let template = installed("bootstrap.json");
        let template = fs::read_to_string(template).unwrap();
        put(
            "bootstrap.json",
            &template.replace("if .metadata_discovery", "if false"),
        );
        // Where the agent puts the workload's certificate, for a client that is not Envoy.
        fs::create_dir_all(folder.join("certs")).unwrap();
        // A waypoint of a newer version wants a factory that Envoy's own build lacks.
        let (version, interception) = match self.role {
            "waypoint" => ("1.29.0", "REDIRECT"),
            _ => ("1.31.0", "NONE"),
        };
        let mut config = json!({
            "discoveryAddress": "istiod.istio-system.svc:15012",
            "binaryPath": envoy(),
            "configPath": "./etc/istio/proxy",
            "proxyBootstrapTemplatePath": folder.join("bootstrap.json"),
            "concurrency": 2,
            // Each story waits for the listeners of the story before: see `settled`.
            "drainDuration": "1s",
            "proxyAdminPort": self.port(15000),
            "statusPort": self.port(15020),
        });
        if self.account == "istio-ingressgateway" {
            config["runtimeValues"] = annotated()["runtimeValues"].clone();
        }
        self.program = Some(Program::start(
            &folder,
            Command::new(tool("pilot-agent"))
                .args(["proxy", self.role, "--domain"])
                .arg(format!("{}.svc.cluster.local", self.namespace))
                // No levels for the logs: these are Istio's own.
                .env("PROXY_CONFIG", config.to_string())
                .env(
                    "ISTIO_BOOTSTRAP_OVERRIDE",
                    "etc/istio/custom-bootstrap/custom_bootstrap.json",
                )
                .env("POD_NAME", &pod)
                .env("POD_NAMESPACE", self.namespace)
                .env("INSTANCE_IP", &self.ip)
                .env("SERVICE_ACCOUNT", self.account)
                .env("PILOT_CERT_PROVIDER", "istiod")
                .env("CA_ADDR", "istiod.istio-system.svc:15012")
                .env("TRUST_DOMAIN", "cluster.local")
                .env("ISTIO_META_CLUSTER_ID", "Kubernetes")
                .env("ISTIO_META_ISTIO_VERSION", version)
                .env("ISTIO_META_WORKLOAD_NAME", self.account)
                .env("ISTIO_META_INTERCEPTION_MODE", interception)
                .env("OUTPUT_CERTS", "./certs")
                .env("ENVOY_STATUS_PORT", self.port(15021).to_string())
                .env("ENVOY_PROMETHEUS_PORT", self.port(15090).to_string()),
        ));
    }

    /// Waits until it has its first configuration.
    pub fn ready(&mut self) {
        let admin = self.admin_address();
        let program = self.program.as_mut().expect("a started proxy");
        eventually("a ready proxy", || {
            program.must_live();
            let answer = send(admin, &Request::get("/ready"))?;
            (answer.status == 200).then_some(())
        });
    }

    /// What the agent answers to the platform's readiness probe, which Istio points at it.
    pub fn readiness(&self) -> u16 {
        let agent = SocketAddr::from(([127, 0, 0, 1], self.port(15020)));
        let answer = send(agent, &Request::get("/healthz/ready"));
        answer.expect("Istio's agent").status
    }

    /// Where clients of the proxy connect to.
    pub fn entrance(&self) -> SocketAddr {
        self.entrance
    }

    fn admin_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port(15000)))
    }

    /// Asks Envoy's admin.
    pub fn admin(&self, path: &str) -> String {
        send(self.admin_address(), &Request::get(path))
            .expect("Envoy's admin")
            .text()
    }

    /// What the control plane has told it to be, without versions and times.
    pub fn configuration(&self) -> Vec<Value> {
        let part = |resource: &str, path: &str| -> Vec<Value> {
            let dump = self.admin(&format!("/config_dump?resource={resource}"));
            let dump: Value = serde_json::from_str(&dump).unwrap();
            let entries = dump["configs"].as_array().into_iter().flatten();
            entries
                .filter_map(|entry| entry.pointer(path).cloned())
                .collect()
        };
        let mut parts = part("dynamic_listeners", "/active_state/listener");
        parts.extend(part("dynamic_active_clusters", "/cluster"));
        parts.sort_by_key(|part| part["name"].to_string());
        parts
    }

    /// Whether every connection is judged by the configuration that came last. Those that were open
    /// before keep the older one until they have drained; and as long as one does, Envoy remembers
    /// what plugin went with a name.
    pub fn settled(&self) -> bool {
        let moving = self.admin("/stats?filter=listener_manager.total_.*ing$");
        moving.lines().count() >= 3 && moving.lines().all(|line| line.ends_with(": 0"))
    }

    /// What agent and Envoy logged in this story.
    pub fn log(&self) -> String {
        self.program().log()
    }

    /// Empties the log.
    pub fn forget(&self) {
        self.program().forget();
    }

    fn program(&self) -> &Program {
        self.program.as_ref().expect("a started proxy")
    }

    /// Sends a request at the proxy's entrance; `None` while nobody answers there.
    pub fn send(&self, request: &Request) -> Option<Response> {
        send(self.entrance, request)
    }

    /// A GET without a token.
    pub fn get(&self, path: &str) -> Option<Response> {
        self.send(&Request::get(path))
    }

    /// Sends until the answer has this status.
    #[track_caller]
    pub fn until(&self, status: u16, request: &Request) -> Response {
        eventually(&format!("{status} for {request:?}"), || {
            self.send(request).filter(|answer| answer.status == status)
        })
    }
}

/// What Istio's chart writes at the Pod of a waypoint.
const WAYPOINT_LABELS: &str = "\
    gateway.networking.k8s.io/gateway-name=\"waypoint\"\n\
    gateway.networking.k8s.io/gateway-class-name=\"istio-waypoint\"\n\
    gateway.istio.io/managed=\"istio.io-mesh-controller\"\n";

/// The configuration of a proxy in the annotation that the comment of `oauth2.yaml` asks for.
fn annotated() -> Value {
    let text = file("oauth2.yaml");
    let annotations = text.lines().filter_map(|line| line.strip_prefix("#   "));
    let annotations = annotations.collect::<Vec<_>>().join("\n");
    let annotations: Value = serde_saphyr::from_str(&annotations).unwrap();
    serde_saphyr::from_str(annotations["proxy.istio.io/config"].as_str().unwrap()).unwrap()
}

fn envoy() -> PathBuf {
    let named = std::env::var_os("ENVOY").unwrap_or_else(|| ".tools/envoy/envoy".into());
    workspace().join(named)
}
