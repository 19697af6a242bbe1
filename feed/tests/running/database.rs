//! A PostgreSQL that runs: the real one, on a free port, with a cluster in a folder of its own.
//! Needs `POSTGRES`, a folder with `postgres` and `initdb` (`make test-feed`).

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::chown,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use passgate_harness::{Authority, eventually};
use postgres::{Client, NoTls};

const PASSWORD: &str = "a-password-of-the-feed";
/// `nobody`, for a PostgreSQL that is started by root: it refuses to be root.
const NOBODY: u32 = 65_534;

/// A running PostgreSQL; ended when dropped.
pub(crate) struct Database {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

fn program(name: &str) -> Command {
    let folder = std::env::var_os("POSTGRES").expect("POSTGRES: the folder of postgres and initdb");
    let program = PathBuf::from(folder).join(name);
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    // It may read folders that only root may, such as one above this checkout.
    let rights = "+dac_override";
    let words = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps",
    ];
    command.args(words).args([rights, "--ambient-caps", rights]);
    command.arg(program);
    command
}

impl Database {
    /// A new cluster that speaks TLS, too, as `localhost`.
    pub(crate) fn start(authority: &Authority) -> Self {
        let folder = super::new_folder();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let (certificate, key) = authority.server_pem("localhost");
        for (name, text) in [
            ("password", PASSWORD),
            ("tls.crt", &certificate),
            ("tls.key", &key),
        ] {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&path, mode).unwrap();
            own(&path);
        }
        own(&folder);
        let mut command = program("initdb");
        let words = ["--username=feed", "--auth=scram-sha-256", "--no-sync"];
        command
            .args(words)
            .args(["--encoding=SQL_ASCII", "--locale=C"]);
        command.args(["--pwfile=password", "--pgdata=data"]);
        let output = command.current_dir(&folder).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}");
        let mut this = Self {
            folder,
            port,
            child: None,
        };
        this.run();
        this
    }

    /// Starts it again.
    pub(crate) fn run(&mut self) {
        let log = self.folder.join("log");
        let log = File::options().append(true).create(true).open(log).unwrap();
        let mut command = program("postgres");
        command.args(["-D", "data", "-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "shared_buffers=16MB",
            "max_connections=20",
            "ssl=on",
            "ssl_cert_file=../tls.crt",
            "ssl_key_file=../tls.key",
        ] {
            command.args(["-c", setting]);
        }
        command.current_dir(&self.folder).stdout(Stdio::null());
        self.child = Some(command.stderr(log).spawn().unwrap());
        eventually("PostgreSQL", || self.try_client());
    }

    /// Ends it as a crash does: it writes nothing more, and what was not synced is gone from its
    /// memory.
    pub(crate) fn crash(&mut self) {
        if let Some(mut child) = self.child.take() {
            let id = child.id().to_string();
            let _ = Command::new("kill").args(["-QUIT", &id]).status();
            let _ = child.wait();
        }
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// As the feed reaches it.
    pub(crate) fn uri(&self, host: &str) -> String {
        format!("postgresql://feed:{PASSWORD}@{host}:{}/postgres", self.port)
    }

    fn try_client(&self) -> Option<Client> {
        let uri = format!("{}?sslmode=disable", self.uri("127.0.0.1"));
        Client::connect(&uri, NoTls).ok()
    }

    /// Another client of it.
    pub(crate) fn client(&self) -> Client {
        self.try_client().unwrap()
    }
}

fn own(path: &std::path::Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.crash();
        if std::thread::panicking() {
            eprintln!("kept: {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
