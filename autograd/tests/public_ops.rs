//! No gradient is lost without an error: every public operation is differentiable, or refuses a tracked input with a
//! clear message, or returns integers.
//!
//! The operations are read from the sources. The test fails for an operation whose file does not check its gradients.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use autograd::check::gradcheck;
use autograd::{CrossEntropy, Indices, Tensor, accuracy};

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            found.push((path, source));
        }
    }
    found
}

/// The names of the public functions of a source that return a tensor, and of the others.
fn public_functions(source: &str) -> [BTreeSet<String>; 2] {
    let mut functions = [BTreeSet::new(), BTreeSet::new()];
    for (_, rest) in source.match_indices("    pub fn ").map(|(at, indented)| source[at..].split_at(indented.len())) {
        let name = rest.split(['(', '<']).next().unwrap().to_owned();
        let signature = rest.split(" {\n").next().unwrap();
        let returns_a_tensor = signature.rsplit("->").next().unwrap().contains("Tensor<");
        functions[usize::from(!returns_a_tensor)].insert(name);
    }
    functions
}

/// The functions that the lines `gradients!(...)` of a source call.
fn checked(source: &str) -> String {
    source.match_indices("gradients!(").map(|(at, _)| source[at..].split(");\n").next().unwrap()).collect()
}

/// The operations that return no tensor.
const NOT_TENSORS: &[&str] = &[
    "accuracy", "allclose", "argmax", "argmin", "argsort", "nonzero", "unique", "eq", "equal", "ge", "gt", "isclose",
    "isfinite", "isinf", "isnan", "le", "lt", "ne", "new",
];

/// The file that declares an operation also checks its gradients, in first and second order, or the folder of its tests
/// does. `gradients!` fails if a gradient is lost.
#[test]
fn every_public_operation_checks_its_gradients_where_it_is_declared() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut operations = 0;
    for (path, text) in sources(&source.join("ops")) {
        let beside = path.with_extension("").join("tests.rs");
        let checked = checked(&text) + &checked(&fs::read_to_string(beside).unwrap_or_default());
        let [tensors, others] = public_functions(&text);
        for name in &tensors {
            let calls = [format!(".{name}("), format!("Tensor::{name}(")];
            let is_checked = calls.iter().any(|call| checked.contains(call));
            assert!(is_checked, "{}: no gradients!(...) calls {name}", path.display());
        }
        for name in others {
            assert!(NOT_TENSORS.contains(&name.as_str()), "{}: {name} returns no tensor", path.display());
        }
        operations += tensors.len();
    }
    assert!(operations >= 50, "only {operations} operations were found");
}

#[test]
fn an_operation_without_a_check_is_detected() {
    let source = "impl X {\n    pub fn a(&self) -> Tensor<T> {\n    }\n    pub fn b<I>(\n    ) -> Indices {\n    }\n}\n\
                  gradients!(x: |x| x.a(), [2]);\n";
    assert_eq!(public_functions(source), [BTreeSet::from(["a".to_owned()]), BTreeSet::from(["b".to_owned()])]);
    assert!(checked(source).contains(".a(") && !checked(source).contains(".b("));
}

type Operation = fn(&Tensor<f64>) -> Tensor<f64>;

#[test]
fn operators_are_differentiable() {
    let operators: [(&str, Operation); 9] = [
        ("add", |x| x + x),
        ("sub", |x| x - x * 3.0),
        ("mul", |x| x * x),
        ("div", |x| x / (x * x + 1.0)),
        ("neg", |x| -x),
        ("number +", |x| 1.0 + x),
        ("number -", |x| 1.0 - x),
        ("number *", |x| 2.0 * x),
        ("number /", |x| 1.0 / (x * x + 1.0)),
    ];
    let x = Tensor::<f64>::randn([3, 4], 0);
    for (name, operator) in operators {
        assert!(operator(&x.clone().requires_grad()).is_tracked(), "{name} loses the gradient in silence");
        gradcheck(|x| operator(&x[0]), std::slice::from_ref(&x)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn operations_that_return_integers_accept_tracked_tensors() {
    let x = Tensor::<f64>::randn([3, 4], 0).requires_grad();
    assert_eq!(x.argmax(1, false).numel(), 3);
    assert_eq!(x.argmin(1, true).numel(), 3);
    assert_eq!(x.argsort(1, true).numel(), 12);
    assert_eq!(*x.nonzero().shape(), [12, 2]);
    assert_eq!(x.unique().values.len(), 12);
    assert!((0.0..=1.0).contains(&accuracy(&x, &Indices::from([3, 0, 1]))));
}

#[test]
#[should_panic(expected = "cross_entropy: the weight is tracked, but no gradient flows to it: detach it")]
fn a_tracked_class_weight_is_refused() {
    let weight = Some(Tensor::<f64>::ones([4]).requires_grad());
    let options = CrossEntropy { weight, ..CrossEntropy::default() };
    Tensor::<f64>::randn([3, 4], 0).cross_entropy_with(&Indices::from([3, 0, 1]), &options);
}
