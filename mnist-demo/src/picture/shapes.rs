//! Connected components of pixels: parts of a digit, a frame, a sheet of paper, or dirt.

use std::f32::consts::PI;

/// A connected component and its bounding box, which includes `right` and `bottom`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub label: u16,
    pub area: u32,
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
    /// The number of its pixels at the edge of the region.
    pub contact: u32,
}

impl Shape {
    pub fn width(&self) -> u32 {
        self.right - self.left + 1
    }

    pub fn height(&self) -> u32 {
        self.bottom - self.top + 1
    }

    pub fn longest(&self) -> u32 {
        self.width().max(self.height())
    }

    /// The number of pixels in its bounding box.
    pub fn extent(&self) -> u32 {
        self.width() * self.height()
    }

    pub fn contains(&self, other: &Shape) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }

    /// Both shapes together.
    fn with(&self, other: &Shape) -> Shape {
        Shape {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
            area: self.area + other.area,
            contact: self.contact + other.contact,
            label: self.label,
        }
    }
}

/// The shapes of a mask.
pub struct Shapes {
    width: u32,
    height: u32,
    /// For each pixel the label of its shape; 0 for none.
    labels: Vec<u16>,
    /// In the order of their labels, from 1 on.
    pub all: Vec<Shape>,
}

impl Shapes {
    /// The connected components of the pixels in `mask`; each pixel has eight neighbours. `at_edge` is true for pixels
    /// at the edge of the region.
    pub fn new(width: u32, height: u32, mask: impl Fn(usize) -> bool, at_edge: &[bool]) -> Self {
        let mut shapes = Shapes { width, height, labels: vec![0; (width * height) as usize], all: Vec::new() };
        let mut open = Vec::new();
        for start in 0..shapes.labels.len() {
            if shapes.labels[start] != 0 || !mask(start) {
                continue;
            }
            let label = shapes.all.len() as u16 + 1;
            let (x, y) = (start as u32 % width, start as u32 / width);
            let mut shape = Shape { label, area: 0, left: x, top: y, right: x, bottom: y, contact: 0 };
            shapes.labels[start] = label;
            open.push(start as u32);
            while let Some(pixel) = open.pop() {
                let (x, y) = (pixel % width, pixel / width);
                let contact = u32::from(at_edge[pixel as usize]);
                shape = shape.with(&Shape { label, area: 1, left: x, top: y, right: x, bottom: y, contact });
                for y in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                    for x in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                        let next = (y * width + x) as usize;
                        if shapes.labels[next] == 0 && mask(next) {
                            shapes.labels[next] = label;
                            open.push(next as u32);
                        }
                    }
                }
            }
            shapes.all.push(shape);
        }
        shapes
    }

    /// Whether a pixel belongs to one of the shapes whose labels are `chosen`.
    pub fn is_in(&self, pixel: usize, chosen: &[bool]) -> bool {
        chosen[usize::from(self.labels[pixel])]
    }

    /// The number of edge pixels that belong to a shape.
    pub fn contact(&self) -> u32 {
        self.all.iter().map(|shape| shape.contact).sum()
    }

    /// The pixels of a shape and of its holes, within its bounding box, row by row.
    pub fn filled(&self, shape: &Shape) -> Vec<bool> {
        let (width, height) = (shape.width(), shape.height());
        let is_shape =
            |x: u32, y: u32| self.labels[((shape.top + y) * self.width + shape.left + x) as usize] == shape.label;
        // Pixels that can be reached from the sides of the bounding box are outside.
        let mut filled = vec![true; (width * height) as usize];
        let rows = (0..height).flat_map(|y| [(0, y), (width - 1, y)]);
        let mut open: Vec<(u32, u32)> = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).chain(rows).collect();
        while let Some((x, y)) = open.pop() {
            let inside = &mut filled[(y * width + x) as usize];
            if !*inside || is_shape(x, y) {
                continue;
            }
            *inside = false;
            let neighbours = [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)];
            open.extend(neighbours.into_iter().filter(|&(x, y)| x < width && y < height));
        }
        filled
    }

    /// For each label, whether its shape belongs to the digit with the shape `main`. The smaller a shape, the nearer it
    /// must be: pieces of a digit are near or large, dirt is neither.
    pub fn together(&self, main: &Shape, is_candidate: impl Fn(&Shape) -> bool) -> Vec<bool> {
        // Each round adds shapes near those chosen before. Only chains of pieces would need more rounds.
        const ROUNDS: usize = 8;
        let mut chosen = vec![false; self.all.len() + 1];
        chosen[usize::from(main.label)] = true;
        let mut whole = *main;
        for _ in 0..ROUNDS {
            let gaps = self.gaps(&chosen);
            let longest = whole.longest() as f32;
            let belongs = |shape: &&Shape| {
                let label = usize::from(shape.label);
                // A shape at the edge may belong to something else, so it counts half.
                let size = shape.area as f32 / whole.area as f32 / if shape.contact > 0 { 2.0 } else { 1.0 };
                let most = (0.06 + 0.5 * size).min(0.35) * longest;
                !chosen[label] && size > 0.004 && gaps[label] <= most && is_candidate(shape)
            };
            let found: Vec<&Shape> = self.all.iter().filter(belongs).collect();
            if found.is_empty() {
                break;
            }
            for shape in found {
                whole = whole.with(shape);
                chosen[usize::from(shape.label)] = true;
            }
        }
        chosen
    }

    /// For each label, the distance in pixels between its shape and the nearest chosen one.
    fn gaps(&self, chosen: &[bool]) -> Vec<f32> {
        let mut gaps = vec![f32::MAX; self.all.len() + 1];
        for (&label, distance) in self.labels.iter().zip(self.distances(chosen)) {
            let gap = &mut gaps[usize::from(label)];
            *gap = gap.min(f32::from(distance) / 3.0 - 1.0);
        }
        gaps
    }

    /// For each pixel the distance to the nearest pixel of the chosen shapes, in thirds of a pixel (G. Borgefors,
    /// Distance transformations in digital images, 1986: steps along the grid cost 3, diagonal ones 4).
    fn distances(&self, chosen: &[bool]) -> Vec<u16> {
        let (width, height) = (self.width as isize, self.height as isize);
        let start = |pixel: usize| if self.is_in(pixel, chosen) { 0 } else { u16::MAX };
        let mut distances: Vec<u16> = (0..self.labels.len()).map(start).collect();
        let mut pass = |pixel: usize, steps: [(isize, isize, u16); 4]| {
            let (x, y) = (pixel as isize % width, pixel as isize / width);
            for (across, down, cost) in steps {
                let (x, y) = (x + across, y + down);
                if (0..width).contains(&x) && (0..height).contains(&y) {
                    let through = distances[(y * width + x) as usize].saturating_add(cost);
                    distances[pixel] = distances[pixel].min(through);
                }
            }
        };
        (0..self.labels.len()).for_each(|pixel| pass(pixel, [(-1, 0, 3), (-1, -1, 4), (0, -1, 3), (1, -1, 4)]));
        (0..self.labels.len()).rev().for_each(|pixel| pass(pixel, [(1, 0, 3), (1, 1, 4), (0, 1, 3), (-1, 1, 4)]));
        distances
    }
}

/// The fraction of its smallest bounding rectangle, at any angle, that a filled shape covers: about 1 for a sheet of
/// paper, π/4 for a circle.
pub fn rectangularity(filled: &[bool], width: u32) -> f32 {
    const ANGLES: usize = 30;
    let inside = filled.iter().enumerate().filter(|&(_, &inside)| inside);
    let points: Vec<(f32, f32)> =
        inside.map(|(pixel, _)| ((pixel as u32 % width) as f32, (pixel as u32 / width) as f32)).collect();
    let rectangle = |angle: usize| {
        let (sine, cosine) = (angle as f32 * PI / 2.0 / ANGLES as f32).sin_cos();
        let extent = |along: &dyn Fn(f32, f32) -> f32| {
            let ends = points.iter().map(|&(x, y)| along(x, y));
            let (low, high) = ends.fold((f32::MAX, f32::MIN), |(low, high), end| (low.min(end), high.max(end)));
            high - low + 1.0
        };
        extent(&|x, y| cosine * x + sine * y) * extent(&|x, y| cosine * y - sine * x)
    };
    points.len() as f32 / (0..ANGLES).map(rectangle).fold(f32::MAX, f32::min)
}
