//! The loss of a classifier, from its scores to a number in one pass, and back in one.

use crate::error::mistake;
use crate::float::Float;
use crate::graph::Backward;
use crate::indices::Indices;
use crate::kernels::reduce::reduce;
use crate::kernels::rowwise::{log_sum_exp, scaled_softmax};
use crate::op::{Op, Saved};
use crate::ops::views::reshaped;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What becomes of the losses of the single examples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean, weighted by the classes' weights; ignored examples do not count.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// They are returned one by one, in the targets' shape.
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
    /// What becomes of the losses of the single examples.
    pub reduction: Reduction,
    /// A weight for each class, shape `[classes]`; none means 1 each. A constant.
    pub weight: Option<Tensor<T>>,
    /// Examples with this target count for nothing.
    pub ignore_index: i64,
    /// The share of probability that the target spreads evenly over all classes, in [0, 1].
    pub label_smoothing: f64,
}

impl<T: Float> Default for CrossEntropy<T> {
    fn default() -> Self {
        CrossEntropy { reduction: Reduction::Mean, weight: None, ignore_index: -100, label_smoothing: 0.0 }
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

/// What the scores are compared with.
#[derive(Clone, Debug)]
struct Targets<T: Float> {
    classes: Indices,
    weight: Option<Vec<T>>,
    ignored: i64,
    smoothing: T,
}

impl<T: Float> Targets<T> {
    fn weight_of(&self, class: usize) -> T {
        self.weight.as_ref().map_or(T::ONE, |weight| weight[class])
    }

    /// The example's class, unless it is ignored.
    fn class(&self, example: usize) -> Option<usize> {
        let class = self.classes.as_slice()[example];
        (class != self.ignored).then_some(class as usize)
    }

    /// The share of q that each class gets from the smoothing, and Σ of it.
    fn even_share(&self, count: usize) -> (T, T) {
        let each = self.smoothing / T::from_usize(count.max(1));
        let total = match &self.weight {
            None => self.smoothing,
            Some(weight) => weight.iter().copied().sum::<T>() * each,
        };
        (each, total)
    }

    /// (1 - ε) w_t, what the target's own class gets.
    fn own_share(&self, class: usize) -> T {
        (T::ONE - self.smoothing) * self.weight_of(class)
    }

    /// What the sum of the losses is divided by for their mean.
    fn total_weight(&self) -> T {
        (0..self.classes.numel()).filter_map(|example| self.class(example)).map(|class| self.weight_of(class)).sum()
    }

    /// -Σ q ln p of one example.
    fn loss(&self, example: usize, scores: &[T], [largest, log_sum]: [T; 2]) -> T {
        let Some(class) = self.class(example) else { return T::ZERO };
        let surprise = |score: T| log_sum - (score - largest);
        let own = self.own_share(class) * surprise(scores[class]);
        if self.smoothing == T::ZERO {
            return own;
        }
        let (each, _) = self.even_share(scores.len());
        own + scores.iter().enumerate().map(|(class, &score)| surprise(score) * self.weight_of(class)).sum::<T>() * each
    }

    /// q, negated and scaled for each example, is added to `out`.
    fn subtract(&self, count: usize, scales: &[T], out: &mut [T]) {
        let (each, _) = self.even_share(count);
        for ((example, out), &scale) in out.chunks_exact_mut(count).enumerate().zip(scales) {
            let Some(class) = self.class(example) else { continue };
            out[class] -= self.own_share(class) * scale;
            if self.smoothing != T::ZERO {
                for (class, out) in out.iter_mut().enumerate() {
                    *out -= self.weight_of(class) * each * scale;
                }
            }
        }
    }

    /// Σ q of each example; 0 of an ignored one.
    fn totals(&self, count: usize) -> impl Iterator<Item = T> {
        let (_, even) = self.even_share(count);
        (0..self.classes.numel())
            .map(move |example| self.class(example).map_or(T::ZERO, |class| self.own_share(class) + even))
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
        if ctx.higher_order() {
            ctx.propagate(0, || {
                let totals = Tensor::from_vec(self.targets.totals(count).collect(), [examples, 1]);
                let minus_q = Tensor::build(x.shape().clone(), |out| {
                    out.fill(T::ZERO);
                    self.targets.subtract(count, &vec![T::ONE; examples], out);
                });
                grad.unsqueeze(1) * (x.softmax(1) * totals + minus_q)
            });
            return;
        }
        ctx.propagate(0, || {
            let scales = grad.to_vec();
            let totals: Vec<T> = self
                .targets
                .totals(count)
                .zip(&scales)
                .map(|(total, &scale)| if total == T::ZERO { total } else { total * scale })
                .collect();
            let (x, sums) = (x.dense(), sums.as_slice().expect("made dense").as_chunks().0);
            Tensor::build(x.shape().clone(), |out| {
                scaled_softmax(x.as_slice().expect("dense"), count, sums, &totals, out);
                if count > 0 {
                    self.targets.subtract(count, &scales, out);
                }
            })
        });
    }
}

/// The loss of scores `[examples, classes]`.
fn loss<T: Float>(x: &Tensor<T>, targets: Targets<T>, reduction: Reduction) -> Tensor<T> {
    let (examples, count) = (x.shape()[0], x.shape()[1]);
    let dense = x.dense();
    let scores = dense.as_slice().expect("dense");
    let sums = Tensor::build(Shape::from([examples, 2]), |out| log_sum_exp(scores, count, out.as_chunks_mut().0));
    let pairs = sums.as_slice().expect("just built").as_chunks().0;
    let losses = Tensor::build(Shape::from([examples]), |out| {
        for (example, out) in out.iter_mut().enumerate() {
            *out = targets.loss(example, &scores[example * count..][..count], pairs[example]);
        }
    });
    let y = match reduction {
        Reduction::None => losses,
        Reduction::Sum | Reduction::Mean => Tensor::build(Shape::default(), |out| {
            reduce(losses.as_slice().expect("just built"), [1, examples, 1], out, T::ZERO, |a, b| a + b);
            if reduction == Reduction::Mean {
                out[0] /= targets.total_weight();
            }
        }),
    };
    y.record(&[x], |_| Loss { x: Saved::input(0, x), sums: Saved::aside(&sums), targets, reduction })
}

impl<T: Float> Tensor<T> {
    /// The mean cross-entropy between scores (logits) `[N, C]` and class labels `[N]`: shape `[]`.
    ///
    /// Also `[N, C, d1, ...]` with labels `[N, d1, ...]`, and `[C]` with a single label. See [`cross_entropy_with`](Tensor::cross_entropy_with) for options.
    /// Numbers of the gradient that are nearly denormal (below the smallest normal number over ε: 10⁻³¹ for `f32`) are 0.
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
    #[track_caller]
    pub fn cross_entropy(&self, targets: &Indices) -> Tensor<T> {
        self.cross_entropy_with(targets, &CrossEntropy::default())
    }

    /// The cross-entropy with options: a reduction, weights for the classes, a label to ignore, label smoothing.
    ///
    /// As [`torch.nn.CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html), whose page has the formulas.
    /// The mean over no examples is NaN.
    ///
    /// # Panics
    /// If the shapes do not fit, a label is not a class (nor ignored), or the smoothing lies outside of [0, 1].
    #[track_caller]
    pub fn cross_entropy_with(&self, targets: &Indices, options: &CrossEntropy<T>) -> Tensor<T> {
        let op = "cross_entropy";
        let (own, other) = (self.shape(), targets.shape());
        let axis = usize::from(own.rank() > 1);
        let wanted: Shape = (0..own.rank()).filter(|&dim| dim != axis).map(|dim| own[dim]).collect();
        if own.rank() == 0 || wanted != *other {
            mistake(
                op,
                format_args!(
                    "the scores have shape {own}, the targets {other}: wanted [N, C, ...] and [N, ...], or [C] and []"
                ),
            );
        }
        let classes = own[axis];
        let is_class = |label: i64| label == options.ignore_index || (label >= 0 && label < classes as i64);
        if let Some(wrong) = targets.as_slice().iter().find(|&&label| !is_class(label)) {
            mistake(
                op,
                format_args!("label {wrong} is not one of the {classes} classes (dimension {axis} of shape {own})"),
            );
        }
        if let Some(weight) = options.weight.as_ref().filter(|weight| weight.shape()[..] != [classes]) {
            mistake(op, format_args!("the weight has shape {}, wanted [{classes}]", weight.shape()));
        }
        if options.weight.as_ref().is_some_and(Tensor::is_tracked) {
            mistake(op, "the weight is tracked, but no gradient flows to it: detach it");
        }
        if !(0.0..=1.0).contains(&options.label_smoothing) {
            mistake(op, format_args!("a label smoothing of {} is not between 0 and 1", options.label_smoothing));
        }
        let targets = Targets {
            classes: targets.clone(),
            weight: options.weight.as_ref().map(Tensor::to_vec),
            ignored: options.ignore_index,
            smoothing: T::from_f64(options.label_smoothing),
        };
        // One example a row: the classes' dimension goes last, the others are merged.
        let rows = match own.rank() {
            1 => self.unsqueeze(0),
            2 => self.clone(),
            rank => {
                let order: Vec<isize> = (0..rank as isize).filter(|&dim| dim != 1).chain([1]).collect();
                reshaped(&self.permute(order), &Shape::from([targets.classes.numel(), classes]))
            }
        };
        let y = loss(&rows, targets, options.reduction);
        if options.reduction == Reduction::None && own.rank() != 2 { reshaped(&y, other) } else { y }
    }
}

/// The share of examples whose largest score is at their label. NaN of none.
///
/// ```
/// use autograd::{Indices, Tensor, accuracy};
/// let scores = Tensor::from_vec(vec![2.0, 0.0, 3.0, 1.0], [2, 2]);
/// assert_eq!(accuracy(&scores, &Indices::from([0, 1])), 0.5);
/// ```
///
/// # Panics
/// If the scores are not `[N, C]` and the labels `[N]`.
#[track_caller]
pub fn accuracy<T: Float>(scores: &Tensor<T>, labels: &Indices) -> f64 {
    if scores.rank() != 2 || labels.shape()[..] != scores.shape()[..1] {
        mistake(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with(options: CrossEntropy<f64>) -> impl Fn(&Tensor<f64>) -> Tensor<f64> {
        move |x| x.cross_entropy_with(&Indices::from([2, 0, 1]), &options)
    }

    fn weighted(reduction: Reduction) -> CrossEntropy<f64> {
        let weight = Some(Tensor::from_vec(vec![0.5, 2.0, 1.0, 3.0], [4]));
        CrossEntropy { reduction, weight, ignore_index: 0, label_smoothing: 0.2 }
    }

    gradients!(mean: |x| x.cross_entropy(&Indices::from([2, 0, 3])), [3, 4]; fixed);
    gradients!(sum: |x| with(CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() })(x), [3, 4]; fixed);
    gradients!(none: |x| with(CrossEntropy { reduction: Reduction::None, ..CrossEntropy::default() })(x), [3, 4]; fixed);
    gradients!(smooth: |x| with(CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() })(x), [3, 4]; fixed);
    gradients!(weighted_mean: |x| with(weighted(Reduction::Mean))(x), [3, 4]; fixed);
    gradients!(weighted_none: |x| with(weighted(Reduction::None))(x), [3, 4]; fixed);
    gradients!(pictures: |x| x.cross_entropy(&Indices::new(vec![2, 0, 1, 1], [2, 2])), [2, 3, 2]; fixed);
    gradients!(one_example: |x| x.cross_entropy(&Indices::new(vec![2], ())), [4]; fixed);

    #[test]
    fn it_is_the_picked_log_softmax() {
        let x = Tensor::<f64>::randn([5, 7], 0);
        let labels = Indices::from([0, 6, 3, 3, 1]);
        let by_hand = -x.log_softmax(1).gather(1, &labels.reshape([5, 1])).mean();
        assert!((x.cross_entropy(&labels).item() - by_hand.item()).abs() < 1e-15);
    }

    #[test]
    #[should_panic(expected = "cross_entropy: label 4 is not one of the 4 classes (dimension 1 of shape [2, 4])")]
    fn a_label_is_a_class() {
        Tensor::<f32>::zeros([2, 4]).cross_entropy(&Indices::from([0, 4]));
    }
}
