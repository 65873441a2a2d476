//! The other end: a library of this program answers requests on standard input until there are none.

use std::io::{BufRead, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::benchmark::{Library, Timing, Work, timed};
use crate::problem::Problem;
use crate::record::ContenderInfo;

/// Says who it is, then answers: see `benches/python/contender.py` for the requests.
///
/// # Errors
/// If a line is not a request, or the answers can't be written.
pub fn serve(
    info: &ContenderInfo,
    library: Library,
    problem: &Arc<Problem>,
    threads: usize,
    requests: impl BufRead,
    mut answers: impl Write,
) -> Result<()> {
    writeln!(answers, "{}\t{}\t{}", info.name, info.version, info.settings)?;
    answers.flush()?;
    let mut work: Option<Work> = None;
    for line in requests.lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("prepare", task)) => {
                // The memory of the last task is freed before the next one takes its own.
                drop(work.take());
                work = library(problem, task.parse()?, threads);
                writeln!(answers, "{}", if work.is_some() { "yes" } else { "no" })?;
            }
            Some(("run", repeats)) => {
                let work = work.as_mut().context("nothing is prepared")?;
                let Timing { seconds, check } = timed(work, repeats.parse()?);
                writeln!(answers, "{seconds} {check}")?;
            }
            _ => bail!("\"{line}\" is not a request"),
        }
        answers.flush()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Task;

    #[test]
    fn it_says_who_it_is_and_answers() {
        let library: Library = |_, task, threads| match task {
            Task::Infer { batch } => Some(Box::new(move |repeats| (batch * repeats * threads) as f64)),
            _ => None,
        };
        let info = ContenderInfo::peer("Counter", "1", "none");
        let problem = Arc::new(Problem::dots(1));
        let answers = |requests: &str| {
            let mut answers = Vec::new();
            let result = serve(&info, library, &problem, 2, requests.as_bytes(), &mut answers);
            (result, String::from_utf8(answers).unwrap())
        };
        let (result, said) = answers("prepare train 5\nprepare infer 5\nrun 3\n");
        let lines: Vec<&str> = said.lines().collect();
        assert!(
            result.is_ok() && lines[..3] == ["Counter\t1\tnone", "no", "yes"] && lines[3].ends_with(" 30"),
            "{said}"
        );
        assert!(answers("run 3\n").0.is_err() && answers("sing\n").0.is_err());
    }
}
