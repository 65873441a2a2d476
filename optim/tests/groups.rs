//! Groups of parameters with settings of their own, names, and what is refused.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::thread;

use autograd::{Param, Tensor};
use optim::schedule::{Schedule, StepLR};
use optim::{Adam, AdamW, Lamb, Optimizer, ParameterState, Sgd};

fn param(length: usize) -> Param {
    Param::new(Tensor::ones([length]))
}

/// The message of a panic, and whether it was at a line of this file.
fn refusal(body: impl FnOnce()) -> (String, bool) {
    // The hook is the process's, and tests run side by side.
    static HOOK: Mutex<()> = Mutex::new(());
    let _alone = HOOK.lock().unwrap();
    let (seen, thread) = (Arc::new(Mutex::new(None)), thread::current().id());
    let before = panic::take_hook();
    panic::set_hook(Box::new({
        let seen = Arc::clone(&seen);
        move |info| {
            if thread::current().id() == thread {
                let is_here = info.location().is_some_and(|location| location.file().ends_with("groups.rs"));
                let payload = info.payload();
                let words = payload.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
                *seen.lock().unwrap() = Some((words.to_owned(), is_here));
            }
        }
    }));
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    panic::set_hook(before);
    assert!(result.is_err(), "it is not refused");
    seen.lock().unwrap().take().expect("the hook was called")
}

#[test]
fn each_group_has_its_own_settings_and_state() {
    let (a, b, c) = (param(1), param(1), param(1));
    let mut sgd = Sgd::new([&a], 0.5)
        .group([&b], |settings| settings.lr(0.25).momentum(0.5))
        .group([&c], |settings| settings.weight_decay(1.0));
    for _ in 0..2 {
        sgd.step(&(a.tensor() + b.tensor() + c.tensor()).sum().backward());
    }
    // b's momentum: 1, 1.5. c's gradients: 2, 1.
    assert_eq!([&a, &b, &c].map(|param| param.tensor().item()), [0.0, 1.0 - 0.25 * 2.5, -0.5]);
    let slots: Vec<_> = sgd.state().into_iter().map(|state| state.slots).collect();
    assert_eq!(slots, [vec![], vec![("momentum_buffer", &[1.5_f32][..])], vec![]]);
    assert_eq!(sgd.learning_rates(), [0.5, 0.25, 0.5]);
}

#[test]
fn learning_rates_keep_the_ratios_of_the_groups() {
    let (a, b) = (param(1), param(1));
    let mut adam = Adam::new([&a], 0.1).group([&b], |settings| settings.lr(0.01));
    adam.set_learning_rate(0.3);
    assert_eq!((adam.learning_rate(), adam.learning_rates()), (0.3, vec![0.3, 0.3 * (0.01 / 0.1)]));
    let schedule = StepLR::new(2, 0.5);
    let rates = [0, 1, 2, 4].map(|step| {
        adam.scale_learning_rate(schedule.factor(step));
        adam.learning_rates()
    });
    assert_eq!(rates, [[0.1, 0.01], [0.1, 0.01], [0.05, 0.005], [0.025, 0.0025]]);

    // From 0 on, a rate for all is possible, and a ratio is not.
    let mut frozen = Sgd::new([&a], 0.0).group([&b], |settings| settings);
    frozen.set_learning_rate(0.5);
    assert_eq!(frozen.learning_rates(), [0.5, 0.5]);
    let mut uneven = Sgd::new([&a], 0.0).group([&b], |settings| settings.lr(0.1));
    assert!(refusal(|| uneven.set_learning_rate(0.5)).0.contains("have no ratio to it"));
    assert_eq!(uneven.learning_rates(), [0.0, 0.1]);
}

#[test]
fn the_state_is_saved_and_restored_by_name() {
    let (a, b) = (param(2), param(1));
    let build = |amsgrad| {
        AdamW::new([("fc.weight", a.clone())], 0.1)
            .amsgrad(amsgrad)
            .group([("fc.bias".to_owned(), b.clone())], |settings| settings.weight_decay(0.0).amsgrad(false))
    };
    let mut adam = build(true);
    let loss = || (a.tensor().sum() + b.tensor().sum() * 3.0).backward();
    adam.step(&loss());
    let names: Vec<String> = adam.state().iter().flat_map(ParameterState::named_slots).map(|(name, _)| name).collect();
    let slots = |name: &str, slots: &[&str]| slots.iter().map(|slot| format!("{name}.{slot}")).collect::<Vec<_>>();
    let weight = slots("fc.weight", &["exp_avg", "exp_avg_sq", "max_exp_avg_sq"]);
    assert_eq!(names, [weight, slots("fc.bias", &["exp_avg", "exp_avg_sq"])].concat());

    // In another order, into another optimizer.
    let mut other = build(true);
    for ParameterState { name, step, slots } in adam.state().into_iter().rev() {
        other.restore(name, step, &slots).unwrap();
    }
    assert_eq!(other.state(), adam.state());
    let error = other.restore("fc.wait", 1, &[]).unwrap_err().to_string();
    assert!(error.contains("fc.wait") && error.contains("fc.weight, fc.bias"), "{error}");
    let error = build(false).restore("fc.weight", 1, &adam.state()[0].slots).unwrap_err().to_string();
    assert_eq!(error, "fc.weight.max_exp_avg_sq: found a value, expected none: this optimizer has no such slot");
}

#[test]
fn a_parameter_is_in_one_group_once() {
    let (a, b) = (param(2), param(3));
    let tied = Sgd::new([("a", a.clone()), ("tied", a.clone()), ("b", b.clone())], 0.1);
    assert_eq!(tied.state().iter().map(|state| state.name).collect::<Vec<_>>(), ["a", "b"]);

    let twice = refusal(|| drop(Sgd::new([("a", a.clone())], 0.1).group([("tied", a.clone())], |settings| settings)));
    let message = "optimizer: the parameter tied of shape [2] is in an earlier group, as a";
    assert_eq!(twice, (message.to_owned(), true));
    let twice = refusal(|| drop(Sgd::new([&a, &b, &a], 0.1)));
    assert_eq!(twice, ("optimizer: the parameter 0 of shape [2] comes twice".to_owned(), true));
    let twice = refusal(|| drop(Sgd::new([("a", a.clone()), ("a", a.clone())], 0.1)));
    assert_eq!(twice, ("optimizer: the parameter a of shape [2] comes twice".to_owned(), true));
    let same_name = refusal(|| drop(Adam::new([("a", a.clone()), ("a", b.clone())], 0.1)));
    assert_eq!(same_name, ("optimizer: two parameters are named a, of shapes [2] and [3]".to_owned(), true));
    let same_name = refusal(|| drop(Adam::new([("a", a.clone())], 0.1).group([("a", b.clone())], |settings| settings)));
    assert_eq!(same_name, ("optimizer: two parameters are named a, of shapes [2] and [3]".to_owned(), true));
    let later = refusal(|| drop(Lamb::new([&a], 0.1).group([&b], |settings| settings).eps(0.1)));
    assert_eq!(later, ("optimizer: settings come before the groups, which start from them".to_owned(), true));
    let parameters = refusal(|| drop(Sgd::new([&a], 0.1).group([&b], |_| Sgd::new([&b], 0.5))));
    assert!(parameters.1 && parameters.0.contains("`change` is to return settings"), "{parameters:?}");
}

#[test]
fn gradients_of_another_model_are_refused() {
    let (a, b, other, buffer) = (param(2), param(3), param(1), Param::buffer(Tensor::ones([1])));
    let mut sgd = Sgd::new([&a, &b, &buffer], 0.1);
    assert_eq!(sgd.state().len(), 2, "a buffer is not a parameter");
    let gradients = other.tensor().sum().backward();
    let message = "step: the gradients hold none of the optimizer's 2 parameters";
    assert_eq!(refusal(|| sgd.step(&gradients)), (message.to_owned(), true));
    b.freeze();
    let message = "step: the gradients hold none of the optimizer's 2 parameters (1 of them frozen)";
    assert_eq!(refusal(|| sgd.step(&gradients)).0, message);
    sgd.step(&a.tensor().sum().backward());
    // If all are frozen no gradients can hold them: there is nothing to do.
    a.freeze();
    sgd.step(&gradients);
    Sgd::new([] as [Param; 0], 0.1).step(&gradients);
    assert_eq!(sgd.state().iter().map(|state| state.step).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn other_slots_begin_anew_and_other_settings_go_on() {
    let weight = param(1);
    let mut adam = Adam::new([&weight], 0.1);
    adam.step(&weight.tensor().sum().backward());
    let adam = adam.betas(0.5, 0.5).amsgrad(false);
    assert_eq!(adam.state()[0].step, 1);
    assert_eq!(adam.amsgrad(true).state()[0].step, 0);
}

/// Without a decay no rule multiplies a weight by 0. (LAMB does by design: it divides by the norm.)
#[test]
fn infinite_weights_stay_infinite() {
    fn stays<O: Optimizer<f64>>(build: impl FnOnce([Param<f64>; 1]) -> O) {
        let weights = Param::new(Tensor::from_vec(vec![f64::NEG_INFINITY, f64::INFINITY], [2]));
        let mut optimizer = build([weights.clone()]);
        for factor in [1.0, -1.0, 0.0] {
            let loss = (weights.tensor() * Tensor::full([2], factor)).sum();
            optimizer.step(&loss.backward());
            assert_eq!(weights.tensor().to_vec(), [f64::NEG_INFINITY, f64::INFINITY]);
        }
    }
    stays(|weights| Sgd::new(weights, 0.1));
    stays(|weights| Sgd::new(weights, 0.1).momentum(0.9));
    stays(|weights| Sgd::new(weights, 0.1).momentum(0.0));
    stays(|weights| Sgd::new(weights, 0.1).momentum(0.9).dampening(0.5));
    stays(|weights| Sgd::new(weights, 0.1).momentum(0.9).nesterov(true));
    stays(|weights| Adam::new(weights, 0.1));
    stays(|weights| Adam::new(weights, 0.1).amsgrad(true));
    stays(|weights| AdamW::new(weights, 0.1));
    stays(|weights| AdamW::new(weights, 0.1).weight_decay(0.0).amsgrad(true));
}
