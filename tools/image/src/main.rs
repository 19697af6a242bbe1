//! `passgate-image MODULE OUT NAME`: the module as an image in the three forms that Istio's agent
//! takes, without a container engine, and the files of `istio/`, `envoy-gateway/` and `kubernetes/`
//! with the image's name and digest filled in.
//!
//! `OUT/image/oci`, `OUT/image/docker` and `OUT/image/artifact` are OCI image layouts, which
//! `crane push`, `skopeo copy` and `oras cp` carry to a registry as they are. The same module gives
//! the same bytes, hence the same digests, on every machine: nothing in them knows a time, a user
//! or a path.
//!
//! `passgate-image --feed PROGRAM OUT NAME`: the feed as an image in `OUT/image/feed`. If there is
//! an image of the module in `OUT`, the files with both images are written once more.
//!
//! `passgate-image --cli PROGRAM OUT NAME`: the command line as an image in `OUT/image/cli`, and
//! the container action of `.github/` with its digest as `OUT/passgate-VERSION-action.yml`.
//!
//! `passgate-image --chart ARCHIVE OUT NAME`: the chart as an artifact in `OUT/image/chart`.
//!
//! NAME is that of the module's image, from which those of the other two programs are made; with
//! `--chart` it is the chart's.

mod chart;
mod examples;
mod form;
mod layer;
mod layout;
mod program;

use examples::Filling;
use form::Form;
use passgate_arguments::Line;
use program::Program;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const PROGRAM: passgate_arguments::Program = passgate_arguments::Program {
    name: "passgate-image",
    usage: "\
usage: passgate-image MODULE OUT NAME
       passgate-image --feed PROGRAM OUT NAME
       passgate-image --cli PROGRAM OUT NAME
       passgate-image --chart ARCHIVE OUT NAME
",
    options: &[],
    flags: &["feed", "cli", "chart"],
};

fn main() -> ExitCode {
    PROGRAM.run(|line| {
        let texts = line.texts();
        let [file, out, name] = texts.as_slice() else {
            return None;
        };
        Some(run(line, Path::new(file), Path::new(out), name))
    })
}

fn run(line: &Line, file: &Path, out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let content = read(file)?;
    if line.has("feed") {
        contain(Program::Feed, &content, out, name)?;
        fill(out, name)
    } else if line.has("cli") {
        let digest = contain(Program::CommandLine, &content, out, name)?;
        let text = String::from_utf8(read(&source(ACTION))?)?;
        let name = format!("{name}{}", Program::CommandLine.suffix());
        let action = examples::action(&text, &name, &digest)?;
        let file = format!("passgate-{}-action.yml", env!("CARGO_PKG_VERSION"));
        Ok(std::fs::write(out.join(file), action)?)
    } else if line.has("chart") {
        let folder = out.join("image/chart");
        let digest = layout::write(&folder, &chart::image(&content)?)?;
        say(&folder, name, &digest);
        Ok(())
    } else {
        for form in Form::ALL {
            let folder = out.join("image").join(form.name());
            let digest = layout::write(&folder, &form.image(&content)?)?;
            say(&folder, name, &digest);
        }
        fill(out, name)
    }
}

/// The action whose image is the command line's.
const ACTION: &str = ".github/actions/check-in-container/action.yml";

/// Writes the image of a program; gives its digest.
fn contain(program: Program, content: &[u8], out: &Path, name: &str) -> io::Result<String> {
    let folder = out.join("image").join(program.folder());
    let digest = layout::write(&folder, &program.image(content)?)?;
    say(&folder, &format!("{name}{}", program.suffix()), &digest);
    Ok(digest)
}

fn say(folder: &Path, name: &str, digest: &str) {
    println!("{:<19} {name}@{digest}", folder.display());
}

/// Writes the examples with the images that lie in this folder. Without one of the module they
/// would judge nothing, so there are none.
fn fill(out: &Path, name: &str) -> Result<(), Box<dyn Error>> {
    let Some(module) = layout::digest(&out.join("image").join(Form::Oci.name()))? else {
        return Ok(());
    };
    let mut fillings = vec![Filling::new("passgate", name, &module)];
    if let Some(feed) = layout::digest(&out.join("image").join(Program::Feed.folder()))? {
        let name = format!("{name}{}", Program::Feed.suffix());
        fillings.push(Filling::new("passgate-feed", &name, &feed));
    }
    for host in ["istio", "envoy-gateway", "kubernetes"] {
        examples::fill(&source(host), &out.join(host), &fillings)?;
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// A file or a folder as it is checked in.
fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}
