//! Arguments that no layer and no initialisation can have are refused in plain words, at the caller's line.

use std::cell::RefCell;
use std::panic::{catch_unwind, set_hook};
use std::sync::Once;

use autograd::Tensor;
use nn::{Bilinear, Conv1d, Conv2d, ConvTranspose2d, Dropout, Dropout2d, Embedding, GroupNorm, Linear, init};

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
fn layers_whose_weights_no_memory_holds_are_refused() {
    const WIDE: usize = 1 << 62;
    for sentence in [
        refusal(|| Conv1d::<f32>::new(WIDE, 4, 3, 0)),
        refusal(|| Conv2d::<f32>::new(4, WIDE, 3, 0)),
        refusal(|| ConvTranspose2d::<f32>::new(4, 4, [WIDE, 2], 0)),
        refusal(|| Bilinear::<f32>::new(WIDE, 4, 4, 0)),
        refusal(|| Embedding::<f32>::new(WIDE, 4, 0)),
        refusal(|| init::orthogonal::<f32>([WIDE, 4], 1.0, 0)),
        refusal(|| init::trunc_normal::<f32>([WIDE, 4], 0.0, 1.0, [-2.0, 2.0], 0)),
    ] {
        assert!(sentence.contains("has more elements than any memory holds"), "{sentence}");
    }
}

#[test]
fn settings_that_mean_nothing_are_refused() {
    for (sentence, wanted) in [
        (refusal(|| Conv2d::<f32>::grouped(4, 6, 3, 4, 0)), "Conv2d: 6 and 4 channels do not make 4 groups"),
        (refusal(|| Conv1d::<f32>::grouped(4, 4, 3, 0, 0)), "Conv1d: 4 and 4 channels do not make 0 groups"),
        (refusal(|| GroupNorm::<f32>::new(3, 4)), "GroupNorm: 4 channels do not make 3 groups"),
        (refusal(|| Dropout::new(f64::NAN)), "Dropout: NaN is no probability: wanted 0 to 1"),
        (refusal(|| Dropout2d::new(-0.1)), "Dropout: -0.1 is no probability: wanted 0 to 1"),
        (
            refusal(|| Embedding::<f32>::new(4, 2, 0).padding_idx(4)),
            "Embedding: padding_idx 4 is no row of shape [4, 2]",
        ),
        (
            refusal(|| init::trunc_normal::<f32>([2], 0.0, -1.0, [-2.0, 2.0], 0)),
            "trunc_normal: a deviation of -1, bounds from -2 to 2: wanted a positive one, and an interval",
        ),
        (
            refusal(|| init::orthogonal::<f32>([5], 1.0, 0)),
            "orthogonal: a weight of shape [5] is no matrix: wanted [out, in, ...]",
        ),
        (
            refusal(|| Bilinear::<f32>::new(2, 3, 1, 0).forward(&Tensor::zeros([4, 2]), &Tensor::zeros([5, 3]))),
            "Bilinear: inputs of shapes [4, 2] and [5, 3], a weight of shape [1, 2, 3]: wanted [..., in1], [..., in2] \
             and [out, in1, in2]",
        ),
    ] {
        assert_eq!(sentence, wanted);
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
