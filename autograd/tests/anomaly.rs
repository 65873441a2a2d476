//! The first NaN or infinity of a computation, with the operation, the shapes and the line.

use std::panic::{AssertUnwindSafe, catch_unwind};

use autograd::{
    Mask, Order, Tensor, detect_anomaly, detect_nan, for_each, grad, join, map_each, recompute, with_threads,
};

/// The message of a panic, with this file's lines as they are.
fn message<R>(body: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(_) => "no panic".to_owned(),
        Err(payload) => *payload.downcast::<String>().unwrap(),
    }
}

/// A message without the column at its end.
fn to_line(message: &str) -> &str {
    message.rsplit_once(':').expect("a line and a column").0
}

fn x(values: &[f64]) -> Tensor<f64> {
    Tensor::from_slice(values, [values.len()]).requires_grad()
}

#[test]
fn a_forward_anomaly_names_operation_shapes_element_and_line() {
    let zeros = Tensor::<f64>::zeros([2, 3]);
    let line = line!() + 1;
    let found = message(|| detect_anomaly(|| (&zeros + 1.0) / &zeros));
    let place = format!("called at {}:{line}", file!());
    assert_eq!(
        to_line(&found),
        format!(
            "div: forward made an infinity: element [0, 0] of the output, of shape [2, 3], from inputs of shapes \
            [[2, 3], [2, 3]]; {place}"
        )
    );
    let found = message(|| detect_anomaly(|| x(&[1.0, f64::NAN]).exp()));
    let expected = "exp: forward made a NaN: element [1] of the output, of shape [2], from inputs of shapes [[2]]; \
    input 0 had such a value already; called at";
    assert!(found.starts_with(expected), "{found}");
}

#[test]
fn a_backward_anomaly_names_the_line_of_the_forward() {
    let x = x(&[4.0, 0.0]);
    let line = line!() + 2;
    let loss = || {
        let root = x.sqrt();
        root.sum()
    };
    let found = message(|| detect_anomaly(|| loss().backward()));
    let place = format!("called forward at {}:{line}", file!());
    let expected = "sqrt: backward made an infinity: element [1] of the gradient of input 0, of shape [2], from the \
    output's, of shape [2]";
    assert_eq!(to_line(&found), format!("{expected}; {place}"));
    // Outside of the watch the line is not known.
    let outside = loss();
    let found = message(|| detect_anomaly(|| outside.backward()));
    assert_eq!(
        found,
        format!("{expected}; called forward at a line that is not known, as forward ran outside of the watch")
    );
}

#[test]
fn a_gradient_of_a_gradient_names_the_line_too() {
    let (x, line) = (x(&[0.0]), std::cell::Cell::new(0));
    let found = message(|| {
        detect_anomaly(|| {
            let (y, ()) = (x.powf(1.5).sum(), line.set(line!()));
            let first = grad(&y, &[&x], Order::Higher).remove(0);
            grad(&first.sum(), &[&x], Order::First).remove(0)
        })
    });
    let place = format!("{}:{}:", file!(), line.get());
    assert!(found.contains("backward made an infinity") && found.contains(&place), "{found}");
}

#[test]
fn a_recomputed_segment_is_watched_as_what_it_stands_for() {
    let x = x(&[0.0]);
    let line = line!() + 1;
    let f = |x: Tensor<f64>| x.sqrt();
    let found = message(|| detect_anomaly(|| recompute(f, &x).sum().backward()));
    assert!(found.starts_with("sqrt: backward made") && found.contains(&format!("{}:{line}:", file!())), "{found}");
}

#[test]
fn infinities_are_let_through_where_nan_alone_counts() {
    let masked = || Tensor::<f64>::zeros([2]).masked_fill(&Mask::from([true, false]), f64::NEG_INFINITY);
    assert!(message(|| detect_anomaly(masked)).starts_with("where: forward made an infinity"));
    assert_eq!(message(|| detect_nan(masked)), "no panic");
    assert!(message(|| detect_nan(|| masked() - masked())).starts_with("sub: forward made a NaN"));
    // The innermost watch decides, and the outer one holds again behind it.
    assert_eq!(message(|| detect_anomaly(|| detect_nan(masked))), "no panic");
    assert!(message(|| detect_nan(|| detect_anomaly(masked))).contains("an infinity"));
    assert!(message(|| detect_anomaly(|| (detect_nan(masked), masked()))).contains("an infinity"));
}

#[test]
fn a_watch_is_the_threads_and_goes_with_its_forks() {
    let bad = || Tensor::<f64>::zeros([1]).ln();
    assert_eq!(message(bad), "no panic");
    for threads in [1, 2] {
        let found = |body: &(dyn Fn() + Sync)| message(|| detect_anomaly(|| with_threads(threads, body)));
        assert!(found(&|| drop(bad())).starts_with("ln: forward"));
        assert!(found(&|| drop(join(|| 0, bad))).starts_with("ln: forward"));
        assert!(found(&|| for_each(0..4, |_| drop(bad()))).starts_with("ln: forward"));
        assert!(found(&|| drop(map_each(0..4, |_| bad()))).starts_with("ln: forward"));
        assert_eq!(message(|| with_threads(threads, || join(bad, bad))), "no panic");
    }
    // Another thread is not watched, and a watch that ended by a panic has ended.
    detect_anomaly(|| std::thread::scope(|scope| scope.spawn(bad).join().unwrap()));
    assert_eq!(message(bad), "no panic");
}

#[test]
fn what_is_sound_has_the_same_values_and_gradients() {
    let x = x(&[0.5, 2.0]);
    let step = || {
        let loss = (x.exp() * x.ln()).sum();
        let value = loss.item();
        (value, loss.backward().get(&x).unwrap().to_vec())
    };
    assert_eq!(detect_anomaly(step), step());
}
