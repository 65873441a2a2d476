//! How a case of each kind is run.

use autograd::{Float, Gradients, Order, Tensor, grad, grad_with};

use crate::cases::{Case, Golden, Row};
use crate::compare::{self, Tolerance};
use crate::operations::{Output, apply};
use crate::{clip, gpt, optimizers, schedules, training};

/// How a case went.
pub enum Outcome {
    Passed,
    Failed(String),
    /// Its operation is not known.
    Unknown,
}

/// Runs the case in each type that it has. Passed is what passes in all of them.
pub fn run(golden: &Golden, row: &Row) -> Outcome {
    if row.kind == "training" {
        return match row.op.as_str() {
            "train_mlp" => training::train_mlp(golden, row).map_or_else(Outcome::Failed, |()| Outcome::Passed),
            "train_cnn" => training::train_cnn(golden, row).map_or_else(Outcome::Failed, |()| Outcome::Passed),
            "train_gpt" => gpt::train_gpt(golden, row).map_or_else(Outcome::Failed, |()| Outcome::Passed),
            _ => Outcome::Unknown,
        };
    }
    match (run_in::<f32>(golden, row), run_in::<f64>(golden, row)) {
        (Outcome::Failed(first), Outcome::Failed(second)) => Outcome::Failed(format!("{first}; {second}")),
        (Outcome::Failed(reason), _) | (_, Outcome::Failed(reason)) => Outcome::Failed(reason),
        (Outcome::Unknown, _) | (_, Outcome::Unknown) => Outcome::Unknown,
        _ => Outcome::Passed,
    }
}

fn run_in<T: Float>(golden: &Golden, row: &Row) -> Outcome {
    let Some(file) = golden.file(row, T::NAME) else { return Outcome::Passed };
    let case = Case::<T>::new(row, file);
    let verdict = match row.kind.as_str() {
        "op" => apply(&case).map(|outputs| check_op(&case, outputs)),
        "second" => apply(&case).map(|outputs| check_second(&case, outputs)),
        "optimizer" => optimizers::optimizer(&case),
        "scheduler" => schedules::scheduler(&case),
        "clip" => clip::clip(&case),
        _ => None,
    };
    verdict.map_or(Outcome::Unknown, |verdict| verdict.map_or_else(Outcome::Failed, |()| Outcome::Passed))
}

fn tolerance<T: Float>(case: &Case<'_, T>, key: &str) -> Tolerance {
    Tolerance::of(&case.row.json["tol"][T::NAME], key)
}

/// Whether a result is that of the case.
pub fn agrees<T: Float>(case: &Case<'_, T>, key: &str, got: &Tensor<T>) -> Result<(), String> {
    let want = case.golden(key).ok_or_else(|| format!("the case has no {key}"))?;
    compare::tensors(key, got, &want, &tolerance(case, key))
}

fn check_op<T: Float>(case: &Case<'_, T>, outputs: Vec<Output<T>>) -> Result<(), String> {
    let mut gradients = Gradients::default();
    let mut has_gradient = false;
    for (index, output) in outputs.into_iter().enumerate() {
        let key = format!("out/{index}");
        let output = match output {
            Output::Tensor(output) => output,
            Output::Indices(got) => {
                let want = case.golden_indices(&key).ok_or_else(|| format!("the case has no {key}"))?;
                compare::indices(&key, &got, &want)?;
                continue;
            }
        };
        agrees(case, &key, &output)?;
        if let Some(seed) = case.golden(&format!("gout/{index}")) {
            has_gradient = true;
            // Other outputs may share the graph.
            gradients.merge(output.backward_with_retain_graph(&seed));
        }
    }
    if has_gradient {
        for (name, leaf) in case.leaves() {
            let zeros = Tensor::zeros(leaf.shape());
            let found = match case.bound(name) {
                Some(param) => gradients.of(&param).cloned(),
                None => gradients.get(leaf).cloned(),
            };
            agrees(case, &format!("grad/{name}"), &found.unwrap_or(zeros))?;
        }
    }
    Ok(())
}

/// s = the sum over the inputs of sum(grad · v), differentiated with respect to the inputs and to the upstream
/// gradient.
fn check_second<T: Float>(case: &Case<'_, T>, outputs: Vec<Output<T>>) -> Result<(), String> {
    let [Output::Tensor(y)] = outputs.as_slice() else { return Err("one output is wanted".to_owned()) };
    agrees(case, "out/0", y)?;
    let seed = case.golden("gout/0").ok_or("the case has no gout/0")?.requires_grad();
    let (names, leaves): (Vec<&str>, Vec<&Tensor<T>>) = case.leaves().into_iter().unzip();
    let gradients = grad_with(y, &leaves, &seed, Order::Higher);
    let mut sum: Tensor<T> = Tensor::zeros(());
    for (name, gradient) in names.iter().zip(&gradients) {
        agrees(case, &format!("grad/{name}"), gradient)?;
        let direction = case.golden(&format!("v/{name}")).ok_or_else(|| format!("the case has no v/{name}"))?;
        sum = sum + (gradient * direction).sum();
    }
    let mut all = leaves;
    all.push(&seed);
    let second = if sum.is_tracked() {
        grad(&sum, &all, Order::First)
    } else {
        all.iter().map(|tensor| Tensor::zeros(tensor.shape())).collect()
    };
    for (name, gradient) in names.iter().zip(&second) {
        agrees(case, &format!("grad2/{name}"), gradient)?;
    }
    agrees(case, "grad2_gout/0", &second[second.len() - 1])
}
