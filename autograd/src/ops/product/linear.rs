//! A fully connected layer as one operation: matrix product, bias and ReLU in a single pass over the output.

use ndarray::ArrayViewMut2;

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::gemm::{Epilogue, gemm};
use crate::kernels::map_and_sum::map_and_sum;
use crate::kernels::skip_zeros::gemm_skipping_zeros;
use crate::op::{Op, Saved};
use crate::ops::pointwise::Activation;
use crate::ops::product::matmul::{as_matrix, matmul_of_data};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Y = X Wᵀ + b, or max(X Wᵀ + b, 0)
///
/// With G = dY, but 0 where the ReLU gave 0:        dX = G W, dW = Gᵀ X, db = the sum of G's rows
#[derive(Debug)]
struct Linear<T: Float> {
    x: Saved<T>,
    weight: Saved<T>,
    has_bias: bool,
    relu_output: Option<Saved<T>>,
}

impl<T: Float> Op<T> for Linear<T> {
    fn name(&self) -> &'static str {
        if self.relu_output.is_some() { "linear_relu" } else { "linear" }
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let (mut grad, mut sum) = (ctx.grad(), None);
        if let Some(y) = &self.relu_output {
            let y = ctx.get(y);
            if self.has_bias && ctx.needs(2) && !ctx.higher_order() {
                let (masked, its_sum) = relu_backward_and_sum(&grad.dense(), &y);
                (grad, sum) = (masked, Some(its_sum));
            } else {
                grad = grad.gate(&y);
            }
        }
        let (x, weight) = (ctx.get(&self.x), ctx.get(&self.weight));
        ctx.propagate(0, || grad.matmul(&weight));
        // Where x needs no gradient it is data, or was computed only from data.
        let is_data = !ctx.needs(0);
        let dweight = || if is_data { matmul_of_data(&grad.t(), &x) } else { grad.t().matmul(&x) };
        ctx.propagate_into(1, |sum| !is_data && adds_product(sum, &grad.t(), &x), dweight);
        if self.has_bias {
            ctx.propagate(2, || sum.unwrap_or_else(|| grad.sum_dim(0, false)));
        }
    }
}

/// Adds a product of matrices to `sum`, if nobody else holds its buffer. So the gradient of a weight that is used in
/// each step of a recurrent network is not written anew, and then added, for each step.
fn adds_product<T: Float>(sum: &mut Tensor<T>, a: &Tensor<T>, b: &Tensor<T>) -> bool {
    let extents = (sum.shape()[0], sum.shape()[1]);
    let Some(values) = sum.as_mut_slice() else { return false };
    let sum = ArrayViewMut2::from_shape(extents, values).expect("as long as the matrix");
    gemm(as_matrix(a), as_matrix(b), sum, Epilogue::Add);
    true
}

/// The gradient where the rectifier was open, and the sum of its rows, in one pass with the values of two.
#[track_caller]
fn relu_backward_and_sum<T: Float>(grad: &Tensor<T>, y: &Tensor<T>) -> (Tensor<T>, Tensor<T>) {
    let operands = Tensor::dense_slices([grad, y]);
    let mut sum = Tensor::build([y.shape()[1]], |sum| sum.fill(T::ZERO));
    let sums = sum.as_mut_slice().expect("just built");
    let fill = |out: &mut [T]| map_and_sum(operands, out, sums, |grad, y| grad.gate(y));
    (Tensor::build_named("relu_backward", y.shape().clone(), fill), sum)
}

#[track_caller]
fn linear<T: Float>(op: &str, x: &Tensor<T>, weight: &Tensor<T>, bias: Option<&Tensor<T>>, relu: bool) -> Tensor<T> {
    let (own, other) = (x.shape(), weight.shape());
    if own.rank() == 0 || other.rank() != 2 || own[own.rank() - 1] != other[1] {
        shape_error(op, format_args!("the input has shape {own}, the weight {other}: wanted [..., in] and [out, in]"));
    }
    let outputs = other[0];
    if let Some(bias) = bias.filter(|bias| bias.shape()[..] != [outputs]) {
        shape_error(op, format_args!("the bias has shape {}, the weight {other}: wanted [{outputs}]", bias.shape()));
    }
    if own.rank() != 2 {
        let leading: Shape = own[..own.rank() - 1].iter().copied().chain([outputs]).collect();
        let rows = Shape::from([own[..own.rank() - 1].iter().product(), other[1]]);
        return linear(op, &x.reshape(rows), weight, bias, relu).reshape(leading);
    }
    let dense_bias = bias.map(Tensor::dense);
    let epilogue = match (dense_bias.as_ref().and_then(Tensor::as_slice), relu) {
        (None, false) => Epilogue::Store,
        (None, true) => Epilogue::Relu,
        (Some(bias), false) => Epilogue::Bias(bias),
        (Some(bias), true) => Epilogue::BiasRelu(bias),
    };
    let (left, right, rows) = (as_matrix(x), as_matrix(weight), own[0]);
    let y = Tensor::build_for(op, Shape::from([rows, outputs]), |out| {
        let out = ArrayViewMut2::from_shape((rows, outputs), out).expect("as long as the product");
        // An untracked input is data or was computed only from data. Data often has zeros at the same position in many
        // rows, so a product that skips zeros is used.
        let multiply = if x.is_tracked() { gemm } else { gemm_skipping_zeros };
        multiply(left, right.reversed_axes(), out, epilogue);
    });
    let operation = |y: &Tensor<T>| Linear {
        x: Saved::input(0, x),
        weight: Saved::input(1, weight),
        has_bias: bias.is_some(),
        relu_output: relu.then(|| Saved::output(y)),
    };
    match bias {
        Some(bias) => y.record(&[x, weight, bias], operation),
        None => y.record(&[x, weight], operation),
    }
}

/// # Products of matrices: a fully connected layer in a single pass over the output
impl<T: Float> Tensor<T> {
    /// `x Wᵀ + b` for rows `[..., in]`, a weight `[out, in]` and a bias `[out]`: shape `[..., out]`.
    ///    dx = dy W, dW = dyᵀ x, db = Σ dy
    ///
    /// Like
    /// [`torch.nn.functional.linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.linear.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [1, 2]);
    /// let weight = Tensor::from_vec(vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0], [3, 2]);
    /// let bias = Tensor::from_vec(vec![0.0, 0.0, -5.0], [3]);
    /// assert_eq!(x.linear(&weight, Some(&bias)).to_vec(), [1.0, 2.0, -2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[inline(never)]
    #[track_caller]
    pub fn linear(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>) -> Tensor<T> {
        linear("linear", self, weight, bias, false)
    }

    /// `max(x Wᵀ + b, 0)`: [`linear`](Tensor::linear) and [`relu`](Tensor::relu) in one pass, with the same numbers. A
    /// NaN is passed on.        dx = as of `linear`, with dy where y > 0, else 0
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[inline(never)]
    #[track_caller]
    pub fn linear_relu(&self, weight: &Tensor<T>, bias: Option<&Tensor<T>>) -> Tensor<T> {
        linear("linear_relu", self, weight, bias, true)
    }
}

instances!(linear linear_relu);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    gradients!(linear: |x, w, b| x.linear(w, Some(b)), [3, 4], [5, 4], [5]);

    /// A weight of several steps has the sum of the gradients that a weight of its own would have in each.
    #[test]
    fn gradients_of_a_weight_in_many_steps_add_up() {
        let [x, first] = [3, 4].map(|rows| Tensor::<f64>::randn([rows, 4], rows as u64).requires_grad());
        let steps = |weights: [&Tensor<f64>; 3]| weights.iter().fold(x.clone(), |x, w| x.linear(w, None).tanh()).sum();
        let shared = steps([&first, &first, &first]).backward();
        let own = [(); 3].map(|()| first.detach().requires_grad());
        let apart = steps(own.each_ref()).backward();
        let sum = own.iter().map(|weight| apart.get(weight).unwrap().clone()).reduce(|a, b| a + b).unwrap();
        assert!((shared.get(&first).unwrap() - sum).abs().max().item() < 1e-14);
    }
    gradients!(without_bias: |x, w| x.linear(w, None), [3, 4], [5, 4]);
    gradients!(of_a_vector: |x, w, b| x.linear(w, Some(b)), [4], [5, 4], [5]);
    gradients!(of_a_stack: |x, w, b| x.linear(w, Some(b)), [2, 3, 4], [5, 4], [5]);
    gradients!(linear_relu: |x, w, b| x.linear_relu(w, Some(b)), [3, 4], [5, 4], [5]);
    gradients!(linear_relu_without_bias: |x, w| x.linear_relu(w, None), [3, 4], [5, 4]);

    #[test]
    fn linear_relu_gives_the_same_values_as_linear_and_relu() {
        let x = Tensor::<f32>::randn([7, 30], 0).requires_grad();
        let weight = Tensor::<f32>::randn([9, 30], 1).requires_grad();
        let bias = Tensor::<f32>::randn([9], 2).requires_grad();
        let (inside, outside) = (x.linear_relu(&weight, Some(&bias)), x.linear(&weight, Some(&bias)).relu());
        assert_eq!(inside.to_vec(), outside.to_vec());
        let seed = Tensor::randn([7, 9], 3);
        let (inside, outside) = (inside.backward_with(&seed), outside.backward_with(&seed));
        for leaf in [&x, &weight, &bias] {
            assert_eq!(inside.get(leaf).unwrap().to_vec(), outside.get(leaf).unwrap().to_vec());
        }
    }

    #[test]
    fn linear_relu_keeps_nan() {
        let x = Tensor::from_vec(vec![f32::NAN, 1.0], [2, 1]);
        let y = x.linear_relu(&Tensor::from_vec(vec![-1.0], [1, 1]), None).to_vec();
        assert!(y[0].is_nan() && y[1] == 0.0);
    }

    #[test]
    #[should_panic(expected = "linear: the input has shape [3, 4], the weight [4, 5]: wanted [..., in] and [out, in]")]
    fn the_weight_is_out_by_in() {
        Tensor::<f32>::zeros([3, 4]).linear(&Tensor::zeros([4, 5]), None);
    }
}
