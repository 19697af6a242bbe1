//! A release in a folder, keys, a registry, and the commands of docs/verify.md.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

/// The version of this repository.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The module's file.
pub static MODULE: LazyLock<String> = LazyLock::new(|| format!("passgate-{VERSION}.wasm"));

/// The repository.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// What was built.
pub fn built() -> PathBuf {
    root().join("dist/release")
}

/// Everything that the tests write.
pub fn scratch() -> PathBuf {
    root().join("target/test-release")
}

/// How a command ended.
pub struct Outcome {
    pub succeeded: bool,
    /// What it wrote, errors included.
    pub said: String,
}

impl Outcome {
    #[track_caller]
    pub fn must_succeed(self) -> String {
        assert!(self.succeeded, "{}", self.said);
        self.said
    }

    /// Fails unless the command failed and said this.
    #[track_caller]
    pub fn must_fail_with(self, reason: &str) {
        assert!(!self.succeeded, "it succeeded:\n{}", self.said);
        assert!(
            self.said.contains(reason),
            "no {reason:?} in:\n{}",
            self.said
        );
    }
}

/// Runs a command to its end, with our tools first on its path and without what a forge would tell
/// it.
pub fn run(command: &mut Command) -> Outcome {
    let tools = root().join(".tools/cosign/bin");
    let path = std::env::var("PATH").unwrap();
    let output = command
        .env("PATH", format!("{}:{path}", tools.display()))
        .env("HOME", scratch())
        .env("COSIGN_PASSWORD", "a password")
        .env_remove("ACTIONS_ID_TOKEN_REQUEST_URL")
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let said = [output.stdout, output.stderr].concat();
    Outcome {
        succeeded: output.status.success(),
        said: String::from_utf8_lossy(&said).into_owned(),
    }
}

/// A key pair, made once.
pub fn key(name: &str) -> PathBuf {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let _ = fs::remove_dir_all(scratch());
        for name in ["ours", "other"] {
            let folder = scratch().join(name);
            fs::create_dir_all(&folder).unwrap();
            let mut make = Command::new("cosign");
            run(make.arg("generate-key-pair").current_dir(folder)).must_succeed();
        }
    });
    scratch().join(name)
}

/// A copy of the release for one test, with a signature of ours on everything.
pub struct Release {
    pub folder: PathBuf,
}

impl Release {
    pub fn signed(test: &str) -> Self {
        static SIGNED: OnceLock<PathBuf> = OnceLock::new();
        let signed = SIGNED.get_or_init(|| {
            let ours = key("ours");
            let folder = scratch().join("signed");
            copy(&built(), &folder);
            let mut sign = Command::new(root().join("tools/sign-release"));
            sign.env("KEY", ours.join("cosign.key"))
                .env("RELEASE", &folder);
            run(&mut sign).must_succeed();
            folder
        });
        let folder = scratch().join(test);
        copy(signed, &folder);
        Self { folder }
    }

    /// Runs the block of docs/verify.md that contains this, as a user would in this folder.
    pub fn verify(&self, block: &str, signer: &str, image: &str) -> Outcome {
        self.verify_file(block, signer, image, &MODULE)
    }

    pub fn verify_file(&self, block: &str, signer: &str, image: &str, file: &str) -> Outcome {
        let signer = key(signer).join("cosign.pub");
        let mut bash = Command::new("bash");
        bash.args(["-o", "pipefail", "-c", &documented(block)])
            .current_dir(&self.folder)
            .env(
                "SIGNER",
                format!("--key={} --insecure-ignore-tlog", signer.display()),
            )
            .env("FILE", file)
            .env("IMAGE", image);
        run(&mut bash)
    }

    /// Turns one bit of a file, in the middle.
    pub fn change_a_byte(&self, file: &str) {
        change_a_byte(&self.folder.join(file));
    }
}

/// Turns one bit of this file, in the middle.
pub fn change_a_byte(file: &Path) {
    let mut content = fs::read(file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(file, content).unwrap();
}

/// The one block of the page that contains this text.
pub fn documented(text: &str) -> String {
    let page = fs::read_to_string(root().join("docs/verify.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    let found: Vec<&str> = blocks.filter(|block| block.contains(text)).collect();
    assert_eq!(found.len(), 1, "blocks with {text:?}: {found:#?}");
    found[0].to_owned()
}

/// How many blocks the page has.
pub fn documented_blocks() -> usize {
    let page = fs::read_to_string(root().join("docs/verify.md")).unwrap();
    page.matches("```sh\n").count()
}

/// A registry of its own, whose layers lie in a folder.
pub struct Registry {
    server: Child,
    pub blobs: PathBuf,
    address: String,
}

impl Registry {
    pub fn start(test: &str) -> Self {
        let folder = scratch().join(format!("{test}-registry"));
        let blobs = folder.join("blobs");
        fs::create_dir_all(&blobs).unwrap();
        let log = folder.join("log");
        let server = Command::new(root().join(".tools/cosign/bin/crane"))
            .args(["registry", "serve", "--address", "127.0.0.1:0", "--disk"])
            .arg(&blobs)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut registry = Self {
            server,
            blobs,
            address: String::new(),
        };
        let until = Instant::now() + Duration::from_secs(30);
        while registry.address.is_empty() {
            assert!(
                Instant::now() < until,
                "{}",
                fs::read_to_string(&log).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
            let said = fs::read_to_string(&log).unwrap();
            if let Some((_, rest)) = said.split_once("serving on port ")
                && let Some((port, _)) = rest.split_once('\n')
            {
                registry.address = format!("127.0.0.1:{port}");
            }
        }
        registry
    }

    /// The name of an image here.
    pub fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }

    /// Where images are pushed to.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Publishes the release, signed with this key; gives the images by digest: the three forms
    /// of the filter, the feed, the command line, and the chart.
    pub fn publish(&self, release: &Release, signer: &str) -> Vec<String> {
        let mut publish = Command::new(root().join("tools/publish-release"));
        publish
            .args([VERSION, &self.address])
            .env("KEY", key(signer).join("cosign.key"))
            .env("RELEASE", &release.folder);
        let said = run(&mut publish).must_succeed();
        let here = format!("{}/", self.address);
        let images: Vec<String> = said
            .lines()
            .filter(|line| line.starts_with(&here) && line.contains("@sha256:"))
            .map(ToOwned::to_owned)
            .collect();
        assert_eq!(images.len(), 6, "{said}");
        images
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Copies a folder.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
