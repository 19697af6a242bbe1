//! The Envoy process of one story: started on free ports, its output kept in a folder of its own.

use super::bootstrap::{Bootstrap, workspace};
use super::{Http1, PATIENCE, Response, WallClock, eventually};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A running Envoy; killed when dropped.
pub struct Process {
    child: Child,
    folder: PathBuf,
    admin: Option<SocketAddr>,
}

impl Process {
    /// Starts Envoy, on one core of the machine if wanted, and does not wait for it.
    pub fn spawn(
        folder: PathBuf,
        bootstrap: &Bootstrap,
        workers: u32,
        core: Option<usize>,
        clock: Option<&WallClock>,
        environment: &[(String, String)],
        drain: Duration,
    ) -> Self {
        let file = folder.join("envoy.json");
        fs::write(&file, bootstrap.0.to_string()).unwrap();
        let output = |name: &str| Stdio::from(File::create(folder.join(name)).unwrap());
        let mut command = match core {
            None => Command::new(binary()),
            Some(core) => {
                let mut pinned = Command::new("taskset");
                pinned.args(["--cpu-list", &core.to_string()]).arg(binary());
                pinned
            }
        };
        if let Some(clock) = clock {
            command.envs(clock.environment());
        }
        let environment = environment.iter().map(|(name, value)| (name, value));
        let child = command
            .envs(environment)
            .arg("-c")
            .arg(&file)
            .arg("--admin-address-path")
            .arg(folder.join("admin"))
            .args(["--concurrency", &workers.to_string()])
            // Nobody restarts it, so it needs no shared memory, which a killed Envoy would leave
            // behind.
            .args(["--disable-hot-restart", "--file-flush-interval-msec", "20"])
            .args(["--component-log-level", "main:warning"])
            // Envoy's own format, with microseconds.
            .args(["--log-format", "[%Y-%m-%d %T.%f][%t][%l][%n] [%g:%#] %v"])
            .args(["--drain-time-s", &drain.as_secs().to_string()])
            .args(["--parent-shutdown-time-s", "2"])
            .current_dir(workspace())
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"))
            .spawn()
            .expect("Envoy starts");
        let admin = None;
        Self {
            child,
            folder,
            admin,
        }
    }

    /// Waits until the listener takes requests, and gives its address.
    pub fn ready(&mut self) -> SocketAddr {
        let admin = eventually("Envoy's admin address", || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("Envoy ended ({status}):\n{}", self.log_tail());
            }
            fs::read_to_string(self.folder.join("admin"))
                .ok()?
                .trim()
                .parse()
                .ok()
        });
        self.admin = Some(admin);
        eventually("a ready Envoy", || {
            assert!(self.is_alive(), "Envoy ended:\n{}", self.log_tail());
            (self.try_admin("GET", "/ready").ok()?.status == 200).then_some(())
        });
        eventually("the listener's address", || {
            let listeners = self.admin("GET", "/listeners").text();
            let line = listeners
                .lines()
                .find_map(|line| line.strip_prefix("gate::"))?;
            line.parse().ok()
        })
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for an Envoy that is about to end by itself.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// Where Envoy's admin listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.expect("a ready Envoy")
    }

    /// Asks Envoy's admin.
    pub fn admin(&self, method: &str, path: &str) -> Response {
        self.try_admin(method, path)
            .expect("an answer of Envoy's admin")
    }

    fn try_admin(&self, method: &str, path: &str) -> std::io::Result<Response> {
        let mut client = Http1::connect(self.admin_address());
        client.send(format!(
            "{method} {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n"
        ));
        client.try_read()
    }

    /// The processor time that Envoy has spent so far.
    pub fn processor_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("Linux");
        let nanos = tasks.map(|task| {
            let text =
                fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap_or_default();
            let spent = text
                .split_whitespace()
                .next()
                .and_then(|text| text.parse().ok());
            spent.unwrap_or(0_u64)
        });
        Duration::from_nanos(nanos.sum())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What Envoy logged, the filter's lines included.
    pub fn log(&self) -> String {
        self.read("stderr")
    }

    /// The access log.
    pub fn access_log(&self) -> String {
        self.read("stdout")
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.join(name)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_tail(&self) -> String {
        let log = self.log() + &self.access_log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}\nkept: {}", self.log_tail(), self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A new folder below the system's temporary one.
pub fn new_folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::SeqCst);
    let name = format!("passgate-envoy-{}-{count}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn binary() -> PathBuf {
    from_environment("ENVOY", ".tools/envoy/envoy", "make tools")
}

/// The module under test.
pub fn module() -> PathBuf {
    from_environment("PASSGATE_WASM", "dist/passgate.wasm", "make wasm")
}

/// The module that a request header can kill.
pub fn module_with_trap() -> PathBuf {
    from_environment(
        "PASSGATE_TRAP_WASM",
        "target/trap/passgate.wasm",
        "make wasm-trap",
    )
}

fn from_environment(variable: &str, default: &str, remedy: &str) -> PathBuf {
    let named = std::env::var_os(variable).unwrap_or_else(|| default.into());
    let path = workspace().join(named);
    assert!(
        path.is_file(),
        "{} is not there: run `{remedy}`, or set {variable}",
        path.display()
    );
    path
}
