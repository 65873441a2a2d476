//! Rules of the architecture: imports point to lower floors, `unsafe` is only in certain files, and files are short.

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
    // A test module in its own file is only one line here, and code may follow it.
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

/// The names after a prefix such as `crate::`: one name, or the names in braces.
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

/// The modules at the crate's root that a file imports; `module` is the file's own path, `["graph", "engine"]` for
/// `graph/engine.rs`.
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

/// The floor of a module of the crate `autograd`; `None` for a re-exported item.
fn floor(module: &str) -> Option<usize> {
    Some(match module {
        "arithmetic" | "dimensions" | "elementary" | "error" | "indices" | "layout" | "lock" | "mask" | "mode"
        | "pool" | "random" | "replay" | "scalar" | "shape" | "state" | "storage" | "trace" => 0,
        "kernels" => 1,
        "float" | "graph" | "instances" | "op" | "param" | "tensor" => 2,
        "check" | "ops" | "transforms" => 3,
        _ => return None,
    })
}

/// A message for each import of a file from a higher floor.
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
fn an_upward_import_is_detected() {
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

/// The modules of a folder, each with the siblings that it imports in `use super::name` lines.
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

/// Repeatedly removes modules that import none of the remaining ones. What is left are cycles, and modules that import
/// them.
fn cycles(mut modules: Vec<(String, Vec<String>)>) -> Vec<String> {
    loop {
        let names: Vec<String> = modules.iter().map(|(name, _)| name.clone()).collect();
        modules.retain(|(_, uses)| uses.iter().any(|used| names.contains(used)));
        if modules.len() == names.len() {
            return names;
        }
    }
}

#[test]
fn the_files_of_the_matrix_product_import_each_other_without_a_cycle() {
    for folder in ["kernels/gemm", "kernels/skip_zeros"] {
        let modules = siblings(folder);
        assert!(modules.iter().any(|(name, uses)| name == "loops" && uses.len() >= 2), "{folder}: {modules:?}");
        assert_eq!(cycles(modules), [""; 0], "{folder}");
    }
    let modules = [("a", vec!["b"]), ("b", vec!["c", "a"]), ("c", vec![])];
    let owned = modules.map(|(name, uses)| (name.to_owned(), uses.into_iter().map(str::to_owned).collect()));
    assert_eq!(cycles(owned.into()), ["a", "b"], "a cycle is detected");
}

/// A module as the search for circles sees it: a file or folder at the crate's root, or directly in `kernels`.
fn node(module: &[String]) -> Option<String> {
    match module {
        [kernels] if kernels == "kernels" => None,
        [kernels, name, ..] if kernels == "kernels" => Some(format!("kernels/{name}")),
        [name, ..] => Some(name.clone()),
        [] => None,
    }
}

/// The nodes that a file imports; `module` is its own path.
fn imported_nodes(code: &str, module: &[String]) -> Vec<String> {
    let below = |base: &[String], rest: &str| -> Vec<String> {
        if let (Some(inside), true) = (rest.strip_prefix("kernels::"), base.is_empty()) {
            return names_after(inside).into_iter().map(|name| format!("kernels/{name}")).collect();
        }
        let path = |name: &str| base.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
        names_after(rest).into_iter().filter_map(|name| node(&path(name))).collect()
    };
    let mut found = Vec::new();
    for (position, _) in code.match_indices("crate::") {
        let before = code[..position].chars().next_back();
        if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '$') {
            found.extend(below(&[], &code[position + "crate::".len()..]));
        }
    }
    for (position, _) in code.match_indices("super::").filter(|&(position, _)| !code[..position].ends_with("super::")) {
        let (mut rest, mut up) = (&code[position..], 0);
        while let Some(above) = rest.strip_prefix("super::") {
            (rest, up) = (above, up + 1);
        }
        found.extend(below(&module[..module.len().saturating_sub(up)], rest));
    }
    found
}

/// The modules that import themselves, by way of others.
fn on_circles(edges: &[(String, String)]) -> Vec<String> {
    let reaches = |start: &String| {
        let (mut seen, mut waiting) = (Vec::new(), vec![start]);
        while let Some(from) = waiting.pop() {
            for (_, to) in edges.iter().filter(|(own, _)| own == from) {
                if !seen.contains(&to) {
                    seen.push(to);
                    waiting.push(to);
                }
            }
        }
        seen.contains(&start)
    };
    let mut found: Vec<String> = edges.iter().map(|(from, _)| from).filter(|from| reaches(from)).cloned().collect();
    found.sort();
    found.dedup();
    found
}

/// Circles between modules of the engine that are meant: an operation is made of tensors, and a tensor has an edge to
/// the operation that it came from.
const MEANT: [&str; 3] = ["graph", "op", "tensor"];

#[test]
fn modules_import_each_other_without_a_circle() {
    let mut edges = Vec::new();
    for (path, source) in sources(&workspace().join("autograd/src")) {
        let mut module: Vec<String> =
            path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let is_test = module.last().is_some_and(|last| last == "tests") || module.contains(&"tests".to_owned());
        let Some(own) = node(&module).filter(|own| own != "lib" && !is_test) else { continue };
        let imported = imported_nodes(&code(&source), &module);
        edges.extend(imported.into_iter().filter(|other| *other != own).map(|other| (own.clone(), other)));
    }
    assert!(edges.len() > 100, "{edges:?}");
    assert_eq!(on_circles(&edges), MEANT);
    let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let example = [edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("c", "d")];
    assert_eq!(on_circles(&example), ["b", "c"]);
    let module = ["kernels".to_owned(), "gemm".to_owned(), "loops".to_owned()];
    let found = imported_nodes(
        "use super::super::map; use super::pack; use crate::kernels::{simd, trace}; use crate::pool::Block;",
        &module,
    );
    assert_eq!(found, ["kernels/simd", "kernels/trace", "pool", "kernels/map", "kernels/gemm"]);
}

/// The dense product has no word of what stands beside it.
#[test]
fn the_matrix_product_does_not_skip_zeros_or_trace() {
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
fn crates_use_only_crates_below_them_and_no_siblings() {
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
fn unsafe_is_only_in_the_kernels_the_storage_the_pool_and_the_benches() {
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

/// The address of a page in this line, which cannot be wrapped.
fn address(line: &str) -> &str {
    let rest = line.find("https://").map_or("", |start| &line[start..]);
    rest.split([' ', ')', '>']).next().unwrap_or("")
}

#[test]
fn files_and_lines_are_short() {
    for member in ["autograd", "nn", "optim", "mnist-demo", "benches"] {
        for (path, source) in sources(&workspace().join(member)) {
            let (lines, path) = (source.lines().count(), path.display());
            assert!(lines <= 400, "{member}/{path} has {lines} lines");
            for (number, line) in source.lines().enumerate() {
                let columns = line.chars().count() - address(line).chars().count();
                assert!(columns <= 120, "{member}/{path}, line {}: {columns} columns", number + 1);
            }
        }
    }
}

/// ARCHITECTURE.md and the first page of the documentation name each module on its floor.
#[test]
fn the_pages_name_each_module_on_its_floor() {
    let read = |path: &str| fs::read_to_string(workspace().join(path)).unwrap();
    let (library, architecture) = (read("autograd/src/lib.rs"), read("ARCHITECTURE.md"));
    let drawing = architecture.split("```").nth(1).unwrap();
    let modules = library.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    let modules: Vec<&str> = modules.filter_map(|line| line.strip_suffix(';')).collect();
    assert!(modules.len() > 20, "{modules:?}");
    for module in modules {
        let floor = floor(module).unwrap_or_else(|| panic!("{module} has no floor"));
        let drawn = drawing.split(&format!("\nfloor {floor} ")).nth(1).unwrap().split("\nfloor ").next().unwrap();
        let listed = library.split(&format!("\n//! - **Floor {floor}**")).nth(1).unwrap();
        let listed = listed.split("\n//! - ").next().unwrap().split("\n//!\n").next().unwrap();
        for (page, text) in [("ARCHITECTURE.md", drawn), ("autograd/src/lib.rs", listed)] {
            let mut names = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            assert!(names.any(|name| name == module), "{page}: floor {floor} does not name {module}");
        }
    }
}
