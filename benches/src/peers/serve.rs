//! The other end: a library of this program answers requests on standard input until there are none.

use std::io::{BufRead, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::contest::{Library, Slice, Work, timed};
use crate::problem::Problem;

/// Says its name, then answers: see `benches/python/entrant.py` for the requests.
///
/// # Errors
/// If a request is not one, or nobody listens any more.
pub fn serve(
    name: &str,
    library: Library,
    problem: &Arc<Problem>,
    threads: usize,
    requests: impl BufRead,
    mut answers: impl Write,
) -> Result<()> {
    writeln!(answers, "{name}")?;
    answers.flush()?;
    let mut work: Option<Work> = None;
    for line in requests.lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("prepare", task)) => {
                // The last task's memory goes first.
                drop(work.take());
                work = library(problem, task.parse()?, threads);
                writeln!(answers, "{}", if work.is_some() { "yes" } else { "no" })?;
            }
            Some(("run", repeats)) => {
                let work = work.as_mut().context("nothing is prepared")?;
                let Slice { seconds, check } = timed(work, repeats.parse()?);
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
    use crate::contest::Task;

    #[test]
    fn it_says_its_name_and_answers() {
        let library: Library = |_, task, threads| match task {
            Task::Infer { batch } => Some(Box::new(move |repeats| (batch * repeats * threads) as f64)),
            _ => None,
        };
        let problem = Arc::new(Problem::dots(1));
        let answers = |requests: &str| {
            let mut answers = Vec::new();
            let result = serve("Counter 1", library, &problem, 2, requests.as_bytes(), &mut answers);
            (result, String::from_utf8(answers).unwrap())
        };
        let (result, said) = answers("prepare train 5\nprepare infer 5\nrun 3\n");
        let lines: Vec<&str> = said.lines().collect();
        assert!(result.is_ok() && lines[..3] == ["Counter 1", "no", "yes"] && lines[3].ends_with(" 30"), "{said}");
        assert!(answers("run 3\n").0.is_err() && answers("sing\n").0.is_err());
    }
}
