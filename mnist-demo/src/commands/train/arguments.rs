//! The arguments of `train`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use crate::commands::{Source, Threads, values};
use crate::failure::Failure;
use crate::model::Model;
use crate::recipe::Recipe;

const EXAMPLES: &str = "\
Examples:
  mnist-demo train --epochs 5 --save weights.safetensors
  mnist-demo train --recipe best --out report      then open report/report.html
  mnist-demo train --model cnn --save cnn.safetensors
  mnist-demo train --target-acc 98 --serve         then open http://127.0.0.1:8000/
  mnist-demo train --checkpoint run                stop it with Ctrl-C, then continue:
  mnist-demo train --resume run
  mpirun -n 4 mnist-demo train --mpi --shards 8 --batch-size 512 --checkpoint run";

/// The arguments of `train`. Those that are saved with a run are optional, because a resumed run has them already.
#[derive(Debug, Args)]
#[command(allow_negative_numbers = true, group = ArgGroup::new("kept").multiple(true), after_help = EXAMPLES)]
pub struct Arguments {
    /// Passes over the training images [default: 10; best: 60, of the cnn 30]
    #[arg(long, value_name = "N", value_parser = values::positive)]
    pub(super) epochs: Option<usize>,
    /// Images per training step [default: 64; best: 128]
    #[arg(long, value_name = "N", value_parser = values::positive)]
    pub(super) batch_size: Option<usize>,
    /// Learning rate of the optimizer. In the recipe best it rises and falls; this is then its maximum
    /// [default: 0.001; best: 0.002]
    #[arg(long, value_name = "RATE", value_parser = values::learning_rate)]
    pub(super) lr: Option<f64>,
    /// Seed of all random numbers, such as the initial weights and the order of the images. The same seed gives the
    /// same weights [default: 0]
    #[arg(long, value_name = "SEED", value_parser = values::seed)]
    pub(super) seed: Option<u64>,
    /// The network. Commands that load weights see from them which one it is [default: mlp]
    #[arg(long, value_name = "NAME")]
    pub(super) model: Option<Model>,
    /// How to train [default: plain]
    #[arg(long, value_name = "NAME")]
    pub(super) recipe: Option<Recipe>,
    /// Stop after the epoch that reaches this test accuracy in percent, and print how many seconds it took
    #[arg(long, value_name = "PERCENT", value_parser = values::percentage)]
    pub(super) target_acc: Option<f64>,
    /// Cut each batch into so many shards, whose gradients are summed in a fixed order. Their number determines the
    /// weights, as the seed does; how many processes compute them does not
    #[arg(long, value_name = "N", value_parser = values::positive)]
    #[arg(help_heading = "Several processes or machines")]
    pub(super) shards: Option<usize>,
    /// Share the shards out among the processes that mpirun started, at most one for each shard. Rank 0 reads and
    /// writes checkpoints and results, and is the one that talks
    #[arg(long, help_heading = "Several processes or machines")]
    pub(super) mpi: bool,
    /// End with the exit code 75 when the other processes have not answered for so many seconds; --resume goes on from
    /// the last checkpoint, on as many processes as are left [default: 30]
    #[arg(long, value_name = "SECONDS", requires = "mpi", value_parser = values::positive)]
    #[arg(help_heading = "Several processes or machines")]
    pub(super) patience: Option<usize>,
    #[command(flatten)]
    pub(super) threads: Threads,
    #[command(flatten)]
    pub(super) source: Source,
    /// Write the trained weights to this file, in the safetensors format. Use it with --weights in eval, predict and
    /// serve. An existing file is replaced after the training has succeeded
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(super) save: Option<PathBuf>,
    /// Write a report of the run to this folder: report.html, the curves as SVG and PNG, the history as CSV and JSON
    #[arg(long, value_name = "DIR", help_heading = "Results")]
    pub(super) out: Option<PathBuf>,
    /// Print no progress bar. Without a terminal there is no bar in any case
    #[arg(long, help_heading = "Results")]
    pub(super) plain: bool,
    /// Show the training curves on a web page on this port, where you can also draw digits. The page stays until
    /// Ctrl-C. Without a number the port is 8000; 0 chooses a free one
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "8000", value_parser = values::port)]
    #[arg(help_heading = "Results")]
    pub(super) serve: Option<u16>,
    /// The address of this machine to listen on; with 0.0.0.0 other machines can open the page too
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = values::host, requires = "serve")]
    #[arg(help_heading = "Results")]
    pub(super) host: IpAddr,
    /// Write a checkpoint, the whole state of the run, to this folder after each epoch and after Ctrl-C. --resume
    /// continues from it
    #[arg(long, value_name = "DIR", group = "kept", help_heading = "Checkpoints")]
    pub(super) checkpoint: Option<PathBuf>,
    /// Continue the run in this folder. The result is exactly the same as without the interruption. The settings are
    /// read from the folder; only --epochs, --target-acc, --threads, --mpi, --every, --keep and the options for results
    /// can be changed. If --checkpoint names the same folder, a new run is started if there is none
    #[arg(long, value_name = "DIR", group = "kept", help_heading = "Checkpoints")]
    pub(super) resume: Option<PathBuf>,
    /// Also write a checkpoint every STEPS steps, not only after each epoch
    #[arg(long, value_name = "STEPS", requires = "kept", value_parser = values::positive, help_heading = "Checkpoints")]
    pub(super) every: Option<usize>,
    /// How many of the newest checkpoints are kept [default: 3]
    #[arg(long, value_name = "N", requires = "kept", value_parser = values::positive, help_heading = "Checkpoints")]
    pub(super) keep: Option<usize>,
}

impl Arguments {
    /// The folder of checkpoints, if the run has one.
    ///
    /// # Errors
    /// If two different folders are given.
    pub fn kept(&self) -> Result<Option<&Path>, Failure> {
        match (&self.checkpoint, &self.resume) {
            (Some(checkpoint), Some(resume)) if checkpoint != resume => Err(Failure::Usage(format!(
                "--checkpoint: found {}, expected {}, since a resumed run goes on writing where it is",
                checkpoint.display(),
                resume.display()
            ))),
            (checkpoint, resume) => Ok(resume.as_deref().or(checkpoint.as_deref())),
        }
    }

    /// The command that continues an interrupted run with these arguments; `program` is the path of this program.
    pub fn to_resume(&self, program: &Path, folder: &Path) -> String {
        let mut words = vec![quoted(program), "train --resume".to_owned(), quoted(folder)];
        let threads = self.threads.threads;
        words.extend(self.mpi.then(|| "--mpi".to_owned()));
        words.extend(self.patience.map(|seconds| format!("--patience {seconds}")));
        words.extend((threads > 0).then(|| format!("--threads {threads}")));
        words.extend(self.save.as_deref().map(|path| format!("--save {}", quoted(path))));
        words.extend(self.out.as_deref().map(|path| format!("--out {}", quoted(path))));
        words.extend(self.serve.map(|port| format!("--serve {port}")));
        words.extend((!self.host.is_loopback()).then(|| format!("--host {}", self.host)));
        words.join(" ")
    }
}

/// A path, quoted for a shell.
pub fn quoted(path: &Path) -> String {
    quoted_text(&path.display().to_string())
}

/// An argument, quoted for a shell.
pub fn quoted_text(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    let is_plain = !text.is_empty() && text.chars().all(plain);
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(quoted(Path::new("/tmp/run-1")), "/tmp/run-1");
        assert_eq!(quoted(Path::new("my run")), "'my run'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
