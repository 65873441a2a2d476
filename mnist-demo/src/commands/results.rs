//! The results of a command: each is written even if another one failed, and each success or failure is reported.

use std::path::Path;

use crate::console::eprint_line;
use crate::failure::Failure;

/// Counts the results that could not be saved.
#[derive(Debug, Default)]
pub struct Results {
    failed: usize,
}

impl Results {
    /// Reports that the result `what` was saved at `path`, or why it was not.
    pub fn saved(&mut self, what: &str, path: &Path, outcome: Result<(), Failure>) {
        if self.succeeded(outcome) {
            eprint_line(&format!("saved {what}: {}", path.display()));
        }
    }

    /// Reports and counts a failure. Returns whether there was none.
    pub fn succeeded(&mut self, outcome: Result<(), Failure>) -> bool {
        if let Err(failure) = &outcome {
            eprint_line(&format!("error: {failure}"));
            self.failed += 1;
        }
        outcome.is_ok()
    }

    /// Counts a failure that was already reported when it happened.
    pub fn count_reported(&mut self, failed: bool) {
        self.failed += usize::from(failed);
    }

    /// Whether nothing failed so far.
    pub fn all_succeeded(&self) -> bool {
        self.failed == 0
    }

    /// The command's outcome.
    ///
    /// # Errors
    /// If anything failed.
    pub fn outcome(self) -> Result<(), Failure> {
        if self.failed == 0 { Ok(()) } else { Err(Failure::Incomplete(self.failed)) }
    }
}
