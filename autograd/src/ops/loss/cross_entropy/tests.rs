use super::*;
use crate::graph::{Order, grad_with};

fn with(options: CrossEntropy<f64>) -> impl Fn(&Tensor<f64>) -> Tensor<f64> {
    move |x| x.cross_entropy_with(&Indices::from([2, 0, 1]), &options)
}

fn weighted(reduction: Reduction) -> CrossEntropy<f64> {
    let weight = Some(Tensor::from_vec(vec![0.5, 2.0, 1.0, 3.0], [4]));
    CrossEntropy { reduction, weight, ignore_index: 0, label_smoothing: 0.2, ..CrossEntropy::default() }
}

gradients!(by_default: |x| x.cross_entropy_with(&Indices::from([2, 0, 3]), &CrossEntropy::default()), [3, 4]; fixed);
gradients!(mean: |x| x.cross_entropy(&Indices::from([2, 0, 3])), [3, 4]; fixed);
gradients!(sum: |x| with(CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() })(x), [3, 4]; fixed);
gradients!(none: |x| with(CrossEntropy { reduction: Reduction::None, ..CrossEntropy::default() })(x), [3, 4]; fixed);
gradients!(smooth: |x| with(CrossEntropy { label_smoothing: 0.1, ..CrossEntropy::default() })(x), [3, 4]; fixed);
gradients!(weighted_mean: |x| with(weighted(Reduction::Mean))(x), [3, 4]; fixed);
gradients!(weighted_none: |x| with(weighted(Reduction::None))(x), [3, 4]; fixed);
gradients!(pictures: |x| x.cross_entropy(&Indices::new(vec![2, 0, 1, 1], [2, 2])), [2, 3, 2]; fixed);
gradients!(one_example: |x| x.cross_entropy(&Indices::new(vec![2], ())), [4]; fixed);
gradients!(
    ignored: |x| {
        let options = CrossEntropy { ignore_index: 1, ..CrossEntropy::default() };
        x.cross_entropy_with(&Indices::from([2, 1, 3]), &options)
    },
    [3, 4]; fixed
);

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

/// The gradients of both orders, which agree except for rounding.
fn gradients<T: Float>(
    y: impl Fn(&Tensor<T>) -> Tensor<T>,
    scores: &[f64],
    shape: [usize; 2],
    seed: &[f64],
) -> Vec<f64> {
    let values = |values: &[f64]| values.iter().map(|&value| T::from_f64(value)).collect::<Vec<_>>();
    let [first, higher] = [Order::First, Order::Higher].map(|order| {
        let x = Tensor::from_vec(values(scores), shape).requires_grad();
        let y = y(&x);
        let seed = Tensor::from_vec(values(seed), y.shape());
        let gradient = grad_with(&y, &[&x], &seed, order).remove(0);
        gradient.to_vec().into_iter().map(T::to_f64).collect::<Vec<_>>()
    });
    let tolerance = |value: f64| 8.0 * T::EPSILON.to_f64() * value.abs() + T::MIN_POSITIVE.to_f64();
    let agree = |(&a, &b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance(a);
    assert!(first.iter().zip(&higher).all(agree), "{first:?} and {higher:?}");
    first
}

/// Comparison with a tolerance, where NaN equals NaN.
fn assert_same(found: &[f64], expected: &[f64]) {
    let same = |(&a, &b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-6 * b.abs();
    assert!(found.len() == expected.len() && found.iter().zip(expected).all(same), "{found:?} instead of {expected:?}");
}

#[test]
fn long_sums_of_losses_weights_and_classes_are_accurate() {
    let ln_2 = 2_f32.ln();
    let examples = 1 << 18;
    let labels = Indices::new(vec![1_i64; examples], [examples]);
    let weight = Some(Tensor::full([2], 0.1_f32));
    let weighted = CrossEntropy { weight, ..CrossEntropy::default() };
    let x = Tensor::zeros([examples, 2]).requires_grad();
    let loss = x.cross_entropy_with(&labels, &weighted);
    assert!((loss.item() - ln_2).abs() < 3e-6, "{}", loss.item());
    let gradient = loss.backward().get(&x).unwrap().to_vec()[0] * examples as f32;
    assert!((gradient - 0.5).abs() < 3e-6, "{gradient}");

    let classes = 151_936;
    let exact = (classes as f64).ln();
    for weight in [None, Some(Tensor::full([classes], 0.1_f32))] {
        let smooth = CrossEntropy { label_smoothing: 0.5, weight, ..CrossEntropy::default() };
        let x = Tensor::zeros([1, classes]).requires_grad();
        let loss = x.cross_entropy_with(&Indices::from([7]), &smooth);
        assert!((f64::from(loss.item()) - exact).abs() < 3e-6 * exact, "{} instead of {exact}", loss.item());
        // p and q are equal for all classes except one, so that the difference is the error of the sum of q.
        let gradient = loss.backward().get(&x).unwrap().to_vec();
        let expected = (1.0 - 0.5) / classes as f32;
        assert!(gradient.iter().enumerate().all(|(c, g)| c == 7 || (g - expected).abs() < 3e-6 * expected));
    }
}

/// Each normal element of the gradient is correct to three digits, whatever its scale; the error of the others is less
/// than the smallest normal number.
fn small_gradients_keep_their_digits<T: Float>(tiny: f64, deep: f64) {
    for exponent in 0..60 {
        let scale = tiny * 4_f64.powi(exponent);
        for margin in [0.0, 1.0, 9.0, deep / 4.0, deep / 2.0, deep] {
            for smoothing in [0.0, 1e-6, 0.1] {
                let options = || CrossEntropy {
                    reduction: Reduction::Sum,
                    label_smoothing: smoothing,
                    ..CrossEntropy::default()
                };
                let y = |x: &Tensor<T>| x.cross_entropy_with(&Indices::from([0]), &options());
                let p = [0.0, -margin, -margin - 1.0].map(|score: f64| score.exp());
                let sum: f64 = p.iter().sum();
                let found = gradients(y, &[0.0, -margin, -margin - 1.0], [1, 3], &[scale]);
                for (class, &found) in found.iter().enumerate() {
                    let q = smoothing / 3.0 + if class == 0 { 1.0 - smoothing } else { 0.0 };
                    // Relative to the values before the subtraction: a difference of nearly equal values has few
                    // correct digits in any case.
                    let (p, q) = (p[class] / sum * scale, q * scale);
                    let tolerance = 1e-3 * (p - q).abs() + 8.0 * T::EPSILON.to_f64() * q + T::MIN_POSITIVE.to_f64();
                    assert!((found - (p - q)).abs() <= tolerance, "{scale:e}, {margin}, {smoothing}: {found:e}");
                    if (p - q).abs() > 2.0 * T::MIN_POSITIVE.to_f64() && p.min(q) < 1e-6 * p.max(q) {
                        assert!((found / (p - q) - 1.0).abs() < 1e-3, "{scale:e}, {margin}, {smoothing}: {found:e}");
                    }
                }
            }
        }
    }
}

#[test]
fn small_gradients_keep_their_digits_in_both_types() {
    small_gradients_keep_their_digits::<f32>(1e-40, 95.0);
    small_gradients_keep_their_digits::<f64>(1e-310, 740.0);
    let y = |x: &Tensor<f32>| x.cross_entropy(&Indices::from([0]));
    assert_same(&gradients(y, &[0.0, 0.0], [1, 2], &[1e-32]), &[-5e-33, 5e-33]);
    // A denormal probability gives a normal gradient if the loss is scaled.
    let gradient = gradients(y, &[0.0, -95.0], [1, 2], &[1e10])[1];
    assert!((gradient / 5.521e-32 - 1.0).abs() < 1e-3, "{gradient:e}");
}

#[test]
fn only_what_is_below_the_least_gradient_is_left_out() {
    let options = CrossEntropy { min_gradient: 1e-31, reduction: Reduction::Sum, ..CrossEntropy::default() };
    let labels = Indices::from([0, 0]);
    let scores = [0.0, -75.0, -68.0, 0.0, 1.0, 2.0];
    let all = gradients(|x: &Tensor<f32>| x.cross_entropy(&labels), &scores, [2, 3], &[2.0]);
    let some = gradients(|x: &Tensor<f32>| x.cross_entropy_with(&labels, &options), &scores, [2, 3], &[1.0]);
    assert!(all[1] > 2e-33 && all[1] < 1e-31 && all[2] > 1e-31, "{all:?}");
    assert_eq!(some, [all[0], 0.0, all[2], all[3], all[4], all[5]]);
    // Not where the loss is scaled so far down that the difference of two such products is a gradient.
    let scores = [0.0, -9.0, -8.0, 0.0, 1.0, 2.0];
    let small = gradients(|x: &Tensor<f32>| x.cross_entropy_with(&labels, &options), &scores, [2, 3], &[1e-31]);
    assert!(small.iter().all(|&gradient| gradient != 0.0), "{small:?}");
}

#[test]
#[should_panic(expected = "cross_entropy: a least gradient of -1 is not a number from 0 on")]
fn the_least_gradient_is_not_negative() {
    let options = CrossEntropy { min_gradient: -1.0, ..CrossEntropy::default() };
    let _ = Tensor::<f32>::zeros([1, 2]).cross_entropy_with(&Indices::from([0]), &options);
}

/// The gradients of scores `[2, 2]` are PyTorch's, but those of ignored examples are 0 even where their scores are not
/// finite.
#[test]
fn zeros_and_infinities_do_not_become_nan() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let (rising, half) = ([0.0, 0.0, 1.0, 2.0], 0.2689414322376251);
    type Case<'a> = (&'a [i64; 2], Reduction, f64, Option<[f64; 2]>, [f64; 4], &'a [f64], [f64; 4]);
    let (mean, none) = (Reduction::Mean, Reduction::None);
    let cases: &[Case] = &[
        // All examples are ignored, or one whose scores or gradient are not finite.
        (&[-100, -100], mean, 0.0, None, rising, &[1.0], [0.0; 4]),
        (&[-100, -100], mean, 0.1, None, rising, &[1.0], [0.0; 4]),
        (&[-100, -100], mean, 0.0, None, [inf, nan, -inf, 1.0], &[inf], [0.0; 4]),
        (&[-100, 1], mean, 0.0, None, [nan, 0.0, 1.0, 2.0], &[1.0], [0.0, 0.0, half, -half]),
        (&[-100, 1], mean, 0.1, None, [nan, inf, 1.0, 2.0], &[1.0], [0.0, 0.0, half - 0.05, 0.05 - half]),
        (&[-100, 1], none, 0.0, None, rising, &[inf, 1.0], [0.0, 0.0, half, -half]),
        (&[-100, 1], none, 0.0, None, rising, &[nan, nan], [0.0, 0.0, nan, nan]),
        // A class of weight 0.
        (&[0, 1], mean, 0.0, Some([0.0, 1.0]), rising, &[1.0], [0.0, 0.0, half, -half]),
        (&[0, 0], mean, 0.0, Some([0.0, 1.0]), rising, &[1.0], [nan; 4]),
        (&[0, 1], mean, 0.0, Some([0.0, 1.0]), [nan, 0.0, 1.0, 2.0], &[1.0], [nan, nan, half, -half]),
        (&[0, 1], mean, 0.0, Some([0.0, 1.0]), [-inf, 0.0, 1.0, 2.0], &[1.0], [0.0, 0.0, half, -half]),
        // Infinite scores and gradients, and a gradient of 0.
        (&[0, 1], none, 0.0, None, rising, &[inf, 1.0], [nan, inf, half, -half]),
        (&[0, 1], none, 0.1, None, rising, &[inf, 1.0], [nan, nan, half - 0.05, 0.05 - half]),
        (&[1, 1], mean, 0.0, None, [-inf, 0.0, 1.0, 2.0], &[2.0], [0.0, 0.0, half, -half]),
        (&[0, 1], mean, 0.0, None, [-inf, 0.0, 1.0, 2.0], &[2.0], [-1.0, 1.0, half, -half]),
        (&[0, 1], mean, 0.0, None, [inf, 0.0, 1.0, 2.0], &[2.0], [nan, nan, half, -half]),
        (&[0, 1], none, 0.0, None, [nan, 0.0, 1.0, 2.0], &[0.0, 1.0], [nan, nan, half, -half]),
    ];
    for (labels, reduction, label_smoothing, weight, scores, seed, expected) in cases {
        fn check<T: Float>(labels: &Indices, options: &CrossEntropy<f64>, [scores, seed]: [&[f64]; 2]) -> Vec<f64> {
            let weight = options
                .weight
                .as_ref()
                .map(|w| Tensor::from_vec(w.to_vec().into_iter().map(T::from_f64).collect(), [2]));
            let CrossEntropy { reduction, ignore_index, label_smoothing, .. } = *options;
            let options = CrossEntropy { reduction, weight, ignore_index, label_smoothing, ..CrossEntropy::default() };
            gradients(|x: &Tensor<T>| x.cross_entropy_with(labels, &options), scores, [2, 2], seed)
        }
        let weight = weight.map(|weight| Tensor::from_vec(weight.to_vec(), [2]));
        let (reduction, label_smoothing) = (*reduction, *label_smoothing);
        let options = CrossEntropy { reduction, weight, label_smoothing, ..CrossEntropy::default() };
        let labels = Indices::new(labels.to_vec(), [2]);
        assert_same(&check::<f32>(&labels, &options, [scores, seed]), expected);
        assert_same(&check::<f64>(&labels, &options, [scores, seed]), expected);
    }
}

#[test]
fn the_loss_of_ignored_examples_is_zero_and_their_mean_nan() {
    let x = Tensor::<f32>::full([2, 3], f32::NAN);
    let labels = Indices::from([-100, -100]);
    assert!(x.cross_entropy(&labels).item().is_nan());
    let sum = CrossEntropy { reduction: Reduction::Sum, ..CrossEntropy::default() };
    assert_eq!(x.cross_entropy_with(&labels, &sum).item(), 0.0);
    let nothing = Tensor::<f32>::zeros([2, 0]).requires_grad();
    for order in [Order::First, Order::Higher] {
        let loss = nothing.cross_entropy_with(&labels, &sum);
        assert_eq!(*grad_with(&loss, &[&nothing], &Tensor::ones(()), order)[0].shape(), [2, 0]);
    }
}

/// The second-order gradient of ignored examples is 0 too, whatever their scores are.
#[test]
fn ignored_examples_have_no_part_in_the_gradients_of_gradients() {
    let x = Tensor::from_vec(vec![f64::NAN, 0.0, 1.0, 2.0], [2, 2]).requires_grad();
    let loss = x.cross_entropy(&Indices::from([-100, 1]));
    let slope = grad_with(&loss, &[&x], &Tensor::ones(()), Order::Higher).remove(0);
    let curvature = grad_with(&slope, &[&x], &Tensor::from_vec(vec![1.0, 1.0, 1.0, 0.0], [2, 2]), Order::First);
    let p = 0.2689414213699951;
    assert_same(&curvature[0].to_vec(), &[0.0, 0.0, p * (1.0 - p), -p * (1.0 - p)]);
}
