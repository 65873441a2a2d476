//! Charts as SVG files that read well on light and on dark pages: no background, grey words, colours of middling lightness.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor;

use crate::json::write_whole;

/// Words, axes and grid.
const GREY: RGBColor = RGBColor(128, 128, 128);
/// One for each series, in order; told apart also by those who don't see red and green.
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

/// A series of a line chart.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// x and y, in rising x; x is above zero.
    pub points: Vec<(f64, f64)>,
}

/// What stands around a chart.
#[derive(Clone, Debug)]
pub struct Labels {
    /// Above it.
    pub title: String,
    /// Below its x axis.
    pub x: String,
    /// Beside its y axis.
    pub y: String,
}

/// One of the line charts of a file.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What stands around it.
    pub labels: Labels,
    /// Its lines; the first one, ours, is drawn thicker.
    pub lines: Vec<Line>,
    /// A dashed line at the top, and its name.
    pub ceiling: Option<(String, f64)>,
}

/// Draws line charts, one below the other, each over a logarithmic x axis with a mark at each power of two.
///
/// # Errors
/// If there is nothing to draw, or the file can't be written.
pub fn lines(path: &Path, panels: &[Panel]) -> Result<()> {
    if panels.is_empty() || panels.iter().any(|panel| panel.extent().is_none()) {
        return Err(anyhow!("{}: a chart needs two points at least", path.display()));
    }
    draw(path, panels.len() as u32, |area| {
        for (panel, area) in panels.iter().zip(area.split_evenly((panels.len(), 1))) {
            panel.draw(&area)?;
        }
        Ok(())
    })
}

impl Panel {
    /// The least and the greatest x, and the greatest y; `None` if they span nothing.
    fn extent(&self) -> Option<(f64, f64, f64)> {
        let points = || self.lines.iter().flat_map(|line| &line.points).copied();
        let (low, high) = points().fold((f64::INFINITY, 0.0_f64), |(low, high), (x, _)| (low.min(x), high.max(x)));
        let top = points().map(|(_, y)| y).chain(self.ceiling.iter().map(|(_, y)| *y)).fold(0.0, f64::max);
        (low > 0.0 && low < high && top > 0.0).then_some((low, high, top))
    }

    fn draw(&self, area: &Area<'_>) -> Drawn {
        let Some((low, high, top)) = self.extent() else { return Ok(()) };
        let mut chart = ChartBuilder::on(area)
            .caption(&self.labels.title, words(18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(54)
            .build_cartesian_2d(low.log2()..high.log2(), 0.0..top * 1.08)?;
        chart
            .configure_mesh()
            .axis_style(GREY)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .label_style(words(13))
            .axis_desc_style(words(14))
            .x_desc(&self.labels.x)
            .y_desc(&self.labels.y)
            .x_labels((high / low).log2().ceil() as usize + 1)
            .x_label_formatter(&|power| {
                if power.fract() == 0.0 { format!("{:.0}", power.exp2()) } else { String::new() }
            })
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        if let Some((name, y)) = &self.ceiling {
            let style = GREY.stroke_width(2);
            let dashes = DashedLineSeries::new([(low.log2(), *y), (high.log2(), *y)], 8, 5, style);
            chart.draw_series(dashes)?.label(name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        // Ours last, so that it lies on top.
        for (index, line) in self.lines.iter().enumerate().rev() {
            let points = || line.points.iter().map(|&(x, y)| (x.log2(), y));
            let colour = COLOURS[index % COLOURS.len()];
            let style = colour.stroke_width(if index == 0 { 4 } else { 2 });
            chart
                .draw_series(LineSeries::new(points(), style))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            let size = if index == 0 { 4 } else { 3 };
            chart.draw_series(points().map(|point| Circle::new(point, size, colour.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .border_style(TRANSPARENT)
            .background_style(TRANSPARENT)
            .label_font(words(14))
            .draw()?;
        Ok(())
    }
}

/// Draws groups of bars: `groups` name them from left to right, each of `series` has a number for each group, the first series is ours.
///
/// # Errors
/// If there is nothing to draw, or the file can't be written.
///
/// # Panics
/// If a series doesn't have a number for each group.
pub fn bars(path: &Path, labels: &Labels, groups: &[String], series: &[(String, Vec<f64>)]) -> Result<()> {
    let top = series.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max);
    if groups.is_empty() || top <= 0.0 {
        return Err(anyhow!("{}: a chart needs a bar at least", path.display()));
    }
    draw(path, 1, |area| {
        let mut chart = ChartBuilder::on(&area)
            .caption(&labels.title, words(18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..groups.len() as f64, 0.0..top * 1.08)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .axis_style(GREY)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .label_style(words(13))
            .axis_desc_style(words(14))
            .y_desc(&labels.y)
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        // Each group keeps a fifth of its width free, half on either side.
        let wide = 0.8 / series.len() as f64;
        for (index, (name, values)) in series.iter().enumerate() {
            assert_eq!(values.len(), groups.len(), "the series {name} has a number for each group");
            let colour = COLOURS[index % COLOURS.len()];
            let bars = values.iter().enumerate().map(|(group, &value)| {
                let left = group as f64 + 0.1 + index as f64 * wide;
                Rectangle::new([(left, 0.0), (left + 0.92 * wide, value)], colour.filled())
            });
            chart
                .draw_series(bars)?
                .label(name)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        }
        let (across, bottom) =
            (chart.plotting_area().get_x_axis_pixel_range(), chart.plotting_area().get_y_axis_pixel_range().end);
        let step = f64::from(across.end - across.start) / groups.len() as f64;
        let centred = words(13).pos(text_anchor::Pos::new(text_anchor::HPos::Center, text_anchor::VPos::Top));
        for (group, name) in groups.iter().enumerate() {
            let x = f64::from(across.start) + (group as f64 + 0.5) * step;
            area.draw(&Text::new(name.as_str(), (x as i32, bottom + 6), centred.clone()))?;
        }
        let below = words(14).pos(text_anchor::Pos::new(text_anchor::HPos::Center, text_anchor::VPos::Top));
        area.draw(&Text::new(labels.x.as_str(), ((across.start + across.end) / 2, bottom + 26), below))?;
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(TRANSPARENT)
            .background_style(TRANSPARENT)
            .label_font(words(14))
            .draw()?;
        Ok(())
    })
}

fn words(size: u32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&GREY)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

/// Draws into a string, `panels` charts high, and writes the file in one go.
fn draw(path: &Path, panels: u32, body: impl FnOnce(Area<'_>) -> Drawn) -> Result<()> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT * panels)).into_drawing_area();
    body(area).with_context(|| format!("{} can't be drawn", path.display()))?;
    write_whole(path, svg.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        Labels { title: "A title".into(), x: "size".into(), y: "speed".into() }
    }

    #[test]
    fn a_line_chart_names_what_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.svg");
        let line = Line { name: "ours".into(), points: vec![(16.0, 50.0), (64.0, 100.0)] };
        let panel = Panel { labels: labels(), lines: vec![line], ceiling: Some(("peak".into(), 120.0)) };
        lines(&path, &[panel.clone(), panel]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for word in ["<svg", "</svg>", "A title", "size", "speed", "ours", "peak"] {
            assert!(svg.contains(word), "{word} is missing");
        }
    }

    #[test]
    fn a_bar_chart_names_what_it_shows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chart.svg");
        let series = [("ours".to_owned(), vec![3.0, 4.0]), ("theirs".to_owned(), vec![1.0, 2.0])];
        bars(&path, &labels(), &["32".to_owned(), "64".to_owned()], &series).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for word in ["A title", "ours", "theirs", "32", "64"] {
            assert!(svg.contains(word), "{word} is missing");
        }
    }

    #[test]
    fn nothing_to_draw_is_an_error() {
        let error = lines(Path::new("chart.svg"), &[]).unwrap_err();
        assert!(error.to_string().contains("two points"), "{error}");
    }
}
