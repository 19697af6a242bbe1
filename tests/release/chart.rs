//! The chart of a release: what it installs, and as an artifact in a registry.

use crate::container::{blob, digest, manifest};
use crate::harness::{Outcome, Registry, Release, VERSION, built, change_a_byte, root, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn helm(arguments: &[&str]) -> Outcome {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm");
    let mut helm = Command::new(root().join(".tools/helm/helm"));
    helm.args(arguments)
        .env("HELM_CACHE_HOME", home.join("cache"))
        .env("HELM_CONFIG_HOME", home.join("config"))
        .env("HELM_DATA_HOME", home.join("data"));
    run(&mut helm)
}

/// The chart's file.
fn package() -> PathBuf {
    built().join(format!("passgate-{VERSION}.tgz"))
}

/// `helm template` of this chart with the examples of plugin and feed, and these arguments.
fn written(chart: &str, more: &[&str]) -> String {
    let examples = root().join("kubernetes/helm/examples");
    let [plugin, feed] = ["gateway", "feed"].map(|name| examples.join(format!("{name}.yaml")));
    let mut arguments = vec!["template", "passgate", chart];
    for values in [&plugin, &feed] {
        arguments.extend(["--values", values.to_str().unwrap()]);
    }
    helm(&[&arguments, more].concat()).must_succeed()
}

/// The images that this installs: the plugin's and the feed's.
fn images(written: &str) -> Vec<&str> {
    let lines = written.lines().map(str::trim);
    let mut images: Vec<&str> = lines
        .filter_map(|line| {
            let image = line.strip_prefix("image: ");
            line.strip_prefix("url: oci://").or(image)
        })
        .collect();
    images.sort_unstable();
    images
}

#[test]
fn the_chart_is_one_that_helm_takes_and_has_the_version_of_the_release() {
    let said = helm(&["show", "chart", package().to_str().unwrap()]).must_succeed();
    for member in ["version", "appVersion"] {
        let line = format!("{member}: {VERSION}\n");
        assert!(said.contains(&line), "{said}");
    }
}

#[test]
fn the_chart_installs_the_images_beside_it_from_the_registry_that_is_named() {
    let package = package();
    for (set, registry) in [
        ("registry=", "registry.example.com"),
        ("registry=ghcr.io/you", "ghcr.io/you"),
    ] {
        let written = written(package.to_str().unwrap(), &["--set", set]);
        let expected = [
            format!("{registry}/passgate-feed@{}", digest("image/feed")),
            format!("{registry}/passgate@{}", digest("image/oci")),
        ];
        assert_eq!(images(&written), expected);
    }
}

#[test]
fn helm_takes_the_published_chart_and_what_it_installs_is_there() {
    let release = Release::signed("chart");
    let registry = Registry::start("chart");
    let published = registry.publish(&release, "ours");
    let there = format!("oci://{}/charts/passgate", registry.address());
    let options = ["--version", VERSION, "--plain-http"];

    let folder = release.folder.join("pulled");
    fs::create_dir_all(&folder).unwrap();
    let pull = ["pull", &there, "--destination", folder.to_str().unwrap()];
    let pull = [&pull[..], &options].concat();
    helm(&pull).must_succeed();
    let pulled = folder.join(package().file_name().unwrap());
    assert!(fs::read(&pulled).unwrap() == fs::read(package()).unwrap());

    let set = format!("registry={}", registry.address());
    let written = written(&there, &[&["--set", set.as_str()], &options[..]].concat());
    let installed = images(&written);
    assert_eq!(installed.len(), 2, "{installed:?}");
    for image in installed {
        assert!(published.iter().any(|one| one == image), "{image}");
        run(Command::new("crane").args(["validate", "--remote", image])).must_succeed();
    }

    let layer = manifest("image/chart")["layers"][0]["digest"].clone();
    let layer = layer.as_str().unwrap();
    change_a_byte(&registry.blobs.join(layer.replace(':', "/")));
    helm(&pull).must_fail_with(layer);
}

/// What `helm push` makes of the same file has a time, so it has another digest each time.
#[test]
fn the_artifact_is_the_one_that_helm_makes_but_for_the_time() {
    crate::harness::key("ours");
    let registry = Registry::start("helm-push");
    let to = format!("oci://{}/charts", registry.address());
    helm(&["push", package().to_str().unwrap(), &to, "--plain-http"]).must_succeed();

    let name = registry.name("charts/passgate");
    let crane = |arguments: &[&str]| -> Value {
        let said = run(Command::new("crane").args(arguments)).must_succeed();
        serde_json::from_str(&said).unwrap()
    };
    let mut theirs = crane(&["manifest", &format!("{name}:{VERSION}")]);
    let mut ours = manifest("image/chart");
    // Which Helm leaves out.
    let kind = ours.as_object_mut().unwrap().remove("mediaType").unwrap();
    assert_eq!(kind, "application/vnd.oci.image.manifest.v1+json");
    let annotations = theirs["annotations"].as_object_mut().unwrap();
    annotations
        .remove("org.opencontainers.image.created")
        .unwrap();
    // The same members in another order.
    let of = |manifest: &mut Value| manifest["config"]["digest"].take();
    let (their, our) = (of(&mut theirs), of(&mut ours));
    let their = crane(&["blob", &format!("{name}@{}", their.as_str().unwrap())]);
    let our = fs::read(blob("image/chart", our.as_str().unwrap())).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&our).unwrap(), their);
    assert_eq!(ours, theirs);
}
