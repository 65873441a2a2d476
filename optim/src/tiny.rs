//! Which tiny values optimizers clear: arithmetic on denormal values takes some processors over a hundred cycles, and
//! late in training most gradients, and the moments of weights that get none any more, end there. Cleared is only what
//! a result does not show; the essay `docs/decisions/0014` has the reasons.

use autograd::Float;

/// How much smaller than something else a value has to be so that leaving it out is not seen.
const NEGLIGIBLE: f64 = 4096.0;

/// From this on (10⁻³¹ for `f32`) a value is far enough from the denormals that a few products with it are not
/// denormal either.
fn safe<T: Float>() -> T {
    T::MIN_POSITIVE / T::EPSILON
}

/// The smallest positive value, which is denormal.
fn smallest<T: Float>() -> T {
    T::MIN_POSITIVE * T::EPSILON
}

/// Clears running sums of gradients (m of Adam, the buffer of momentum) that do not change a bit of their weight.
#[derive(Clone, Copy)]
pub(crate) struct Sums<T> {
    /// From this weight on, a sum below [`safe`] moves it by less than its last bit.
    insensitive: T,
}

impl<T: Float> Sums<T> {
    /// `reach` is how far a sum of 1 moves a weight in a step, at most.
    pub(crate) fn new(reach: f64) -> Self {
        let share_of_last_bit = T::EPSILON.to_f64() / NEGLIGIBLE;
        Sums { insensitive: T::from_f64(safe::<T>().to_f64() * reach / share_of_last_bit) }
    }

    /// A sum below the returned value is as good as 0. Where the weight is too small to tell, that holds only for the
    /// denormals themselves.
    #[inline(always)]
    pub(crate) fn least(&self, weight: T) -> T {
        if weight.abs() >= self.insensitive { safe() } else { T::MIN_POSITIVE }
    }

    /// decay · `sum` + share · `gradient`
    #[inline(always)]
    pub(crate) fn next(&self, weight: T, sum: T, decay: T, gradient: T, share: T) -> T {
        let least = self.least(weight);
        let gradient = if gradient.abs() < least { T::ZERO } else { gradient };
        let next = sum * decay + gradient * share;
        // A sum that grows again is left alone, small as it may be.
        if next.abs() < least && gradient == T::ZERO { T::ZERO } else { next }
    }
}

/// decay · `sum` + share · `gradient`, where a denormal sum does not show, as beside an eps that is far larger: cleared
/// is just what is denormal.
#[inline(always)]
pub(crate) fn next_normal_sum<T: Float>(sum: T, decay: T, gradient: T, share: T) -> T {
    let gradient = if gradient.abs() < T::MIN_POSITIVE / share { T::ZERO } else { gradient };
    let next = sum * decay + gradient * share;
    if next.abs() < T::MIN_POSITIVE { T::ZERO } else { next }
}

/// Running means of squared gradients, v ← β v + (1 - β) g², of which `√v + eps` is used. A v below the smallest
/// normal value is cleared if eps hides it. If eps is too small for that, it is kept, at the denormals' price, until
/// it is negligible beside any square that is normal.
#[derive(Clone, Copy)]
pub(crate) struct Squares<T> {
    beta: T,
    share: T,
    /// Whether eps hides a denormal v.
    pub(crate) is_hidden: bool,
    /// (1 - β) g² is denormal for a smaller |g|.
    least_gradient: T,
    /// From this v on such a g² is negligible.
    outweighs: T,
    /// A smaller v is cleared,
    least: T,
    /// if |m| is not larger than this.
    largest_sum: T,
}

impl<T: Float> Squares<T> {
    pub(crate) fn new(beta: f64, eps: f64) -> Self {
        let smallest_normal = T::MIN_POSITIVE.to_f64();
        let least_square = smallest_normal / (1.0 - beta);
        // What is cleared changes √v, corrected for its start, by at most a few times this gradient.
        let is_hidden = eps >= NEGLIGIBLE * least_square.sqrt();
        // As soon as β v rounds to v, it would stay for ever.
        let decays_no_more = smallest::<T>().to_f64() / (1.0 - beta);
        let kept = (smallest_normal / NEGLIGIBLE).max(decays_no_more);
        Squares {
            beta: T::from_f64(beta),
            share: T::from_f64(1.0 - beta),
            is_hidden,
            least_gradient: T::from_f64(least_square.sqrt()),
            outweighs: T::from_f64(if is_hidden { 0.0 } else { NEGLIGIBLE * least_square }),
            least: T::from_f64(if is_hidden { smallest_normal } else { kept }),
            largest_sum: if is_hidden { T::INFINITY } else { T::ZERO },
        }
    }

    /// [`next`](Squares::next) where eps hides a denormal v: the same values, with fewer comparisons.
    #[inline(always)]
    pub(crate) fn next_hidden(&self, v: T, gradient: T) -> T {
        let gradient = if gradient.abs() < self.least_gradient { T::ZERO } else { gradient };
        let next = v * self.beta + gradient * gradient * self.share;
        if next < self.least { T::ZERO } else { next }
    }

    /// v with one more gradient; `sum` is the running mean m of the gradients, this one included.
    #[inline(always)]
    pub(crate) fn next(&self, v: T, gradient: T, sum: T) -> T {
        let is_negligible = gradient.abs() < self.least_gradient && v >= self.outweighs;
        let gradient = if is_negligible { T::ZERO } else { gradient };
        let next = v * self.beta + gradient * gradient * self.share;
        if next < self.least && sum.abs() <= self.largest_sum { T::ZERO } else { next }
    }
}

/// The divisor of a moment, which is 0 only without an eps and if all squares so far are 0 in this type: then the
/// smallest root there is, so that a gradient of 0 moves nothing, and a tiny one not to infinity.
#[inline(always)]
pub(crate) fn divisor<T: Float>(root_and_eps: T) -> T {
    if root_and_eps == T::ZERO { smallest::<T>().sqrt() } else { root_and_eps }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_never_cleared() {
        let (sums, squares) = (Sums::<f32>::new(1e6), Squares::<f32>::new(0.999, 1e-8));
        for weight in [0.0, 1.0, f32::NAN] {
            assert!(sums.next(weight, 0.0, 0.9, f32::NAN, 0.1).is_nan());
            assert!(sums.next(weight, f32::NAN, 0.9, 0.0, 0.1).is_nan());
        }
        for eps in [1e-8, 0.0] {
            assert!(Squares::<f32>::new(0.999, eps).next(0.0, f32::NAN, f32::NAN).is_nan());
        }
        assert!(squares.next(f32::NAN, 0.0, 0.0).is_nan());
        assert!(divisor(f64::NAN).is_nan());
    }

    #[test]
    fn with_an_eps_that_hides_them_squares_are_zero_or_normal() {
        let squares = Squares::<f32>::new(0.999, 1e-8);
        for exponent in -45..18 {
            let gradient = -(10_f32.powi(exponent));
            let square = squares.next(0.0, gradient, gradient);
            let exact = gradient * gradient * 0.001;
            let is_exact = (square / exact - 1.0).abs() < 1e-4 && square >= f32::MIN_POSITIVE;
            assert!(is_exact || (square == 0.0 && exact < f32::MIN_POSITIVE), "{gradient:e}: {square:e}");
        }
    }

    #[test]
    fn sums_that_do_not_change_a_bit_are_zero() {
        let sums = Sums::<f32>::new(1e6);
        assert_eq!(sums.next(1.0, 1e-32, 0.9, 1e-33, 0.1), 0.0);
        assert!((sums.next(0.0, 1e-32, 0.9, 1e-33, 0.1) / 9.1e-33 - 1.0).abs() < 1e-5, "this weight shows it");
        assert!((sums.next(1.0, 1e-20, 0.9, 1e-22, 0.1) / 9.01e-21 - 1.0).abs() < 1e-5);
        assert!(sums.next(0.0, 0.0, 0.9, 5e-38, 0.1) > 0.0, "a sum that begins is denormal for a few steps");
    }
}
