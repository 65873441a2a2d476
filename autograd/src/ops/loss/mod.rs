//! Losses. All except the cross-entropy are compositions of other operations, so that they can be differentiated any
//! number of times.

mod binary_cross_entropy;
pub(crate) mod cross_entropy;
mod distance;
mod divergence;
mod embedding;
mod margin;
mod nll;
mod soft_targets;

pub use binary_cross_entropy::{BinaryCrossEntropy, BinaryCrossEntropyWithLogits};
pub use divergence::{KlDivergence, KlReduction};
pub use embedding::TripletMargin;
pub use nll::NllLoss;

use cross_entropy::Reduction;

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::indices::Indices;
use crate::ops::shape::reshaped;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The reduced losses: their mean, their sum, or the losses themselves.
#[track_caller]
fn reduced<T: Float>(losses: Tensor<T>, reduction: Reduction) -> Tensor<T> {
    match reduction {
        Reduction::None => losses,
        Reduction::Sum => losses.sum(),
        Reduction::Mean => losses.mean(),
    }
}

/// Panics if the target has another shape than the input: `[N, 1]` and `[N]` would broadcast to `[N, N]`, which is
/// usually an error.
#[track_caller]
fn check_target(op: &str, input: &Shape, target: &Shape) {
    if input != target {
        shape_error(op, format_args!("the input has shape {input}, the target {target}: they must be equal"));
    }
}

/// Panics if a weight does not broadcast to the input's shape.
#[track_caller]
fn check_weight(op: &str, name: &str, input: &Shape, weight: &Shape) {
    if input.broadcast(weight).as_ref() != Some(input) {
        shape_error(op, format_args!("the {name} has shape {weight}, which does not broadcast to the input's {input}"));
    }
}

/// Scores `[N, C, d1, ...]` or `[C]` as a matrix with a row for each example: `[N · d1 · ..., C]`.
#[track_caller]
fn class_rows<T: Float>(scores: &Tensor<T>) -> Tensor<T> {
    match scores.rank() {
        1 => scores.unsqueeze(0),
        2 => scores.clone(),
        rank => {
            let order = classes_last(rank);
            let (shape, classes) = (scores.shape(), scores.shape()[1]);
            let examples = shape[0] * shape[2..].iter().product::<usize>();
            reshaped(&scores.permute(order), &Shape::from([examples, classes]))
        }
    }
}

/// The order of dimensions in which that of the classes is the last.
fn classes_last(rank: usize) -> Vec<isize> {
    (0..rank as isize).filter(|&dim| dim != 1).chain([1]).collect()
}

/// The shape of one value for each example of scores `[N, C, d1, ...]` or `[C]`, and the number of classes.
#[track_caller]
fn examples_of(op: &str, scores: &Shape) -> (Shape, usize) {
    if scores.rank() == 0 {
        shape_error(op, "a single value has no classes: wanted [N, C, ...] or [C]");
    }
    let axis = usize::from(scores.rank() > 1);
    ((0..scores.rank()).filter(|&dim| dim != axis).map(|dim| scores[dim]).collect(), scores[axis])
}

/// Panics if the labels do not have the examples' shape, a label is not a class, or the weights are not a constant for
/// each class.
#[track_caller]
fn check_labels<T: Float>(op: &str, scores: &Shape, labels: &Indices, ignored: i64, weight: Option<&Tensor<T>>) {
    let (examples, classes) = if scores.rank() == 0 { (scores.clone(), 0) } else { examples_of(op, scores) };
    let other = labels.shape();
    if scores.rank() == 0 || examples != *other {
        shape_error(
            op,
            format_args!(
                "the scores have shape {scores}, the targets {other}: wanted [N, C, ...] and [N, ...], or [C] and []"
            ),
        );
    }
    let is_class = |label: i64| label == ignored || (label >= 0 && label < classes as i64);
    if let Some(wrong) = labels.as_slice().iter().find(|&&label| !is_class(label)) {
        let axis = usize::from(scores.rank() > 1);
        shape_error(
            op,
            format_args!("label {wrong} is not one of the {classes} classes (dimension {axis} of shape {scores})"),
        );
    }
    check_class_weight(op, classes, weight);
}

/// Panics if the weights are not a constant for each class.
#[track_caller]
fn check_class_weight<T: Float>(op: &str, classes: usize, weight: Option<&Tensor<T>>) {
    let Some(weight) = weight else { return };
    if weight.shape()[..] != [classes] {
        shape_error(op, format_args!("the weight has shape {}, wanted [{classes}]", weight.shape()));
    }
    if weight.is_tracked() {
        argument_error(op, "the weight is tracked, but no gradient flows to it: detach it");
    }
}
