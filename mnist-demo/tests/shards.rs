//! Runs whose batches are cut into shards: the same bits whoever computes which of them.

mod common;

use std::fs;
use std::path::Path;

use autograd::with_threads;
use common::{assert_refused, demo, text, write_small_set};
use mnist_demo::checkpoint::{Run, Snapshot};
use mnist_demo::dataset::Dataset;
use mnist_demo::model::Model;
use mnist_demo::recipe::Recipe;
use mnist_demo::train::{Event, Settings, Tally, Trainer};
use nn::Module;
use optim::parallel::{Group, Threads};

/// A data set in a folder of its own.
fn small_set() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_small_set(folder.path());
    folder
}

/// What an epoch of a few steps leaves: weights, what was reported of the steps, of which the last one is smaller, and
/// the test accuracy.
fn epoch(
    data: &Dataset,
    recipe: Recipe,
    shards: Option<usize>,
    group: Option<Threads>,
) -> (Vec<Vec<f32>>, Vec<Tally>, f64) {
    let settings = Settings { epochs: 1, batch_size: 100, shards, ..Settings::of(Model::Mlp, recipe) };
    let mut trainer = Trainer::new(data, settings);
    if let Some(group) = group {
        trainer.share(Box::new(group)).unwrap();
    }
    let mut tallies = Vec::new();
    loop {
        match trainer.advance().unwrap() {
            Event::Step(step) => tallies.push(step.step),
            Event::Epoch(epoch) => {
                let weights = trainer.network().parameters().iter().map(|param| param.tensor().to_vec()).collect();
                return (weights, tallies, epoch.test_accuracy);
            }
        }
    }
}

#[test]
fn ranks_and_threads_change_no_bit_of_a_run_and_nothing_that_is_reported_of_it() {
    let folder = small_set();
    let data = Dataset::from_folder(folder.path()).unwrap();
    for recipe in [Recipe::Plain, Recipe::Best] {
        let alone = with_threads(1, || epoch(&data, recipe, Some(8), None));
        assert_eq!(alone.1.iter().map(|step| step.images).collect::<Vec<_>>(), [100, 100, 56]);
        assert!(with_threads(2, || epoch(&data, recipe, Some(8), None)) == alone);
        for ranks in [2, 3, 8] {
            let outcomes = Threads::run(ranks, |rank| epoch(&data, recipe, Some(8), Some(rank)));
            assert!(outcomes.iter().all(|outcome| *outcome == alone), "{recipe} on {ranks} ranks");
        }
    }
}

/// The state of each rank after some steps from the start or from a snapshot.
fn stepped(data: &Dataset, settings: &Settings, ranks: usize, start: Option<&Snapshot>, steps: usize) -> Vec<Snapshot> {
    let run =
        || Run { settings: settings.clone(), folder: None, data: data.identity(), every: None, keep: 1, target: None };
    Threads::run(ranks, |rank| {
        let mut trainer = match start.cloned() {
            Some(snapshot) => snapshot.resume(data, settings.clone()).unwrap(),
            None => Trainer::new(data, settings.clone()),
        };
        trainer.share(Box::new(rank)).unwrap();
        for _ in 0..steps {
            trainer.advance().unwrap();
        }
        Snapshot::of(&mut trainer, &run())
    })
}

/// Weights and the optimizer's state, bit by bit.
fn bits(snapshot: &Snapshot) -> Vec<(String, Vec<u32>)> {
    let of_tensor = |(name, values): (&str, &[f32])| (name.to_owned(), values.iter().map(|v| v.to_bits()).collect());
    snapshot.tensors().map(of_tensor).collect()
}

#[test]
fn the_optimizer_is_shared_out_and_a_checkpoint_has_the_whole_state_for_any_number_of_ranks() {
    let folder = small_set();
    let data = Dataset::from_folder(folder.path()).unwrap();
    for recipe in [Recipe::Plain, Recipe::Best] {
        let settings = Settings { batch_size: 32, shards: Some(8), ..Settings::of(Model::Mlp, recipe) };
        let whole = bits(&stepped(&data, &settings, 1, None, 7)[0]);
        assert!(whole.iter().any(|(name, _)| name == "optimizer.fc1.weight.exp_avg_sq"));
        for (before, after) in [(3, 2), (2, 3), (8, 1), (1, 8)] {
            let halfway = stepped(&data, &settings, before, None, 4);
            assert!(halfway.iter().all(|rank| bits(rank) == bits(&halfway[0])), "all ranks get the whole state");
            let end = stepped(&data, &settings, after, Some(&halfway[0]), 3);
            assert!(bits(&end[0]) == whole, "{recipe}: from {before} to {after} ranks");
        }
    }
}

#[test]
fn one_shard_is_a_run_without_shards() {
    let folder = small_set();
    let data = Dataset::from_folder(folder.path()).unwrap();
    assert!(epoch(&data, Recipe::Plain, Some(1), None) == epoch(&data, Recipe::Plain, None, None));
    assert!(epoch(&data, Recipe::Plain, Some(4), None) != epoch(&data, Recipe::Plain, None, None), "they count");
}

#[test]
fn ranks_with_other_networks_are_refused() {
    let (digits, small) = (Dataset::embedded().unwrap(), small_set());
    let small = Dataset::from_folder(small.path()).unwrap();
    let outcomes = Threads::run(2, |rank| {
        let data = if Group::<f32>::rank(&rank) == 0 { &small } else { &digits };
        let settings = Settings { shards: Some(2), ..Settings::default() };
        Trainer::new(data, settings).share(Box::new(rank)).unwrap_err().to_string()
    });
    assert_eq!(outcomes[0], outcomes[1]);
    let expected = "rank 1: parameter fc1.weight: found f32 [256, 784], expected f32 [256, 20], as on rank 0";
    assert_eq!(outcomes[0], expected);
}

#[test]
fn the_program_goes_on_with_the_shards_of_a_run() {
    let folder = small_set();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (data, checkpoints) = (path(""), path("checkpoints"));
    let settings = ["train", "--data", &data, "--batch-size", "32", "--shards", "6", "--seed", "3"];
    let train = |more: &[&str]| {
        let output = demo(&[&settings[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        output
    };
    let (whole, other) = (path("whole"), path("other"));
    assert!(text(&train(&["--epochs", "3", "--save", &whole, "--threads", "1"]).stdout).contains("Test Accuracy: "));
    train(&["--epochs", "1", "--checkpoint", &checkpoints, "--threads", "2"]);
    let resumed = demo(&["train", "--resume", &checkpoints, "--epochs", "3", "--save", &other]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    assert!(fs::read(&whole).unwrap() == fs::read(&other).unwrap());
    let differing = demo(&["train", "--resume", &checkpoints, "--shards", "4"]);
    assert_eq!(differing.status.code(), Some(2));
    assert!(text(&differing.stderr).contains("--shards: found 4, expected 6, as the run in "), "{differing:?}");
    assert!(!Path::new(&path("more")).exists());
    let small = ["train", "--data", &data, "--batch-size", "4", "--shards", "6", "--checkpoint", &path("more")];
    assert_refused(&demo(&small), 2, "--batch-size: found 4 images, expected at least 6, one for each of the --shards");
    assert!(!Path::new(&path("more")).exists(), "nothing is made for a run that cannot be");
}

#[cfg(not(feature = "mpi"))]
#[test]
fn a_build_without_mpi_says_how_to_build_with_it() {
    let output = demo(&["train", "--mpi", "--shards", "8"]);
    let expected = "--mpi: found a build without MPI, expected one of: \
                    cargo build --release -p mnist-demo --features mpi";
    assert_refused(&output, 2, expected);
}

#[test]
fn what_belongs_to_ranks_wants_ranks() {
    assert_refused(&demo(&["train", "--patience", "5"]), 2, "--mpi");
    assert_refused(&demo(&["train", "--shards", "0"]), 2, "--shards");
}
