//! LeNet: convolutions read the digits better than a perceptron does.
//!
//! `cargo run --release -p mnist-demo --example 10_lenet` (a number of steps may follow `--`)
//!
//! The network of LeCun et al. (1998) with rectifiers and the largest of each window, on the digits that are part of
//! the program. One pass over the images is enough for more than 98 of 100.

use autograd::{Random, Stream, accuracy, no_grad, with_threads};
use mnist_demo::dataset::Dataset;
use nn::data::Batches;
use nn::{
    Conv2d, CrossEntropyLoss, Flatten, Layer, Linear, MaxPool2d, Mode, Module, ReLU, Sequential, Unflatten, summary,
};
use optim::Adam;

fn lenet(random: &mut Random) -> Sequential {
    Sequential::new()
        .add(Unflatten::new(1, [1, 28, 28]))
        .named("conv1", Conv2d::new(1, 6, 5, &mut *random).padding(2))
        .add(ReLU)
        .add(MaxPool2d::new(2))
        .named("conv2", Conv2d::new(6, 16, 5, &mut *random))
        .add(ReLU)
        .add(MaxPool2d::new(2))
        .add(Flatten::new())
        .named("fc1", Linear::new(400, 120, &mut *random))
        .add(ReLU)
        .named("fc2", Linear::new(120, 84, &mut *random))
        .add(ReLU)
        .named("fc3", Linear::new(84, 10, random))
}

/// A filter of the first layer in characters, from dark to light.
fn drawn(filter: &[f32]) -> Vec<String> {
    let largest = filter.iter().fold(1e-6_f32, |largest, value| largest.max(value.abs()));
    let shade = |value: &f32| [' ', '.', ':', '+', '#'][((value / largest + 1.0) * 2.49) as usize];
    filter.chunks(5).map(|row| row.iter().map(shade).collect()).collect()
}

fn main() {
    println!("Shows: a convolutional network, LeNet, that classifies more digits correctly than a perceptron");
    println!("Uses:  Conv2d, MaxPool2d, Flatten, Unflatten, summary, data::Batches, CrossEntropyLoss, Adam\n");
    let steps: usize = std::env::args().nth(1).map_or(938, |text| text.parse().expect("a number of steps"));
    let data = Dataset::embedded().expect("the digits are part of the program");
    let mut random = Random::new(0);
    let model = lenet(&mut random);
    println!("{}", summary(&model, [64, 784]));
    let (mut adam, criterion) = (Adam::new(model.parameters(), 0.002), CrossEntropyLoss::new());
    let batches = Batches::new(64).shuffled(Random::new(2));
    let reached = with_threads(0, || {
        let stream = Stream::new(1);
        for (step, (images, labels)) in batches.epoch(&data.train, 0).take(steps).enumerate() {
            let loss = criterion.forward(&model.forward(&images, Mode::Train(&stream)), &labels);
            if step % (steps / 8).max(1) == 0 {
                println!("step {step:4}  loss {:.4}", loss.item());
            }
            adam.step(&loss.backward());
        }
        let tested = Batches::new(500).epoch(&data.test, 0);
        let shares = tested.map(|(images, labels)| no_grad(|| accuracy(&model.forward(&images, Mode::Eval), &labels)));
        let shares: Vec<f64> = shares.collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    });
    let named = model.named_parameters();
    let filters = named[0].1.tensor().to_vec();
    println!("the six filters of {}:", named[0].0);
    let filters: Vec<Vec<String>> = filters.chunks(25).map(drawn).collect();
    for row in 0..5 {
        println!("  {}", filters.iter().map(|filter| filter[row].as_str()).collect::<Vec<_>>().join("   "));
    }
    println!("Test Accuracy: {:.2}%", 100.0 * reached);
    assert!(reached > if steps < 900 { 0.85 } else { 0.98 }, "LeNet reads only {reached} of the digits");
}
