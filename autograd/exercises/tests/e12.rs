use autograd::{Convolution, Tensor};

use super::{expect, expect_close};
use crate::e12_convolution::{convolution, image_gradient, kernel_gradient};

#[test]
fn one_output_element_reaches_one_window() {
    // An image of 3 × 3, a kernel of 2 × 2; only y[0, 1] has a gradient.
    let (gradient, w) = ([0.0, 1.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]);
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let expected = [0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0];
    let think = "y[0, 1] has seen x[0, 1], x[0, 2], x[1, 1] and x[1, 2], each with one element of the kernel";
    let found = image_gradient(&gradient, &w, [3, 3], [2, 2]);
    expect("image_gradient(&[0, 1, 0, 0], &[1, 2, 3, 4], [3, 3], [2, 2])", found, expected, think);
    let think = "each element of the kernel was multiplied by one element of the window of y[0, 1]";
    let found = kernel_gradient(&gradient, &x, [3, 3], [2, 2]);
    expect("kernel_gradient(&[0, 1, 0, 0], &[1, .., 9], [3, 3], [2, 2])", found, [2.0, 3.0, 5.0, 6.0], think);
}

#[test]
fn it_is_what_the_engine_does() {
    for (image, kernel) in [([4, 5], [3, 2]), ([1, 6], [1, 3]), ([5, 5], [5, 5]), ([3, 4], [1, 1])] {
        let x = Tensor::<f64>::randn([1, 1, image[0], image[1]], 0).requires_grad();
        let w = Tensor::<f64>::randn([1, 1, kernel[0], kernel[1]], 1).requires_grad();
        let y = x.conv2d(&w, None, &Convolution::default());
        let gradient = Tensor::randn(y.shape(), 2);
        let found = convolution(&x.to_vec(), &w.to_vec(), image, kernel);
        expect_close("convolution, which is given", &found, &y.to_vec(), 1e-12, "leave it as it was");
        let gradients = y.backward_with(&gradient);
        let (gradient, x_values, w_values) = (gradient.to_vec(), x.to_vec(), w.to_vec());
        let found = image_gradient(&gradient, &w_values, image, kernel);
        let think = "an element of the image is in several windows: their contributions are added. Which index has \
                     which row length?";
        let call = format!("image_gradient of an image {image:?} and a kernel {kernel:?}");
        expect_close(&call, &found, &gradients.get(&x).unwrap().to_vec(), 1e-12, think);
        let found = kernel_gradient(&gradient, &x_values, image, kernel);
        let think = "an element of the kernel is used in every window: sum over all elements of y";
        let call = format!("kernel_gradient of an image {image:?} and a kernel {kernel:?}");
        expect_close(&call, &found, &gradients.get(&w).unwrap().to_vec(), 1e-12, think);
    }
}
