//! A whole data set: images as bytes, and their labels.

mod files;

use std::fmt;
use std::path::Path;

use autograd::kernels::bytes::gather_rows;
use autograd::{Indices, Tensor};
use nn::data::Examples;
use serde::{Deserialize, Serialize};

pub use files::{labels_at, split_path};

use self::files::Files;
use crate::idx::{self, DataError, Idx};
use crate::labels::Labels;

/// Training and test images of the same size, and their classes.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The training images.
    pub train: Images,
    /// The test images.
    pub test: Images,
    /// The number of classes: the largest training label plus 1.
    pub classes: usize,
    /// The names of the classes, or their numbers if the data set has no names.
    pub labels: Labels,
}

/// Images of one size with their labels.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    /// The height of an image, in pixels.
    pub rows: usize,
    /// The width of an image, in pixels.
    pub columns: usize,
}

impl Images {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images, which is never so for a data set that was read.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The number of pixels of an image.
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

impl Examples for Images {
    type Batch = (Tensor, Indices);

    fn count(&self) -> usize {
        self.len()
    }

    fn batch(&self, chosen: &[usize]) -> (Tensor, Indices) {
        Images::batch(self, chosen)
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

impl Dataset {
    /// The MNIST digits, which are embedded in the program.
    ///
    /// # Errors
    /// Only if the program itself is damaged.
    pub fn embedded() -> Result<Self, DataError> {
        let path = |name| Path::new("embedded").join(name);
        macro_rules! images {
            ($images:literal, $labels:literal) => {
                Images::new(
                    idx::read_compressed(
                        &include_bytes!(concat!("../../data/", $images, ".gz"))[..],
                        &path($images),
                        3,
                    )?,
                    idx::read_compressed(
                        &include_bytes!(concat!("../../data/", $labels, ".gz"))[..],
                        &path($labels),
                        1,
                    )?,
                    [&path($images), &path($labels)],
                )?
            };
        }
        let train = images!("train-images-idx3-ubyte", "train-labels-idx1-ubyte");
        let test = images!("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte");
        Dataset::new(train, test, [&path("t10k-images-idx3-ubyte"), &path("t10k-labels-idx1-ubyte")])
    }

    /// Reads a data set in MNIST's format from a folder: four files with MNIST's names, each plain or with `.gz`
    /// appended (the plain file is preferred), or with the names of a split of EMNIST,
    /// `emnist-letters-train-images-idx3-ubyte` and so on. The spelling with a dot, `train-images.idx3-ubyte`, is
    /// accepted too. MNIST's names are preferred; if there are several splits, a [`split_path`] instead of the folder
    /// names one.
    ///
    /// The images in EMNIST's files are transposed, and the labels of its letters count from 1: both are corrected.
    /// The names of the classes come from a file in the same folder: `labels.txt` or, for EMNIST,
    /// `emnist-letters-mapping.txt` and similar names.
    ///
    /// # Errors
    /// If a file is missing or wrong, or the files do not fit together; see [`DataError`].
    pub fn from_folder(path: &Path) -> Result<Self, DataError> {
        let files = Files::find(path)?;
        let [train_images, train_labels, test_images, test_labels] = &files.four;
        let read = |images: &Path, labels: &Path| {
            let mut read = Images::new(idx::read_file(images, 3)?, idx::read_file(labels, 1)?, [images, labels])?;
            if let Some(split) = &files.split {
                read.transpose();
                if split == LETTERS {
                    read.count_from_zero(labels)?;
                }
            }
            Ok::<_, DataError>(read)
        };
        let (train, test) = (read(train_images, train_labels)?, read(test_images, test_labels)?);
        let mut data = Dataset::new(train, test, [test_images, test_labels])?;
        if let Some(labels) = files.labels(data.classes)? {
            data.labels = labels;
        }
        Ok(data)
    }

    /// The sizes and the checksum of this data set.
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

    /// Joins training and test images, after a check that they fit together. The paths are those of the test images
    /// and labels, for error messages.
    fn new(train: Images, test: Images, [images_path, labels_path]: [&Path; 2]) -> Result<Self, DataError> {
        if (train.rows, train.columns) != (test.rows, test.columns) {
            let size = |images: &Images| format!("images of {} × {}", images.rows, images.columns);
            return Err(DataError::content(images_path, size(&test), format!("{}, as in training", size(&train))));
        }
        let classes = 1 + usize::from(*train.labels.iter().max().expect("images that were read are not empty"));
        if let Some(&label) = test.labels.iter().find(|&&label| usize::from(label) >= classes) {
            let expected = format!("labels below {classes}, the number of classes in training");
            return Err(DataError::content(labels_path, format!("the label {label}"), expected));
        }
        Ok(Dataset { train, test, classes, labels: Labels::numbers(classes) })
    }
}

/// The split of EMNIST whose labels count from 1.
const LETTERS: &str = "letters";

impl Images {
    /// Images and labels as they are in their files; the paths are for error messages.
    fn new(images: Idx, labels: Idx, [images_path, labels_path]: [&Path; 2]) -> Result<Self, DataError> {
        let &[count, rows, columns] = images.extents.as_slice() else { unreachable!("images have three extents") };
        if count == 0 {
            return Err(DataError::content(images_path, "no images", "at least one"));
        }
        if rows == 0 || columns == 0 {
            return Err(DataError::content(images_path, format!("images of {rows} × {columns}"), "images with pixels"));
        }
        if labels.bytes.len() != count {
            let found = format!("{} labels", labels.bytes.len());
            return Err(DataError::content(labels_path, found, format!("{count}, one for each image")));
        }
        Ok(Images { pixels: images.bytes, labels: labels.bytes, rows, columns })
    }

    /// Exchanges the rows and columns of each image.
    fn transpose(&mut self) {
        let Images { rows, columns, .. } = *self;
        let mut image = vec![0; rows * columns];
        for pixels in self.pixels.chunks_exact_mut(rows * columns) {
            image.copy_from_slice(pixels);
            for (index, pixel) in pixels.iter_mut().enumerate() {
                *pixel = image[index % rows * columns + index / rows];
            }
        }
        (self.rows, self.columns) = (columns, rows);
    }

    /// Changes labels that count from 1 to labels that count from 0.
    fn count_from_zero(&mut self, path: &Path) -> Result<(), DataError> {
        for label in &mut self.labels {
            *label = label.checked_sub(1).ok_or_else(|| {
                DataError::content(path, "the label 0", "labels from 1 to 26, as EMNIST's letters have them")
            })?;
        }
        Ok(())
    }
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

    #[test]
    fn rows_and_columns_are_exchanged() {
        let pixels = vec![1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60];
        let mut images = Images { pixels, labels: vec![0, 1], rows: 2, columns: 3 };
        images.transpose();
        assert_eq!((images.rows, images.columns), (3, 2));
        assert_eq!(images.pixels, [1, 4, 2, 5, 3, 6, 10, 40, 20, 50, 30, 60]);
    }
}
