//! `passgate-image MODULE OUT NAME`: the module as an image in the three forms that Istio's agent
//! takes, without a container engine, and the examples of `istio/` and `envoy-gateway/` with the
//! image's name and digest filled in.
//!
//! `OUT/image/oci`, `OUT/image/docker` and `OUT/image/artifact` are OCI image layouts, which
//! `crane push`, `skopeo copy` and `oras cp` carry to a registry as they are. The same module gives
//! the same bytes, hence the same digests, on every machine: nothing in them knows a time, a user
//! or a path.

mod examples;
mod form;
mod layer;
mod layout;

use form::Form;
use passgate_arguments::Program;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "passgate-image",
    usage: "usage: passgate-image MODULE OUT NAME\n",
    options: &[],
    flags: &[],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| match line.texts().as_slice() {
        [module, out, name] => Some(run(Path::new(module), Path::new(out), name)),
        _ => None,
    })
}

fn run(module: &Path, out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let wasm = std::fs::read(module).map_err(|error| format!("{}: {error}", module.display()))?;
    for form in Form::ALL {
        let folder = out.join("image").join(form.name());
        let digest = layout::write(&folder, &form.image(&wasm)?)?;
        println!("{:<19} {name}@{digest}", folder.display());
        if form == Form::Oci {
            for host in ["istio", "envoy-gateway"] {
                examples::fill(&source(host), &out.join(host), name, &digest)?;
            }
        }
    }
    Ok(())
}

/// The examples of this host as they are checked in.
fn source(host: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(host)
}
