//! Several arrays in a zip archive.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use autograd::Float;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::header::shown;
use super::{Array, Refused, array, refused};

/// What is wrong, and with which array if it is one of them.
type RefusedMember = (Option<String>, Refused);

/// The most arrays in an archive that are read.
const MAX_MEMBERS: usize = 1024;

/// The end of an archive without a comment: a signature, counts of members, the length and the start of the directory.
const END: usize = 22;

const SUFFIX: &str = ".npy";

pub(super) fn from_bytes<T: Float>(bytes: &[u8]) -> Result<BTreeMap<String, Array<T>>, RefusedMember> {
    check_directory(bytes).map_err(|refused| (None, refused))?;
    let of_archive = |error: zip::result::ZipError| {
        (None, Refused { found: shown(&error.to_string()), expected: "a .npz file".to_owned() })
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(of_archive)?;
    let mut arrays = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(of_archive)?;
        let full = member.name().map_err(of_archive)?.into_owned();
        let name = shown(&full);
        let of_member = |refused| (Some(name.clone()), refused);
        let Some(key) = full.strip_suffix(SUFFIX) else {
            return refused("a file of another kind", "arrays, named .npy, alone").map_err(of_member);
        };
        let (claimed, mut content) = (member.size(), Vec::new());
        // It grows with what is really unpacked, and no further than the archive says.
        let unpacked = (&mut member).take(claimed.saturating_add(1)).read_to_end(&mut content);
        if let Err(error) = unpacked {
            return refused(shown(&error.to_string()), "a whole member").map_err(of_member);
        }
        if content.len() as u64 != claimed {
            let found = format!("{} bytes or more", content.len());
            return refused(found, format!("{claimed}, as the archive says")).map_err(of_member);
        }
        let array = array::from_bytes(&content).map_err(of_member)?;
        if arrays.insert(key.to_owned(), array).is_some() {
            return refused("two arrays of this name", "one").map_err(of_member);
        }
    }
    Ok(arrays)
}

/// Walks over the directory of an archive: a reader makes room for as many members as its end claims.
fn check_directory(bytes: &[u8]) -> Result<(), Refused> {
    let expected = "a .npz file, of less than 4 GB";
    let Some((before, end)) = bytes.split_last_chunk::<END>().filter(|(_, end)| end.starts_with(b"PK\x05\x06")) else {
        return refused(format!("{} bytes that do not end as a zip archive", bytes.len()), expected);
    };
    let count = usize::from(u16::from_le_bytes([end[10], end[11]]));
    if count > MAX_MEMBERS {
        return refused(format!("an archive that claims {count} members"), format!("at most {MAX_MEMBERS}"));
    }
    let number = |position: usize| u32::from_le_bytes(std::array::from_fn(|byte| end[position + byte])) as usize;
    let (length, start) = (number(12), number(16));
    let mut directory = match before.get(start..) {
        Some(directory) if directory.len() == length => directory,
        _ => return refused("an archive whose directory is elsewhere than its end says", expected),
    };
    for _ in 0..count {
        let fields = directory.split_first_chunk::<46>().filter(|(fields, _)| fields.starts_with(b"PK\x01\x02"));
        let Some((fields, rest)) = fields else { return refused("a damaged directory of an archive", expected) };
        // A name, more fields and a comment, of these lengths.
        let more: usize =
            [28, 30, 32].map(|at| usize::from(u16::from_le_bytes([fields[at], fields[at + 1]]))).iter().sum();
        let Some(next) = rest.get(more..) else { return refused("a cut directory of an archive", expected) };
        directory = next;
    }
    if directory.is_empty() { Ok(()) } else { refused("an archive with more members than it says", expected) }
}

pub(super) fn to_bytes<T: Float>(arrays: &[(&str, &Array<T>)]) -> Result<Vec<u8>, RefusedMember> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (index, (name, array)) in arrays.iter().enumerate() {
        let of_member = |refused| (Some((*name).to_owned()), refused);
        if arrays[..index].iter().any(|(earlier, _)| earlier == name) {
            return refused("two arrays of this name", "one").map_err(of_member);
        }
        let bytes = array::to_bytes(array).map_err(of_member)?;
        let options = stored.large_file(u32::try_from(bytes.len()).is_err());
        let written = archive.start_file(format!("{name}{SUFFIX}"), options).map_err(|error| error.to_string());
        let written = written.and_then(|()| archive.write_all(&bytes).map_err(|error| error.to_string()));
        written.or_else(|error| refused(error, "an archive that can be written").map_err(of_member))?;
    }
    let finished = archive.finish().map(Cursor::into_inner);
    finished
        .or_else(|error| refused(error.to_string(), "an archive that can be written").map_err(|error| (None, error)))
}
