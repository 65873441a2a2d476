//! Line charts over a logarithmic x axis with a mark at each power of two.

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Area, COLOURS, Drawn, GREY, Labels, text};

/// A series of a line chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// x and y, in rising x; x is above zero.
    pub points: Vec<(f64, f64)>,
}

/// A line chart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    /// The text around it.
    pub labels: Labels,
    /// Its lines; the first one, ours, is drawn thicker.
    pub lines: Vec<Line>,
    /// A dashed horizontal line and its name.
    pub ceiling: Option<(String, f64)>,
}

/// Draws charts, one below the other.
pub(super) fn draw(area: &Area<'_>, panels: &[Panel]) -> Drawn {
    for (panel, area) in panels.iter().zip(area.split_evenly((panels.len(), 1))) {
        panel.draw(&area)?;
    }
    Ok(())
}

impl Panel {
    pub(super) fn is_drawable(&self) -> bool {
        self.extent().is_some()
    }

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
            .caption(&self.labels.title, text(18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(54)
            .build_cartesian_2d(low.log2()..high.log2(), 0.0..top * 1.08)?;
        let power = |power: &f64| if power.fract() == 0.0 { format!("{:.0}", power.exp2()) } else { String::new() };
        chart
            .configure_mesh()
            .axis_style(GREY)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .label_style(text(13))
            .axis_desc_style(text(14))
            .x_desc(&self.labels.x)
            .y_desc(&self.labels.y)
            .x_labels((high / low).log2().ceil() as usize + 1)
            .x_label_formatter(&power)
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        if let Some((name, y)) = &self.ceiling {
            let style = GREY.stroke_width(2);
            let dashes = DashedLineSeries::new([(low.log2(), *y), (high.log2(), *y)], 8, 5, style);
            // The sample is dashed, too: a reader looks for the dashed line of the plot.
            let sample = move |(x, y)| DashedPathElement::new([(x, y), (x + 21, y)], 8, 5, style);
            chart.draw_series(dashes)?.label(name).legend(sample);
        }
        // Ours last, so that it is drawn over the others.
        for (index, line) in self.lines.iter().enumerate().rev() {
            let points = || line.points.iter().map(|&(x, y)| (x.log2(), y));
            let colour = COLOURS[index % COLOURS.len()];
            let (width, size) = if index == 0 { (4, 4) } else { (2, 3) };
            let style = colour.stroke_width(width);
            chart
                .draw_series(LineSeries::new(points(), style))?
                .label(&line.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
            chart.draw_series(points().map(|point| Circle::new(point, size, colour.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .border_style(TRANSPARENT)
            .background_style(TRANSPARENT)
            .label_font(text(14))
            .draw()?;
        Ok(())
    }
}
