//! `predict`: classifies the digits in pictures.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::Args;
use console::{Alignment, measure_text_width, pad_str};

use super::{Network, print};
use crate::classifier::Prediction;
use crate::console::{eprint_line, percent};
use crate::failure::Failure;
use crate::labels::Labels;
use crate::locale;
use crate::picture::{Picture, PictureError, normalise};

/// The arguments of `predict`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mnist-demo predict three.png four.jpg --weights weights.safetensors")]
pub struct Arguments {
    /// PNG or JPEG pictures of any size, each with one digit (or one letter, for a network that was trained on
    /// letters), dark on light or light on dark
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    network: Network,
    /// Print one line of JSON for each picture: the file, the class, its label, and the labels and probabilities of
    /// all classes
    #[arg(long)]
    json: bool,
}

/// Classifies the pictures and prints the predictions.
///
/// # Errors
/// If the weights or a picture cannot be read. The other pictures are still classified.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut failed = None;
    let mut digits = Vec::new();
    for path in &arguments.files {
        match digit(path) {
            Ok(pixels) => digits.push((path, pixels)),
            Err(source) => {
                // The caller prints only the failure that is returned, the last one. The others are printed here.
                if let Some(earlier) = failed.replace(Failure::Picture { path: path.clone(), source }) {
                    eprint_line(&format!("error: {earlier}"));
                }
            }
        }
    }
    if !digits.is_empty() {
        let classifier = arguments.network.classifier()?;
        for (path, pixels) in digits {
            let prediction = classifier.predict(&pixels);
            let answer = if arguments.json {
                json_line(path, &prediction, classifier.labels())
            } else {
                bars(path, &prediction, classifier.labels(), locale::is_utf8())
            };
            print(&answer)?;
        }
    }
    failed.map_or(Ok(()), Err)
}

fn digit(path: &Path) -> Result<Vec<f32>, PictureError> {
    normalise(&Picture::from_file(path)?)
}

fn json_line(path: &Path, prediction: &Prediction, labels: &Labels) -> String {
    let mut value = prediction.to_json(labels);
    value["file"] = path.to_string_lossy().into();
    value.to_string()
}

/// The length of a bar for probability 1, in characters.
const LONGEST: usize = 30;
/// The maximum number of bars for a picture.
const MAX_BARS: usize = 10;

/// The label, and a bar for each probability. If there are many classes, only the most probable ones have bars.
/// Without `unicode` everything is ASCII, except for the name of the file.
fn bars(path: &Path, prediction: &Prediction, labels: &Labels, unicode: bool) -> String {
    let probabilities = &prediction.probabilities;
    let mut classes: Vec<usize> = (0..probabilities.len()).collect();
    if classes.len() > MAX_BARS {
        // The sort is stable, so the first of several equal classes comes first, as in the prediction.
        classes.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    }
    let rest = classes.split_off(classes.len().min(MAX_BARS));
    let name = |class: usize| {
        let name = labels.name(class);
        if unicode { Cow::Borrowed(name) } else { Cow::Owned(locale::escaped(name)) }
    };
    let width = classes.iter().map(|&class| measure_text_width(&name(class))).max().unwrap_or(0);
    let mut text = format!("{}: {}", path.display(), name(prediction.digit));
    for class in classes {
        let share = f64::from(probabilities[class]);
        let (label, bar) = (name(class), bar(share, unicode));
        let label = pad_str(&label, width, Alignment::Left, None);
        text += &format!("\n  {label}  {bar:LONGEST$}  {:>7}", percent(share));
    }
    if !rest.is_empty() {
        let sum: f32 = rest.iter().map(|&class| probabilities[class]).sum();
        text += &format!("\n  {} other classes: {}", rest.len(), percent(sum.into()));
    }
    text
}

/// A bar for a fraction from 0 to 1, of block characters or in ASCII.
fn bar(share: f64, unicode: bool) -> String {
    let eighths = (share * LONGEST as f64 * 8.0).round() as usize;
    if !unicode {
        return "#".repeat((eighths + 4) / 8);
    }
    "█".repeat(eighths / 8) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bars_are_as_long_as_the_probabilities() {
        let prediction = Prediction { digit: 1, probabilities: vec![0.05, 0.94, 0.01], hidden: Vec::new(), maps: None };
        let expected = "one.png: 1\n  \
            0  █▌                                5.00%\n  \
            1  ████████████████████████████▎    94.00%\n  \
            2  ▎                                 1.00%";
        let numbers = Labels::numbers(3);
        assert_eq!(bars(Path::new("one.png"), &prediction, &numbers, true), expected);
        let labels = Labels::parse("T-shirt\nbag\ncoat", 3).unwrap();
        let expected = "one.png: bag\n  \
            T-shirt  █▌                                5.00%\n  \
            bag      ████████████████████████████▎    94.00%\n  \
            coat     ▎                                 1.00%";
        assert_eq!(bars(Path::new("one.png"), &prediction, &labels, true), expected);
        let line = json_line(Path::new("one.png"), &prediction, &labels);
        let expected = json!({
            "file": "one.png",
            "class": 1,
            "label": "bag",
            "labels": ["T-shirt", "bag", "coat"],
            "probabilities": [0.05, 0.94, 0.01],
        });
        assert_eq!((line.lines().count(), serde_json::from_str(&line).ok()), (1, Some(expected)));
        let labels = Labels::parse("T-shirt\nß\ncoat", 3).unwrap();
        let expected = "one.png: \\u{df}\n  \
            T-shirt  ##                                5.00%\n  \
            \\u{df}   ############################     94.00%\n  \
            coat                                       1.00%";
        assert_eq!(bars(Path::new("one.png"), &prediction, &labels, false), expected);
    }

    #[test]
    fn of_many_classes_the_most_probable_have_bars() {
        let mut probabilities = vec![0.01; 47];
        (probabilities[46], probabilities[3]) = (0.5, 0.05);
        let prediction = Prediction { digit: 46, probabilities, hidden: Vec::new(), maps: None };
        let text = bars(Path::new("t.png"), &prediction, &Labels::of_split("balanced", 47).unwrap(), true);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[11]), (12, "t.png: t", "  37 other classes: 37.00%"));
        let begins: Vec<&str> = lines[1..11].iter().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(begins, ["t", "3", "0", "1", "2", "4", "5", "6", "7", "8"]);
    }
}
