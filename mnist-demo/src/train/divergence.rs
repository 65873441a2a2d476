//! A training that diverged: its loss or its weights are NaN or infinite, or its loss is far too large.

use std::fmt;

use super::{History, Settings};

/// Where a training produced values that are not finite. It cannot continue from such values, and they must not be
/// saved.
#[derive(Clone, PartialEq, thiserror::Error)]
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

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Divergence { epoch, step, found, last_loss, learning_rate, default_rate } = self;
        write!(f, "the training diverged in epoch {epoch}, step {step}: {found}")?;
        match last_loss {
            Some(loss) => write!(f, " (the last finite loss was {loss:.4})")?,
            None => f.write_str(" (there was no finite loss before)")?,
        }
        write!(f, "; nothing of it was saved; {}", advice(*learning_rate, *default_rate))
    }
}

/// What to do about it: a smaller learning rate, as an example the default one or a tenth.
fn advice(learning_rate: f64, default_rate: f64) -> String {
    let smaller = if learning_rate > default_rate { default_rate } else { learning_rate / 10.0 };
    format!("try a new run with a smaller --lr than {learning_rate:?}, such as {smaller:?}")
}

/// A warning in one line, if the loss of a run grew far too large without becoming infinite.
///
/// A network that guesses, with the same probability for each of `C` classes, has the loss `ln C`. A run that learns
/// has less in every epoch. A run diverged if the mean loss of an epoch is more than twice that, and the last epoch did
/// not come below half of it; or if the loss was below half of it once, and is above it in the last epoch.
pub fn grown_loss(history: &History, settings: &Settings, classes: usize) -> Option<String> {
    let guess = (classes as f64).ln();
    let last = history.epochs.last()?.loss;
    let worst = history.epochs.iter().max_by(|a, b| a.loss.total_cmp(&b.loss))?;
    let best = history.epochs.iter().map(|epoch| epoch.loss).fold(f64::INFINITY, f64::min);
    let never_learned = worst.loss > 2.0 * guess && last > guess / 2.0;
    let lost_again = best < guess / 2.0 && last > guess;
    let (_, _, default_rate) = settings.recipe.usual(settings.model);
    (never_learned || lost_again).then(|| {
        format!(
            "the training diverged: the mean loss of epoch {} was {}, where guessing gives {guess:.2}; {}",
            worst.number,
            short(worst.loss),
            advice(settings.learning_rate, default_rate)
        )
    })
}

/// A loss with two decimals, or in powers of ten where it has many digits.
fn short(loss: f64) -> String {
    if loss < 1e6 { format!("{loss:.2}") } else { format!("{loss:.1e}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::Model;
    use crate::recipe::Recipe;
    use crate::train::Epoch;

    fn warning(losses: &[f64], classes: usize) -> Option<String> {
        let epoch = |(index, &loss): (usize, &f64)| Epoch {
            number: index + 1,
            loss,
            train_accuracy: 0.1,
            test_accuracy: 0.1,
            duration: Duration::from_secs(1),
            images: 100,
        };
        let epochs = losses.iter().enumerate().map(epoch).collect();
        let settings = Settings { learning_rate: 100.0, ..Settings::of(Model::Mlp, Recipe::Plain) };
        grown_loss(&History { epochs, ..History::default() }, &settings, classes)
    }

    #[test]
    fn a_loss_far_above_guessing_is_a_divergence() {
        let advice = "try a new run with a smaller --lr than 100.0, such as 0.001";
        // The losses of `--lr` 100, 10, 1 and 0.3; the first two come down again, but not to a loss that is of use.
        let sentence = |worst: &str| Some(format!("the training diverged: the mean loss of {worst}; {advice}"));
        let found = warning(&[184200871.2, 52.7, 53.9], 10);
        assert_eq!(found, sentence("epoch 1 was 1.8e8, where guessing gives 2.30"));
        let found = warning(&[182788.7, 33.7, 2.93], 10);
        assert_eq!(found, sentence("epoch 1 was 182788.70, where guessing gives 2.30"));
        assert!(warning(&[214.2, 2.37], 10).is_some() && warning(&[8.4, 2.33], 10).is_some());
        // It learned, and then lost what it had learned.
        assert_eq!(warning(&[0.3, 0.2, 3.1], 10), sentence("epoch 3 was 3.10, where guessing gives 2.30"));
    }

    #[test]
    fn no_run_that_learns_is_called_a_divergence() {
        for losses in [
            &[0.24, 0.09, 0.06][..], // the default
            &[1.34, 1.13, 1.28],     // `--lr 0.1`: bad, but it does not diverge
            &[0.01, 0.02, 0.9],      // a loss that rises late
            &[2.35],                 // a few steps of a small data set
            &[2.31, 2.305, 2.303],   // labels that cannot be learned
            &[30.0, 0.4, 0.1],       // a bad beginning
            &[],                     // interrupted in the first epoch
        ] {
            assert_eq!(warning(losses, 10), None, "{losses:?}");
        }
        assert_eq!(warning(&[0.0, 0.0], 1), None, "one class");
    }
}
