//! An entrant in another process: requests on its standard input, answers on its standard output, a line each.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::contest::{Entrant, Slice, Task};
use crate::problem::Problem;

/// A running process that was started for a contest; it ends with this value.
pub struct Remote {
    name: String,
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    /// Starts the process, and gives it the problem if it can't make it by itself.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(name: String, mut command: Command, problem: Option<&Problem>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: {program} can't be started"))?;
        let requests = BufWriter::new(child.stdin.take().expect("its input is a pipe"));
        let answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let mut remote = Remote { name, child, requests, answers };
        if let Some(problem) = problem {
            let written = problem.write(&mut remote.requests);
            written.with_context(|| format!("{}: the process does not take the data", remote.name))?;
        }
        Ok(remote)
    }

    /// Waits until the process says its name, with a version.
    ///
    /// # Errors
    /// If it ends instead.
    pub fn ready(mut self) -> Result<Self> {
        self.name = self.answer()?;
        Ok(self)
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).with_context(|| format!("{}: no answer", self.name))?;
        if length == 0 {
            bail!("{}: the process has ended; what it said last stands above", self.name);
        }
        Ok(line.trim_end().to_owned())
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        let sent = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        sent.with_context(|| format!("{}: the process takes no requests", self.name))?;
        self.answer()
    }
}

impl Entrant for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn prepare(&mut self, task: Task) -> Result<bool> {
        match self.ask(&format!("prepare {task}"))?.as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            other => bail!("{}: \"{other}\" is no answer to a task", self.name),
        }
    }

    fn run(&mut self, repeats: usize) -> Result<Slice> {
        let answer = self.ask(&format!("run {repeats}"))?;
        let slice = answer
            .split_once(' ')
            .and_then(|(seconds, check)| Some(Slice { seconds: seconds.parse().ok()?, check: check.parse().ok()? }));
        slice.with_context(|| format!("{}: \"{answer}\" is not a time and a number", self.name))
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that answers each line with the next of these.
    fn shell(answers: &[&str]) -> Remote {
        let script: String = answers.iter().map(|answer| format!("read request; echo '{answer}'; ")).collect();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo 'Shell 1.0'; {script}")]);
        Remote::start("shell".to_owned(), command, None).unwrap().ready().unwrap()
    }

    #[test]
    fn requests_are_answered() {
        let mut remote = shell(&["yes", "0.25 -1.5e-3", "no"]);
        assert_eq!(remote.name(), "Shell 1.0");
        assert!(remote.prepare(Task::Infer { batch: 1 }).unwrap());
        let slice = remote.run(10).unwrap();
        assert_eq!((slice.seconds, slice.check), (0.25, -1.5e-3));
        assert!(!remote.prepare(Task::Train { batch: 1 }).unwrap());
    }

    #[test]
    fn nonsense_and_silence_are_errors() {
        let mut remote = shell(&["perhaps", "soon"]);
        let error = remote.prepare(Task::Infer { batch: 1 }).unwrap_err();
        assert_eq!(error.to_string(), "Shell 1.0: \"perhaps\" is no answer to a task");
        assert!(remote.run(1).unwrap_err().to_string().contains("\"soon\" is not a time and a number"));
        assert!(remote.run(1).is_err(), "it has ended");
        assert!(Remote::start("none".to_owned(), Command::new("/no/such/program"), None).is_err());
    }
}
