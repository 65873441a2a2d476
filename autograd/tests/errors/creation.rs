//! Mistakes with creation.

use autograd::{Indices, Tensor};

use crate::{check, leaf, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("from_vec: shape [2, 2] has 4 elements, but there are 3 numbers", &|| {
                drop(Tensor::from_vec(vec![1.0_f32; 3], [2, 2]))
            }),
            ("arange: steps of -0.1 do not lead from 0 to 1", &|| drop(Tensor::<f32>::arange(0.0, 1.0, -0.1))),
            ("uniform: from 1 to 0 is no interval: low ≤ high is wanted, and finite", &|| {
                drop(Tensor::<f32>::uniform([2], 1.0, 0.0, 0))
            }),
            ("normal: mean 0 and standard deviation -1: wanted finite, and not negative", &|| {
                drop(Tensor::<f32>::normal([2], 0.0, -1.0, 0))
            }),
            ("bernoulli: 1.5 is no probability: wanted 0 to 1", &|| drop(Tensor::<f32>::full([2], 1.5).bernoulli(0))),
            ("bernoulli: the tensor is tracked, but no gradient flows through a draw: detach it", &|| {
                drop(leaf(&[2]).bernoulli(0))
            }),
            ("multinomial: 1 indices of row 0, of whose 3 weights 0 are above 0", &|| {
                drop(x(&[3]).multinomial(1, true, 0))
            }),
            ("multinomial: 4 indices of row 0, of whose 3 weights 3 are above 0", &|| {
                drop(Tensor::<f32>::ones([3]).multinomial(4, false, 0))
            }),
            ("multinomial: a weight of -1: wanted finite, and not negative", &|| {
                drop(Tensor::<f32>::full([3], -1.0).multinomial(1, true, 0))
            }),
            ("multinomial: weights of shape [2, 2, 2]: wanted [n] or [rows, n]", &|| {
                drop(x(&[2, 2, 2]).multinomial(1, true, 0))
            }),
            ("multinomial: the tensor is tracked, but no gradient flows through a draw: detach it", &|| {
                drop(leaf(&[3]).multinomial(1, true, 0))
            }),
            ("randint: there is no integer from 3 on below 3", &|| drop(Indices::randint(3, 3, [2], 0))),
            ("Indices: shape [3] has 3 elements, but there are 2 numbers", &|| drop(Indices::new(vec![0, 1], [3]))),
            ("item: shape [2] has 2 elements, not one", &|| {
                let _ = x(&[2]).item();
            }),
            ("size: a single number has no dimension 0", &|| {
                let _ = x(&[]).size(0);
            }),
            ("size: dimension 1 is out of range for 1 dimensions (from -1 to 0)", &|| {
                let _ = x(&[2]).size(1);
            }),
            ("zeros: shape [1099511627776, 1099511627776] has more elements than any memory holds", &|| {
                drop(Tensor::<f32>::zeros([1 << 40, 1 << 40]))
            }),
        ],
    );
}
