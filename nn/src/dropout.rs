//! Elements dropped at random in training.

use autograd::Tensor;

use crate::stateless::stateless;
use crate::tree::python_float;

/// In training each element is 0 with probability `p` and divided by 1 - p otherwise; outside of it the input is the
/// output. As [`torch.nn.Dropout`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html); see
/// [`Tensor::dropout`].
///
/// ```
/// use autograd::{Stream, Tensor};
/// use nn::{Dropout, Layer, Mode};
/// let (x, stream) = (Tensor::<f32>::ones([100]), Stream::new(0));
/// let y = Dropout::new(0.5).forward(&x, Mode::Train(&stream));
/// assert!(y.to_vec().iter().all(|&y| y == 0.0 || y == 2.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    p: f64,
}

impl Dropout {
    /// Drops each element with probability `p`.
    ///
    /// # Panics
    /// If `p` is no probability.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        assert!((0.0..=1.0).contains(&p), "Dropout: {p} is no probability: wanted 0 to 1");
        Dropout { p }
    }
}

stateless!(Dropout, |layer| format!("p={}, inplace=False", python_float(layer.p)), |layer, x, mode| mode
    .stream()
    .map_or_else(|| x.clone(), |stream| x.dropout(layer.p, stream)));

/// In training each channel of each example is 0 with probability `p` and divided by 1 - p otherwise; outside of it the
/// input is the output. As
/// [`torch.nn.Dropout2d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html), for inputs
/// `[N, C, H, W]` and `[C, H, W]`.
///
/// ```
/// use autograd::{Stream, Tensor};
/// use nn::{Dropout2d, Layer, Mode};
/// let (x, stream) = (Tensor::<f32>::ones([4, 8, 3, 3]), Stream::new(0));
/// let channels = Dropout2d::new(0.5).forward(&x, Mode::Train(&stream)).sum_dim([2, 3], false);
/// assert!(channels.to_vec().iter().all(|&sum| sum == 0.0 || sum == 18.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout2d {
    p: f64,
}

impl Dropout2d {
    /// Drops each channel with probability `p`.
    ///
    /// # Panics
    /// If `p` is no probability.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        Dropout2d { p: Dropout::new(p).p }
    }
}

stateless!(Dropout2d, |layer| format!("p={}, inplace=False", python_float(layer.p)), |layer, x, mode| {
    let rank = x.rank();
    assert!((3..=4).contains(&rank), "Dropout2d: shape {}: wanted [N, C, H, W] or [C, H, W]", x.shape());
    match mode.stream().filter(|_| layer.p > 0.0) {
        None => x.clone(),
        Some(stream) => {
            let mut channels = x.shape().to_vec();
            channels[rank - 2..].fill(1);
            let kept = Tensor::<T>::ones(channels).dropout(layer.p, stream);
            // What is dropped is 0 even where it was infinite or NaN, so it is chosen, not multiplied.
            (x * &kept).masked_fill(&kept.eq(T::ZERO), T::ZERO)
        }
    }
});

#[cfg(test)]
mod tests {
    use autograd::{Stream, join, with_threads};

    use super::*;
    use crate::{Layer, Mode, Sequential};

    fn x() -> Tensor {
        Tensor::ones([200])
    }

    #[test]
    fn two_dropouts_in_one_forward_differ() {
        let layer = Dropout::new(0.5);
        let stream = Stream::new(0);
        let (first, second) = (layer.forward(&x(), Mode::Train(&stream)), layer.forward(&x(), Mode::Train(&stream)));
        assert_ne!(first.to_vec(), second.to_vec());
        let both: Sequential = Sequential::new().add(layer).add(layer);
        let kept = both.forward(&x(), Mode::Train(&stream)).to_vec().into_iter().filter(|&y| y != 0.0).count();
        assert!((20..80).contains(&kept), "{kept} of 200 elements passed twice, where a quarter should");
    }

    #[test]
    fn branches_draw_the_same_whoever_runs_first() {
        let layer = Dropout::new(0.5);
        let run = |threads| {
            with_threads(threads, move || {
                let (stream, x) = (Stream::new(1), x());
                let mode = Mode::Train(&stream);
                let (left, right) = (mode.branch(), mode.branch());
                let (layer, x) = (&layer, &x);
                let (a, b) = join(move || layer.forward(x, left.mode()), move || layer.forward(x, right.mode()));
                (a.to_vec(), b.to_vec())
            })
        };
        let stream = Stream::new(1);
        let (left, right) = (Mode::Train(&stream).branch(), Mode::Train(&stream).branch());
        // The other way round.
        let b = layer.forward(&x(), right.mode()).to_vec();
        let a = layer.forward(&x(), left.mode()).to_vec();
        assert_ne!(a, b);
        for threads in [1, 2, 4] {
            assert_eq!(run(threads), (a.clone(), b.clone()), "on {threads} threads");
        }
    }

    #[test]
    fn a_restored_state_draws_the_same() {
        let (layer, stream) = (Dropout::new(0.5), Stream::new(2));
        layer.forward(&x(), Mode::Train(&stream));
        let state = stream.state();
        let wanted = layer.forward(&x(), Mode::Train(&stream)).to_vec();
        let later = Stream::new(0);
        later.restore(state);
        assert_eq!(layer.forward(&x(), Mode::Train(&later)).to_vec(), wanted);
    }

    #[test]
    #[should_panic(expected = "Dropout: 1.5 is no probability: wanted 0 to 1")]
    fn a_probability_is_at_most_1() {
        Dropout::new(1.5);
    }
}
