#![no_main]

#[path = "../npy_checks.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::npy(bytes));
