//! The work that all contenders do: the same digits in the same order, from the same first weights.

use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use autograd::Random;
use autograd::kernels::bytes::gather_rows;
use flate2::read::MultiGzDecoder;

/// The widths of the classic perceptron, from pixels to classes.
pub const SIZES: [usize; 4] = [784, 256, 128, 10];

/// Adam's learning rate, everywhere.
pub const LEARNING_RATE: f64 = 1e-3;

/// Floating-point operations of a training step for each image: two for each weight forward, two for its gradient, and
/// two for the gradient of the input of each layer except the first.
pub fn operations_per_image() -> f64 {
    let weights: Vec<usize> = SIZES.windows(2).map(|sizes| sizes[0] * sizes[1]).collect();
    (6 * weights.iter().sum::<usize>() - 2 * weights[0]) as f64
}

/// The training digits, an order to take them in, and weights to start from.
///
/// These are the real digits: four fifths of their pixels are 0, which the engine's products make use of, and about
/// half of the hidden units output 0, which makes Adam's moments of their weights decay to denormal values. Random
/// pixels would hide that.
pub struct Problem {
    /// `[images, 784]`.
    pub images: Vec<u8>,
    /// One for each image.
    pub labels: Vec<u8>,
    /// The images in a random order.
    pub order: Vec<usize>,
    /// A weight `[out, in]` and a bias `[out]` for each layer, uniform in ±1/√in.
    pub parameters: Vec<Vec<f32>>,
}

impl Problem {
    /// The MNIST training set of the demo, and everything else from fixed seeds.
    ///
    /// # Errors
    /// If the demo's data cannot be read.
    pub fn digits() -> Result<Self> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../mnist-demo/data"));
        let images = bytes_of(&folder.join("train-images-idx3-ubyte.gz"), 16)?;
        let labels = bytes_of(&folder.join("train-labels-idx1-ubyte.gz"), 8)?;
        Ok(Problem::new(images, labels))
    }

    /// Random dots, as many images as wanted: enough for tests.
    pub fn dots(count: usize) -> Self {
        let mut random = Random::new(7);
        let images = (0..count * SIZES[0]).map(|_| if random.below(5) == 0 { random.below(256) as u8 } else { 0 });
        Problem::new(images.collect(), (0..count).map(|index| (index % SIZES[3]) as u8).collect())
    }

    /// Makes black pixels the darkest grey: values hardly differ, but none is zero.
    pub fn lighten(&mut self) {
        self.images.iter_mut().for_each(|pixel| *pixel = (*pixel).max(1));
    }

    fn new(images: Vec<u8>, labels: Vec<u8>) -> Self {
        assert_eq!(images.len(), labels.len() * SIZES[0], "an image for each label");
        let mut order: Vec<usize> = (0..labels.len()).collect();
        let mut random = Random::new(1);
        random.shuffle(&mut order);
        let parameters = SIZES.windows(2).flat_map(|sizes| {
            let bound = (sizes[0] as f64).sqrt().recip();
            [sizes[0] * sizes[1], sizes[1]]
                .map(|length| (0..length).map(|_| ((2.0 * random.uniform() - 1.0) * bound) as f32).collect())
        });
        let parameters = parameters.collect();
        Problem { images, labels, order, parameters }
    }

    /// The rows of batch number `index`; after the last whole one of the order comes the first again.
    ///
    /// # Panics
    /// If there are not enough images for one batch.
    pub fn batch(&self, index: usize, size: usize) -> &[usize] {
        let whole = self.order.len() / size;
        assert!(whole > 0, "{} images do not make a batch of {size}", self.order.len());
        &self.order[index % whole * size..][..size]
    }

    /// Writes the pixels of the chosen images, from 0 to 1, to `out`.
    pub fn gather(&self, rows: &[usize], out: &mut [f32]) {
        gather_rows(&self.images, SIZES[0], rows, 255.0, out);
    }

    /// The labels of the chosen images.
    pub fn labels_of(&self, rows: &[usize]) -> impl Iterator<Item = u8> {
        rows.iter().map(|&row| self.labels[row])
    }

    /// For contenders in other languages: a line with the number of images and the widths, then images, labels, order
    /// (32 bits) and parameters, all little-endian.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let sizes = SIZES.map(|size| size.to_string()).join(" ");
        writeln!(to, "{} {sizes}", self.labels.len())?;
        to.write_all(&self.images)?;
        to.write_all(&self.labels)?;
        for &row in &self.order {
            to.write_all(&(row as u32).to_le_bytes())?;
        }
        for value in self.parameters.iter().flatten() {
            to.write_all(&value.to_le_bytes())?;
        }
        to.flush()
    }
}

/// What follows the header of a compressed IDX file.
fn bytes_of(path: &Path, header: usize) -> Result<Vec<u8>> {
    let located = || format!("{} can't be read", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(located)?;
    MultiGzDecoder::new(file).read_to_end(&mut bytes).with_context(located)?;
    ensure!(bytes.len() > header, "{}: shorter than its header", path.display());
    Ok(bytes.split_off(header))
}

/// Values between -2 and 6 for elementwise tasks, from a multiplicative hash of their index, so that any language can
/// make them. Their sum is far from zero, so that the order of adding hardly changes it.
pub fn operand(length: usize, multiplier: u32) -> Vec<f32> {
    let unit = |index: usize| f64::from((index as u32).wrapping_add(1).wrapping_mul(multiplier)) / 2_f64.powi(32);
    (0..length).map(|index| (8.0 * unit(index) - 2.0) as f32).collect()
}

/// The same values, scaled to lie between -1 and 1.
pub fn centred(length: usize, multiplier: u32) -> Vec<f32> {
    operand(length, multiplier).into_iter().map(|x| x / 4.0 - 0.5).collect()
}

/// The implementations of the first and of the second operand.
pub const MULTIPLIERS: [u32; 2] = [2_654_435_761, 2_246_822_519];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_are_all_there_in_one_order() {
        let problem = Problem::digits().unwrap();
        assert_eq!(problem.labels.len(), 60_000);
        let mut sorted = problem.order.clone();
        assert_ne!(sorted[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..60_000));
        let zeros = problem.images.iter().filter(|&&pixel| pixel == 0).count() as f64;
        assert!((zeros / problem.images.len() as f64 - 0.81).abs() < 0.01);
        assert_eq!(problem.batch(0, 64), problem.batch(937, 64), "937 whole batches of 64");
    }

    #[test]
    fn what_is_written_has_the_length_it_announces() {
        let mut written = Vec::new();
        Problem::dots(20).write(&mut written).unwrap();
        let line = b"20 784 256 128 10\n";
        let parameters = 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10;
        assert!(written.starts_with(line));
        assert_eq!(written.len(), line.len() + 20 * 784 + 20 + 4 * 20 + 4 * parameters);
    }

    #[test]
    fn a_step_takes_a_million_operations_an_image() {
        let (first, second, third) = (784 * 256, 256 * 128, 128 * 10);
        assert_eq!(operations_per_image(), f64::from(4 * first + 6 * second + 6 * third));
    }
}
