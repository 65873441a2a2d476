//! What the sources declare is checked, documented, and found.
//!
//! `docs/ops.md` and `autograd/docs/methods.md` are written from the sources: `UPDATE_DOCS=1 cargo test -p autograd
//! --test operations` writes them anew.

mod declared;
#[path = "../src/check/samples.rs"]
#[allow(dead_code)] // The check itself uses more of it.
mod samples;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use declared::tables::{FAMILIES, GRADIENTS, NAMES, NOT_HERE, NOT_TENSORS};
use declared::{Check, Operation, checks, operations, sources};
use samples::{MIN_SAMPLES, samples};

/// How many samples the checks are made at.
fn count(checks: &[Check]) -> usize {
    let of = |check: &Check| {
        let shapes: Vec<&[usize]> = check.shapes.iter().map(Vec::as_slice).collect();
        samples(&shapes, check.is_fixed).len()
    };
    checks.iter().map(of).sum()
}

/// An operation is one place: the file that declares it also checks its gradients, in first and second order, or the
/// folder of its tests does. `gradients!` fails where a gradient is lost in silence.
#[test]
fn every_public_operation_checks_its_gradients_where_it_is_declared() {
    let operations = operations();
    for Operation { name, path, checks, returns_a_tensor, is_track_caller, .. } in &operations {
        let path = path.display();
        if *returns_a_tensor {
            assert!(!checks.is_empty(), "{path}: no gradients!(...) calls {name}");
            assert!(count(checks) >= MIN_SAMPLES, "{path}: {name} is checked at {} samples", count(checks));
            assert!(is_track_caller, "{path}: {name} is not #[track_caller]");
        } else {
            assert!(NOT_TENSORS.contains(&name.as_str()), "{path}: {name} returns no tensor");
        }
    }
    assert!(operations.len() >= 200, "only {} operations were found", operations.len());
}

#[test]
fn an_operation_without_a_check_is_seen() {
    let source = "//!\nimpl<T: Float> Tensor<T> {\n    /// One.    y = x\n    ///\n    /// Two\n    /// three.\n    \
        #[track_caller]\n    pub fn a(&self) -> Tensor<T> {\n    }\n    pub fn b<I>(\n    ) -> Indices {\n    }\n}\n\
        mod tests {\n    gradients!(x: |x| x.a(), [2], [3, 0];  fixed);\n    \
        gradients!(\n        y: |x| x.exp(),\n        []\n    );\n}\n";
    let found = declared::declared(source, "shape", Path::new("a.rs"), &checks(source));
    let [a, b] = &found[..] else { panic!("two functions") };
    assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b"));
    assert!(a.returns_a_tensor && a.is_track_caller && a.is_method_of_tensor);
    assert!(!b.returns_a_tensor && !b.is_track_caller && b.checks.is_empty());
    assert_eq!(a.docs, ["One.    y = x", "Two three."]);
    assert_eq!((a.checks.len(), &a.checks[0].shapes[..], a.checks[0].is_fixed), (1, &[vec![2], vec![3, 0]][..], true));
    assert_eq!((checks(source)[1].shapes[0].len(), checks(source)[1].is_fixed), (0, false));
}

/// Samples differ from each other, and there are enough of them for any shapes.
#[test]
fn samples_differ() {
    for shapes in [&[&[3_usize, 4][..], &[4]][..], &[&[2, 3, 4]], &[&[5]], &[&[]]] {
        for is_fixed in [false, true] {
            let found = samples(shapes, is_fixed);
            assert!(found.len() >= MIN_SAMPLES);
            for (index, sample) in found.iter().enumerate() {
                assert!(!found[..index].contains(sample), "{sample:?} comes twice for {shapes:?}");
            }
            let is_replaced = found.iter().any(|sample| sample.replaced.is_some());
            assert_eq!(is_replaced, !is_fixed && !shapes.concat().is_empty());
        }
    }
}

/// A sentence of the documentation as a cell of a table.
fn cell(text: &str) -> String {
    let mut text = text.replace("|", "\\|");
    // [`name`](target) becomes `name`.
    while let Some((before, rest)) = text.split_once("](") {
        let Some((_, after)) = rest.split_once(')') else { break };
        let Some((head, name)) = before.rsplit_once('[') else { break };
        text = format!("{head}{name}{after}");
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a paragraph says before its derivative, and the derivative.
fn formula_and_gradient(paragraph: &str) -> (&str, Option<&str>) {
    let start = ["dy/d", "dz/d", " dx = ", " dx_"].iter().filter_map(|start| paragraph.find(start)).min();
    match start {
        Some(start) => (paragraph[..start].trim_end(), Some(paragraph[start..].trim())),
        None => (paragraph, None),
    }
}

/// The gradient as the documentation has it: a formula, or the sentences that speak of it.
fn gradient(operation: &Operation) -> String {
    if let Some(gradient) = operation.docs.first().and_then(|first| formula_and_gradient(first).1) {
        return gradient.to_owned();
    }
    let text = operation.docs.iter().filter(|paragraph| !paragraph.starts_with("```") && !paragraph.starts_with('#'));
    let sentences = text.flat_map(|paragraph| paragraph.split_inclusive(". ").map(str::trim).collect::<Vec<_>>());
    let about: Vec<&str> =
        sentences.filter(|sentence| sentence.contains("gradient") || sentence.contains("derivative")).collect();
    let known = GRADIENTS.iter().find(|(name, _)| *name == operation.name);
    match known {
        _ if !about.is_empty() => about.join(" "),
        Some((_, gradient)) => (*gradient).to_owned(),
        None => panic!("{}: nothing about the gradient of {}", operation.path.display(), operation.name),
    }
}

/// The name in PyTorch that the documentation links to.
fn name_in_pytorch(operation: &Operation) -> String {
    let docs = operation.docs.join(" ");
    let linked = docs.split("[`torch.").nth(1).and_then(|rest| rest.split('`').next());
    let known = NAMES.iter().find(|(name, _)| *name == operation.name);
    match (linked, known) {
        (_, Some((_, name))) => (*name).to_owned(),
        (Some(name), None) => format!("torch.{name}"),
        (None, None) => panic!("{}: no link to PyTorch's page of {}", operation.path.display(), operation.name),
    }
}

fn title(family: &str) -> &'static str {
    let known = FAMILIES.iter().find(|(name, _)| *name == family);
    known.unwrap_or_else(|| panic!("the family {family} has no title in FAMILIES")).1
}

fn table_of_operations() -> String {
    let mut out = String::from(
        "# Operations\n\n\
         Written from the sources, and compared with them, by the test `operations` of the crate `autograd`: \
         `UPDATE_DOCS=1 cargo test -p autograd --test operations` writes it anew.\n\n\
         *Orders* are those in which the gradients are compared with difference quotients in `f64`, and *samples* \
         at how many inputs: contiguous, transposed, stepped, flipped, expanded, a part of\n\
         a larger tensor, extents of 1 and 0 where the expression takes any, broadcasting where the operation does, \
         each class of attributes, and several values. Integers and booleans have no\n\
         gradient.\n",
    );
    let mut families: BTreeMap<usize, Vec<Operation>> = BTreeMap::new();
    for operation in operations().into_iter().filter(|operation| !["new", "step_by"].contains(&operation.name.as_str()))
    {
        title(&operation.family);
        let position = FAMILIES.iter().position(|(name, _)| *name == operation.family).unwrap();
        families.entry(position).or_default().push(operation);
    }
    for (position, mut operations) in families {
        let _ = write!(
            out,
            "\n## {}\n\n| operation | what it computes | gradient | orders | samples | PyTorch |\n\
            |---|---|---|---|---|---|\n",
            FAMILIES[position].1
        );
        operations.sort_by(|a, b| a.name.cmp(&b.name));
        for operation in &operations {
            let formula = formula_and_gradient(&operation.docs[0]).0;
            let (gradient, orders) =
                if operation.returns_a_tensor { (gradient(operation), "1, 2") } else { ("none".to_owned(), "") };
            let samples = if operation.returns_a_tensor { count(&operation.checks).to_string() } else { String::new() };
            let (name, formula, gradient, pytorch) =
                (&operation.name, cell(formula), cell(&gradient), name_in_pytorch(operation));
            let _ = writeln!(out, "| `{name}` | {formula} | {gradient} | {orders} | {samples} | {pytorch} |");
        }
    }
    out.push_str(
        "\nBeside them: the operators `+ - * /` of tensors and numbers, unary `-`, the constructors and random \
         draws of `Tensor` and `Indices`, and `vjp`, `jvp`, `jacobian`, `hessian`, `hvp`,\n\
         `recompute`, `on_gradient`, `detect_anomaly`.\n\n\
         ## Not here\n\n| PyTorch | instead |\n|---|---|\n",
    );
    for (names, instead) in NOT_HERE {
        let _ = writeln!(out, "| {names} | {instead} |");
    }
    out
}

/// The methods of `Tensor` outside of the operations, by what they are for.
const OTHER_METHODS: &[(&str, &[&str])] = &[
    ("Creation", &["tensor/create.rs", "tensor/nested.rs"]),
    ("Random draws", &["tensor/random.rs"]),
    ("Values, shape and layout", &["tensor.rs", "tensor/interchange.rs", "tensor/display.rs"]),
    ("Gradients", &["graph/engine.rs", "transforms/hook.rs"]),
];

/// The public methods of `Tensor` by title.
fn methods() -> Vec<(&'static str, Vec<Operation>)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut titles: Vec<(&str, Vec<Operation>)> = Vec::new();
    for (title, files) in OTHER_METHODS {
        let of_file = |file: &&str| {
            declared::declared(&fs::read_to_string(source.join(file)).unwrap(), title, Path::new(file), &[])
        };
        titles.push((title, files.iter().flat_map(of_file).collect()));
    }
    for (family, title) in FAMILIES {
        titles.push((title, operations().into_iter().filter(|operation| operation.family == *family).collect()));
    }
    for (_, methods) in &mut titles {
        methods.retain(|method| method.is_method_of_tensor);
        methods.sort_by(|a, b| a.name.cmp(&b.name));
    }
    titles
}

fn index_of_methods() -> String {
    let mut out = String::from("| | methods |\n|---|---|\n");
    for (title, methods) in methods().iter().filter(|(_, methods)| !methods.is_empty()) {
        let links: Vec<String> = methods.iter().map(|method| format!("[`{0}`](Tensor::{0})", method.name)).collect();
        let _ = writeln!(out, "| **{title}** | {} |", links.join(" "));
    }
    out
}

/// Compares a document with what the sources say, or writes it.
fn assert_written(path: PathBuf, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{} is out of date: UPDATE_DOCS=1 cargo test -p autograd --test operations writes it. First difference: \
        {differs:?}",
        path.display()
    );
}

#[test]
fn the_table_of_operations_is_up_to_date() {
    assert_written(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ops.md"), &table_of_operations());
}

#[test]
fn the_index_of_methods_is_up_to_date() {
    assert_written(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/methods.md"), &index_of_methods());
}

/// All public methods are in the index: those of the whole crate, wherever they are.
#[test]
fn every_method_of_tensor_is_in_the_index() {
    let index = index_of_methods();
    let mut methods = 0;
    for (path, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        for method in declared::declared(&text, "", &path, &[]).iter().filter(|method| method.is_method_of_tensor) {
            let link = format!("(Tensor::{})", method.name);
            assert!(index.contains(&link), "{}: {} is not in the index", path.display(), method.name);
            methods += 1;
        }
    }
    assert!(methods >= 200, "only {methods} methods were found");
}

/// What a user of PyTorch looks for first.
#[test]
fn what_users_expect_is_here() {
    let expected = "cat stack split chunk unbind repeat repeat_interleave roll pad tril triu diagonal where_ \
        masked_fill masked_select nonzero index_add scatter scatter_add take_along_dim sort argsort topk unique \
        one_hot cumsum cumprod logcumsumexp einsum outer bmm addmm clamp maximum minimum pow atan2 fmod floor ceil \
        round trunc log2 log10 log_sigmoid softsign mish elu selu hardtanh relu6 leaky_relu var std var_mean norm \
        prod logsumexp allclose isnan isfinite slice_assign index_put at index bernoulli normal uniform multinomial \
        rnn_cell lstm_cell gru_cell on_gradient";
    let methods: Vec<String> =
        methods().into_iter().flat_map(|(_, methods)| methods).map(|method| method.name).collect();
    for name in expected.split_whitespace() {
        assert!(methods.contains(&name.to_owned()), "there is no {name}");
    }
}

#[test]
fn what_is_said_not_to_be_here_is_not() {
    let here: Vec<String> = operations().into_iter().map(|operation| operation.name).collect();
    for (names, _) in NOT_HERE {
        for name in names.split(", ") {
            assert!(!here.contains(&name.to_owned()), "{name} is here");
        }
    }
}

/// The blocks of methods on the page of `Tensor` have headings.
#[test]
fn the_blocks_of_methods_have_headings() {
    for (path, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let mut lines = text.lines().peekable();
        let mut before = "";
        while let Some(line) = lines.next() {
            if line == "impl<T: Float> Tensor<T> {" {
                let block: Vec<&str> = lines.clone().take_while(|line| *line != "}").collect();
                let is_public = block.iter().any(|line| line.starts_with("    pub fn "));
                let has_heading = before.starts_with("/// # ");
                assert!(!is_public || has_heading, "{}: a block without a heading", path.display());
            }
            before = line;
        }
    }
}
