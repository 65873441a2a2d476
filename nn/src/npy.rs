//! Arrays in NumPy's files: `.npy`, and `.npz`, a zip archive of several. Behind the feature `npy`.
//!
//! ```
//! use autograd::{Indices, Tensor};
//! use nn::npy::{self, Array};
//! let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("images.npy"); // np.load("images.npy")
//! npy::write(&path, &Array::Tensor(Tensor::from_vec(vec![1.0, 2.0, 3.0], [3, 1]))).unwrap();
//! let images: Tensor = npy::read(&path).unwrap().into_tensor().unwrap();
//! assert_eq!(images.to_vec(), [1.0, 2.0, 3.0]);
//!
//! let path = folder.path().join("data.npz"); // np.load("data.npz")["labels"]
//! let labels = Indices::from([7, 8, 9]);
//! npy::write_npz(&path, &[("images", &images.into()), ("labels", &labels.clone().into())]).unwrap();
//! let arrays = npy::read_npz::<f32>(&path).unwrap();
//! assert_eq!(arrays["labels"], Array::Indices(labels));
//! ```
//!
//! Floating-point arrays (`float16`, `float32`, `float64`) become tensors, whose elements are converted to the tensor's
//! type; integers of up to 64 bits and booleans become [`Indices`]. Either byte order and either order of the
//! dimensions is read. Written is what NumPy itself writes: little-endian, row-major.
//!
//! What a file says about itself is not believed: a header's length and shape are compared with the bytes that are
//! there before anything is made of them.

mod archive;
mod array;
mod header;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use autograd::{Float, Indices, Tensor};

use crate::file;

/// An array of a file.
#[derive(Clone, Debug)]
pub enum Array<T: Float = f32> {
    /// Floating-point elements.
    Tensor(Tensor<T>),
    /// Integers; booleans are 0 and 1.
    Indices(Indices),
}

impl<T: Float> Array<T> {
    /// The tensor, if it is one.
    pub fn into_tensor(self) -> Option<Tensor<T>> {
        match self {
            Array::Tensor(tensor) => Some(tensor),
            Array::Indices(_) => None,
        }
    }

    /// The integers, if it has such elements.
    pub fn into_indices(self) -> Option<Indices> {
        match self {
            Array::Tensor(_) => None,
            Array::Indices(indices) => Some(indices),
        }
    }
}

/// Of one kind, with the same shapes and elements.
impl<T: Float> PartialEq for Array<T> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Array::Tensor(a), Array::Tensor(b)) => a.shape() == b.shape() && a.to_vec() == b.to_vec(),
            (Array::Indices(a), Array::Indices(b)) => a == b,
            _ => false,
        }
    }
}

impl<T: Float> From<Tensor<T>> for Array<T> {
    fn from(tensor: Tensor<T>) -> Self {
        Array::Tensor(tensor)
    }
}

impl<T: Float> From<Indices> for Array<T> {
    fn from(indices: Indices) -> Self {
        Array::Indices(indices)
    }
}

/// Why a file of NumPy's could not be read or written.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum NpyError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no whole array, or of a kind that is not read.
    #[error("{path}: {}found {found}, expected {expected}", in_words(.array))]
    Format {
        /// The file.
        path: PathBuf,
        /// The array's name in an archive.
        array: Option<String>,
        /// What the file has.
        found: String,
        /// What it should have.
        expected: String,
    },
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for NpyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn in_words(array: &Option<String>) -> String {
    array.as_ref().map_or(String::new(), |name| format!("{name}: "))
}

/// What is wrong with an array's bytes.
#[derive(Debug)]
struct Refused {
    found: String,
    expected: String,
}

fn refused<R>(found: impl Into<String>, expected: impl Into<String>) -> Result<R, Refused> {
    Err(Refused { found: found.into(), expected: expected.into() })
}

fn at(path: &Path, array: Option<String>) -> impl FnOnce(Refused) -> NpyError {
    move |Refused { found, expected }| NpyError::Format { path: path.to_owned(), array, found, expected }
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, NpyError> {
    std::fs::read(path).map_err(|source| NpyError::File { path: path.to_owned(), source })
}

fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), NpyError> {
    file::write(path, bytes).map_err(|source| NpyError::File { path: path.to_owned(), source })
}

/// Reads a `.npy` file.
///
/// # Errors
/// If the file cannot be read, is not whole, or has elements of another kind: texts, objects, complex numbers, records.
pub fn read<T: Float>(path: impl AsRef<Path>) -> Result<Array<T>, NpyError> {
    let path = path.as_ref();
    array::from_bytes(&read_bytes(path)?).map_err(at(path, None))
}

/// Writes a `.npy` file: `float32` or `float64`, as the tensor is, or `int64`. At `path` is the old file or the whole
/// new one at every moment; [`file::write()`] tells what becomes of links, modes and devices.
///
/// # Errors
/// If the file cannot be written. What was at `path` is still there then.
pub fn write<T: Float>(path: impl AsRef<Path>, array: &Array<T>) -> Result<(), NpyError> {
    let path = path.as_ref();
    write_bytes(path, &array::to_bytes(array).map_err(at(path, None))?)
}

/// Reads all arrays of a `.npz` file by name, as `np.savez` and `np.savez_compressed` write.
///
/// # Errors
/// If the file cannot be read or is not whole, has more than 1024 members or more than 4 GB, a member is no array, or
/// two have the same name; and those of [`read`].
pub fn read_npz<T: Float>(path: impl AsRef<Path>) -> Result<BTreeMap<String, Array<T>>, NpyError> {
    let path = path.as_ref();
    archive::from_bytes(&read_bytes(path)?).map_err(|(array, refused)| at(path, array)(refused))
}

/// Writes arrays with their names into a `.npz` file, uncompressed, as `np.savez` does.
///
/// # Errors
/// If two arrays have the same name, or the file cannot be written. What was at `path` is still there then.
pub fn write_npz<T: Float>(path: impl AsRef<Path>, arrays: &[(&str, &Array<T>)]) -> Result<(), NpyError> {
    let path = path.as_ref();
    write_bytes(path, &archive::to_bytes(arrays).map_err(|(array, refused)| at(path, array)(refused))?)
}
