//! The IDX format: a magic number, extents, and bytes.
//!
//! ```text
//! 00 00 08 rank | extent (32 bits, most significant byte first) × rank | as many bytes as the extents' product
//! ```
//!
//! A file is read as a stream. No memory is taken on the header's word: the buffer grows as bytes arrive, and reading stops at the first byte too many.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

/// Why a file or folder of a data set or a run could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The system refused.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not what it should be.
    #[error("{path}: found {found}, expected {expected}")]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
}

impl DataError {
    /// What is wrong with the content of `path`.
    pub fn content(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> Self {
        DataError::Content { path: path.to_owned(), found: found.into(), expected: expected.into() }
    }
}

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The extents, outermost first.
    pub extents: Vec<usize>,
    /// The elements in row-major order, as many as the extents' product.
    pub bytes: Vec<u8>,
}

/// Reads a file; one whose name ends in `.gz` is decompressed.
///
/// # Errors
/// If the file cannot be read or is not exactly one IDX array of bytes with `rank` dimensions.
pub fn read_file(path: &Path, rank: usize) -> Result<Idx, DataError> {
    let file = File::open(path).map_err(|source| DataError::File { path: path.to_owned(), source })?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        read_compressed(BufReader::new(file), path, rank)
    } else {
        read(BufReader::new(file), path, rank)
    }
}

/// Reads a gzip stream; `path` is for messages.
///
/// # Errors
/// As [`read`], and if the stream is not whole, has a wrong checksum, or something follows it.
pub fn read_compressed(stream: impl BufRead, path: &Path, rank: usize) -> Result<Idx, DataError> {
    read(MultiGzDecoder::new(stream), path, rank)
}

/// Reads a stream to its end; `path` is for messages.
///
/// # Errors
/// If the stream fails or is not exactly one IDX array of bytes with `rank` dimensions.
pub fn read(mut stream: impl Read, path: &Path, rank: usize) -> Result<Idx, DataError> {
    let mut magic = [0; 4];
    fill(&mut stream, &mut magic, path, "the magic number")?;
    let wanted = [0, 0, 8, rank as u8];
    if magic != wanted {
        let found = match magic {
            [0, 0, element, _] if element != 8 => format!("the element type {element:#04x}"),
            [0, 0, 8, other] => format!("{other} dimensions"),
            [0x1f, 0x8b, ..] => "a gzip stream in a file whose name does not end in .gz".to_owned(),
            _ => format!("the magic number {magic:02x?}"),
        };
        return Err(DataError::content(path, found, format!("{wanted:02x?}: unsigned bytes in {rank} dimensions")));
    }
    let mut extents = Vec::with_capacity(rank);
    for dim in 0..rank {
        let mut bytes = [0; 4];
        fill(&mut stream, &mut bytes, path, &format!("extent {dim}"))?;
        extents.push(u32::from_be_bytes(bytes) as usize);
    }
    let count = extents.iter().try_fold(1_usize, |product, &extent| product.checked_mul(extent));
    let Some(count) = count.filter(|&count| isize::try_from(count).is_ok()) else {
        return Err(DataError::content(path, format!("extents {extents:?}"), "as many elements as memory can address"));
    };
    let mut bytes = Vec::new();
    let arrived = stream.by_ref().take(count as u64).read_to_end(&mut bytes).map_err(|error| broken(path, error))?;
    let expected = || format!("{count} bytes after the header, since the extents are {extents:?}");
    if arrived < count {
        return Err(DataError::content(path, format!("only {arrived} bytes"), expected()));
    }
    let mut one_more = [0];
    match stream.read(&mut one_more) {
        Ok(0) => Ok(Idx { extents, bytes }),
        Ok(_) => Err(DataError::content(path, "more bytes", expected())),
        Err(error) => Err(broken(path, error)),
    }
}

fn fill(stream: &mut impl Read, bytes: &mut [u8], path: &Path, what: &str) -> Result<(), DataError> {
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => {
                let found = format!("the end of the file in {what}");
                return Err(DataError::content(path, found, "the header of an IDX file"));
            }
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(path, error)),
        }
    }
    Ok(())
}

/// What a failing stream says: damage of a compressed file is a matter of its content, the rest the system's.
fn broken(path: &Path, error: io::Error) -> DataError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DataError::content(path, "a gzip stream that ends early", "a whole one"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            DataError::content(path, format!("a damaged gzip stream ({error})"), "a whole one and nothing after it")
        }
        _ => DataError::File { path: path.to_owned(), source: error },
    }
}
