//! Groups of bars.

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Area, COLOURS, Drawn, GREY, Labels, centred, text};

/// Groups of bars, from left to right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BarChart {
    /// The text around it.
    pub labels: Labels,
    /// The name of each group.
    pub groups: Vec<String>,
    /// The name of each series, and its value for each group. The first series is ours.
    pub series: Vec<(String, Vec<f64>)>,
}

impl BarChart {
    fn top(&self) -> f64 {
        self.series.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max)
    }

    pub(super) fn is_drawable(&self) -> bool {
        let groups = self.groups.len();
        groups > 0 && self.top() > 0.0 && self.series.iter().all(|(_, values)| values.len() == groups)
    }

    pub(super) fn draw(&self, area: &Area<'_>) -> Drawn {
        let groups = self.groups.len();
        let mut chart = ChartBuilder::on(area)
            .caption(&self.labels.title, text(18))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..groups as f64, 0.0..self.top() * 1.08)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .axis_style(GREY)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .label_style(text(13))
            .axis_desc_style(text(14))
            .y_desc(&self.labels.y)
            .y_label_formatter(&|y| format!("{y:.0}"))
            .draw()?;
        // Each group keeps a fifth of its width free, half on either side.
        let width = 0.8 / self.series.len() as f64;
        for (index, (name, values)) in self.series.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let bars = values.iter().enumerate().map(|(group, &value)| {
                let left = group as f64 + 0.1 + index as f64 * width;
                Rectangle::new([(left, 0.0), (left + 0.92 * width, value)], colour.filled())
            });
            chart
                .draw_series(bars)?
                .label(name)
                .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .border_style(TRANSPARENT)
            .background_style(TRANSPARENT)
            .label_font(text(14))
            .draw()?;
        let plot = chart.plotting_area();
        self.draw_groups(area, plot.get_x_axis_pixel_range(), plot.get_y_axis_pixel_range().end)
    }

    /// The names of the groups, and of the axis, below the bars.
    fn draw_groups(&self, area: &Area<'_>, across: std::ops::Range<i32>, bottom: i32) -> Drawn {
        let step = f64::from(across.end - across.start) / self.groups.len() as f64;
        for (group, name) in self.groups.iter().enumerate() {
            let x = f64::from(across.start) + (group as f64 + 0.5) * step;
            area.draw(&Text::new(name.as_str(), (x as i32, bottom + 6), centred(13)))?;
        }
        let middle = (across.start + across.end) / 2;
        area.draw(&Text::new(self.labels.x.as_str(), (middle, bottom + 26), centred(14)))
    }
}
