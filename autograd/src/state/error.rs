//! What of a saved state does not fit.

use std::fmt;

use super::joined;

/// A value of a saved state that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDifference {
    /// Its name in the [`StateDict`](super::StateDict).
    pub name: String,
    /// What the state has.
    pub found: String,
    /// What it should have.
    pub expected: String,
}

impl fmt::Display for StateDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StateDifference { name, found, expected } = self;
        let separator = if name.is_empty() { "" } else { ": " };
        write!(f, "{name}{separator}found {found}, expected {expected}")
    }
}

/// A saved state that does not fit the object that was to take it.
#[derive(Clone, PartialEq, Eq)]
pub struct StateError {
    pub(super) differences: Vec<StateDifference>,
}

impl StateError {
    /// A single difference.
    pub fn new(name: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        let difference = StateDifference { name: name.into(), found: found.into(), expected: expected.into() };
        StateError { differences: vec![difference] }
    }

    /// The same differences, with the names that they have within a larger state: `part.NAME`.
    pub fn within(mut self, part: &str) -> Self {
        for difference in &mut self.differences {
            difference.name = joined(part, &difference.name);
        }
        self
    }

    /// All differences.
    pub fn differences(&self) -> &[StateDifference] {
        &self.differences
    }
}

/// How many differences a message lists.
const LISTED: usize = 20;

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, difference) in self.differences.iter().take(LISTED).enumerate() {
            write!(f, "{}{difference}", if index == 0 { "" } else { "; " })?;
        }
        match self.differences.len().checked_sub(LISTED) {
            Some(more @ 1..) => write!(f, "; and {more} more"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for StateError {}
