//! The house keeps its floors: imports point down, `unsafe` stays where it belongs, files stay readable, dependencies stay few.

use std::fs;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_owned()
}

/// The Rust files below a folder, with their paths from it.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.ends_with("target") {
            continue; // What was built in a folder outside of the workspace.
        }
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.strip_prefix(folder).unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{} has no sources", folder.display());
    found
}

/// The code without comments, strings, and the tests at its end.
fn code(source: &str) -> String {
    // Tests in a file of their own are named by one line, which code may follow.
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut code = String::new();
    let mut rest = source.chars().peekable();
    while let Some(next) = rest.next() {
        match (next, rest.peek()) {
            ('/', Some('/')) => {
                rest.by_ref().find(|&c| c == '\n');
                code.push('\n');
            }
            ('"', _) => {
                while let Some(inside) = rest.next() {
                    match inside {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            _ => code.push(next),
        }
    }
    code
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// What follows a prefix such as `crate::`: one name, or those of a group in braces.
fn names_after(text: &str) -> Vec<&str> {
    let Some(group) = text.strip_prefix('{') else { return vec![identifier(text)] };
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (position, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.push(identifier(group[start..position].trim()));
                start = position + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The modules at the crate's root that a file names; `module` is its own path, `["graph", "engine"]` for `graph/engine.rs`.
fn imports(code: &str, module: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (position, _) in code.match_indices("crate::") {
        let before = code[..position].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$') {
            found.extend(names_after(&code[position + "crate::".len()..]).into_iter().map(str::to_owned));
        }
    }
    for (position, _) in code.match_indices("super::") {
        if code[..position].ends_with("super::") {
            continue;
        }
        let (mut rest, mut up) = (&code[position..], 0);
        while let Some(above) = rest.strip_prefix("super::") {
            (rest, up) = (above, up + 1);
        }
        if up >= module.len() {
            found.extend(names_after(rest).into_iter().map(str::to_owned));
        }
    }
    found
}

/// The floor of a module of the crate `autograd`; `None` for what is not a module (a re-exported item).
fn floor(module: &str) -> Option<usize> {
    Some(match module {
        "dimensions" | "elementary" | "error" | "indices" | "layout" | "lock" | "mask" | "pool" | "random"
        | "scalar" | "shape" | "storage" | "trace" => 0,
        "kernels" => 1,
        "float" | "graph" | "op" | "param" | "tensor" => 2,
        "check" | "ops" => 3,
        _ => return None,
    })
}

/// A sentence for each import of a file that points upwards.
fn upward(path: &Path, source: &str) -> Vec<String> {
    let mut module: Vec<String> =
        path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let own = module[0].clone();
    let Some(own_floor) = floor(&own) else { return vec![format!("{}: a module without a floor", path.display())] };
    let judge = |import: String| match floor(&import) {
        Some(other) if other <= own_floor => None,
        Some(other) => Some(format!("{}, on floor {own_floor}, imports {import} from floor {other}", path.display())),
        None => Some(format!("{} imports {import} from the crate's root: name its module", path.display())),
    };
    imports(&code(source), &module).into_iter().filter_map(judge).collect()
}

#[test]
fn imports_inside_the_engine_point_down() {
    let files = sources(&workspace().join("autograd/src"));
    let wrong: Vec<String> = files
        .iter()
        .filter(|(path, _)| path != Path::new("lib.rs"))
        .flat_map(|(path, source)| upward(path, source))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_upward_import_is_seen() {
    let wrong = |path: &str, source: &str| upward(Path::new(path), source).len();
    assert_eq!(wrong("kernels/map.rs", "use crate::tensor::Tensor;"), 1);
    assert_eq!(wrong("kernels/map.rs", "use crate::{layout::Walk, graph::{Edge, Id}, ops};"), 2);
    assert_eq!(wrong("kernels/map.rs", "fn f() { crate::ops::matmul::f() }"), 1);
    assert_eq!(wrong("kernels/map.rs", "use super::super::tensor;"), 1);
    assert_eq!(wrong("kernels/gemm/mod.rs", "use super::super::op::Op;"), 1);
    assert_eq!(wrong("graph/mod.rs", "use super::ops::matmul;"), 1);
    assert_eq!(wrong("kernels/map.rs", "use super::parallel;\nuse crate::layout::Walk; // crate::tensor"), 0);
    assert_eq!(wrong("kernels/map.rs", "const A: &str = \"crate::tensor\";"), 0);
    assert_eq!(wrong("kernels/map.rs", "#[cfg(test)]\nmod tests { use crate::Tensor; }"), 0);
    assert_eq!(wrong("kernels/map.rs", "#[cfg(test)]\nmod tests;\nuse crate::tensor::Tensor;"), 1, "below that line");
    assert_eq!(wrong("ops/matmul.rs", "use crate::Tensor;"), 1, "from the root nobody sees the floor");
}

/// The modules of one folder and which of their siblings each imports, from `use super::name` lines.
fn siblings(folder: &str) -> Vec<(String, Vec<String>)> {
    let files = sources(&workspace().join("autograd/src").join(folder));
    let modules = files.into_iter().filter(|(path, _)| path.iter().count() == 1 && !path.ends_with("mod.rs"));
    let named = modules.map(|(path, source)| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let code = code(&source);
        let uses =
            code.lines().filter_map(|line| line.strip_prefix("use super::")).map(|rest| identifier(rest).to_owned());
        (name, uses.collect())
    });
    named.collect()
}

/// What is left of modules once those are taken away, again and again, that import none of the others: the circles, and what
/// leads to them.
fn circles(mut modules: Vec<(String, Vec<String>)>) -> Vec<String> {
    loop {
        let names: Vec<String> = modules.iter().map(|(name, _)| name.clone()).collect();
        modules.retain(|(_, uses)| uses.iter().any(|used| names.contains(used)));
        if modules.len() == names.len() {
            return names;
        }
    }
}

#[test]
fn the_files_of_the_matrix_product_import_each_other_without_a_circle() {
    for folder in ["kernels/gemm", "kernels/skip_zeros"] {
        let modules = siblings(folder);
        assert!(modules.iter().any(|(name, uses)| name == "loops" && uses.len() >= 2), "{folder}: {modules:?}");
        assert_eq!(circles(modules), [""; 0], "{folder}");
    }
    let modules = [("a", vec!["b"]), ("b", vec!["c", "a"]), ("c", vec![])];
    let owned = modules.map(|(name, uses)| (name.to_owned(), uses.into_iter().map(str::to_owned).collect()));
    assert_eq!(circles(owned.into()), ["a", "b"], "a circle is seen");
}

/// The dense product has no word of what stands beside it.
#[test]
fn the_matrix_product_does_not_know_who_skips_zeros_or_traces() {
    for (path, source) in sources(&workspace().join("autograd/src/kernels/gemm")) {
        let code = code(&source);
        for word in ["skip_zeros", "trace::", "finite"] {
            assert!(!code.contains(word), "kernels/gemm/{}: {word}", path.display());
        }
    }
}

/// Whether the code names a crate: `name::` or `use name;`.
fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(&format!("{name}::")).any(|(position, _)| {
        code[..position].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
    })
}

#[test]
fn crates_see_only_those_below_and_siblings_not_at_all() {
    let forbidden: [(&str, &[&str]); 4] = [
        ("autograd", &["nn", "optim", "mnist_demo", "benches"]),
        ("nn", &["optim", "mnist_demo", "benches"]),
        ("optim", &["nn", "mnist_demo", "benches"]),
        ("mnist-demo", &["benches"]),
    ];
    for (member, names) in forbidden {
        for (path, source) in sources(&workspace().join(member).join("src")) {
            for name in names {
                assert!(!names_crate(&code(&source), name), "{member}/src/{} names {name}", path.display());
            }
        }
    }
    assert!(names_crate("use optim::Adam;", "optim") && !names_crate("crate::optim::x; my_optim::y", "optim"));
}

#[test]
fn unsafe_stays_in_the_kernels_the_storage_the_pool_and_the_benches() {
    for member in ["autograd", "nn", "optim", "mnist-demo"] {
        for folder in ["src", "tests", "examples", "fuzz"].map(|folder| workspace().join(member).join(folder)) {
            if !folder.exists() {
                continue;
            }
            for (path, source) in sources(&folder) {
                let allowed = member == "autograd"
                    && folder.ends_with("src")
                    && (path.starts_with("kernels") || path == Path::new("storage.rs") || path == Path::new("pool.rs"));
                let used = code(&source).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
                assert!(allowed || !used, "{}: unsafe", folder.join(path).display());
            }
        }
    }
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for member in ["autograd", "nn", "optim", "mnist-demo", "benches"] {
        for (path, source) in sources(&workspace().join(member)) {
            let lines = source.lines().count();
            assert!(path.starts_with("target") || lines <= 450, "{member}/{} has {lines} lines", path.display());
        }
    }
}

/// The names in a section of a manifest.
fn section<'a>(manifest: &'a str, name: &str) -> Vec<&'a str> {
    let lines = manifest.lines().skip_while(|line| *line != format!("[{name}]")).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split(['.', ' ', '=']).next().unwrap())
        .collect()
}

#[test]
fn the_libraries_stay_light() {
    let allowed: [(&str, &[&str]); 3] = [
        ("autograd", &["ndarray", "matrixmultiply", "rayon", "smallvec"]),
        ("nn", &["autograd", "half", "safetensors", "thiserror", "tempfile"]),
        ("optim", &["autograd", "mpi"]),
    ];
    for (member, names) in allowed {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        let found = section(&manifest, "dependencies");
        let of_linux = section(&manifest, "target.'cfg(target_os = \"linux\")'.dependencies");
        assert!(of_linux.is_empty() || of_linux == ["libc"], "{member} depends on {of_linux:?} on Linux");
        assert!(!found.is_empty() && found.iter().all(|name| names.contains(name)), "{member} depends on {found:?}");
    }
}

#[test]
fn mpi_is_a_dependency_only_of_the_feature_that_is_off_by_default() {
    for member in ["optim", "mnist-demo"] {
        let manifest = fs::read_to_string(workspace().join(member).join("Cargo.toml")).unwrap();
        let features = section(&manifest, "features");
        assert_eq!(features, ["mpi"], "{member}: there is no default feature");
        let lines = manifest.lines().filter(|line| line.starts_with("mpi"));
        let expected: &[&str] = match member {
            "optim" => &[r#"mpi = ["dep:mpi"]"#, "mpi = { workspace = true, optional = true }"],
            _ => &[r#"mpi = ["optim/mpi"]"#],
        };
        assert_eq!(lines.collect::<Vec<_>>(), expected, "{member}");
    }
}

#[test]
fn the_workspace_has_its_five_members() {
    let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
    let members = manifest.lines().find(|line| line.starts_with("members")).unwrap();
    assert_eq!(members, r#"members = ["autograd", "nn", "optim", "mnist-demo", "benches"]"#);
}
