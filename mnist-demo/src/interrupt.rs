//! Ctrl-C as a flag that the training loop checks between two steps.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

static RAISED: AtomicBool = AtomicBool::new(false);

/// The exit code of a program that was stopped with Ctrl-C; shells use the same one.
pub const EXIT_CODE: u8 = 130;

/// Installs the handler: the first Ctrl-C sets the flag, the second ends the program at once.
pub fn listen() {
    // If no handler can be installed, the first Ctrl-C ends the program at once.
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

/// Waits until Ctrl-C is pressed. Other threads continue meanwhile.
pub fn wait() {
    while !raised() {
        thread::sleep(Duration::from_millis(50));
    }
}
