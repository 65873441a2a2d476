//! Finds the files of a data set in a folder: four files with MNIST's names, or those of one split of EMNIST.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::idx::DataError;
use crate::labels::Labels;

/// The names of MNIST's files: training images and labels, test images and labels.
const MNIST: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];
/// The ends of EMNIST's names, in the same order: `emnist-letters-train-images-idx3-ubyte`.
const EMNIST: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "test-images-idx3-ubyte", "test-labels-idx1-ubyte"];
const EMNIST_PREFIX: &str = "emnist-";
const MAPPING: &str = "mapping.txt";
const LABELS: &str = "labels.txt";

/// The maximum number of subfolders that are searched, for the error message, when a folder has no data set.
const MAX_SEARCHED: usize = 64;

/// The files of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// Training images and labels, test images and labels.
    pub four: [PathBuf; 4],
    /// The split of EMNIST, if the files have EMNIST's names.
    pub split: Option<String>,
    /// The file with the names of the classes.
    pub labels: Option<PathBuf>,
}

/// The path that stands for an EMNIST split in a folder. [`super::Dataset::from_folder`] accepts it instead of the
/// folder.
pub fn split_path(folder: &Path, split: &str) -> PathBuf {
    folder.join(format!("{EMNIST_PREFIX}{split}"))
}

/// The labels of the classes of the data set at this path, if it is still there. They are needed when a network is
/// used after its training.
///
/// # Errors
/// If the file with the labels is wrong.
pub fn labels_at(path: &Path, classes: usize) -> Result<Option<Labels>, DataError> {
    match Files::find(path) {
        Ok(files) => files.labels(classes),
        Err(_) => Ok(None),
    }
}

impl Files {
    /// The files at a path: a folder, or the path of a split in it ([`split_path`]).
    ///
    /// # Errors
    /// If there is no such folder, a file is missing, or there are several splits and the path does not name one.
    pub fn find(path: &Path) -> Result<Self, DataError> {
        let (folder, named) = folder_and_split(path)?;
        let content = Content::of(folder)?;
        let splits: Vec<&str> = content.splits.keys().filter_map(Option::as_deref).collect();
        let split = match (named, splits.as_slice()) {
            (Some(split), _) if splits.contains(&split) => Some(split),
            (Some(split), _) => return Err(content.no_split(split, &splits)),
            (None, _) if content.splits.contains_key(&None) => None,
            (None, []) => return Err(content.nothing()),
            (None, [only]) => Some(*only),
            (None, _) => {
                let found = format!("the EMNIST splits {}", splits.join(", "));
                return Err(DataError::content(folder, found, "one of them to be named: --split NAME"));
            }
        };
        content.files(split.map(str::to_owned))
    }

    /// The labels of the classes: from the file, or the known labels of the split.
    ///
    /// # Errors
    /// If the file is wrong.
    pub fn labels(&self, classes: usize) -> Result<Option<Labels>, DataError> {
        match &self.labels {
            Some(path) => Labels::read(path, classes).map(Some),
            None => Ok(self.split.as_deref().and_then(|split| Labels::of_split(split, classes))),
        }
    }
}

/// The files in a folder.
struct Content<'a> {
    folder: &'a Path,
    /// The names of the files of data sets, by split (`None`: MNIST's names) and by their index among the four. If a
    /// file is there under several names, the plain name is preferred to the one with `.gz`.
    splits: BTreeMap<Option<String>, [Option<String>; 4]>,
    /// All names, sorted.
    names: Vec<String>,
}

impl<'a> Content<'a> {
    fn of(folder: &'a Path) -> Result<Self, DataError> {
        let names = names(folder).map_err(|source| DataError::File { path: folder.to_owned(), source })?;
        let mut splits: BTreeMap<Option<String>, [Option<String>; 4]> = BTreeMap::new();
        // Only files: some programs unpack `NAME.gz` into a folder NAME that contains the file.
        for name in names.iter().filter(|name| folder.join(name).is_file()) {
            if let Some((split, index)) = part(name) {
                let slot = &mut splits.entry(split.map(str::to_owned)).or_default()[index];
                if slot.as_ref().is_none_or(|other| rank(name) < rank(other)) {
                    *slot = Some(name.clone());
                }
            }
        }
        Ok(Content { folder, splits, names })
    }

    fn files(&self, split: Option<String>) -> Result<Files, DataError> {
        let four = &self.splits[&split];
        let labels = self.labels(split.as_deref());
        match four {
            [Some(a), Some(b), Some(c), Some(d)] => {
                Ok(Files { four: [a, b, c, d].map(|name| self.folder.join(name)), split, labels })
            }
            _ => {
                let missing: Vec<String> = (0..4)
                    .filter(|&index| four[index].is_none())
                    .map(|index| name_of(split.as_deref(), index))
                    .collect();
                let found: Vec<&str> = four.iter().flatten().map(String::as_str).collect();
                let expected = format!("{} too, plain or .gz", missing.join(", "));
                Err(DataError::content(self.folder, format!("only {}", found.join(", ")), expected))
            }
        }
    }

    /// The file with the names of the classes.
    fn labels(&self, split: Option<&str>) -> Option<PathBuf> {
        let has = |name: &str| self.names.iter().any(|other| other == name);
        let of_split = split.map(|split| format!("{EMNIST_PREFIX}{split}-{MAPPING}"));
        let mappings: Vec<&String> = self.names.iter().filter(|name| name.ends_with(MAPPING)).collect();
        let name = match (of_split, mappings.as_slice()) {
            (Some(name), _) if has(&name) => name,
            _ if has(LABELS) => LABELS.to_owned(),
            // Files of a split that were renamed to MNIST's names, with the mapping of the split.
            (None, [only]) if self.splits.len() == 1 => (*only).clone(),
            _ => return None,
        };
        Some(self.folder.join(name))
    }

    fn no_split(&self, split: &str, splits: &[&str]) -> DataError {
        let files = format!("{} and so on", name_of(Some(split), 0));
        match splits {
            // No split is there, so the path may have been meant as a folder.
            [] => {
                let expected = format!("a folder with the four files of a data set, or {files} in its place");
                DataError::content(&split_path(self.folder, split), "no such folder", expected)
            }
            _ => DataError::content(self.folder, format!("the EMNIST splits {}", splits.join(", ")), files),
        }
    }

    /// The error for a folder without files of a data set.
    fn nothing(&self) -> DataError {
        let holds_some =
            |folder: &PathBuf| names(folder).is_ok_and(|names| names.iter().any(|name| part(name).is_some()));
        let folders = self.names.iter().map(|name| self.folder.join(name)).filter(|path| path.is_dir());
        let deeper = folders.take(MAX_SEARCHED).find(holds_some);
        let found = match (&deeper, self.names.is_empty()) {
            (Some(deeper), _) => format!("the files in {}, not here", deeper.display()),
            (None, true) => "an empty folder".to_owned(),
            (None, false) => format!("no {} or the like", MNIST[0]),
        };
        let expected = format!("the four files of a data set ({}), each plain or .gz", MNIST.join(", "));
        DataError::content(self.folder, found, expected)
    }
}

/// The folder of a path, and the split if the path stands for one.
fn folder_and_split(path: &Path) -> Result<(&Path, Option<&str>), DataError> {
    let split = path.file_name().and_then(|name| name.to_str()?.strip_prefix(EMNIST_PREFIX));
    let parent = path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let expected = "a folder with the four files of a data set";
    match (fs::metadata(path), split, parent) {
        (Ok(metadata), ..) if metadata.is_dir() => Ok((path, None)),
        (Ok(_), ..) => Err(DataError::content(path, "a file", expected)),
        (Err(_), Some(split), Some(parent)) if parent.is_dir() => Ok((parent, Some(split))),
        (Err(error), ..) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(DataError::content(path, "no such folder", expected))
        }
        (Err(source), ..) => Err(DataError::File { path: path.to_owned(), source }),
    }
}

/// The names in a folder, sorted. Names that are not valid Unicode are left out.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// The split of a file name (`None`: MNIST's names), and its index among the four files.
fn part(name: &str) -> Option<(Option<&str>, usize)> {
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    // The spelling with a dot, `train-images.idx3-ubyte`.
    let ends = |stem: &str, end: &str| stem.strip_suffix(end).or_else(|| stem.strip_suffix(&dotted(end))).map(str::len);
    if let Some(index) = MNIST.iter().position(|name| ends(stem, name) == Some(0)) {
        return Some((None, index));
    }
    let rest = stem.strip_prefix(EMNIST_PREFIX)?;
    EMNIST.iter().enumerate().find_map(|(index, end)| {
        let split = rest[..ends(rest, end)?].strip_suffix('-')?;
        (!split.is_empty()).then_some((Some(split), index))
    })
}

fn dotted(name: &str) -> String {
    name.replacen("-idx", ".idx", 1)
}

/// The order of preference of several names for the same file: the lowest is used.
fn rank(name: &str) -> (bool, bool) {
    (name.contains(".idx"), name.ends_with(".gz"))
}

/// The name of one of the four files.
fn name_of(split: Option<&str>, index: usize) -> String {
    match split {
        None => MNIST[index].to_owned(),
        Some(split) => format!("{EMNIST_PREFIX}{split}-{}", EMNIST[index]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_split_and_the_part() {
        assert_eq!(part("t10k-labels.idx1-ubyte.gz"), Some((None, 3)));
        assert_eq!(part("train-images-idx3-ubyte"), Some((None, 0)));
        assert_eq!(part("emnist-letters-test-images-idx3-ubyte.gz"), Some((Some("letters"), 2)));
        assert_eq!(part("emnist-mnist-train-labels-idx1-ubyte"), Some((Some("mnist"), 1)));
        for other in ["emnist-letters-mapping.txt", "emnist--train-images-idx3-ubyte", "train-images-idx3-ubyte.zip"] {
            assert_eq!(part(other), None, "{other}");
        }
        let names = ["t10k-images.idx3-ubyte", "t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte"];
        assert_eq!(names.into_iter().min_by_key(|name| rank(name)), Some("t10k-images-idx3-ubyte"));
    }
}
