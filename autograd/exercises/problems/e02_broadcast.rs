//! 2. Broadcasting's backward.
//!
//! A tensor of shape `small` was stretched to shape `large` (which is longer, or has other extents where `small` has 1)
//! and used. Each number was used several times, so its gradient is the sum of theirs. Shapes are aligned at the last
//! dimension.

/// Sums a gradient of shape `large`, in row-major order, to shape `small`, in row-major order.
pub fn sum_to(gradient: &[f64], large: &[usize], small: &[usize]) -> Vec<f64> {
    panic!("exercise 2: write sum_to")
}
