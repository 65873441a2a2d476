//! A training that diverged: its loss or its weights are NaN or infinite.

use std::fmt;

/// Where a training produced values that are not finite. It cannot continue from such values, and they must not be
/// saved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct Divergence {
    /// The epoch, from 1.
    pub epoch: usize,
    /// The step of that epoch, from 1: the step whose loss is not finite, or the last step before the weights were
    /// checked.
    pub step: usize,
    /// What was found, such as "the loss is NaN".
    pub found: String,
    /// The last finite loss in this process.
    pub last_loss: Option<f64>,
    /// The learning rate of the run.
    pub learning_rate: f64,
    /// The default learning rate of its recipe.
    pub default_rate: f64,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { epoch, step, found, last_loss, learning_rate, default_rate } = self;
        write!(f, "the training diverged in epoch {epoch}, step {step}: {found}")?;
        match last_loss {
            Some(loss) => write!(f, " (the last finite loss was {loss:.4})")?,
            None => f.write_str(" (there was no finite loss before)")?,
        }
        let smaller = if learning_rate > default_rate { *default_rate } else { learning_rate / 10.0 };
        write!(
            f,
            "; nothing of it was saved; try a new run with a smaller --lr than {learning_rate:?}, such as {smaller:?}"
        )
    }
}
