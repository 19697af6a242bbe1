//! Imports go down only: between the modules of the core by the list of floors, and nowhere in a
//! circle.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{
    Attribute, Item, UseTree, Visibility,
    visit::{self, Visit},
};

/// The modules of the core, the roof first. A module imports from the floors below its own and from
/// no other.
const FLOORS: &[&[&str]] = &[
    &["verify"],
    &["config"],
    &["audit"],
    &["verdict"],
    &["lease"],
    &["resource_metadata"],
    &["policy"],
    &["extract"],
    &["remembered"],
    &["event_token", "identity"],
    &["claims", "headers", "mint", "token", "waiting"],
    &["callers", "provider", "supply"],
    &["credentials", "introspection", "status_list"],
    &["evidence", "jwks", "login", "proof", "revocation"],
    &["peer", "webauthn"],
    &["cose", "decode", "jose"],
    &[
        "budget", "cbor", "crypto", "fetch", "json", "request", "uri",
    ],
    &["alarm", "provider_id", "reason", "spiffe", "text"],
    &["limits", "sorted", "time", "version"],
];

/// The modules of one crate, by their paths: `["jose", "jws"]`; the root is the empty path.
struct Modules(BTreeMap<Vec<String>, Imports>);

/// What one file names of its own crate.
#[derive(Default)]
struct Imports {
    /// Every path, absolute, with the name of the item at its end.
    paths: BTreeSet<Vec<String>>,
    /// Where a name comes from that others may import from here.
    names: BTreeMap<String, Vec<String>>,
    /// Its modules that only tests have.
    tests: BTreeSet<Vec<String>>,
}

impl Modules {
    /// All files below this folder but tests.
    fn of(root: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root);
        let mut files = Vec::new();
        find(&root, &mut Vec::new(), &mut files);
        let known: BTreeSet<Vec<String>> = files.iter().map(|(module, _)| module.clone()).collect();
        assert!(known.len() > 5, "{} has no modules", root.display());
        let read = |(module, text): (Vec<String>, String)| {
            let file = syn::parse_file(&text).unwrap();
            let mut reader = Reader {
                module: module.clone(),
                known: &known,
                found: Imports::default(),
            };
            reader.visit_file(&file);
            let found = reader.found;
            (module, found)
        };
        let mut modules: BTreeMap<Vec<String>, Imports> = files.into_iter().map(read).collect();
        let tests = modules.values().flat_map(|imports| imports.tests.clone());
        let tests: BTreeSet<Vec<String>> = tests.collect();
        modules.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self(modules)
    }

    /// The file in which a path ends, through the names that others only hand on.
    fn home<'p>(&'p self, mut path: &'p [String]) -> &'p [String] {
        for _ in 0..8 {
            let end = (0..=path.len()).rev();
            let module = end
                .map(|end| &path[..end])
                .find(|p| self.0.contains_key(*p));
            let module = module.unwrap();
            let item = path.get(module.len());
            match item.and_then(|item| self.0[module].names.get(item)) {
                Some(onward) => path = onward,
                None => return module,
            }
        }
        panic!("{path:?} is handed on in a circle");
    }

    /// Who imports from whom: file and file.
    fn imports(&self) -> impl Iterator<Item = (&[String], &[String])> {
        self.0.iter().flat_map(|(module, imports)| {
            let homes = imports.paths.iter().map(|path| self.home(path));
            homes.map(move |home| (module.as_slice(), home))
        })
    }

    /// For each folder: which of its modules imports from which other. A module and its own folder
    /// are one.
    fn neighbours(&self) -> BTreeMap<&[String], BTreeSet<(&str, &str)>> {
        let mut folders: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, to) in self.imports() {
            let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if let (Some(own), Some(other)) = (from.get(shared), to.get(shared)) {
                let edges = folders.entry(&from[..shared]).or_default();
                edges.insert((own.as_str(), other.as_str()));
            }
        }
        folders
    }

    /// The imports that are left of each folder when modules that import nothing, or that nobody
    /// imports, are taken away.
    fn circles(&self) -> Vec<String> {
        let mut circles = Vec::new();
        for (folder, mut edges) in self.neighbours() {
            loop {
                let before = edges.len();
                let from: BTreeSet<&str> = edges.iter().map(|(from, _)| *from).collect();
                let to: BTreeSet<&str> = edges.iter().map(|(_, to)| *to).collect();
                edges.retain(|(own, other)| to.contains(own) && from.contains(other));
                if edges.len() == before {
                    break;
                }
            }
            let folder = folder.join("/");
            circles.extend(
                edges
                    .iter()
                    .map(|(own, other)| format!("{folder}: {own} -> {other}")),
            );
        }
        circles
    }
}

fn find(folder: &Path, module: &mut Vec<String>, files: &mut Vec<(Vec<String>, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if name == "tests" {
            continue;
        }
        module.push(name);
        if path.is_dir() {
            find(&path, module, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let is_root = module.len() == 1 && matches!(&*module[0], "lib" | "main");
            let own = if is_root { Vec::new() } else { module.clone() };
            files.push((own, fs::read_to_string(&path).unwrap()));
        }
        module.pop();
    }
}

struct Reader<'m> {
    module: Vec<String>,
    known: &'m BTreeSet<Vec<String>>,
    found: Imports,
}

impl Reader<'_> {
    /// The path from the root of the crate; `None`: it leads out of the crate.
    fn absolute(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut path = match segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            child => {
                let mut path = self.module.clone();
                path.push(child.to_owned());
                return self.known.contains(&path).then(|| {
                    path.extend_from_slice(&segments[1..]);
                    path
                });
            }
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        Some(path)
    }

    fn note(&mut self, segments: &[String]) {
        self.found.paths.extend(self.absolute(segments));
    }

    fn tree(&mut self, tree: &UseTree, before: &mut Vec<String>, is_public: bool) {
        let (name, bound) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(&path.tree, before, is_public);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, before, is_public);
                }
                return;
            }
            UseTree::Glob(_) => return self.note(before),
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(rename) => (rename.ident.to_string(), rename.rename.to_string()),
        };
        before.push(name);
        self.note(before);
        // What a module written into a file imports is its own.
        if let Some(path) = self.absolute(before)
            && self.known.contains(&self.module)
            && (is_public || !path.starts_with(&self.module))
        {
            self.found.names.insert(bound, path);
        }
        before.pop();
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|word| word == "test")
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if is_for_tests(attributes) {
            if let Item::Mod(item) = item {
                let mut module = self.module.clone();
                module.push(item.ident.to_string());
                self.found.tests.insert(module);
            }
            return;
        }
        match item {
            Item::Mod(item) if item.content.is_some() => {
                self.module.push(item.ident.to_string());
                visit::visit_item_mod(self, item);
                self.module.pop();
            }
            Item::Use(item) => {
                let is_public = !matches!(item.vis, Visibility::Inherited);
                self.tree(&item.tree, &mut Vec::new(), is_public);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        let segments: Vec<String> = segments.collect();
        if matches!(&*segments[0], "crate" | "super" | "self") && segments.len() > 1 {
            self.note(&segments);
        }
        visit::visit_path(self, path);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, found: &'ast syn::Macro) {
        let text = found.tokens.to_string();
        for path in text.split("crate :: ").skip(1) {
            let end = path.find(|c: char| !c.is_ascii_alphanumeric() && !"_: ".contains(c));
            let path = path.get(..end.unwrap_or(path.len())).unwrap();
            let words = path.split("::").map(|word| word.trim().to_owned());
            let segments: Vec<String> = [String::from("crate")].into_iter().chain(words).collect();
            self.note(&segments);
        }
    }
}

#[test]
fn imports_of_the_core_go_down() {
    let floor = |module: &str| {
        let found = FLOORS.iter().position(|floor| floor.contains(&module));
        found.unwrap_or_else(|| panic!("{module} stands on no floor; add it to FLOORS"))
    };
    let core = Modules::of("src");
    let mut wrong = BTreeSet::new();
    for (from, to) in core.imports() {
        let Some(own) = from.first() else { continue };
        let other = to.first().map_or("lib", String::as_str);
        if own != other && (other == "lib" || floor(own) >= floor(other)) {
            wrong.insert(format!("{own} -> {other}"));
        }
    }
    assert!(wrong.is_empty(), "these imports go up: {wrong:#?}");
}

/// [What signs](../../docs/decisions/025-one-signing-key.md): what judges cannot, and nobody else
/// makes what is signed.
#[test]
fn only_the_mint_signs() {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    find(&root, &mut Vec::new(), &mut files);
    let signing = ["ecdsa::SigningKey", "Signer", "SecretKey", "PrivateKey"];
    let mut found: Vec<String> = Vec::new();
    for (module, text) in files {
        if signing.iter().any(|word| text.contains(word)) {
            found.push(module.join("/"));
        }
    }
    assert_eq!(found, ["mint/key"]);
}

#[test]
fn no_modules_of_one_folder_import_from_each_other() {
    for root in ["src", "../src", "../cli/src"] {
        let circles = Modules::of(root).circles();
        assert!(circles.is_empty(), "circles in {root}: {circles:#?}");
    }
}
