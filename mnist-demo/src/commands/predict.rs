//! `predict`: the digits in pictures.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{print, reader};
use crate::console::tell;
use crate::failure::Failure;
use crate::locale;
use crate::picture::{Picture, PictureError, normalise};
use crate::reading::Reading;

/// The arguments of `predict`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mnist-demo predict three.png four.jpg --weights weights.safetensors")]
pub struct Arguments {
    /// Pictures of one digit each: PNG or JPEG, of any size, dark on light or light on dark
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The weights, as train --save wrote them; without this the network is trained first, for 3 epochs, which takes seconds
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Print a line of JSON for each picture: its file, the digit, and the probabilities of the classes from 0 on
    #[arg(long)]
    json: bool,
}

/// Reads the pictures and prints what is on them.
///
/// # Errors
/// If the weights or a picture cannot be read. The other pictures are answered all the same.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut failed = None;
    let mut digits = Vec::new();
    for path in &arguments.files {
        match digit(path) {
            Ok(pixels) => digits.push((path, pixels)),
            Err(source) => {
                // The last failure is the caller's to print, the others would be lost.
                if let Some(earlier) = failed.replace(Failure::Picture { path: path.clone(), source }) {
                    tell(&format!("error: {earlier}"));
                }
            }
        }
    }
    if !digits.is_empty() {
        let reader = reader(arguments.weights.as_deref())?;
        for (path, pixels) in digits {
            let reading = reader.read(&pixels);
            let answer = if arguments.json {
                line_for_programs(path, &reading)
            } else {
                bars(path, &reading, locale::is_utf8())
            };
            print(&answer)?;
        }
    }
    failed.map_or(Ok(()), Err)
}

fn digit(path: &Path) -> Result<Vec<f32>, PictureError> {
    normalise(&Picture::from_file(path)?)
}

fn line_for_programs(path: &Path, reading: &Reading) -> String {
    let mut value = json!({ "file": path.to_string_lossy() });
    value.as_object_mut().expect("it is an object").extend(reading.to_json().as_object().cloned().unwrap_or_default());
    value.to_string()
}

/// The longest bar, in characters.
const LONGEST: usize = 30;

/// The digit, and a bar for each probability, of blocks or in ASCII.
fn bars(path: &Path, reading: &Reading, unicode: bool) -> String {
    let mut text = format!("{}: {}", path.display(), reading.digit);
    for (class, &probability) in reading.probabilities.iter().enumerate() {
        let eighths = (f64::from(probability) * LONGEST as f64 * 8.0).round() as usize;
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
        let bar = if unicode { "█".repeat(eighths / 8) + part } else { "#".repeat((eighths + 4) / 8) };
        text += &format!("\n  {class}  {bar:LONGEST$}  {:>6.2}%", 100.0 * probability);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_the_probabilities() {
        let reading = Reading { digit: 1, probabilities: vec![0.05, 0.94, 0.01], hidden: Vec::new() };
        let expected = "one.png: 1\n  \
            0  █▌                                5.00%\n  \
            1  ████████████████████████████▎    94.00%\n  \
            2  ▎                                 1.00%";
        assert_eq!(bars(Path::new("one.png"), &reading, true), expected);
        assert!(bars(Path::new("one.png"), &reading, false).is_ascii());
        let line = line_for_programs(Path::new("one.png"), &reading);
        assert_eq!(line, r#"{"digit":1,"file":"one.png","probabilities":[0.05,0.94,0.01]}"#);
    }
}
