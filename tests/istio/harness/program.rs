//! The programs of the mesh.

use super::workspace;
use std::path::PathBuf;

pub use passgate_harness::{Program, run, said};

/// A program that `tools/install-istio` built.
pub fn tool(name: &str) -> PathBuf {
    let path = workspace().join(".tools/istio/bin").join(name);
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
