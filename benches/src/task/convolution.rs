//! Convolutions as tasks.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result};

/// A convolution of square images, and what of it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionTask {
    /// Its extents.
    pub extents: Extents,
    /// What is computed.
    pub pass: Pass,
}

/// The extents of a convolution of square images `[images, channels, side, side]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extents {
    /// Images.
    pub images: usize,
    /// Channels of an image.
    pub channels: usize,
    /// Filters.
    pub filters: usize,
    /// Rows and columns of an image.
    pub side: usize,
    /// Rows and columns of a filter.
    pub kernel: usize,
    /// The step from one window to the next.
    pub stride: usize,
    /// Zeros on each side of an image.
    pub padding: usize,
    /// Parts that channels and filters are divided into.
    pub groups: usize,
}

/// What is computed of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The output.
    Forward,
    /// The gradient of the input.
    ToInput,
    /// The gradient of the weight.
    ToWeight,
}

impl Pass {
    /// All of them, with their names in tasks.
    pub const ALL: [(&'static str, Pass); 3] =
        [("forward", Pass::Forward), ("input", Pass::ToInput), ("weight", Pass::ToWeight)];
}

impl Extents {
    /// Rows and columns of an output.
    pub fn output_side(self) -> usize {
        (self.side + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// The shape of the input.
    pub fn input(self) -> [usize; 4] {
        [self.images, self.channels, self.side, self.side]
    }

    /// The shape of the weight.
    pub fn weight(self) -> [usize; 4] {
        [self.filters, self.channels / self.groups, self.kernel, self.kernel]
    }

    /// The shape of the output.
    pub fn output(self) -> [usize; 4] {
        let side = self.output_side();
        [self.images, self.filters, side, side]
    }

    /// Floating-point operations of each pass: two for each weight of a filter and each element of the output.
    pub fn flop(self) -> f64 {
        let of_filter: usize = self.weight()[1..].iter().product();
        2.0 * self.output().iter().product::<usize>() as f64 * of_filter as f64
    }

    /// Bytes that each pass must at least read and write: of input, weight and output it reads two and writes one.
    pub fn bytes(self) -> usize {
        let elements = |shape: [usize; 4]| shape.iter().product::<usize>();
        (elements(self.input()) + elements(self.weight()) + elements(self.output())) * size_of::<f32>()
    }
}

impl fmt::Display for ConvolutionTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Extents { images, channels, filters, side, kernel, stride, padding, groups } = self.extents;
        let (name, _) = Pass::ALL.into_iter().find(|(_, pass)| *pass == self.pass).expect("all of them are listed");
        write!(f, "conv {name} {images} {channels} {filters} {side} {kernel} {stride} {padding} {groups}")
    }
}

impl FromStr for ConvolutionTask {
    type Err = Error;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let mut words = text.split_whitespace().skip(1);
            let name = words.next()?;
            let (_, pass) = Pass::ALL.into_iter().find(|(known, _)| *known == name)?;
            let values: Vec<usize> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
            let [images, channels, filters, side, kernel, stride, padding, groups] = values[..] else { return None };
            let extents = Extents { images, channels, filters, side, kernel, stride, padding, groups };
            Some(ConvolutionTask { extents, pass })
        };
        read().with_context(|| format!("\"{text}\" is not a task"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_and_bytes_are_counted() {
        let extents =
            Extents { images: 2, channels: 4, filters: 6, side: 7, kernel: 3, stride: 2, padding: 1, groups: 2 };
        assert_eq!((extents.weight(), extents.output()), ([6, 2, 3, 3], [2, 6, 4, 4]));
        assert_eq!(extents.flop(), f64::from(2 * (2 * 6 * 4 * 4) * (2 * 3 * 3)));
        assert_eq!(extents.bytes(), 4 * (2 * 4 * 49 + 6 * 18 + 2 * 6 * 16));
    }

    #[test]
    fn a_task_has_all_its_words() {
        assert!("conv input 1 2 3 4 1 1 0 1".parse::<ConvolutionTask>().is_ok());
        for wrong in ["conv input 1 2 3", "conv sideways 1 2 3 4 1 1 0 1", "conv input 1 2 3 4 1 1 0 x", "conv"] {
            assert!(wrong.parse::<ConvolutionTask>().is_err(), "{wrong}");
        }
    }
}
