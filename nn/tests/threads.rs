//! A whole training run has the same bits on any number of threads, in the engine's pools and in a caller's own.

use autograd::{Indices, Random, Stream, Tensor, num_threads, with_threads};
use nn::{
    BatchNorm2d, Conv2d, CrossEntropyLoss, Dropout, Dropout2d, Flatten, Layer, Linear, MaxPool2d, Mode, Module, ReLU,
    Residual, Sequential, Upsample,
};
use optim::Adam;

/// The bits of the weights, and of each step's loss, after some steps of a training that is large enough for every
/// kernel to fork.
fn bits_of_a_run() -> Vec<u32> {
    let (mut random, stream) = (Random::new(0), Stream::new(2));
    let model: Sequential = Sequential::new()
        .add(Linear::new(784, 256, &mut random))
        .add(ReLU)
        .add(Linear::new(256, 128, &mut random))
        .add(ReLU)
        .add(Dropout::new(0.1))
        .add(Linear::new(128, 10, &mut random));
    let mut adam = Adam::new(model.parameters(), 1e-2);
    let images = Tensor::rand([1000, 784], 1);
    let steps = if cfg!(debug_assertions) { 2 } else { 20 };
    let mut bits = Vec::new();
    for step in 0..steps {
        let batch = [64, 150, 32, 333][step % 4];
        let chosen: Vec<usize> = (0..batch).map(|_| random.below(1000) as usize).collect();
        let labels: Indices = chosen.iter().map(|index| index % 10).collect();
        let logits = model.forward(&images.index_select(0, chosen), Mode::Train(&stream));
        let loss = CrossEntropyLoss::new().forward(&logits, &labels);
        bits.push(loss.item().to_bits());
        adam.step(&loss.backward());
    }
    for (_, parameter) in model.named_parameters() {
        bits.extend(parameter.tensor().to_vec().into_iter().map(f32::to_bits));
    }
    bits
}

#[test]
fn a_training_run_has_the_same_bits_on_any_number_of_threads() {
    let one = with_threads(1, bits_of_a_run);
    for threads in [2, 3, 4, 8] {
        assert!(with_threads(threads, bits_of_a_run) == one, "{threads} threads give other bits than one");
    }
}

/// The bits of weights, running statistics and losses of a convolutional network, with dropout and resampling in it.
fn bits_of_a_convolutional_run() -> Vec<u32> {
    let stream = Stream::new(0);
    let model: Sequential = Sequential::new()
        .add(Upsample::by(2.0))
        .add(Conv2d::new(3, 16, 3, &stream).padding(1))
        .add(BatchNorm2d::new(16))
        .add(ReLU)
        .add(MaxPool2d::new(2))
        .add(Dropout2d::new(0.2))
        .add(Residual::new(Conv2d::new(16, 16, 3, &stream).padding_same()))
        .add(Flatten::new())
        .add(Linear::new(16 * 12 * 12, 10, &stream));
    let mut adam = Adam::new(model.parameters(), 1e-2);
    let (images, labels) = (Tensor::rand([32, 3, 12, 12], 1), (0..32).map(|index| index % 10).collect::<Indices>());
    let mut bits = Vec::new();
    for _ in 0..3 {
        let loss = model.forward(&images, Mode::Train(&stream)).cross_entropy(&labels);
        bits.push(loss.item().to_bits());
        adam.step(&loss.backward());
    }
    let named = model.named_parameters();
    bits.extend(named.iter().flat_map(|(_, parameter)| parameter.tensor().to_vec()).map(f32::to_bits));
    bits
}

#[test]
fn a_convolutional_run_has_the_same_bits_on_any_number_of_threads() {
    let one = with_threads(1, bits_of_a_convolutional_run);
    for threads in [2, 3, 8] {
        assert!(
            with_threads(threads, bits_of_a_convolutional_run) == one,
            "{threads} threads give other bits than one"
        );
    }
}

#[test]
fn inside_a_callers_pool_that_pool_is_used() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let (threads, bits) = pool.install(|| with_threads(8, || (num_threads(), bits_of_a_run())));
    assert_eq!(threads, 3);
    assert!(bits == with_threads(1, bits_of_a_run));
}
