//! A real NGINX with the shipped file, in front of gates.

use passgate_harness::{
    Authority, Companion, Gate, Protocol, Request, Response, TlsClient, eventually, free_address,
    new_folder, workspace,
};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

/// What the shipped file says, and the tests say otherwise.
const LISTEN: &str = "listen 443 ";
const GATES: &str = "    server 127.0.0.1:8080;\n    server 127.0.0.1:8081;\n";
const TLS: &str = "/etc/nginx/tls/";

/// From this address NGINX calls the gates, which must not take it for the client's.
const EDGE: &str = "127.0.0.9";

/// A running NGINX; killed when dropped.
pub struct Edge {
    nginx: Companion,
    pub address: SocketAddr,
    client: TlsClient,
}

impl Edge {
    /// The shipped file in front of these gates.
    pub fn start(gates: &[&Gate]) -> Self {
        Self::edited(gates, &[])
    }

    /// The same with these texts in the places of others.
    pub fn edited(gates: &[&Gate], edits: &[(&str, &str)]) -> Self {
        let authority = Authority::generate();
        let folder = new_folder();
        for name in ["api.example.com", "grpc.example.com"] {
            let (certificate, key) = authority.server_pem(name);
            fs::write(folder.join(format!("{name}.pem")), certificate).unwrap();
            fs::write(folder.join(format!("{name}.key")), key).unwrap();
        }
        let address = free_address();
        let servers: String = gates
            .iter()
            .map(|gate| format!("    server {};\n", gate.address))
            .collect();
        let listen = format!("listen {address} ");
        let tls = format!("{}/", folder.display());
        let mut file = fs::read_to_string(workspace().join("nginx/edge.conf")).unwrap();
        let ours = [(LISTEN, &*listen), (GATES, &*servers), (TLS, &*tls)];
        for (from, to) in ours.iter().chain(edits) {
            assert!(file.contains(from), "{from:?} in the shipped file");
            file = file.replace(from, to);
        }
        fs::write(folder.join("edge.conf"), file).unwrap();
        let main = format!(
            "daemon off; master_process off; pid pid; error_log stderr notice;\n\
             events {{}}\n\
             http {{\n\
             access_log off; proxy_bind {EDGE}; grpc_bind {EDGE};\n\
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
             include edge.conf;\n\
             }}\n"
        );
        fs::write(folder.join("nginx.conf"), main).unwrap();
        let mut command = Command::new(binary());
        command.arg("-p").arg(&folder);
        command.args(["-c", "nginx.conf", "-e", "stderr"]);
        let mut edge = Self {
            nginx: Companion::start(&folder, &mut command),
            address,
            client: authority.stranger(),
        };
        eventually("a ready NGINX", || {
            edge.nginx.must_live();
            TcpStream::connect(edge.address).ok()
        });
        edge
    }

    /// One request to `api.example.com` on a connection of its own.
    pub fn send(&self, protocol: Protocol, request: &Request) -> Response {
        self.send_to("api.example.com", protocol, request)
    }

    /// The same to the server of this name.
    pub fn send_to(&self, name: &str, protocol: Protocol, request: &Request) -> Response {
        match protocol {
            Protocol::Http1 => self.client.send(self.address, name, request).0,
            Protocol::Http2 => {
                let entry = self.client.tunnel(self.address, name);
                Gate::send_to(entry, protocol, request).expect("an answer")
            }
        }
    }

    /// An HTTP/1.1 connection, for what comes after an upgrade.
    pub fn connect(&self) -> TcpStream {
        let entry = self
            .client
            .tunnel_of("http/1.1", self.address, "api.example.com");
        TcpStream::connect(entry).unwrap()
    }
}

fn binary() -> PathBuf {
    let named = std::env::var_os("NGINX").unwrap_or_else(|| ".tools/nginx".into());
    let path = workspace().join(named).join("nginx");
    assert!(
        path.is_file(),
        "{} is not there: run `make test-nginx`, or set NGINX",
        path.display()
    );
    path
}
