//! The guides of `docs/istio/`, followed to the letter: each command of a ```console block runs, and prints what the page says.

use crate::harness::{Story, story, tool, workspace};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_guide_to_the_gateway_is_true() {
    follow(&story(), "gateway.md");
}

#[test]
fn the_guide_to_a_sidecar_is_true() {
    follow(&story(), "sidecar.md");
}

#[test]
fn the_guide_from_request_authentication_is_true() {
    follow(&story(), "migration.md");
}

/// A command of a page and the lines that it shall print, in which `…` stands for anything.
struct Step {
    command: String,
    expected: Vec<String>,
}

fn follow(mesh: &Story, page: &str) {
    let steps = steps(page);
    assert!(steps.len() > 2, "{page} has commands");
    for Step { command, expected } in steps {
        // `make` ran before these stories, and in here it would need the network.
        if let Some(target) = command.strip_prefix("make ") {
            let makefile = fs::read_to_string(workspace().join("Makefile")).unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "{command}");
            continue;
        }
        // A plugin takes a moment to arrive, so what only looks may look again.
        let deadline = Instant::now() + Duration::from_secs(180);
        loop {
            let output = shell(mesh, &command);
            if matches(&output, &expected) {
                break;
            }
            let again = command.starts_with("curl") && Instant::now() < deadline;
            assert!(
                again,
                "{page}: {command}\n{output}\nexpected:\n{}",
                expected.join("\n")
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn steps(page: &str) -> Vec<Step> {
    let text = fs::read_to_string(workspace().join("docs/istio").join(page)).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => steps.push(Step {
                    command: command.to_owned(),
                    expected: Vec::new(),
                }),
                None => steps
                    .last_mut()
                    .expect("a command first")
                    .expected
                    .push(line.to_owned()),
            },
            (false, _) => {}
        }
    }
    steps
}

/// What a shell in the root of the repository prints for the command, its errors included.
fn shell(mesh: &Story, command: &str) -> String {
    let programs = [
        workspace().join(".tools/istio/bin"),
        workspace().join("target/debug"),
    ];
    let path = std::env::var("PATH").unwrap();
    let programs = programs.iter().map(|folder| folder.display().to_string());
    let path = programs.chain([path]).collect::<Vec<_>>().join(":");
    let output = Command::new("bash")
        .args(["-c", command])
        .current_dir(workspace())
        .env("PATH", path)
        .env("HOME", mesh.folder())
        .env("KUBECONFIG", mesh.folder().join("kubeconfig"))
        .env("TOKEN", mesh.good())
        .output()
        .unwrap();
    assert!(tool("kubectl").exists());
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether the lines are all there, in this order. A line that is `…` alone stands for any number of lines.
fn matches(output: &str, expected: &[String]) -> bool {
    let mut lines = output.lines().map(str::trim);
    expected
        .iter()
        .filter(|line| *line != "…")
        .all(|wanted| lines.any(|line| fits(line, wanted)))
}

/// Whether the line is the wanted one, where each `…` may be any text.
fn fits(line: &str, wanted: &str) -> bool {
    let mut pieces = wanted.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}
