//! 2. The backward of broadcasting.
//!
//! A tensor of shape `small` was broadcast to shape `large` (which has more dimensions, or other extents where `small`
//! has 1). Each element was used several times, so its gradient is the sum of the gradients of these uses. Shapes are
//! aligned at the last dimension.

/// Sums a gradient of shape `large`, in row-major order, to shape `small`, in row-major order.
pub fn sum_to(gradient: &[f64], large: &[usize], small: &[usize]) -> Vec<f64> {
    panic!("exercise 2: write sum_to")
}
