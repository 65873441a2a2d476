//! Where a run takes place: the program's version and call, the date, and the processor. A report names them, so that
//! its figures can be reproduced.

use std::env;
use std::fs;
use std::time::SystemTime;

use autograd::kernels::simd::isa;

use crate::commands::train::quoted_text;

/// The version of the program, and the commit that it was built from, if that was known.
pub fn version() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("GRADUS_COMMIT") {
        Some(commit) => format!("{version}, commit {commit}"),
        None => version.to_owned(),
    }
}

/// The command line of this process, quoted for a shell.
pub fn command_line() -> String {
    let arguments = env::args_os().map(|argument| quoted_text(&argument.to_string_lossy()));
    arguments.collect::<Vec<_>>().join(" ")
}

/// The current date and time, in UTC.
pub fn date() -> String {
    httpdate::fmt_http_date(SystemTime::now())
}

/// The name of the processor, or its architecture if the system does not tell the name.
pub fn processor() -> String {
    let from_linux = || {
        let text = fs::read_to_string("/proc/cpuinfo").ok()?;
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    from_linux().unwrap_or_else(|| env::consts::ARCH.to_owned())
}

/// The instruction set that the kernels use.
pub fn kernels() -> String {
    let selected = isa::selected();
    match (selected.isa.name(), selected.matrixmultiply) {
        (isa, false) => isa.to_owned(),
        (isa, true) => format!("{isa}, matrix products by the crate matrixmultiply"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_text() {
        assert!(version().starts_with(env!("CARGO_PKG_VERSION")));
        assert!(date().ends_with(" GMT") && !processor().is_empty() && !kernels().is_empty());
        assert!(!command_line().is_empty());
    }
}
