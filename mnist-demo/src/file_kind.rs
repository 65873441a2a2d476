//! Recognizes a file of the wrong kind by its first bytes: failed downloads, archives, other formats. Error messages
//! name what was found.

/// How many bytes at the start of a file are examined. A tar archive is recognized by bytes 257 to 261.
pub const BEGINNING: usize = 512;

/// The largest number of characters of a text that a message quotes.
const QUOTED: usize = 40;

/// The first bytes of file formats, and the names of the formats.
const SIGNATURES: [(&[u8], &str); 13] = [
    (b"version https://git-lfs", "a Git LFS pointer in place of the file, which git lfs pull downloads"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip stream"),
    (b"BZh", "a bzip2 stream"),
    (b"\xfd7zXZ\0", "an xz stream"),
    (b"\x28\xb5\x2f\xfd", "a zstd stream"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"MATLAB", "a MATLAB file"),
    (b"\x89PNG", "a PNG picture"),
];

/// Describes the kind of a file by its first bytes: a web page, an archive, text. The description follows *found* in
/// a message. `None` if the bytes are not recognized.
///
/// ```
/// use mnist_demo::file_kind::describe;
/// assert_eq!(describe(b"<!DOCTYPE html><title>Moved</title>").unwrap(), "a web page (HTML)");
/// assert_eq!(describe(&[0, 0, 8, 3]), None);
/// ```
pub fn describe(beginning: &[u8]) -> Option<String> {
    if beginning.is_empty() {
        return Some("an empty file".to_owned());
    }
    if let Some((_, kind)) = SIGNATURES.iter().find(|(signature, _)| beginning.starts_with(signature)) {
        return Some((*kind).to_owned());
    }
    if beginning.get(257..262) == Some(b"ustar") {
        return Some("a tar archive".to_owned());
    }
    let text = text(beginning)?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let small = text.to_lowercase();
    if small.starts_with("<!doctype html") || small.contains("<html") || small.starts_with("<head") {
        Some("a web page (HTML)".to_owned())
    } else if small.starts_with("<?xml") || small.starts_with("<error") {
        Some("an XML document, as servers send it for an error".to_owned())
    } else if text.is_empty() {
        Some("nothing but white space".to_owned())
    } else {
        let line: String = text.lines().next().unwrap_or_default().chars().take(QUOTED).collect();
        Some(format!("text that begins with {line:?}"))
    }
}

/// The bytes as text, if they are text: valid UTF-8 without control characters. The last character may be incomplete,
/// because only the beginning of the file was read.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let printable = |c: char| !c.is_control() || c.is_ascii_whitespace();
    (text.len() > 3 && text.chars().all(printable)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_downloads_leave_is_named() {
        for (bytes, kind) in [
            (&b"\n  <!doctype HTML>\n<html>"[..], "a web page (HTML)"),
            (b"\xef\xbb\xbf<html lang=\"en\">", "a web page (HTML)"),
            (b"<!-- saved --><html>", "a web page (HTML)"),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", "an XML document, as servers send it for an error"),
            (b"<Error><Code>NoSuchKey", "an XML document, as servers send it for an error"),
            (b"version https://git-lfs.github.com/spec/v1\n", SIGNATURES[0].1),
            (b"PK\x03\x04 and so on", "a zip archive"),
            (b"404: Not Found\nsorry", "text that begins with \"404: Not Found\""),
            (b"", "an empty file"),
            (b"\n\n\n\n", "nothing but white space"),
        ] {
            assert_eq!(describe(bytes).as_deref(), Some(kind));
        }
        let mut tar = [0; BEGINNING];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(describe(&tar).as_deref(), Some("a tar archive"));
        // The last character is incomplete, as at the end of the examined bytes.
        assert_eq!(
            describe("tschüß".as_bytes().split_last().unwrap().1).as_deref(),
            Some("text that begins with \"tschü\"")
        );
        for bytes in [&b"\0\0\x08\x03"[..], b"abc\0def", b"\xff\xd8\xff", b"a"] {
            assert_eq!(describe(bytes), None, "{bytes:?}");
        }
    }
}
