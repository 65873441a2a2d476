//! The pages of the repository, and the essays that are pages of the documentation too: links and pictures lead to what
//! is there, and names in them exist in the sources.
//!
//! An essay is read in two places. Links to items and pictures are written by reference, `[text][crate::Tensor]`, and
//! defined twice: at the end of the essay as a path in the repository, and for the documentation in
//! `autograd/docs/links.md`, which stands before each essay there, and whose definitions win. It is written from the
//! essays and the pictures: `UPDATE_DOCS=1 cargo test -p autograd --test documents` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const ESSAYS: [&str; 7] = ["adding", "attention", "convolution", "engine", "gemm", "step", "strides"];

/// Where the documentation has what is outside of the engine's crate, seen from the pages of the essays.
const OTHER_CRATES: [(&str, &str); 2] =
    [("nn::Mode", "../../../nn/enum.Mode.html"), ("nn::Module", "../../../nn/trait.Module.html")];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files below a folder that belong to the repository.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !["target", ".git", "corpus", "artifacts", "coverage"].contains(&&*name) {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

fn repository() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&workspace(), &mut found);
    assert!(found.len() > 500, "only {} files were found", found.len());
    found
}

fn pages() -> Vec<(PathBuf, String)> {
    let pages = repository().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect()
}

fn essay(name: &str) -> String {
    fs::read_to_string(workspace().join(format!("autograd/docs/{name}.md"))).unwrap()
}

/// The lines of a page outside of programs.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut is_program = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_program ^= is_fence;
        !is_program && !is_fence
    })
}

/// What stands between a pair of marks, each time.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close)).map(|(inside, _)| inside).collect()
}

/// The text without what is in backticks.
fn without_code(text: &str) -> String {
    text.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The definitions `[label]: target` of a page.
fn definitions(page: &str) -> BTreeMap<&str, &str> {
    let lines = prose(page).filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
    lines.collect()
}

/// The targets of the links and pictures of a page.
fn targets(page: &str) -> Vec<String> {
    let text = without_code(&prose(page).collect::<Vec<_>>().join("\n"));
    let inline = between(&text, "](", ")").into_iter().map(str::to_owned);
    inline.chain(definitions(page).into_values().map(str::to_owned)).collect()
}

/// The labels of the links and pictures by reference of a page.
fn labels(page: &str) -> BTreeSet<String> {
    let text = prose(page).collect::<Vec<_>>().join("\n");
    between(&text, "][", "]").into_iter().map(|label| label.replace('\n', " ")).collect()
}

/// The anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let kept: String = heading.trim().to_lowercase().chars().filter(is_kept).collect();
    kept.replace(' ', "-")
}

/// What is wrong with a link of a page, if anything is.
fn fault(page: &Path, target: &str) -> Option<String> {
    if ["https://", "http://", "mailto:", "data:"].iter().any(|start| target.starts_with(start)) {
        return None;
    }
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { page.to_owned() } else { page.parent().unwrap().join(path) };
    if !path.exists() {
        return Some(format!("{}: {target} is not there", page.display()));
    }
    let is_page = path.extension().is_some_and(|extension| extension == "md");
    let has_anchor = |page: String| {
        prose(&page).any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#')) == fragment)
    };
    if is_page && !fragment.is_empty() && !has_anchor(fs::read_to_string(&path).unwrap()) {
        return Some(format!("{}: no heading for {target}", page.display()));
    }
    None
}

#[test]
fn links_and_pictures_lead_to_what_is_there() {
    let mut links = 0;
    let mut faults = Vec::new();
    for (path, page) in pages().iter().filter(|(path, _)| !path.ends_with("autograd/docs/links.md")) {
        // The index of methods is a part of a page of the documentation alone.
        if path.ends_with("autograd/docs/methods.md") {
            continue;
        }
        let targets = targets(page);
        links += targets.len();
        faults.extend(targets.iter().filter_map(|target| fault(path, target)));
        // A page without definitions may have `[i][j]` in its text.
        let defined = definitions(page);
        let used = if defined.is_empty() { BTreeSet::new() } else { labels(page) };
        for label in used.iter().filter(|label| !defined.contains_key(label.as_str())) {
            faults.push(format!("{}: [{label}] is not defined", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(links > 150, "only {links} links were found");
}

#[test]
fn a_wrong_link_is_found() {
    let page = workspace().join("README.md");
    assert_eq!(fault(&page, "docs/ops.md#operations"), None);
    assert!(fault(&page, "docs/ops.md#no-such-heading").is_some());
    assert!(fault(&page, "docs/no-such-page.md").is_some());
    let text = "[a](b.md) `[c](d.md)` ![e](f.svg)\n```\n[g](h.md)\n```\n[i][j]\n\n[j]: k.md\n";
    assert_eq!(targets(text), ["b.md", "f.svg", "k.md"]);
    assert_eq!(labels(text), BTreeSet::from(["j".to_owned()]));
    assert_eq!(anchor("## Threads, and why no bit changes".trim_start_matches('#')), "threads-and-why-no-bit-changes");
}

/// An essay links by reference, so that its links work in both places.
#[test]
fn essays_link_by_reference() {
    for name in ESSAYS {
        let page = essay(name);
        let text = without_code(&prose(&page).collect::<Vec<_>>().join("\n"));
        let inline: Vec<&str> = between(&text, "](", ")").into_iter().filter(|to| !to.starts_with("http")).collect();
        assert_eq!(inline, [""; 0], "{name}.md: links by reference are wanted");
        let used = labels(&page);
        let unused: Vec<&str> = definitions(&page).into_keys().filter(|label| !used.contains(*label)).collect();
        assert_eq!(unused, [""; 0], "{name}.md: definitions that nothing uses");
    }
}

/// A picture as an address that holds all of it.
fn data_address(svg: &str) -> String {
    let mut address = String::from("data:image/svg+xml,");
    for byte in svg.trim_end().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'/' | b':' | b'=' | b',' | b';' => {
                address.push(byte.into())
            }
            _ => write!(address, "%{byte:02X}").unwrap(),
        }
    }
    address
}

/// What the labels of the essays mean in the documentation.
fn links() -> String {
    let mut targets: BTreeMap<String, String> = BTreeMap::new();
    for name in ESSAYS {
        let page = essay(name);
        for (label, target) in definitions(&page) {
            let other = OTHER_CRATES.iter().find(|(other, _)| *other == label);
            let meant = if target.ends_with(".svg") {
                data_address(&fs::read_to_string(workspace().join("autograd/docs").join(target)).unwrap())
            } else {
                other.map_or(label, |(_, page)| page).to_owned()
            };
            targets.insert(label.to_owned(), meant);
        }
    }
    targets.into_iter().map(|(label, target)| format!("[{label}]: {target}\n")).collect()
}

#[test]
fn the_links_of_the_documentation_are_up_to_date() {
    let path = workspace().join("autograd/docs/links.md");
    let expected = links();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == expected,
        "autograd/docs/links.md is out of date: UPDATE_DOCS=1 cargo test -p autograd --test documents writes it"
    );
}

/// The words of the sources, and the paths of the repository.
struct Known {
    words: BTreeSet<String>,
    paths: Vec<String>,
}

impl Known {
    fn new() -> Self {
        let (mut words, mut paths) = (BTreeSet::new(), Vec::new());
        for path in repository() {
            let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "toml");
            if is_source && !path.ends_with("autograd/tests/documents.rs") {
                let source = fs::read_to_string(&path).unwrap();
                let split = source.split(|c: char| !c.is_alphanumeric() && c != '_');
                words.extend(split.map(str::to_owned));
            }
            paths.push(format!("/{}", path.strip_prefix(workspace()).unwrap().display()));
        }
        Known { words, paths }
    }

    /// Whether a piece of code in a page names what exists. Of a path the last parts suffice. Of an expression, each
    /// name of more than one word must be there.
    fn is_there(&self, code: &str) -> bool {
        let is_path = !code.contains([' ', '(', '<', '*', '$', '[']) && !code.starts_with("http");
        let is_file = [".rs", ".md", ".svg", ".toml"].iter().any(|ending| code.ends_with(ending));
        if is_path && (is_file || code.starts_with(".ci/")) {
            return self.paths.iter().any(|path| path.ends_with(&format!("/{}", code.trim_start_matches("../"))));
        }
        let mut names = code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| {
            let capitals = name.chars().filter(|c| c.is_uppercase()).count();
            name.contains('_') || (capitals > 1 && capitals < name.len())
        });
        names.all(|name| name.starts_with('_') || name.ends_with('_') || self.words.contains(name))
    }
}

/// Pages about the code as it is. (The changelog and the decisions tell what was; the pages beside PyTorch have its
/// names.)
const OF_THE_CODE: [&str; 11] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "autograd/docs/adding.md",
    "autograd/docs/engine.md",
    "autograd/docs/gemm.md",
    "autograd/docs/step.md",
    "autograd/docs/strides.md",
    "docs/glossary.md",
    "docs/library.md",
    "docs/many-machines.md",
];

#[test]
fn names_in_the_pages_exist() {
    let known = Known::new();
    let (mut checked, mut missing) = (0, Vec::new());
    for name in OF_THE_CODE {
        let page = fs::read_to_string(workspace().join(name)).unwrap();
        // Of tables that translate from PyTorch, the first column is PyTorch's.
        let is_of_others =
            |section: &&str| section.starts_with("From PyTorch") || section.starts_with("Has and has not");
        for section in page.split("\n## ").filter(|section| !is_of_others(section)) {
            let text = prose(section).collect::<Vec<_>>().join("\n");
            for code in text.split('`').skip(1).step_by(2) {
                checked += 1;
                if !known.is_there(code) {
                    missing.push(format!("{name}: `{code}`"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "these names are not in the repository: {missing:#?}");
    assert!(checked > 300, "only {checked} names were found");
    assert!(known.is_there("kernels/gemm/loops.rs") && known.is_there("linear_relu") && known.is_there(".ci/run"));
    assert!(!known.is_there("kernels/gemm/hoops.rs") && !known.is_there("Tensor::linear_relu_of_yesterday(&x)"));
}
