//! What a person sees: a progress bar on stderr, and lines on stdout.

use std::io::{self, Write};
use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};

use crate::train::{Epoch, Observer, Step};

/// The line of an epoch.
pub fn epoch_line(epoch: &Epoch, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let seconds = epoch.duration.as_secs_f64();
    format!(
        "epoch {:>width$}/{epochs}  loss {:.4}  test accuracy {:.2}%  {seconds:.2} s  {:.0} images/s",
        epoch.number,
        epoch.loss,
        100.0 * epoch.test_accuracy,
        epoch.images as f64 / seconds,
    )
}

/// The last line of every run.
pub fn accuracy_line(accuracy: f64) -> String {
    format!("Test Accuracy: {:.2}%", 100.0 * accuracy)
}

/// Shows a run as it goes: a bar on stderr if that is a terminal, and a line on stdout for each epoch.
pub struct Console {
    epochs: usize,
    bar: ProgressBar,
    /// Whether to go on when nobody reads stdout any more.
    goes_on_unread: bool,
    outcome: io::Result<()>,
    last: Option<Epoch>,
}

impl Console {
    /// For a run of so many epochs of so many images. `goes_on_unread`: whether the run has a purpose besides its output.
    pub fn new(epochs: usize, images: usize, goes_on_unread: bool) -> Self {
        // indicatif draws on stderr, and not at all where that is not a terminal.
        let bar = ProgressBar::new(images as u64);
        let style = ProgressStyle::with_template("{prefix}  {bar:32}  {pos}/{len} images  {per_sec}  {msg}");
        bar.set_style(style.expect("the template is right"));
        Console { epochs, bar, goes_on_unread, outcome: Ok(()), last: None }
    }

    /// The last epoch, once the run has ended; the error of stdout, if it was not simply closed.
    ///
    /// # Errors
    /// If stdout could not be written to.
    pub fn finish(self) -> io::Result<Option<Epoch>> {
        self.bar.finish_and_clear();
        match self.outcome {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(self.last),
        }
    }
}

impl Observer for Console {
    fn step(&mut self, step: &Step) {
        let Step { epoch, images, loss } = *step;
        if self.bar.is_hidden() {
            return;
        }
        if self.bar.position() as usize > images || self.bar.position() == 0 {
            self.bar.reset();
            self.bar.set_prefix(format!("epoch {epoch}/{}", self.epochs));
        }
        self.bar.set_position(images as u64);
        self.bar.set_message(format!("loss {loss:.4}"));
    }

    fn epoch(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        self.last = Some(epoch.clone());
        if self.outcome.is_ok() {
            let line = epoch_line(epoch, self.epochs);
            self.outcome = self.bar.suspend(|| print_line(&line));
        }
        if self.outcome.is_ok() || self.goes_on_unread { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Prints a line at once; unlike `println!`, it does not panic when nobody reads.
///
/// # Errors
/// If stdout could not be written to.
pub fn print_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn lines_have_their_form() {
        let epoch = Epoch {
            number: 3,
            loss: 0.07119,
            test_accuracy: 0.9741,
            duration: Duration::from_millis(208),
            images: 60_000,
        };
        assert_eq!(epoch_line(&epoch, 10), "epoch  3/10  loss 0.0712  test accuracy 97.41%  0.21 s  288462 images/s");
        assert_eq!(epoch_line(&epoch, 5), "epoch 3/5  loss 0.0712  test accuracy 97.41%  0.21 s  288462 images/s");
        assert_eq!(accuracy_line(0.98206), "Test Accuracy: 98.21%");
    }
}
