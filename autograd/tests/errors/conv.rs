//! Mistakes with conv.

use autograd::{Convolution, Padding, TransposedConvolution};

use crate::{check, x};

fn one() -> Convolution<1> {
    Convolution::default()
}

fn two() -> Convolution<2> {
    Convolution::default()
}

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            (
                "conv2d: the input has shape [1, 3, 8, 8], the weight [4, 2, 3, 3]: they do not fit for 1 groups",
                &|| drop(x(&[1, 3, 8, 8]).conv2d(&x(&[4, 2, 3, 3]), None, &two())),
            ),
            (
                "conv2d: a window of 3 elements is larger than the padded input, 2: shapes [1, 3, 2, 8] and \
                [4, 3, 3, 3]",
                &|| drop(x(&[1, 3, 2, 8]).conv2d(&x(&[4, 3, 3, 3]), None, &two())),
            ),
            ("conv2d: the bias has shape [3], wanted [4]", &|| {
                drop(x(&[1, 3, 8, 8]).conv2d(&x(&[4, 3, 3, 3]), Some(&x(&[3])), &two()))
            }),
            ("conv2d: the input has shape [3, 8]: wanted [N, C, H, W] or [C, H, W]", &|| {
                drop(x(&[3, 8]).conv2d(&x(&[4, 3, 3, 3]), None, &two()))
            }),
            ("conv2d: the weight has shape [4, 3, 3]: wanted 4 dimensions, windows of 1 at least", &|| {
                drop(x(&[1, 3, 8, 8]).conv2d(&x(&[4, 3, 3]), None, &two()))
            }),
            (
                "conv1d: a window of 9 elements is larger than the padded input, 8: shapes [1, 3, 8] and [4, 3, 9]",
                &|| drop(x(&[1, 3, 8]).conv1d(&x(&[4, 3, 9]), None, &one())),
            ),
            ("conv1d: a stride of [0]: wanted 1 at least", &|| {
                drop(x(&[1, 3, 8]).conv1d(&x(&[4, 3, 3]), None, &Convolution { stride: [0], ..one() }))
            }),
            ("conv1d: a dilation of [0]: wanted 1 at least", &|| {
                drop(x(&[1, 3, 8]).conv1d(&x(&[4, 3, 3]), None, &Convolution { dilation: [0], ..one() }))
            }),
            ("conv1d: the input has shape [1, 4, 8], the weight [4, 2, 3]: they do not fit for 3 groups", &|| {
                drop(x(&[1, 4, 8]).conv1d(&x(&[4, 2, 3]), None, &Convolution { groups: 3, ..one() }))
            }),
            ("conv1d: the input has shape [1, 4, 8], the weight [3, 2, 3]: they do not fit for 2 groups", &|| {
                drop(x(&[1, 4, 8]).conv1d(&x(&[3, 2, 3]), None, &Convolution { groups: 2, ..one() }))
            }),
            ("conv1d: a stride of [2] with Padding::Same: wanted 1", &|| {
                drop(x(&[1, 3, 8]).conv1d(
                    &x(&[4, 3, 3]),
                    None,
                    &Convolution { padding: Padding::Same, stride: [2], ..one() },
                ))
            }),
            ("conv1d: the weight has shape [4, 3, 0]: wanted 3 dimensions, windows of 1 at least", &|| {
                drop(x(&[1, 3, 8]).conv1d(&x(&[4, 3, 0]), None, &one()))
            }),
            (
                "conv_transpose1d: the input has shape [1, 3, 8], the weight [4, 3, 3]: they do not fit for 1 groups",
                &|| drop(x(&[1, 3, 8]).conv_transpose1d(&x(&[4, 3, 3]), None, &TransposedConvolution::default())),
            ),
            ("conv_transpose1d: the bias has shape [3], wanted [4]", &|| {
                drop(x(&[1, 3, 8]).conv_transpose1d(&x(&[3, 4, 3]), Some(&x(&[3])), &TransposedConvolution::default()))
            }),
            (
                "conv_transpose1d: an output padding of [1]: wanted less than the stride [1] or the dilation [1]",
                &|| {
                    drop(x(&[1, 3, 8]).conv_transpose1d(
                        &x(&[3, 4, 3]),
                        None,
                        &TransposedConvolution { output_padding: [1], ..TransposedConvolution::default() },
                    ))
                },
            ),
            ("conv_transpose2d: the weight has shape [3, 4, 3]: wanted 4 dimensions, windows of 1 at least", &|| {
                drop(x(&[1, 3, 8, 8]).conv_transpose2d(&x(&[3, 4, 3]), None, &TransposedConvolution::default()))
            }),
        ],
    );
}
