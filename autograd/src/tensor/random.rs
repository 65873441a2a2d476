//! Random draws that take more than a shape. (`rand`, `randn` and `uniform` are beside the other constructors.)

use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::indices::Indices;
use crate::random::{Random, Seed};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// # Random draws
impl<T: Float> Tensor<T> {
    /// Normal random values of the given mean and standard deviation.
    ///
    /// As [`torch.normal`](https://docs.pytorch.org/docs/stable/generated/torch.normal.html) of numbers; of tensors it
    /// is `randn(shape, seed) * std + mean`. `seed` is a number, or a [`Random`] to go on drawing from.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x: Tensor = Tensor::normal([10_000], 5.0, 2.0, 0);
    /// assert!((x.mean().item() - 5.0).abs() < 0.1 && (x.std([], 1, false).item() - 2.0).abs() < 0.1);
    /// ```
    ///
    /// # Panics
    /// If the standard deviation is negative, or one of the two is not finite.
    #[track_caller]
    pub fn normal(shape: impl Into<Shape>, mean: T, std: T, seed: impl Seed) -> Self {
        if !(std >= T::ZERO && std.is_finite() && mean.is_finite()) {
            argument_error(
                "normal",
                format_args!("mean {mean} and standard deviation {std}: wanted finite, and not negative"),
            );
        }
        Tensor::build_for("normal", shape.into(), |out| {
            seed.draw(|random| random.fill_normal(out));
            out.iter_mut().for_each(|value| *value = *value * std + mean);
        })
    }

    /// For each element, a probability, 1 with that probability and 0 otherwise. A constant.
    ///
    /// As [`torch.bernoulli`](https://docs.pytorch.org/docs/stable/generated/torch.bernoulli.html). `seed` is a
    /// number, or a [`Random`] to go on drawing from.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let coins = Tensor::full([1000], 0.5_f32).bernoulli(0);
    /// assert!((400.0..600.0).contains(&coins.sum().item()));
    /// assert_eq!(Tensor::from_vec(vec![0.0, 1.0], [2]).bernoulli(1).to_vec(), [0.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If an element is no probability, or the tensor is tracked: no gradient flows through a draw.
    #[track_caller]
    pub fn bernoulli(&self, seed: impl Seed) -> Self {
        self.check_untracked("bernoulli");
        let probabilities = self.to_vec();
        if let Some(wrong) = probabilities.iter().find(|&&p| !(p >= T::ZERO && p <= T::ONE)) {
            argument_error("bernoulli", format_args!("{wrong} is no probability: wanted 0 to 1"));
        }
        Tensor::build_for("bernoulli", self.shape().clone(), |out| {
            seed.draw(|random| {
                for (out, p) in out.iter_mut().zip(&probabilities) {
                    *out = if random.uniform() < p.to_f64() { T::ONE } else { T::ZERO };
                }
            });
        })
    }

    /// `count` indices for each row of weights, or for the one vector of them, each drawn with a probability in
    /// proportion to its weight; with `replacement` an index may be drawn again, without it may not. From `[n]` to
    /// `[count]`, from `[rows, n]` to `[rows, count]`.
    ///
    /// As [`torch.multinomial`](https://docs.pytorch.org/docs/stable/generated/torch.multinomial.html). Without
    /// replacement the indices have the smallest of exponential random numbers at the rates of the weights (Efraimidis
    /// and Spirakis, *Weighted random sampling with a reservoir*, 2006). `seed` is a number, or a [`Random`] to go on
    /// drawing from.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let weights = Tensor::from_vec(vec![0.0, 10.0, 3.0, 0.0], [4]);
    /// let mut drawn = weights.multinomial(2, false, 0).as_slice().to_vec();
    /// drawn.sort();
    /// assert_eq!(drawn, [1, 2]);
    /// ```
    ///
    /// # Panics
    /// If there are not one or two dimensions, a weight is negative or not finite, a row has no weight above 0, or,
    /// without replacement, fewer than `count` of them; or if the tensor is tracked: no gradient flows through a draw.
    #[track_caller]
    pub fn multinomial(&self, count: usize, replacement: bool, seed: impl Seed) -> Indices {
        self.check_untracked("multinomial");
        let own = self.shape();
        let (rows, classes) = match own[..] {
            [classes] => (1, classes),
            [rows, classes] => (rows, classes),
            _ => shape_error("multinomial", format_args!("weights of shape {own}: wanted [n] or [rows, n]")),
        };
        let weights: Vec<f64> = self.to_vec().into_iter().map(T::to_f64).collect();
        check_weights(&weights, [rows, classes], count, replacement);
        let mut shape = own.clone();
        shape.set(own.rank() - 1, count);
        let drawn = seed.draw(|random| {
            let rows = (0..rows).map(|row| &weights[row * classes..][..classes]);
            rows.flat_map(|row| if replacement { draw(row, count, random) } else { draw_apart(row, count, random) })
                .collect::<Vec<i64>>()
        });
        Indices::new(drawn, shape)
    }

    #[track_caller]
    fn check_untracked(&self, op: &str) {
        if self.is_tracked() {
            argument_error(op, "the tensor is tracked, but no gradient flows through a draw: detach it");
        }
    }
}

#[track_caller]
fn check_weights(weights: &[f64], [rows, classes]: [usize; 2], count: usize, replacement: bool) {
    for row in 0..rows {
        let row_weights = &weights[row * classes..][..classes];
        if let Some(wrong) = row_weights.iter().find(|weight| !(**weight >= 0.0 && weight.is_finite())) {
            argument_error("multinomial", format_args!("a weight of {wrong}: wanted finite, and not negative"));
        }
        let possible = row_weights.iter().filter(|&&weight| weight > 0.0).count();
        let wanted = if replacement { count.min(1) } else { count };
        if possible < wanted {
            argument_error(
                "multinomial",
                format_args!("{count} indices of row {row}, of whose {classes} weights {possible} are above 0"),
            );
        }
    }
}

/// Indices that may come again: where a random part of the sum of all weights lies.
fn draw(weights: &[f64], count: usize, random: &mut Random) -> Vec<i64> {
    let sums: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let last = weights.iter().rposition(|&weight| weight > 0.0).unwrap_or(0);
    let total = sums.last().copied().unwrap_or(0.0);
    let index = |random: &mut Random| {
        let target = random.uniform() * total;
        // The product may be rounded up to the total.
        sums.partition_point(|&sum| sum <= target).min(last) as i64
    };
    (0..count).map(|_| index(random)).collect()
}

/// Indices that come once.
fn draw_apart(weights: &[f64], count: usize, random: &mut Random) -> Vec<i64> {
    // Of no weight the time is infinite.
    let mut times: Vec<(f64, i64)> =
        weights.iter().zip(0..).map(|(weight, index)| (-(1.0 - random.uniform()).ln() / weight, index)).collect();
    times.iter_mut().zip(weights).filter(|(_, weight)| **weight == 0.0).for_each(|(time, _)| time.0 = f64::INFINITY);
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    times.into_iter().take(count).map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use crate::{Indices, Random, Tensor};

    /// How often each index was drawn.
    fn counts(drawn: &Indices, classes: usize) -> Vec<f64> {
        let count = |class: usize| drawn.as_slice().iter().filter(|&&index| index == class as i64).count() as f64;
        (0..classes).map(count).collect()
    }

    /// Whether counts are within five standard deviations of what the probabilities say.
    fn assert_likely(counts: &[f64], probabilities: &[f64], draws: f64) {
        for (&count, &p) in counts.iter().zip(probabilities) {
            let deviation = (draws * p * (1.0 - p)).sqrt();
            assert!((count - draws * p).abs() <= 5.0 * deviation, "{counts:?} of {draws} for {probabilities:?}");
        }
    }

    #[test]
    fn normal_values_have_their_mean_and_deviation() {
        let x = Tensor::<f64>::normal([100_000], -3.0, 0.5, 0);
        assert!((x.mean().item() + 3.0).abs() < 0.01 && (x.std([], 1, false).item() - 0.5).abs() < 0.01);
        assert_eq!(Tensor::normal([3], 2.0_f32, 0.0, 0).to_vec(), [2.0; 3]);
        let z = (x + 3.0) * 2.0;
        assert!((z.lt(-1.0).count() as f64 - 15_866.0).abs() < 600.0, "a sixth lies below the deviation");
    }

    #[test]
    fn the_share_of_ones_is_the_probability() {
        let p = Tensor::from_vec(vec![0.0, 0.3, 1.0], [3, 1]).expand([3, 50_000]);
        let ones = p.bernoulli(0).sum_dim(1, false).to_vec();
        assert_eq!((ones[0], ones[2]), (0.0_f64, 50_000.0));
        assert_likely(&ones[1..2], &[0.3], 50_000.0);
    }

    #[test]
    fn indices_come_in_proportion_to_their_weights() {
        let weights = Tensor::from_vec(vec![1.0, 0.0, 3.0, 4.0, 0.0, 5.0, 5.0, 0.0], [2, 4]);
        let drawn = weights.multinomial(40_000, true, 0);
        assert_eq!(*drawn.shape(), [2, 40_000]);
        let rows = [drawn.index_select([0]), drawn.index_select([1])];
        assert_likely(&counts(&rows[0], 4), &[0.125, 0.0, 0.375, 0.5], 40_000.0);
        assert_likely(&counts(&rows[1], 4), &[0.0, 0.5, 0.5, 0.0], 40_000.0);
        // Without replacement: the first of two is drawn by the weights, and the other one is another one.
        let row = Tensor::from_vec(vec![1.0, 0.0, 3.0, 4.0], [1, 4]).expand([20_000, 4]);
        let pairs = row.multinomial(2, false, &mut Random::new(1));
        let firsts: Indices = pairs.as_slice().chunks(2).map(|pair| pair[0]).collect();
        assert!(pairs.as_slice().chunks(2).all(|pair| pair[0] != pair[1]));
        assert_likely(&counts(&firsts, 4), &[0.125, 0.0, 0.375, 0.5], 20_000.0);
        let seconds: Indices = pairs.as_slice().chunks(2).filter(|pair| pair[0] == 3).map(|pair| pair[1]).collect();
        assert_likely(&counts(&seconds, 4), &[0.25, 0.0, 0.75, 0.0], seconds.numel() as f64);
    }

    #[test]
    fn integers_are_equally_likely_and_permutations_hold_each_once() {
        let drawn = Indices::randint(-2, 3, [10, 5000], 0);
        assert_eq!(*drawn.shape(), [10, 5000]);
        let shifted: Indices = drawn.as_slice().iter().map(|index| index + 2).collect();
        assert_likely(&counts(&shifted, 5), &[0.2; 5], 50_000.0);
        assert_eq!(Indices::randint(7, 8, [4], 0).as_slice(), [7; 4]);
        let mut random = Random::new(0);
        let mut firsts = Vec::new();
        for _ in 0..5000 {
            let order = Indices::randperm(5, &mut random);
            firsts.push(order.as_slice()[0]);
            let mut sorted = order.as_slice().to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert_likely(&counts(&Indices::from(firsts), 5), &[0.2; 5], 5000.0);
        assert_eq!(Indices::randperm(0, 0).numel(), 0);
    }

    #[test]
    fn a_stream_goes_on_and_a_seed_begins_anew() {
        let p = Tensor::full([64], 0.5_f32);
        let mut random = Random::new(3);
        let (first, second) = (p.bernoulli(&mut random), p.bernoulli(&mut random));
        assert_ne!(first.to_vec(), second.to_vec());
        assert_eq!(first.to_vec(), p.bernoulli(3).to_vec());
        assert_eq!(p.multinomial(5, false, 4), p.multinomial(5, false, 4));
    }
}
