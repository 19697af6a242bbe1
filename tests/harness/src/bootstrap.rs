//! An Envoy bootstrap of `envoy/`, read as it is shipped and changed only where a story needs it.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The whole bootstrap as JSON, which Envoy reads as well as YAML.
#[derive(Clone)]
pub struct Bootstrap(pub Value);

impl Bootstrap {
    /// Reads a file below the workspace's root.
    pub fn load(file: &str) -> Self {
        let path = workspace().join(file);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}")))
    }

    /// Free ports for the listener and the admin, the module where it really is, and an access log.
    pub fn localise(&mut self, module: &Path) {
        let free = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
        self.0["admin"]["address"] = free.clone();
        self.listener()["address"] = free;
        self.listener()["name"] = json!("gate");
        for filter in self.filters().iter_mut().filter(|filter| is_ours(filter)) {
            let file = "/typed_config/config/vm_config/code/local/filename";
            *member(filter, file) = json!(module);
        }
        if self.manager()["access_log"].is_null() {
            self.manager()["access_log"] = access_log();
        }
    }

    pub fn listener(&mut self) -> &mut Value {
        member(&mut self.0, "/static_resources/listeners/0")
    }

    /// The HTTP connection manager.
    pub fn manager(&mut self) -> &mut Value {
        member(self.listener(), "/filter_chains/0/filters/0/typed_config")
    }

    /// The HTTP filters; the last is the router.
    pub fn filters(&mut self) -> &mut Vec<Value> {
        member(self.manager(), "/http_filters")
            .as_array_mut()
            .unwrap()
    }

    /// The HTTP filter that is passgate.
    pub fn passgate(&mut self) -> &mut Value {
        self.filters()
            .iter_mut()
            .find(|filter| is_ours(filter))
            .expect("passgate in the chain")
    }

    /// Puts another plugin configuration into the filter.
    pub fn set_policy(&mut self, policy: &Value) {
        *member(self.passgate(), "/typed_config/config/configuration") = string_value(policy);
    }

    /// Hands the filter an environment variable.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        let vm = member(self.passgate(), "/typed_config/config/vm_config");
        vm["environment_variables"] = json!({ "key_values": { name: value } });
    }

    /// Hands the filter a variable of Envoy's own environment, beside others.
    pub fn hand_over_variable(&mut self, name: &str) {
        let vm = member(self.passgate(), "/typed_config/config/vm_config");
        let names = &mut vm["environment_variables"]["host_env_keys"];
        match names.as_array_mut() {
            Some(names) => names.push(json!(name)),
            None => *names = json!([name]),
        }
    }

    /// Sets `allow_on_headers_stop_iteration` of the filter.
    pub fn allow_on_headers_stop_iteration(&mut self, allowed: bool) {
        let config = member(self.passgate(), "/typed_config/config");
        config["allow_on_headers_stop_iteration"] = json!(allowed);
    }

    /// Lets trailers of HTTP/1.1 pass, in and out.
    pub fn enable_trailers(&mut self) {
        self.manager()["http_protocol_options"] = json!({ "enable_trailers": true });
        self.cluster("upstream")["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
            },
        });
    }

    /// A second instance of the filter that runs before the first.
    pub fn add_outer(&mut self, name: &str, policy: &Value) {
        let mut outer = self.passgate().clone();
        outer["name"] = json!(name);
        *member(&mut outer, "/typed_config/config/name") = json!(name);
        *member(&mut outer, "/typed_config/config/configuration") = string_value(policy);
        self.filters().insert(0, outer);
    }

    /// The route that everything takes.
    pub fn route(&mut self) -> &mut Value {
        member(
            self.manager(),
            "/route_config/virtual_hosts/0/routes/0/route",
        )
    }

    pub fn cluster(&mut self, name: &str) -> &mut Value {
        let clusters = self.clusters().iter_mut();
        let found = { clusters }.find(|cluster| cluster["name"] == name);
        found.unwrap_or_else(|| panic!("no cluster {name}"))
    }

    /// Leads what lies below this prefix to a cluster that speaks HTTP/2 and takes any number of
    /// streams.
    pub fn endless(&mut self, name: &str, prefix: &str) {
        let routes = member(self.manager(), "/route_config/virtual_hosts/0/routes");
        let route =
            json!({ "match": { "prefix": prefix }, "route": { "cluster": name, "timeout": "0s" } });
        routes.as_array_mut().unwrap().insert(0, route);
        let cluster = self.cluster(name);
        cluster["typed_extension_protocol_options"] = json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        });
        cluster["circuit_breakers"] = json!({ "thresholds": [
            { "max_requests": 100_000, "max_pending_requests": 100_000 },
        ] });
    }

    pub fn has_cluster(&mut self, name: &str) -> bool {
        let mut clusters = self.clusters().iter();
        clusters.any(|cluster| cluster["name"] == name)
    }

    /// Points a cluster to this address.
    pub fn set_address(&mut self, cluster: &str, address: SocketAddr) {
        let assignment = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint";
        let endpoint = member(self.cluster(cluster), assignment);
        endpoint["address"]["socket_address"] =
            json!({ "address": address.ip().to_string(), "port_value": address.port() });
    }

    /// A cluster like `idp` of another name.
    pub fn add_cluster(&mut self, name: &str, address: SocketAddr) {
        let mut cluster = self.cluster("idp").clone();
        cluster["name"] = json!(name);
        cluster["load_assignment"]["cluster_name"] = json!(name);
        self.clusters().push(cluster);
        self.set_address(name, address);
    }

    /// Lets a cluster that speaks TLS trust this authority and no other.
    pub fn trust(&mut self, cluster: &str, pem: &str) {
        let context = "/transport_socket/typed_config/common_tls_context/validation_context";
        member(self.cluster(cluster), context)["trusted_ca"] = json!({ "inline_string": pem });
    }

    /// Takes the listener out, for a file that Envoy watches (LDS).
    pub fn watch_listener(&mut self, file: &Path) {
        let folder = file.parent().unwrap();
        self.0["dynamic_resources"] = json!({ "lds_config": { "path_config_source": {
            "path": file, "watched_directory": { "path": folder },
        } } });
        *member(&mut self.0, "/static_resources/listeners") = json!([]);
        self.0["node"] = json!({ "id": "story", "cluster": "stories" });
    }

    /// The listener as a discovery response.
    pub fn listener_resource(&mut self) -> Value {
        let mut listener = self.listener().clone();
        listener["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
        json!({ "resources": [listener] })
    }

    fn clusters(&mut self) -> &mut Vec<Value> {
        member(&mut self.0, "/static_resources/clusters")
            .as_array_mut()
            .unwrap()
    }
}

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("tests/harness lies two folders deep")
        .to_path_buf()
}

/// The instances are named `passgate` or `passgate-` and something.
fn is_ours(filter: &Value) -> bool {
    filter["name"]
        .as_str()
        .is_some_and(|name| name.starts_with("passgate"))
}

/// The members that the harness reads, for a bootstrap that logs nothing.
fn access_log() -> Value {
    json!([{ "name": "envoy.access_loggers.stdout", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format": { "json_format": {
            "details": "%RESPONSE_CODE_DETAILS%", "request_id": "%REQ(X-REQUEST-ID)%",
        } },
    } }])
}

fn string_value(policy: &Value) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": policy.to_string() })
}

fn member<'v>(value: &'v mut Value, pointer: &str) -> &'v mut Value {
    value
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("the bootstrap has no {pointer}"))
}
