//! What a command leaves: each result is tried, whatever became of the others, and each answer is told.

use std::path::Path;

use crate::console::tell;
use crate::failure::Failure;

/// Counts what could not be saved.
#[derive(Debug, Default)]
pub struct Results {
    failed: usize,
}

impl Results {
    /// Tells that the result `what` was saved at `path`, or why it was not.
    pub fn saved(&mut self, what: &str, path: &Path, outcome: Result<(), Failure>) {
        if self.went_well(outcome) {
            tell(&format!("saved {what}: {}", path.display()));
        }
    }

    /// Tells a failure, if it is one; whether it was none.
    pub fn went_well(&mut self, outcome: Result<(), Failure>) -> bool {
        if let Err(failure) = &outcome {
            tell(&format!("error: {failure}"));
            self.failed += 1;
        }
        outcome.is_ok()
    }

    /// Counts a failure that was told when it happened.
    pub fn count_told(&mut self, failed: bool) {
        self.failed += usize::from(failed);
    }

    /// The command's outcome.
    ///
    /// # Errors
    /// If anything failed.
    pub fn outcome(self) -> Result<(), Failure> {
        if self.failed == 0 { Ok(()) } else { Err(Failure::Incomplete(self.failed)) }
    }
}
