//! Pictures of digits, as people have them, turned into what the network has learnt from.
//!
//! ```text
//! PNG or JPEG of any size ─ decode ─> Picture, at most 180 × 180 ─ digit ─> 28 × 28, light on dark, centred
//! ```
//!
//! No memory is taken on a header's word: a PNG is read row by row into the small picture; a JPEG, which has to be decoded as a whole, is
//! decoded only when every block of 8 × 8 pixels that it claims has been found in its bytes.

mod bits;
mod blocks;
mod decode;
mod digit;
mod ink;
mod plane;
mod shapes;

use std::path::Path;
use std::{fs::File, io::Read};

pub use digit::{SIDE, normalise};
use plane::Plane;

/// The most pixels of a picture in a file: what the largest cameras of telephones take.
pub const MAX_PIXELS: u64 = 50_000_000;

/// The most bytes of a file.
const MAX_BYTES: u64 = 64 << 20;

/// Why there is no digit to be had from a picture.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PictureError {
    /// The system refused to read.
    #[error("{0}")]
    File(String),
    /// It is neither of the formats.
    #[error("found {0}, expected a PNG or JPEG picture")]
    Format(&'static str),
    /// It begins as a picture and does not go on as one.
    #[error("found a damaged {format} picture ({reason}), expected a whole one")]
    Damaged {
        /// PNG or JPEG.
        format: &'static str,
        /// What the decoder says.
        reason: String,
    },
    /// It is larger than anybody needs for a digit.
    #[error("found a picture of {width} × {height} pixels, expected at most {most} pixels")]
    Large {
        /// From left to right.
        width: u32,
        /// From top to bottom.
        height: u32,
        /// What would have been read.
        most: u64,
    },
    /// The header claims more pixels than the bytes hold.
    #[error(
        "found {bytes} bytes of compressed data, which do not hold the {width} × {height} pixels that the header claims"
    )]
    Claim {
        /// From left to right.
        width: u32,
        /// From top to bottom.
        height: u32,
        /// What there is.
        bytes: usize,
    },
    /// All of one colour.
    #[error("found a picture of one colour, expected a digit on it")]
    Blank,
}

impl PictureError {
    /// The reason is brought into one line: decoders have theirs in several.
    fn damaged(format: &'static str, reason: impl ToString) -> Self {
        let reason = reason.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        PictureError::Damaged { format, reason }
    }
}

/// A picture in shades of grey, made small.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// From black, 0, to white, 1.
    light: Plane,
}

impl Picture {
    /// Decodes a PNG or JPEG picture of at most `most` pixels. The first bytes tell the format.
    ///
    /// # Errors
    /// If it is neither, damaged, cut short, or too large.
    pub fn decode(bytes: &[u8], most: u64) -> Result<Self, PictureError> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => decode::png(bytes, most),
            [0xff, 0xd8, ..] => decode::jpeg(bytes, most),
            [] => Err(PictureError::Format("an empty file")),
            [b'G', b'I', b'F', b'8', ..] => Err(PictureError::Format("a GIF picture")),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
                Err(PictureError::Format("a WebP picture"))
            }
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Err(PictureError::Format("a HEIF picture or a film")),
            _ => Err(PictureError::Format("something else")),
        }
    }

    /// Decodes a file.
    ///
    /// # Errors
    /// If the file cannot be read, and as [`Picture::decode`].
    pub fn from_file(path: &Path) -> Result<Self, PictureError> {
        let file = File::open(path).map_err(|error| PictureError::File(error.to_string()))?;
        let mut bytes = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        match read.map_err(|error| PictureError::File(error.to_string()))? as u64 {
            0..=MAX_BYTES => Picture::decode(&bytes, MAX_PIXELS),
            _ => Err(PictureError::Format("more than 64 MiB")),
        }
    }

    /// From left to right and from top to bottom, in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.light.dimensions()
    }
}
