//! burn as a contender, on its back end for CPUs, flex.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, PaddingConfig2d, Relu};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use crate::benchmark::{Work, last_of};
use crate::networks::cnn;
use crate::problem::{LEARNING_RATE, MULTIPLIERS, Problem, SIZES, operand};
use crate::task::{CHAIN, Elementwise, PLANE, Task};

/// [`Library`](crate::benchmark::Library). flex takes the number of threads from `RAYON_NUM_THREADS`.
pub fn burn(problem: &Arc<Problem>, task: Task, _threads: usize) -> Option<Work> {
    match task {
        Task::Train { batch } => Some(train(problem, batch, Perceptron::new)),
        Task::Infer { batch } => Some(infer(problem, batch, Perceptron::new)),
        Task::TrainNetwork { network, batch } if network.name == "cnn" => Some(train(problem, batch, Cnn::new)),
        Task::InferNetwork { network, batch } if network.name == "cnn" => Some(infer(problem, batch, Cnn::new)),
        Task::Chain { extent, backward } => Some(chain(extent, backward)),
        Task::Elementwise(operation) => elementwise(operation),
        Task::TrainNetwork { .. } | Task::InferNetwork { .. } | Task::Attention(_) => None,
        Task::Convolution(_) | Task::Optimize { .. } => None,
    }
}

/// A network from rows of pixels to scores.
trait Classifier: Module + 'static {
    fn forward(&self, x: Tensor<2>) -> Tensor<2>;
}

/// A layer with this weight, `[out, in]`, and bias.
fn linear(weight: &[f32], bias: &[f32], device: &Device) -> Linear {
    let (inputs, outputs) = (weight.len() / bias.len(), bias.len());
    // burn's weight is [in, out].
    let transposed = (0..inputs * outputs).map(|at| weight[at % outputs * inputs + at / outputs]);
    let weight = TensorData::new(transposed.collect::<Vec<f32>>(), [inputs, outputs]);
    let bias = TensorData::new(bias.to_vec(), [outputs]);
    Linear { weight: Param::from_data(weight, device), bias: Some(Param::from_data(bias, device)) }
}

#[derive(Module, Debug)]
struct Cnn {
    convolutions: Vec<Conv2d>,
    pool: MaxPool2d,
    first: Linear,
    second: Linear,
    relu: Relu,
}

impl Cnn {
    fn new(_: &Problem, device: &Device) -> Self {
        let parameters = cnn::parameters();
        let convolution = |index: usize| {
            let ((shape, weight), (_, bias)) = (parameters[2 * index].clone(), parameters[2 * index + 1].clone());
            let (padding, [filters, channels]) = (cnn::KERNEL / 2, [shape[0], shape[1]]);
            let config = Conv2dConfig::new([channels, filters], [cnn::KERNEL; 2])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding));
            let weight = Param::from_data(TensorData::new(weight, shape), device);
            let bias = Some(Param::from_data(TensorData::new(bias, [filters]), device));
            Conv2d { weight, bias, ..config.init(device) }
        };
        let layer = |index: usize| linear(&parameters[2 * index].1, &parameters[2 * index + 1].1, device);
        Cnn {
            convolutions: vec![convolution(0), convolution(1)],
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            first: layer(2),
            second: layer(3),
            relu: Relu::new(),
        }
    }
}

impl Classifier for Cnn {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let images = x.dims()[0];
        let mut x: Tensor<4> = x.reshape([images, 1, cnn::SIDE, cnn::SIDE]);
        for convolution in &self.convolutions {
            x = self.pool.forward(self.relu.forward(convolution.forward(x)));
        }
        self.second.forward(self.relu.forward(self.first.forward(x.flatten(1, 3))))
    }
}

#[derive(Module, Debug)]
struct Perceptron {
    first: Linear,
    second: Linear,
    third: Linear,
    relu: Relu,
}

impl Perceptron {
    fn new(problem: &Problem, device: &Device) -> Self {
        let layer = |index: usize| linear(&problem.parameters[2 * index], &problem.parameters[2 * index + 1], device);
        Perceptron { first: layer(0), second: layer(1), third: layer(2), relu: Relu::new() }
    }
}

impl Classifier for Perceptron {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = self.relu.forward(self.first.forward(x));
        let x = self.relu.forward(self.second.forward(x));
        self.third.forward(x)
    }
}

fn images(problem: &Problem, rows: &[usize], device: &Device) -> Tensor<2> {
    let mut pixels = vec![0.0; rows.len() * SIZES[0]];
    problem.gather(rows, &mut pixels);
    Tensor::from_data(TensorData::new(pixels, [rows.len(), SIZES[0]]), device)
}

fn train<M: Classifier>(problem: &Arc<Problem>, batch: usize, model: fn(&Problem, &Device) -> M) -> Work {
    let problem = Arc::clone(problem);
    let device = Device::flex().autodiff();
    let criterion = CrossEntropyLossConfig::new().init(&device);
    // Everybody else's epsilon.
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let mut model = Some(model(&problem, &device));
    let mut next = 0;
    repeated(move || {
        let rows = problem.batch(next, batch);
        next += 1;
        let labels: Vec<i64> = problem.labels_of(rows).map(i64::from).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [batch]), &device);
        let own = model.take().expect("each step puts it back");
        let loss = criterion.forward(own.forward(images(&problem, rows, &device)), labels);
        let gradients = GradientsParams::from_grads(loss.backward(), &own);
        model = Some(adam.step(LEARNING_RATE, own, gradients));
        loss
    })
}

fn infer<M: Classifier>(problem: &Problem, batch: usize, model: fn(&Problem, &Device) -> M) -> Work {
    let device = Device::flex();
    let model = model(problem, &device);
    let pixels = images(problem, problem.batch(0, batch), &device);
    repeated(move || model.forward(pixels.clone()))
}

fn chain(extent: usize, backward: bool) -> Work {
    let device = if backward { Device::flex().autodiff() } else { Device::flex() };
    let full = |value: f32| Tensor::<1>::full([extent], value, &device);
    let (a, b, x) = (full(0.999), full(0.001), full(0.5));
    repeated(move || {
        let leaf = if backward { x.clone().require_grad() } else { x.clone() };
        let mut y = leaf.clone();
        for _ in 0..CHAIN / 2 {
            y = y * a.clone() + b.clone();
        }
        if backward { leaf.grad(&y.backward()).expect("it is a leaf") } else { y }
    })
}

fn elementwise(operation: Elementwise) -> Option<Work> {
    let function: fn(Tensor<2>, Tensor<2>) -> Tensor<2> = match operation.name {
        "add" => |x, y| x + y,
        "mul" => |x, y| x * y,
        "relu" => |x, _| activation::relu(x),
        "exp" => |x, _| x.exp(),
        "tanh" => |x, _| x.tanh(),
        "sigmoid" => |x, _| activation::sigmoid(x),
        "gelu" => |x, _| activation::gelu(x),
        "sum" => |x, _| x.sum().unsqueeze(),
        "sum_rows" => |x, _| x.sum_dim(0),
        "sum_columns" => |x, _| x.sum_dim(1),
        "max" => |x, _| x.max().unsqueeze(),
        "softmax" => |x, _| activation::softmax(x, 1),
        "log_softmax" => |x, _| activation::log_softmax(x, 1),
        _ => return None,
    };
    let device = Device::flex();
    let [x, y] = MULTIPLIERS
        .map(|multiplier| Tensor::from_data(TensorData::new(operand(PLANE[0] * PLANE[1], multiplier), PLANE), &device));
    Some(repeated(move || function(x.clone(), y.clone())))
}

/// Work that does something again and again, and returns the last element of its last result.
fn repeated<const RANK: usize>(mut once: impl FnMut() -> Tensor<RANK> + 'static) -> Work {
    Box::new(move |repeats| {
        let values = last_of(repeats, &mut once).into_data();
        f64::from(*values.as_slice::<f32>().expect("of f32").last().expect("it has elements"))
    })
}
