//! The training curves of a run: loss and accuracy over the epochs, drawn by plotters for the page and as files.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::canvas::{Canvas, Sheet, text_width};
use crate::train::{Tally, Trainer};

/// The colours. The page replaces them by others in dark mode. None of them is the blue or the orange that mark correct
/// and wrong predictions there.
const INK: RGBColor = RGBColor(0x44, 0x4a, 0x55);
const GRID: RGBColor = RGBColor(0xd9, 0xdd, 0xe4);
const TRAINING: RGBColor = RGBColor(0x00, 0x69, 0x4c);
const TEST: RGBColor = RGBColor(0x22, 0x26, 0x2d);
const STEPS: RGBColor = RGBColor(0x8e, 0x96, 0xa3);

/// The size of a figure. It is small, so that its letters stay readable when a telephone shows it even smaller.
const SIZE: (u32, u32) = (400, 324);
/// The scale of the figures in the files.
const ENLARGED: f64 = 1.4;
/// Runs of at most this many epochs have a dot for each epoch.
const DOTTED: usize = 40;

struct Line {
    name: &'static str,
    color: RGBColor,
    width: f64,
    dotted: bool,
    points: Vec<(f64, f64)>,
}

/// An axis with given ticks.
#[derive(Clone)]
struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<f64>,
    label: fn(f64) -> String,
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        from + (f64::from(to - from) * (value - self.low) / (self.high - self.low)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _hint: H) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(value: &f64) -> String {
        value.to_string()
    }

    fn format_ext(&self, value: &f64) -> String {
        (self.label)(*value)
    }
}

/// One figure: lines over epochs.
struct Figure {
    title: &'static str,
    epochs: Axis,
    values: Axis,
    lines: Vec<Line>,
}

/// Loss and accuracy of a run.
pub struct Curves {
    figures: [Figure; 2],
}

impl Curves {
    /// The curves of a run's history.
    pub fn of(trainer: &Trainer<'_>) -> Self {
        let history = trainer.history();
        let images = trainer.data().train.len() as f64;
        let steps = |value: fn(&Tally) -> f64| -> Vec<(f64, f64)> {
            history.curve.points().map(|(seen, point)| (seen / images, value(&point))).collect()
        };
        let epochs = |value: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
            (0..history.epochs.len()).map(|index| (index as f64 + 1.0, value(index))).collect()
        };
        let last = steps(Tally::mean_loss).last().map_or(1.0, |&(epoch, _)| epoch.ceil()).max(1.0);
        Curves {
            figures: [
                loss(last, steps(Tally::mean_loss), epochs(&|index| history.epochs[index].loss)),
                accuracy(
                    last,
                    steps(Tally::accuracy),
                    epochs(&|index| history.epochs[index].train_accuracy),
                    epochs(&|index| history.epochs[index].test_accuracy),
                ),
            ],
        }
    }

    /// Both figures, side by side, as an SVG file.
    pub fn svg(&self) -> String {
        let mut svg = String::new();
        let (width, height) = pair(ENLARGED);
        let backend = SVGBackend::with_string(&mut svg, (width as u32, height as u32));
        sheet(&backend.into_drawing_area(), &self.figures, ENLARGED);
        svg
    }

    /// Both figures, side by side, as a PNG file with twice the size of the SVG.
    pub fn png(&self) -> Vec<u8> {
        let scale = 2.0 * ENLARGED;
        let (width, height) = pair(scale);
        let mut paper = Sheet::new(width, height);
        sheet(&Canvas(&mut paper).into_drawing_area(), &self.figures, scale * Sheet::oversampling());
        paper.png()
    }

    /// For the page: the description in words and the SVG, without a background, of each figure.
    pub fn inline(&self) -> [(String, String); 2] {
        self.figures.each_ref().map(|figure| {
            let mut svg = String::new();
            draw(&SVGBackend::with_string(&mut svg, SIZE).into_drawing_area(), figure, 1.0);
            (figure.in_words(), svg)
        })
    }
}

/// Width and height of two figures side by side.
fn pair(scale: f64) -> (usize, usize) {
    let length = |units: u32| (f64::from(units) * scale).round() as usize;
    (2 * length(SIZE.0), length(SIZE.1))
}

impl Figure {
    /// The last values of the lines, for screen readers.
    fn in_words(&self) -> String {
        let ends = self.lines.iter().filter(|line| line.dotted).filter_map(|line| {
            let (_, value) = line.points.last()?;
            Some(format!("{} {}", line.name, (self.values.label)(*value)))
        });
        format!("{} over {} epochs. At the end: {}.", self.title, self.epochs.high, ends.collect::<Vec<_>>().join(", "))
    }
}

/// The loss on a logarithmic axis: on a linear axis everything after the first epoch would be close to zero.
fn loss(last: f64, steps: Vec<(f64, f64)>, epochs: Vec<(f64, f64)>) -> Figure {
    let magnitudes = |points: Vec<(f64, f64)>| -> Vec<(f64, f64)> {
        let positive = points.into_iter().filter(|(_, loss)| loss.is_finite() && *loss > 1e-12);
        positive.map(|(epoch, loss)| (epoch, loss.log10())).collect()
    };
    let (steps, epochs) = (magnitudes(steps), magnitudes(epochs));
    let (mut low, mut high) = range(steps.iter().chain(&epochs)).unwrap_or((-1.0, 0.0));
    (low, high) = (low - 0.05, (high + 0.05).max(low + 0.3));
    let decades = low.floor() as i32..=high.ceil() as i32;
    let wide = high - low > 2.5;
    let marks: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let ticks = decades.flat_map(|decade| marks.iter().map(move |mark| mark.log10() + f64::from(decade)));
    Figure {
        title: "Training loss",
        epochs: epoch_axis(last),
        values: Axis {
            low,
            high,
            ticks: ticks.filter(|tick| (low..=high).contains(tick)).collect(),
            label: |magnitude| rounded(10_f64.powf(magnitude)),
        },
        lines: vec![
            Line { name: "steps", color: STEPS, width: 1.5, dotted: false, points: steps },
            Line { name: "mean of each epoch", color: TRAINING, width: 2.5, dotted: true, points: epochs },
        ],
    }
}

fn accuracy(last: f64, steps: Vec<(f64, f64)>, training: Vec<(f64, f64)>, test: Vec<(f64, f64)>) -> Figure {
    let (low, _) = range(training.iter().chain(&test)).unwrap_or((0.0, 1.0));
    let step =
        [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2].into_iter().find(|step| (1.0 - low) / step <= 7.0).unwrap_or(0.2);
    let low = ((low / step).floor() * step).max(0.0);
    let ticks = (0..).map(|index| low + step * f64::from(index)).take_while(|&tick| tick <= 1.0 + 1e-9);
    Figure {
        title: "Accuracy",
        epochs: epoch_axis(last),
        values: Axis { low, high: 1.0, ticks: ticks.collect(), label: |share| format!("{}%", rounded(100.0 * share)) },
        lines: vec![
            Line {
                name: "training, steps",
                color: STEPS,
                width: 1.5,
                dotted: false,
                // The first steps are far below the range of the figure.
                points: steps.into_iter().filter(|(_, share)| *share >= low).collect(),
            },
            Line { name: "training", color: TRAINING, width: 2.5, dotted: true, points: training },
            Line { name: "test", color: TEST, width: 2.5, dotted: true, points: test },
        ],
    }
}

fn range<'p>(points: impl Iterator<Item = &'p (f64, f64)>) -> Option<(f64, f64)> {
    points.map(|&(_, y)| y).fold(None, |range, y| {
        let (low, high) = range.unwrap_or((y, y));
        Some((y.min(low), y.max(high)))
    })
}

/// A number rounded to three significant digits.
fn rounded(number: f64) -> String {
    format!("{number:.2e}").parse().map_or_else(|_| number.to_string(), |short: f64| short.to_string())
}

/// An axis of epochs with at most nine ticks, at whole epochs.
fn epoch_axis(last: f64) -> Axis {
    let steps = (0..).flat_map(|power| [1.0, 2.0, 5.0].map(|mark| mark * 10_f64.powi(power)));
    let step = steps.into_iter().find(|step| last / step <= 8.0).expect("steps grow without end");
    let ticks = (0..).map(|index| step * f64::from(index)).take_while(|&tick| tick <= last);
    Axis { low: 0.0, high: last, ticks: ticks.collect(), label: |epoch| epoch.to_string() }
}

fn sheet<B: DrawingBackend>(area: &DrawingArea<B, Shift>, figures: &[Figure], scale: f64) {
    area.fill(&WHITE).expect(MEMORY);
    for (part, figure) in area.split_evenly((1, figures.len())).iter().zip(figures) {
        draw(part, figure, scale);
    }
    area.present().expect(MEMORY);
}

const MEMORY: &str = "drawing into memory does not fail";
/// The height of letters, in units of [`SIZE`].
const TEXT: f64 = 16.5;

/// The height of the title and of the legend together, in units of [`SIZE`].
const HEADING: f64 = 54.0;

/// Draws a figure; `scale` is the length of a unit of [`SIZE`] in the area. The legend is above the plot, where no
/// curve can run through it.
fn draw<B: DrawingBackend>(area: &DrawingArea<B, Shift>, figure: &Figure, scale: f64) {
    let units = |size: f64| (size * scale).round() as u32;
    let font = |size: f64| ("sans-serif", size * scale).into_font().color(&INK);
    let (top, bottom) = area.split_vertically(units(HEADING));
    heading(&top, figure, scale);
    let mut chart = ChartBuilder::on(&bottom)
        .margin(units(8.0))
        .margin_right(units(14.0))
        .x_label_area_size(units(46.0))
        .y_label_area_size(units(50.0))
        .build_cartesian_2d(figure.epochs.clone(), figure.values.clone())
        .expect(MEMORY);
    chart
        .configure_mesh()
        .x_desc("epochs")
        .axis_desc_style(font(TEXT))
        .label_style(font(TEXT))
        .axis_style(GRID)
        .bold_line_style(GRID.stroke_width(units(1.0)))
        .light_line_style(TRANSPARENT)
        .set_all_tick_mark_size(units(4.0))
        .draw()
        .expect(MEMORY);
    for line in &figure.lines {
        let style = line.color.stroke_width(units(line.width));
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style)).expect(MEMORY);
        if line.dotted && line.points.len() <= DOTTED {
            let dot = |&point: &(f64, f64)| Circle::new(point, units(3.0), line.color.filled());
            chart.draw_series(line.points.iter().map(dot)).expect(MEMORY);
        }
    }
}

/// The lengths in a legend, in units of [`SIZE`]: the sample of a line, the space between it and its name, the space
/// between two entries. The last one is wide, because the page's font may be wider than the one that is measured.
const SAMPLE: f64 = 22.0;
const SPACE: f64 = 6.0;
const APART: f64 = 24.0;

/// Draws the title and, below it, the legend: for each line a sample and its name, in one row. (The legend of plotters
/// lies inside of the plot.)
fn heading<B: DrawingBackend>(area: &DrawingArea<B, Shift>, figure: &Figure, scale: f64) {
    let units = |size: f64| (size * scale).round() as i32;
    let text = |words: &str, size: f64, x: f64, y: f64, anchor: HPos| {
        let font = ("sans-serif", size * scale).into_font().color(&INK).pos(Pos::new(anchor, VPos::Center));
        area.draw(&Text::new(words.to_owned(), (units(x), units(y)), font)).expect(MEMORY);
    };
    let middle = f64::from(SIZE.0) / 2.0;
    text(figure.title, 18.5, middle, 20.0, HPos::Center);
    let entry = |line: &Line| SAMPLE + SPACE + text_width(line.name, TEXT);
    let whole: f64 = figure.lines.iter().map(|line| entry(line) + APART).sum();
    let mut x = (middle - (whole - APART) / 2.0).max(0.0);
    for line in &figure.lines {
        let style = line.color.stroke_width(units(line.width) as u32);
        let sample = [(units(x), units(44.0)), (units(x + SAMPLE), units(44.0))];
        area.draw(&PathElement::new(sample, style)).expect(MEMORY);
        text(line.name, TEXT, x + SAMPLE + SPACE, 44.0, HPos::Left);
        x += entry(line) + APART;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let labels = |figure: &Figure| -> Vec<String> {
            figure.values.ticks.iter().map(|tick| figure.values.format_ext(tick)).collect()
        };
        assert_eq!(epoch_axis(1.0).ticks, [0.0, 1.0]);
        assert_eq!(epoch_axis(10.0).ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(epoch_axis(100.0).ticks, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let figure = loss(1.0, vec![(0.1, 2.3), (0.5, f64::NAN), (0.9, 0.03)], vec![(1.0, 0.2)]);
        assert_eq!(labels(&figure), ["0.05", "0.1", "0.2", "0.5", "1", "2"]);
        let figure = accuracy(2.0, vec![(0.1, 0.1)], vec![(1.0, 0.93)], vec![(1.0, 0.96)]);
        assert_eq!(labels(&figure), ["93%", "94%", "95%", "96%", "97%", "98%", "99%", "100%"]);
    }

    /// The heights of the corners of all lines in an SVG that have one of the colours of the curves.
    fn heights(svg: &str) -> Vec<f64> {
        let lines = svg.split("<polyline").skip(1).map(|rest| rest.split("/>").next().unwrap());
        let lines = lines.filter(|line| !line.contains("#D9DDE4"));
        let points =
            lines.flat_map(|line| line.split("points=\"").nth(1).unwrap().split('"').next().unwrap().split(' '));
        points
            .filter(|point| !point.is_empty())
            .map(|point| point.split(',').nth(1).unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn no_curve_runs_through_the_legend() {
        // Values at the top and at the bottom of the plot.
        let points = vec![(0.0, 1.0), (0.5, 1e-3), (1.0, 1.0)];
        let figures =
            [loss(1.0, points.clone(), points.clone()), accuracy(1.0, points.clone(), points.clone(), points)];
        let curves = Curves { figures };
        for (figure, (_, svg)) in curves.figures.iter().zip(curves.inline()) {
            let heights = heights(&svg);
            let samples = heights.iter().filter(|&&y| y == 44.0).count();
            assert_eq!(samples, 2 * figure.lines.len(), "{svg}");
            assert!(heights.iter().all(|&y| y == 44.0 || y >= HEADING + 8.0), "{heights:?}");
        }
    }

    #[test]
    fn a_run_without_points_can_be_drawn() {
        let figures = [loss(1.0, vec![], vec![(1.0, f64::NAN)]), accuracy(1.0, vec![], vec![], vec![])];
        let curves = Curves { figures };
        assert!(curves.svg().ends_with("</svg>\n") && curves.png().starts_with(b"\x89PNG"));
    }
}
