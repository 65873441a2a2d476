//! The names of classes: from the mapping file of an EMNIST split, from a text with one label per line, or the class
//! numbers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::file_kind::{BEGINNING, describe};
use crate::idx::DataError;

/// The largest number of classes: the labels of images are bytes.
pub const MAX_CLASSES: usize = 256;

/// The maximum size of a file with labels, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// The maximum length of a label, in characters.
const MAX_LENGTH: usize = 64;

/// What a file with labels should contain, for messages.
const EXPECTED: &str = "one label a line, or lines of EMNIST's mapping: a class and the ASCII codes of its characters";

/// A label for each class, in the order of the classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(Vec<String>);

/// How a file assigns labels to classes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listed {
    /// One label per line, from class 0 on.
    Lines(Vec<String>),
    /// Classes with their labels.
    Mapping(Vec<(usize, String)>),
}

impl Labels {
    /// The class numbers, from 0 on.
    pub fn numbers(classes: usize) -> Self {
        Labels((0..classes).map(|class| class.to_string()).collect())
    }

    /// The labels of an EMNIST split, if EMNIST has a split of this name with this number of classes.
    ///
    /// ```
    /// use mnist_demo::labels::Labels;
    /// assert_eq!(Labels::of_split("letters", 26).unwrap().name(25), "z");
    /// assert_eq!(Labels::of_split("balanced", 10), None);
    /// ```
    pub fn of_split(split: &str, classes: usize) -> Option<Self> {
        let characters = match split {
            "digits" | "mnist" => "0123456789",
            "letters" => "abcdefghijklmnopqrstuvwxyz",
            "balanced" | "bymerge" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt",
            "byclass" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            _ => return None,
        };
        (characters.len() == classes).then(|| Labels(characters.chars().map(String::from).collect()))
    }

    /// Parses the labels of `classes` classes from a text. Lines of two or three whole numbers each are a mapping of
    /// EMNIST. If the classes of a mapping count from 1 and their number fits, they are counted from 0 instead.
    ///
    /// # Errors
    /// What was found and what was expected, if the text has too few or too many labels, or labels that cannot be
    /// printed.
    pub fn parse(text: &str, classes: usize) -> Result<Self, [String; 2]> {
        let text = text.trim_start_matches('\u{feff}').trim_end();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        if text.is_empty() {
            return Err(["no labels".to_owned(), EXPECTED.to_owned()]);
        }
        let listed = match lines.iter().map(|line| mapping(line)).collect() {
            Some(mapping) => Listed::Mapping(mapping),
            None => Listed::Lines(lines.iter().map(|&line| line.to_owned()).collect()),
        };
        Labels::checked(listed.labels(classes)?)
    }

    /// Reads the labels in a file, in the format of [`parse`](Self::parse).
    ///
    /// # Errors
    /// If the file cannot be read, is not text, or does not fit this number of classes.
    pub fn read(path: &Path, classes: usize) -> Result<Self, DataError> {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|source| DataError::File { path: path.to_owned(), source })?;
        let wrong = |found: String| DataError::content(path, found, EXPECTED);
        if bytes.len() > MAX_BYTES {
            return Err(wrong(format!("more than {MAX_BYTES} bytes")));
        }
        if let Some(kind) = describe(&bytes[..bytes.len().min(BEGINNING)]).filter(|kind| !kind.starts_with("text")) {
            return Err(wrong(kind));
        }
        let text = str::from_utf8(&bytes).map_err(|_| wrong("bytes that are not UTF-8 text".to_owned()))?;
        Labels::parse(text, classes).map_err(|[found, expected]| DataError::content(path, found, expected))
    }

    /// Labels from another source, after a check that each can be printed in a line.
    ///
    /// # Errors
    /// If a label cannot be printed: what was found and what was expected.
    pub fn checked(labels: Vec<String>) -> Result<Self, [String; 2]> {
        let wrong = |label: &String| {
            label.trim().is_empty() || label.chars().count() > MAX_LENGTH || label.chars().any(char::is_control)
        };
        match labels.iter().position(wrong) {
            Some(class) => {
                let found = format!("the label {:?} of class {class}", labels[class]);
                Err([found, format!("1 to {MAX_LENGTH} characters that can be shown")])
            }
            None => Ok(Labels(labels)),
        }
    }

    /// How many classes have a label.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The label of a class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn name(&self, class: usize) -> &str {
        &self.0[class]
    }

    /// All labels, in the order of the classes.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether they are just the class numbers.
    pub fn are_numbers(&self) -> bool {
        self.0.iter().enumerate().all(|(class, label)| *label == class.to_string())
    }
}

impl Listed {
    /// The labels in the order of the classes, after a check that each class has exactly one.
    fn labels(self, classes: usize) -> Result<Vec<String>, [String; 2]> {
        let count = |found: usize| Err([format!("{found} labels"), format!("{classes}, one for each class")]);
        let mapping = match self {
            Listed::Lines(lines) if lines.len() == classes => return Ok(lines),
            Listed::Lines(lines) => return count(lines.len()),
            Listed::Mapping(mapping) => mapping,
        };
        let lowest = mapping.iter().map(|(class, _)| *class).min().unwrap_or(0);
        let from_one = lowest == 1 && mapping.len() == classes;
        // The classes of EMNIST's letters count from 1. Read unchanged, they have a class 0 without images, which is
        // not in the mapping.
        let unnamed = usize::from(lowest == 1 && mapping.len() + 1 == classes);
        if mapping.len() + unnamed != classes {
            return count(mapping.len());
        }
        let mut labels: Vec<Option<String>> = vec![None; classes];
        if unnamed == 1 {
            labels[0] = Some("0".to_owned());
        }
        for (class, label) in mapping {
            match labels.get_mut(class - usize::from(from_one)) {
                Some(slot @ None) => *slot = Some(label),
                Some(Some(_)) => return Err([format!("the class {class} twice"), "each class once".to_owned()]),
                None => return Err([format!("the class {class}"), format!("{classes} classes without a gap")]),
            }
        }
        Ok(labels.into_iter().map(|label| label.expect("as many labels as classes, each once")).collect())
    }
}

/// Parses a line of a mapping: `36 97` is class 36, *a*; `1 65 97` is class 1, *a*, because it joins A and a.
fn mapping(line: &str) -> Option<(usize, String)> {
    let numbers: Vec<u8> = line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let (&class, codes) = numbers.split_first()?;
    let characters: Vec<char> = codes.iter().map(|&code| code.into()).collect();
    let label = match *characters.as_slice() {
        [one] => one.to_string(),
        [one, other] if one.eq_ignore_ascii_case(&other) => one.to_ascii_lowercase().to_string(),
        [one, other] => format!("{one}{other}"),
        _ => return None,
    };
    Some((class.into(), label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, classes: usize) -> String {
        let [found, expected] = Labels::parse(text, classes).unwrap_err();
        format!("found {found}, expected {expected}")
    }

    #[test]
    fn mappings_and_lines_are_read() {
        let names = |text: &str, classes| Labels::parse(text, classes).unwrap().0;
        assert_eq!(names("0 48\n1 65\n2 97\n", 3), ["0", "A", "a"]);
        assert_eq!(names("1 97\r\n0 48\r\n", 2), ["0", "a"]);
        assert_eq!(names("1 65 97\n2 66 98\n", 2), ["a", "b"]);
        assert_eq!(names("1 65 97\n2 66 98\n", 3), ["0", "a", "b"]);
        assert_eq!(names("\u{feff}T-shirt\nAnkle boot\n\n", 2), ["T-shirt", "Ankle boot"]);
        assert_eq!(names("7\n8", 2), ["7", "8"]);
        assert!(Labels::parse("0\n1\n2", 3).unwrap().are_numbers() && Labels::numbers(3).len() == 3);
        let mapping: String = (0..47).map(|class| format!("{class} {}\n", 48 + class)).collect();
        assert_eq!(Labels::parse(&mapping, 47).unwrap().name(46), "^");
    }

    #[test]
    fn what_does_not_go_with_the_classes_is_refused() {
        assert_eq!(refused("a\nb\n", 3), "found 2 labels, expected 3, one for each class");
        assert_eq!(refused("0 48\n1 49\n2 50", 2), "found 3 labels, expected 2, one for each class");
        assert_eq!(refused("0 48\n0 49", 2), "found the class 0 twice, expected each class once");
        assert_eq!(refused("0 48\n5 49", 2), "found the class 5, expected 2 classes without a gap");
        assert!(refused(" \n", 2).starts_with("found no labels"));
        assert!(refused("a\n\nb", 3).starts_with("found the label \"\" of class 1"));
        assert!(refused("a\n\x1b[2J", 2).starts_with("found the label \"\\u{1b}[2J\" of class 1"));
        assert!(refused(&"x".repeat(65), 1).contains("expected 1 to 64 characters"));
    }

    #[test]
    fn the_splits_have_as_many_labels_as_classes() {
        for (split, classes, last) in [
            ("digits", 10, "9"),
            ("letters", 26, "z"),
            ("balanced", 47, "t"),
            ("bymerge", 47, "t"),
            ("byclass", 62, "z"),
        ] {
            let labels = Labels::of_split(split, classes).unwrap();
            assert_eq!((labels.len(), labels.name(classes - 1)), (classes, last));
            assert_eq!(Labels::of_split(split, classes + 1), None);
        }
    }
}
