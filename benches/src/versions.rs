//! The versions of the crates that take part, as the lock file has them.

/// The lock file of the workspace that this program was built from.
const LOCK: &str = include_str!("../../Cargo.lock");

/// The version of a crate whose version begins with `prefix`; empty if the workspace does not use it.
pub fn version_of(name: &str, prefix: &str) -> String {
    find(LOCK, name, prefix).unwrap_or_default().to_owned()
}

/// Finds a package in the text of a lock file: a line `name = "..."`, and on the next one `version = "..."`.
fn find<'a>(lock: &'a str, name: &str, prefix: &str) -> Option<&'a str> {
    let value = |line: &'a str, key: &str| {
        let (found, value) = line.split_once(" = ")?;
        (found == key).then(|| value.trim_matches('"'))
    };
    let mut lines = lock.lines().peekable();
    while let Some(line) = lines.next() {
        if value(line, "name") == Some(name)
            && let Some(version) = lines.peek().and_then(|line| value(line, "version"))
            && version.starts_with(prefix)
        {
            return Some(version);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_versions_the_one_that_was_asked_for() {
        let package = |version: &str| format!("[[package]]\nname = \"ndarray\"\nversion = \"{version}\"\n\n");
        let lock = &(package("0.16.1") + &package("0.17.2"));
        assert_eq!(find(lock, "ndarray", "0.17"), Some("0.17.2"));
        assert_eq!(find(lock, "ndarray", ""), Some("0.16.1"));
        assert_eq!(find(lock, "ndarray", "0.18"), None);
        assert_eq!(find(lock, "nd", ""), None);
    }

    #[test]
    fn the_peers_are_in_the_lock_file() {
        for (name, prefix) in
            [("gemm", "0.19"), ("matrixmultiply", "0.3"), ("ndarray", "0.17"), ("candle-core", "0.11")]
        {
            assert!(version_of(name, prefix).starts_with(prefix), "{name}");
        }
        assert_eq!(version_of("no-such-crate", ""), "");
    }
}
