//! Measures one number of threads in a process of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use autograd::ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::{Arguments, CONTROL};
use crate::commands::options::threads_in_words;
use crate::measure::{Series, Settings, TimedCall, interleave};
use crate::operands::{Operands, Oracle};
use crate::products::{self, Element, Implementation, blas};
use crate::record::{Amount, ContenderInfo, Measurement, Unit};
use crate::shapes::Case;

/// A contender whose best turn is slower than this multiple of the fastest one's is dropped after three turns: it can't
/// be the best peer.
const DROP_SLOWER_THAN: f64 = 1.35;

/// A line of a worker's output.
#[derive(Serialize, Deserialize)]
enum Message {
    /// Who takes part.
    Contenders(Vec<ContenderInfo>),
    /// The times of all contenders in a case.
    Case(Vec<Measurement>),
}

/// Measures here, inside a pool of the wanted number of threads.
pub(super) fn run<T: Element>(arguments: &Arguments, threads: usize, cases: &[Case]) -> Result<()> {
    let mut implementations = products::all::<T>(threads, &arguments.blas, arguments.yours)?;
    if arguments.alone {
        implementations.retain(|one| one.info.is_ours);
    }
    if arguments.control {
        let ours = products::ours();
        let info = ContenderInfo { name: CONTROL.to_owned(), ..ours.info.clone() };
        implementations.push(Implementation { info, ..ours });
    }
    say(&Message::Contenders(implementations.iter().map(|one| one.info.clone()).collect()))?;
    for case in cases {
        let all = measure(arguments, case, &implementations, threads)?;
        let measurement = |series: &Series| {
            let figures = [("m", case.m as f64), ("n", case.n as f64), ("k", case.k as f64), ("size", case.size())];
            Measurement {
                detail: case.formula(),
                dtype: T::NAME.to_owned(),
                figures: BTreeMap::from(figures.map(|(name, value)| (name.to_owned(), value))),
                ..Measurement::new(&case.name, threads, series, Amount::new(case.flop(), Unit::Flop))
            }
        };
        say(&Message::Case(all.iter().map(measurement).collect()))?;
    }
    Ok(())
}

fn say(message: &Message) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, message)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Compares every product with the oracle, then times all of them by turns.
fn measure<T: Element>(
    arguments: &Arguments,
    case: &Case,
    implementations: &[Implementation<T>],
    threads: usize,
) -> Result<Vec<Series>> {
    let mut operands = Operands::<T>::new(case);
    let (a, b, mut c) = operands.stacks();
    let oracles = Oracle::of_stack(a, b);
    for implementation in implementations {
        c.fill(T::NAN);
        implementation.multiply_stack(a, b, c.view_mut());
        if let Err(error) = Oracle::check_stack(&oracles, c.view()) {
            let (name, formula, threads) = (&implementation.info.name, case.formula(), threads_in_words(threads));
            bail!("{name} is wrong. {}, {formula}, {threads}: {error}", case.name);
        }
    }
    let [a_matrix, b_matrix] = [a, b].map(|stack| stack.index_axis_move(Axis(0), 0));
    // A single product is not timed as a stack of one: to go through a stack takes as long as the smallest products.
    let (of_one, of_several);
    let mut contenders: Vec<TimedCall<'_>> = Vec::new();
    if case.count == 1 {
        of_one = RefCell::new(c.index_axis_move(Axis(0), 0));
        for Implementation { info, multiply, .. } in implementations {
            let run = || multiply(a_matrix, b_matrix, of_one.borrow_mut().view_mut());
            contenders.push(TimedCall::new(&info.name, run));
        }
    } else {
        of_several = RefCell::new(c);
        for implementation in implementations {
            let run = || implementation.multiply_stack(a, b, of_several.borrow_mut().view_mut());
            contenders.push(TimedCall::new(&implementation.info.name, run));
        }
    }
    for (contender, implementation) in contenders.iter_mut().zip(implementations) {
        contender.spin_time = implementation.spin_time;
    }
    let turn = Duration::from_millis(arguments.turn() as u64);
    let settings = Settings { rounds: arguments.rounds(), turn, drop_slower_than: DROP_SLOWER_THAN };
    Ok(interleave(&mut contenders, settings))
}

/// Runs this program again as a worker, and reads what it prints: who takes part, and the times of each case.
pub(super) fn ask(threads: usize, count: usize) -> Result<(Vec<ContenderInfo>, Vec<Vec<Measurement>>)> {
    let mut command = Command::new(std::env::current_exe()?);
    // The same command line, but for the number of threads.
    command.args(without_threads(std::env::args_os().skip(1)));
    command.args(["--worker", "--threads", &threads.to_string()]);
    command.env("MATMUL_NUM_THREADS", threads.to_string());
    for (name, value) in blas::SLEEP_SOON {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    let mut child = command.stdout(Stdio::piped()).spawn().context("this program can't be started again")?;
    let out = child.stdout.take().context("the worker has no output")?;
    let (mut infos, mut cases) = (Vec::new(), Vec::new());
    for line in BufReader::new(out).lines() {
        match serde_json::from_str(&line?).context("the worker's line can't be read")? {
            Message::Contenders(all) => infos = all,
            Message::Case(all) => {
                let name = all.first().map_or("", |first| &first.benchmark);
                eprintln!("{}: {}/{count} {name}", threads_in_words(threads), cases.len() + 1);
                cases.push(all);
            }
        }
    }
    if !child.wait()?.success() {
        bail!("the measurement on {} has failed; the reason is printed above", threads_in_words(threads));
    }
    Ok((infos, cases))
}

/// The command line without its `--threads`.
fn without_threads(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut is_value = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        if is_value {
            is_value = false;
        } else if text == "--threads" {
            is_value = true;
        } else if !text.starts_with("--threads=") {
            kept.push(argument);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_of_a_worker_has_threads_of_its_own() {
        let line = ["gemm", "--threads", "1,2", "--shapes", "mlp", "--threads=3", "--rounds", "1"];
        let kept = without_threads(line.iter().map(Into::into));
        assert_eq!(kept, ["gemm", "--shapes", "mlp", "--rounds", "1"]);
    }

    #[test]
    fn messages_come_back() {
        let series = Series { name: "gradus".to_owned(), seconds: vec![1e-6, 2e-6] };
        let message = Message::Case(vec![Measurement::new("x", 1, &series, Amount::new(2.0, Unit::Flop))]);
        let text = serde_json::to_string(&message).unwrap();
        let Message::Case(back) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
        assert_eq!((back[0].contender.as_str(), back[0].median), ("gradus", 1.5e-6));
    }
}
