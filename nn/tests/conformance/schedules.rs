//! The learning rate, and the momentum where the schedule changes it, at each step.

use autograd::{Float, Param, Tensor};
use optim::schedule::{
    Annealing, Better, ConstantLR, CosineAnnealingLR, CosineAnnealingWarmRestarts, CyclicLR, ExponentialLR, LinearLR,
    MultiStepLR, OneCycleLR, PolynomialLR, ReduceLROnPlateau, Scaling, Schedule, StepLR, Threshold,
};
use optim::{Optimizer, Sgd};

use crate::cases::Case;
use crate::kinds::agrees;

pub fn scheduler<T: Float>(case: &Case<'_, T>) -> Option<Result<(), String>> {
    let steps = case.row.json["steps"].as_u64()?;
    // The largest rate of a cycle is the optimizer's own here.
    let rate = if case.row.op == "one_cycle_lr" { case.number("max_lr")? } else { case.number("base_lr")? };
    let mut sgd = Sgd::<T>::new([] as [Param<T>; 0], rate).momentum(0.9);
    let (mut rates, mut momenta) = (Vec::new(), Vec::new());
    let mut note = |sgd: &Sgd<T>| {
        rates.push(T::from_f64(sgd.learning_rate()));
        momenta.push(T::from_f64(sgd.momentum().unwrap_or(f64::NAN)));
    };
    if case.row.op == "reduce_on_plateau" {
        let mut plateau = plateau(case, rate)?;
        for metric in case.golden("metrics")?.to_vec() {
            note(&sgd);
            sgd.scale_learning_rate(plateau.factor(metric.to_f64()));
        }
    } else {
        let schedule = schedule(case, rate)?;
        for step in 0..steps {
            sgd.follow(&*schedule, step);
            note(&sgd);
        }
    }
    let tensor = |values: Vec<T>| Tensor::from_vec(values, [steps as usize]);
    let check = || {
        agrees(case, "lrs", &tensor(rates))?;
        if case.golden("momenta").is_some() { agrees(case, "momenta", &tensor(momenta)) } else { Ok(()) }
    };
    Some(check())
}

/// What PyTorch gives as a learning rate, as a share of `rate`.
fn schedule<T: Float>(case: &Case<'_, T>, rate: f64) -> Option<Box<dyn Schedule>> {
    let number = |name: &str, default: f64| case.number(name).unwrap_or(default);
    let count = |name: &str, default: u64| case.integer(name).map_or(default, |count| count as u64);
    let gamma = number("gamma", 0.1);
    let least = number("eta_min", 0.0) / rate;
    Some(match case.row.op.as_str() {
        "step_lr" => Box::new(StepLR::new(count("step_size", 1), gamma)),
        "multi_step_lr" => {
            let milestones: Vec<u64> = case.integers("milestones")?.into_iter().map(|step| step as u64).collect();
            Box::new(MultiStepLR::new(milestones, gamma))
        }
        "exponential_lr" => Box::new(ExponentialLR::new(gamma)),
        "constant_lr" => Box::new(ConstantLR::new(number("factor", 1.0 / 3.0), count("total_iters", 5))),
        "linear_lr" => {
            let (start, end) = (number("start_factor", 1.0 / 3.0), number("end_factor", 1.0));
            Box::new(LinearLR::new(start, end, count("total_iters", 5)))
        }
        "polynomial_lr" => Box::new(PolynomialLR::new(count("total_iters", 5), number("power", 1.0))),
        "cosine_annealing_lr" => Box::new(CosineAnnealingLR::new(count("T_max", 1)).min_factor(least)),
        "cosine_warm_restarts" => {
            Box::new(CosineAnnealingWarmRestarts::new(count("T_0", 1), count("T_mult", 1)).min_factor(least))
        }
        "one_cycle_lr" => Box::new(one_cycle(case, &number)?),
        "cyclic_lr" => {
            let up = count("step_size_up", 2000);
            let cycle = CyclicLR::new(case.number("max_lr")? / rate, up, count("step_size_down", up));
            let cycle = cycle.momentum_between(number("base_momentum", 0.8), number("max_momentum", 0.9));
            Box::new(cycle.scaling(match case.attribute("mode").as_str() {
                None | Some("triangular") => Scaling::None,
                Some("triangular2") => Scaling::Halves,
                Some("exp_range") => Scaling::Power(number("gamma", 1.0)),
                Some(_) => return None,
            }))
        }
        _ => return None,
    })
}

fn one_cycle<T: Float>(case: &Case<'_, T>, number: &dyn Fn(&str, f64) -> f64) -> Option<OneCycleLR> {
    let start = 1.0 / number("div_factor", 25.0);
    let cycle = OneCycleLR::new(case.integer("total_steps")? as u64)
        .rise(number("pct_start", 0.3))
        .between(start, start / number("final_div_factor", 1e4))
        .three_phase(case.flag("three_phase"))
        .momentum_between(number("base_momentum", 0.85), number("max_momentum", 0.95));
    let is_linear = case.attribute("anneal_strategy").as_str() == Some("linear");
    let cycle = cycle.annealing(if is_linear { Annealing::Linear } else { Annealing::Cosine });
    Some(if *case.attribute("cycle_momentum") == false { cycle.without_momentum() } else { cycle })
}

fn plateau<T: Float>(case: &Case<'_, T>, rate: f64) -> Option<ReduceLROnPlateau> {
    let number = |name: &str, default: f64| case.number(name).unwrap_or(default);
    let is_max = case.attribute("mode").as_str() == Some("max");
    let is_absolute = case.attribute("threshold_mode").as_str() == Some("abs");
    let threshold = number("threshold", 1e-4);
    let plateau = ReduceLROnPlateau::new(if is_max { Better::Larger } else { Better::Smaller })
        .decay(number("factor", 0.1))
        .patience(number("patience", 10.0) as u64)
        .threshold(if is_absolute { Threshold::Absolute(threshold) } else { Threshold::Relative(threshold) })
        .cooldown(number("cooldown", 0.0) as u64)
        .min_factor(number("min_lr", 0.0) / rate);
    Some(plateau.eps(number("eps", 1e-8) / rate))
}
