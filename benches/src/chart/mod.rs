//! Charts as SVG that is readable on light and on dark pages: no background, grey text, colours of medium lightness.

mod bars;
mod lines;
mod roofline;

use anyhow::{Result, anyhow, bail};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use serde::{Deserialize, Serialize};

pub use bars::BarChart;
pub use lines::{Line, Panel};
pub use roofline::{Point, Roofline};

/// Text, axes and grid.
const GREY: RGBColor = RGBColor(128, 128, 128);
/// One for each series, in order; they differ also for people who do not distinguish red and green.
const COLOURS: [RGBColor; 7] = [
    RGBColor(214, 90, 20),
    RGBColor(40, 130, 200),
    RGBColor(20, 150, 110),
    RGBColor(190, 100, 170),
    RGBColor(170, 140, 20),
    RGBColor(110, 110, 210),
    RGBColor(140, 100, 80),
];
const WIDTH: u32 = 860;
const HEIGHT: u32 = 440;

/// A chart of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Chart {
    /// Line charts, one below the other.
    Lines(Vec<Panel>),
    /// Groups of bars.
    Bars(BarChart),
    /// Speeds under the limits of the machine.
    Roofline(Roofline),
}

/// The text around a chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Labels {
    /// Above it.
    pub title: String,
    /// Below its x axis.
    pub x: String,
    /// Beside its y axis.
    pub y: String,
}

impl Chart {
    /// The chart as an SVG document.
    ///
    /// # Errors
    /// If there are too few points or bars to draw.
    pub fn svg(&self) -> Result<String> {
        let panels = match self {
            Chart::Lines(panels) => panels.len(),
            Chart::Bars(_) | Chart::Roofline(_) => 1,
        };
        if !self.is_drawable() {
            bail!("a chart needs two points or one bar at least, and figures above zero");
        }
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT * panels as u32)).into_drawing_area();
            let drawn = match self {
                Chart::Lines(panels) => lines::draw(&area, panels),
                Chart::Bars(bars) => bars.draw(&area),
                Chart::Roofline(roofline) => roofline.draw(&area),
            };
            drawn.map_err(|error| anyhow!("the chart can't be drawn: {error}"))?;
        }
        Ok(svg)
    }

    fn is_drawable(&self) -> bool {
        match self {
            Chart::Lines(panels) => !panels.is_empty() && panels.iter().all(Panel::is_drawable),
            Chart::Bars(bars) => bars.is_drawable(),
            Chart::Roofline(roofline) => roofline.is_drawable(),
        }
    }
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&GREY)
}

/// Text that is centred below its position.
fn centred(size: u32) -> TextStyle<'static> {
    text(size).pos(Pos::new(HPos::Center, VPos::Top))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels { title: "A title".into(), x: "size".into(), y: "speed".into() }
    }

    fn assert_names(chart: &Chart, names: &[&str]) {
        let svg = chart.svg().unwrap();
        for name in ["<svg", "</svg>", "A title"].iter().chain(names) {
            assert!(svg.contains(name), "{name} is missing");
        }
    }

    #[test]
    fn a_line_chart_names_what_it_shows() {
        let line = Line { name: "ours".into(), points: vec![(16.0, 50.0), (64.0, 100.0)] };
        let panel = Panel { labels: labels(), lines: vec![line], ceiling: Some(("peak".into(), 120.0)) };
        assert_names(&Chart::Lines(vec![panel.clone(), panel]), &["size", "speed", "ours", "peak"]);
    }

    #[test]
    fn the_legend_has_a_dashed_sample_of_the_dashed_line() {
        let line = Line { name: "ours".into(), points: vec![(16.0, 50.0), (64.0, 100.0)] };
        let panel = Panel { labels: labels(), lines: vec![line], ceiling: Some(("peak".into(), 120.0)) };
        let svg = Chart::Lines(vec![panel]).svg().unwrap();
        let dashes = svg.split("<polyline").filter(|part| part.contains("stroke=\"#808080\" stroke-width=\"2\""));
        let height = |dash: &str| dash.split("points=\"").nth(1).unwrap().split([',', ' ']).nth(1).unwrap().to_owned();
        let heights: Vec<String> = dashes.map(height).collect();
        let in_plot = heights.iter().filter(|&height| *height == heights[0]).count();
        assert!(in_plot > 10 && heights.len() - in_plot == 2, "{heights:?}");
    }

    #[test]
    fn a_bar_chart_names_what_it_shows() {
        let series = vec![("ours".to_owned(), vec![3.0, 4.0]), ("theirs".to_owned(), vec![1.0, 2.0])];
        let bars = BarChart { labels: labels(), groups: vec!["32".to_owned(), "64".to_owned()], series };
        assert_names(&Chart::Bars(bars), &["ours", "theirs", "32", "64"]);
    }

    #[test]
    fn a_roofline_names_its_points_and_limits() {
        let point = Point { name: "linear forward".into(), intensity: 20.0, gflops: 80.0 };
        let other = Point { name: "adam update".into(), intensity: 0.4, gflops: 5.0 };
        let roofline = Roofline {
            title: "A title".into(),
            peak: 118.0,
            bandwidths: vec![("memory".into(), 20.0), ("second cache".into(), 60.0)],
            points: vec![point, other],
        };
        let names = ["1  linear forward", "2  adam update", "118 GFLOP/s", "memory 20 GB/s", "FLOP in a byte"];
        assert_names(&Chart::Roofline(roofline), &names);
    }

    #[test]
    fn a_chart_comes_back_from_a_file() {
        let bars = BarChart { labels: labels(), groups: vec!["1".into()], series: vec![("ours".into(), vec![3.0])] };
        let chart = Chart::Bars(bars);
        let text = serde_json::to_string(&chart).unwrap();
        assert_eq!(serde_json::from_str::<Chart>(&text).unwrap(), chart);
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let uneven = BarChart { labels: labels(), groups: vec!["1".into()], series: vec![("ours".into(), vec![])] };
        let flat = Roofline { title: String::new(), peak: 0.0, bandwidths: Vec::new(), points: Vec::new() };
        for chart in [Chart::Lines(Vec::new()), Chart::Bars(uneven), Chart::Roofline(flat)] {
            assert!(chart.svg().unwrap_err().to_string().contains("two points"));
        }
    }
}
