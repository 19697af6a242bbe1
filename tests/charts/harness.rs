//! Helm and our programs.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The chart as `make image` filled it in.
pub fn chart() -> PathBuf {
    let chart = root().join("dist/kubernetes/helm/passgate");
    assert!(chart.is_dir(), "run `make image`");
    chart
}

/// The shipped examples, as they are used together.
pub const ALL: &[&str] = &["gateway", "monitoring", "feed"];
pub const EXAMPLES: [&[&str]; 3] = [ALL, &["sidecar"], &["waypoint"]];

/// An example of values.
pub fn example(name: &str) -> PathBuf {
    root().join(format!("kubernetes/helm/examples/{name}.yaml"))
}

/// The arguments that name these examples, and an image of the feed, which is built elsewhere.
pub fn values(names: &[&str]) -> Vec<String> {
    let mut arguments = Vec::new();
    for name in names {
        let file = example(name).to_str().unwrap().to_owned();
        arguments.extend(["--values".to_owned(), file]);
    }
    let digest = "f".repeat(64);
    let image = format!("feed.image=registry.example.com/passgate-feed@sha256:{digest}");
    arguments.extend(["--set".to_owned(), image]);
    arguments
}

/// `helm` with these arguments, and nothing of this machine's own settings.
pub fn helm(arguments: &[&str]) -> Output {
    let program = root().join(".tools/helm/helm");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm");
    Command::new(&program)
        .args(arguments)
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"))
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}: run `make helm`", program.display()))
}

pub fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

/// `helm template` of this chart with these examples and arguments, or why not.
pub fn try_render(chart: &Path, names: &[&str], arguments: &[&str]) -> Result<String, String> {
    let values = values(names);
    let mut all = vec!["template", "passgate", chart.to_str().unwrap()];
    all.extend(["--namespace", "books"]);
    all.extend(values.iter().map(String::as_str));
    all.extend(arguments);
    let output = helm(&all);
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout).unwrap()),
        false => Err(said(&output)),
    }
}

/// What the chart writes for these examples, and with these arguments.
#[track_caller]
pub fn written(names: &[&str], arguments: &[&str]) -> String {
    let written = try_render(&chart(), names, arguments);
    written.unwrap_or_else(|refused| panic!("{refused}"))
}

/// The same as objects.
#[track_caller]
pub fn render(names: &[&str], arguments: &[&str]) -> Vec<Value> {
    objects(&written(names, arguments))
}

/// `passgate check` takes this file, as the pipeline of a team would check it.
#[track_caller]
pub fn accepted(name: &str, text: &str) {
    let file = scratch(name, text);
    let output = ours("passgate", &["check", file.to_str().unwrap()]);
    let said = said(&output);
    let is_clean = output.status.success() && !said.contains("warning");
    assert!(
        is_clean && said.contains("accepted: 1 provider, "),
        "{name}: {said}"
    );
}

pub fn objects(text: &str) -> Vec<Value> {
    let documents = text
        .split("\n---\n")
        .map(|text| serde_saphyr::from_str::<Value>(text).unwrap());
    documents.filter(|object| !object.is_null()).collect()
}

/// The only object of this kind.
#[track_caller]
pub fn only<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let first = found
        .next()
        .unwrap_or_else(|| panic!("no {kind} in {objects:#?}"));
    assert!(found.next().is_none(), "several {kind}");
    first
}

/// A file for this test alone.
pub fn scratch(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// One of our programs, which `make test-charts` builds.
pub fn ours(name: &str, arguments: &[&str]) -> Output {
    let program = root().join("target/debug").join(name);
    let mut command = Command::new(&program);
    for name in ["FEED_OPERATOR", "FEED_READER"] {
        command.env(name, "0123456789012345678901");
    }
    command.env(
        "FEED_DATABASE",
        "postgresql://feed:secret@db.example.com/feed",
    );
    let output = command.args(arguments).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", program.display()))
}
