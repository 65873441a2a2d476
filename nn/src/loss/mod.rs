//! Losses as values: their options, given once.

mod binary;
mod cross_entropy;
mod distance;
mod divergence;
mod embedding;
mod hinge_embedding;

pub use binary::{BCELoss, BCEWithLogitsLoss};
pub use cross_entropy::{CrossEntropyLoss, NLLLoss};
pub use distance::{HuberLoss, L1Loss, MSELoss, SmoothL1Loss};
pub use divergence::KLDivLoss;
pub use embedding::{CosineEmbeddingLoss, HingeLoss, MarginRankingLoss, TripletMarginLoss};
pub use hinge_embedding::HingeEmbeddingLoss;
