//! The losses, by the names of the manifest.

use autograd::{Float, KlReduction, Reduction, Tensor};
use nn::{
    BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, HingeLoss, HuberLoss, KLDivLoss, L1Loss, MSELoss, NLLLoss,
    SmoothL1Loss, TripletMarginLoss,
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
        | "cross_entropy_weight" => cross_entropy(c).forward(&c.input("input"), &c.index("target")),
        "cross_entropy_soft" => cross_entropy(c).forward_soft(&c.input("input"), &target().softmax(1)),
        "nll_loss" | "nll_loss_weight" | "nll_loss_ignore" => {
            let criterion = NLLLoss::new().reduction(reduction(c)).ignore_index(ignored(c));
            let criterion = c.find("weight").into_iter().fold(criterion, NLLLoss::weight);
            criterion.forward(&c.input("input"), &c.index("target"))
        }
        "mse_loss" => MSELoss::new().reduction(reduction(c)).forward(&c.input("input"), &target()),
        "l1_loss" => L1Loss::new().reduction(reduction(c)).forward(&c.input("input"), &target()),
        "smooth_l1_loss" => {
            let criterion = SmoothL1Loss::new().beta(number("beta", 1.0));
            criterion.reduction(reduction(c)).forward(&c.input("input"), &target())
        }
        "huber_loss" => {
            let criterion = HuberLoss::new().delta(number("delta", 1.0));
            criterion.reduction(reduction(c)).forward(&c.input("input"), &target())
        }
        "bce" | "bce_weight" => {
            let criterion = BCELoss::new().reduction(reduction(c));
            let criterion = c.find("weight").into_iter().fold(criterion, BCELoss::weight);
            criterion.forward(&c.input("input"), &target())
        }
        "bce_with_logits" | "bce_pos_weight" | "bce_with_logits_pos_weight" => {
            let criterion = BCEWithLogitsLoss::new().reduction(reduction(c));
            let criterion = c.find("weight").into_iter().fold(criterion, BCEWithLogitsLoss::weight);
            let criterion = c.find("pos_weight").into_iter().fold(criterion, BCEWithLogitsLoss::pos_weight);
            criterion.forward(&c.input("input"), &target())
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
            let criterion = KLDivLoss::new().reduction(reduction).log_target(c.flag("log_target"));
            criterion.forward(&c.input("input"), &target())
        }
        "hinge" => HingeLoss::new().margin(number("margin", 1.0)).reduction(reduction(c)).forward(&c.a(), &c.b()),
        "triplet_margin_loss" => {
            let criterion = TripletMarginLoss::new().margin(number("margin", 1.0)).p(number("p", 2.0));
            let criterion = criterion.eps(number("eps", 1e-6)).swap(c.flag("swap")).reduction(reduction(c));
            criterion.forward(&c.input("anchor"), &c.input("positive"), &c.input("negative"))
        }
        _ => return None,
    })
}

fn ignored<T: Float>(c: &Case<'_, T>) -> i64 {
    c.integer("ignore_index").map_or(-100, |label| label as i64)
}

fn cross_entropy<T: Float>(c: &Case<'_, T>) -> CrossEntropyLoss<T> {
    let criterion = CrossEntropyLoss::new().reduction(reduction(c)).ignore_index(ignored(c));
    let criterion = criterion.label_smoothing(c.number("label_smoothing").unwrap_or(0.0));
    c.find("weight").into_iter().fold(criterion, CrossEntropyLoss::weight)
}
