//! A whole data set: images as bytes, and their labels.

use std::fmt;
use std::path::{Path, PathBuf};

use autograd::kernels::bytes::gather_rows;
use autograd::{Indices, Tensor};

use serde::{Deserialize, Serialize};

use crate::idx::{self, DataError, Idx};

/// Training and test images of one size, and how many classes they fall into.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What to learn from.
    pub train: Images,
    /// What to be judged by.
    pub test: Images,
    /// The largest training label plus 1.
    pub classes: usize,
}

/// Images of one size with their labels.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    /// Pixels from top to bottom.
    pub rows: usize,
    /// Pixels from left to right.
    pub columns: usize,
}

impl Images {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none; a data set that was read has some.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of an image.
    pub fn width(&self) -> usize {
        self.rows * self.columns
    }

    /// All pixels, image after image, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The labels, in the order of the images.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The pixels of an image, row by row.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.width()..][..self.width()]
    }

    /// The chosen images, `[chosen, pixels]` with pixels from 0 to 1, and their labels.
    ///
    /// # Panics
    /// If there is no such image.
    pub fn batch(&self, chosen: &[usize]) -> (Tensor, Indices) {
        let width = self.width();
        let images = Tensor::build([chosen.len(), width], |out| gather_rows(&self.pixels, width, chosen, 255.0, out));
        (images, chosen.iter().map(|&index| self.labels[index]).collect())
    }
}

/// Tells one data set from another, wherever it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    train: usize,
    test: usize,
    rows: usize,
    columns: usize,
    classes: usize,
    checksum: u32,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity { train, test, rows, columns, classes, checksum } = self;
        write!(f, "{train} + {test} images of {rows} × {columns} in {classes} classes, checksum {checksum:08x}")
    }
}

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

impl Dataset {
    /// The real digits, which are part of the program.
    ///
    /// # Errors
    /// Only if the program itself is damaged.
    pub fn embedded() -> Result<Self, DataError> {
        let read =
            |name: &str, bytes: &[u8], rank| idx::read_compressed(bytes, &Path::new("embedded").join(name), rank);
        macro_rules! part {
            ($name:literal, $rank:literal) => {
                read($name, include_bytes!(concat!("../data/", $name, ".gz")), $rank)?
            };
        }
        Dataset::assemble(
            Path::new("embedded"),
            [part!("train-images-idx3-ubyte", 3), part!("t10k-images-idx3-ubyte", 3)],
            [part!("train-labels-idx1-ubyte", 1), part!("t10k-labels-idx1-ubyte", 1)],
        )
    }

    /// Any data set of the same form: four files with MNIST's names, each plain or with `.gz` behind it (the plain one is taken if there are both).
    /// The spelling with a dot, `train-images.idx3-ubyte`, is known too.
    ///
    /// # Errors
    /// If a file is missing or wrong, or they do not fit together; see [`DataError`].
    pub fn from_folder(folder: &Path) -> Result<Self, DataError> {
        let read = |name, rank| idx::read_file(&find(folder, name)?, rank);
        Dataset::assemble(
            folder,
            [read(TRAIN_IMAGES, 3)?, read(TEST_IMAGES, 3)?],
            [read(TRAIN_LABELS, 1)?, read(TEST_LABELS, 1)?],
        )
    }

    /// What tells it from other data sets.
    pub fn identity(&self) -> Identity {
        let mut checksum = crc32fast::Hasher::new();
        for images in [&self.train, &self.test] {
            checksum.update(&images.pixels);
            checksum.update(&images.labels);
        }
        Identity {
            train: self.train.len(),
            test: self.test.len(),
            rows: self.train.rows,
            columns: self.train.columns,
            classes: self.classes,
            checksum: checksum.finalize(),
        }
    }

    fn assemble(folder: &Path, images: [Idx; 2], labels: [Idx; 2]) -> Result<Self, DataError> {
        let [train_images, test_images] = images;
        let [train_labels, test_labels] = labels;
        let train = join(folder, [TRAIN_IMAGES, TRAIN_LABELS], train_images, train_labels)?;
        let test = join(folder, [TEST_IMAGES, TEST_LABELS], test_images, test_labels)?;
        if (train.rows, train.columns) != (test.rows, test.columns) {
            let size = |images: &Images| format!("images of {} × {}", images.rows, images.columns);
            return Err(DataError::content(
                &folder.join(TEST_IMAGES),
                size(&test),
                format!("{}, as in training", size(&train)),
            ));
        }
        let classes = 1 + usize::from(*train.labels.iter().max().expect("join refuses no images"));
        if let Some(&label) = test.labels.iter().find(|&&label| usize::from(label) >= classes) {
            let expected = format!("labels below {classes}, the number of classes in training");
            return Err(DataError::content(&folder.join(TEST_LABELS), format!("the label {label}"), expected));
        }
        Ok(Dataset { train, test, classes })
    }
}

fn find(folder: &Path, name: &str) -> Result<PathBuf, DataError> {
    let dotted = name.replacen("-idx", ".idx", 1);
    if !folder.is_dir() {
        return Err(DataError::content(folder, "no such folder", "one with the four files of a data set"));
    }
    let candidates = [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
    let found = candidates.iter().map(|candidate| folder.join(candidate)).find(|path| path.exists());
    found.ok_or_else(|| DataError::content(folder, format!("no {name}"), format!("{name} or {name}.gz in this folder")))
}

fn join(folder: &Path, [images_name, labels_name]: [&str; 2], images: Idx, labels: Idx) -> Result<Images, DataError> {
    let &[count, rows, columns] = images.extents.as_slice() else { unreachable!("images are read with three extents") };
    let path = folder.join(images_name);
    if count == 0 {
        return Err(DataError::content(&path, "no images", "at least one"));
    }
    if rows == 0 || columns == 0 {
        return Err(DataError::content(&path, format!("images of {rows} × {columns}"), "images with pixels"));
    }
    if labels.bytes.len() != count {
        let found = format!("{} labels", labels.bytes.len());
        return Err(DataError::content(&folder.join(labels_name), found, format!("{count}, one for each image")));
    }
    Ok(Images { pixels: images.bytes, labels: labels.bytes, rows, columns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_digits_are_the_real_ones() {
        let data = Dataset::embedded().unwrap();
        assert_eq!((data.train.len(), data.test.len(), data.classes), (60_000, 10_000, 10));
        assert_eq!((data.train.rows, data.train.columns), (28, 28));
        assert_eq!(data.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
        assert_eq!(data.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
        let mean = |images: &Images| {
            images.pixels.iter().map(|&pixel| f64::from(pixel)).sum::<f64>() / (images.pixels.len() as f64 * 255.0)
        };
        assert!((mean(&data.train) - 0.13066).abs() < 1e-5 && (mean(&data.test) - 0.13251).abs() < 1e-5);
    }

    #[test]
    fn a_batch_is_pixels_over_255() {
        let images = Images { pixels: vec![0, 51, 102, 255], labels: vec![3, 1], rows: 1, columns: 2 };
        let (pixels, labels) = images.batch(&[1, 0, 1]);
        assert_eq!(pixels.to_vec(), [0.4, 1.0, 0.0, 0.2, 0.4, 1.0]);
        assert_eq!(labels, Indices::from([1, 3, 1]));
    }
}
