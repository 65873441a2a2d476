//! How a case of each kind is run.

use autograd::{Float, Gradients, Order, Param, Tensor, grad, grad_with};
use nn::{CrossEntropyLoss, Linear, Mode, Module, ReLU, Sequential, checkpoint};
use optim::Adam;

use crate::cases::{Case, Golden, Row, indices, tensor};
use crate::compare::{self, Tolerance};
use crate::operations::{Output, apply};
use crate::{clip, gpt, optimizers, schedules};

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
            "train_gpt" => gpt::train_gpt(golden, row).map_or_else(Outcome::Failed, |()| Outcome::Passed),
            "train_mlp" => train_mlp(golden, row).map_or_else(Outcome::Failed, |()| Outcome::Passed),
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
            gradients.merge(output.backward_with(&seed));
        }
    }
    if has_gradient {
        for (name, leaf) in case.leaves() {
            let zeros = Tensor::zeros(leaf.shape());
            agrees(case, &format!("grad/{name}"), gradients.get(leaf).unwrap_or(&zeros))?;
        }
    }
    Ok(())
}

/// s = the sum over the inputs of sum(grad · v), differentiated with respect to the inputs and to the upstream gradient.
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

/// The trajectory of a whole network: its losses before each step, and its weights after the last.
fn train_mlp(golden: &Golden, row: &Row) -> Result<(), String> {
    let path = |key: &str| golden.folder.join(row.json["files"][key].as_str().unwrap_or_default());
    let batches = golden.file(row, "batches").ok_or("the case has no batches")?;
    let (x, y) = (tensor::<f32>(&batches, "x"), indices(&batches, "y"));
    let (x, y) = (x.ok_or("no x")?, y.ok_or("no y")?);
    let steps = x.size(0);
    let classes = y.as_slice().chunks(y.numel() / steps);

    // The widths are the saved weights'.
    let start = golden.file(row, "start").ok_or("the case has no start")?;
    let layer = |name: &str| -> Result<Linear, String> {
        let weight = start.tensor(&format!("{name}.weight")).map_err(|error| error.to_string())?;
        Ok(Linear::new(weight.shape()[1], weight.shape()[0], 0))
    };
    let model: Sequential = Sequential::new()
        .named("fc1", layer("fc1")?)
        .named("relu1", ReLU)
        .named("fc2", layer("fc2")?)
        .named("relu2", ReLU)
        .named("fc3", layer("fc3")?);
    checkpoint::load(&model, path("start")).map_err(|error| error.to_string())?;

    let lr = row.json["attrs"]["lr"].as_f64().ok_or("no learning rate")?;
    let mut adam = Adam::new(model.parameters(), lr);
    let criterion = CrossEntropyLoss::new();
    let mut got = Vec::new();
    for (step, classes) in classes.enumerate() {
        let scores = model.forward(&x.select(0, step as isize), Mode::Train);
        let loss = criterion.forward(&scores, &classes.into());
        got.push(loss.item());
        adam.step(&loss.backward());
    }
    same_trajectory(golden, row, got, &model.named_parameters())
}

/// Whether the losses before each step, and the parameters after the last, are those of the case.
pub fn same_trajectory(golden: &Golden, row: &Row, losses: Vec<f32>, named: &[(String, Param)]) -> Result<(), String> {
    let batches = golden.file(row, "batches").ok_or("the case has no batches")?;
    let want = tensor::<f32>(&batches, "losses").ok_or("no losses")?;
    let tolerance = &row.json["tol"];
    let steps = losses.len();
    compare::tensors(
        "losses",
        &Tensor::from_vec(losses, [steps]),
        &want,
        &Tolerance::of(&tolerance["losses"], "losses"),
    )?;
    let last = golden.file(row, "final").ok_or("the case has no final")?;
    for (name, param) in named {
        let want = tensor(&last, name).ok_or_else(|| format!("no {name} at the end"))?;
        compare::tensors(name, &param.tensor(), &want, &Tolerance::of(&tolerance["final"], name))?;
    }
    if named.len() == last.len() {
        Ok(())
    } else {
        Err(format!("{} weights at the end, not {}", last.len(), named.len()))
    }
}
