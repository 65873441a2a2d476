//! Output on the terminal: a progress bar on stderr, and lines on stdout.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use ::console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::locale;
use crate::train::{Epoch, Observer, Step, Trainer};

/// The line of an epoch.
pub fn epoch_line(epoch: &Epoch, epochs: usize) -> String {
    let width = epochs.to_string().len();
    format!(
        "epoch {:>width$}/{epochs}  loss {:.4}  test accuracy {}  {:.2} s  {:.0} images/s",
        epoch.number,
        epoch.loss,
        percent(epoch.test_accuracy),
        epoch.duration.as_secs_f64(),
        epoch.speed(),
    )
}

/// The last line of every run.
pub fn accuracy_line(accuracy: f64) -> String {
    format!("Test Accuracy: {}", percent(accuracy))
}

/// A fraction as a percentage: 0.98206 is 98.21%.
pub fn percent(share: f64) -> String {
    format!("{:.2}%", 100.0 * share)
}

/// The time between two updates of the bar: faster changes could not be read.
const PAUSE: Duration = Duration::from_millis(100);

/// A terminal with fewer columns shows the figures without a bar: both do not fit.
const NARROW: u16 = 76;

/// Shows a run as it goes: a bar on stderr if that is a terminal, and a line on stdout for each epoch.
pub struct Console {
    bar: ProgressBar,
    /// When the bar was last changed.
    shown: Option<Instant>,
    /// Whether the training continues after the reader of stdout has closed it.
    continues_when_closed: bool,
    outcome: io::Result<()>,
}

impl Console {
    /// `plain` switches the bar off, even on a terminal. `continues_when_closed`: whether the run has results other
    /// than its output, so that it must continue after stdout was closed.
    pub fn new(plain: bool, continues_when_closed: bool) -> Self {
        // indicatif draws on stderr, and not at all where that is not a terminal.
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let narrow = Term::stderr().size().1 < NARROW;
        let wide = "{prefix:.bold}  {wide_bar:.cyan/238}  {msg}  {eta} left";
        let style = ProgressStyle::with_template(if narrow { "{prefix:.bold}  {wide_msg}" } else { wide });
        let characters = if locale::is_utf8() { "━╸─" } else { "=>-" };
        bar.set_style(style.expect("the template is right").progress_chars(characters));
        Console { bar, shown: None, continues_when_closed, outcome: Ok(()) }
    }

    /// Removes the bar, and returns the error of stdout, if there was one. A closed stdout is no error.
    ///
    /// # Errors
    /// If stdout could not be written to.
    pub fn finish(self) -> io::Result<()> {
        self.bar.finish_and_clear();
        match self.outcome {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    }
}

/// How many images the whole run has processed so far.
fn position(run: &Trainer<'_>) -> u64 {
    ((run.progress().epoch - 1) * run.data().train.len() + run.progress().so_far.images) as u64
}

impl Observer for Console {
    fn start(&mut self, run: &Trainer<'_>) {
        self.bar.set_length(run.settings().epochs.saturating_mul(run.data().train.len()) as u64);
        self.bar.set_position(position(run));
        self.bar.reset_eta();
    }

    fn step(&mut self, step: &Step, run: &Trainer<'_>) {
        if self.bar.is_hidden() || self.shown.is_some_and(|shown| shown.elapsed() < PAUSE) {
            return;
        }
        self.shown = Some(Instant::now());
        let Step { epoch, so_far, duration, .. } = step;
        self.bar.set_prefix(format!("epoch {epoch}/{}", run.settings().epochs));
        self.bar.set_message(format!(
            "loss {:.4}  accuracy {}  {:.0} images/s",
            so_far.mean_loss(),
            percent(so_far.accuracy()),
            so_far.images as f64 / duration.as_secs_f64(),
        ));
        self.bar.set_position(position(run));
    }

    fn failed(&mut self, failure: &str) {
        self.bar.suspend(|| eprint_line(failure));
    }

    fn epoch(&mut self, epoch: &Epoch, run: &Trainer<'_>) -> ControlFlow<()> {
        if self.outcome.is_ok() {
            let line = epoch_line(epoch, run.settings().epochs);
            self.outcome = self.bar.suspend(|| print_line(&line));
        }
        let continues = self.outcome.is_ok() || self.continues_when_closed;
        if continues { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Prints a line on stdout and flushes it. Unlike `println!`, it does not panic when stdout is closed.
///
/// # Errors
/// If stdout could not be written to.
pub fn print_line(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Prints a line on stderr. An error is ignored: it is no reason to end a command, and it could not be reported.
pub fn eprint_line(line: &str) {
    let line = format!("{}\n", locale::shown(line));
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_form() {
        let epoch = Epoch {
            number: 3,
            loss: 0.07119,
            train_accuracy: 0.98,
            test_accuracy: 0.9741,
            duration: Duration::from_millis(208),
            images: 60_000,
        };
        assert_eq!(epoch_line(&epoch, 10), "epoch  3/10  loss 0.0712  test accuracy 97.41%  0.21 s  288462 images/s");
        assert_eq!(epoch_line(&epoch, 5), "epoch 3/5  loss 0.0712  test accuracy 97.41%  0.21 s  288462 images/s");
        assert_eq!(accuracy_line(0.98206), "Test Accuracy: 98.21%");
    }
}
