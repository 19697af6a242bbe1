//! The guides of `docs/istio/`, followed to the letter: each command of a ```console block runs,
//! and prints what the page says.

use crate::harness::{ACCOUNTS, NEWS, Story, installed, said, story, workspace};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_guide_to_the_gateway_is_true() {
    follow(&story(), &workspace(), &page("gateway.md"));
}

#[test]
fn the_guide_to_a_sidecar_is_true() {
    let mesh = story();
    follow(&mesh, &workspace(), &page("sidecar.md"));
    let alice = mesh.to_ledger().bearer(&mesh.good());
    mesh.web.until(401, &mesh.to_ledger());
    mesh.web.until(200, &alice);
    mesh.batch.until(403, &alice);
}

#[test]
fn the_guide_to_the_chart_is_true() {
    let mesh = story();
    follow(&mesh, &workspace(), &page("helm.md"));
    let uninstall = "helm uninstall passgate --namespace istio-ingress";
    shell(&mesh, &workspace(), uninstall);
}

#[test]
fn the_guide_to_the_mesh_is_true() {
    let mesh = story();
    follow(&mesh, &workspace(), &page("mesh.md"));
    let scoped = mesh.token().claim("scope", "payments:write").build();
    mesh.web.until(401, &mesh.to_ledger());
    mesh.web.until(403, &mesh.to_ledger().bearer(&mesh.good()));
    mesh.web.until(200, &mesh.to_ledger().bearer(&scoped));
}

#[test]
fn the_guide_to_a_waypoint_is_true() {
    let mesh = story();
    follow(&mesh, &workspace(), &page("waypoint.md"));
}

#[test]
fn the_guide_from_request_authentication_is_true() {
    let mesh = story();
    follow(&mesh, &workspace(), &page("migration.md"));
    mesh.web.until(401, &mesh.to_ledger());
    let finance = mesh.token().claim("groups", json!(["finance"])).build();
    mesh.web.until(200, &mesh.to_ledger().bearer(&finance));
}

/// The text of a guide.
pub fn page(name: &str) -> String {
    fs::read_to_string(workspace().join("docs/istio").join(name)).unwrap()
}

/// A command of a page and the lines that it shall print, in which `…` stands for anything.
struct Step {
    command: String,
    expected: Vec<String>,
}

/// Runs the commands of a text in this folder, which holds a `dist/`.
#[track_caller]
pub fn follow(mesh: &Story, folder: &Path, text: &str) {
    let steps = steps(text);
    assert!(!steps.is_empty(), "there are commands");
    for Step { command, expected } in steps {
        // `make` ran before these stories, and in here it would need the network.
        if let Some(target) = command.strip_prefix("make ") {
            let makefile = fs::read_to_string(workspace().join("Makefile")).unwrap();
            assert!(makefile.contains(&format!("\n{target}:")), "{command}");
            continue;
        }
        // A plugin takes a moment to arrive, so what only looks may look again.
        let looks = [
            "curl ",
            // This registry adds a joke to one in a hundred of its answers.
            "crane ",
            "kubectl logs ",
            "kubectl exec ",
            "istioctl proxy-config ",
        ];
        let looks = looks.iter().any(|start| command.starts_with(start));
        let deadline = Instant::now() + Duration::from_secs(if looks { 180 } else { 0 });
        loop {
            let output = shell(mesh, folder, &command);
            if matches(&output, &expected) {
                break;
            }
            let expected = expected.join("\n");
            assert!(
                Instant::now() < deadline,
                "{command}\n{output}\nexpected:\n{expected}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn steps(text: &str) -> Vec<Step> {
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

/// What a shell in this folder prints for the command, its errors included.
fn shell(mesh: &Story, folder: &Path, command: &str) -> String {
    if let Some(arguments) = command.strip_prefix("kubectl exec -n shop deploy/web -- curl -si ") {
        return from_web(mesh, arguments);
    }
    let [helm, ours] = [".tools/helm", "target/debug"].map(|folder| workspace().join(folder));
    let programs = [installed("bin"), helm, ours];
    let path = std::env::var("PATH").unwrap();
    let [tools, helm, ours] = programs.each_ref().map(|folder| folder.display());
    let output = Command::new("bash")
        .args(["-c", &through_the_admin(mesh, command)])
        .current_dir(folder)
        .env("PATH", format!("{tools}:{helm}:{ours}:{path}"))
        .env("HOME", mesh.folder())
        .env("KUBECONFIG", mesh.folder().join("kubeconfig"))
        .env("TOKEN", mesh.good())
        .output()
        .unwrap();
    said(&output)
}

/// Nothing runs in the workload `web`, and there is no ztunnel, so the tests' own client asks with
/// its certificate, and prints what `curl -si` prints.
fn from_web(mesh: &Story, arguments: &str) -> String {
    let with_token = arguments.strip_prefix("-H \"authorization: Bearer $TOKEN\" ");
    let url = with_token.unwrap_or(arguments);
    let services = [&ACCOUNTS, &NEWS];
    let asked = services
        .into_iter()
        .find(|service| url == format!("http://{}.books.svc.cluster.local:8080/", service.name));
    let service = asked.unwrap_or_else(|| panic!("{arguments}: a service behind the waypoint"));
    let request = match with_token {
        Some(_) => service.request().bearer(&mesh.good()),
        None => service.request(),
    };
    let Some(answer) = mesh.ask(&mesh.web, service, &request) else {
        return "nobody answers".to_owned();
    };
    let phrase = match answer.status {
        200 => "OK",
        401 => "Unauthorized",
        _ => "",
    };
    let mut printed = format!("HTTP/1.1 {} {phrase}\n", answer.status);
    for (name, value) in &answer.headers.0 {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        printed += &format!("{}: {}\n", text(name), text(value));
    }
    printed + "\n" + &answer.text()
}

/// There is no node through which istioctl could reach a proxy, so it reads what the proxy's admin
/// says from a file.
fn through_the_admin(mesh: &Story, command: &str) -> String {
    let reached = [
        (
            "deploy/istio-ingressgateway -n istio-ingress",
            &mesh.gateway,
        ),
        ("deploy/waypoint -n books", &mesh.waypoint),
    ];
    let reached = reached.iter().find(|(name, _)| command.contains(name));
    let Some((name, proxy)) = reached.filter(|_| command.starts_with("istioctl proxy-config "))
    else {
        return command.to_owned();
    };
    let dump = mesh.folder().join("config_dump.json");
    fs::write(&dump, proxy.admin("/config_dump")).unwrap();
    command.replace(name, &format!("--file {}", dump.display()))
}

/// Whether these are the lines, one by one. A line that is `…` alone stands for any number of
/// lines.
fn matches(output: &str, expected: &[String]) -> bool {
    let lines: Vec<&str> = output.lines().map(str::trim).collect();
    all_fit(&lines, expected)
}

fn all_fit(lines: &[&str], expected: &[String]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((gap, expected)) if gap == "…" => {
            (0..=lines.len()).any(|skipped| all_fit(&lines[skipped..], expected))
        }
        Some((wanted, expected)) => lines
            .split_first()
            .is_some_and(|(line, lines)| fits(line, wanted) && all_fit(lines, expected)),
    }
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
