//! Recurrent cells and layers, and attention with several heads, by the names of the manifest.

use autograd::{Float, Tensor};
use nn::recurrent::{Cell, CellWeights, Recurrence, Recurrent, State};
use nn::{AttentionMask, Mode, MultiheadAttention};

use crate::cases::Case;
use crate::operations::Output;

/// Gives the weights of a cell the values of the case.
fn bind<T: Float>(c: &Case<'_, T>, weights: &CellWeights<T>) {
    c.bind("w_ih", &weights.weight_ih);
    c.bind("w_hh", &weights.weight_hh);
    for (name, bias) in [("b_ih", &weights.bias_ih), ("b_hh", &weights.bias_hh)] {
        if let Some(bias) = bias {
            c.bind(name, bias);
        }
    }
}

/// The state before the first step: h, and c where a state has two parts.
fn state<T: Float, S: State<T>>(c: &Case<'_, T>) -> S {
    S::from_parts(["h", "c"].into_iter().take(S::PARTS).map(|name| c.input(name)).collect())
}

fn outputs<T: Float>(parts: Vec<&Tensor<T>>) -> impl Iterator<Item = Output<T>> {
    parts.into_iter().map(|part| part.clone().into())
}

/// Inputs and elements of a state, by the shapes of the case's weights.
fn sizes<T: Float>(c: &Case<'_, T>) -> [usize; 2] {
    [c.input("w_ih").size(1), c.input("w_hh").size(1)]
}

pub fn cell<T: Float, C: Cell<T>>(c: &Case<'_, T>) -> Vec<Output<T>> {
    let [inputs, hidden] = sizes(c);
    let cell = C::new(inputs, hidden, c.find("b_ih").is_some(), 0);
    bind(c, cell.weights());
    outputs(cell.step(&c.input("x"), Some(&state(c))).parts()).collect()
}

pub fn layer<T: Float, C: Cell<T>>(c: &Case<'_, T>) -> Vec<Output<T>> {
    let [inputs, hidden] = sizes(c);
    let bias = c.find("b_ih").is_some();
    let options = Recurrence { batch_first: true, bias, ..Recurrence::default() };
    let layer: Recurrent<C> = Recurrent::new(inputs, hidden, options, 0);
    bind(c, layer.cells[0].weights());
    let (all, last) = layer.forward(&c.input("x"), Some(&state(c)), Mode::Eval);
    std::iter::once(all.into()).chain(outputs(last.parts())).collect()
}

/// The result, and the mean of the heads' weights.
pub fn attention<T: Float>(c: &Case<'_, T>) -> Vec<Output<T>> {
    let (width, heads) = (c.input("query").size(-1), c.integer("num_heads").expect("heads") as usize);
    let attention = MultiheadAttention::new(width, heads, 0);
    c.bind("in_proj_weight", &attention.in_proj_weight);
    c.bind("in_proj_bias", attention.in_proj_bias.as_ref().expect("a bias"));
    c.bind("out_proj_weight", &attention.out_proj.weight);
    c.bind("out_proj_bias", attention.out_proj.bias.as_ref().expect("a bias"));
    let mask = if c.flag("causal") { AttentionMask::causal() } else { AttentionMask::none() };
    let [query, key, value] = ["query", "key", "value"].map(|name| c.input(name));
    let (y, weights) = attention.forward_with_weights(&query, &key, &value, &mask, Mode::Eval);
    vec![y.into(), weights.mean_dim(1, false).into()]
}
