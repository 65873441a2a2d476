//! candle as a contender.

use std::sync::Arc;

use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{
    Activation, AdamW, Conv2d, Conv2dConfig, Linear, Module, Optimizer, ParamsAdamW, Sequential, loss, ops, seq,
};

use crate::benchmark::{Work, last_of};
use crate::networks::{self, cnn};
use crate::problem::{LEARNING_RATE, MULTIPLIERS, Problem, SIZES, operand};
use crate::task::{CHAIN, Elementwise, PLANE, Task};

/// [`Library`](crate::benchmark::Library). candle takes the number of threads from `RAYON_NUM_THREADS`.
pub fn candle(problem: &Arc<Problem>, task: Task, _threads: usize) -> Option<Work> {
    let work = match task {
        Task::Train { batch } => train(problem, batch, perceptron),
        Task::TrainNetwork { network, batch } => train(problem, batch, model_of(network)?),
        Task::Infer { batch } => infer(problem, batch, perceptron),
        Task::InferNetwork { network, batch } => infer(problem, batch, model_of(network)?),
        Task::Chain { extent, backward } => chain(extent, backward),
        Task::Elementwise(operation) => elementwise(operation)?,
        Task::Attention(_) | Task::Convolution(_) | Task::Optimize { .. } => return None,
    };
    Some(work.expect("candle does it"))
}

/// A network for rows of pixels: its parameters with their first values, and its layers, made of the parameters.
struct Network {
    parameters: Vec<Var>,
    layers: fn(&[Tensor]) -> Sequential,
}

/// Prepares a network.
type Model = fn(&Problem) -> Network;

fn model_of(network: &networks::Network) -> Option<Model> {
    (network.name == "cnn").then_some(convolutional as Model)
}

fn variable(shape: &[usize], values: &[f32]) -> Var {
    Var::from_slice(values, shape, &Device::Cpu).expect("as many values as elements")
}

/// The perceptron: its parameters are weights, `[out, in]`, and biases.
fn perceptron(problem: &Problem) -> Network {
    let mut parameters = Vec::new();
    for (sizes, values) in SIZES.windows(2).zip(problem.parameters.chunks(2)) {
        parameters.extend([variable(&[sizes[1], sizes[0]], &values[0]), variable(&sizes[1..], &values[1])]);
    }
    Network { parameters, layers: linear_layers }
}

/// The CNN of the demo: its parameters are filters, weights and biases.
fn convolutional(_: &Problem) -> Network {
    let parameters = cnn::parameters().into_iter().map(|(shape, values)| variable(&shape, &values)).collect();
    Network { parameters, layers: convolutional_layers }
}

fn convolutional_layers(parameters: &[Tensor]) -> Sequential {
    let mut model = seq().add_fn(|x| x.reshape(((), 1, cnn::SIDE, cnn::SIDE)));
    let (filters, weights) = parameters.split_at(4);
    for pair in filters.chunks(2) {
        let config = Conv2dConfig { padding: cnn::KERNEL / 2, ..Conv2dConfig::default() };
        let convolution = Conv2d::new(pair[0].clone(), Some(pair[1].clone()), config);
        model = model.add(convolution).add(Activation::Relu).add_fn(max_pool);
    }
    model.add_fn(|x| x.flatten_from(1)).add(linear_layers(weights))
}

/// The greatest of each 2×2 pixels. It takes as long as `max_pool2d`, whose gradient in candle 0.11 is a quarter of
/// what it should be.
fn max_pool(x: &Tensor) -> Result<Tensor> {
    let (images, channels, height, width) = x.dims4()?;
    x.reshape((images, channels, height / 2, 2, width / 2, 2))?.max(5)?.max(3)
}

/// Linear layers of these weights and biases, with rectifiers between them.
fn linear_layers(parameters: &[Tensor]) -> Sequential {
    let mut model = seq();
    for (layer, pair) in parameters.chunks(2).enumerate() {
        if layer > 0 {
            model = model.add(Activation::Relu);
        }
        model = model.add(Linear::new(pair[0].clone(), Some(pair[1].clone())));
    }
    model
}

fn images(problem: &Problem, rows: &[usize]) -> Result<Tensor> {
    let mut pixels = vec![0.0; rows.len() * SIZES[0]];
    problem.gather(rows, &mut pixels);
    Tensor::from_vec(pixels, (rows.len(), SIZES[0]), &Device::Cpu)
}

fn train(problem: &Arc<Problem>, batch: usize, model: Model) -> Result<Work> {
    let problem = Arc::clone(problem);
    let Network { parameters, layers } = model(&problem);
    let model = layers(&parameters.iter().map(|parameter| parameter.as_tensor().clone()).collect::<Vec<_>>());
    let settings = ParamsAdamW { lr: LEARNING_RATE, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(parameters, settings)?;
    let mut next = 0;
    let step = move || -> Result<Tensor> {
        let rows = problem.batch(next, batch);
        next += 1;
        let labels: Vec<u32> = problem.labels_of(rows).map(u32::from).collect();
        let labels = Tensor::from_vec(labels, batch, &Device::Cpu)?;
        let loss = loss::cross_entropy(&model.forward(&images(&problem, rows)?)?, &labels)?;
        adam.backward_step(&loss)?;
        Ok(loss)
    };
    Ok(repeated(step))
}

fn infer(problem: &Problem, batch: usize, model: Model) -> Result<Work> {
    let Network { parameters, layers } = model(problem);
    // Detached, or each forward would record a graph.
    let model = layers(&parameters.iter().map(Var::as_detached_tensor).collect::<Vec<_>>());
    let pixels = images(problem, problem.batch(0, batch))?;
    Ok(repeated(move || model.forward(&pixels)))
}

fn chain(extent: usize, backward: bool) -> Result<Work> {
    let full = |value: f32| Tensor::full(value, extent, &Device::Cpu);
    let (a, b, x) = (full(0.999)?, full(0.001)?, full(0.5)?);
    let run_chain = move |x: &Tensor| {
        let mut y = ((x * &a)? + &b)?;
        for _ in 1..CHAIN / 2 {
            y = ((&y * &a)? + &b)?;
        }
        Ok::<_, candle_core::Error>(y)
    };
    Ok(repeated(move || {
        if !backward {
            return run_chain(&x);
        }
        let leaf = Var::from_tensor(&x)?;
        let gradients = run_chain(leaf.as_tensor())?.backward()?;
        Ok(gradients.get(&leaf).expect("it is a leaf").clone())
    }))
}

fn elementwise(operation: Elementwise) -> Option<Result<Work>> {
    let function: fn(&Tensor, &Tensor) -> Result<Tensor> = match operation.name {
        "add" => |x, y| x + y,
        "mul" => |x, y| x * y,
        "relu" => |x, _| x.relu(),
        "exp" => |x, _| x.exp(),
        "tanh" => |x, _| x.tanh(),
        "sigmoid" => |x, _| ops::sigmoid(x),
        "gelu" => |x, _| x.gelu_erf(),
        "sum" => |x, _| x.sum_all(),
        "sum_rows" => |x, _| x.sum(0),
        "sum_columns" => |x, _| x.sum(1),
        "max" => |x, _| x.max_all(),
        "softmax" => |x, _| ops::softmax_last_dim(x),
        "log_softmax" => |x, _| ops::log_softmax(x, D::Minus1),
        _ => return None,
    };
    let operands = MULTIPLIERS.map(|multiplier| {
        Tensor::from_vec(operand(PLANE[0] * PLANE[1], multiplier), (PLANE[0], PLANE[1]), &Device::Cpu)
    });
    let [x, y] = operands;
    let (x, y) = match (x, y) {
        (Ok(x), Ok(y)) => (x, y),
        (Err(error), _) | (_, Err(error)) => return Some(Err(error)),
    };
    Some(Ok(repeated(move || function(&x, &y))))
}

/// Work that does something again and again, and returns the last element of its last result.
fn repeated(mut once: impl FnMut() -> Result<Tensor> + 'static) -> Work {
    let mut run = move |repeats: usize| -> Result<f64> {
        let last = last_of(repeats, || once().expect("candle does it"));
        let flat = last.flatten_all()?;
        Ok(f64::from(flat.get(flat.elem_count() - 1)?.to_dtype(DType::F32)?.to_scalar::<f32>()?))
    };
    Box::new(move |repeats| run(repeats).expect("candle does it"))
}
