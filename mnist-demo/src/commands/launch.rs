//! `launch`: runs the command that starts the ranks, `mpirun` or `srun`, and ends with one line and one exit code
//! however a rank or a host is lost.
//!
//! Without it, the exit code after a loss is the starter's own: OpenMPI's `mpirun` ends with 137 if a process is
//! killed, with 205 if a host is gone, and sometimes not at all. No option of it changes that, and the ranks cannot
//! either, since it ends them.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, Parser};

use super::train;
use crate::failure::{Failure, LOST_RANK, NO_ANSWER};
use crate::interrupt;

const EXAMPLES: &str = "\
Examples:
  mnist-demo launch mpirun -n 4 mnist-demo train --mpi --shards 8 --batch-size 512 --checkpoint run
  mnist-demo launch srun --mpi=pmix mnist-demo train --mpi --resume run";

/// The arguments of `launch`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// What starts the processes, with all its words: mpirun or srun, its options, this program, and train --mpi
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// With these settings, OpenMPI's `mpirun` notices after 4 seconds that a host is gone; without, after minutes.
const KEEPALIVES: [(&str, &str); 3] = [
    ("OMPI_MCA_oob_tcp_keepalive_time", "1"),
    ("OMPI_MCA_oob_tcp_keepalive_intvl", "1"),
    ("OMPI_MCA_oob_tcp_keepalive_probes", "3"),
];

/// The exit codes with which this program ends, 101 if it panics. Any other one is of a lost process or host.
const OWN_CODES: [i32; 6] = [0, 1, 2, LOST_RANK as i32, 101, interrupt::EXIT_CODE as i32];

/// How long the command may take to end after a rank has detected that another one is lost, or after Ctrl-C. (It ends
/// the ranks that are left in a second or two, but may wait for ever for a host that does not answer.)
const GRACE: Duration = Duration::from_millis(2500);

/// Runs the command. Its output is this program's.
///
/// # Errors
/// If it cannot be started or fails. If a rank was lost, the exit code is 75.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    interrupt::listen();
    let mut command = Command::new(&arguments.command[0]);
    command.args(&arguments.command[1..]).stderr(Stdio::piped());
    command.envs(KEEPALIVES.into_iter().filter(|(name, _)| env::var_os(name).is_none()));
    let mut job = command.spawn().map_err(|error| {
        let program = Path::new(&arguments.command[0]).display();
        Failure::Usage(format!("{program}: cannot be started: {error}; expected mpirun or srun with its options"))
    })?;
    let output = Forwarded::new(job.stderr.take().expect("it is piped"));
    let status = wait(&mut job, &output)?;
    output.finish();
    match status.code() {
        _ if interrupt::raised() => Err(Failure::Reported(interrupt::EXIT_CODE)),
        // The line was the rank's.
        _ if output.has_lost() => Err(Failure::Reported(LOST_RANK)),
        Some(0) => Ok(()),
        Some(code) if OWN_CODES.contains(&code) => Err(Failure::Reported(code as u8)),
        _ => Err(Failure::Lost(format!("a rank or its host was lost ({status}); {}", how_to_go_on(arguments)))),
    }
}

/// Waits for the end of the command, and kills it if it does not end although the ranks do.
fn wait(job: &mut Child, output: &Forwarded) -> io::Result<ExitStatus> {
    let mut since = None;
    loop {
        if let Some(status) = job.try_wait()? {
            return Ok(status);
        }
        if output.has_lost() || interrupt::raised() {
            let since = *since.get_or_insert_with(Instant::now);
            if since.elapsed() > GRACE {
                job.kill()?;
                return job.wait();
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The command's stderr, which is copied to this program's.
struct Forwarded {
    /// Whether a line said that a rank does not answer.
    has_lost: Arc<AtomicBool>,
    /// Disconnected when all is copied.
    ended: Receiver<()>,
}

impl Forwarded {
    fn new(stderr: ChildStderr) -> Self {
        let has_lost = Arc::new(AtomicBool::new(false));
        let (alive, ended) = channel();
        let found = Arc::clone(&has_lost);
        thread::spawn(move || {
            copy(stderr, &found);
            drop::<std::sync::mpsc::Sender<()>>(alive);
        });
        Forwarded { has_lost, ended }
    }

    fn has_lost(&self) -> bool {
        self.has_lost.load(Ordering::Relaxed)
    }

    /// Waits for the last lines: not for long, since a process that is left may hold the pipe open.
    fn finish(&self) {
        let _ = self.ended.recv_timeout(Duration::from_millis(300));
    }
}

/// Copies to stderr what arrives, without waiting for ends of lines: a progress bar has none. Ranks that detect a loss
/// at about the same time all say so; the first line stands for all.
fn copy(mut from: impl Read, has_lost: &AtomicBool) {
    let (mut line, mut chunk) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        let mut shown = Vec::new();
        for &byte in &chunk[..length] {
            let had_lost = has_lost.load(Ordering::Relaxed);
            line.push(byte);
            if !had_lost {
                shown.push(byte);
            }
            if byte == b'\n' || byte == b'\r' || line.len() == chunk.len() {
                let is_it = String::from_utf8_lossy(&line).contains(NO_ANSWER);
                if had_lost && !is_it {
                    shown.append(&mut line);
                }
                has_lost.fetch_or(is_it, Ordering::Relaxed);
                line.clear();
            }
        }
        // An error is ignored, as in `eprint_line`.
        let _ = io::stderr().lock().write_all(&shown);
    }
}

/// The arguments of `train`, as the command has them.
#[derive(Parser)]
struct Training {
    #[command(flatten)]
    arguments: train::Arguments,
}

/// How the run is continued: with the words that started it.
fn how_to_go_on(arguments: &Arguments) -> String {
    let words = &arguments.command;
    let train = words.iter().position(|word| word == "train").filter(|&index| index > 1);
    let Some(train) = train else { return "a run with --checkpoint goes on with --resume".to_owned() };
    let (start, program) = (&words[..train - 1], &words[train - 1]);
    let of_train = [program].into_iter().chain(&words[train + 1..]);
    let Ok(Training { arguments }) = Training::try_parse_from(of_train) else {
        return "a run with --checkpoint goes on with --resume".to_owned();
    };
    let own = [train::program().into_os_string(), "launch".into()];
    let before: Vec<String> = own.iter().chain(start).map(|word| train::quoted(Path::new(word))).collect();
    train::how_to_go_on(&arguments, |folder| {
        format!("{} {}", before.join(" "), arguments.to_resume(Path::new(program), folder))
    })
}
