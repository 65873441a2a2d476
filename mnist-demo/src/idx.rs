//! The IDX format: a magic number, the extents, and the elements as bytes.
//!
//! ```text
//! 00 00 08 rank | extent (32 bits, most significant byte first) × rank | as many bytes as the extents' product
//! ```
//!
//! A file is read as a stream. The buffer grows as bytes arrive, so a wrong header cannot make the program allocate
//! more memory than the file has bytes. Reading stops at the first byte after the expected end.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::file_kind::{BEGINNING, describe};

/// Why a file or folder of a data set or a run could not be read or written.
#[derive(thiserror::Error)]
pub enum DataError {
    /// The operating system reported an error.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The content is not what it should be.
    #[error("{path}: found {found}, expected {expected}")]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What the file contains.
        found: String,
        /// What it should contain.
        expected: String,
    },
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl DataError {
    /// An error about the content of `path`.
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

/// Reads a file. Its first bytes decide whether it is decompressed, not its name: some download programs decompress a
/// file and keep its name with `.gz`, others do the reverse.
///
/// # Errors
/// If the file cannot be read or is not exactly one IDX array of bytes with `rank` dimensions, plain or as a gzip
/// stream.
pub fn read_file(path: &Path, rank: usize) -> Result<Idx, DataError> {
    let failed = |source| DataError::File { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let compressed = file.fill_buf().map_err(failed)?.starts_with(&GZIP);
    if compressed { read_compressed(file, path, rank) } else { read(file, path, rank) }
}

/// The first bytes of a gzip stream.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Reads a gzip stream; `path` is for error messages.
///
/// # Errors
/// As [`read`], and if the stream is incomplete, has a wrong checksum, or other bytes follow it.
pub fn read_compressed(stream: impl BufRead, path: &Path, rank: usize) -> Result<Idx, DataError> {
    read(MultiGzDecoder::new(stream), path, rank)
}

/// Reads a stream to its end; `path` is for error messages.
///
/// # Errors
/// If the stream fails or is not exactly one IDX array of bytes with `rank` dimensions.
pub fn read(mut stream: impl Read, path: &Path, rank: usize) -> Result<Idx, DataError> {
    let wanted = [0, 0, 8, rank as u8];
    let mut magic = [0; 4];
    let arrived = fill(&mut stream, &mut magic).map_err(|error| broken(path, error))?;
    if magic != wanted || arrived < magic.len() {
        let found = foreign(&mut stream, &magic[..arrived]);
        let expected = format!("an IDX file of bytes in {rank} dimensions, which begins with {wanted:02x?}");
        return Err(DataError::content(path, found, expected));
    }
    let mut extents = Vec::with_capacity(rank);
    for dim in 0..rank {
        let mut bytes = [0; 4];
        if fill(&mut stream, &mut bytes).map_err(|error| broken(path, error))? < bytes.len() {
            let found = format!("the end of the file in extent {dim}");
            return Err(DataError::content(path, found, "the header of an IDX file"));
        }
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

/// Describes a stream that begins with these bytes, which are not the expected magic number. The following bytes are
/// examined too.
fn foreign(stream: &mut impl Read, magic: &[u8]) -> String {
    match *magic {
        [0, 0, 8, other] => return format!("{other} dimensions"),
        [0, 0, element, _] => return format!("the element type {element:#04x}"),
        _ => {}
    }
    let mut beginning = magic.to_vec();
    // An error here is ignored: the bytes that were read before it are enough for a description.
    let _ = stream.take((BEGINNING - magic.len()) as u64).read_to_end(&mut beginning);
    if beginning.starts_with(&GZIP) {
        return "a gzip stream inside of a gzip stream".to_owned();
    }
    describe(&beginning).unwrap_or_else(|| match magic.len() {
        4 => format!("the magic number {magic:02x?}"),
        _ => "the end of the file in the magic number".to_owned(),
    })
}

/// Fills the buffer as far as the stream goes; returns how many bytes arrived.
fn fill(stream: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Converts a read error: a damaged gzip stream is an error of the content, all others are errors of the system.
fn broken(path: &Path, error: io::Error) -> DataError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DataError::content(path, "a gzip stream that ends early", "a whole one"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            DataError::content(path, format!("a damaged gzip stream ({error})"), "a whole one and nothing after it")
        }
        _ => DataError::File { path: path.to_owned(), source: error },
    }
}
