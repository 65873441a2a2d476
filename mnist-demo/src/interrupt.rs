//! Ctrl-C as a wish that a run can see between two steps.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

static RAISED: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that Ctrl-C ended, as shells have it.
pub const EXIT_CODE: u8 = 130;

/// From now on the first Ctrl-C is only noted, and the second ends the program at once.
pub fn listen() {
    // Where no handler can be set, Ctrl-C ends the program at once, as it does anyway.
    let _ = ctrlc::set_handler(|| {
        if RAISED.swap(true, Ordering::Relaxed) {
            process::exit(EXIT_CODE.into());
        }
    });
}

/// Whether Ctrl-C was pressed.
pub fn raised() -> bool {
    RAISED.load(Ordering::Relaxed)
}

/// Returns once Ctrl-C was pressed; what other threads do goes on meanwhile.
pub fn wait() {
    while !raised() {
        thread::sleep(Duration::from_millis(50));
    }
}
