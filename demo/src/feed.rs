//! The feed as a child process: it tells the gate what has ended before its time. The provider
//! tells it.

use crate::Result;
use crate::http;
use crate::ports::Ports;
use passgate_kit::{base64url, sha256};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::Read as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The audience of the provider's events.
pub(crate) const AUDIENCE: &str = "https://feed.demo.example";

/// A running feed.
pub(crate) struct Feed {
    child: Child,
    /// Where gates fetch its list.
    pub(crate) port: u16,
    pub(crate) wire: Wire,
}

/// How it is told something.
#[derive(Clone)]
pub(crate) struct Wire {
    port: u16,
    admin: u16,
    /// What operators show.
    operator: Arc<str>,
}

const FOLDER: &str = ".tools/demo";
const OPERATOR: &str = "PASSGATE_DEMO_OPERATOR";

impl Feed {
    /// Starts it beside this program, with an empty store.
    pub(crate) async fn start(ports: &Ports) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("passgate-feed");
        if !program.is_file() {
            let why = "is not there: build it with cargo build --package passgate-feed";
            return Err(format!("{} {why}", program.display()).into());
        }
        std::fs::create_dir_all(FOLDER)?;
        let store = format!("{FOLDER}/feed-{}.db", ports.gate);
        for file in [&store, &format!("{store}-wal"), &format!("{store}-shm")] {
            // One that is not there need not go.
            let _ = std::fs::remove_file(file);
        }
        let config = format!("{FOLDER}/feed-{}.json", ports.gate);
        std::fs::write(&config, configuration(ports, &store).to_string())?;
        let mut secret = [0; 16];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut secret)?;
        let operator: Arc<str> = base64url(secret).into();

        let mut child = Command::new(program)
            .arg(&config)
            .env(OPERATOR, &*operator)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let log = child.stderr.take().ok_or("no standard error")?;
        let mut lines = BufReader::new(log).lines();
        let mut found = Vec::new();
        while found.len() < 2 {
            let line = timeout(START_TIMEOUT, lines.next_line()).await??;
            let line = line.ok_or("the feed has ended")?;
            found.extend(port_in(&line));
        }
        // What it says later is of interest to nobody here, but somebody must read it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let [port, admin] = found[..] else {
            return Err("the feed listens nowhere".into());
        };
        let wire = Wire {
            port,
            admin,
            operator,
        };
        Ok(Self { child, port, wire })
    }

    /// Stops it and waits for its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = id.and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM)?;
            timeout(STOP_TIMEOUT, self.child.wait()).await??;
        }
        Ok(())
    }
}

/// Both ports are chosen by the system.
fn configuration(ports: &Ports, store: &str) -> Value {
    let issuer = ports.issuer();
    json!({
        "listen": "127.0.0.1:0",
        "admin": { "listen": "127.0.0.1:0", "operator": { "env": OPERATOR } },
        "store": store,
        "readers": "anybody",
        "providers": { "demo": {
            "issuer": issuer,
            "remote_jwks": { "uri": format!("{issuer}/jwks") },
            "max_token_lifetime": "15m",
            "security_events": { "audiences": [AUDIENCE] },
        } },
    })
}

/// The port in a line that says that the feed listens.
fn port_in(line: &str) -> Option<u16> {
    let line: Value = serde_json::from_str(line).ok()?;
    let message = line.get("message")?.as_str()?;
    let address = line.get("address")?.as_str()?;
    let (_, port) = address.rsplit_once(':')?;
    message
        .starts_with("listening")
        .then(|| port.parse().ok())?
}

impl Wire {
    /// Hands over an event that the provider has signed (RFC 8935).
    pub(crate) async fn push(&self, event: String) -> Result<()> {
        let kind = [("content-type", "application/secevent+jwt")];
        let answer = http::post(self.port, "/demo/events", &kind, event).await?;
        expect(answer.status().as_u16(), 202)
    }

    /// Ends what the passkey with this id has signed in, as an operator does.
    pub(crate) async fn revoke(&self, id: &[u8]) -> Result<()> {
        let name = base64url(sha256(id));
        let reason = "revoked at the demo's page";
        let body = json!({ "entries": [{ "credential": name, "reason": reason }] });
        let bearer = format!("Bearer {}", self.operator);
        let shown = [("authorization", &*bearer)];
        let answer = http::post(self.admin, "/demo/entries", &shown, body.to_string());
        expect(answer.await?.status().as_u16(), 200)
    }
}

fn expect(status: u16, wanted: u16) -> Result<()> {
    if status == wanted {
        Ok(())
    } else {
        Err(format!("the feed answered {status}").into())
    }
}

const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(12);

#[cfg(test)]
mod tests {
    use super::port_in;

    #[test]
    fn the_log_of_the_feed_says_where_it_listens() {
        let line = r#"{"address":"127.0.0.1:8091","message":"listening for operators"}"#;
        assert_eq!(port_in(line), Some(8091));
        for other in [
            "",
            "{}",
            r#"{"address":"127.0.0.1:8091","message":"stopped"}"#,
        ] {
            assert_eq!(port_in(other), None);
        }
    }
}
