//! A roofline: the speed of operations over their arithmetic intensity, under what the machine allows.
//!
//! An operation that does `i` FLOP for each byte it moves reaches at most `min(peak, i · bandwidth)`: to the left the
//! memory limits it, to the right the arithmetic. (Williams, Waterman, Patterson: *Roofline*, 2009.)

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Area, COLOURS, Drawn, GREY, WIDTH, text};

/// Points under the limits of the machine, on two logarithmic axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofline {
    /// Above it.
    pub title: String,
    /// The most arithmetic, in GFLOP/s.
    pub peak: f64,
    /// The name and the bandwidth, in GB/s, of each level of the memory.
    pub bandwidths: Vec<(String, f64)>,
    /// The operations.
    pub points: Vec<Point>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its name.
    pub name: String,
    /// FLOP in a byte that is moved.
    pub intensity: f64,
    /// What it reaches, in GFLOP/s.
    pub gflops: f64,
}

/// Pixels of the list of names to the right of the chart.
const LIST: u32 = 270;

impl Roofline {
    pub(super) fn is_drawable(&self) -> bool {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let points = || self.points.iter();
        points().len() > 0
            && positive(self.peak)
            && self.bandwidths.iter().all(|(_, bandwidth)| positive(*bandwidth))
            && points().all(|point| positive(point.intensity) && positive(point.gflops))
    }

    /// The decades of the axes: intensity, then speed.
    fn decades(&self) -> [std::ops::Range<f64>; 2] {
        let floor = |value: f64| value.log10().floor();
        let intensities = || self.points.iter().map(|point| point.intensity);
        let low = intensities().fold(0.1, f64::min);
        let high = intensities().fold(100.0, f64::max);
        let slowest = self.points.iter().map(|point| point.gflops).fold(self.peak / 10.0, f64::min);
        // The roofs begin inside, too.
        let lowest_roof = self.bandwidths.iter().map(|(_, bandwidth)| bandwidth * 10_f64.powf(floor(low)));
        let bottom = lowest_roof.fold(slowest, f64::min);
        [floor(low)..high.log10().ceil(), floor(bottom)..(2.0 * self.peak).log10()]
    }

    pub(super) fn draw(&self, area: &Area<'_>) -> Drawn {
        let (left, right) = area.split_horizontally(WIDTH - LIST);
        let [across, up] = self.decades();
        let mut chart = ChartBuilder::on(&left)
            .caption(&self.title, text(16))
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(54)
            .build_cartesian_2d(across.clone(), up)?;
        let decade = |power: &f64| if power.fract() == 0.0 { short(10_f64.powf(*power)) } else { String::new() };
        chart
            .configure_mesh()
            .axis_style(GREY)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GREY.mix(0.25))
            .label_style(text(13))
            .axis_desc_style(text(14))
            .x_desc("FLOP in a byte that is moved")
            .y_desc("GFLOP/s")
            .x_labels((across.end - across.start) as usize + 1)
            .x_label_formatter(&decade)
            .y_label_formatter(&decade)
            .draw()?;
        for (_, bandwidth) in &self.bandwidths {
            // A straight line up to the ridge, then the peak.
            let ridge = (self.peak / bandwidth).log10().clamp(across.start, across.end);
            let at = |power: f64| (power, (10_f64.powf(power) * bandwidth).min(self.peak).log10());
            let roof = [at(across.start), at(ridge), at(across.end)];
            chart.draw_series(LineSeries::new(roof, GREY.stroke_width(2)))?;
        }
        for (index, point) in self.points.iter().enumerate() {
            let (position, colour) = ((point.intensity.log10(), point.gflops.log10()), COLOURS[index % COLOURS.len()]);
            let dot = EmptyElement::at(position) + Circle::new((0, 0), 4, colour.filled());
            chart.draw_series([dot + Text::new((index + 1).to_string(), (6, -12), text(12))])?;
        }
        self.list(&right)
    }

    /// The limits and the names of the points, to the right.
    fn list(&self, area: &Area<'_>) -> Drawn {
        let limits = self.bandwidths.iter().map(|(name, bandwidth)| format!("{name} {bandwidth:.0} GB/s"));
        let limits = [format!("peak {:.0} GFLOP/s", self.peak)].into_iter().chain(limits);
        let points = self.points.iter().enumerate().map(|(index, point)| format!("{}  {}", index + 1, point.name));
        for (line, words) in limits.chain([String::new()]).chain(points).enumerate() {
            area.draw(&Text::new(words, (4, 40 + 17 * line as i32), text(12)))?;
        }
        Ok(())
    }
}

/// A power of ten.
fn short(value: f64) -> String {
    if value >= 1.0 { format!("{value:.0}") } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axes_hold_all_points_and_the_peak() {
        let point = |intensity, gflops| Point { name: String::new(), intensity, gflops };
        let points = vec![point(0.02, 0.5), point(3000.0, 100.0)];
        let roofline = Roofline { title: String::new(), peak: 118.0, bandwidths: vec![(String::new(), 5.0)], points };
        let [across, up] = roofline.decades();
        assert_eq!((across.start, across.end, up.start), (-2.0, 4.0, -2.0));
        assert!(up.end > 118_f64.log10());
        assert_eq!((short(0.1), short(100.0)), ("0.1".to_owned(), "100".to_owned()));
    }
}
