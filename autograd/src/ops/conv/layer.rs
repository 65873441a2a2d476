//! A convolution with what follows it in a network: a bias, a rectifier and max-pooling, image by image while the sums
//! are in the cache. So are the gradients: those of pooled images are written down an image at a time.

use super::convolution::{convolution_geometry, in_form_of};
use super::{Convolution, Kind, as_images, product, result_shape};
use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::convolve::{Epilogue, Geometry, Planes, Pool, Winners};
use crate::op::{Op, Saved};
use crate::ops::pool::{MaxPool, put_back};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y = w ∗ x + bias, then max(y, 0), then the largest element of each window of y
///
/// With G = dy, but 0 where the ReLU gave 0, and 0 for the elements that are not the largest of their windows:
/// dx and dw are those of the convolution for G, and dbias = Σ G
#[derive(Debug)]
struct Layer<T: Float> {
    geometry: Geometry,
    x: Saved<T>,
    weight: Saved<T>,
    has_bias: bool,
    relu_output: Option<Saved<T>>,
    pooled: Option<(Pool, Winners)>,
}

impl<T: Float> Op<T> for Layer<T> {
    fn name(&self) -> &'static str {
        match (&self.relu_output, &self.pooled) {
            (None, _) => "conv",
            (Some(_), None) => "conv_relu",
            (Some(_), Some(_)) => "conv_relu_max_pool",
        }
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (mut grad, x, weight) = (ctx.grad(), ctx.get(&self.x), ctx.get(&self.weight));
        if let Some(y) = &self.relu_output {
            grad = grad.gate(&ctx.get(y));
        }
        let geometry = self.geometry;
        match &self.pooled {
            Some((pool, winners)) if !ctx.higher_order() => {
                let (grad, x, weight) = (grad.dense(), x.dense(), weight.dense());
                let [grads, x, weight] = Tensor::dense_slices([&grad, &x, &weight]);
                let y = Planes::Unpooled { grads, winners: winners.as_slice(), pool };
                let built = |kind, fill: &dyn Fn(&mut [T])| Tensor::build(result_shape(kind, &geometry), fill);
                ctx.propagate(0, || built(Kind::ToInput, &|out| geometry.to_input(y, weight, out)));
                ctx.propagate(1, || built(Kind::ToWeight, &|out| geometry.to_weight(x, y, out)));
            }
            pooled => {
                let whole = match pooled {
                    Some((pool, winners)) => put_back(&grad, pool, winners.as_slice()),
                    None => grad.clone(),
                };
                ctx.propagate(0, || product(Kind::ToInput, geometry, &whole, &weight));
                ctx.propagate(1, || product(Kind::ToWeight, geometry, &x, &whole));
            }
        }
        if self.has_bias {
            ctx.propagate(2, || grad.sum_dim([0, 2, 3], false));
        }
    }
}

/// What follows the sums of a convolution.
#[derive(Clone, Debug, Default)]
pub(super) struct Following {
    pub(super) relu: bool,
    /// Only after a rectifier, and not for [plain](Geometry::is_plain) geometries.
    pub(super) pool: Option<Pool>,
}

/// A convolution of images with a bias and what follows.
#[track_caller]
pub(super) fn layer<T: Float>(
    op: &str,
    geometry: Geometry,
    [x, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    following: Following,
) -> Tensor<T> {
    if let Some(bias) = bias.filter(|bias| bias.shape()[..] != [geometry.filters]) {
        shape_error(op, format_args!("the bias has shape {}, wanted [{}]", bias.shape(), geometry.filters));
    }
    let Following { relu, pool } = following;
    if bias.is_none() && !relu {
        return product(Kind::Convolution, geometry, x, weight);
    }
    let [rows, columns] = pool.as_ref().map_or(geometry.to, Pool::to);
    let shape = Shape::from([geometry.images, geometry.filters, rows, columns]);
    let (dense_x, dense_weight, dense_bias) = (x.dense(), weight.dense(), bias.map(Tensor::dense));
    let operands = Tensor::dense_slices([&dense_x, &dense_weight]);
    let bias_values = dense_bias.as_ref().map(|bias| bias.as_slice().expect("dense"));
    let mut winners = Winners::new(if pool.is_some() { shape.numel() } else { 0 });
    let epilogue = Epilogue { bias: bias_values, relu, pool };
    let y = Tensor::build_for(op, shape, |out| geometry.forward(operands, &epilogue, out, winners.as_mut_slice()));
    let pool = epilogue.pool;
    let operation = |y: &Tensor<T>| Layer {
        geometry,
        x: Saved::input(0, x),
        weight: Saved::input(1, weight),
        has_bias: bias.is_some(),
        relu_output: relu.then(|| Saved::output(y)),
        pooled: pool.map(|pool| (pool, winners)),
    };
    match bias {
        Some(bias) => y.record(&[x, weight, bias], operation),
        None => y.record(&[x, weight], operation),
    }
}

/// The windows of a pool that a convolution can be done together with: side by side, and few elements each.
fn disjoint(options: &MaxPool<2>, geometry: &Geometry) -> Option<Pool> {
    let window = options.kernel_size;
    let is_disjoint = options.stride.is_none_or(|stride| stride == window)
        && (options.padding, options.dilation, options.ceil_mode) == ([0; 2], [1; 2], false);
    let elements = window[0].saturating_mul(window[1]);
    let is_filled = (0..2).all(|dim| window[dim] <= geometry.to[dim]);
    let fits = (1..=Pool::MAX_WINDOW).contains(&elements) && is_filled && !geometry.is_plain();
    (is_disjoint && fits).then(|| Pool::new(window, geometry.to))
}

/// # Convolutions: a convolution with what follows it in a network, in one pass
impl<T: Float> Tensor<T> {
    /// `max(w ∗ x + bias, 0)`: [`conv2d`](Tensor::conv2d) and [`relu`](Tensor::relu) in one pass, with the same values.
    /// A NaN is passed on.        dx, dw, dbias = as of `conv2d`, with dy where y > 0, else 0
    ///
    /// The gradients are those of [`torch.nn.functional.conv2d`][conv2d] for the gradient behind the rectifier.
    ///
    /// [conv2d]: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
    ///
    /// ```
    /// use autograd::{Convolution, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, -2.0], [1, 1, 1, 2]);
    /// let y = x.conv2d_relu(&Tensor::ones([1, 1, 1, 1]), None, &Convolution::default());
    /// assert_eq!(y.to_vec(), [1.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// As [`conv2d`](Tensor::conv2d).
    #[inline(never)]
    #[track_caller]
    pub fn conv2d_relu(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>, options: &Convolution<2>) -> Tensor<T> {
        let (x, w) = (as_images::<T, 2>(self), as_images::<T, 2>(weight));
        let geometry = convolution_geometry("conv2d_relu", [self, weight], options);
        let following = Following { relu: true, pool: None };
        in_form_of::<T, 2>(self, layer("conv2d_relu", geometry, [&x, &w], bias, following))
    }

    /// The largest elements of the windows of `max(w ∗ x + bias, 0)`: [`conv2d`](Tensor::conv2d),
    /// [`relu`](Tensor::relu) and [`max_pool2d`](Tensor::max_pool2d) with the same values, in one pass where the
    /// windows lie side by side.        dx, dw, dbias = as of the three
    ///
    /// Only the pooled images are written, and saved for the gradient, with a byte for each window. The gradients are
    /// those of the three operations, of which the first is [`torch.nn.functional.conv2d`][conv2d].
    ///
    /// [conv2d]: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.conv2d.html
    ///
    /// ```
    /// use autograd::{Convolution, MaxPool, Tensor};
    /// let x = Tensor::arange(-8.0, 8.0, 1.0).reshape([1, 1, 4, 4]);
    /// let (weight, pool) = (Tensor::ones([1, 1, 1, 1]), MaxPool::new([2, 2]));
    /// let y = x.conv2d_relu_max_pool2d(&weight, None, &Convolution::default(), &pool);
    /// assert_eq!(y.to_vec(), [0.0, 0.0, 5.0, 7.0]);
    /// ```
    ///
    /// # Panics
    /// As [`conv2d`](Tensor::conv2d) and [`max_pool2d`](Tensor::max_pool2d).
    #[inline(never)]
    #[track_caller]
    pub fn conv2d_relu_max_pool2d(
        &self,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        options: &Convolution<2>,
        pool: &MaxPool<2>,
    ) -> Tensor<T> {
        let geometry = convolution_geometry("conv2d_relu_max_pool2d", [self, weight], options);
        let Some(windows) = disjoint(pool, &geometry) else {
            return self.conv2d_relu(weight, bias, options).max_pool2d(pool);
        };
        let (x, w) = (as_images::<T, 2>(self), as_images::<T, 2>(weight));
        let following = Following { relu: true, pool: Some(windows) };
        in_form_of::<T, 2>(self, layer("conv2d_relu_max_pool2d", geometry, [&x, &w], bias, following))
    }
}

instances!(conv2d_relu conv2d_relu_max_pool2d);

#[cfg(test)]
mod tests {
    use crate::{Convolution, MaxPool, Padding, Tensor, with_threads};

    fn padded() -> Convolution<2> {
        Convolution { padding: Padding::Zeros([1, 1]), ..Convolution::default() }
    }

    gradients!(
        conv2d_relu: |x, w, b| x.conv2d_relu(w, Some(b), &padded()),
        [1, 2, 3, 2], [2, 2, 2, 2], [2]; fixed
    );
    gradients!(conv2d_relu_without_bias: |x, w| x.conv2d_relu(w, None, &padded()), [2, 3, 2], [2, 2, 2, 2]; fixed);
    gradients!(
        conv2d_relu_max_pool2d: |x, w, b| x.conv2d_relu_max_pool2d(w, Some(b), &padded(), &MaxPool::new([2, 2])),
        [2, 1, 3, 4], [2, 1, 2, 2], [2]; fixed
    );
    gradients!(
        of_other_windows: |x, w| {
            let pool = MaxPool { stride: Some([1, 1]), ..MaxPool::new([2, 2]) };
            x.conv2d_relu_max_pool2d(w, None, &padded(), &pool)
        },
        [1, 1, 3, 3], [2, 1, 2, 2]; fixed
    );

    /// Values and gradients of both forms, for geometries of all kinds: strides, groups, points, windows that leave a
    /// rest, few images with many channels, and enough images for several tasks.
    #[test]
    fn the_values_and_gradients_are_those_of_the_operations_apart() {
        type Case = ([usize; 4], [usize; 4], Convolution<2>, [usize; 2]);
        let cases: [Case; 6] = [
            ([9, 1, 28, 28], [16, 1, 5, 5], Convolution { padding: Padding::Zeros([2, 2]), ..padded() }, [2, 2]),
            ([3, 16, 14, 14], [32, 16, 5, 5], Convolution { padding: Padding::Zeros([2, 2]), ..padded() }, [2, 2]),
            ([1, 32, 20, 21], [40, 32, 3, 3], padded(), [3, 2]),
            ([2, 4, 9, 40], [8, 2, 3, 3], Convolution { stride: [2, 1], groups: 2, ..padded() }, [1, 4]),
            ([2, 3, 6, 6], [5, 3, 1, 1], Convolution::default(), [2, 3]),
            ([2, 2, 4, 5], [2, 2, 2, 2], Convolution::default(), [3, 4]),
        ];
        for (input, weight, options, window) in cases {
            let x = Tensor::<f32>::randn(input, 1).requires_grad();
            let w = Tensor::<f32>::randn(weight, 2).requires_grad();
            let bias = Tensor::<f32>::randn([weight[0]], 3).requires_grad();
            let pool = MaxPool::new(window);
            let outcome = |y: Tensor<f32>| {
                let (values, seed) = (y.to_vec(), Tensor::randn(y.shape().clone(), 4));
                let gradients = y.backward_with(&seed);
                let all = [&x, &w, &bias].map(|leaf| gradients.get(leaf).unwrap().to_vec());
                (values, all)
            };
            let rectified = || x.conv2d(&w, Some(&bias), &options).relu();
            let near = |one: &(Vec<f32>, [Vec<f32>; 3]), other: &(Vec<f32>, [Vec<f32>; 3])| {
                assert_eq!(one.0, other.0, "{input:?}");
                // Sums of the bias' gradient are taken in another order.
                for (one, other) in one.1.iter().flatten().zip(other.1.iter().flatten()) {
                    assert!((one - other).abs() <= 1e-4 * (1.0 + other.abs()), "{input:?}: {one} for {other}");
                }
            };
            near(&outcome(x.conv2d_relu(&w, Some(&bias), &options)), &outcome(rectified()));
            let together = || outcome(x.conv2d_relu_max_pool2d(&w, Some(&bias), &options, &pool));
            let one = with_threads(1, together);
            near(&one, &outcome(rectified().max_pool2d(&pool)));
            assert!([2, 3, 4].into_iter().all(|threads| with_threads(threads, together) == one), "{input:?}");
        }
    }

    #[test]
    fn nan_ties_and_zeros_are_treated_as_apart() {
        let nan = f32::NAN;
        let image = vec![nan, 1.0, nan, 2.0, -1.0, -1.0, -3.0, 0.0, 5.0, 5.0, f32::INFINITY, 1.0, 5.0, 5.0, -0.0, 2.0];
        let x = Tensor::from_vec(image, [1, 1, 4, 4]).requires_grad();
        let (w, pool) = (Tensor::from_vec(vec![1.0, 0.0], [1, 1, 1, 2]), MaxPool::new([2, 1]));
        let together = x.conv2d_relu_max_pool2d(&w, None, &Convolution::default(), &pool);
        let apart = x.conv2d(&w, None, &Convolution::default()).relu().max_pool2d(&pool);
        let bits = |y: &Tensor<f32>| y.to_vec().iter().map(|y| y.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&together), bits(&apart));
        let of_x = |y: Tensor<f32>| y.sum().backward().get(&x).unwrap().to_vec();
        assert_eq!(of_x(together), of_x(apart));
    }

    #[test]
    fn no_images_are_pooled_to_none() {
        let (x, w) = (Tensor::<f32>::zeros([0, 2, 6, 6]), Tensor::ones([3, 2, 3, 3]).requires_grad());
        let y = x.conv2d_relu_max_pool2d(&w, None, &Convolution::default(), &MaxPool::new([2, 2]));
        assert_eq!(*y.shape(), [0, 3, 2, 2]);
        assert_eq!(y.sum().backward().get(&w).unwrap().to_vec(), [0.0; 54]);
    }

    #[test]
    #[should_panic(expected = "conv2d_relu: the bias has shape [2], wanted [3]")]
    fn the_bias_has_a_value_for_each_filter() {
        let (x, w) = (Tensor::<f32>::zeros([1, 1, 3, 3]), Tensor::zeros([3, 1, 2, 2]));
        x.conv2d_relu(&w, Some(&Tensor::zeros([2])), &Convolution::default());
    }
}
