//! 12. The gradients of a convolution.

/// Calls `f` with the indices of all products: of the output, of the image, and of the kernel.
fn products([height, width]: [usize; 2], [kernel_height, kernel_width]: [usize; 2], mut f: impl FnMut([usize; 3])) {
    let (rows, columns) = (height - kernel_height + 1, width - kernel_width + 1);
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        for (a, b) in (0..kernel_height).flat_map(|a| (0..kernel_width).map(move |b| (a, b))) {
            f([i * columns + j, (i + a) * width + j + b, a * kernel_width + b]);
        }
    }
}

/// y for an image of `height` × `width` and a kernel of `kernel_height` × `kernel_width`.
pub fn convolution(x: &[f64], w: &[f64], image: [usize; 2], kernel: [usize; 2]) -> Vec<f64> {
    let mut y = vec![0.0; (image[0] - kernel[0] + 1) * (image[1] - kernel[1] + 1)];
    products(image, kernel, |[to, from, weight]| y[to] += x[from] * w[weight]);
    y
}

/// The gradient of the image: the convolution of y's gradient, padded with zeros, with the kernel rotated by 180°.
pub fn image_gradient(gradient: &[f64], w: &[f64], image: [usize; 2], kernel: [usize; 2]) -> Vec<f64> {
    let mut dx = vec![0.0; image[0] * image[1]];
    products(image, kernel, |[to, from, weight]| dx[from] += gradient[to] * w[weight]);
    dx
}

/// The gradient of the kernel: the convolution of the image with y's gradient.
pub fn kernel_gradient(gradient: &[f64], x: &[f64], image: [usize; 2], kernel: [usize; 2]) -> Vec<f64> {
    let mut dw = vec![0.0; kernel[0] * kernel[1]];
    products(image, kernel, |[to, from, weight]| dw[weight] += gradient[to] * x[from]);
    dw
}
