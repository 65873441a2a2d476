//! A contender in another process: requests on its standard input, answers on its standard output, one line each.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::benchmark::{Contender, Timing};
use crate::problem::Problem;
use crate::record::ContenderInfo;
use crate::task::Task;

/// A running process that was started for a benchmark; it is ended when this value is dropped.
pub struct Remote {
    info: ContenderInfo,
    /// What was set for its process.
    variables: String,
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Remote {
    /// Starts the process, and sends it the problem if it can't make it by itself. `variables` says what was set for
    /// it.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(name: String, mut command: Command, variables: &str, problem: Option<&Problem>) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: {program} can't be started"))?;
        let requests = BufWriter::new(child.stdin.take().expect("its input is a pipe"));
        let answers = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let info = ContenderInfo::peer(name, "", "");
        let mut remote = Remote { info, variables: variables.to_owned(), child, requests, answers };
        if let Some(problem) = problem {
            let written = problem.write(&mut remote.requests);
            written.with_context(|| format!("{}: the process does not take the data", remote.info.name))?;
        }
        Ok(remote)
    }

    /// Waits until the process says its name, its version and its settings, with tabulators between them.
    ///
    /// # Errors
    /// If it ends instead, or says something else.
    pub fn ready(mut self) -> Result<Self> {
        let line = self.answer()?;
        let [name, version, settings] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("{}: \"{line}\" is not a name, a version and settings", self.info.name);
        };
        let settings = [settings, &self.variables].into_iter().filter(|words| !words.is_empty());
        let settings = settings.collect::<Vec<_>>().join(", ");
        self.info = ContenderInfo::peer(name, version, settings);
        Ok(self)
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let length = self.answers.read_line(&mut line).with_context(|| format!("{}: no answer", self.info.name))?;
        if length == 0 {
            bail!("{}: the process has ended; what it said last stands above", self.info.name);
        }
        Ok(line.trim_end().to_owned())
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        let sent = writeln!(self.requests, "{request}").and_then(|()| self.requests.flush());
        sent.with_context(|| format!("{}: the process takes no requests", self.info.name))?;
        self.answer()
    }
}

impl Contender for Remote {
    fn info(&self) -> &ContenderInfo {
        &self.info
    }

    fn is_peer(&self) -> bool {
        true
    }

    fn prepare(&mut self, task: Task) -> Result<bool> {
        match self.ask(&format!("prepare {task}"))?.as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            other => bail!("{}: \"{other}\" is no answer to a task", self.info.name),
        }
    }

    fn run(&mut self, repeats: usize) -> Result<Timing> {
        let answer = self.ask(&format!("run {repeats}"))?;
        let timing = answer
            .split_once(' ')
            .and_then(|(seconds, check)| Some(Timing { seconds: seconds.parse().ok()?, check: check.parse().ok()? }));
        timing.with_context(|| format!("{}: \"{answer}\" is not a time and a number", self.info.name))
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
        command.args(["-c", &format!("printf 'Shell\\t1.0\\tposix\\n'; {script}")]);
        Remote::start("shell".to_owned(), command, "threads 1", None).unwrap().ready().unwrap()
    }

    #[test]
    fn requests_are_answered() {
        let mut remote = shell(&["yes", "0.25 -1.5e-3", "no"]);
        let ContenderInfo { name, version, settings, .. } = remote.info();
        assert_eq!((name.as_str(), version.as_str(), settings.as_str()), ("Shell", "1.0", "posix, threads 1"));
        assert!(remote.prepare(Task::Infer { batch: 1 }).unwrap());
        let timing = remote.run(10).unwrap();
        assert_eq!((timing.seconds, timing.check), (0.25, -1.5e-3));
        assert!(!remote.prepare(Task::Train { batch: 1 }).unwrap());
    }

    #[test]
    fn nonsense_and_silence_are_errors() {
        let mut remote = shell(&["perhaps", "soon"]);
        let error = remote.prepare(Task::Infer { batch: 1 }).unwrap_err();
        assert_eq!(error.to_string(), "Shell: \"perhaps\" is no answer to a task");
        assert!(remote.run(1).unwrap_err().to_string().contains("\"soon\" is not a time and a number"));
        assert!(remote.run(1).is_err(), "it has ended");
        assert!(Remote::start("none".to_owned(), Command::new("/no/such/program"), "", None).is_err());
        let mut command = Command::new("sh");
        command.args(["-c", "echo hello"]);
        let error = Remote::start("rude".to_owned(), command, "", None).unwrap().ready().err().unwrap();
        assert_eq!(error.to_string(), "rude: \"hello\" is not a name, a version and settings");
    }
}
