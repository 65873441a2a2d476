//! States of optimizers to PyTorch and back: after some steps the other side goes on, and gets the same weights.

use std::path::Path;

use autograd::{Param, Reduction, Tensor};
use nn::{Layer, Linear, Mode, Module, checkpoint};
use optim::{Adadelta, Adagrad, Adam, AdamW, Adamax, Asgd, NAdam, Optimizer, RAdam, RMSprop, Rprop, Sgd};

use crate::{Example, assert_same, exchange_folder};

/// Steps before the state is saved, and steps after that. RAdam's first five are of another kind than those that
/// follow.
const STEPS: usize = 6;

type Build = fn(Vec<(String, Param<f64>)>) -> Box<dyn Optimizer<f64>>;

/// Optimizers as PyTorch makes them of the parameters `p`, and the same ones here.
fn optimizers() -> [(&'static str, Build); 18] {
    [
        ("SGD(p, lr=0.1)", |p| Box::new(Sgd::new(p, 0.1))),
        ("SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.01)", |p| {
            Box::new(Sgd::new(p, 0.1).momentum(0.9).dampening(0.2).weight_decay(0.01))
        }),
        ("SGD(p, lr=0.1, momentum=0.8, nesterov=True)", |p| Box::new(Sgd::new(p, 0.1).momentum(0.8).nesterov(true))),
        ("Adam(p, lr=0.1)", |p| Box::new(Adam::new(p, 0.1))),
        ("Adam(p, lr=0.1, betas=(0.8, 0.95), amsgrad=True)", |p| {
            Box::new(Adam::new(p, 0.1).betas(0.8, 0.95).amsgrad(true))
        }),
        ("AdamW(p, lr=0.1, weight_decay=0.1)", |p| Box::new(AdamW::new(p, 0.1).weight_decay(0.1))),
        ("AdamW(p, lr=0.1, amsgrad=True)", |p| Box::new(AdamW::new(p, 0.1).amsgrad(true))),
        ("Adamax(p, lr=0.1)", |p| Box::new(Adamax::new(p, 0.1))),
        ("NAdam(p, lr=0.1)", |p| Box::new(NAdam::new(p, 0.1))),
        ("RAdam(p, lr=0.1)", |p| Box::new(RAdam::new(p, 0.1))),
        ("RMSprop(p, lr=0.01)", |p| Box::new(RMSprop::new(p, 0.01))),
        ("RMSprop(p, lr=0.01, momentum=0.5)", |p| Box::new(RMSprop::new(p, 0.01).momentum(0.5))),
        ("RMSprop(p, lr=0.01, centered=True)", |p| Box::new(RMSprop::new(p, 0.01).centered(true))),
        ("RMSprop(p, lr=0.01, momentum=0.5, centered=True)", |p| {
            Box::new(RMSprop::new(p, 0.01).momentum(0.5).centered(true))
        }),
        ("Adagrad(p, lr=0.1, lr_decay=0.1)", |p| Box::new(Adagrad::new(p, 0.1).lr_decay(0.1))),
        ("Adadelta(p, lr=1.0)", |p| Box::new(Adadelta::new(p, 1.0))),
        ("Rprop(p, lr=0.01)", |p| Box::new(Rprop::new(p, 0.01))),
        ("ASGD(p, lr=0.1, lambd=0.01, t0=3)", |p| Box::new(Asgd::new(p, 0.1).lambd(0.01).t0(3.0))),
    ]
}

/// A model, and the optimizer of its parameters.
fn start(build: Build) -> (Linear<f64>, Box<dyn Optimizer<f64>>) {
    let model = Linear::new(3, 2, 3);
    let optimizer = build(model.named_parameters());
    (model, optimizer)
}

fn train(model: &Linear<f64>, optimizer: &mut dyn Optimizer<f64>, example: &Example) {
    for _ in 0..STEPS {
        let y = model.forward(&example.x.tensor().detach(), Mode::Eval);
        optimizer.step(&y.mse_loss(&example.y.tensor().detach(), Reduction::Mean).backward());
    }
}

/// Reads a run, goes on, and compares the weights with those that whoever wrote the run has then.
fn goes_on(what: &str, build: Build, example: &Example, run: &Path, then: &Path) {
    let (model, mut optimizer) = start(build);
    checkpoint::load_run(&model, &mut [("optimizer", &mut optimizer)], run).unwrap();
    train(&model, &mut *optimizer, example);
    let expected = Linear::new(3, 2, 0);
    checkpoint::load(&expected, then).unwrap();
    for ((name, found), (_, expected)) in model.named_parameters().iter().zip(expected.named_parameters()) {
        assert_same(&format!("{what}, {name}"), &found.tensor(), &expected.tensor());
    }
}

#[test]
fn optimizers_and_pytorch_go_on_from_each_others_states() {
    let own = tempfile::tempdir().unwrap();
    let folder = exchange_folder(&own);
    let example = Example::new(&Tensor::randn([8, 3], 1), &Tensor::randn([8, 2], 2));
    checkpoint::save(&example, folder.join("optimizers.safetensors")).unwrap();
    for (index, (text, build)) in optimizers().into_iter().enumerate() {
        let path = |ending: &str| folder.join(format!("{index:02}.optimizer.{ending}"));
        std::fs::write(path("py"), text).unwrap();
        let (model, mut optimizer) = start(build);
        train(&model, &mut *optimizer, &example);
        let (run, then) = (path("run.safetensors"), path("then.safetensors"));
        checkpoint::save_run(&model, &[("optimizer", &optimizer)], &run).unwrap();
        train(&model, &mut *optimizer, &example);
        checkpoint::save(&model, &then).unwrap();
        goes_on(text, build, &example, &run, &then);
        let (run, then) = (path("torch.run.safetensors"), path("torch.then.safetensors"));
        if run.exists() {
            goes_on(&format!("{text} from PyTorch's state"), build, &example, &run, &then);
        }
    }
}
