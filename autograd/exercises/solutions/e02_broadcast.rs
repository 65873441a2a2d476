//! 2. Broadcasting's backward.

/// Sums a gradient of shape `large`, in row-major order, to shape `small`, in row-major order.
pub fn sum_to(gradient: &[f64], large: &[usize], small: &[usize]) -> Vec<f64> {
    let missing = large.len() - small.len();
    // How far a step in each dimension of `large` goes in the sums: nowhere, where `small` was stretched.
    let steps: Vec<usize> = (0..large.len())
        .map(|dim| match dim.checked_sub(missing) {
            Some(own) if small[own] != 1 => small[own + 1..].iter().product(),
            _ => 0,
        })
        .collect();
    let mut sums = vec![0.0; small.iter().product()];
    for (flat, number) in gradient.iter().enumerate() {
        let (mut rest, mut place) = (flat, 0);
        for dim in (0..large.len()).rev() {
            place += rest % large[dim] * steps[dim];
            rest /= large[dim];
        }
        sums[place] += number;
    }
    sums
}
