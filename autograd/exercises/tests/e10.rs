use autograd::Tensor;

use super::{expect, expect_close};
use crate::e10_linear::Linear;

fn doubles(tensor: &Tensor) -> Vec<f64> {
    tensor.to_vec().into_iter().map(f64::from).collect()
}

#[test]
fn it_computes_what_the_engines_own_layer_does() {
    let layer = Linear::new(4, 3);
    let shapes = (layer.weight.tensor().shape().to_vec(), layer.bias.tensor().shape().to_vec());
    expect("Linear::new(4, 3): the shapes", shapes, (vec![3, 4], vec![3]), "W is [out, in], b is [out]");
    layer.weight.set(&Tensor::randn([3, 4], 0));
    layer.bias.set(&Tensor::randn([3], 1));
    let x = Tensor::randn([5, 4], 2);
    let expected = x.linear(&layer.weight.tensor(), Some(&layer.bias.tensor()));
    let think = "y = x Wᵀ + b; the bias is broadcast over the rows";
    expect_close("forward(x)", &doubles(&layer.forward(&x)), &doubles(&expected), 1e-5, think);
    let think = "gradients reach W and b if forward uses `weight.tensor()` and `bias.tensor()`, not copies";
    expect("the number of gradients", layer.forward(&x).sum().backward().len(), 2, think);
}

#[test]
fn it_fits_a_line() {
    let x: Tensor = Tensor::linspace(-1.0, 1.0, 21).reshape([21, 1]);
    let layer = Linear::new(1, 1);
    layer.fit(&x, &(&x * 3.0 - 0.5), 0.2);
    let found = [layer.weight.tensor().item().into(), layer.bias.tensor().item().into()];
    let think = "200 times: the *mean* of the squared errors, backward, and w ← w - lr · gradient for W and for b";
    expect_close("slope and offset of the line 3 x - 0.5", &found, &[3.0, -0.5], 1e-3, think);
}
