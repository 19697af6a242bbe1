//! Every file of `istio/`, as it is checked in and as `make image` filled it in.

use crate::harness::{file, passgate, plugin, run, story, tool, workspace};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The names of all files, below `istio/`.
fn names() -> Vec<String> {
    let root = workspace().join("istio");
    let mut names = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                let name = path.strip_prefix(&root).unwrap();
                names.push(name.to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    assert!(names.len() >= 30, "{names:?}");
    names
}

fn checked_in(name: &str) -> PathBuf {
    workspace().join("istio").join(name)
}

#[test]
fn istio_and_its_api_server_take_every_example() {
    let mesh = story();
    for name in names() {
        // A piece of the mesh configuration is not an object.
        if name.ends_with("mesh-config.yaml") {
            continue;
        }
        let path = checked_in(&name);
        let validated = Command::new(tool("istioctl"))
            .env("KUBECONFIG", "/dev/null")
            .arg("validate")
            .arg("--filename")
            .arg(&path)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&validated.stderr).into_owned()
            + &String::from_utf8_lossy(&validated.stdout);
        assert!(validated.status.success(), "{name}: {said}");
        // Istio warns of every EnvoyFilter.
        let known = said.contains("EnvoyFilter exposes internal implementation details");
        let warnings = said
            .lines()
            .filter(|line| line.trim_start().starts_with("* "));
        let is_quiet = match known {
            true => warnings.count() == 1,
            false => !said.to_lowercase().contains("warning"),
        };
        assert!(is_quiet, "{name}: {said}");
        mesh.kubectl(&[
            "apply",
            "--dry-run=server",
            "--filename",
            path.to_str().unwrap(),
        ]);
    }
}

#[test]
fn the_filter_takes_the_configuration_of_every_example() {
    let mut checked = 0;
    for name in names() {
        let text = fs::read_to_string(checked_in(&name)).unwrap();
        if !text.contains("pluginConfig:") {
            continue;
        }
        // With the image that was built: zeros in the place of its digest are warned of.
        let filled = workspace().join("dist/istio").join(&name);
        let said = run(Command::new(passgate()).arg("check").arg(filled));
        assert!(said.contains("\naccepted: 1 provider, "), "{name}: {said}");
        assert!(!said.contains("warning"), "{name}: {said}");
        checked += 1;
    }
    assert!(checked >= 18, "only {checked}");
}

#[test]
fn the_examples_in_dist_are_those_of_istio_with_the_image_that_was_built() {
    let digest = story().image_digest("oci");
    for name in names() {
        let text = fs::read_to_string(checked_in(&name)).unwrap();
        let zeros = format!("sha256:{}", "0".repeat(64));
        assert_eq!(
            text.replace(&zeros, &digest),
            file(&name),
            "{name}: run `make image`"
        );
        let named = text.matches("oci://").count();
        assert_eq!(
            text.matches(&zeros).count(),
            named,
            "{name}: an image without a digest"
        );
    }
}

#[test]
fn a_traffic_extension_says_what_its_plugin_says() {
    for name in [
        "gateway",
        "kubernetes-gateway",
        "sidecar",
        "mesh",
        "namespace",
        "waypoint/every-service",
        "waypoint/one-service",
        "waypoint/every-waypoint",
    ] {
        let mut expected = plugin(&format!("{name}.yaml"));
        expected["kind"] = "TrafficExtension".into();
        let spec = expected["spec"].as_object_mut().unwrap();
        let inner = ["url", "failStrategy", "pluginName", "pluginConfig"];
        let wasm = inner.map(|member| (member.to_owned(), spec.remove(member).unwrap()));
        spec.insert("wasm".to_owned(), Value::Object(wasm.into_iter().collect()));
        assert_eq!(plugin(&format!("{name}.traffic-extension.yaml")), expected);
    }
}

#[test]
fn every_yaml_in_the_guides_is_that_of_a_file() {
    let mut files: Vec<String> = names()
        .iter()
        .map(|name| fs::read_to_string(checked_in(name)).unwrap())
        .collect();
    let values = "kubernetes/helm/examples/gateway.yaml"; // helm.md
    files.push(fs::read_to_string(workspace().join(values)).unwrap());
    let folder = workspace().join("docs/istio");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for block in yaml_blocks(&path) {
            let known = files.iter().any(|file| file.contains(&block));
            assert!(
                known,
                "{}: in no file of istio/, and not in {values}:\n{block}",
                path.display()
            );
        }
    }
}

/// The blocks of YAML in a page, without the indentation that the page gives them.
fn yaml_blocks(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(indent) = line.strip_suffix("```yaml") else {
            continue;
        };
        let block = lines.by_ref().take_while(|line| line.trim() != "```");
        let block = block.map(|line| line.strip_prefix(indent).unwrap_or(line).to_owned() + "\n");
        blocks.push(block.collect());
    }
    blocks
}
