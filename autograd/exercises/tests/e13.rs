use autograd::{Mask, Tensor};

use super::{expect, expect_close, expect_gradients};
use crate::e13_attention::{attention, causal};

/// Queries, keys and values for `queries` × `keys`.
fn inputs(queries: usize, keys: usize) -> [Tensor<f64>; 3] {
    [Tensor::randn([queries, 3], 0), Tensor::randn([keys, 3], 1), Tensor::randn([keys, 2], 2)]
}

/// The definition, with loops.
fn expected([q, k, v]: &[Tensor<f64>; 3], hidden: &[bool]) -> Vec<f64> {
    let (keys, values) = (k.size(0), v.to_vec());
    let row = |x: &Tensor<f64>, row: usize| x.to_vec()[row * 3..][..3].to_vec();
    let dot = |a: Vec<f64>, b: Vec<f64>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let of_query = |query: usize| {
        let seen: Vec<usize> = (0..keys).filter(|key| !hidden[query * keys + key]).collect();
        let score = |key: usize| (dot(row(q, query), row(k, key)) / 3.0_f64.sqrt()).exp();
        let total: f64 = seen.iter().map(|&key| score(key)).sum();
        [0, 1].map(|column| seen.iter().map(|&key| score(key) / total * values[key * 2 + column]).sum())
    };
    (0..q.size(0)).flat_map(of_query).collect()
}

#[test]
fn a_causal_mask_hides_what_comes_later() {
    let mask = causal(3);
    let elements = [false, true, true, false, false, true, false, false, false];
    let think = "row i is query i: it sees itself and what is before it; true means hidden";
    expect("causal(3)", mask, Mask::new(elements, [3, 3]), think);
}

#[test]
fn it_is_the_definition() {
    for (queries, keys, hidden) in [(2, 4, vec![false; 8]), (2, 3, vec![false, true, false, true, true, false])] {
        let inputs = inputs(queries, keys);
        let [q, k, v] = &inputs;
        let found = attention(q, k, v, &Mask::new(hidden.clone(), [queries, keys]));
        let call = format!("attention of {queries} queries to {keys} keys, of which {hidden:?} are hidden");
        let think = "softmax(Q Kᵀ / √E), along the keys, where hidden scores count as -∞, times V; a hidden weight \
                     of 0 must not be a part of the sum that the others are divided by";
        expect_close(&call, &found.to_vec(), &expected(&inputs, &hidden), 1e-12, think);
    }
}

#[test]
fn the_future_has_no_influence_and_no_gradient() {
    let [q, k, v] = inputs(4, 4).map(Tensor::requires_grad);
    let first = attention(&q, &k, &v, &causal(4)).select(0, 0);
    // Other keys at the positions that query 0 must not see.
    let other = Tensor::cat(&[k.slice(0, 0, 1, 1), Tensor::randn([3, 3], 9)], 0);
    let changed = attention(&q, &other, &v, &causal(4)).select(0, 0);
    let think = "query 0 sees only key 0, so its result is value 0, whatever the other keys are";
    expect("query 0 with other keys 1 to 3", changed.to_vec(), first.to_vec(), think);
    let gradients = first.sum().backward();
    let found = gradients.get(&v).expect("a gradient of the values").to_vec();
    let think = "the weights of hidden keys are exactly 0, also in the backward pass";
    expect("the gradient of values 1 to 3 for query 0", &found[2..], [0.0; 6].as_slice(), think);
    let found = gradients.get(&k).expect("a gradient of the keys").to_vec();
    expect("the gradient of keys 1 to 3 for query 0", &found[3..], [0.0; 9].as_slice(), think);
}

#[test]
fn a_query_that_sees_nothing_gets_zero() {
    let inputs = inputs(2, 3);
    let hidden = Mask::new(vec![true, true, true, false, false, true], [2, 3]);
    let found = attention(&inputs[0], &inputs[1], &inputs[2], &hidden);
    let think = "the softmax of a row of -∞ is 0 / 0. Replace these weights after the softmax: NaN · 0 is NaN";
    expect("the result of a query of which all keys are hidden", found.select(0, 0).to_vec(), [0.0, 0.0], think);
    let think = "no NaN may come back either: `masked_fill` gives the elements that it replaces the gradient 0";
    expect_gradients("attention with such a query", |x| attention(&x[0], &x[1], &x[2], &hidden), &inputs, think);
}
