//! What a container engine does with an image: its layers lie in a folder with nothing else in it,
//! which is the root of its entry point.

use crate::harness::{built, root};
use serde_json::Value;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An image whose layers lie in a folder.
pub struct Container {
    pub root: PathBuf,
    /// How the image wants to be run.
    pub config: Value,
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The digest of the image in a layout of the release.
pub fn digest(layout: &str) -> String {
    let index = json(&built().join(layout).join("index.json"));
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// The manifest in a layout of the release.
pub fn manifest(layout: &str) -> Value {
    json(&blob(layout, &digest(layout)))
}

/// A part of an image, by its digest.
pub fn blob(layout: &str, digest: &str) -> PathBuf {
    let blobs = built().join(layout).join("blobs");
    blobs.join(digest.replace(':', "/"))
}

impl Container {
    /// The image of this layout; its root is this folder of `target/`.
    pub fn of(layout: &str, folder: &str) -> Self {
        let manifest = manifest(layout);
        let part = |descriptor: &Value| blob(layout, descriptor["digest"].as_str().unwrap());
        let root = root().join("target").join(folder);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let mut unpack = Command::new("tar");
            unpack.args([
                "--extract",
                "--gzip",
                "--preserve-permissions",
                "--no-same-owner",
            ]);
            let unpacked = unpack
                .arg("--file")
                .arg(part(layer))
                .arg("--directory")
                .arg(&root)
                .status();
            assert!(unpacked.unwrap().success());
        }
        let config = json(&part(&manifest["config"]))["config"].clone();
        Self { root, config }
    }

    /// Mounts a file.
    pub fn put(&self, path: &str, content: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o400)).unwrap();
    }

    /// The words of a member of its configuration.
    pub fn words(&self, member: &str) -> Vec<String> {
        let words = self.config[member].as_array().unwrap();
        let words = words.iter().map(|word| word.as_str().unwrap().to_owned());
        words.collect()
    }

    /// Its entry point with these arguments in this folder, as its user, without environment.
    pub fn command(&self, folder: &str, arguments: &[String]) -> Command {
        let mut command = Command::new("unshare");
        command.arg("--user");
        match self.config["User"].as_str() {
            Some(user) => {
                let (user, group) = user.split_once(':').unwrap();
                command.args(["--map-user", user, "--map-group", group]);
            }
            None => {
                command.arg("--map-root-user");
            }
        }
        command
            .arg("--root")
            .arg(&self.root)
            .args(["--wd", folder])
            .args(self.words("Entrypoint"))
            .args(arguments)
            .env_clear();
        command
    }
}
