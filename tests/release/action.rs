//! The container action, as GitHub runs it from a release: its image, its arguments, and the
//! workflow of the page that uses it.

use crate::container::{Container, digest};
use crate::harness::{Outcome, VERSION, built, root, run};
use crate::workflows::actionlint;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// The action as it is checked in.
const ACTION: &str = ".github/actions/check-in-container/action.yml";

/// The same with the image of the release.
fn released() -> PathBuf {
    built().join(format!("passgate-{VERSION}-action.yml"))
}

fn yaml(file: &Path) -> Value {
    serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_action_of_a_release_names_its_image_by_tag_and_digest() {
    let mut ours = yaml(&root().join(ACTION));
    let tag = format!("docker://registry.example.com/passgate-cli:{VERSION}");
    let zeros = "0".repeat(64);
    assert_eq!(ours["runs"]["image"], format!("{tag}@sha256:{zeros}"));
    ours["runs"]["image"] = json!(format!("{tag}@{}", digest("image/cli")));
    assert_eq!(yaml(&released()), ours);
}

#[test]
fn the_image_of_the_command_line_holds_exactly_the_program_of_the_release() {
    let container = Container::of("image/cli", "test-cli-image");
    let files: Vec<PathBuf> = fs::read_dir(&container.root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files, [container.root.join("passgate")]);
    let program = built().join(format!("passgate-{VERSION}-x86_64-unknown-linux-musl"));
    assert!(fs::read(&files[0]).unwrap() == fs::read(program).unwrap());
    let said = run(&mut container.command("/", &container.words("Cmd"))).must_succeed();
    assert!(said.starts_with("usage: passgate check"), "{said}");
}

/// The arguments of the action, as GitHub evaluates them.
fn arguments(path: &str, strict: &str) -> Vec<String> {
    let action = yaml(&released());
    let arguments = action["runs"]["args"].as_array().unwrap().iter();
    let evaluated = arguments.map(|argument| match argument.as_str().unwrap() {
        "${{ inputs.path }}" => path,
        "${{ inputs.strict == 'false' && '--format=text' || '--strict' }}" => {
            if strict == "false" {
                "--format=text"
            } else {
                "--strict"
            }
        }
        other => {
            assert!(!other.contains("${{"), "{other}");
            other
        }
    });
    evaluated.map(ToOwned::to_owned).collect()
}

#[test]
fn the_action_checks_a_folder_of_policies_and_fails_where_one_is_refused() {
    let container = Container::of("image/cli", "test-cli-action");
    for (folder, file) in [
        ("policies", "envoy/smallest.yaml"),
        ("policies/more", "envoy/keycloak.yaml"),
        ("warned", "istio/gateway.yaml"),
        ("refused", "envoy/smallest.yaml"),
        ("refused", "cli/tests/corpus/bad/algorithms.yaml"),
    ] {
        let path = root().join(file);
        let name = path.file_name().unwrap().to_str().unwrap();
        let mounted = format!("github/workspace/{folder}/{name}");
        container.put(&mounted, &fs::read(path).unwrap());
    }
    let act = |path: &str, strict: &str| -> Outcome {
        run(&mut container.command("/github/workspace", &arguments(path, strict)))
    };
    let said = act("policies", "true").must_succeed();
    for file in ["policies/smallest.yaml", "policies/more/keycloak.yaml"] {
        assert!(said.contains(file), "{said}");
    }
    // A warning: its digest is of zeros.
    act("warned", "false").must_succeed();
    act("warned", "true").must_fail_with("the digest is of zeros");
    act("refused", "false").must_fail_with("algorithms");
    act("gone", "true").must_fail_with("gone");
    // A file may be called like an option.
    act("--help", "true").must_fail_with("--help: ");
}

/// The workflow of the page.
fn workflow() -> String {
    let page = root().join("docs/reference/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```\n").skip(1);
    let mut found = blocks.filter(|block| block.contains("uses: ./.github/actions/passgate"));
    found.next().unwrap().to_owned()
}

/// A repository with this workflow and this action, of which actionlint says something.
fn linted(test: &str, workflow: &str, action: &str) -> Outcome {
    let folder = root().join("target/test-action").join(test);
    let _ = fs::remove_dir_all(&folder);
    let github = folder.join(".github");
    let (workflows, actions) = (github.join("workflows"), github.join("actions/passgate"));
    for folder in [&workflows, &actions, &folder.join(".git")] {
        fs::create_dir_all(folder).unwrap();
    }
    let file = workflows.join("policies.yml");
    fs::write(&file, workflow).unwrap();
    fs::write(actions.join("action.yml"), action).unwrap();
    actionlint(&file)
}

#[test]
fn the_workflow_of_the_page_is_one_that_the_linter_takes_with_the_action() {
    let action = fs::read_to_string(released()).unwrap();
    let workflow = workflow();
    linted("taken", &workflow, &action).must_succeed();
    let ci = fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
    let checkout = workflow.lines().find(|line| line.contains("checkout@"));
    assert!(ci.contains(checkout.unwrap()), "{workflow}");

    let with = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    };
    let misspelt = with(&workflow, "path: policies", "paths: policies");
    linted("input", &misspelt, &action).must_fail_with("missing input \"path\"");
    let image = with(&action, "  image: ", "  picture: ");
    linted("image", &workflow, &image).must_fail_with("\"image\" is required");
    let using = with(&action, "using: docker", "using: container");
    linted("using", &workflow, &using).must_fail_with("invalid runner name \"container\"");
}
