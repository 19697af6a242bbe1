//! `passgate-image MODULE OUT NAME`: the module as an image in the three forms that Istio's agent
//! takes, without a container engine, and the files of `istio/`, `envoy-gateway/` and `kubernetes/`
//! with the image's name and digest filled in.
//!
//! `OUT/image/oci`, `OUT/image/docker` and `OUT/image/artifact` are OCI image layouts, which
//! `crane push`, `skopeo copy` and `oras cp` carry to a registry as they are. The same module gives
//! the same bytes, hence the same digests, on every machine: nothing in them knows a time, a user
//! or a path.
//!
//! `passgate-image --feed PROGRAM OUT NAME`: the feed as an image in `OUT/image/feed`.

mod examples;
mod form;
mod layer;
mod layout;
mod program;

use form::Form;
use passgate_arguments::Program;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "passgate-image",
    usage: "\
usage: passgate-image MODULE OUT NAME
       passgate-image --feed PROGRAM OUT NAME
",
    options: &[],
    flags: &["feed"],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| match line.texts().as_slice() {
        [program, out, name] if line.has("feed") => {
            Some(feed(Path::new(program), Path::new(out), name))
        }
        [module, out, name] => Some(run(Path::new(module), Path::new(out), name)),
        _ => None,
    })
}

fn run(module: &Path, out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let wasm = read(module)?;
    for form in Form::ALL {
        let folder = out.join("image").join(form.name());
        let digest = layout::write(&folder, &form.image(&wasm)?)?;
        println!("{:<19} {name}@{digest}", folder.display());
        if form == Form::Oci {
            for host in ["istio", "envoy-gateway", "kubernetes"] {
                examples::fill(&source(host), &out.join(host), name, &digest)?;
            }
        }
    }
    Ok(())
}

fn feed(program: &Path, out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let folder = out.join("image/feed");
    let digest = layout::write(&folder, &program::image(&read(program)?)?)?;
    println!("{:<19} {name}-feed@{digest}", folder.display());
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The examples of this host as they are checked in.
fn source(host: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(host)
}
