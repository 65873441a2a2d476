//! Attention as one operation.

use super::{Attention, gradients};
use crate::float::Float;
use crate::graph::Backward;
use crate::kernels::attention::{self, Dropout, Known, OutputStack};
use crate::layout::Layout;
use crate::op::{Op, Saved};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Y = softmax(scale · Q Kᵀ + mask) V
///
/// With P the weights, G = dY and Δ = Σ G Y of each row:
///    dV = Pᵀ G, dS = P (G Vᵀ - Δ), dQ = scale · dS K, dK = scale · dSᵀ Q
#[derive(Debug)]
struct FusedAttention<T: Float> {
    /// Queries, keys and values.
    operands: [Saved<T>; 3],
    result: Saved<T>,
    /// The logarithm of the sum of each row's exponentials.
    log_sums: Saved<T>,
    /// The shape of the scores.
    scores: Shape,
    options: Attention<T>,
}

impl<T: Float> Op<T> for FusedAttention<T> {
    fn name(&self) -> &'static str {
        "scaled_dot_product_attention"
    }

    fn backward(&self, ctx: &mut Backward<'_, T>) {
        let [query, key, value] = &self.operands;
        let operands = [ctx.get(query), ctx.get(key), ctx.get(value)];
        let (grad, result, log_sums) = (ctx.grad(), ctx.get(&self.result), ctx.get(&self.log_sums));
        let gradients = if ctx.higher_order() {
            gradients(operands.each_ref(), &self.options, &grad)
        } else if [0, 1, 2].iter().any(|&input| ctx.needs(input)) {
            let operands = Operands::new(operands.each_ref(), &self.scores, &self.options);
            operands.gradients(&result, &grad, log_sums.as_slice().expect("made dense"))
        } else {
            return;
        };
        for (input, gradient) in gradients.into_iter().enumerate() {
            ctx.propagate(input, || gradient);
        }
    }
}

/// The attention of queries, keys and values whose shapes have been checked, with scores of a shape without zeros.
#[track_caller]
pub(super) fn attention<T: Float>(
    op: &str,
    inputs: [&Tensor<T>; 3],
    scores: &Shape,
    options: &Attention<T>,
) -> Tensor<T> {
    let operands = Operands::new(inputs, scores, options);
    let columns = inputs[2].size(-1);
    let (result, log_sums) = operands.result(op, columns);
    result.record(&inputs, |result| FusedAttention {
        operands: [Saved::input(0, inputs[0]), Saved::input(1, inputs[1]), Saved::input(2, inputs[2])],
        result: Saved::output(result),
        log_sums: Saved::aside(&log_sums),
        scores: scores.clone(),
        options: options.clone(),
    })
}

/// What the kernels read, with all stacks stretched to one.
struct Operands<'a, T: Float> {
    inputs: [Tensor<T>; 3],
    mask: Option<Tensor<T>>,
    options: &'a Attention<T>,
    scores: &'a Shape,
}

impl<'a, T: Float> Operands<'a, T> {
    #[track_caller]
    fn new(inputs: [&Tensor<T>; 3], scores: &'a Shape, options: &'a Attention<T>) -> Self {
        let whole = |input: &Tensor<T>| stretched(&with_adjacent_columns(input), &stacked(scores, last_two(input)));
        let inputs = [whole(inputs[0]), whole(inputs[1]), whole(inputs[2])];
        let mask = options.attn_mask.as_ref().map(|mask| stretched(mask, scores));
        Operands { inputs, mask, options, scores }
    }

    fn kernel(&self) -> attention::Attention<'_, T> {
        kernel(&self.inputs, self.mask.as_ref(), self.options)
    }

    /// The result, `[..., L, columns]`, and the logarithms of the sums.
    #[track_caller]
    fn result(&self, op: &str, columns: usize) -> (Tensor<T>, Tensor<T>) {
        let rank = self.scores.rank();
        let shape = stacked(self.scores, [self.scores[rank - 2], columns]);
        let order = MemoryOrder::of(&self.inputs[0].layout, &shape);
        let sums = Shape::from(&self.scores[..rank - 1]);
        let (result, log_sums) = with_log_sums(op, &sums, &order.memory, |out, log_sums| {
            attention::forward(&self.kernel(), &OutputStack::new(out, &order.layout), log_sums);
        });
        (result.with_layout(order.layout), log_sums)
    }

    /// The gradients of the stretched operands.
    #[track_caller]
    fn gradients(&self, result: &Tensor<T>, grad: &Tensor<T>, log_sums: &[T]) -> [Tensor<T>; 3] {
        let (result, grad) = (with_adjacent_columns(result), with_adjacent_columns(grad));
        let known = Known { result: result.as_stack(), gradient: grad.as_stack(), log_sums };
        let order = |index: usize| MemoryOrder::of(&self.inputs[index].layout, self.inputs[index].shape());
        let (q, k, v) = (order(0), order(1), order(2));
        let unwritten = |order: &MemoryOrder| Tensor::build(&order.memory, |_| {});
        let (mut to_query, mut to_key) = (unwritten(&q), unwritten(&k));
        let to_value = Tensor::build_named("attention_backward", v.memory.clone(), |to_value| {
            fn stack<'t, T: Float>(tensor: &'t mut Tensor<T>, order: &'t MemoryOrder) -> OutputStack<'t, T> {
                OutputStack::new(tensor.as_mut_slice().expect("just built"), &order.layout)
            }
            let outputs = [stack(&mut to_query, &q), stack(&mut to_key, &k), OutputStack::new(to_value, &v.layout)];
            attention::backward(&self.kernel(), &known, &outputs);
        });
        [to_query.with_layout(q.layout), to_key.with_layout(k.layout), to_value.with_layout(v.layout)]
    }
}

/// Builds a result, in the order of memory, and the logarithms of sums in one go.
#[track_caller]
pub(super) fn with_log_sums<T: Float>(
    op: &str,
    sums: &Shape,
    memory: &Shape,
    compute: impl FnOnce(&mut [T], &mut [T]),
) -> (Tensor<T>, Tensor<T>) {
    let mut log_sums = Tensor::build_for(op, sums.clone(), |_| {});
    let result = Tensor::build_for(op, memory.clone(), |out| {
        compute(out, log_sums.as_mut_slice().expect("just built"));
    });
    (result, log_sums)
}

/// What the kernels are given: operands whose stacks are equal.
pub(super) fn kernel<'t, T: Float>(
    inputs: &'t [Tensor<T>; 3],
    mask: Option<&'t Tensor<T>>,
    options: &Attention<T>,
) -> attention::Attention<'t, T> {
    attention::Attention {
        query: inputs[0].as_stack(),
        key: inputs[1].as_stack(),
        value: inputs[2].as_stack(),
        mask: mask.map(Tensor::as_stack),
        is_causal: options.is_causal,
        scale: options.scale_of(inputs[0].size(-1)),
        dropout: options.dropout.as_ref().map(|(p, random)| Dropout { random: random.clone(), p: *p }),
    }
}

fn last_two<T: Float>(tensor: &Tensor<T>) -> [usize; 2] {
    [tensor.size(-2), tensor.size(-1)]
}

/// The scores' shape, but with other matrices.
fn stacked(scores: &Shape, matrix: [usize; 2]) -> Shape {
    scores[..scores.rank() - 2].iter().copied().chain(matrix).collect()
}

/// The tensor stretched to a shape, as a constant.
pub(super) fn stretched<T: Float>(tensor: &Tensor<T>, shape: &Shape) -> Tensor<T> {
    tensor.with_layout(tensor.layout.expand(shape).expect("checked: it broadcasts"))
}

/// The tensor as a constant whose columns are adjacent, copied only if they are not.
#[track_caller]
fn with_adjacent_columns<T: Float>(tensor: &Tensor<T>) -> Tensor<T> {
    if tensor.strides()[tensor.rank() - 1] == 1 || tensor.size(-1) == 1 { tensor.detach() } else { tensor.dense() }
}

/// In which order of dimensions a new tensor is stored.
struct MemoryOrder {
    /// The extents in memory.
    memory: Shape,
    /// The wanted shape, as it is stored there.
    layout: Layout,
}

impl MemoryOrder {
    /// The order for a shape: that of `model`, if its matrices are rows of an array in which the dimension before them,
    /// the heads, comes after the rows. Nothing needs to be copied then when the heads are put side by side.
    fn of(model: &Layout, shape: &Shape) -> Self {
        let rank = shape.rank();
        if rank >= 3 {
            let strides = &model.strides;
            let (heads, rows) = (strides[rank - 3].unsigned_abs(), strides[rank - 2].unsigned_abs());
            if 0 < heads && heads < rows && shape[rank - 3] > 1 {
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(rank - 3, rank - 2);
                let memory: Shape = order.iter().map(|&dim| shape[dim]).collect();
                let layout = Layout::contiguous(memory.clone()).permute(&order);
                return MemoryOrder { memory, layout };
            }
        }
        MemoryOrder { memory: shape.clone(), layout: Layout::contiguous(shape.clone()) }
    }
}
