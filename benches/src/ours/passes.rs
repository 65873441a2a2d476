//! The tasks that pass over tensors: elementwise operations, reductions, normalizations, pools, sorts.

use autograd::{AvgPool, Indices, MaxPool, Tensor, no_grad, with_threads};

use super::element;
use crate::benchmark::{Work, last_of};
use crate::problem::{MULTIPLIERS, operand};
use crate::task::{Elementwise, GRADIENT, PLANE};

/// The inputs of a task, of which gradients are asked for, and the function of them.
type Prepared = (Vec<Tensor>, Box<dyn Fn(&[Tensor]) -> Tensor + Send + Sync>);

/// The task, repeated: its result is compared by its last element, or by its mean where it is random.
pub(super) fn work(operation: Elementwise, threads: usize) -> Option<Work> {
    let forward = operation.name.strip_suffix(GRADIENT);
    let name = forward.unwrap_or(operation.name);
    let (inputs, function) = prepared(name, operation.shape)?;
    let is_random = name == "dropout";
    let check = move |result: &Tensor| if is_random { element(&result.mean()) } else { element(result) };
    let seed = operand_of(no_grad(|| function(&inputs)).shape(), 1);
    let inputs: Vec<Tensor> =
        inputs.into_iter().map(|x| if forward.is_some() { x.requires_grad() } else { x }).collect();
    let run = move || {
        let result = function(&inputs);
        if forward.is_none() {
            return result;
        }
        let gradients = result.backward_with(&seed);
        gradients.get(&inputs[0]).expect("x is a leaf").clone()
    };
    Some(Box::new(move |repeats| with_threads(threads, || check(&last_of(repeats, &run)))))
}

/// The tensor number `index` of a shape.
fn operand_of(shape: &[usize], index: usize) -> Tensor {
    Tensor::from_vec(operand(shape.iter().product(), MULTIPLIERS[index]), shape)
}

fn prepared(name: &str, shape: &[usize]) -> Option<Prepared> {
    if name == "embedding" {
        return Some(embedding());
    }
    let [x, y] = [0, 1].map(|index| operand_of(shape, index));
    if let Some(function) = of_one(name) {
        return Some((vec![x], Box::new(move |inputs| function(&inputs[0], &y))));
    }
    Some(match name {
        "mul" => (vec![x, y], Box::new(|inputs| &inputs[0] * &inputs[1])),
        "pow" => (vec![x.abs()], Box::new(|inputs| inputs[0].powf(0.75))),
        "cat" => (vec![x, y], Box::new(|inputs| Tensor::cat(inputs, 1))),
        "where" => {
            let mask = y.gt(2.0);
            (vec![x, y], Box::new(move |inputs| inputs[0].where_(&mask, &inputs[1])))
        }
        _ => {
            let function = normalization(name)?;
            let channels = if name == "layer_norm" { shape[shape.len() - 1] } else { shape[1] };
            let (weight, bias) = (operand_of(&[channels], 1), operand_of(&[channels], 0));
            (vec![x, weight, bias], Box::new(move |inputs| function(&inputs[0], &inputs[1], &inputs[2])))
        }
    })
}

/// The functions of x, which is an input, and of a second tensor, which is a constant.
fn of_one(name: &str) -> Option<fn(&Tensor, &Tensor) -> Tensor> {
    Some(match name {
        "add" => |x, y| x + y,
        "scale" => |x, _| x * 0.3,
        "relu" => |x, _| x.relu(),
        "exp" => |x, _| x.exp(),
        "tanh" => |x, _| x.tanh(),
        "sigmoid" => |x, _| x.sigmoid(),
        "gelu" => |x, _| x.gelu(),
        "gelu_tanh" => |x, _| x.gelu_tanh(),
        "erf" => |x, _| x.erf(),
        "sin" => |x, _| x.sin(),
        "cos" => |x, _| x.cos(),
        "sum" => |x, _| x.sum(),
        "sum_rows" => |x, _| x.sum_dim(0, false),
        "sum_columns" => |x, _| x.sum_dim(1, false),
        "max" => |x, _| x.max(),
        "max_rows" => |x, _| x.amax(0, false),
        "argmax" => |x, _| Tensor::scalar(x.argmax(1, false).as_slice()[PLANE[0] - 1] as f32),
        "softmax" => |x, _| x.softmax(1),
        "softmax_rows" => |x, _| x.softmax(0),
        "log_softmax" => |x, _| x.log_softmax(1),
        "transpose" => |x, _| x.t().contiguous(),
        "std" => |x, _| x.std(1, 1, false),
        "logsumexp" => |x, _| x.logsumexp(1, false),
        "dropout" => |x, _| x.dropout(0.1, 0),
        "max_pool2d" => |x, _| x.max_pool2d(&MaxPool { stride: Some([2, 2]), padding: [1, 1], ..MaxPool::new([3, 3]) }),
        "avg_pool2d" => |x, _| x.avg_pool2d(&AvgPool::new([2, 2])),
        "cumsum" => |x, _| x.cumsum(1),
        "sort" => |x, _| x.sort(1, false).0,
        "topk" => |x, _| x.topk(50, 1, true).0,
        _ => return None,
    })
}

/// The functions of x, a weight and a bias.
fn normalization(name: &str) -> Option<fn(&Tensor, &Tensor, &Tensor) -> Tensor> {
    /// PyTorch's default.
    const EPSILON: f64 = 1e-5;
    Some(match name {
        "layer_norm" => |x, weight, bias| x.layer_norm(weight.shape(), Some(weight), Some(bias), EPSILON),
        "batch_norm" => |x, weight, bias| x.batch_norm(Some(weight), Some(bias), EPSILON).0,
        "group_norm" => |x, weight, bias| x.group_norm(32, Some(weight), Some(bias), EPSILON),
        _ => return None,
    })
}

/// The tokens of a batch, common ones more often, looked up in BERT's table.
fn embedding() -> Prepared {
    const TOKENS: usize = 4096;
    const TABLE: [usize; 2] = [30_522, 768];
    let row = |value: f32| {
        let share = (f64::from(value) + 2.0) / 8.0;
        (share * share * share * TABLE[0] as f64) as usize
    };
    let tokens: Indices = operand(TOKENS, MULTIPLIERS[0]).into_iter().map(row).collect();
    (vec![operand_of(&TABLE, 0)], Box::new(move |inputs| inputs[0].embedding(&tokens, None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::ELEMENTWISE;

    #[test]
    fn every_task_has_a_function() {
        for operation in ELEMENTWISE {
            let name = operation.name.strip_suffix(GRADIENT).unwrap_or(operation.name);
            let few: Vec<usize> = operation.shape.iter().map(|&extent| extent.min(64)).collect();
            assert!(prepared(name, &few).is_some(), "{name}");
        }
        assert!(prepared("cbrt", &[1, 1]).is_none());
    }
}
