//! What can be wrong with weights in files.

use std::fmt::{self, Write};
use std::io;
use std::path::PathBuf;

use autograd::{Shape, StateError};

use crate::module::same_name;

/// Why weights could not be saved or loaded.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a whole safetensors file.
    #[error("{path}: not a whole safetensors file: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is whole, perhaps, but of another kind.
    #[error("{path}: found {found}, expected a safetensors file{advice}")]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        found: &'static str,
        /// How to get a safetensors file: empty, or a part of a sentence that begins with `; `.
        advice: String,
    },
    /// The file's tensors are not the model's.
    #[error("{path}: {}", differences_in_words(.differences, .prefix.as_deref()))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// All tensors that are missing, unexpected, or of another shape or element type.
        differences: Vec<Difference>,
        /// What all names in the file begin with and those of the model do not, up to and with a dot:
        /// [`load_with_prefix`](super::load_with_prefix) takes it off.
        prefix: Option<String>,
    },
    /// The state of a part of a run, its optimizer say, does not fit that part.
    #[error("{path}: {source}")]
    State {
        /// The file.
        path: PathBuf,
        /// All values that do not fit.
        source: StateError,
    },
    /// Two different parameters of the model have the same name, so that a file could hold only one of them.
    #[error("{path}: {}", same_name(.name, .shapes))]
    SameName {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
        /// The shapes of the two parameters.
        shapes: Box<[Shape; 2]>,
    },
    /// Two names belong to one parameter of the model, but the file has different values under them.
    #[error("{path}: found different values under {} and {}, expected the same: \
             they are two names of one parameter of the model", .names[0], .names[1])]
    TiedValuesDiffer {
        /// The file.
        path: PathBuf,
        /// The names.
        names: [String; 2],
    },
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A tensor that the file and the model do not have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The model has it, the file does not.
    Missing {
        /// Its name in the file; of tied weights, all of them.
        name: String,
        /// What the model has.
        expected: String,
    },
    /// The file has it, the model does not.
    Unexpected {
        /// Its name.
        name: String,
    },
    /// The file has it with another shape or element type.
    Other {
        /// Its name.
        name: String,
        /// What the file has.
        found: String,
        /// What the model has.
        expected: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Missing { name, expected } => write!(f, "{name}: found no such tensor, expected {expected}"),
            Difference::Unexpected { name } => {
                write!(f, "{name}: found a tensor, expected none: the model has no such parameter")
            }
            Difference::Other { name, found, expected } => write!(f, "{name}: found {found}, expected {expected}"),
        }
    }
}

/// How many differences of each kind a message lists.
const LISTED: usize = 20;

/// All differences in one line, which stays readable when there are hundreds.
fn differences_in_words(differences: &[Difference], prefix: Option<&str>) -> String {
    if let Some(prefix) = prefix {
        let model = differences.iter().find_map(|difference| match difference {
            Difference::Missing { name, .. } => Some(name.as_str()),
            _ => None,
        });
        let example = model.unwrap_or_default();
        return format!(
            "found names that all begin with {prefix:?}, expected names such as {example}; \
             nn::checkpoint::load_with_prefix(model, path, {prefix:?}) takes it off"
        );
    }
    if let [only] = differences {
        return only.to_string();
    }
    let group = |kind: &str, belongs: fn(&Difference) -> bool| {
        let all: Vec<&Difference> = differences.iter().filter(|difference| belongs(difference)).collect();
        let mut words = format!("{} {kind} (", all.len());
        for (index, difference) in all.iter().take(LISTED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(words, "{separator}{difference}").expect("a string takes all that is written");
        }
        if all.len() > LISTED {
            write!(words, "; and {} more", all.len() - LISTED).expect("a string takes all that is written");
        }
        (!all.is_empty()).then(|| words + ")")
    };
    let groups = [
        group("missing", |difference| matches!(difference, Difference::Missing { .. })),
        group("unexpected", |difference| matches!(difference, Difference::Unexpected { .. })),
        group("of another shape or type", |difference| matches!(difference, Difference::Other { .. })),
    ];
    let groups: Vec<String> = groups.into_iter().flatten().collect();
    format!("found {} tensors that do not fit the model: {}", differences.len(), groups.join(", "))
}
