//! Steps on loss = the sum over w1 and w2 of ½ sum(c (w - t)²), the losses taken before each step.

use autograd::{Float, Param, Tensor};
use optim::{Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, NAdam, Optimizer, RAdam, RMSprop, Rprop, Sgd};

use crate::cases::Case;
use crate::kinds::agrees;

const NAMES: [&str; 2] = ["w1", "w2"];

pub fn optimizer<T: Float>(case: &Case<'_, T>) -> Option<Result<(), String>> {
    let weights = NAMES.map(|name| Param::new(case.golden(&format!("in/{name}")).expect("the case has its weights")));
    let mut optimizer = build(case, weights.clone())?;
    let steps = case.row.json["steps"].as_u64().expect("the case has a number of steps") as usize;
    let (mut losses, mut paths) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..steps {
        let loss = loss(case, &weights);
        losses.push(loss.item());
        optimizer.step(&loss.backward());
        for (path, weight) in paths.iter_mut().zip(&weights) {
            path.extend(weight.tensor().to_vec());
        }
    }
    let check = || {
        agrees(case, "losses", &Tensor::from_vec(losses, [steps]))?;
        for ((name, path), weight) in NAMES.iter().zip(paths).zip(&weights) {
            let shape: Vec<usize> = [steps].into_iter().chain(weight.tensor().shape().iter().copied()).collect();
            agrees(case, &format!("path/{name}"), &Tensor::from_vec(path, shape))?;
        }
        Ok(())
    };
    Some(check())
}

fn loss<T: Float>(case: &Case<'_, T>, weights: &[Param<T>; 2]) -> Tensor<T> {
    let wanted = |key: &str, name: &str| case.golden(&format!("{key}/{name}")).expect("the case is whole");
    let terms = NAMES.iter().zip(weights).map(|(name, weight)| {
        let away = weight.tensor() - wanted("t", name);
        (wanted("c", name) * &away * &away).sum() * T::from_f64(0.5)
    });
    terms.reduce(|a, b| a + b).expect("two terms")
}

/// The case's optimizer, with PyTorch's defaults for the attributes that it does not name.
fn build<T: Float>(case: &Case<'_, T>, weights: [Param<T>; 2]) -> Option<Box<dyn Optimizer<T>>> {
    build_of_adams_family(case, weights.clone()).or_else(|| build_another(case, weights))
}

fn build_of_adams_family<T: Float>(case: &Case<'_, T>, weights: [Param<T>; 2]) -> Option<Box<dyn Optimizer<T>>> {
    let number = |name: &str, default: f64| case.number(name).unwrap_or(default);
    let lr = |default| number("lr", default);
    let betas = case.attribute("betas");
    let (first, second) = (betas[0].as_f64().unwrap_or(0.9), betas[1].as_f64().unwrap_or(0.999));
    let (eps, decay) = (number("eps", 1e-8), number("weight_decay", 0.0));
    let [amsgrad, maximize, decoupled] = ["amsgrad", "maximize", "decoupled_weight_decay"].map(|name| case.flag(name));
    Some(match case.row.op.as_str() {
        "adam" => {
            let adam = Adam::new(weights, lr(1e-3)).betas(first, second).eps(eps).amsgrad(amsgrad);
            Box::new(adam.weight_decay(decay).decoupled_weight_decay(decoupled).maximize(maximize))
        }
        "adamw" => {
            let adamw = AdamW::new(weights, lr(1e-3)).betas(first, second).eps(eps).amsgrad(amsgrad);
            Box::new(adamw.weight_decay(number("weight_decay", 0.01)).maximize(maximize))
        }
        "adamax" => {
            let adamax = Adamax::new(weights, lr(2e-3)).betas(first, second).eps(eps);
            Box::new(adamax.weight_decay(decay).maximize(maximize))
        }
        "nadam" => {
            let nadam = NAdam::new(weights, lr(2e-3)).betas(first, second).eps(eps).weight_decay(decay);
            let nadam = nadam.momentum_decay(number("momentum_decay", 4e-3)).decoupled_weight_decay(decoupled);
            Box::new(nadam.maximize(maximize))
        }
        "radam" => {
            let radam = RAdam::new(weights, lr(1e-3)).betas(first, second).eps(eps).weight_decay(decay);
            Box::new(radam.decoupled_weight_decay(decoupled).maximize(maximize))
        }
        _ => return None,
    })
}

fn build_another<T: Float>(case: &Case<'_, T>, weights: [Param<T>; 2]) -> Option<Box<dyn Optimizer<T>>> {
    let number = |name: &str, default: f64| case.number(name).unwrap_or(default);
    let lr = |default| number("lr", default);
    let (eps, momentum, decay) = (number("eps", 1e-8), number("momentum", 0.0), number("weight_decay", 0.0));
    let maximize = case.flag("maximize");
    Some(match case.row.op.as_str() {
        "rmsprop" => {
            let rmsprop = RMSprop::new(weights, lr(1e-2)).alpha(number("alpha", 0.99)).eps(eps).weight_decay(decay);
            Box::new(rmsprop.momentum(momentum).centered(case.flag("centered")).maximize(maximize))
        }
        "adagrad" => {
            let adagrad = Adagrad::new(weights, lr(1e-2)).lr_decay(number("lr_decay", 0.0)).weight_decay(decay);
            let adagrad = adagrad.initial_accumulator_value(number("initial_accumulator_value", 0.0));
            Box::new(adagrad.eps(number("eps", 1e-10)).maximize(maximize))
        }
        "adadelta" => {
            let adadelta = Adadelta::new(weights, lr(1.0)).rho(number("rho", 0.9)).eps(number("eps", 1e-6));
            Box::new(adadelta.weight_decay(decay).maximize(maximize))
        }
        "rprop" => {
            let pair = |name: &str, default: [f64; 2]| {
                [0, 1].map(|index| case.attribute(name)[index].as_f64().unwrap_or(default[index]))
            };
            let ([shrink, grow], [least, most]) = (pair("etas", [0.5, 1.2]), pair("step_sizes", [1e-6, 50.0]));
            Box::new(Rprop::new(weights, lr(1e-2)).etas(shrink, grow).step_sizes(least, most).maximize(maximize))
        }
        "asgd" => {
            let asgd = Asgd::new(weights, lr(1e-2)).lambd(number("lambd", 1e-4)).alpha(number("alpha", 0.75));
            Box::new(asgd.t0(number("t0", 1e6)).weight_decay(decay).maximize(maximize))
        }
        "sgd" => {
            let sgd = Sgd::new(weights, lr(1e-3)).weight_decay(decay).momentum(momentum);
            let sgd = sgd.dampening(number("dampening", 0.0)).nesterov(case.flag("nesterov"));
            Box::new(sgd.maximize(maximize))
        }
        _ => return None,
    })
}
