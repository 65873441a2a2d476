//! Normalization with weight and bias in one pass, and its first-order gradients. All normalizations use it.

use smallvec::SmallVec;

use super::standardize::standardized;
use super::{scaled, scaled_channels};
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::moments::Moments;
use crate::kernels::planes::Planes;
use crate::kernels::row_norm::RowNorm;
use crate::op::{Op, Saved};
use crate::ops::shape::reshaped;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What is normalized together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Over {
    /// The last dimensions, of so many elements, each with its weight; if not centred, by their mean square.
    Rows { count: usize, centred: bool },
    /// Channels, each with its weight.
    Planes(Planes),
}

/// y = (x - μ) / √(v + ε) · weight + bias        dx, dweight and dbias as in `kernels::row_norm`
#[derive(Debug)]
struct Normalized<T: Float> {
    name: &'static str,
    x: Saved<T>,
    weight: Option<Saved<T>>,
    bias: Option<Saved<T>>,
    /// μ and 1 / √(v + ε) of all that is normalized together.
    shifts: Saved<T>,
    over: Over,
    /// The shape of weight and bias.
    parameters: Shape,
    epsilon: f64,
}

impl<T: Float> Op<T> for Normalized<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let x = ctx.get(&self.x);
        let get = |saved: &Option<Saved<T>>| saved.as_ref().map(|saved| ctx.get(saved));
        let (weight, bias) = (get(&self.weight), get(&self.bias));
        if ctx.higher_order() {
            let parameters = [weight.as_ref(), bias.as_ref()];
            return ctx.go_on_through(|_| composed(self.name, &x, self.over, parameters, self.epsilon).0);
        }
        let [dx, dweight, dbias] = self.gradients(&ctx.grad(), &x, weight.as_ref(), &ctx.get(&self.shifts));
        ctx.propagate(0, || dx);
        let of_parameters = [(&self.weight, dweight), (&self.bias, dbias)].into_iter().filter(|(own, _)| own.is_some());
        for (input, (_, gradient)) in (1..).zip(of_parameters) {
            ctx.propagate(input, || gradient);
        }
    }
}

impl<T: Float> Normalized<T> {
    /// The gradients of x, and of a weight and a bias whether there are any or not.
    #[track_caller]
    fn gradients(
        &self,
        grad: &Tensor<T>,
        x: &Tensor<T>,
        weight: Option<&Tensor<T>>,
        shifts: &Tensor<T>,
    ) -> [Tensor<T>; 3] {
        let (grad, dense, weight) = (grad.dense(), x.dense(), weight.map(Tensor::dense));
        let [grads, values, shifts] = Tensor::dense_slices([&grad, &dense, shifts]);
        let (shifts, weight_values) = (shifts.as_chunks().0, weight.as_ref().and_then(Tensor::as_slice));
        let of = |values: &[T]| Tensor::build(&self.parameters, |out| out.copy_from_slice(values));
        let mut parameters = None;
        let dx = Tensor::build(x.shape(), |out| match self.over {
            Over::Rows { count, centred } => {
                let mut sums = vec![T::ZERO; 2 * count];
                RowNorm { values, count, centred, weight: weight_values }.backward(grads, shifts, out, &mut sums);
                parameters = Some([of(&sums[..count]), of(&sums[count..])]);
            }
            Over::Planes(planes) => {
                let [weight, bias] = planes.backward([values, grads], shifts, weight_values, out);
                parameters = Some([of(&weight), of(&bias)]);
            }
        });
        let [dweight, dbias] = parameters.expect("made with the gradient of x");
        [dx, dweight, dbias]
    }
}

/// The input normalized, and as a constant `[n, 2]` the mean and the biased variance of all that is normalized
/// together. The parameters, a weight and a bias, have the shape `parameters`.
#[inline(never)]
#[track_caller]
pub(super) fn normalized<T: Float>(
    name: &'static str,
    x: &Tensor<T>,
    (over, parameters): (Over, Shape),
    [weight, bias]: [Option<&Tensor<T>>; 2],
    epsilon: f64,
) -> (Tensor<T>, Tensor<T>) {
    check_parameters(name, [weight, bias], &parameters);
    if let Over::Planes(planes) = over
        && planes.length < SHORT
    {
        return composed(name, x, over, [weight, bias], epsilon);
    }
    let (dense, dense_weight, dense_bias) = (x.dense(), weight.map(Tensor::dense), bias.map(Tensor::dense));
    let values = dense.as_slice().expect("dense");
    let weight_values = dense_weight.as_ref().and_then(Tensor::as_slice);
    let bias_values = dense_bias.as_ref().and_then(Tensor::as_slice);
    let (mut shifts, mut moments) = (None, None);
    let y = Tensor::build_for(name, x.shape().clone(), |out| match over {
        Over::Rows { count, centred } => {
            let rows = x.numel().checked_div(count).unwrap_or(0);
            let norm = RowNorm { values, count, centred, weight: weight_values };
            shifts = Some(Tensor::build([rows, 2], |shifts| {
                norm.forward(bias_values, T::from_f64(epsilon), out, shifts.as_chunks_mut().0);
            }));
        }
        Over::Planes(planes) => {
            let found = planes.normalize(values, epsilon, [weight_values, bias_values], out);
            let pairs = |pair: &dyn Fn(Moments) -> [T; 2]| {
                Tensor::build([found.len(), 2], |out| {
                    out.as_chunks_mut().0.iter_mut().zip(&found).for_each(|(out, &found)| *out = pair(found));
                })
            };
            shifts = Some(pairs(&|found| found.shift(epsilon)));
            moments = Some(pairs(&|found| [T::from_f64(found.mean), T::from_f64(found.variance())]));
        }
    });
    let shifts = shifts.expect("made with the output");
    let mut inputs = SmallVec::<[&Tensor<T>; 5]>::from_slice(&[x]);
    for parameter in [weight, bias].into_iter().flatten() {
        inputs.push(parameter);
    }
    let y = y.record(&inputs, |_| Normalized {
        name,
        x: Saved::input(0, x),
        weight: weight.map(|weight| Saved::input(1, weight)),
        bias: bias.map(|bias| Saved::input(inputs.len() - 1, bias)),
        shifts: Saved::aside(&shifts),
        over,
        parameters,
        epsilon,
    });
    (y, moments.unwrap_or(shifts))
}

/// Elements of a plane below which it is not worth a call of its own.
pub(super) const SHORT: usize = 8;

/// The same by operations, each of which is differentiable.
#[track_caller]
fn composed<T: Float>(
    name: &'static str,
    x: &Tensor<T>,
    over: Over,
    [weight, bias]: [Option<&Tensor<T>>; 2],
    epsilon: f64,
) -> (Tensor<T>, Tensor<T>) {
    let own = x.shape();
    match over {
        Over::Rows { count, centred } => {
            let rows = reshaped(x, &Shape::from([own.numel() / count.max(1), count]));
            let (y, moments) = standardized(&rows, centred, epsilon);
            (scaled(reshaped(&y, own), weight, bias), moments)
        }
        Over::Planes(Planes { groups: 0, channels, images, length }) => {
            // One row for each channel.
            let channels_first = x.transpose(0, 1);
            let rows = reshaped(&channels_first, &Shape::from([channels, images * length]));
            let (y, moments) = standardized(&rows, true, epsilon);
            let y = reshaped(&y, channels_first.shape()).transpose(0, 1);
            (scaled_channels(name, y, weight, bias), moments)
        }
        Over::Planes(Planes { groups, channels, images, length }) => {
            let rows = reshaped(x, &Shape::from([images * groups, channels / groups * length]));
            let (y, moments) = standardized(&rows, true, epsilon);
            (scaled_channels(name, reshaped(&y, own), weight, bias), moments)
        }
    }
}

/// Panics unless weight and bias have the wanted shape.
#[track_caller]
fn check_parameters<T: Float>(op: &str, parameters: [Option<&Tensor<T>>; 2], wanted: &Shape) {
    for (name, tensor) in ["weight", "bias"].into_iter().zip(parameters) {
        if let Some(tensor) = tensor.filter(|tensor| tensor.shape() != wanted) {
            shape_error(op, format_args!("the {name} has shape {}, wanted {wanted}", tensor.shape()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Order, Tensor, grad_with};

    type Norm = fn(&Tensor<f64>, &Tensor<f64>, &Tensor<f64>) -> Tensor<f64>;

    /// Planes that are too short for kernels of their own, and such that are not, give what operations give.
    #[test]
    fn the_kernels_and_the_operations_agree() {
        let (weight, bias) = (Tensor::<f64>::randn([6], 1).requires_grad(), Tensor::randn([6], 2).requires_grad());
        for length in [7, 8, 300] {
            let x = Tensor::<f64>::randn([3, 6, length], 0).requires_grad();
            let seed = Tensor::randn([3, 6, length], 3);
            let norms: [Norm; 4] = [
                |x, w, b| x.batch_norm(Some(w), Some(b), 1e-5).0,
                |x, w, b| x.group_norm(3, Some(w), Some(b), 1e-5),
                |x, w, b| x.instance_norm(Some(w), Some(b), 1e-5),
                |x, w, b| x.transpose(1, 2).layer_norm([6], Some(w), Some(b), 1e-5).transpose(1, 2),
            ];
            for norm in norms {
                let gradients = |order| grad_with(&norm(&x, &weight, &bias), &[&x, &weight, &bias], &seed, order);
                for (first, higher) in gradients(Order::First).iter().zip(gradients(Order::Higher)) {
                    let distance = (first - higher).abs().max().item();
                    assert!(distance < 1e-10, "planes of {length}: {distance}");
                }
            }
        }
    }
}
