//! The documents: links lead somewhere, what they name is there, YAML and JSON are accepted, the
//! README is short, and prose is plain and not wide.
#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "documents/markdown.rs"]
mod markdown;

use std::{
    collections::{BTreeMap, BTreeSet},
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

/// The files below a folder, by their paths from the project's folder; none of what was built or
/// installed.
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

/// The words of a text that may name something: a path, a test.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || "\"'`(),;<>[]{}|#".contains(c))
        .map(|word| word.trim_end_matches(['.', ':', '/']))
}

/// What the files of the project are called: paths, test functions, targets of `make`.
struct Names {
    paths: Vec<String>,
    folders: BTreeSet<String>,
    functions: BTreeSet<String>,
    targets: BTreeSet<String>,
}

impl Names {
    fn read() -> Self {
        let mut names = Self {
            paths: Vec::new(),
            folders: BTreeSet::new(),
            functions: BTreeSet::new(),
            targets: BTreeSet::new(),
        };
        for path in files("") {
            let text = path.to_string_lossy().into_owned();
            if let Some((folder, _)) = text.split_once('/') {
                names.folders.insert(folder.to_owned());
            }
            if text.ends_with(".rs") {
                let source = fs::read_to_string(root().join(&path)).expect("UTF-8");
                let functions = source.lines().filter_map(|line| {
                    let (_, rest) = line.split_once("fn ")?;
                    rest.split(['(', '<']).next().map(str::to_owned)
                });
                names.functions.extend(functions);
            }
            names.paths.push(text);
        }
        let makefile = fs::read_to_string(root().join("Makefile")).expect("the Makefile");
        let targets = makefile.lines().filter_map(|line| line.split_once(':'));
        names.targets = targets.map(|(target, _)| target.to_owned()).collect();
        names
    }

    /// Whether a word looks like a path of the project, and no file or folder is called so.
    fn lack_path(&self, word: &str) -> bool {
        let is_path = word
            .split_once('/')
            .is_some_and(|(folder, _)| self.folders.contains(folder))
            || word.ends_with(".rs");
        // A part in capitals stands for any name.
        let is_pattern = word.contains(['*', '…', '$', '=']) || word.contains("NAME");
        let end = format!("/{word}");
        let is_there = |path: &String| path == word || path.ends_with(&end);
        is_path && !is_pattern && !root().join(word).exists() && !self.paths.iter().any(is_there)
    }

    /// Whether a word looks like the name of a test, a sentence of at least six words, and no
    /// function is called so.
    fn lack_test(&self, word: &str) -> bool {
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_sentence = word.matches('_').count() >= 5 && word.chars().all(is_name);
        is_sentence && !self.functions.contains(word)
    }

    /// What a page names and the project does not have.
    fn missing(&self, page: &Page) -> Vec<String> {
        let commands = page
            .blocks
            .iter()
            .filter(|(language, _)| language != "json");
        let texts = page.codes.iter().chain(commands.map(|(_, block)| block));
        let mut missing = Vec::new();
        // A method of MCP is not a file of tools/.
        let is_call = |word: &&str| matches!(*word, "tools/call" | "tools/list");
        for line in texts.flat_map(|text| text.lines()) {
            let is_missing = |word: &&str| self.lack_path(word) || self.lack_test(word);
            let words = words(line).filter(|word| !is_call(word));
            missing.extend(words.filter(is_missing).map(str::to_owned));
            let target = line.trim_start_matches("$ ").strip_prefix("make ");
            let target = target.and_then(|rest| rest.split([' ', ';']).next());
            missing.extend(
                target
                    .filter(|target| !self.targets.contains(*target))
                    .map(|target| format!("make {target}")),
            );
        }
        missing
    }
}

#[test]
fn every_path_test_and_target_that_a_page_names_is_there() {
    let names = Names::read();
    let found: Vec<_> = documents()
        .iter()
        .map(|(path, page)| (path.clone(), names.missing(page)))
        .filter(|(_, missing)| !missing.is_empty())
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_name_that_nothing_has_is_found() {
    let text = "`core/src/gone.rs`, `gone.rs`, `core/src/limits.rs`, `policy/index.rs`, `docs/guides/`,\n\
        `not_a_test_of_this_project_at_all`, `a_name_that_nothing_has_is_found`, `make gone`, `make run A=b`,\n\
        `tools/fuzz 60 fuzz/targets/NAME.rs`\n\n```console\n$ tools/gone x\n$ make away\n```\n";
    let found = Names::read().missing(&Page::read(text.to_owned()));
    let wanted = [
        "core/src/gone.rs",
        "gone.rs",
        "not_a_test_of_this_project_at_all",
        "make gone",
        "tools/gone",
        "make away",
    ];
    assert_eq!(found, wanted);
}

/// Sources, tools and files to copy send readers to pages of docs/.
#[test]
fn every_page_that_a_file_names_is_there() {
    let mut seen = 0;
    for path in files("") {
        // What is not text names no page.
        let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
        for word in words(&text) {
            let page = word.find("docs/").and_then(|at| word.get(at..));
            let page = page.filter(|page| page.ends_with(".md") && !page.contains('*'));
            let Some(page) = page else {
                continue;
            };
            seen += 1;
            let is_there = root().join(page).is_file();
            assert!(is_there, "{}: {word}", path.display());
        }
    }
    assert!(seen > 30, "{seen}");
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

/// The configurations that a block may be, or be a part of: the whole, some of its members, a
/// provider's, rules.
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
    let shipped = ["envoy", "istio", "observability", "feed", "kubernetes"]
        .map(files)
        .concat();
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

/// The names of all members that a JSON Schema knows, at every level.
fn members(schema: &serde_json::Value, names: &mut BTreeSet<String>) {
    if let Some(properties) = schema.get("properties").and_then(|all| all.as_object()) {
        names.extend(properties.keys().cloned());
    }
    match schema {
        serde_json::Value::Object(all) => all.values().for_each(|below| members(below, names)),
        serde_json::Value::Array(all) => all.iter().for_each(|below| members(below, names)),
        _ => {}
    }
}

#[test]
fn every_member_of_configuration_and_record_is_on_a_page() {
    let pages: String = documents()
        .iter()
        .filter(|(path, _)| path.starts_with("docs") && !path.starts_with("docs/decisions"))
        .map(|(_, page)| page.text())
        .collect();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let told: BTreeSet<&str> = pages.split(|c| !is_name(c)).collect();
    let mut names = BTreeSet::new();
    for file in ["passgate", "audit-record"] {
        let path = root().join(format!("schema/{file}.schema.json"));
        let text = fs::read_to_string(path).expect("the schema");
        members(&serde_json::from_str(&text).expect("JSON"), &mut names);
    }
    assert!(names.len() > 100, "{}", names.len());
    names.retain(|name| !told.contains(name.as_str()));
    assert!(names.is_empty(), "no page names {names:?}");
}

#[test]
fn every_alert_has_a_row() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect(name);
    for (alerts, page, some) in [
        ("observability/alerts.yaml", "docs/observability.md", 10),
        ("feed/alerts.yaml", "docs/feed.md", 5),
    ] {
        let (alerts, page, first) = (read(alerts), read(page), read("docs/operations.md"));
        let names = |line: &str| line.trim().strip_prefix("- alert: ").map(str::to_owned);
        let alerts: Vec<String> = alerts.lines().filter_map(names).collect();
        assert!(alerts.len() > some, "{alerts:?}");
        for alert in alerts {
            let row = format!("| `{alert}` |");
            assert!(page.contains(&row), "{alert}");
            assert!(first.contains(&row), "{alert}: what to do first");
        }
    }
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
        "hoever",
        " anew",
        "in vain",
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
