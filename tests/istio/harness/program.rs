//! The programs of the mesh.

use super::workspace;
use std::path::PathBuf;

pub use passgate_harness::{Program, run, said};

/// A file of the Istio that `tools/install-istio` built: the newest, or the one in the folder that
/// `ISTIO` names (`tools/matrix`).
pub fn installed(file: &str) -> PathBuf {
    let folder = std::env::var_os("ISTIO").unwrap_or_else(|| ".tools/istio".into());
    workspace().join(folder).join(file)
}

pub fn is_newest() -> bool {
    std::env::var_os("ISTIO").is_none()
}

/// A program of it.
pub fn tool(name: &str) -> PathBuf {
    let path = installed("bin").join(name);
    assert!(
        path.is_file(),
        "{} is not there: run `make test-istio`",
        path.display()
    );
    path
}

/// The program of ours, which `make test-istio` builds.
pub fn passgate() -> PathBuf {
    workspace().join("target/debug/passgate")
}
