//! Elements chosen by index: `gather`, `index_select`, and their gradients, which add to the chosen places.

use crate::error::{dimension, mistake};
use crate::float::Float;
use crate::graph::Backward;
use crate::indices::Indices;
use crate::kernels::bytes::choose;
use crate::kernels::rowwise::around;
use crate::kernels::scatter_add::ScatterAdd;
use crate::op::Op;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// y[.., j, ..] = x[.., index[.., j, ..], ..]        dy/dx: each gradient is added where its element came from
#[derive(Clone, Debug)]
struct Gather {
    dim: usize,
    index: Indices,
    from: Shape,
}

impl<T: Float> Op<T> for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || scattered(&grad, self.dim, &self.index, &self.from));
    }
}

/// The gradient of a gather; its own gradient is the gather again.
#[derive(Debug)]
struct Scatter(Gather);

impl<T: Float> Op<T> for Scatter {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || gathered(&grad, self.0.dim, &self.0.index));
    }
}

/// Calls `visit(place in the index, place in the whole)` for each element of the index, which is no larger than the whole in any dimension but `dim`.
fn pairs(whole: &[usize], dim: usize, index: &Indices, mut visit: impl FnMut(usize, usize)) {
    let strides = crate::layout::row_major(whole);
    let extents = index.shape();
    for (place, &chosen) in index.as_slice().iter().enumerate() {
        let (mut rest, mut position) = (place, 0);
        for axis in (0..whole.len()).rev() {
            let coordinate = if axis == dim { chosen as usize } else { rest % extents[axis] };
            rest /= extents[axis];
            position += coordinate * strides[axis] as usize;
        }
        visit(place, position);
    }
}

/// `gather` of an index that is known to be right.
#[track_caller]
pub(crate) fn gathered<T: Float>(x: &Tensor<T>, dim: usize, index: &Indices) -> Tensor<T> {
    let dense = x.dense();
    let numbers = dense.as_slice().expect("dense");
    Tensor::build_for("gather", index.shape().clone(), |out| {
        pairs(x.shape(), dim, index, |place, position| out[place] = numbers[position])
    })
    .record(&[x], |_| Gather { dim, index: index.clone(), from: x.shape().clone() })
}

/// Zeros of the shape `from`, with each element of `x` added where `gathered` would take it from.
pub(crate) fn scattered<T: Float>(x: &Tensor<T>, dim: usize, index: &Indices, from: &Shape) -> Tensor<T> {
    let dense = x.dense();
    let numbers = dense.as_slice().expect("dense");
    let mut positions = vec![0; index.numel()];
    pairs(from, dim, index, |place, position| positions[place] = position as i64);
    // An element can be chosen once for each index along the dimension.
    let most = index.shape().get(dim).copied().unwrap_or(1);
    Tensor::build(from.clone(), |out| {
        out.fill(T::ZERO);
        ScatterAdd::new(&positions, out.len(), most).run(numbers, 1, out);
    })
    .record(&[x], |_| Scatter(Gather { dim, index: index.clone(), from: from.clone() }))
}

/// y = whole slices of x along `dim`, in the order of the index        dy/dx: each slice's gradient is added where it came from
#[derive(Clone, Debug)]
struct Select {
    dim: usize,
    index: Indices,
    from: Shape,
}

impl<T: Float> Op<T> for Select {
    fn name(&self) -> &'static str {
        "index_select"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || self.add(&grad));
    }
}

/// The gradient of a selection; its own gradient is the selection again.
#[derive(Debug)]
struct Deselect(Select);

impl<T: Float> Op<T> for Deselect {
    fn name(&self) -> &'static str {
        "index_add"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let grad = ctx.grad();
        ctx.propagate(0, || self.0.clone().take(&grad));
    }
}

impl Select {
    #[track_caller]
    fn take<T: Float>(self, x: &Tensor<T>) -> Tensor<T> {
        let mut shape = x.shape().clone();
        shape.set(self.dim, self.index.numel());
        shape.numel_for("index_select");
        let dense = x.dense();
        let numbers = dense.as_slice().expect("dense");
        let [_, count, inner] = around(x.shape(), self.dim);
        let index = self.index.as_slice();
        let slice = |place: usize| {
            let source = place / index.len() * count + *index.get(place % index.len())? as usize;
            numbers.get(source * inner..)?.get(..inner)
        };
        Tensor::build_for("index_select", shape, |out| choose(slice, inner, out, |number| number))
            .record(&[x], |_| self)
    }

    fn add<T: Float>(&self, x: &Tensor<T>) -> Tensor<T> {
        let dense = x.dense();
        let numbers = dense.as_slice().expect("dense");
        let [outer, count, inner] = around(&self.from, self.dim);
        Tensor::build(self.from.clone(), |out| {
            out.fill(T::ZERO);
            let index = self.index.as_slice();
            let chosen = ScatterAdd::new(index, count, index.len());
            for row in 0..outer {
                let slices = &numbers[row * index.len() * inner..][..index.len() * inner];
                chosen.run(slices, inner, &mut out[row * count * inner..][..count * inner]);
            }
        })
        .record(&[x], |_| Deselect(self.clone()))
    }
}

#[track_caller]
fn check_bounds(op: &str, index: &Indices, dim: usize, shape: &Shape) {
    let extent = shape[dim] as i64;
    if let Some(wrong) = index.as_slice().iter().find(|&&chosen| chosen < 0 || chosen >= extent) {
        mistake(op, format_args!("index {wrong} is not in dimension {dim} of shape {shape}"));
    }
}

impl<T: Float> Tensor<T> {
    /// One element for each of the index's, taken along `dim`: for a matrix and `dim` 1, `y[i][j] = x[i][index[i][j]]`.
    ///
    /// As [`torch.gather`](https://docs.pytorch.org/docs/stable/generated/torch.gather.html). An element that is taken several times gets the sum of the gradients.
    ///
    /// ```
    /// use autograd::{Indices, Tensor};
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// let index = Indices::new(vec![1, 0], [2, 1]);
    /// assert_eq!(x.gather(1, &index).to_vec(), [2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the index has another number of dimensions, is larger than the tensor in a dimension other than `dim`, or an index is out of bounds.
    #[track_caller]
    pub fn gather(&self, dim: isize, index: &Indices) -> Tensor<T> {
        let axis = dimension("gather", dim, self.rank());
        let (own, other) = (self.shape(), index.shape());
        if own.rank() == 0 || other.rank() != own.rank() {
            mistake("gather", format_args!("the index has shape {other}, the tensor {own}: not as many dimensions"));
        }
        if let Some(wrong) = (0..own.rank()).find(|&dim| dim != axis && other[dim] > own[dim]) {
            mistake(
                "gather",
                format_args!("the index has shape {other}, the tensor {own}: dimension {wrong} is larger"),
            );
        }
        check_bounds("gather", index, axis, own);
        gathered(self, axis, index)
    }

    /// The slices along `dim` that the index names, in its order: rows of a matrix for `dim` 0.
    ///
    /// As [`torch.index_select`](https://docs.pytorch.org/docs/stable/generated/torch.index_select.html).
    ///
    /// ```
    /// use autograd::Tensor;
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0], [2, 2]);
    /// assert_eq!(x.index_select(0, [1, 1, 0]).to_vec(), [3.0, 4.0, 3.0, 4.0, 1.0, 2.0]);
    /// ```
    ///
    /// # Panics
    /// If there is no such dimension, the index is not one-dimensional, or an index is out of bounds.
    #[track_caller]
    pub fn index_select(&self, dim: isize, index: impl Into<Indices>) -> Tensor<T> {
        let index = index.into();
        let axis = dimension("index_select", dim, self.rank());
        if self.rank() == 0 || index.shape().rank() != 1 {
            let (own, other) = (self.shape(), index.shape());
            mistake(
                "index_select",
                format_args!("wants an index of one dimension into a tensor of at least one, not {other} into {own}"),
            );
        }
        check_bounds("index_select", &index, axis, self.shape());
        Select { dim: axis, index, from: self.shape().clone() }.take(self)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Order, grad_with};
    use crate::{Indices, Tensor};

    gradients!(gather: |x| x.gather(1, &Indices::new(vec![0, 0, 2, 3, 1, 1], [3, 2])).powf(2.0), [3, 4]; fixed);
    gradients!(gather_from_part: |x| x.gather(0, &Indices::new(vec![2, 0, 2, 1], [2, 2])).powf(2.0), [3, 4]; fixed);
    gradients!(index_select: |x| x.index_select(1, [3, 0, 3]).powf(2.0), [3, 4]; fixed);
    gradients!(index_select_in_the_middle: |x| x.index_select(1, [1, 1]).powf(2.0), [2, 3, 2]; fixed);

    #[test]
    #[should_panic(expected = "index_select: index 3 is not in dimension 0 of shape [3, 4]")]
    fn an_index_lies_in_its_dimension() {
        Tensor::<f32>::zeros([3, 4]).index_select(0, [0, 3]);
    }

    #[test]
    #[should_panic(expected = "gather: the index has shape [4, 1], the tensor [3, 4]: dimension 0 is larger")]
    fn an_index_fits_its_tensor() {
        Tensor::<f32>::zeros([3, 4]).gather(1, &Indices::new(vec![0; 4], [4, 1]));
    }

    /// Of gradients in both orders: 2²⁰ of 0.1 in one slot, where a sum term by term is wrong by a percent.
    #[test]
    fn the_gradients_of_what_is_chosen_often_are_accurate() {
        let count = 1 << 20;
        let index = Indices::new(vec![1_i64; count], [count]);
        for order in [Order::First, Order::Higher] {
            let select = |x: &Tensor, index: &Indices| x.index_select(0, index.clone());
            for take in [select, |x: &Tensor, index: &Indices| x.gather(0, index)] {
                let x = Tensor::from_vec(vec![1.0_f32, 2.0], [2]).requires_grad();
                let gradient = grad_with(&take(&x, &index), &[&x], &Tensor::full([count], 0.1), order)[0].to_vec();
                let exact = f64::from(0.1_f32) * count as f64;
                assert!(gradient[0] == 0.0 && (f64::from(gradient[1]) / exact - 1.0).abs() < 5e-6, "{gradient:?}");
            }
        }
    }
}
