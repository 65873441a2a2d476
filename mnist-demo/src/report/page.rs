//! The report as a web page: one file, without anything that a browser would have to fetch.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use nn::Module;
use nn::metrics::ConfusionMatrix;

use super::curves::Curves;
use super::{Evaluation, Mistake, Report, pictures};
use crate::console::percent;
use crate::environment;
use crate::labels::Labels;
use crate::model::Sizes;

/// The number of mistakes that are on the page, and how many of them one sees without unfolding the rest: three rows on
/// a telephone, one on a wide screen.
const SHOWN_MISTAKES: usize = 30;
const FIRST_MISTAKES: usize = 9;
/// The maximum number of points of all tiles of the first layer, so that the page stays small for data sets of large
/// images.
const TILE_POINTS: usize = 1 << 18;
/// The maximum number of classes for which the confusion matrix is shown: a larger table is not readable.
const MAX_TABLE_CLASSES: usize = 32;

/// The page as HTML.
pub fn page(report: &Report<'_>, curves: &Curves) -> String {
    let (evaluation, labels) = (&report.evaluation, &report.trainer.data().labels);
    let title = format!("Gradus: {} on the test images", percent(evaluation.confusion.accuracy()));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                main {
                    (head(report))
                    (configuration(report))
                    section {
                        h2 { "Training curves" }
                        div.curves {
                            @for (words, curve) in curves.inline() {
                                figure role="img" aria-label=(words) { (PreEscaped(curve)) }
                            }
                        }
                    }
                    (confusion(evaluation, labels))
                    (mistakes(report))
                    (tiles(report))
                    (classes(evaluation, labels))
                    footer { "Written by mnist-demo, the demo of Gradus " (env!("CARGO_PKG_VERSION")) "." }
                }
            }
        }
    }
    .into_string()
}

/// The heading: the accuracy, a warning if the training diverged, and the main figures.
fn head(report: &Report<'_>) -> Markup {
    let history = report.trainer.history();
    let wrong = report.evaluation.mistakes.len();
    let figures = [
        (format!("{:.2} s", history.elapsed.as_secs_f64()), "for the whole run"),
        (grouped(history.speed().round() as usize), "images per second"),
        (history.epochs.len().to_string(), if history.epochs.len() == 1 { "epoch" } else { "epochs" }),
        (grouped(report.trainer.network().parameter_count()), "parameters"),
    ];
    html! {
        header {
            div.score {
                h1 { (percent(report.evaluation.confusion.accuracy())) }
                p {
                    "test accuracy: " (grouped(wrong)) " of " (grouped(report.trainer.data().test.len()))
                    " test images are classified wrongly"
                }
                @if let Some(warning) = report.trainer.warning() { p.warning { "Warning: " (warning) "." } }
            }
            dl.figures {
                @for (figure, what) in figures { div { dt { (what) } dd { (figure) } } }
            }
        }
    }
}

/// The command, and what it trained, on what, when and where.
fn about(report: &Report<'_>) -> [(&'static str, String); 7] {
    let (data, settings) = (report.trainer.data(), report.trainer.settings());
    [
        ("command line", environment::command_line()),
        ("model", settings.model.description(Sizes::of(data))),
        ("data set", format!("{}: {}", report.run.source(), report.run.data)),
        ("optimizer", settings.recipe.describe_optimizer(settings.model, settings.learning_rate)),
        ("date", environment::date()),
        ("processor", environment::processor()),
        ("version", format!("Gradus {}", environment::version())),
    ]
}

fn confusion(evaluation: &Evaluation, labels: &Labels) -> Markup {
    if evaluation.confusion.classes() > MAX_TABLE_CLASSES {
        return html! {};
    }
    html! {
        section {
            h2 { "Confusion matrix" }
            p.note {
                "Each cell counts the test images of a true class (row) that were predicted as a class (column). "
                span.above { "Blue" } ", on the diagonal: correct. " span.below { "Orange" } ": wrong."
            }
            (confusion_table(&evaluation.confusion, labels))
        }
    }
}

/// The confusion matrix, with the true classes down and the predicted classes across.
fn confusion_table(confusion: &ConfusionMatrix, labels: &Labels) -> Markup {
    let classes = confusion.classes();
    let most = (0..classes)
        .flat_map(|label| confusion.row(label).iter().enumerate().filter(move |(predicted, _)| *predicted != label))
        .map(|(_, &count)| count)
        .max()
        .unwrap_or(0)
        .max(1);
    // The square root makes small counts visible beside large ones.
    let strength = |count: usize| (count as f64 / most as f64).sqrt();
    html! {
        div.wide {
            table.confusion {
                thead {
                    tr { td.corner colspan="2" {} th.axis scope="colgroup" colspan=(classes) { "predicted class" } }
                    tr {
                        td.corner colspan="2" {}
                        @for predicted in 0..classes { th scope="col" { (labels.name(predicted)) } }
                    }
                }
                tbody {
                    @for label in 0..classes {
                        @let name = labels.name(label);
                        tr {
                            @if label == 0 { th.axis scope="rowgroup" rowspan=(classes) { span { "true class" } } }
                            th scope="row" { (name) }
                            @for (predicted, &count) in confusion.row(label).iter().enumerate() {
                                @let other = labels.name(predicted);
                                @let words = format!("true {name}, predicted {other}: {count} images");
                                @if predicted == label {
                                    td.right title=(words) { (count) }
                                } @else if count == 0 {
                                    td {}
                                } @else {
                                    td.wrong style=(format!("--strength:{:.2}", strength(count))) title=(words) {
                                        (count)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn classes(Evaluation { confusion, .. }: &Evaluation, labels: &Labels) -> Markup {
    let share = |share: f64| if share.is_nan() { "–".to_owned() } else { percent(share) };
    let both = |class: usize| [confusion.precision(class), confusion.recall(class)];
    // The share that is missing to 100%. Its bar begins at 0, so that twice the length is twice as many errors. A bar
    // of the value itself would not show how the classes differ: all are near 100%.
    let missing = |value: f64| if value.is_nan() { 0.0 } else { 1.0 - value };
    let most = (0..confusion.classes()).flat_map(both).map(missing).fold(0.0, f64::max);
    let bar = |value: f64| {
        let length = if most > 0.0 { 100.0 * missing(value) / most } else { 0.0 };
        format!("--length:{length:.1}%")
    };
    html! {
        section {
            h2 { "Precision and recall" }
            p.note {
                "Precision of a class: the fraction of the images predicted as this class that belong to it. "
                "Recall of a class: the fraction of its images that are predicted as this class. "
                "The bars show the errors, which are what is missing to 100%: the shorter, the better. "
                "They begin at 0; the longest stands for " (share(most)) "."
            }
            div.wide {
                table.classes {
                    thead {
                        tr { @for name in ["class", "images", "precision", "recall"] { th scope="col" { (name) } } }
                    }
                    tbody {
                        @for class in 0..confusion.classes() {
                            tr {
                                th scope="row" { (labels.name(class)) }
                                td { (confusion.row(class).iter().sum::<usize>()) }
                                @for value in both(class) {
                                    td.missing style=(bar(value)) { span { (share(value)) } i {} }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn mistakes(report: &Report<'_>) -> Markup {
    let mistakes = &report.evaluation.mistakes;
    if mistakes.is_empty() {
        return html! {};
    }
    let shown = &mistakes[..mistakes.len().min(SHOWN_MISTAKES)];
    let (first, rest) = shown.split_at(shown.len().min(FIRST_MISTAKES));
    html! {
        section {
            h2 { "Most confident mistakes" }
            p.note {
                "The wrongly classified test images with the highest predicted probability: "
                "true class → predicted class, and its probability."
            }
            ul.digits { @for mistake in first { (picture(report, mistake)) } }
            @if !rest.is_empty() {
                details {
                    summary { "The next " (rest.len()) }
                    ul.digits { @for mistake in rest { (picture(report, mistake)) } }
                }
            }
        }
    }
}

/// A misclassified image, with its true and its predicted class.
fn picture(report: &Report<'_>, mistake: &Mistake) -> Markup {
    let (test, labels) = (&report.trainer.data().test, &report.trainer.data().labels);
    let (label, predicted) = (labels.name(mistake.label), labels.name(mistake.predicted));
    let file = pictures::png(test.columns, test.rows, png::ColorType::Grayscale, &ink(test.image(mistake.image)));
    html! {
        li {
            img src=(pictures::address(&file)) width=(test.columns) height=(test.rows)
                alt=(format!("test image {}, true class {label}", mistake.image))
                title=(format!("test image {}", mistake.image));
            div {
                span.label { (label) } " → " span.found { (predicted) }
                small { (confidence(mistake.confidence)) }
            }
        }
    }
}

/// Dark ink on a light background; in dark mode the style sheet inverts it.
fn ink(pixels: &[u8]) -> Vec<u8> {
    pixels.iter().map(|&pixel| 255 - pixel).collect()
}

/// A probability in percent, rounded down below 100%: a wrong prediction was not certain.
fn confidence(confidence: f32) -> String {
    format!("{:.2}%", (100.0 * f64::from(confidence)).min(99.99))
}

fn tiles(report: &Report<'_>) -> Markup {
    let weight = report.trainer.network().named_parameters().swap_remove(0).1.tensor();
    let images = &report.trainer.data().train;
    let values = weight.to_vec();
    // A filter of a convolution is `[1, rows, columns]`: the images have one channel.
    let (unit, [rows, columns]) = match weight.shape()[..] {
        [_, _, rows, columns] => ("filter", [rows, columns]),
        _ => ("unit", [images.rows, images.columns]),
    };
    let mut units: Vec<&[f32]> = values.chunks(rows * columns).collect();
    let strength = |unit: &[f32]| unit.iter().map(|weight| weight * weight).sum::<f32>();
    units.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    let all = units.len();
    units.truncate((TILE_POINTS / (rows * columns)).max(1));
    let mut sizes: Vec<f32> = units.iter().flat_map(|unit| unit.iter().map(|weight| weight.abs())).collect();
    sizes.sort_by(f32::total_cmp);
    let largest = sizes[(sizes.len() - 1) * 199 / 200].max(f32::MIN_POSITIVE);
    let (width, height, file) = pictures::tiles(&units, (rows, columns), 16.min(units.len()), largest);
    let shown =
        if units.len() < all { format!("{} of the {all} {unit}s", units.len()) } else { format!("The {all} {unit}s") };
    let alt = format!("weights of {} {unit}s, {rows} × {columns} points each", units.len());
    html! {
        section {
            details {
                summary { h2 { "First-layer weights" } }
                p.note {
                    (shown) " of the first layer, the largest weights first. Each tile shows the weights of a " (unit)
                    " for the " (rows) " × " (columns) " pixels: "
                    span.above { "blue" } " is positive (ink there activates the " (unit) "), "
                    span.below { "orange" } " is negative."
                }
                div.wide {
                    img.tiles src=(pictures::address(&file)) width=(width) height=(height) alt=(alt);
                }
            }
        }
    }
}

/// What was run: the command and what it trained, and, folded, all settings.
fn configuration(report: &Report<'_>) -> Markup {
    let (settings, progress) = (report.trainer.settings(), report.trainer.progress());
    let history = &progress.history;
    let mut epochs = format!("{} of {}", history.epochs.len(), settings.epochs);
    if progress.so_far.images > 0 {
        // The run was interrupted within an epoch.
        epochs += &format!(", and {} images of the next", grouped(progress.so_far.images));
    }
    let of_shards = settings.shards.map(|shards| format!(", in {shards} shards")).unwrap_or_default();
    let batch_size = format!("{}{of_shards}", settings.batch_size);
    let rows = [
        ("recipe", settings.recipe.to_string()),
        ("epochs", epochs),
        ("batch size", batch_size),
        ("learning rate", settings.learning_rate.to_string()),
        ("seed", settings.seed.to_string()),
        ("instruction set", environment::kernels()),
        ("threads", report.threads.to_string()),
        (
            "training",
            format!(
                "{:.2} s, {} images/s",
                history.training_time().as_secs_f64(),
                grouped(history.speed().round() as usize)
            ),
        ),
        ("training and evaluation", format!("{:.2} s", history.elapsed.as_secs_f64())),
    ];
    html! {
        section {
            h2 { "The run" }
            dl.about { @for (what, value) in about(report) { div { dt { (what) } dd { (value) } } } }
            details {
                summary { "All settings" }
                table.run { tbody { @for (what, value) in rows { tr { th scope="row" { (what) } td { (value) } } } } }
            }
        }
    }
}

/// A number with commas between the thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 235_146, 1_234_567].map(grouped), ["0", "999", "1,000", "235,146", "1,234,567"]);
    }

    #[test]
    fn no_confidence_is_100_percent() {
        assert_eq!(confidence(1.0), "99.99%");
        assert_eq!(confidence(0.5), "50.00%");
    }
}
