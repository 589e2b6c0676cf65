//! ARCHITECTURE.md names what exists: files everywhere, functions in the two lives. Crates depend downwards.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn page() -> String {
    fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap()
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Where a file or folder is, if the text is meant as the name of one.
fn named_file(text: &str) -> Option<PathBuf> {
    let is_name = text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let is_path =
        text.ends_with('/') || [".rs", ".md", ".toml", ".yaml"].iter().any(|end| text.ends_with(end));
    // A name without a folder is what users have, not what stands here.
    (is_name && is_path && text.contains('/')).then(|| text.into())
}

fn find(path: &Path) -> Option<PathBuf> {
    [root().join(path), root().join("crates").join(path)].into_iter().find(|path| path.exists())
}

/// The items of a numbered list in a section.
fn items(page: &str, section: &str) -> Vec<String> {
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let begins = Regex::new(r"(?m)^\d+\. ").unwrap();
    // What stands behind the list is no item.
    begins.split(section).skip(1).map(|item| item.split("\n\n").next().unwrap().to_owned()).collect()
}

#[test]
fn files_exist() {
    let page = page();
    // Blocks of code hold backticks of their own.
    let prose: String = page.split("```").step_by(2).collect();
    let named: Vec<_> = quoted(&prose).filter_map(named_file).collect();
    assert!(named.len() > 80, "{}", named.len());
    let missing: Vec<_> = named.iter().filter(|path| find(path).is_none()).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist: {missing:?}");
}

#[test]
fn functions_exist_in_the_files_that_are_named_beside_them() {
    let page = page();
    let identifier = Regex::new(r"^[A-Za-z_]+(::[a-z_]+)?$").unwrap();
    let mut checked = 0;
    let mut missing = Vec::new();
    for section in ["The life of a request", "The life of a configuration"] {
        let items = items(&page, section);
        assert!(items.len() >= 9, "{section}: {items:?}");
        for item in items {
            let source: String = quoted(&item)
                .filter_map(named_file)
                .filter_map(|path| find(&path))
                .map(|path| fs::read_to_string(path).unwrap())
                .collect();
            for name in quoted(&item).filter(|name| identifier.is_match(name)) {
                checked += 1;
                let defined = |name: &str| {
                    let word =
                        if name.starts_with(char::is_uppercase) { "(struct|enum|trait)" } else { "fn" };
                    Regex::new(&format!(r"\b{word} {name}\b")).unwrap().is_match(&source)
                };
                let exists = match name.split_once("::") {
                    Some((owner, function)) => source.contains(owner) && defined(function),
                    None => defined(name),
                };
                if !exists {
                    missing.push(format!("`{name}` in: {}", item.lines().next().unwrap_or_default()));
                }
            }
        }
    }
    assert!(checked > 60, "{checked}");
    assert!(missing.is_empty(), "ARCHITECTURE.md names what does not exist:\n{}", missing.join("\n"));
}

#[test]
fn crates_depend_downwards() {
    let page = page();
    let (_, table) = page.split_once("\n| crate |").unwrap();
    let order: Vec<_> = table
        .lines()
        .skip(2)
        .map_while(|line| line.strip_prefix("| `"))
        .map(|line| line.split('`').next().unwrap())
        .collect();
    let mut folders: Vec<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut listed = order.clone();
    listed.sort_unstable();
    assert_eq!(listed, folders, "the table of crates");
    for (place, name) in order.iter().enumerate() {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let (_, shipped) = manifest.split_once("[dependencies]").unwrap_or_default();
        let shipped = shipped.split("\n[").next().unwrap();
        for used in shipped.lines().filter_map(|line| line.strip_prefix("causeway-")) {
            let used = used.split('.').next().unwrap();
            let below = order.iter().position(|other| *other == used).unwrap();
            assert!(below > place, "{name} depends on {used}, which stands above it");
            assert_ne!(used, "testkit", "{name} ships the test kit");
        }
    }
}
