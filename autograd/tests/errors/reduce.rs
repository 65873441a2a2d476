//! Mistakes with reduce.

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("sum_dim: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).sum_dim(2, false))
            }),
            ("mean_dim: dimension -2 is named twice", &|| drop(x(&[2, 3]).mean_dim([0, -2], false))),
            ("max: shape [2, 0] has no elements to choose from", &|| drop(x(&[2, 0]).max())),
            ("max_dim: dimension 1 of shape [2, 0] has no elements to choose from", &|| {
                drop(x(&[2, 0]).max_dim(1, false))
            }),
            ("argmax: dimension 1 of shape [2, 0] has no elements to choose from", &|| {
                drop(x(&[2, 0]).argmax(1, false))
            }),
            ("argmin: dimension -3 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).argmin(-3, false))
            }),
            ("amin: shape [0] has no elements to choose from", &|| drop(x(&[0]).amin(0, false))),
            ("cumsum: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| drop(x(&[2, 3]).cumsum(2))),
            ("cumprod: dimension -3 is out of range for 2 dimensions (from -2 to 1)", &|| drop(x(&[2, 3]).cumprod(-3))),
            ("logsumexp: dimension 5 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).logsumexp(5, true))
            }),
            ("var: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| drop(x(&[2, 3]).var(2, 1, false))),
            ("norm: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).norm(2.0, 2, false))
            }),
            ("norm: shape [2, 0] has no elements to choose from for p = inf", &|| {
                drop(x(&[2, 0]).norm(f64::INFINITY, 1, false))
            }),
            ("prod_dim: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).prod_dim(2, false))
            }),
            ("cummax: dimension 1 is out of range for 1 dimensions (from -1 to 0)", &|| drop(x(&[2]).cummax(1))),
            ("logcumsumexp: dimension 1 is out of range for 1 dimensions (from -1 to 0)", &|| {
                drop(x(&[2]).logcumsumexp(1))
            }),
        ],
    );
}
