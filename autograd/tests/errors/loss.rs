//! Mistakes with loss.

use autograd::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, CrossEntropy, Indices, KlDivergence, NllLoss, Reduction, Tensor,
    TripletMargin,
};

use crate::{check, x};

#[test]
fn mistakes_are_answered_in_plain_words() {
    check(
        file!(),
        &[
            ("mse_loss: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).mse_loss(&x(&[3]), Reduction::Mean))
            }),
            ("l1_loss: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).l1_loss(&x(&[3]), Reduction::Mean))
            }),
            ("smooth_l1_loss: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).smooth_l1_loss(&x(&[3]), 1.0, Reduction::Mean))
            }),
            ("huber_loss: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).huber_loss(&x(&[3]), 1.0, Reduction::Mean))
            }),
            ("huber_loss: delta is 0: wanted more than 0", &|| {
                drop(x(&[3]).huber_loss(&x(&[3]), 0.0, Reduction::Mean))
            }),
            ("binary_cross_entropy: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).binary_cross_entropy(&x(&[3]), &BinaryCrossEntropy::default()))
            }),
            (
                "binary_cross_entropy_with_logits: the input has shape [3, 1], the target [3]: they must be equal",
                &|| {
                    drop(
                        x(&[3, 1]).binary_cross_entropy_with_logits(&x(&[3]), &BinaryCrossEntropyWithLogits::default()),
                    )
                },
            ),
            ("kl_div: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).kl_div(&x(&[3]), &KlDivergence::default()))
            }),
            ("hinge_loss: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).hinge_loss(&x(&[3]), 1.0, Reduction::Mean))
            }),
            ("margin_ranking_loss: the input has shape [3, 1], the target [3]: they must be equal", &|| {
                drop(x(&[3, 1]).margin_ranking_loss(&x(&[3]), &x(&[3]), 1.0, Reduction::Mean))
            }),
            ("cosine_embedding_loss: shapes [3, 2] and [3, 1]: wanted [N, D] and [N], or [D] and []", &|| {
                drop(x(&[3, 2]).cosine_embedding_loss(&x(&[3, 2]), &x(&[3, 1]), 0.0, Reduction::Mean))
            }),
            ("triplet_margin_loss: the input has shape [3, 2], the target [2]: they must be equal", &|| {
                drop(x(&[3, 2]).triplet_margin_loss(&x(&[3, 2]), &x(&[2]), &TripletMargin::default()))
            }),
            (
                "cross_entropy: the scores have shape [3, 4], the targets [2]: wanted [N, C, ...] and [N, ...], or \
                [C] and []",
                &|| drop(x(&[3, 4]).cross_entropy(&Indices::from([0, 1]))),
            ),
            ("cross_entropy: label 4 is not one of the 4 classes (dimension 1 of shape [3, 4])", &|| {
                drop(x(&[3, 4]).cross_entropy(&Indices::from([0, 1, 4])))
            }),
            ("cross_entropy: label -1 is not one of the 4 classes (dimension 1 of shape [3, 4])", &|| {
                drop(x(&[3, 4]).cross_entropy(&Indices::from([0, 1, -1])))
            }),
            ("cross_entropy: the weight has shape [3], wanted [4]", &|| {
                drop(x(&[3, 4]).cross_entropy_with(
                    &Indices::from([0, 1, 2]),
                    &CrossEntropy { weight: Some(x(&[3])), ..CrossEntropy::default() },
                ))
            }),
            ("cross_entropy: a label smoothing of 1.5 is not between 0 and 1", &|| {
                drop(x(&[3, 4]).cross_entropy_with(
                    &Indices::from([0, 1, 2]),
                    &CrossEntropy { label_smoothing: 1.5, ..CrossEntropy::default() },
                ))
            }),
            ("cross_entropy_soft: the input has shape [3, 4], the target [3]: they must be equal", &|| {
                drop(x(&[3, 4]).cross_entropy_soft(&x(&[3]), &CrossEntropy::default()))
            }),
            ("nll_loss: label 4 is not one of the 4 classes (dimension 1 of shape [3, 4])", &|| {
                drop(x(&[3, 4]).nll_loss(&Indices::from([0, 4, 1]), &NllLoss::default()))
            }),
            (
                "nll_loss: the scores have shape [3, 4], the targets [2]: wanted [N, C, ...] and [N, ...], or [C] \
                and []",
                &|| drop(x(&[3, 4]).nll_loss(&Indices::from([0, 1]), &NllLoss::default())),
            ),
            ("accuracy: the scores have shape [3, 4], the labels [1]: wanted [N, C] and [N]", &|| {
                let _ = autograd::accuracy(&x(&[3, 4]), &Indices::from([0]));
            }),
            ("binary_cross_entropy: 2 in the input is no probability: wanted values from 0 to 1", &|| {
                drop(Tensor::<f32>::full([2], 2.0).binary_cross_entropy(&x(&[2]), &BinaryCrossEntropy::default()))
            }),
        ],
    );
}
