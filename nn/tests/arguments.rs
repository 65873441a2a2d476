//! Arguments that no layer and no initialisation can have are refused in plain words, at the caller's line.

use std::cell::RefCell;
use std::panic::{catch_unwind, set_hook};
use std::sync::Once;

use nn::{Linear, init};

thread_local! {
    static FILE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The sentence that the call is refused with, which must show a line of this file.
fn refusal<R>(call: fn() -> R) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        set_hook(Box::new(|info| {
            eprintln!("{info}");
            FILE.replace(info.location().map(|location| location.file().to_owned()).unwrap_or_default());
        }));
    });
    let Err(panic) = catch_unwind(call) else { panic!("an argument that means nothing was taken") };
    let sentence = panic.downcast::<String>().expect("a sentence");
    let file = FILE.take();
    assert!(file.ends_with("arguments.rs"), "{sentence}: shown in {file}");
    *sentence
}

/// Extents whose product overflows, also with the first one left out, as in a fan-in.
const HUGE: [usize; 3] = [2, usize::MAX, 3];

#[test]
fn weights_that_no_memory_holds_are_refused() {
    let words = format!("shape [2, {}, 3] has more elements than any memory holds", usize::MAX);
    for sentence in [
        refusal(|| init::kaiming_uniform::<f32>(HUGE, 0.0, 0)),
        refusal(|| init::kaiming_normal::<f32>(HUGE, 0.0, 0)),
        refusal(|| init::xavier_uniform::<f32>(HUGE, 1.0, 0)),
        refusal(|| init::xavier_normal::<f64>(HUGE, 1.0, 0)),
    ] {
        assert!(sentence.contains(&words), "{sentence}");
    }
    for sentence in
        [refusal(|| Linear::<f32>::new(1 << 62, 4, 0)), refusal(|| Linear::<f32>::without_bias(1 << 62, 4, 0))]
    {
        assert!(sentence.contains("shape [4, 4611686018427387904] has more elements"), "{sentence}");
    }
}

#[test]
fn bounds_that_are_no_interval_are_refused() {
    for sentence in [
        refusal(|| init::kaiming_uniform::<f32>([2, 3], f64::NAN, 0)),
        refusal(|| init::xavier_uniform::<f32>([2, 3], f64::INFINITY, 0)),
    ] {
        assert!(sentence.starts_with("uniform: from "), "{sentence}");
    }
}
