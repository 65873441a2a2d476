//! The hand-fused step: a training step without the engine.
//!
//! No tensors, no graph, no optimizer objects, no generality: one network, `inputs → hidden... → classes`, whose
//! buffers are allocated once, and the arithmetic that every implementation has to do. For each image and step that is
//!
//! ```text
//! forward    Y = max(X Wᵀ + b, 0)      2 · in · out  operations for each layer
//! backward   dW = Gᵀ X                 2 · in · out  for each layer
//!            dX = G W                  2 · in · out  for each layer but the first, whose input needs no gradient
//! ```
//!
//! and, once a step, Adam's pass over all weights. It uses the engine's kernels ([`gemm()`], [`gather_rows`],
//! [`update`]), so that the difference to the engine is what tensors, graph and memory management cost. Whatever can be
//! fused is fused: bias and ReLU are the product's epilogue, the pass that masks a layer's gradient sums the bias's,
//! and the pass that computes the loss also computes its gradient.

use autograd::kernels::bytes::gather_rows;
use autograd::kernels::update::update;
use autograd::ndarray::{ArrayView2, ArrayViewMut2};
use autograd::{Epilogue, gemm};

/// A parameter, its gradient, and Adam's two moments.
struct Parameter {
    value: Vec<f32>,
    gradient: Vec<f32>,
    mean: Vec<f32>,
    square: Vec<f32>,
}

/// A fully connected layer: `[out, in]` weights, and what one batch leaves in it.
struct Layer {
    inputs: usize,
    outputs: usize,
    weight: Parameter,
    bias: Parameter,
    /// `[batch, out]`, after ReLU if there is one.
    output: Vec<f32>,
    /// The gradient with respect to the product, `[batch, out]`.
    gradient: Vec<f32>,
}

/// The hand-fused step, its weights, and all of its memory.
pub struct HandFused {
    batch: usize,
    pixels: Vec<f32>,
    layers: Vec<Layer>,
    adam: Adam,
}

impl HandFused {
    /// A network with the given weights and biases, alternating from the first layer on: `[out, in]`, `[out]`, ...
    ///
    /// # Panics
    /// If there are not twice as many parameters as layers, or their lengths are not those of `sizes`.
    pub fn new(sizes: &[usize], parameters: &[Vec<f32>], batch: usize, learning_rate: f64) -> Self {
        assert_eq!(parameters.len(), 2 * (sizes.len() - 1), "a weight and a bias for each layer");
        let layer = |(sizes, parameters): (&[usize], &[Vec<f32>])| {
            let (inputs, outputs) = (sizes[0], sizes[1]);
            assert_eq!((parameters[0].len(), parameters[1].len()), (inputs * outputs, outputs));
            Layer {
                inputs,
                outputs,
                weight: Parameter::new(&parameters[0]),
                bias: Parameter::new(&parameters[1]),
                output: vec![0.0; batch * outputs],
                gradient: vec![0.0; batch * outputs],
            }
        };
        HandFused {
            batch,
            pixels: vec![0.0; batch * sizes[0]],
            layers: sizes.windows(2).zip(parameters.chunks(2)).map(layer).collect(),
            adam: Adam { learning_rate, step: 0 },
        }
    }

    /// One step on the chosen rows of `images`, and the mean loss before it. Call it inside [`autograd::with_threads`].
    ///
    /// # Panics
    /// If there are not as many rows and labels as the batch has images.
    pub fn step(&mut self, images: &[u8], rows: &[usize], labels: impl Iterator<Item = usize>) -> f32 {
        let width = self.layers[0].inputs;
        gather_rows(images, width, rows, 255.0, &mut self.pixels);
        self.forward();
        let last = self.layers.last_mut().expect("a network has layers");
        let loss = cross_entropy(&last.output, labels, last.outputs, &mut last.gradient);
        sum_columns(&last.gradient, &mut last.bias.gradient);
        self.backward();
        loss
    }

    fn forward(&mut self) {
        let last = self.layers.len() - 1;
        let mut input = &self.pixels;
        for (index, layer) in self.layers.iter_mut().enumerate() {
            let bias = &layer.bias.value;
            let epilogue = if index < last { Epilogue::BiasRelu(bias) } else { Epilogue::Bias(bias) };
            let x = matrix(input, self.batch, layer.inputs);
            let weight = matrix(&layer.weight.value, layer.outputs, layer.inputs);
            gemm(x, weight.t(), matrix_mut(&mut layer.output, self.batch, layer.outputs), epilogue);
            input = &layer.output;
        }
    }

    /// From the last layer to the first: its input's gradient, then its weight's; then the old weight is not needed any
    /// more.
    fn backward(&mut self) {
        let rule = self.adam.next();
        for index in (0..self.layers.len()).rev() {
            let (before, rest) = self.layers.split_at_mut(index);
            let layer = &mut rest[0];
            let gradient = matrix(&layer.gradient, self.batch, layer.outputs);
            if let Some(below) = before.last_mut() {
                let weight = matrix(&layer.weight.value, layer.outputs, layer.inputs);
                gemm(gradient, weight, matrix_mut(&mut below.gradient, self.batch, layer.inputs), Epilogue::Store);
                mask_and_sum_columns(&mut below.gradient, &below.output, &mut below.bias.gradient);
            }
            let input = before.last().map_or(&self.pixels, |below| &below.output);
            let of_weight = matrix_mut(&mut layer.weight.gradient, layer.outputs, layer.inputs);
            gemm(gradient.t(), matrix(input, self.batch, layer.inputs), of_weight, Epilogue::Store);
            layer.weight.step(rule);
            layer.bias.step(rule);
        }
    }
}

impl Parameter {
    fn new(value: &[f32]) -> Self {
        let zeros = || vec![0.0; value.len()];
        Parameter { value: value.to_vec(), gradient: zeros(), mean: zeros(), square: zeros() }
    }

    fn step(&mut self, rule: AdamStep) {
        let moments = [self.mean.as_mut_slice(), self.square.as_mut_slice()];
        update(&mut self.value, &self.gradient, moments, move |weight, gradient, [m, v]| {
            rule.moved(weight, gradient, m, v)
        });
    }
}

fn matrix(elements: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), elements).expect("as long as the matrix")
}

fn matrix_mut(elements: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), elements).expect("as long as the matrix")
}

/// The mean of -ln softmax at the labels, and its gradient (softmax - one-hot) / examples in the same pass.
fn cross_entropy(scores: &[f32], labels: impl Iterator<Item = usize>, classes: usize, gradient: &mut [f32]) -> f32 {
    let examples = scores.len() / classes;
    let (scale, mut sum_of_losses) = (1.0 / examples as f32, 0.0);
    let mut counted = 0;
    for ((scores, gradient), label) in scores.chunks_exact(classes).zip(gradient.chunks_exact_mut(classes)).zip(labels)
    {
        let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (out, score) in gradient.iter_mut().zip(scores) {
            *out = (score - largest).exp();
            sum += *out;
        }
        sum_of_losses += sum.ln() - (scores[label] - largest);
        for out in gradient.iter_mut() {
            *out *= scale / sum;
        }
        gradient[label] -= scale;
        counted += 1;
    }
    assert_eq!(counted, examples, "a label for each example");
    sum_of_losses * scale
}

/// Clears the gradient where ReLU's output is 0, and sums its rows, with the kernel of the optimizers: it runs a
/// function over several slices at once in the machine's widest vectors.
fn mask_and_sum_columns(gradient: &mut [f32], output: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for (gradient, output) in gradient.chunks_exact_mut(sums.len()).zip(output.chunks_exact(sums.len())) {
        update(gradient, output, [&mut *sums], |gradient, output, [sum]| {
            let masked = if output > 0.0 { gradient } else { 0.0 };
            *sum += masked;
            masked
        });
    }
}

fn sum_columns(gradient: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    for gradient in gradient.chunks_exact(sums.len()) {
        for (sum, gradient) in sums.iter_mut().zip(gradient) {
            *sum += gradient;
        }
    }
}

/// Adam with PyTorch's defaults.
struct Adam {
    learning_rate: f64,
    step: i32,
}

/// What one step of Adam is made of, for all weights.
#[derive(Clone, Copy)]
struct AdamStep {
    step_size: f32,
    root: f32,
}

impl Adam {
    fn next(&mut self) -> AdamStep {
        self.step += 1;
        let correction = |beta: f64| 1.0 - beta.powi(self.step);
        AdamStep {
            step_size: (self.learning_rate / correction(0.9)) as f32,
            root: correction(0.999).sqrt().recip() as f32,
        }
    }
}

impl AdamStep {
    /// The weight after the step. The moments are changed in place, and cleared before they become denormal: arithmetic
    /// on denormal values is many times slower, and the moments of a unit whose gradient stays 0 would remain there.
    #[inline(always)]
    fn moved(self, weight: f32, gradient: f32, m: &mut f32, v: &mut f32) -> f32 {
        let flushed = |moment: f32| if moment.abs() < f32::MIN_POSITIVE / f32::EPSILON { 0.0 } else { moment };
        *m = flushed(0.9 * *m + 0.1 * gradient);
        *v = flushed(0.999 * *v + 0.001 * gradient * gradient);
        weight - self.step_size * (*m / (v.sqrt() * self.root + 1e-8))
    }
}
