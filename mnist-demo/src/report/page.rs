//! The page: everything in one file that needs no network.

use autograd::kernels::simd::isa;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use nn::Module;

use super::curves::Curves;
use super::{Evaluation, Report, pictures};
use crate::console::percent;
use crate::labels::Labels;

/// Mistakes that are shown.
const SHOWN_MISTAKES: usize = 30;
/// Points that the tiles of the first layer may have in all: a page stays small for data sets of large images too.
const TILE_POINTS: usize = 1 << 18;
/// Classes that the confusion matrix is a readable table of.
const TABLE_CLASSES: usize = 32;

/// The page as HTML.
pub fn page(report: &Report<'_>, curves: &Curves) -> String {
    let (evaluation, labels) = (&report.evaluation, &report.trainer.data().labels);
    let title = format!("Gradus: {} on the test images", percent(evaluation.accuracy()));
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
                    section.curves aria-label="Loss and accuracy" {
                        @for (words, curve) in curves.inline() { figure role="img" aria-label=(words) { (PreEscaped(curve)) } }
                    }
                    (confusion(evaluation, labels))
                    (mistakes(report))
                    (tiles(report))
                    (classes(evaluation, labels))
                    (configuration(report))
                    footer { "Written by mnist-demo, the demo of Gradus " (env!("CARGO_PKG_VERSION")) "." }
                }
            }
        }
    }
    .into_string()
}

fn head(report: &Report<'_>) -> Markup {
    let history = report.trainer.history();
    let wrong = report.evaluation.mistakes.len();
    let figures = [
        (format!("{:.2} s", history.elapsed.as_secs_f64()), "for the whole run"),
        (grouped(history.speed().round() as usize), "images a second"),
        (history.epochs.len().to_string(), if history.epochs.len() == 1 { "epoch" } else { "epochs" }),
        (grouped(report.trainer.network().parameter_count()), "parameters"),
    ];
    html! {
        header {
            div.score {
                h1 { (percent(report.evaluation.accuracy())) }
                p { "of " (grouped(report.trainer.data().test.len())) " test images read rightly, " (grouped(wrong)) " wrongly" }
            }
            dl.figures {
                @for (figure, what) in figures { div { dt { (what) } dd { (figure) } } }
            }
        }
    }
}

fn confusion(evaluation: &Evaluation, labels: &Labels) -> Markup {
    let classes = evaluation.classes();
    if classes > TABLE_CLASSES {
        return html! {};
    }
    let most = (0..classes)
        .flat_map(|label| evaluation.row(label).iter().enumerate().filter(move |(found, _)| *found != label))
        .map(|(_, &count)| count)
        .max()
        .unwrap_or(0)
        .max(1);
    // Roots, so that a few images are seen beside many.
    let strength = |count: usize| (count as f64 / most as f64).sqrt();
    html! {
        section {
            h2 { "What is taken for what" }
            p.note { "A row for each class, a column for what the network took its images for. On the diagonal, in blue, they are right." }
            div.wide {
                table.confusion {
                    thead {
                        tr { td.corner {} @for found in 0..classes { th scope="col" { (labels.name(found)) } } }
                    }
                    tbody {
                        @for label in 0..classes {
                            @let name = labels.name(label);
                            tr {
                                th scope="row" { (name) }
                                @for (found, &count) in evaluation.row(label).iter().enumerate() {
                                    @if found == label {
                                        td.right title=(format!("{count} images of {name} are read rightly")) { (count) }
                                    } @else if count == 0 {
                                        td {}
                                    } @else {
                                        td.wrong style=(format!("--strength:{:.2}", strength(count)))
                                            title=(format!("{count} images of {name} are taken for {}", labels.name(found))) { (count) }
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

fn classes(evaluation: &Evaluation, labels: &Labels) -> Markup {
    let share = |share: f64| if share.is_nan() { "–".to_owned() } else { percent(share) };
    let worst = |measure: fn(&Evaluation, usize) -> f64| {
        (0..evaluation.classes()).map(|class| measure(evaluation, class)).fold(1.0, f64::min)
    };
    let (low_precision, low_recall) = (worst(Evaluation::precision), worst(Evaluation::recall));
    let lowest = low_precision.min(low_recall);
    // Bars begin a little below the worst, so that the differences show.
    let bar = |value: f64| {
        let length = if lowest < 1.0 && !value.is_nan() {
            100.0 * (0.1 + 0.9 * (value - lowest) / (1.0 - lowest))
        } else {
            100.0
        };
        format!("--length:{length:.1}%")
    };
    html! {
        section {
            h2 { "Class by class" }
            p.note {
                "Precision: of the images taken for a class, the share that is of it. Recall: of the images of a class, the share that was taken for it. "
                "The bars begin at " (share(lowest)) "."
            }
            div.wide {
                table.classes {
                    thead { tr { th scope="col" { "class" } th scope="col" { "images" } th scope="col" { "precision" } th scope="col" { "recall" } } }
                    tbody {
                        @for class in 0..evaluation.classes() {
                            tr {
                                th scope="row" { (labels.name(class)) }
                                td { (evaluation.row(class).iter().sum::<usize>()) }
                                td.bar style=(bar(evaluation.precision(class))) { span { (share(evaluation.precision(class))) } }
                                td.bar style=(bar(evaluation.recall(class))) { span { (share(evaluation.recall(class))) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn mistakes(report: &Report<'_>) -> Markup {
    let (test, mistakes) = (&report.trainer.data().test, &report.evaluation.mistakes);
    let labels = &report.trainer.data().labels;
    if mistakes.is_empty() {
        return html! {};
    }
    html! {
        section {
            h2 { "Surely wrong" }
            p.note { "The test images that the network reads wrongly and is surest of: what they are, what it reads, and how sure it is." }
            ul.digits {
                @for mistake in mistakes.iter().take(SHOWN_MISTAKES) {
                    @let picture = pictures::png(test.columns, test.rows, png::ColorType::Grayscale, &ink(test.image(mistake.image)));
                    @let (label, found) = (labels.name(mistake.label), labels.name(mistake.found));
                    li {
                        img src=(pictures::address(&picture)) width=(test.columns) height=(test.rows)
                            alt=(format!("test image {}: a {label}", mistake.image))
                            title=(format!("test image {}", mistake.image));
                        div {
                            span.label { (label) } " read as " span.found { (found) }
                            small { (sureness(mistake.confidence)) " sure" }
                        }
                    }
                }
            }
        }
    }
}

/// Dark ink on light ground; a dark page turns it round.
fn ink(pixels: &[u8]) -> Vec<u8> {
    pixels.iter().map(|&pixel| 255 - pixel).collect()
}

/// Never 100%: nothing is that sure.
fn sureness(confidence: f32) -> String {
    format!("{:.2}%", (100.0 * f64::from(confidence)).min(99.99))
}

fn tiles(report: &Report<'_>) -> Markup {
    let weight = report.trainer.network().named_parameters().swap_remove(0).1.tensor();
    let images = &report.trainer.data().train;
    let numbers = weight.to_vec();
    let mut units: Vec<&[f32]> = numbers.chunks(images.width()).collect();
    let strength = |unit: &[f32]| unit.iter().map(|weight| weight * weight).sum::<f32>();
    units.sort_by(|a, b| strength(b).total_cmp(&strength(a)));
    let all = units.len();
    units.truncate((TILE_POINTS / images.width()).max(1));
    let mut sizes: Vec<f32> = units.iter().flat_map(|unit| unit.iter().map(|weight| weight.abs())).collect();
    sizes.sort_by(f32::total_cmp);
    let largest = sizes[(sizes.len() - 1) * 199 / 200].max(f32::MIN_POSITIVE);
    let (width, height, file) = pictures::tiles(&units, (images.rows, images.columns), 16.min(units.len()), largest);
    let shown = if units.len() < all {
        format!("The strongest {} of {all} units", units.len())
    } else {
        format!("The {all} units")
    };
    html! {
        section {
            h2 { "What the first layer looks for" }
            p.note {
                (shown) " of the first layer, the strongest first, each as its weights on the " (images.rows) " × " (images.columns)
                " pixels: ink where it is " span.above { "blue" } " speaks for the unit, where it is " span.below { "orange" } " against it."
            }
            div.wide { img.tiles src=(pictures::address(&file)) width=(width) height=(height) alt=(format!("the weights of {} units as tiles of {} × {} points", units.len(), images.rows, images.columns)); }
        }
    }
}

fn configuration(report: &Report<'_>) -> Markup {
    let (settings, progress) = (report.trainer.settings(), report.trainer.progress());
    let history = &progress.history;
    let selected = isa::selected();
    let kernels = match (selected.isa.name(), selected.matrixmultiply) {
        (isa, false) => isa.to_owned(),
        (isa, true) => format!("{isa}, products by the crate matrixmultiply"),
    };
    let mut epochs = format!("{} of {}", history.epochs.len(), settings.epochs);
    if progress.so_far.images > 0 {
        // The run was interrupted; the network is that of the moment.
        epochs += &format!(", and {} images of the next", grouped(progress.so_far.images));
    }
    let source = report.run.folder.as_ref().map_or("embedded".to_owned(), |folder| folder.display().to_string());
    let of_shards = settings.shards.map(|shards| format!(", in {shards} shards")).unwrap_or_default();
    let batch_size = format!("{}{of_shards}", settings.batch_size);
    let rows = [
        ("recipe", settings.recipe.to_string()),
        ("epochs", epochs),
        ("batch size", batch_size),
        ("learning rate", settings.learning_rate.to_string()),
        ("seed", settings.seed.to_string()),
        ("data set", format!("{source}: {}", report.run.data)),
        ("kernels", kernels),
        ("threads", report.threads.to_string()),
        (
            "training",
            format!(
                "{:.2} s, {} images/s",
                history.training_time().as_secs_f64(),
                grouped(history.speed().round() as usize)
            ),
        ),
        ("with evaluation", format!("{:.2} s", history.elapsed.as_secs_f64())),
    ];
    html! {
        section {
            h2 { "The run" }
            table.run { tbody { @for (what, value) in rows { tr { th scope="row" { (what) } td { (value) } } } } }
        }
    }
}

/// A number with its thousands apart.
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
    fn nothing_is_wholly_sure() {
        assert_eq!(sureness(1.0), "99.99%");
        assert_eq!(sureness(0.5), "50.00%");
    }
}
