//! Every case that PyTorch computed, against Gradus.
//!
//! The cases lie in `tests/golden`, or in the folder that `GOLDEN_DIR` names (absolute, or relative to this crate).
//! Each runs in f32 and in f64. The last lines on stdout are one for each failure and `conformance: P passed, F failed,
//! S not supported, of N`.

// The root of a test looks for its modules beside itself; these are in a folder of their own.
#[path = "conformance/cases.rs"]
mod cases;
#[path = "conformance/clip.rs"]
mod clip;
#[path = "conformance/compare.rs"]
mod compare;
#[path = "conformance/gpt.rs"]
mod gpt;
#[path = "conformance/kinds.rs"]
mod kinds;
#[path = "conformance/layers.rs"]
mod layers;
#[path = "conformance/losses.rs"]
mod losses;
#[path = "conformance/operations.rs"]
mod operations;
#[path = "conformance/optimizers.rs"]
mod optimizers;
#[path = "conformance/parts.rs"]
mod parts;
#[path = "conformance/recurrent.rs"]
mod recurrent;
#[path = "conformance/schedules.rs"]
mod schedules;
#[path = "conformance/training.rs"]
mod training;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cases::{Golden, Row};
use kinds::Outcome;

/// Operations of the committed cases that Gradus does not have yet. A case whose operation is neither here nor known
/// fails.
const NOT_SUPPORTED: &[&str] = &[];

fn main() -> ExitCode {
    // A test runner may ask what there is, or for a part by name.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("conformance: test");
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    if !filters.is_empty() && !filters.iter().any(|filter| "conformance".contains(filter.as_str())) {
        println!("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out");
        return ExitCode::SUCCESS;
    }

    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (folder, is_committed) = match std::env::var_os("GOLDEN_DIR") {
        Some(folder) => (home.join(PathBuf::from(folder)), false),
        None => (home.join("tests/golden"), true),
    };
    let golden = match Golden::open(&folder) {
        Ok(golden) => golden,
        Err(message) => {
            println!("conformance: {message}");
            return ExitCode::FAILURE;
        }
    };
    println!("running the cases in {}", folder.display());
    let tally = run(&golden, is_committed);
    let (passed, failed) = (tally.passed, tally.failures.len());
    for (op, count) in &tally.unknown {
        println!("not supported: {op} ({count})");
    }
    for failure in &tally.failures {
        println!("FAILED {failure}");
    }
    let of = golden.rows.len();
    println!("conformance: {passed} passed, {failed} failed, {} not supported, of {of}", of - passed - failed);
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failures: Vec<String>,
    /// Operations of another set that nobody has heard of.
    unknown: BTreeMap<String, usize>,
}

fn run(golden: &Golden, is_committed: bool) -> Tally {
    let mut tally = Tally::default();
    // A panic is a failure of its case; its message is told there.
    std::panic::set_hook(Box::new(|_| {}));
    for row in &golden.rows {
        let on_the_list = NOT_SUPPORTED.contains(&row.op.as_str());
        match run_case(golden, row) {
            Outcome::Passed if on_the_list => {
                tally.failures.push(format!("{}: works, but is listed as not supported", row.name))
            }
            Outcome::Passed => tally.passed += 1,
            Outcome::Failed(reason) => tally.failures.push(format!("{}: {reason}", row.name)),
            Outcome::Unknown if on_the_list => {}
            Outcome::Unknown if is_committed => {
                tally.failures.push(format!(
                    "{}: the operation {} is neither known nor listed as not supported",
                    row.name, row.op
                ));
            }
            Outcome::Unknown => *tally.unknown.entry(row.op.clone()).or_default() += 1,
        }
    }
    drop(std::panic::take_hook());
    tally
}

fn run_case(golden: &Golden, row: &Row) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| kinds::run(golden, row))).unwrap_or_else(|payload| {
        let message = payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied());
        Outcome::Failed(format!("panicked: {}", message.unwrap_or("without a message")))
    })
}
