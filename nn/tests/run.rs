//! A run that stops and goes on from its file has the bits of one that never stopped; and a file that does not fit
//! changes nothing.

use std::path::{Path, PathBuf};

use autograd::{Float, Param, Random, State, Tensor};
use nn::checkpoint::{self, CheckpointError};
use nn::{Linear, Module, Sequential};
use optim::schedule::{Better, OneCycleLR, ReduceLROnPlateau, Schedule};
use optim::{Adam, NAdam, Optimizer, RMSprop, Sgd};

/// A small network, what trains it, and all that changes as it does.
struct Run<T: Float, O> {
    model: Sequential<T>,
    optimizer: O,
    random: Random,
    plateau: ReduceLROnPlateau,
    step: u64,
}

impl<T: Float, O: Optimizer<T>> Run<T, O> {
    fn new(seed: u64, build: impl FnOnce(Vec<(String, Param<T>)>) -> O) -> Self {
        let model = Sequential::new().named("fc1", Linear::new(3, 5, seed)).named("fc2", Linear::new(5, 2, seed + 1));
        let optimizer = build(model.named_parameters());
        let plateau = ReduceLROnPlateau::new(Better::Smaller).patience(1).decay(0.5);
        Run { model, optimizer, random: Random::new(seed), plateau, step: 0 }
    }

    fn train(&mut self, steps: u64) {
        let schedule = OneCycleLR::new(40);
        for _ in 0..steps {
            let x = Tensor::randn([6, 3], &mut self.random);
            let params: Vec<Tensor<T>> = self.model.parameters().iter().map(Param::tensor).collect();
            let hidden = x.linear(&params[0], Some(&params[1])).tanh().dropout(0.4, &mut self.random);
            let loss = (hidden.linear(&params[2], Some(&params[3])) - T::ONE).powf(T::from_f64(2.0)).mean();
            let factor = schedule.factor(self.step) * self.plateau.factor(loss.item().to_f64());
            self.optimizer.scale_learning_rate(factor);
            schedule.momentum(self.step).into_iter().for_each(|momentum| self.optimizer.set_momentum(momentum));
            self.optimizer.step(&loss.backward());
            self.step += 1;
        }
    }

    fn save(&self, path: &Path) {
        let Run { model, optimizer, random, plateau, step } = self;
        let parts: [(&str, &dyn State); 4] =
            [("optimizer", optimizer), ("random", random), ("schedule", plateau), ("step", step)];
        checkpoint::save_run(model, &parts, path).unwrap();
    }

    fn load(&mut self, path: &Path) -> Result<(), CheckpointError> {
        let Run { model, optimizer, random, plateau, step } = self;
        let parts: &mut [(&str, &mut dyn State)] =
            &mut [("optimizer", optimizer), ("random", random), ("schedule", plateau), ("step", step)];
        checkpoint::load_run(model, parts, path)
    }

    /// All bits of the model and of the optimizer, and the rest.
    fn bits(&self) -> (Vec<u64>, String) {
        let params = self.model.named_parameters();
        let weights = params.iter().flat_map(|(_, param)| param.tensor().to_vec());
        let bits = weights.map(|value| value.to_f64().to_bits()).collect();
        let rest = [self.optimizer.state_dict(), self.random.state_dict(), self.plateau.state_dict()];
        (bits, format!("{rest:?} {}", self.step))
    }
}

fn path() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.safetensors");
    (folder, path)
}

#[track_caller]
fn goes_on<T: Float, O: Optimizer<T>>(build: impl Fn(Vec<(String, Param<T>)>) -> O) {
    let (_folder, path) = path();
    for before in [0, 1, 13] {
        let mut whole = Run::new(3, &build);
        whole.train(before);
        whole.save(&path);
        whole.train(12);
        let mut later = Run::new(77, &build);
        later.load(&path).unwrap();
        later.train(12);
        assert_eq!(later.bits(), whole.bits(), "saved after {before} steps");
    }
}

fn two_groups(params: Vec<(String, Param)>) -> Adam {
    let (weights, biases): (Vec<_>, Vec<_>) = params.into_iter().partition(|(name, _)| name.ends_with("weight"));
    let adam = Adam::new(weights, 0.05).weight_decay(0.1).amsgrad(true);
    adam.group(biases, |settings| settings.lr(0.01).weight_decay(0.0).amsgrad(false))
}

#[test]
fn a_run_goes_on_bit_for_bit() {
    goes_on::<f32, _>(|params| Adam::new(params, 0.05));
    goes_on::<f64, _>(|params| Adam::new(params, 0.05).amsgrad(true));
    goes_on(two_groups);
    goes_on::<f32, _>(|params| NAdam::new(params, 0.05));
    goes_on::<f32, _>(|params| RMSprop::new(params, 0.05).centered(true));
    // A momentum that only the schedule brings.
    goes_on::<f64, _>(|params| Sgd::new(params, 0.05));
}

/// Saves a run of two groups after a change.
fn save_changed(path: &Path, change: &dyn Fn(&mut Run<f32, Adam>)) {
    let mut run = Run::new(3, two_groups);
    run.train(2);
    change(&mut run);
    run.save(path);
}

/// Another run of two groups says why it does not take the file, and stays as it is.
#[track_caller]
fn assert_refused(path: &Path, words: &str) {
    let mut run = Run::new(5, two_groups);
    run.train(1);
    let before = run.bits();
    let error = run.load(path).unwrap_err().to_string();
    assert!(error.contains(words) && error.contains("run.safetensors"), "{words:?} is not in {error}");
    assert_eq!(run.bits(), before);
}

#[test]
fn what_does_not_fit_is_named_and_changes_nothing() {
    let (_folder, path) = path();
    let saved = |change: &dyn Fn(&mut Run<f32, Adam>)| save_changed(&path, change);
    let refused = |words: &str| assert_refused(&path, words);
    saved(&|run| run.model = Sequential::new().named("fc1", Linear::new(3, 5, 1)));
    refused("model.fc2.weight: found no such tensor, expected f32 of shape [2, 5]");
    saved(&|run| run.optimizer = Adam::new(run.model.named_parameters(), 0.1));
    refused("optimizer.param_groups.1.lr: found no such value, expected f64 of shape []");
    saved(&|run| {
        run.optimizer = two_groups(run.model.named_parameters().into_iter().skip(1).collect());
        run.train(0);
    });
    refused("optimizer.fc1.weight.step: found no such value, expected u64 of shape []");
    saved(&|run| run.optimizer = two_groups(vec![("fc1.weight".to_owned(), Param::new(Tensor::ones([2])))]));
    refused("optimizer.fc2.weight.step: found no such value");
}

#[test]
fn parts_types_and_lengths_must_be_those_of_the_run() {
    let (_folder, path) = path();
    // Parts that only the file or only the run has.
    let mut run = Run::new(3, two_groups);
    run.train(1);
    checkpoint::save_run(&run.model, &[("optimizer", &run.optimizer)], &path).unwrap();
    assert_refused(&path, "random.key: found no such value, expected u64 of shape []");
    let before = run.bits();
    save_changed(&path, &|_| ());
    let error = checkpoint::load_run(&run.model, &mut [("random", &mut run.random)], &path).unwrap_err().to_string();
    assert!(error.contains("optimizer.fc1.bias.exp_avg"), "{error}");
    assert_eq!(run.bits(), before);

    // A run of another type: its weights could be converted, its state is not.
    let mut wide = Run::new(3, |params: Vec<(String, Param<f64>)>| Adam::new(params, 0.1));
    wide.train(1);
    wide.save(&path);
    let mut narrow = Run::new(4, |params: Vec<(String, Param<f32>)>| Adam::new(params, 0.1));
    let error = narrow.load(&path).unwrap_err().to_string();
    assert!(error.contains("optimizer.fc1.bias.exp_avg: found f64 of shape [5], expected f32 of shape [5]"), "{error}");

    // A file that is cut anywhere.
    save_changed(&path, &|_| ());
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_refused(&path, "not a whole safetensors file");
    }
}

#[test]
fn a_learning_rate_from_a_file_is_checked() {
    let mut run = Run::new(3, |params: Vec<(String, Param)>| Adam::new(params, 0.1));
    let before = run.bits();
    for value in [f64::NAN, -1.0, f64::INFINITY] {
        let mut state = run.optimizer.state_dict();
        state.insert_f64("param_groups.0.lr", value);
        let error = run.optimizer.load_state_dict(&state).unwrap_err().to_string();
        assert_eq!(error, format!("param_groups.0.lr: found {value}, expected a finite number from 0 on"));
    }
    assert_eq!(run.bits(), before);
}

#[test]
#[should_panic(expected = "two parts of a run are named model")]
fn a_part_is_not_named_as_the_model() {
    let model: Linear = Linear::new(1, 1, 0);
    let _ = checkpoint::save_run(&model, &[("model", &1_u64)], "nowhere");
}

#[test]
#[should_panic(expected = "\"a.b\" is no name of a part of a run")]
fn a_part_has_a_name_without_a_dot() {
    let model: Linear = Linear::new(1, 1, 0);
    let _ = checkpoint::save_run(&model, &[("a.b", &1_u64)], "nowhere");
}
