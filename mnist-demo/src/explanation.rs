//! Which pixels of a digit spoke for the predicted class: gradient times input.

use autograd::{Order, Tensor, grad};

use crate::classifier::Classifier;

/// What each pixel contributes to the score of a class, which is the network's output for it before the softmax.
///
/// The contribution of pixel `i` is `xᵢ · ∂score/∂xᵢ` (Shrikumar, Greenside, Shcherbina and Kundaje, *Not just a black
/// box*, 2016, [arXiv:1605.01713](https://arxiv.org/abs/1605.01713)). Around an input, a network of linear layers and
/// ReLU is a linear function, so the contributions and the part of the biases sum up to the score.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The score of the class.
    pub score: f32,
    /// The contribution of each pixel, row by row. Positive: the ink there speaks for the class. Negative: against it.
    pub contributions: Vec<f32>,
}

impl Explanation {
    /// Why the network gives this score to `class`, for a digit of 28 × 28 pixels, row by row. The gradient is computed
    /// by a backward pass.
    ///
    /// # Panics
    /// If `pixels` does not have 784 elements, or there is no such class.
    #[track_caller]
    pub fn new(classifier: &Classifier, pixels: &[f32], class: usize) -> Self {
        let x = Tensor::from_vec(pixels.to_vec(), [1, pixels.len()]).requires_grad();
        let score = classifier.scores(&x).select(1, class as isize).sum();
        let gradient = grad(&score, &[&x], Order::First).remove(0);
        Explanation { score: score.item(), contributions: (x.detach() * gradient).to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use autograd::Random;
    use nn::Module;

    use std::sync::Arc;

    use super::*;
    use crate::model::{DIGITS, perceptron_for};
    use crate::picture::SIDE;

    const PIXELS: usize = SIDE * SIDE;

    /// A digit with some pixels of each brightness.
    fn digit() -> Vec<f32> {
        (0..PIXELS).map(|index| if index % 3 == 0 { (index % 256) as f32 / 255.0 } else { 0.0 }).collect()
    }

    #[test]
    fn the_contributions_are_the_product_of_the_weights_of_active_units() {
        let model = Arc::new(perceptron_for(PIXELS, DIGITS, &mut Random::new(3)));
        let classifier = Classifier::new(Arc::clone(&model));
        let parameters: Vec<Tensor> = model.named_parameters().into_iter().map(|(_, param)| param.tensor()).collect();
        let [w1, b1, w2, b2, w3, b3] = &parameters[..] else { panic!("three layers") };
        let x = Tensor::from_vec(digit(), [1, PIXELS]);
        let first = x.linear(w1, Some(b1));
        let second = first.relu().linear(w2, Some(b2));
        let scores = second.relu().linear(w3, Some(b3));
        // A row of a weight counts where its unit is active.
        let active = |outputs: &Tensor| -> Tensor {
            let mask = outputs.to_vec().into_iter().map(|output| if output > 0.0 { 1.0 } else { 0.0 }).collect();
            Tensor::from_vec(mask, [1, outputs.numel()])
        };
        for class in 0..DIGITS {
            let of_second = w3.narrow(0, class, 1) * active(&second);
            let of_first = of_second.matmul(w2) * active(&first);
            let expected = (of_first.matmul(w1) * &x).to_vec();
            let found = Explanation::new(&classifier, &digit(), class);
            assert_eq!(found.contributions.len(), PIXELS);
            for (pixel, (found, expected)) in found.contributions.iter().zip(&expected).enumerate() {
                assert!((found - expected).abs() < 1e-5, "class {class}, pixel {pixel}: {found}, {expected}");
            }
            assert!((found.score - scores.to_vec()[class]).abs() < 1e-4);
        }
    }

    #[test]
    fn without_biases_the_contributions_sum_up_to_the_score() {
        let model = Arc::new(perceptron_for(PIXELS, DIGITS, &mut Random::new(5)));
        for (name, parameter) in model.named_parameters() {
            if name.ends_with("bias") {
                parameter.set(&Tensor::zeros(parameter.tensor().shape()));
            }
        }
        let classifier = Classifier::new(Arc::clone(&model));
        for class in 0..DIGITS {
            let Explanation { score, contributions } = Explanation::new(&classifier, &digit(), class);
            let sum: f32 = contributions.iter().sum();
            assert!((sum - score).abs() < 1e-4 * score.abs().max(1.0), "class {class}: {sum}, {score}");
        }
        // What is not ink contributes nothing.
        let Explanation { contributions, .. } = Explanation::new(&classifier, &[0.0; PIXELS], 0);
        assert!(contributions.iter().all(|&contribution| contribution == 0.0));
    }
}
