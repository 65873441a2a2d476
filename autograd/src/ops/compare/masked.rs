//! Selection of elements by a mask.

use crate::error::shape_error;
use crate::float::Float;
use crate::graph::{Backward, broadcast};
use crate::indices::Indices;
use crate::kernels::select::{Side, select};
use crate::mask::Mask;
use crate::op::Op;
use crate::ops::binary::Operand;
use crate::ops::linear_map::LinearMap;
use crate::tensor::Tensor;

/// y = a where the mask is true, else b        dy/da = 1 where the mask is true, else 0; dy/db = 1 - dy/da
#[derive(Debug)]
struct Where {
    mask: Mask,
}

impl<T: Float> Op<T> for Where {
    fn name(&self) -> &'static str {
        "where"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || Part { mask: self.mask.clone(), is_kept: true }.of(&grad));
        ctx.propagate(1, || Part { mask: self.mask.clone(), is_kept: false }.of(&grad));
    }
}

/// y = x where the mask is `is_kept`, else 0        its own adjoint
#[derive(Clone, Debug)]
struct Part {
    mask: Mask,
    is_kept: bool,
}

impl<T: Float> LinearMap<T> for Part {
    const NAME: &'static str = "where";
    const ADJOINT: &'static str = "where";

    #[track_caller]
    fn map(&self, x: &Tensor<T>) -> Tensor<T> {
        let dense = x.dense();
        let (elements, zero) = (Side::Elements(dense.as_slice().expect("dense")), Side::Value(T::ZERO));
        let sides = if self.is_kept { [elements, zero] } else { [zero, elements] };
        Tensor::build(x.shape(), |out| select(self.mask.as_slice(), sides, out))
    }

    #[track_caller]
    fn adjoint(&self, y: &Tensor<T>) -> Tensor<T> {
        self.map(y)
    }
}

/// # Comparisons and masks: elements chosen by a mask
impl<T: Float> Tensor<T> {
    /// This tensor's elements where the mask is true, and those of `other`, a tensor or a number, where it is false.
    ///
    /// Like [`torch.where`](https://docs.pytorch.org/docs/stable/generated/torch.where.html); all three shapes are
    /// broadcast. The elements are selected, not multiplied: a NaN that is not selected influences neither the result
    /// nor a gradient. An element that is not selected gets the gradient 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![0.0_f32, 1.0, 2.0], [3]);
    /// let y = x.ln().where_(&x.gt(0.5), &Tensor::scalar(-7.0));
    /// assert_eq!(y.to_vec(), [-7.0, 0.0, 2_f32.ln()]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn where_(&self, mask: &Mask, other: impl Operand<T>) -> Tensor<T> {
        where_mask("where", mask, self, &other.into_tensor())
    }

    /// `value` where the mask is true, and this tensor's elements where it is false.
    ///
    /// Like
    /// [`torch.Tensor.masked_fill`](https://docs.pytorch.org/docs/stable/generated/torch.Tensor.masked_fill_.html); the
    /// shapes are broadcast. An element that is replaced gets the gradient 0.
    ///
    /// ```
    /// use autograd::{Mask, Tensor};
    /// let scores = Tensor::from_vec(vec![1.0, 2.0, 3.0], [3]);
    /// let is_padding = Mask::from([false, true, false]);
    /// let weights = scores.masked_fill(&is_padding, f32::NEG_INFINITY).softmax(-1);
    /// assert_eq!(weights.to_vec()[1], 0.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn masked_fill(&self, mask: &Mask, value: T) -> Tensor<T> {
        where_mask("masked_fill", mask, &Tensor::scalar(value), self)
    }

    /// The elements for which the mask is true, in row-major order, as a tensor of one dimension.
    ///
    /// Like [`torch.masked_select`](https://docs.pytorch.org/docs/stable/generated/torch.masked_select.html); the
    /// shapes are broadcast. The gradient of an element that is not selected is 0.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![3.0, -1.0, 2.0, -5.0], [2, 2]);
    /// assert_eq!(x.masked_select(&x.gt(0.0)).to_vec(), [3.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[inline(never)]
    #[track_caller]
    pub fn masked_select(&self, mask: &Mask) -> Tensor<T> {
        let Some(shape) = self.shape().broadcast(mask.shape()) else {
            let (own, other) = (self.shape(), mask.shape());
            shape_error(
                "masked_select",
                format_args!("the mask's shape {other} and the tensor's {own} do not broadcast"),
            );
        };
        let count = shape.numel_for("masked_select");
        let whole = broadcast::expand(self, &shape).expect("a shape stretches to what it was broadcast to");
        let mask = mask.broadcast_to("masked_select", &shape);
        let positions: Indices = (0..count).filter(|&position| mask.as_slice()[position]).collect();
        whole.reshape([count]).index_select(0, positions)
    }
}

impl Mask {
    /// 1 where the mask is true, and 0 where it is false: a constant.
    ///
    /// To select elements, use [`where_`](Tensor::where_) or [`masked_fill`](Tensor::masked_fill) instead of a product
    /// with this tensor, because 0 times infinity is NaN.
    ///
    /// ```
    /// use autograd::{Mask, Tensor};
    /// let ones: Tensor = Mask::from([true, false]).to_tensor();
    /// assert_eq!(ones.to_vec(), [1.0, 0.0]);
    /// ```
    #[inline(never)]
    #[track_caller]
    pub fn to_tensor<T: Float>(&self) -> Tensor<T> {
        Tensor::build(self.shape().clone(), |out| {
            for (out, &is) in out.iter_mut().zip(self.as_slice()) {
                *out = if is { T::ONE } else { T::ZERO };
            }
        })
    }
}

#[inline(never)]
#[track_caller]
fn where_mask<T: Float>(op: &str, mask: &Mask, a: &Tensor<T>, b: &Tensor<T>) -> Tensor<T> {
    let Some(shape) = a.shape().broadcast(b.shape()).and_then(|shape| shape.broadcast(mask.shape())) else {
        let (mask, a, b) = (mask.shape(), a.shape(), b.shape());
        shape_error(op, format_args!("the mask's shape {mask} and the tensors' {a} and {b} do not broadcast"));
    };
    shape.numel_for(op);
    let mask = mask.broadcast_to(op, &shape);
    // Operands of one element stay one; others are copied if they do not lie as the output.
    let dense = |x: &Tensor<T>| match x.numel() {
        1 => x.dense(),
        _ => broadcast::expand(&x.detach(), &shape).expect("broadcast to this shape").dense(),
    };
    let (first, second) = (dense(a), dense(b));
    let sides = [side_of(&first), side_of(&second)];
    Tensor::build_for(op, shape, |out| select(mask.as_slice(), sides, out)).record(&[a, b], |_| Where { mask })
}

fn side_of<T: Float>(x: &Tensor<T>) -> Side<'_, T> {
    match x.as_slice().expect("dense") {
        [value] => Side::Value(*value),
        elements => Side::Elements(elements),
    }
}

instances!(masked_fill masked_select);
instances!(|x| x.where_(&x.eq(x), x));

#[cfg(test)]
mod tests {
    use crate::{Mask, Tensor};

    gradients!(where_elements: |a, b| a.where_(&a.gt(b), b), [3, 4], [3, 4]);
    gradients!(where_broadcast: |a, b| (a * a).where_(&b.gt(0.0), &(b * b)), [3, 1], [4]);
    gradients!(where_number: |a| (a * a).where_(&a.lt(0.5), 2.0), [3, 4]);
    gradients!(masked_fill: |x| (x * x).masked_fill(&x.gt(0.0), 3.0), [3, 4]);
    gradients!(masked_fill_stretches: |x| (x * x).masked_fill(&Mask::new(vec![true, false], [2, 1, 1]), 3.0), [3, 4]);
    gradients!(masked_select: |x| (x * x).masked_select(&x.gt(0.0)), [3, 4]);
    gradients!(masked_select_stretches: |x| (x * x).masked_select(&Mask::new(vec![true, false], [2, 1, 1])), [3, 4]);
    gradients!(to_tensor: |x| x.where_(&x.gt(0.0), &x.gt(0.5).to_tensor()), [3, 4]);

    #[test]
    fn what_is_not_chosen_reaches_neither_values_nor_gradients() {
        let mask = Mask::from([true, true, false, false]);
        for bad in [f32::NAN, f32::INFINITY] {
            let a = Tensor::from_vec(vec![1.0, 2.0, bad, bad], [4]).requires_grad();
            let b = Tensor::from_vec(vec![bad, bad, 3.0, 4.0], [4]).requires_grad();
            let y = a.where_(&mask, &b);
            assert_eq!(y.to_vec(), [1.0, 2.0, 3.0, 4.0]);
            let gradients = (&y * &y).sum().backward();
            assert_eq!(gradients.get(&a).unwrap().to_vec(), [2.0, 4.0, 0.0, 0.0]);
            assert_eq!(gradients.get(&b).unwrap().to_vec(), [0.0, 0.0, 6.0, 8.0]);
            let filled = a.masked_fill(&!&mask, 0.0);
            assert_eq!(filled.to_vec(), [1.0, 2.0, 0.0, 0.0]);
            let seed = Tensor::from_vec(vec![1.0, 1.0, bad, bad], [4]);
            assert_eq!(filled.backward_with(&seed).get(&a).unwrap().to_vec(), [1.0, 1.0, 0.0, 0.0]);
        }
    }

    #[test]
    #[should_panic(expected = "where: the mask's shape [2] and the tensors' [3] and [] do not broadcast")]
    fn where_names_shapes_that_do_not_broadcast() {
        let _ = Tensor::<f32>::zeros([3]).where_(&Mask::from([true, false]), 0.0);
    }

    #[test]
    #[should_panic(expected = "masked_select: the mask's shape [2] and the tensor's [3] do not broadcast")]
    fn masked_select_names_shapes_that_do_not_broadcast() {
        let _ = Tensor::<f32>::zeros([3]).masked_select(&Mask::from([true, false]));
    }
}
