//! 2. The backward of broadcasting.

/// Sums a gradient of shape `large`, in row-major order, to shape `small`, in row-major order.
pub fn sum_to(gradient: &[f64], large: &[usize], small: &[usize]) -> Vec<f64> {
    let missing = large.len() - small.len();
    // The strides of the sums for each dimension of `large`; 0 where `small` was broadcast.
    let steps: Vec<usize> = (0..large.len())
        .map(|dim| match dim.checked_sub(missing) {
            Some(own) if small[own] != 1 => small[own + 1..].iter().product(),
            _ => 0,
        })
        .collect();
    let mut sums = vec![0.0; small.iter().product()];
    for (flat, number) in gradient.iter().enumerate() {
        let (mut rest, mut index) = (flat, 0);
        for dim in (0..large.len()).rev() {
            index += rest % large[dim] * steps[dim];
            rest /= large[dim];
        }
        sums[index] += number;
    }
    sums
}
