//! The cross-entropy loss of a classifier: forward in one pass over the scores, and backward in one pass.

use std::ops::Add;

use super::{check_labels, class_rows};
use crate::dimensions::pushed;
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::graph::Backward;
use crate::indices::Indices;
use crate::kernels::reduce::{reduce, row};
use crate::kernels::rowwise::{log_sum_exp, scaled_softmax};
use crate::kernels::tree::{Tree, sum};
use crate::op::{Op, Saved};
use crate::ops::index::scattered;
use crate::ops::shape::reshaped;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The reduction of the losses of the examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean, weighted by the classes' weights; ignored examples do not count.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// No reduction: a loss for each example, in the targets' shape.
    None,
}

/// The options of [`Tensor::cross_entropy_with`], with PyTorch's names and defaults.
///
/// ```
/// use autograd::{CrossEntropy, Indices, Reduction, Tensor};
/// let scores: Tensor = Tensor::zeros([2, 4]);
/// let options = CrossEntropy { reduction: Reduction::None, ..CrossEntropy::default() };
/// let losses = scores.cross_entropy_with(&Indices::from([1, 3]), &options);
/// assert_eq!(losses.to_vec(), [4.0_f32.ln(); 2]);
/// ```
#[derive(Clone, Debug)]
pub struct CrossEntropy<T: Float = f32> {
    /// The reduction of the losses of the examples.
    pub reduction: Reduction,
    /// A weight for each class, shape `[classes]`, which must be a constant; the default is 1 for each class.
    pub weight: Option<Tensor<T>>,
    /// Examples with this target are ignored.
    pub ignore_index: i64,
    /// The label smoothing: the part of the target probability that is distributed evenly over all classes, in [0, 1].
    pub label_smoothing: f64,
    /// Elements of the gradient with a smaller absolute value may be 0. The default is 0: none but denormal ones.
    ///
    /// Late in a long training most gradients of the scores are far too small to move a weight. What follows from them
    /// in the layers below becomes denormal, and many processors take over a hundred cycles for a product with a
    /// denormal value. An optimizer that divides by √v + ε does not show what is this much smaller than ε: with Adam's
    /// ε of 10⁻⁸, 10⁻³¹ is a safe choice. PyTorch has no such option; its `torch.set_flush_denormal` serves the same
    /// end.
    pub min_gradient: f64,
}

impl<T: Float> Default for CrossEntropy<T> {
    fn default() -> Self {
        CrossEntropy {
            reduction: Reduction::Mean,
            weight: None,
            ignore_index: -100,
            label_smoothing: 0.0,
            min_gradient: 0.0,
        }
    }
}

/// For an example with scores x, target t, smoothing ε, C classes of weight w, and p = softmax x:
///
///   y = -Σ q ln p   with   q_c = (1 - ε) w_t [c = t] + ε w_c / C
///
///   dx_c = p_c Σ q - q_c
#[derive(Debug)]
struct Loss<T: Float> {
    x: Saved<T>,
    /// For each example, its largest score and the logarithm of the sum of e^(score - largest).
    sums: Saved<T>,
    targets: Targets<T>,
    reduction: Reduction,
}

/// The targets of the scores.
#[derive(Clone, Debug)]
struct Targets<T: Float> {
    labels: Indices,
    weight: Option<Vec<T>>,
    ignored: i64,
    smoothing: T,
    /// ε / C, the part of q that a class of weight 1 gets from the smoothing, and its sum over all classes.
    even: T,
    even_total: T,
    /// See [`CrossEntropy::min_gradient`]. 0 where labels are smoothed: what is added next is not small, so that a
    /// small product is part of a normal gradient.
    min_gradient: T,
}

/// Apart from [`Targets::classes`], as it does not know the element type.
fn classes_of(labels: &[i64], ignored: i64) -> impl Iterator<Item = Option<usize>> {
    labels.iter().map(move |&label| (label != ignored).then_some(label as usize))
}

impl<T: Float> Targets<T> {
    #[track_caller]
    fn new(labels: &Indices, classes: usize, options: &CrossEntropy<T>) -> Self {
        let smoothing = T::from_f64(options.label_smoothing);
        let weight = options.weight.as_ref().map(Tensor::to_vec);
        let even = smoothing / T::from_usize(classes.max(1));
        let even_total = weight.as_ref().map_or(smoothing, |weight| sum(weight.iter().copied()) * even);
        let min_gradient = if smoothing == T::ZERO { T::from_f64(options.min_gradient) } else { T::ZERO };
        let (labels, ignored) = (labels.clone(), options.ignore_index);
        Targets { labels, weight, ignored, smoothing, even, even_total, min_gradient }
    }

    fn weight_of(&self, class: usize) -> T {
        self.weight.as_ref().map_or(T::ONE, |weight| weight[class])
    }

    /// Each example's class; `None` if it is ignored.
    fn classes(&self) -> impl Iterator<Item = Option<usize>> {
        classes_of(self.labels.as_slice(), self.ignored)
    }

    /// (1 - ε) w_t, the part of the target's own class.
    fn own_share(&self, class: usize) -> T {
        (T::ONE - self.smoothing) * self.weight_of(class)
    }

    /// The divisor of the sum of the losses for their mean.
    fn total_weight(&self) -> T {
        match &self.weight {
            None => T::from_usize(self.classes().flatten().count()),
            Some(weight) => sum(self.classes().flatten().map(|class| weight[class])),
        }
    }

    /// -Σ q ln p of one example.
    fn loss(&self, class: Option<usize>, scores: &[T], [largest, log_sum]: [T; 2]) -> T {
        let Some(class) = class else { return T::ZERO };
        let surprise = |score: T| log_sum - (score - largest);
        let own = self.own_share(class) * surprise(scores[class]);
        if self.smoothing == T::ZERO {
            return own;
        }
        // In pieces, which are summed by what sums rows.
        let (mut all, mut terms) = (Tree::new(T::ZERO), [T::ZERO; 512]);
        for (piece, scores) in scores.chunks(terms.len()).enumerate() {
            let first = piece * terms.len();
            let terms = &mut terms[..scores.len()];
            for (term, &score) in terms.iter_mut().zip(scores) {
                *term = surprise(score);
            }
            if let Some(weight) = &self.weight {
                for (term, &weight) in terms.iter_mut().zip(&weight[first..]) {
                    *term *= weight;
                }
            }
            all.push(row(terms, T::ZERO, Add::add), Add::add);
        }
        own + all.total(T::ZERO, Add::add) * self.even
    }

    /// Adds q, negated and scaled for each example, to `out`. The row of an ignored example is set to 0.
    fn subtract(&self, scales: &[T], count: usize, out: &mut [T]) {
        for ((class, out), &scale) in self.classes().zip(out.chunks_exact_mut(count)).zip(scales) {
            let Some(class) = class else {
                out.fill(T::ZERO);
                continue;
            };
            out[class] -= self.own_share(class) * scale;
            if self.smoothing != T::ZERO {
                for (class, out) in out.iter_mut().enumerate() {
                    *out -= self.weight_of(class) * self.even * scale;
                }
            }
        }
    }

    /// Σ q of an example; 0 for an ignored one.
    fn total(&self, class: Option<usize>) -> T {
        class.map_or(T::ZERO, |class| self.own_share(class) + self.even_total)
    }

    /// A value for each example.
    fn of_classes(&self, value: &dyn Fn(Option<usize>) -> T) -> Vec<T> {
        pushed(self.classes().map(value))
    }

    /// The gradient of the scores x, which have a class at least, from that of each example's loss: p Σ q g - q g as
    /// tensor operations.
    #[track_caller]
    fn gradient(&self, x: &Tensor<T>, grad: &Tensor<T>) -> Tensor<T> {
        let (examples, count) = (x.shape()[0], x.shape()[1]);
        let column = |value: &dyn Fn(Option<usize>) -> T| Tensor::of_values(self.classes().map(value), [examples, 1]);
        let counts = column(&|class| if class.is_some() { T::ONE } else { T::ZERO });
        // The scores and the gradients of ignored examples are replaced by constants, because they may be NaN or
        // infinite, and a product with 0 would be NaN.
        let (x, grad) = (x.gate(&counts.expand(x.shape())), grad.unsqueeze(1).gate(&counts));
        let own = column(&|class| class.map_or(T::ZERO, |class| self.own_share(class)));
        let classes = pushed(self.classes().map(|class| class.unwrap_or(0) as i64));
        let classes = Indices::new(classes, [examples, 1]);
        let p = x.log_softmax(1).exp();
        let scales = column(&|class| self.total(class)) * &grad;
        let mut scaled = p * &scales;
        if self.min_gradient > T::ZERO {
            // As `scaled_softmax` chooses.
            let may_be_left_out = scales.abs().ge(self.min_gradient / T::EPSILON);
            scaled = scaled.masked_fill(&(scaled.abs().lt(self.min_gradient) & may_be_left_out), T::ZERO);
        }
        let gradient = scaled - scattered(&(own * &grad), 1, &classes, x.shape());
        if self.smoothing == T::ZERO {
            return gradient;
        }
        let even = Tensor::of_values((0..count).map(|class| self.weight_of(class) * self.even), [1, count]);
        gradient - even * grad
    }
}

impl<T: Float> Op<T> for Loss<T> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (mut grad, x, sums) = (ctx.grad(), ctx.get(&self.x), ctx.get(&self.sums));
        let (examples, count) = (x.shape()[0], x.shape()[1]);
        if self.reduction == Reduction::Mean {
            grad = grad / self.targets.total_weight();
        }
        let grad = grad.expand([examples]);
        if ctx.higher_order() && count > 0 {
            return ctx.propagate(0, || self.targets.gradient(&x, &grad));
        }
        ctx.propagate(0, || {
            let scales = grad.to_vec();
            let mut totals = self.targets.of_classes(&|class| self.targets.total(class));
            totals.iter_mut().zip(&scales).for_each(|(total, &scale)| *total *= scale);
            // Arithmetic on denormal values is many times slower, and confident predictions would give many of them, so
            // they are set to 0. With label smoothing this is not done: there the next addend is not denormal, and a
            // denormal product is a part of a normal gradient.
            let smallest = if self.targets.smoothing == T::ZERO { T::MIN_POSITIVE } else { T::ZERO };
            let smallest = smallest.maximum(self.targets.min_gradient);
            let (x, sums) = (x.dense(), sums.as_slice().expect("made dense").as_chunks().0);
            Tensor::build(x.shape().clone(), |out| {
                scaled_softmax(x.as_slice().expect("dense"), count, sums, &totals, smallest, out);
                if count > 0 {
                    self.targets.subtract(&scales, count, out);
                }
            })
        });
    }
}

/// The loss of scores `[examples, classes]`.
#[track_caller]
fn loss<T: Float>(x: &Tensor<T>, targets: Targets<T>, reduction: Reduction) -> Tensor<T> {
    let (examples, count) = (x.shape()[0], x.shape()[1]);
    let dense = x.dense();
    let scores = dense.as_slice().expect("dense");
    let sums = Tensor::build(Shape::from([examples, 2]), |out| log_sum_exp(scores, count, out.as_chunks_mut().0));
    let pairs = sums.as_slice().expect("just built").as_chunks().0;
    let losses = Tensor::build(Shape::from([examples]), |out| {
        for (example, (class, out)) in targets.classes().zip(out.iter_mut()).enumerate() {
            *out = targets.loss(class, &scores[example * count..][..count], pairs[example]);
        }
    });
    let y = match reduction {
        Reduction::None => losses,
        Reduction::Sum | Reduction::Mean => Tensor::build(Shape::default(), |out| {
            reduce(losses.as_slice().expect("just built"), [1, examples, 1], out, T::ZERO, Add::add);
            if reduction == Reduction::Mean {
                out[0] /= targets.total_weight();
            }
        }),
    };
    y.record(&[x], |_| Loss { x: Saved::input(0, x), sums: Saved::aside(&sums), targets, reduction })
}

/// # Losses: the loss of a classifier, from its scores to a number in one pass, and back in one
impl<T: Float> Tensor<T> {
    /// The mean cross-entropy between scores (logits) `[N, C]` and class labels `[N]`: shape `[]`.
    ///
    /// Scores `[N, C, d1, ...]` with labels `[N, d1, ...]`, and scores `[C]` with a single label are accepted too. See
    /// [`cross_entropy_with`](Tensor::cross_entropy_with) for options. An element of the gradient that is smaller than
    /// the smallest normal number (1.2·10⁻³⁸ for `f32`) may be 0.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let scores = Tensor::from_vec(vec![2.0_f32, 0.0, 0.0, 2.0], [2, 2]).requires_grad();
    /// let loss = scores.cross_entropy(&Indices::from([0, 1]));
    /// assert!((loss.item() - 0.126928).abs() < 1e-6);
    /// assert_eq!(loss.backward().len(), 1);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit, or a label is not a class.
    #[inline(never)]
    #[track_caller]
    pub fn cross_entropy(&self, targets: &Indices) -> Tensor<T> {
        self.cross_entropy_with(targets, &CrossEntropy::default())
    }

    /// The cross-entropy with options: a reduction, weights for the classes, a label to ignore, label smoothing.
    ///    dx_c = w_t (softmax(x)_c - (1 where c = t, else 0))
    ///
    /// Like
    /// [`torch.nn.CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html),
    /// whose page has the formulas. The mean over no examples is NaN.
    ///
    /// # Panics
    /// If the shapes do not fit, a label is not a class (nor ignored), or the smoothing lies outside of [0, 1].
    #[inline(never)]
    #[track_caller]
    pub fn cross_entropy_with(&self, targets: &Indices, options: &CrossEntropy<T>) -> Tensor<T> {
        let own = self.shape();
        check_labels("cross_entropy", own, targets, options.ignore_index, options.weight.as_ref());
        check_smoothing(options.label_smoothing);
        if options.min_gradient.is_nan() || options.min_gradient < 0.0 {
            let found = options.min_gradient;
            argument_error("cross_entropy", format_args!("a least gradient of {found} is not a number from 0 on"));
        }
        let labels = Targets::new(targets, own[usize::from(own.rank() > 1)], options);
        let y = loss(&class_rows(self), labels, options.reduction);
        if options.reduction == Reduction::None && own.rank() != 2 { reshaped(&y, targets.shape()) } else { y }
    }
}

#[track_caller]
pub(super) fn check_smoothing(smoothing: f64) {
    if !(0.0..=1.0).contains(&smoothing) {
        argument_error("cross_entropy", format_args!("a label smoothing of {smoothing} is not between 0 and 1"));
    }
}

/// The fraction of examples whose largest score is at their label; NaN if there are no examples.
///
/// ```
/// use autograd::{Indices, Tensor, accuracy};
/// let scores = Tensor::from_vec(vec![2.0, 0.0, 3.0, 1.0], [2, 2]);
/// assert_eq!(accuracy(&scores, &Indices::from([0, 1])), 0.5);
/// ```
///
/// # Panics
/// If the scores are not `[N, C]` and the labels `[N]`.
#[inline(never)]
#[track_caller]
pub fn accuracy<T: Float>(scores: &Tensor<T>, labels: &Indices) -> f64 {
    if scores.rank() != 2 || labels.shape()[..] != scores.shape()[..1] {
        shape_error(
            "accuracy",
            format_args!(
                "the scores have shape {}, the labels {}: wanted [N, C] and [N]",
                scores.shape(),
                labels.shape()
            ),
        );
    }
    let predicted = scores.argmax(1, false);
    let right = predicted.as_slice().iter().zip(labels.as_slice()).filter(|(a, b)| a == b).count();
    right as f64 / labels.numel() as f64
}

instances!(cross_entropy cross_entropy_with);
instances!(fn accuracy);

#[cfg(test)]
mod tests;
