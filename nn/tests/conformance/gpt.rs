//! The trajectory of a small transformer, written with operations and the names of its state.

use std::collections::BTreeMap;

use autograd::{Attention, Indices, Param, Tensor};
use optim::AdamW;

use crate::cases::{Golden, Row, indices, tensor};
use crate::training::same_trajectory;

const HEADS: isize = 2;
const EPS: f64 = 1e-5;

pub fn train_gpt(golden: &Golden, row: &Row) -> Result<(), String> {
    let start = golden.file(row, "start").ok_or("the case has no start")?;
    let values = start.names().into_iter().map(|name| (name.to_owned(), tensor::<f32>(&start, name)));
    let params: Option<BTreeMap<String, Param>> =
        values.map(|(name, value)| value.map(|value| (name, Param::new(value)))).collect();
    let params = params.ok_or("a start of floats is wanted")?;
    let batches = golden.file(row, "batches").ok_or("the case has no batches")?;
    let (x, y) = (indices(&batches, "x").ok_or("no x")?, indices(&batches, "y").ok_or("no y")?);
    let steps = x.shape()[0];
    let batch = |all: &Indices, step: usize| {
        let shape = &all.shape()[1..];
        let length: usize = shape.iter().product();
        Indices::new(&all.as_slice()[step * length..][..length], shape)
    };

    let flat = |labels: &Indices| labels.reshape([labels.numel()]);
    let number = |name: &str| row.json["attrs"][name].as_f64();
    let adamw = AdamW::new(params.clone(), number("lr").ok_or("no learning rate")?);
    let mut adamw = adamw.weight_decay(number("weight_decay").unwrap_or(0.01));
    let mut losses = Vec::new();
    for step in 0..steps {
        let scores = scores(&params, &batch(&x, step));
        let classes = scores.size(-1);
        let loss = scores.reshape([-1, classes as isize]).cross_entropy(&flat(&batch(&y, step)));
        losses.push(loss.item());
        adamw.step(&loss.backward());
    }
    same_trajectory(golden, row, losses, &params.into_iter().collect::<Vec<_>>())
}

/// One block: x = tok + pos; x += proj(attention(qkv(ln1 x))); x += down(gelu(up(ln2 x))); head(ln x).
fn scores(params: &BTreeMap<String, Param>, tokens: &Indices) -> Tensor {
    let find = |name: &str, part: &str| params.get(&format!("{name}.{part}")).map(Param::tensor);
    let weight = |name: &str| find(name, "weight").unwrap_or_else(|| panic!("the start has no {name}.weight"));
    let linear = |x: &Tensor, name: &str| x.linear(&weight(name), find(name, "bias").as_ref());
    let norm =
        |x: &Tensor, name: &str| x.layer_norm([x.size(-1)], Some(&weight(name)), find(name, "bias").as_ref(), EPS);
    let length = tokens.shape()[1];
    let positions = weight("pos").narrow(0, 0, length);
    let x = weight("tok").embedding(tokens, None) + positions;

    let qkv = linear(&norm(&x, "ln1"), "qkv");
    let width = x.size(-1);
    let heads = |index: usize| {
        let part = qkv.narrow(-1, index * width, width);
        part.reshape([-1, length as isize, HEADS, width as isize / HEADS]).transpose(1, 2)
    };
    let causal = Attention { is_causal: true, ..Attention::default() };
    let seen = heads(0).scaled_dot_product_attention(&heads(1), &heads(2), &causal);
    let x = &x + linear(&seen.transpose(1, 2).flatten(-2, -1), "proj");
    let x = &x + linear(&linear(&norm(&x, "ln2"), "up").gelu_tanh(), "down");
    linear(&norm(&x, "ln"), "head")
}
