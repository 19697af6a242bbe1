//! Envoy as a child process, started directly or through func-e.

use crate::Result;
use crate::agents::with_agents;
use crate::options::{MODULE, Options};
use crate::ports::{IN_THE_FILE, Ports};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Where the Envoy file goes that is really used, one for each gate.
const FOLDER: &str = ".tools/demo";

/// A running Envoy.
pub(crate) struct Gate {
    child: Child,
    stop_signal: Signal,
    log: Log,
    readers: Vec<JoinHandle<()>>,
}

impl Gate {
    pub(crate) fn start(options: &Options, ports: &Ports, feed: u16, log: Log) -> Result<Self> {
        for path in [&options.envoy, &options.module] {
            if !path.is_file() {
                return Err(format!("{} is not there", path.display()).into());
            }
        }
        let file = options.config.display();
        let template =
            std::fs::read_to_string(&options.config).map_err(|error| format!("{file}: {error}"))?;
        let module = options
            .module
            .to_str()
            .ok_or("the module's path is not text")?;
        let config = with_agents(&template);
        let config = config.and_then(|config| configuration(&config, ports, module));
        let config = config.and_then(|config| with_feed(&config, feed));
        let config = config.map_err(|missing| format!("{file} does not hold {missing}"))?;

        std::fs::create_dir_all(FOLDER)?;
        let config_path = format!("{FOLDER}/envoy-{}.yaml", ports.gate);
        std::fs::write(&config_path, config)?;

        let mut command = match &options.func_e {
            // With ENVOY_PATH func-e looks for no version and so needs no network.
            Some(func_e) => {
                let mut command = Command::new(func_e);
                command.env("ENVOY_PATH", &options.envoy).arg("run");
                command
            }
            None => Command::new(&options.envoy),
        };
        command
            .args(["--config-path", &config_path])
            .args(["--concurrency", "2", "--use-dynamic-base-id"])
            .args(["--file-flush-interval-msec", "200"]) // the access log; 10 s would be long to wait
            .args([
                "--log-level",
                "warning",
                "--component-log-level",
                "wasm:info",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C reaches the whole group of the terminal; the gate is stopped by us, in order.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let readers = vec![
            log.follow(child.stdout.take().ok_or("no standard output")?),
            log.follow(child.stderr.take().ok_or("no standard error")?),
        ];
        let stop_signal = match options.func_e {
            Some(_) => Signal::INT,
            None => Signal::TERM,
        };
        Ok(Self {
            child,
            stop_signal,
            log,
            readers,
        })
    }

    /// Waits until Envoy ends by itself, which is an error.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let status = self.child.wait().await?;
        self.log_ends().await;
        Err(format!("Envoy ended: {status}{}", self.log.last_lines()).into())
    }

    /// Stops Envoy, if it still runs, and waits for its end.
    pub(crate) async fn stop(mut self) -> Result<()> {
        let Some(id) = self.child.id() else {
            return Ok(()); // it has ended
        };
        let pid = i32::try_from(id)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("no process id")?;
        kill_process(pid, self.stop_signal)?;
        if timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            self.child.kill().await?;
            return Err("Envoy did not stop when asked, and was killed".into());
        }
        self.log_ends().await;
        Ok(())
    }

    /// What Envoy said last may still be on its way when it has ended.
    async fn log_ends(&mut self) {
        for reader in self.readers.drain(..) {
            let _ = timeout(LAST_LINES_TIMEOUT, reader).await;
        }
    }
}

/// The rules of the filter in this Envoy file, for the page to show: the JSON that follows the
/// first `value: |`.
pub(crate) fn rules(options: &Options) -> Result<Value> {
    let file = options.config.display();
    let template =
        std::fs::read_to_string(&options.config).map_err(|error| format!("{file}: {error}"))?;
    let template =
        with_agents(&template).map_err(|missing| format!("{file} does not hold {missing}"))?;
    rules_in(&template).ok_or(format!("{file} does not hold rules as JSON").into())
}

fn rules_in(template: &str) -> Option<Value> {
    let (_, rest) = template.split_once("value: |\n")?;
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let mut policy = values.next()?.ok()?;
    policy.get_mut("rules").map(Value::take)
}

/// The file with the ports in use and the module's path; or what it should have held.
fn configuration(
    template: &str,
    ports: &Ports,
    module: &str,
) -> std::result::Result<String, String> {
    let file = IN_THE_FILE;
    let mut text = replace(template, MODULE, module)?;
    // In two steps, so that a port chosen for one part is not taken for the old port of another.
    let mut chosen = Vec::new();
    for (name, old, new) in [
        ("gate", file.gate, ports.gate),
        ("admin", file.admin, ports.admin),
        ("idp", file.idp, ports.idp),
        ("upstream", file.upstream, ports.upstream),
    ] {
        let mark = format!("<{name}>");
        text = replace(
            &text,
            &format!("port_value: {old} "),
            &format!("port_value: {mark} "),
        )?;
        for host in ["127.0.0.1", "localhost"] {
            text = text.replace(&format!("{host}:{old}"), &format!("{host}:{mark}"));
        }
        chosen.push((mark, new));
    }
    for (mark, port) in chosen {
        text = text.replace(&mark, &port.to_string());
    }
    Ok(text)
}

/// The same with the list of a feed at this port, which ends tokens and streams.
fn with_feed(text: &str, port: u16) -> std::result::Result<String, String> {
    const PASSKEY: &str = r#""cnf_jwk": "passkey","#;
    const PROVIDERS: &str = r#""providers": {"#;
    const UPSTREAM: &str = "    - name: upstream";
    let revocations = json!({
        "http_uri": { "uri": format!("http://127.0.0.1:{port}/demo/revocations"), "cluster": "feed" },
        "cache_duration": "1s",
        "credential_claim": "passkey",
    });
    let streams = r#""streams": { "end_with_authority": true },"#;
    let cluster = format!(
        "    - name: feed
      connect_timeout: 1s
      load_assignment:
        cluster_name: feed
        endpoints:
          - lb_endpoints:
              - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}
"
    );
    let text = replace(
        text,
        PASSKEY,
        &format!(r#"{PASSKEY} "revocations": {revocations},"#),
    )?;
    let text = replace(&text, PROVIDERS, &format!("{streams} {PROVIDERS}"))?;
    replace(&text, UPSTREAM, &format!("{cluster}{UPSTREAM}"))
}

pub(crate) fn replace(text: &str, old: &str, new: &str) -> std::result::Result<String, String> {
    if text.contains(old) {
        Ok(text.replace(old, new))
    } else {
        Err(old.trim_end().to_owned())
    }
}

/// What Envoy says: the last lines are kept, and from some point on all are printed.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    kept: VecDeque<String>,
    print: bool,
}

impl Log {
    fn follow(&self, source: impl AsyncRead + Send + Unpin + 'static) -> JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(source).split(b'\n');
            while let Ok(Some(line)) = lines.next_segment().await {
                log.add(String::from_utf8_lossy(&line).into_owned());
            }
        })
    }

    fn add(&self, line: String) {
        let mut lines = self.lines();
        if lines.print && !line.contains(OF_THE_PAGE) {
            println!("{line}");
        }
        if lines.kept.len() == KEPT_LINES {
            lines.kept.pop_front();
        }
        lines.kept.push_back(line);
    }

    /// What was logged about one request: the filter's own line and Envoy's, each a JSON object.
    pub(crate) fn of_request(&self, id: &str) -> Vec<Value> {
        let lines = self.lines();
        let about = lines.kept.iter().filter(|line| line.contains(id));
        let objects =
            about.filter_map(|line| serde_json::from_str(line.get(line.find('{')?..)?).ok());
        objects
            .filter(|object: &Value| object.get("request_id").and_then(Value::as_str) == Some(id))
            .collect()
    }

    pub(crate) fn print_from_now_on(&self) {
        self.lines().print = true;
    }

    /// The end of the log, each line indented on a new line.
    pub(crate) fn last_lines(&self) -> String {
        let lines = self.lines();
        let from = lines.kept.len().saturating_sub(SHOWN_LINES);
        let mut text = String::new();
        for line in lines.kept.iter().skip(from) {
            text.push_str("\n    ");
            text.push_str(line);
        }
        text
    }

    /// A line that holds one of these texts.
    pub(crate) fn find(&self, texts: &[String]) -> Option<String> {
        let lines = self.lines();
        let mut kept = lines.kept.iter();
        kept.find(|line| texts.iter().any(|text| line.contains(text)))
            .cloned()
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the access log's line of a request that the page makes to show what happened: many, and of no
/// interest.
const OF_THE_PAGE: &str = r#""path":"/page/"#;
const KEPT_LINES: usize = 1_000;
const SHOWN_LINES: usize = 20;
const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(1);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "\
        admin: { port_value: 9901 }\n\
        gate: { port_value: 8080 }\n\
        idp: { port_value: 9000 } http://127.0.0.1:9000/jwks\n\
        upstream: { port_value: 9001 }\n\
        filename: dist/passgate.wasm\n";

    #[test]
    fn ports_may_be_exchanged() {
        let ports = Ports {
            gate: 9000,
            admin: 9901,
            idp: 8080,
            upstream: 9001,
        };
        let text = configuration(TEMPLATE, &ports, "/m.wasm").unwrap();
        assert!(text.contains("gate: { port_value: 9000 }"));
        assert!(text.contains("idp: { port_value: 8080 } http://127.0.0.1:8080/jwks"));
        assert!(text.contains("filename: /m.wasm"));
    }

    #[test]
    fn a_file_without_a_port_is_refused() {
        let template = TEMPLATE.replace("9001", "9002");
        let missing = configuration(&template, &IN_THE_FILE, "/m.wasm").unwrap_err();
        assert_eq!(missing, "port_value: 9001");
    }

    #[test]
    fn the_rules_of_the_file_that_is_shipped_can_be_shown() {
        let rules = rules_in(include_str!("../../envoy/envoy.yaml")).unwrap();
        assert_eq!(
            rules[7]["match"],
            serde_json::json!({ "path_separated_prefix": "/payments" })
        );
        assert_eq!(rules_in("value: |\n  {}\n"), None);
        assert_eq!(rules_in("value: none\n"), None);
    }

    #[test]
    fn the_gate_of_the_demo_asks_the_feed() {
        let template = include_str!("../../envoy/envoy.yaml");
        let text = with_feed(template, 7).unwrap();
        assert_eq!(text.matches("\"revocations\"").count(), 1);
        assert_eq!(text.matches("end_with_authority").count(), 1);
        assert_eq!(text.matches("    - name: feed\n").count(), 1);
        assert!(with_feed("", 7).is_err());
    }

    #[test]
    fn the_file_that_is_shipped_can_be_used() {
        let template = include_str!("../../envoy/envoy.yaml");
        let ports = Ports {
            gate: 1,
            admin: 2,
            idp: 3,
            upstream: 4,
        };
        let text = configuration(template, &ports, "/m.wasm").unwrap();
        for old in ["8080", "9901", "9000", "9001", "dist/"] {
            let comment_lines = |line: &&str| !line.trim_start().starts_with('#');
            assert!(
                !text
                    .lines()
                    .filter(comment_lines)
                    .any(|line| line.contains(old))
            );
        }
    }
}
