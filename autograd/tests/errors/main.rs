//! What the likeliest mistakes of each family of operations are answered with: each message whole, as a user sees it,
//! and at the user's line.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use autograd::Tensor;

mod attention;
mod compare;
mod conv;
mod creation;
mod elementwise;
mod gradients;
mod index;
mod loss;
mod norm;
mod pool;
mod product;
mod reduce;
mod shape;

thread_local! {
    /// The file in which this thread panicked last.
    static FILE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A mistake, and what it is expected to be answered with.
type Case<'a> = (&'a str, &'a dyn Fn());

/// Zeros of a shape.
fn x(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape)
}

/// Zeros of a shape that gradients are asked for.
fn leaf(shape: &[usize]) -> Tensor {
    x(shape).requires_grad()
}

/// Makes each of the mistakes.
fn check(file: &str, cases: &[Case<'_>]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            FILE.set(info.location().map(|location| location.file().to_owned()).unwrap_or_default());
            // A failing assertion is reported as usual.
            if info.location().is_some_and(|location| location.file().ends_with("main.rs")) {
                default(info);
            }
        }));
    });
    let mut wrong = String::new();
    for (expected, mistake) in cases {
        let found = match catch_unwind(AssertUnwindSafe(mistake)) {
            Ok(()) => "no panic".to_owned(),
            Err(payload) => match payload.downcast::<String>() {
                Ok(message) => *message,
                Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
            },
        };
        let place = FILE.take();
        if found != *expected {
            wrong += &format!("\nexpected: {expected:?}\n   found: {found:?}\n");
        } else if place != file {
            wrong += &format!("\n{found:?} is reported at {place}, not at the caller's line\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases.len() >= 10, "only {} mistakes", cases.len());
}
