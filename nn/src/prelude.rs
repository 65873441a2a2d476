//! What most networks use, in one line: `use nn::prelude::*;`.
//!
//! The element type is `f32`: `Linear` is [`Linear<f32>`](crate::Linear), so that nothing is left to infer. The generic
//! types are at the root of the crate. A program in `f64`, or generic in its element type, imports those; an import by
//! name wins over the prelude's.
//!
//! ```
//! use autograd::prelude::*;
//! use nn::prelude::*;
//! let model = Sequential::new().add(Linear::new(2, 8, 0)).add(ReLU).add(Linear::new(8, 1, 1));
//! assert_eq!(*model.forward(&Tensor::zeros([5, 2]), Mode::Eval).shape(), [5, 1]);
//! ```

pub use crate::checkpoint;
pub use crate::data::{Batches, Examples};
pub use crate::{
    AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AvgPool1d, AvgPool2d, CELU,
    CosineEmbeddingLoss, Dropout, Dropout2d, ELU, Flatten, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh,
    HingeEmbeddingLoss, HingeLoss, HuberLoss, Identity, KLDivLoss, L1Loss, Layer, LeakyReLU, LogSigmoid, LogSoftmax,
    MSELoss, MarginRankingLoss, MaxPool1d, MaxPool2d, Mish, Mode, Module, RReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid,
    SmoothL1Loss, Softmax, Softplus, Softshrink, Softsign, Tanh, Tanhshrink, Threshold, TripletMarginLoss, Unflatten,
    Upsample, layer, module, summary,
};

/// The generic types of the crate, for `f32`.
macro_rules! of_f32 {
    ($($name:ident)+) => {$(
        #[doc = concat!("[`", stringify!($name), "`](crate::", stringify!($name), ") with elements of `f32`.")]
        pub type $name = crate::$name<f32>;
    )+};
}
of_f32! {
    AttentionMask BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d Bilinear Conv1d Conv2d ConvTranspose1d
    ConvTranspose2d CrossEntropyLoss Embedding GroupNorm Gru GruCell InstanceNorm1d InstanceNorm2d LayerNorm Linear Lstm
    LstmCell MultiheadAttention NLLLoss PReLU Residual RmsNorm Rnn RnnCell Sequential SinusoidalPositions
    TransformerEncoderLayer
}

#[cfg(test)]
mod tests {
    /// Names of the crate that are no layers or losses, but parts, settings and results of these.
    const OTHERS: [&str; 12] = [
        "Branch",
        "FeedForwardActivation",
        "Field",
        "Float",
        "Function",
        "KeyValueCache",
        "Member",
        "PerDimension",
        "Recurrence",
        "Summary",
        "SummaryRow",
        "TransformerOptions",
    ];

    /// The type names in the `pub use` lines of the crate's root.
    fn exported() -> Vec<&'static str> {
        let lines = include_str!("lib.rs").split("\npub use ").skip(1);
        let lists = lines.map(|line| line.split(';').next().unwrap_or_default());
        let words = lists.flat_map(|list| list.split(|c: char| !c.is_alphanumeric() && c != '_'));
        words.filter(|word| word.starts_with(|c: char| c.is_uppercase())).collect()
    }

    #[test]
    fn every_layer_and_loss_is_in_the_prelude() {
        let prelude = include_str!("prelude.rs").split("#[cfg(test)]").next().unwrap();
        let prelude: Vec<&str> = prelude.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        let exported = exported();
        assert!(exported.len() > 80, "only {} names were found", exported.len());
        let missing: Vec<&str> =
            exported.into_iter().filter(|name| !OTHERS.contains(name) && !prelude.contains(name)).collect();
        assert_eq!(missing, [""; 0], "wanted in nn::prelude");
    }
}
