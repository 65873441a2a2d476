//! The convolutional network in all commands: which network it is follows from the weights, not from an option.

mod common;

use std::fs;
use std::path::Path;

use autograd::{Random, with_threads};
use common::http::{Server, body};
use common::{assert_refused, columns_of_light, demo, idx, text, write_emnist, write_small_set};
use mnist_demo::dataset::Dataset;
use mnist_demo::model::{DIGITS, Model, Sizes, perceptron_for};
use mnist_demo::recipe::Recipe;
use mnist_demo::train::{Event, Settings, Trainer};
use nn::{Conv2d, Linear, Module, Sequential, checkpoint};
use optim::parallel::Threads;
use serde_json::Value;

#[track_caller]
fn succeeded(arguments: &[&str]) -> String {
    let output = demo(arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// A folder with a small data set, and paths in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(write: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

/// The weights and the test accuracy after an epoch.
fn epoch(data: &Dataset, recipe: Recipe, shards: Option<usize>, group: Option<Threads>) -> (Vec<Vec<f32>>, f64) {
    let settings = Settings { epochs: 1, batch_size: 100, shards, ..Settings::of(Model::Cnn, recipe) };
    let mut trainer = Trainer::new(data, settings);
    if let Some(group) = group {
        trainer.share(Box::new(group)).unwrap();
    }
    loop {
        if let Event::Epoch(epoch) = trainer.advance().unwrap() {
            let weights = trainer.network().parameters().iter().map(|param| param.tensor().to_vec()).collect();
            return (weights, epoch.test_accuracy);
        }
    }
}

#[test]
fn threads_and_ranks_change_no_bit_of_a_run() {
    let folder = Folder::new(write_small_set);
    let data = Dataset::from_folder(folder.0.path()).unwrap();
    for recipe in [Recipe::Plain, Recipe::Best] {
        for shards in [None, Some(4)] {
            let alone = with_threads(1, || epoch(&data, recipe, shards, None));
            for threads in [2, 3, 4] {
                let other = with_threads(threads, || epoch(&data, recipe, shards, None));
                assert!(other == alone, "{recipe} in {shards:?} shards on {threads} threads");
            }
            for ranks in [2, 3].into_iter().filter(|_| shards.is_some()) {
                let outcomes = Threads::run(ranks, |rank| epoch(&data, recipe, shards, Some(rank)));
                assert!(outcomes.iter().all(|outcome| *outcome == alone), "{recipe} on {ranks} ranks");
            }
        }
    }
}

#[test]
fn a_run_goes_on_from_a_checkpoint_with_the_same_bits() {
    let folder = Folder::new(write_small_set);
    let path = |name: &str| folder.path(name);
    let (data, run, whole, resumed) = (path(""), path("run"), path("whole"), path("resumed"));
    let train = ["train", "--model", "cnn", "--data", &data, "--batch-size", "32"];
    succeeded(&[&train[..], &["--epochs", "2", "--save", &whole, "--threads", "1"]].concat());
    succeeded(&[&train[..], &["--epochs", "1", "--checkpoint", &run, "--threads", "2"]].concat());
    assert_refused(&demo(&["train", "--resume", &run, "--model", "mlp"]), 2, "--model: found mlp, expected cnn, as");
    let accuracy = succeeded(&["train", "--resume", &run, "--epochs", "2", "--save", &resumed]);
    assert!(fs::read(&whole).unwrap() == fs::read(&resumed).unwrap());
    // The weights tell which network they belong to: those in a file and those in a folder of checkpoints.
    for weights in [&whole, &run] {
        let evaluated = succeeded(&["eval", "--weights", weights, "--data", &data]);
        assert_eq!(evaluated.lines().last(), accuracy.lines().last(), "{weights}");
    }
}

#[test]
fn every_command_takes_its_weights() {
    let folder = Folder::new(|folder| write_emnist(folder, "digits", DIGITS as u32, 0));
    let path = |name: &str| folder.path(name);
    let (data, weights, report) = (path(""), path("weights"), path("report"));
    let settings = ["train", "--model", "cnn", "--data", &data, "--epochs", "2", "--batch-size", "16"];
    let output = demo(&[&settings[..], &["--save", &weights, "--out", &report]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let description = "conv 5 × 5 → 16 → 32, 1568 → 128 → 10, ReLU, max pooling";
    assert!(text(&output.stderr).contains(&format!("model {description}, 215370 parameters")));

    let page = fs::read_to_string(format!("{report}/report.html")).unwrap();
    assert!(page.contains("The 16 filters of the first layer") && page.contains(" for the 5 × 5 pixels"));
    assert!(page.contains("weights of 16 filters, 5 × 5 points each") && page.contains(description));

    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images/three.png");
    let predicted: Value =
        serde_json::from_str(&succeeded(&["predict", picture, "--json", "--weights", &weights])).unwrap();
    assert_eq!(predicted["probabilities"].as_array().unwrap().len(), DIGITS);

    let page = Server::demo(&["serve", "--port", "0", "--weights", &weights]);
    let ink: Vec<u8> = common::bar(3);
    let (status, answer) = page.predict("application/json", serde_json::to_string(&ink).unwrap().as_bytes());
    assert_eq!(status, 200, "{answer}");
    let value = body(&answer);
    let maps = &value["maps"];
    assert_eq!((&maps["name"], &maps["rows"], &maps["columns"]), (&"conv1".into(), &28.into(), &28.into()));
    let maps = maps["maps"].as_array().unwrap();
    assert!(maps.len() == 16 && maps.iter().all(|map| map.as_array().unwrap().len() == 784));
    assert!(maps.iter().flat_map(|map| map.as_array().unwrap()).all(|value| value.as_f64().unwrap() >= 0.0));
    let hidden = value["hidden"].as_array().unwrap();
    assert!(
        hidden.len() == 1 && hidden[0]["name"] == "fc1" && hidden[0]["activations"].as_array().unwrap().len() == 128
    );
}

#[test]
fn it_is_summarized_and_drawn() {
    let summary = succeeded(&["summary", "--model", "cnn"]);
    for words in ["[1, 16, 28, 28]", "[1, 32, 7, 7]", "[1, 1568]", "215,370"] {
        assert!(summary.contains(words) || summary.replace(',', "").contains(&words.replace(',', "")), "{summary}");
    }
    let folder = Folder::new(write_small_set);
    let drawn = succeeded(&["graph", "--model", "cnn", "--data", &folder.path("")]);
    for words in ["conv1.weight [16, 1, 5, 5]", "conv2.bias [32]", "conv_relu_max_pool", "scores"] {
        assert!(drawn.contains(words), "{words} is not in {drawn}");
    }
}

#[test]
fn weights_of_other_networks_and_images_that_are_too_small_are_refused_in_a_line() {
    let folder = Folder::new(|folder| {
        let (pixels, labels) = columns_of_light(12, 3, 6);
        for name in ["train", "t10k"] {
            fs::write(folder.join(format!("{name}-images-idx3-ubyte")), idx(&[12, 3, 6], &pixels)).unwrap();
            fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), idx(&[12], &labels)).unwrap();
        }
    });
    let (data, weights) = (folder.path(""), folder.path("weights"));
    let words = "the model cnn: found images of 3 × 6, expected at least 4 × 4";
    for command in ["train", "summary", "graph"] {
        assert_refused(&demo(&[command, "--model", "cnn", "--data", &data]), 2, words);
    }
    checkpoint::save(&Model::Cnn.network(Sizes::of_digits(DIGITS), &mut Random::new(0)), &weights).unwrap();
    assert_refused(&demo(&["eval", "--weights", &weights, "--data", &data]), 2, words);

    // LeNet: the names of both networks, and other shapes.
    let lenet: Sequential = Sequential::new()
        .named("conv1", Conv2d::new(1, 6, 5, 0))
        .named("conv2", Conv2d::new(6, 16, 5, 1))
        .named("fc1", Linear::new(400, 120, 2))
        .named("fc2", Linear::new(120, 84, 3))
        .named("fc3", Linear::new(84, 10, 4));
    checkpoint::save(&lenet, &weights).unwrap();
    assert_refused(&demo(&["eval", "--weights", &weights]), 1, "conv1.weight: found f32 of shape [6, 1, 5, 5]");
    // A perceptron with one tensor of the other network.
    let mixed = Sequential::new()
        .named("all", perceptron_for(784, DIGITS, &mut Random::new(0)))
        .named("conv1", Conv2d::new(1, 16, 5, 0));
    checkpoint::save(&mixed, &weights).unwrap();
    assert_refused(&demo(&["eval", "--weights", &weights]), 1, "weights");
}

#[test]
fn the_perceptrons_files_do_not_name_it() {
    let folder = Folder::new(write_small_set);
    let (data, run) = (folder.path(""), folder.path("run"));
    for (model, is_named) in [("mlp", false), ("cnn", true)] {
        let _ = fs::remove_dir_all(&run);
        succeeded(&["train", "--model", model, "--data", &data, "--epochs", "1", "--checkpoint", &run]);
        let newest = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
        let bytes = fs::read(newest).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes).contains(r#"\"model\":"#), is_named, "{model}");
    }
}
