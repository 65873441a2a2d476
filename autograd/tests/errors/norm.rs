//! Mistakes with norm.

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("softmax: dimension 2 is out of range for 2 dimensions (from -2 to 1)", &|| drop(x(&[2, 3]).softmax(2))),
            ("log_softmax: dimension -3 is out of range for 2 dimensions (from -2 to 1)", &|| {
                drop(x(&[2, 3]).log_softmax(-3))
            }),
            ("batch_norm: the input has shape [3]: wanted [N, C, ...]", &|| drop(x(&[3]).batch_norm(None, None, 1e-5))),
            ("batch_norm: shape [1, 3] has one value a channel: wanted more for a variance", &|| {
                drop(x(&[1, 3]).batch_norm(None, None, 1e-5))
            }),
            ("batch_norm: the weight has shape [2], wanted [3]", &|| {
                drop(x(&[2, 3]).batch_norm(Some(&x(&[2])), None, 1e-5))
            }),
            ("batch_norm: the bias has shape [3, 1], wanted [3]", &|| {
                drop(x(&[2, 3]).batch_norm(None, Some(&x(&[3, 1])), 1e-5))
            }),
            ("batch_norm_with: the mean has shape [2], wanted [3]", &|| {
                drop(x(&[2, 3]).batch_norm_with(&x(&[2]), &x(&[3]), None, None, 1e-5))
            }),
            ("layer_norm: the input has shape [2, 3]: its last extents are not [2]", &|| {
                drop(x(&[2, 3]).layer_norm([2], None, None, 1e-5))
            }),
            ("layer_norm: the weight has shape [2], wanted [3]", &|| {
                drop(x(&[2, 3]).layer_norm([3], Some(&x(&[2])), None, 1e-5))
            }),
            ("rms_norm: the input has shape [2, 3]: its last extents are not [2, 2, 3]", &|| {
                drop(x(&[2, 3]).rms_norm([2, 2, 3], None, None))
            }),
            ("rms_norm: the weight has shape [2], wanted [3]", &|| {
                drop(x(&[2, 3]).rms_norm([3], Some(&x(&[2])), None))
            }),
            ("group_norm: the 6 channels of shape [2, 6, 4] do not make 4 groups", &|| {
                drop(x(&[2, 6, 4]).group_norm(4, None, None, 1e-5))
            }),
            ("group_norm: the 6 channels of shape [2, 6, 4] do not make 0 groups", &|| {
                drop(x(&[2, 6, 4]).group_norm(0, None, None, 1e-5))
            }),
            ("group_norm: the weight has shape [2], wanted [6]", &|| {
                drop(x(&[2, 6, 4]).group_norm(2, Some(&x(&[2])), None, 1e-5))
            }),
            (
                "instance_norm: the input has shape [2, 3, 1]: wanted [N, C, ...] with more than one value a channel",
                &|| drop(x(&[2, 3, 1]).instance_norm(None, None, 1e-5)),
            ),
            ("group_norm: the input has shape [6]: wanted [N, C, ...]", &|| {
                drop(x(&[6]).group_norm(2, None, None, 1e-5))
            }),
        ],
    );
}
