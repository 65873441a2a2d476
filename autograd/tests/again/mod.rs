//! Tests that run a test of their own program in a process of its own.

use std::env;
use std::process::Command;

/// This program. For another processor, `TEST_RUNNER` is the emulator and its arguments, which cargo knows, but not the
/// processes that a test starts.
pub fn this_program() -> Command {
    let (program, runner) = (env::current_exe().unwrap(), env::var("TEST_RUNNER").unwrap_or_default());
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else { return Command::new(program) };
    let mut command = Command::new(emulator);
    command.args(words).arg(program);
    command
}
