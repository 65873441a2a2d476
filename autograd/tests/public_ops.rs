//! No gradient is lost in silence: every public operation is differentiable, or refuses a tracked input in plain words, or returns integers.
//!
//! The operations are read from the sources; one that has no line in the table here fails the test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use autograd::check::{gradcheck, gradgradcheck};
use autograd::{CrossEntropy, Indices, Reduction, Tensor, accuracy};

type Operation = fn(&Tensor<f64>) -> Tensor<f64>;

/// Each differentiable operation, of a matrix `[3, 4]`.
const DIFFERENTIABLE: &[(&str, Operation)] = &[
    ("abs", |x| x.abs()),
    ("amax", |x| x.amax(1, false)),
    ("amin", |x| x.amin(0, true)),
    ("contiguous", |x| x.t().contiguous() * 2.0),
    ("cos", |x| x.cos()),
    ("cross_entropy", |x| x.cross_entropy(&labels())),
    ("cross_entropy_with", |x| {
        let options = CrossEntropy { reduction: Reduction::None, label_smoothing: 0.1, ..CrossEntropy::default() };
        x.cross_entropy_with(&labels(), &options)
    }),
    ("erf", |x| x.erf()),
    ("exp", |x| x.exp()),
    ("exp_m1", |x| x.exp_m1()),
    ("expand", |x| x.expand([2, 3, 4])),
    ("flatten", |x| x.flatten(0, 1)),
    ("flip", |x| x.flip(1_isize) * x),
    ("gather", |x| x.gather(1, &Indices::new(vec![0, 3, 1, 1, 2, 0], [3, 2]))),
    ("gelu", |x| x.gelu()),
    ("gelu_tanh", |x| x.gelu_tanh()),
    ("index_select", |x| x.index_select(0, [2, 2, 0])),
    ("linear", |x| x.linear(&(x * 2.0), Some(&x.select(1, 0)))),
    ("linear_relu", |x| x.linear_relu(&(x * 2.0), Some(&x.select(1, 0)))),
    ("ln", |x| (x * x + 0.5).ln()),
    ("ln_1p", |x| (x * x).ln_1p()),
    ("log_softmax", |x| x.log_softmax(1)),
    ("matmul", |x| x.matmul(&x.t())),
    ("max", |x| x.max()),
    ("max_dim", |x| x.max_dim(1, false).0),
    ("mean", |x| x.mean()),
    ("mean_dim", |x| x.mean_dim(0, false)),
    ("min", |x| x.min()),
    ("min_dim", |x| x.min_dim(1, false).0),
    ("narrow", |x| x.narrow(1, 1, 2)),
    ("permute", |x| x.permute([1, 0])),
    ("powf", |x| x.powf(3.0)),
    ("relu", |x| x.relu()),
    ("reshape", |x| x.reshape([2, 6])),
    ("select", |x| x.select(0, 1)),
    ("sigmoid", |x| x.sigmoid()),
    ("sign", |x| x.sign() * x),
    ("silu", |x| x.silu()),
    ("sin", |x| x.sin()),
    ("slice", |x| x.slice(1, 0, 4, 2)),
    ("softmax", |x| x.softmax(0)),
    ("softplus", |x| x.softplus(2.0, 1.5)),
    ("sqrt", |x| (x * x + 0.5).sqrt()),
    ("squeeze", |x| x.unsqueeze(0).squeeze(0)),
    ("squeeze_all", |x| x.unsqueeze(0).squeeze_all()),
    ("sum", |x| x.sum()),
    ("sum_dim", |x| x.sum_dim([0, 1], true)),
    ("t", |x| x.t()),
    ("tanh", |x| x.tanh()),
    ("transpose", |x| x.transpose(0, 1)),
    ("unsqueeze", |x| x.unsqueeze(-1)),
];

/// Operations whose results are integers, or a plain number: nothing to differentiate.
const INTEGERS: &[&str] = &["accuracy", "argmax", "argmin"];

fn labels() -> Indices {
    Indices::from([3, 0, 1])
}

/// The public functions of the operations' sources.
fn public_functions() -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<_> = fs::read_dir(source.join("ops")).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Folders hold tests.
    files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.push(source.join("graph/broadcast.rs"));
    let mut names = BTreeSet::new();
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            if let Some(rest) = line.trim_start().strip_prefix("pub fn ") {
                names.insert(rest.split(['(', '<']).next().unwrap().to_owned());
            }
        }
    }
    names
}

#[test]
fn every_public_operation_is_in_the_table() {
    let listed: BTreeSet<String> =
        DIFFERENTIABLE.iter().map(|(name, _)| *name).chain(INTEGERS.iter().copied()).map(str::to_owned).collect();
    assert_eq!(public_functions(), listed);
}

#[test]
fn every_differentiable_operation_has_its_gradient() {
    let x = Tensor::<f64>::randn([3, 4], 0);
    for (name, operation) in DIFFERENTIABLE {
        assert!(operation(&x.clone().requires_grad()).is_tracked(), "{name} loses the gradient in silence");
        gradcheck(|x| operation(&x[0]), std::slice::from_ref(&x)).unwrap_or_else(|error| panic!("{name}: {error}"));
        gradgradcheck(|x| operation(&x[0]), std::slice::from_ref(&x)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

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
fn what_returns_integers_takes_tracked_tensors() {
    let x = Tensor::<f64>::randn([3, 4], 0).requires_grad();
    assert_eq!(x.argmax(1, false).numel(), 3);
    assert_eq!(x.argmin(1, true).numel(), 3);
    assert!((0.0..=1.0).contains(&accuracy(&x, &labels())));
}

#[test]
#[should_panic(expected = "cross_entropy: the weight is tracked, but no gradient flows to it: detach it")]
fn a_tracked_class_weight_is_refused() {
    let weight = Some(Tensor::<f64>::ones([4]).requires_grad());
    let options = CrossEntropy { weight, ..CrossEntropy::default() };
    Tensor::<f64>::randn([3, 4], 0).cross_entropy_with(&labels(), &options);
}
