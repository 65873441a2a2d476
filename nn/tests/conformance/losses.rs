//! The losses, by the names of the manifest.

use autograd::{
    BinaryCrossEntropy, BinaryCrossEntropyWithLogits, CrossEntropy, Float, KlDivergence, KlReduction, NllLoss,
    Reduction, Tensor, TripletMargin,
};

use crate::cases::Case;

fn reduction<T: Float>(c: &Case<'_, T>) -> Reduction {
    match c.attribute("reduction").as_str() {
        None | Some("mean") => Reduction::Mean,
        Some("sum") => Reduction::Sum,
        Some("none") => Reduction::None,
        Some(other) => panic!("a reduction by {other}"),
    }
}

pub fn loss<T: Float>(c: &Case<'_, T>, op: &str) -> Option<Tensor<T>> {
    let number = |name: &str, default: f64| c.number(name).unwrap_or(default);
    let target = || c.input("target");
    Some(match op {
        "cross_entropy"
        | "cross_entropy_smooth"
        | "cross_entropy_ignore"
        | "cross_entropy_ignore_all"
        | "cross_entropy_weight" => c.input("input").cross_entropy_with(&c.index("target"), &cross_entropy(c)),
        "cross_entropy_soft" => c.input("input").cross_entropy_soft(&target().softmax(1), &cross_entropy(c)),
        "nll_loss" | "nll_loss_weight" | "nll_loss_ignore" => {
            let CrossEntropy { reduction, weight, ignore_index, .. } = cross_entropy(c);
            c.input("input").nll_loss(&c.index("target"), &NllLoss { reduction, weight, ignore_index })
        }
        "mse_loss" => c.input("input").mse_loss(&target(), reduction(c)),
        "l1_loss" => c.input("input").l1_loss(&target(), reduction(c)),
        "smooth_l1_loss" => c.input("input").smooth_l1_loss(&target(), number("beta", 1.0), reduction(c)),
        "huber_loss" => c.input("input").huber_loss(&target(), number("delta", 1.0), reduction(c)),
        "bce" | "bce_weight" => {
            let options = BinaryCrossEntropy { reduction: reduction(c), weight: c.find("weight") };
            c.input("input").binary_cross_entropy(&target(), &options)
        }
        "bce_with_logits" | "bce_pos_weight" | "bce_with_logits_pos_weight" => {
            let (weight, pos_weight) = (c.find("weight"), c.find("pos_weight"));
            let options = BinaryCrossEntropyWithLogits { reduction: reduction(c), weight, pos_weight };
            c.input("input").binary_cross_entropy_with_logits(&target(), &options)
        }
        "kl_div" => {
            let reduction = match c.attribute("reduction").as_str() {
                Some("batchmean") => KlReduction::BatchMean,
                _ => match reduction(c) {
                    Reduction::Mean => KlReduction::Mean,
                    Reduction::Sum => KlReduction::Sum,
                    Reduction::None => KlReduction::None,
                },
            };
            c.input("input").kl_div(&target(), &KlDivergence { reduction, log_target: c.flag("log_target") })
        }
        "hinge" => c.a().hinge_loss(&c.b(), number("margin", 1.0), reduction(c)),
        "triplet_margin_loss" => {
            let default = TripletMargin { reduction: reduction(c), swap: c.flag("swap"), ..TripletMargin::default() };
            let options = TripletMargin {
                margin: number("margin", default.margin),
                p: number("p", default.p),
                eps: number("eps", default.eps),
                ..default
            };
            c.input("anchor").triplet_margin_loss(&c.input("positive"), &c.input("negative"), &options)
        }
        _ => return None,
    })
}

fn cross_entropy<T: Float>(c: &Case<'_, T>) -> CrossEntropy<T> {
    CrossEntropy {
        reduction: reduction(c),
        weight: c.find("weight"),
        ignore_index: c.integer("ignore_index").map_or(-100, |label| label as i64),
        label_smoothing: c.number("label_smoothing").unwrap_or(0.0),
        ..CrossEntropy::default()
    }
}
