//! The checklist and the pages of docs/security/ name tests that exist, and limitations that
//! docs/limitations.md tells.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Names of all test functions below these folders.
fn tests() -> BTreeSet<String> {
    let mut folders = vec![
        root().join("core/src"),
        root().join("core/tests"),
        root().join("cli/tests"),
        root().join("feed/tests"),
        root().join("tests"),
    ];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(tests_of(&fs::read_to_string(path).unwrap()));
            }
        }
    }
    names
}

/// The functions that a `#[test]` stands above, further attributes between.
fn tests_of(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            names.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        } else if !line.starts_with('#') {
            is_test = false;
        }
    }
    names
}

/// A story that goes on to the next round before its assertions may end without any. (One did: all
/// its tokens were refused, so it never checked those that pass.)
#[test]
fn no_story_skips_its_assertions() {
    let mut stories = 0;
    for entry in fs::read_dir(root().join("tests/envoy")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_story = name.ends_with(".rs") && !name.starts_with("bench");
        let source = is_story.then(|| fs::read_to_string(path).unwrap());
        for test in source.unwrap_or_default().split("#[test]\n").skip(1) {
            let body = test.split("\n}\n").next().unwrap();
            let first = body.lines().next().unwrap();
            assert!(!body.contains("continue;"), "{name}: {first}");
            stories += 1;
        }
    }
    assert!(stories > 150, "{stories}");
}

/// The cells of the table rows in a Markdown file.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(name)).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("|---"))
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

/// Text between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_pitfall_has_tests_that_exist_or_a_limitation_that_is_told() {
    let tests = tests();
    let page = fs::read_to_string(root().join("docs/limitations.md")).unwrap();
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<_> = rows("core/tests/checklist.md")
        .into_iter()
        .filter(|row| row.first().is_some_and(|cell| cell != "Pitfall"))
        .collect();
    assert!(rows.len() > 40);
    for row in rows {
        let evidence = row.get(1).unwrap();
        if let Some(limitation) = evidence.strip_prefix("limitation: ") {
            assert!(
                page.contains(limitation),
                "not in docs/limitations.md: {limitation}"
            );
            continue;
        }
        assert!(!quoted(evidence).is_empty(), "nothing is named: {row:?}");
        for name in quoted(evidence) {
            assert!(tests.contains(name), "no such test: {name}");
        }
    }
}

#[test]
fn every_test_that_a_page_of_security_names_is_there() {
    let tests = tests();
    let places = ["", "core/src", "core/tests", "tests/envoy"];
    let exists = |name: &str| {
        tests.contains(name)
            || places
                .iter()
                .any(|place| root().join(place).join(name).exists())
    };
    let (mut seen, mut pages) = (0, 0);
    for page in fs::read_dir(root().join("docs/security")).unwrap() {
        let page = page.unwrap().path();
        // Tables of measures have three columns; those of numbers have two, or six.
        let rows: Vec<_> = rows(page.to_str().unwrap())
            .into_iter()
            .filter(|row| row.len() == 3)
            .collect();
        pages += usize::from(!rows.is_empty());
        for row in rows {
            let evidence = row.last().unwrap();
            let is_head = evidence == "Test";
            assert!(is_head || evidence.contains('`'), "no test: {row:?}");
            for name in quoted(evidence)
                .into_iter()
                .filter(|name| name.contains(['_', '/']) || name.ends_with(".rs"))
            {
                seen += 1;
                assert!(exists(name), "{}: {name}", page.display());
            }
        }
    }
    assert!(pages >= 4 && seen > 300, "{pages} pages, {seen} tests");
}
