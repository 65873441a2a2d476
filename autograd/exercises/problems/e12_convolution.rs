//! 12. The gradients of a convolution.
//!
//! y[i, j] = Σ x[i + a, j + b] · w[a, b], the sum over all elements of the kernel w. (Deep learning calls this a
//! convolution; mathematics calls it a cross-correlation.) An image of h × w elements and a kernel of kh × kw give
//! (h - kh + 1) × (w - kw + 1) elements. All arrays are row-major.
//!
//! Given the gradient g of y, write both gradients. Each product x[i + a, j + b] · w[a, b] is a part of one y[i, j], so
//! it contributes g[i, j] · w[a, b] to the gradient of that x, and g[i, j] · x[i + a, j + b] to the gradient of that w.
//! Afterwards look at the sums: both are convolutions again. Of what, and which one is with a rotated kernel?

/// y for an image of `height` × `width` and a kernel of `kernel_height` × `kernel_width`.
pub fn convolution(
    x: &[f64],
    w: &[f64],
    [height, width]: [usize; 2],
    [kernel_height, kernel_width]: [usize; 2],
) -> Vec<f64> {
    let (rows, columns) = (height - kernel_height + 1, width - kernel_width + 1);
    let mut y = vec![0.0; rows * columns];
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        for (a, b) in (0..kernel_height).flat_map(|a| (0..kernel_width).map(move |b| (a, b))) {
            y[i * columns + j] += x[(i + a) * width + j + b] * w[a * kernel_width + b];
        }
    }
    y
}

/// The gradient of the image, `height` × `width`, for the gradient of y.
pub fn image_gradient(gradient: &[f64], w: &[f64], image: [usize; 2], kernel: [usize; 2]) -> Vec<f64> {
    panic!("exercise 12: write image_gradient")
}

/// The gradient of the kernel, `kernel_height` × `kernel_width`, for the gradient of y.
pub fn kernel_gradient(gradient: &[f64], x: &[f64], image: [usize; 2], kernel: [usize; 2]) -> Vec<f64> {
    panic!("exercise 12: write kernel_gradient")
}
