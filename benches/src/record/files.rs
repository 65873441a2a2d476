//! Files that are written whole or not at all, and runs read from them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{FORMAT, Run, earlier};

/// Writes a value as indented JSON, whole or not at all.
///
/// # Errors
/// If the file can't be written; the message names it.
pub fn write_json<T: Serialize + ?Sized>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    write_whole(path, text.as_bytes())
}

/// Writes a file under another name and then renames it, so that no reader finds half of one.
///
/// # Errors
/// If the file can't be written; the message names it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().with_context(|| format!("{}: not the name of a file", path.display()))?.to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    fs::write(&part, bytes).with_context(|| format!("{} can't be written", path.display()))?;
    fs::rename(&part, path).with_context(|| format!("{} can't be written", path.display()))
}

/// The one field that every format has.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// Reads a run that `--json` wrote, also one of a program from before there was a format.
///
/// # Errors
/// If the file can't be read, is not a run, or has another format.
pub fn read(path: &Path) -> Result<Run> {
    let text = fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))?;
    let expected = || format!("{}: not a run as --json of this program writes it", path.display());
    if text.trim_start().starts_with('[') {
        return earlier::read(&text).with_context(expected);
    }
    let Header { format } = serde_json::from_str(&text).with_context(expected)?;
    if format != FORMAT {
        bail!("{}: a run in format {format}; this program reads format {FORMAT}", path.display());
    }
    serde_json::from_str(&text).with_context(expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::example;

    #[test]
    fn a_run_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        let run = example(&[1e-6, 2e-6, 3e-6], &[4e-6, 5e-6, 6e-6]);
        write_json(&path, &run).unwrap();
        assert_eq!(read(&path).unwrap(), run);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn an_unwritable_path_is_named() {
        let error = write_json(Path::new("/no/such/folder/figures.json"), &1).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder/figures.json"), "{error}");
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        for (text, words) in [
            ("[1, 2]", "not a run"),
            ("[]", "not a run"),
            ("{\"format\": 1}", "not a run"),
            ("{\"format\": 99}", "a run in format 99; this program reads format 1"),
            ("", "not a run"),
        ] {
            fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("run.json") && error.contains(words), "{text}: {error}");
        }
        assert!(read(&folder.path().join("none.json")).unwrap_err().to_string().contains("none.json can't be read"));
    }
}
