//! The documents: links lead somewhere, YAML and JSON are accepted, the README is short, and prose is plain and not wide.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "documents/markdown.rs"]
mod markdown;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Component, Path, PathBuf},
    process::{Command, Stdio},
};

use markdown::Page;

fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    folder.expect("the project's folder").to_owned()
}

/// The files below a folder, by their paths from the project's folder; none of what was built or installed.
fn files(folder: &str) -> Vec<PathBuf> {
    let built = ["target", "dist", "node_modules", "artifacts"];
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if name.starts_with('.') || built.contains(&&*name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(root()).expect("a file of the project");
                found.push(path.to_owned());
            }
        }
    }
    found.sort();
    found
}

/// All documents, by their paths from the project's folder.
fn documents() -> BTreeMap<PathBuf, Page> {
    let mut documents = BTreeMap::new();
    for path in files("") {
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(root().join(&path)).expect("UTF-8");
            documents.insert(path, Page::read(text));
        }
    }
    assert!(documents.len() > 40, "{}", documents.len());
    documents
}

/// Where a relative link of this page leads; `None`: out of the project.
fn destination(page: &Path, link: &str) -> Option<PathBuf> {
    let mut path = page.parent()?.to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

/// Links that lead nowhere.
fn dead(documents: &BTreeMap<PathBuf, Page>, path: &Path, page: &Page) -> Vec<String> {
    let is_dead = |link: &&String| {
        if link.contains("://") || link.starts_with("mailto:") {
            return false;
        }
        let (file, anchor) = match link.split_once('#') {
            Some((file, anchor)) => (file, Some(anchor)),
            None => (link.as_str(), None),
        };
        let target = if file.is_empty() {
            Some(path.to_owned())
        } else {
            destination(path, file)
        };
        // A folder is a page on GitHub, but not on the site.
        let Some(target) = target.filter(|target| root().join(target).is_file()) else {
            return true;
        };
        anchor.is_some_and(|anchor| {
            let page = documents.get(&target);
            !page.is_some_and(|page| page.anchors.contains(anchor))
        })
    };
    page.links.iter().filter(is_dead).cloned().collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let documents = documents();
    let found: Vec<_> = documents
        .iter()
        .map(|(path, page)| (path, dead(&documents, path, page)))
        .filter(|(_, dead)| !dead.is_empty())
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# One word\n\n[a](b.md) [c](#one-word) [d](#two) [e](../../README.md) [f](https://example.com/g) [h](..)\n";
    let path = PathBuf::from("docs/README.md");
    let page = Page::read(text.to_owned());
    let documents = BTreeMap::from([(path.clone(), page.clone())]);
    let found = dead(&documents, &path, &page);
    assert_eq!(found, ["b.md", "#two", "../../README.md", ".."]);
}

#[test]
fn an_index_leads_to_every_page_of_docs() {
    let documents = documents();
    let leads_to = |index: &Path, page: &Path| {
        let links = documents.get(index).map(|index| index.links.as_slice());
        let mut links = links.unwrap_or_default().iter();
        links.any(|link| {
            let file = link.split('#').next().unwrap_or_default();
            destination(index, file).is_some_and(|target| target == page)
        })
    };
    let index = Path::new("docs/README.md");
    assert!(leads_to(Path::new("README.md"), index));
    for page in documents.keys().filter(|page| page.starts_with("docs")) {
        let own = page.parent().expect("a folder").join("README.md");
        let is_found = page == index || leads_to(index, page) || leads_to(&own, page);
        assert!(is_found, "no index leads to {}", page.display());
    }
}

/// What `passgate check` says about this text, and whether it accepts it.
fn check(text: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_passgate"))
        .args(["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    (output.status.success(), said)
}

/// A provider that stands where a page leaves it out.
const PROVIDER: &str = "\
providers:
  acme:
    issuer: https://id.example
    audiences: [api]
";
const KEYS: &str = "    remote_jwks: { http_uri: { uri: https://id.example/jwks, cluster: id } }\n";

const PROVIDER_AS_JSON: &str = r#"{"providers":{"acme":{"issuer":"https://id.example","audiences":["api"],"remote_jwks":{"http_uri":{"uri":"https://id.example/jwks","cluster":"id"}},"#;

fn indented(text: &str, by: usize) -> String {
    let indent = " ".repeat(by);
    text.lines()
        .map(|line| format!("{indent}{line}\n"))
        .collect()
}

/// The configurations that a block may be, or be a part of: the whole, some of its members, a provider's, rules.
fn completed(language: &str, block: &str) -> Vec<String> {
    let provider = format!("{PROVIDER}{KEYS}");
    match language {
        "json" if block.starts_with('{') => vec![block.to_owned()],
        "json" => vec![format!("{PROVIDER_AS_JSON}{block}}}}}}}")],
        _ if block.contains("providers:\n") => vec![block.to_owned()],
        _ => vec![
            format!("{provider}{block}"),
            format!("{provider}{}", indented(block, 4)),
            format!("{PROVIDER}{}", indented(block, 4)),
            format!("{provider}rules:\n{}", indented(block, 2)),
        ],
    }
}

/// The lines of a text without their indentation.
fn plain(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", line.trim()))
        .collect()
}

#[test]
fn every_yaml_and_json_of_a_page_is_accepted_or_is_that_of_a_file() {
    let shipped = ["envoy", "istio", "observability"].map(files).concat();
    let shipped: Vec<String> = shipped
        .iter()
        .map(|path| plain(&fs::read_to_string(root().join(path)).expect("UTF-8")))
        .collect();
    let mut seen = 0;
    for (path, page) in documents() {
        for (language, block) in &page.blocks {
            if !["yaml", "json"].contains(&language.as_str()) {
                continue;
            }
            seen += 1;
            if shipped.iter().any(|file| file.contains(&plain(block))) {
                continue;
            }
            let outcomes: Vec<_> = completed(language, block)
                .iter()
                .map(|text| check(text))
                .collect();
            assert!(
                outcomes.iter().any(|(accepted, _)| *accepted),
                "{}: neither accepted nor in a file:\n{block}\n{outcomes:#?}",
                path.display()
            );
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn the_readme_is_short() {
    let text = fs::read_to_string(root().join("README.md")).expect("the README");
    let (lines, words) = (text.lines().count(), text.split_whitespace().count());
    assert!(
        lines <= 200 && words <= 1_500,
        "{lines} lines, {words} words"
    );
}

/// Columns of prose.
const WIDTH: usize = 100;

#[test]
fn prose_is_not_wide() {
    for (path, page) in documents() {
        let wide: Vec<&str> = page
            .prose()
            .filter(|line| line.chars().count() > WIDTH)
            // A link that cannot be broken may be.
            .filter(|line| line.split(' ').all(|word| word.len() < WIDTH / 2))
            .collect();
        assert!(wide.is_empty(), "{}: {wide:#?}", path.display());
    }
}

/// What CONTRIBUTING.md says of how to write, as far as a machine can see it.
#[test]
fn prose_is_plain() {
    let odd = [
        "is no ",
        "are no ",
        "line of the log",
        "lines of the log",
        "the fourfold",
        "Whoever",
    ];
    let is_odd = |line: &&str| {
        let line = line.replace(" no longer", "").replace(" no more", "");
        odd.iter().any(|words| line.contains(words))
    };
    for (path, page) in documents() {
        let lines: Vec<&str> = page.prose().filter(is_odd).collect();
        assert!(lines.is_empty(), "{}: {lines:#?}", path.display());
    }
}
