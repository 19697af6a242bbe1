//! The ports in use: those of the Envoy file where they are free.

use crate::Result;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};

/// The ports of `envoy/envoy.yaml`.
pub(crate) const IN_THE_FILE: Ports = Ports {
    gate: 8080,
    admin: 9901,
    idp: 9000,
    upstream: 9001,
};

/// Where each part listens on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) gate: u16,
    pub(crate) admin: u16,
    pub(crate) idp: u16,
    pub(crate) upstream: u16,
}

/// The sockets of what this program serves itself.
pub(crate) struct Listeners {
    pub(crate) idp: TcpListener,
    pub(crate) upstream: TcpListener,
}

impl Ports {
    /// People type the gate's port, so it is never replaced silently; the other parts move out of
    /// the way.
    pub(crate) fn choose() -> Result<(Self, Listeners)> {
        let wanted = match std::env::var("GATE_PORT") {
            Ok(text) => text
                .parse()
                .map_err(|_| format!("GATE_PORT={text} is not a port"))?,
            Err(_) => IN_THE_FILE.gate,
        };
        // Envoy listens with SO_REUSEPORT, so a second Envoy would start and share the requests:
        // the port is tried here.
        let gate = listen(wanted).map_err(|error| {
            format!("port {wanted} for the gate: {error}; another one: make run GATE_PORT=8081")
        })?;
        // Two demos that start at once could agree on a port that Envoy takes only later: who says
        // "any" gets any.
        let near = |port| listen_near(if wanted == 0 { 0 } else { port });
        let idp = near(IN_THE_FILE.idp)?;
        let upstream = near(IN_THE_FILE.upstream)?;
        let admin = near(IN_THE_FILE.admin)?;
        let ports = Self {
            gate: gate.local_addr()?.port(),
            admin: admin.local_addr()?.port(),
            idp: idp.local_addr()?.port(),
            upstream: upstream.local_addr()?.port(),
        };
        Ok((ports, Listeners { idp, upstream }))
    }

    /// The `iss` of the demo's tokens.
    pub(crate) fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.idp)
    }

    /// Where people reach the gate: by a name, since a passkey belongs to a name. The `aud` of the
    /// demo's tokens.
    pub(crate) fn gate_url(&self) -> String {
        format!("http://localhost:{}", self.gate)
    }
}

fn listen(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
}

fn listen_near(port: u16) -> std::io::Result<TcpListener> {
    listen(port).or_else(|error| match error.kind() {
        ErrorKind::AddrInUse => listen(0),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_replaced() {
        let first = listen(0).unwrap();
        let port = first.local_addr().unwrap().port();
        let second = listen_near(port).unwrap();
        assert_ne!(second.local_addr().unwrap().port(), port);
    }
}
