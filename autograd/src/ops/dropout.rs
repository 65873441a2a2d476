//! Dropout: random elements are set to zero.

use crate::error::argument_error;
use crate::float::Float;
use crate::kernels::dropout::Drops;
use crate::ops::linear_map::LinearMap;
use crate::random::Seed;
use crate::tensor::Tensor;

/// # Dropout
impl<T: Float> Tensor<T> {
    /// Each element replaced by 0 with probability `p`, and divided by 1 - p otherwise, so that its mean
    /// stays.    dy/dx = 1 / (1 - p), or 0 where dropped
    ///
    /// The same as
    /// [`torch.nn.functional.dropout`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html)
    /// in training; outside of it nothing is
    /// dropped. What is dropped is 0 even where it was infinite or NaN. `seed` is a number, a
    /// [`Random`](crate::Random) to go on drawing from, or a [`Stream`](crate::Stream).
    ///
    /// ```
    /// use autograd::{Random, Tensor};
    /// let mut random = Random::new(0);
    /// let y = Tensor::<f32>::ones([100]).dropout(0.5, &mut random);
    /// assert!(y.to_vec().iter().all(|&y| y == 0.0 || y == 2.0));
    /// ```
    ///
    /// # Panics
    /// If `p` is no probability.
    #[track_caller]
    pub fn dropout(&self, p: f64, seed: impl Seed) -> Tensor<T> {
        if !(0.0..=1.0).contains(&p) {
            argument_error("dropout", format_args!("{p} is no probability: wanted 0 to 1"));
        }
        if p == 0.0 {
            return self.clone();
        }
        self.without(seed.draw(|random| {
            let drops = Drops::new(random.clone(), p);
            random.seek(random.position().wrapping_add(self.numel() as u64));
            Dropped { drops, scale: T::from_f64(1.0 / (1.0 - p)) }
        }))
    }

    #[inline(never)]
    #[track_caller]
    fn without(&self, dropped: Dropped<T>) -> Tensor<T> {
        dropped.of(self)
    }
}

/// y = x · scale, or 0 where dropped        its own adjoint
#[derive(Clone, Debug)]
struct Dropped<T> {
    drops: Drops,
    scale: T,
}

impl<T: Float> LinearMap<T> for Dropped<T> {
    const NAME: &'static str = "dropout";
    const ADJOINT: &'static str = "dropout";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let dense = x.dense();
        let values = dense.as_slice().expect("dense");
        Tensor::build_for("dropout", x.shape().clone(), |out| self.drops.apply(values, self.scale, out))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        self.map(y)
    }
}

instances!(without);

#[cfg(test)]
mod tests {
    use crate::{Random, Tensor};

    gradients!(dropout: |x| (x * x).dropout(0.4, 7), [3, 4]);
    gradients!(dropout_of_nothing: |x| (x * x).dropout(0.0, 7), [3, 4]);
    gradients!(dropout_of_all: |x| (x * x).dropout(1.0, 7), [3, 4]);

    #[test]
    fn the_share_of_dropped_elements_is_the_probability() {
        let y = Tensor::<f32>::ones([100_000]).dropout(0.3, 1).to_vec();
        let dropped = y.iter().filter(|&&y| y == 0.0).count();
        assert!((29_000..31_000).contains(&dropped), "{dropped}");
        assert!(y.iter().all(|&y| y == 0.0 || (y - 1.0 / 0.7).abs() < 1e-6));
    }

    #[test]
    fn probability_0_keeps_all_elements_and_1_none() {
        let x = Tensor::from_vec(vec![1.0, f32::INFINITY, f32::NAN], [3]).requires_grad();
        let y = x.dropout(1.0, 0);
        assert_eq!(y.to_vec(), [0.0; 3]);
        let gradients = y.backward_with(&Tensor::full([3], f32::INFINITY));
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [0.0; 3]);
        assert_eq!(x.dropout(0.0, 0).to_vec()[..2], [1.0, f32::INFINITY]);
    }

    #[test]
    fn a_stream_advances() {
        let (x, mut random) = (Tensor::<f32>::ones([64]), Random::new(0));
        let (first, second) = (x.dropout(0.5, &mut random), x.dropout(0.5, &mut random));
        assert_ne!(first.to_vec(), second.to_vec());
        assert_eq!(first.to_vec(), x.dropout(0.5, 0).to_vec());
    }

    #[test]
    #[should_panic(expected = "dropout: 1.5 is no probability: wanted 0 to 1")]
    fn a_probability_is_at_most_1() {
        Tensor::<f32>::ones([1]).dropout(1.5, 0);
    }
}
