//! How a case of each kind is run.

use autograd::{Float, Gradients, Order, Param, Tensor, grad, grad_with};
use optim::{Adam, AdamW, Optimizer, Sgd};

use crate::cases::{Case, Golden, Row};
use crate::compare::{self, Tolerance};
use crate::operations::{Output, apply};
use crate::training;

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
        "optimizer" => optimizer(&case),
        _ => None,
    };
    verdict.map_or(Outcome::Unknown, |verdict| verdict.map_or_else(Outcome::Failed, |()| Outcome::Passed))
}

fn tolerance<T: Float>(case: &Case<'_, T>, key: &str) -> Tolerance {
    Tolerance::of(&case.row.json["tol"][T::NAME], key)
}

fn agrees<T: Float>(case: &Case<'_, T>, key: &str, got: &Tensor<T>) -> Result<(), String> {
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

/// Steps on loss = the sum over w1 and w2 of ½ sum(c (w - t)²), the losses taken before each step.
fn optimizer<T: Float>(case: &Case<'_, T>) -> Option<Result<(), String>> {
    let names = ["w1", "w2"];
    let weights = names.map(|name| Param::new(case.golden(&format!("in/{name}")).expect("the case has its weights")));
    let mut optimizer = build(case, weights.clone())?;
    let steps = case.row.json["steps"].as_u64().expect("the case has a number of steps") as usize;
    let wanted = |key: &str, name: &str| case.golden(&format!("{key}/{name}")).expect("the case is whole");
    let (mut losses, mut paths) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..steps {
        let terms = names.iter().zip(&weights).map(|(name, weight)| {
            let away = weight.tensor() - wanted("t", name);
            (wanted("c", name) * &away * &away).sum() * T::from_f64(0.5)
        });
        let loss = terms.reduce(|a, b| a + b).expect("two terms");
        losses.push(loss.item());
        optimizer.step(&loss.backward());
        for (path, weight) in paths.iter_mut().zip(&weights) {
            path.extend(weight.tensor().to_vec());
        }
    }
    let check = || {
        agrees(case, "losses", &Tensor::from_vec(losses, [steps]))?;
        for ((name, path), weight) in names.iter().zip(paths).zip(&weights) {
            let shape: Vec<usize> = [steps].into_iter().chain(weight.tensor().shape().iter().copied()).collect();
            agrees(case, &format!("path/{name}"), &Tensor::from_vec(path, shape))?;
        }
        Ok(())
    };
    Some(check())
}

fn build<T: Float>(case: &Case<'_, T>, weights: [Param<T>; 2]) -> Option<Box<dyn Optimizer<T>>> {
    let number = |name: &str, default: f64| case.number(name).unwrap_or(default);
    let lr = |default| number("lr", default);
    let betas = case.attribute("betas");
    let betas = (betas[0].as_f64().unwrap_or(0.9), betas[1].as_f64().unwrap_or(0.999));
    let (eps, amsgrad) = (number("eps", 1e-8), case.flag("amsgrad"));
    Some(match case.row.op.as_str() {
        "adam" => {
            let adam = Adam::new(weights, lr(1e-3)).betas(betas.0, betas.1).eps(eps).amsgrad(amsgrad);
            Box::new(adam.weight_decay(number("weight_decay", 0.0)))
        }
        "adamw" => {
            let adamw = AdamW::new(weights, lr(1e-3)).betas(betas.0, betas.1).eps(eps).amsgrad(amsgrad);
            Box::new(adamw.weight_decay(number("weight_decay", 0.01)))
        }
        "sgd" => {
            let sgd = Sgd::new(weights, lr(1e-3)).weight_decay(number("weight_decay", 0.0));
            let sgd = sgd.momentum(number("momentum", 0.0)).dampening(number("dampening", 0.0));
            Box::new(sgd.nesterov(case.flag("nesterov")))
        }
        _ => return None,
    })
}
