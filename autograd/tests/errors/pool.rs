//! Mistakes with pool.

use autograd::{AvgPool, MaxPool};

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            (
                "max_pool2d: a window that spans 3 does not fit 2 elements with a padding of 0: shape [1, 3, 2, 8]",
                &|| drop(x(&[1, 3, 2, 8]).max_pool2d(&MaxPool::new([3, 3]))),
            ),
            ("max_pool2d: the input has shape [3, 8]: wanted [N, C, H, W] or [C, H, W]", &|| {
                drop(x(&[3, 8]).max_pool2d(&MaxPool::new([2, 2])))
            }),
            ("max_pool1d: a window of 0, a stride of 0, a dilation of 1: wanted 1 at least", &|| {
                drop(x(&[1, 3, 8]).max_pool1d(&MaxPool::new([0])))
            }),
            ("max_pool1d: a padding of 2: wanted at most half of the window, which spans 3", &|| {
                drop(x(&[1, 3, 8]).max_pool1d(&MaxPool { padding: [2], ..MaxPool::new([3]) }))
            }),
            ("max_pool1d: a window of 3, a stride of 0, a dilation of 1: wanted 1 at least", &|| {
                drop(x(&[1, 3, 8]).max_pool1d(&MaxPool { stride: Some([0]), ..MaxPool::new([3]) }))
            }),
            ("max_pool1d: a window of 3, a stride of 3, a dilation of 0: wanted 1 at least", &|| {
                drop(x(&[1, 3, 8]).max_pool1d(&MaxPool { dilation: [0], ..MaxPool::new([3]) }))
            }),
            ("max_pool1d: a window that spans 5 does not fit 4 elements with a padding of 0: shape [1, 3, 4]", &|| {
                drop(x(&[1, 3, 4]).max_pool1d(&MaxPool { dilation: [2], ..MaxPool::new([3]) }))
            }),
            ("avg_pool1d: a window that spans 3 does not fit 2 elements with a padding of 0: shape [1, 3, 2]", &|| {
                drop(x(&[1, 3, 2]).avg_pool1d(&AvgPool::new([3])))
            }),
            ("avg_pool1d: the input has shape [8]: wanted [N, C, L] or [C, L]", &|| {
                drop(x(&[8]).avg_pool1d(&AvgPool::new([3])))
            }),
            ("avg_pool1d: a divisor of 0: wanted another number", &|| {
                drop(x(&[1, 3, 8]).avg_pool1d(&AvgPool { divisor_override: Some(0), ..AvgPool::new([3]) }))
            }),
            ("avg_pool1d: a padding of 2: wanted at most half of the window, which spans 3", &|| {
                drop(x(&[1, 3, 8]).avg_pool1d(&AvgPool { padding: [2], ..AvgPool::new([3]) }))
            }),
            ("adaptive_avg_pool2d: the input has shape [3, 8]: wanted [N, C, H, W] or [C, H, W]", &|| {
                drop(x(&[3, 8]).adaptive_avg_pool2d([2, 2]))
            }),
            ("adaptive_avg_pool1d: the input has shape [8]: wanted [N, C, L] or [C, L]", &|| {
                drop(x(&[8]).adaptive_avg_pool1d(2))
            }),
            ("avg_pool2d: a window of 2, a stride of 0, a dilation of 1: wanted 1 at least", &|| {
                drop(x(&[1, 3, 8, 8]).avg_pool2d(&AvgPool { stride: Some([0, 1]), ..AvgPool::new([2, 2]) }))
            }),
        ],
    );
}
