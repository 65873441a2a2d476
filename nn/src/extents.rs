//! Settings with one value for each dimension.

use crate::tree::python_tuple;

/// A setting with one value for each of `DIMS` dimensions: an array of them, or one number for all.
///
/// ```
/// use nn::PerDimension;
/// let each = |setting: &dyn Fn() -> [usize; 2]| setting();
/// assert_eq!(each(&|| 3.each()), [3, 3]);
/// assert_eq!(each(&|| [3, 5].each()), [3, 5]);
/// ```
pub trait PerDimension<const DIMS: usize> {
    /// The values, one for each dimension.
    fn each(self) -> [usize; DIMS];
}

impl<const DIMS: usize> PerDimension<DIMS> for usize {
    fn each(self) -> [usize; DIMS] {
        [self; DIMS]
    }
}

impl<const DIMS: usize> PerDimension<DIMS> for [usize; DIMS] {
    fn each(self) -> [usize; DIMS] {
        self
    }
}

/// As Python prints them: one number where all are the same.
pub(crate) fn shortened(values: &[usize]) -> String {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => first.to_string(),
        values => python_tuple(values),
    }
}
