//! Convolutions, as a product of three operands: y = w ∗ x is linear in w and in x, and so is each gradient in the
//! two tensors that it is computed from. The
//! gradients of the three operations are these three again, so that they can be differentiated any number of times.

mod convolution;
mod layer;
mod transposed;

pub use convolution::{Convolution, Padding};
pub use transposed::TransposedConvolution;

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::convolve::{Epilogue, Geometry, Planes};
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Which of the three operands is computed from the other two.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// y from x and w.
    Convolution,
    /// The gradient of x, from that of y, and w: a transposed convolution.
    ToInput,
    /// The gradient of w, from x and the gradient of y.
    ToWeight,
}

/// y = w ∗ x        dx = [`Kind::ToInput`] of dy and w, dw = [`Kind::ToWeight`] of x and dy
#[derive(Debug)]
struct Product<T: Float> {
    kind: Kind,
    geometry: Geometry,
    operands: [Saved<T>; 2],
}

impl<T: Float> Op<T> for Product<T> {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Convolution => "conv",
            Kind::ToInput => "conv_transpose",
            Kind::ToWeight => "conv_weight",
        }
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (grad, a, b) = (ctx.grad(), ctx.get(&self.operands[0]), ctx.get(&self.operands[1]));
        let product = |kind, a: &Tensor<T>, b: &Tensor<T>| product(kind, self.geometry, a, b);
        match self.kind {
            Kind::Convolution => {
                ctx.propagate(0, || product(Kind::ToInput, &grad, &b));
                ctx.propagate(1, || product(Kind::ToWeight, &a, &grad));
            }
            Kind::ToInput => {
                ctx.propagate(0, || product(Kind::Convolution, &grad, &b));
                ctx.propagate(1, || product(Kind::ToWeight, &grad, &a));
            }
            Kind::ToWeight => {
                ctx.propagate(0, || product(Kind::ToInput, &b, &grad));
                ctx.propagate(1, || product(Kind::Convolution, &a, &grad));
            }
        }
    }
}

/// The extents of what a product computes.
fn result_shape(kind: Kind, geometry: &Geometry) -> Shape {
    let Geometry { images, channels, filters, groups, from, kernel, to, .. } = *geometry;
    Shape::from(match kind {
        Kind::Convolution => [images, filters, to[0], to[1]],
        Kind::ToInput => [images, channels, from[0], from[1]],
        Kind::ToWeight => [filters, channels / groups, kernel[0], kernel[1]],
    })
}

/// One of the three products, recorded. The operands have the geometry's extents.
#[track_caller]
fn product<T: Float>(kind: Kind, geometry: Geometry, a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    let (dense_a, dense_b) = (a.dense(), b.dense());
    let [left, right] = Tensor::dense_slices([&dense_a, &dense_b]);
    Tensor::build_for("convolution", result_shape(kind, &geometry), |out| match kind {
        Kind::Convolution => geometry.forward([left, right], &Epilogue::default(), out, &mut []),
        Kind::ToInput => geometry.to_input(Planes::Dense(left), right, out),
        Kind::ToWeight => geometry.to_weight(left, Planes::Dense(right), out),
    })
    .record(&[a, b], |_| Product { kind, geometry, operands: [Saved::input(0, a), Saved::input(1, b)] })
}

/// A convolution of one or two dimensions as one of two: `first` for the rows of a single row.
fn both<const DIMS: usize>(first: usize, extents: [usize; DIMS]) -> [usize; 2] {
    match extents[..] {
        [rows, columns] => [rows, columns],
        [columns] => [first, columns],
        _ => unreachable!("convolutions have one or two dimensions"),
    }
}

/// An input or a weight of one or two dimensions, and perhaps without a batch, as `[_, _, rows, columns]`.
#[track_caller]
fn as_images<T: Float, const DIMS: usize>(x: &Tensor<T>) -> Tensor<T> {
    let batched = if x.rank() == DIMS + 1 { x.unsqueeze(0) } else { x.clone() };
    if DIMS == 1 { batched.unsqueeze(2) } else { batched }
}

/// The extents of [`as_images`]. (Its tensor would be recorded.)
fn image_extents<const DIMS: usize>(shape: &Shape) -> [usize; 4] {
    let mut extents = [1; 4];
    let (outer, own) = shape.split_at(shape.rank() - DIMS);
    extents[2 - outer.len()..2].copy_from_slice(outer);
    extents[4 - DIMS..].copy_from_slice(own);
    extents
}

/// The result in the input's form, with its bias, one value for each channel.
#[track_caller]
fn finished<T: Float, const DIMS: usize>(
    op: &str,
    y: Tensor<T>,
    input: &Tensor<T>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    let channels = y.shape()[1];
    let y = match bias {
        Some(bias) if bias.shape()[..] != [channels] => {
            shape_error(op, format_args!("the bias has shape {}, wanted [{channels}]", bias.shape()))
        }
        Some(bias) => y + bias.reshape([channels, 1, 1]),
        None => y,
    };
    convolution::in_form_of::<T, DIMS>(input, y)
}

/// Refuses what cannot be convolved: wrong ranks, channels or groups, and steps of 0.
#[track_caller]
fn check_operands<const DIMS: usize>(
    op: &str,
    [input, weight]: [&Shape; 2],
    groups: usize,
    steps: [(&str, [usize; DIMS]); 2],
) {
    let dims = if DIMS == 1 { "L" } else { "H, W" };
    if input.rank() != DIMS + 2 && input.rank() != DIMS + 1 {
        shape_error(op, format_args!("the input has shape {input}: wanted [N, C, {dims}] or [C, {dims}]"));
    }
    if weight.rank() != DIMS + 2 || weight[2..].contains(&0) {
        shape_error(
            op,
            format_args!("the weight has shape {weight}: wanted {} dimensions, windows of 1 at least", DIMS + 2),
        );
    }
    for (name, step) in steps {
        if step.contains(&0) {
            argument_error(op, format_args!("a {name} of {step:?}: wanted 1 at least"));
        }
    }
    if groups == 0 {
        argument_error(op, "0 groups: wanted 1 at least");
    }
}
