//! Results as a file that other programs read.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a value as indented JSON, whole or not at all.
///
/// # Errors
/// If the file can't be written; the message names it.
pub fn write<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    write_whole(path, text.as_bytes())
}

/// Writes a file beside its place and moves it there, so that nobody ever finds half of one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().with_context(|| format!("{}: not the name of a file", path.display()))?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, bytes).with_context(|| format!("{} can't be written", path.display()))?;
    fs::rename(&part, path).with_context(|| format!("{} can't be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("figures.json");
        write(&path, &vec![1.5, 2.0]).unwrap();
        let back: Vec<f64> = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(back, [1.5, 2.0]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_unwritable_place_is_named() {
        let error = write(Path::new("/no/such/folder/figures.json"), &1).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/figures.json"), "{error}");
    }
}
