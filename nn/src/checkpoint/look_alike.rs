//! What a file is that is no safetensors file, as far as its first bytes tell.

use std::path::Path;

use super::error::CheckpointError;

/// The longest header that a safetensors file may have.
const LONGEST_HEADER: u64 = 100_000_000;

/// How much of a zip archive's end is searched for the names of its members.
const DIRECTORY: usize = 1 << 16;

/// What `torch.save` wrote before version 1.6 begins with: a pickled number of 80 bits.
const OLD_PYTORCH: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";

/// The beginnings of other kinds of file.
const BEGINNINGS: [(&[u8], &str); 9] = [
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x1f\x8b", "a gzip-compressed file"),
    (b"BZh", "a bzip2-compressed file"),
    (b"\xfd7zXZ\0", "an xz-compressed file"),
    (b"\x28\xb5\x2f\xfd", "a zstd-compressed file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes"),
    (b"GGUF", "a GGUF file"),
    (b"version https://git-lfs", "a Git LFS pointer, which stands for the file"),
    (b"{", "JSON text"),
];

/// A Python expression that makes a safetensors file of what PyTorch saved.
fn conversion(path: &Path) -> String {
    // Rust's escapes in a text are Python's too, but for those of unusual characters.
    let (from, to) = (path.display().to_string(), format!("{}.safetensors", path.display()));
    format!(
        "; convert it in Python: safetensors.torch.save_file(torch.load({from:?}, map_location=\"cpu\"), {to:?}), \
         after import torch, safetensors.torch"
    )
}

/// What bytes that are no safetensors file are, if they are of a known kind.
pub(super) fn recognized(path: &Path, bytes: &[u8]) -> Option<CheckpointError> {
    if begins_as_safetensors(bytes) {
        return None;
    }
    let pytorch = |found| Some((found, conversion(path)));
    let plain = |found, advice: &str| Some((found, advice.to_owned()));
    let (found, advice) = if bytes.starts_with(b"PK\x03\x04") {
        match zip_archive(bytes) {
            Zip::PyTorch => pytorch("a PyTorch file (a zip archive of torch.save)"),
            Zip::NumPy => plain("NumPy arrays (.npz)", ""),
            Zip::Other => plain("a zip archive", ""),
        }
    } else if bytes.starts_with(OLD_PYTORCH) {
        pytorch("an old PyTorch file (a pickle of torch.save)")
    } else if matches!(bytes, [0x80, 2..=5, ..]) {
        pytorch("a Python pickle, as torch.save writes")
    } else if is_web_page(bytes) {
        plain("a web page (HTML)", "; was it downloaded from the page about the file?")
    } else {
        let (beginning, found) = BEGINNINGS.into_iter().find(|(beginning, _)| bytes.starts_with(beginning))?;
        let is_pointer = beginning.starts_with(b"version");
        plain(found, if is_pointer { "; git lfs pull gets it" } else { "" })
    }?;
    Some(CheckpointError::OtherKind { path: path.to_owned(), found, advice })
}

/// Whether bytes begin with the length of a header and a header: then they are a damaged safetensors file, even if the
/// length happens to be the beginning of something else.
fn begins_as_safetensors(bytes: &[u8]) -> bool {
    bytes.split_first_chunk().is_some_and(|(&length, header)| {
        u64::from_le_bytes(length) <= LONGEST_HEADER && header.first().is_none_or(|&first| first == b'{')
    })
}

enum Zip {
    PyTorch,
    NumPy,
    Other,
}

/// Whose a zip archive is, by the names of its members: they stand in the directory at its end, and the first also at
/// its beginning.
fn zip_archive(bytes: &[u8]) -> Zip {
    let ends =
        |parts: [&[u8]; 2], name: &[u8]| parts.iter().any(|part| part.windows(name.len()).any(|window| window == name));
    let parts = [&bytes[..bytes.len().min(256)], &bytes[bytes.len().saturating_sub(DIRECTORY)..]];
    if ends(parts, b"/data.pkl") {
        Zip::PyTorch
    } else if ends(parts, b".npy") {
        Zip::NumPy
    } else {
        Zip::Other
    }
}

fn is_web_page(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let begins = |tag: &[u8]| text.len() >= tag.len() && text[..tag.len()].eq_ignore_ascii_case(tag);
    begins(b"<!doctype html") || begins(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kinds_of_file_are_called_what_they_are() {
        let of_old_pytorch = [OLD_PYTORCH, b"\x80\x02M\xe9\x03.\x80\x02}q\x00("].concat();
        let files: [(&[u8], &str); 12] = [
            (b"PK\x03\x04\0\0\x08\x08\0\0a/data.pklFB\x14\0ZZZZ\x80\x02}q\0", "found a PyTorch file (a zip archive"),
            (b"PK\x03\x04-\0\0\0\0\0\0\0!\0x.npy\x01\0", "found NumPy arrays (.npz)"),
            (b"PK\x03\x04-\0\0\0\0\0\0\0!\0readme.txt", "found a zip archive"),
            (&of_old_pytorch, "found an old PyTorch file"),
            (b"\x80\x04\x95\x0f\0\0\0", "found a Python pickle"),
            (b"\x93NUMPY\x01\0v\0{'descr'", "found a NumPy array"),
            (b"\n <!DOCTYPE HTML><head>", "found a web page"),
            (b"<html>", "found a web page"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "found a Git LFS pointer"),
            (b"\x1f\x8b\x08\0", "found a gzip-compressed file"),
            (b"GGUF\x03\0\0\0", "found a GGUF file"),
            (b"{\"metadata\":{},\"weight_map\":{}}", "found JSON text"),
        ];
        for (bytes, message) in files {
            let error = recognized(Path::new("a.pt"), bytes).unwrap().to_string();
            assert!(error.starts_with("a.pt: found") && error.contains(message), "{error}");
            assert!(error.contains("expected a safetensors file"), "{error}");
            let converts = error.contains(
                "safetensors.torch.save_file(torch.load(\"a.pt\", map_location=\"cpu\"), \"a.pt.safetensors\")",
            );
            assert_eq!(converts, error.contains("PyTorch") || error.contains("pickle"), "{error}");
        }
        let damaged = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0], &b"{\"weight\":"[..]].concat();
        assert!(recognized(Path::new("a.pt"), &damaged).is_none(), "a header of 559,903 bytes, and no gzip");
        for unknown in [&b""[..], b"\x80", b"\x80\x09", b"P", b"<", b"text", &[0xff; 100]] {
            assert!(recognized(Path::new("a.pt"), unknown).is_none());
        }
    }
}
