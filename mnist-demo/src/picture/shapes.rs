//! Connected pixels and what they may be: parts of a digit, a frame, a sheet of paper, dirt.

use std::f32::consts::PI;

/// Connected pixels. The rectangle includes `right` and `bottom`.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub label: u16,
    pub area: u32,
    pub left: u32,
    pub top: u32,
    pub right: u32,
    pub bottom: u32,
    /// How many of its pixels lie at the edge of the region.
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

    /// Pixels in its rectangle.
    pub fn extent(&self) -> u32 {
        self.width() * self.height()
    }

    pub fn contains(&self, other: &Shape) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }

    /// The rectangle around both.
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
    /// The shapes that the pixels in `mask` form, each connected with its eight neighbours. `at_edge` says which pixels lie at the edge of the region.
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

    /// Whether a pixel belongs to one of these shapes.
    pub fn is_in(&self, pixel: usize, labels: &[u16]) -> bool {
        labels.contains(&self.labels[pixel])
    }

    /// How many of the pixels at the edge belong to a shape.
    pub fn contact(&self) -> u32 {
        self.all.iter().map(|shape| shape.contact).sum()
    }

    /// The pixels of a shape and of its holes, in its rectangle, row by row.
    pub fn filled(&self, shape: &Shape) -> Vec<bool> {
        let (width, height) = (shape.width(), shape.height());
        let is_shape = |x: u32, y: u32| {
            self.labels[((shape.top + y) * self.width + shape.left + x) as usize] == shape.label
        };
        // What is reached from the sides of the rectangle is outside.
        let mut filled = vec![true; (width * height) as usize];
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut visit = |filled: &mut Vec<bool>, open: &mut Vec<(u32, u32)>, x: u32, y: u32| {
            let pixel = (y * width + x) as usize;
            if filled[pixel] && !is_shape(x, y) {
                filled[pixel] = false;
                open.push((x, y));
            }
        };
        (0..width).for_each(|x| [0, height - 1].map(|y| visit(&mut filled, &mut open, x, y)).into_iter().collect());
        (0..height).for_each(|y| [0, width - 1].map(|x| visit(&mut filled, &mut open, x, y)).into_iter().collect());
        while let Some((x, y)) = open.pop() {
            for (x, y) in [(x.wrapping_sub(1), y), (x + 1, y), (x, y.wrapping_sub(1)), (x, y + 1)] {
                if x < width && y < height {
                    visit(&mut filled, &mut open, x, y);
                }
            }
        }
        filled
    }

    /// Which shapes belong together with the `main` one: those that are large enough for how far they are away. Pieces of a digit are near it or of its
    /// size, dirt is neither. Returns their labels and the rectangle around them.
    pub fn together(&self, main: &Shape, is_candidate: impl Fn(&Shape) -> bool) -> (Vec<u16>, Shape) {
        let (mut labels, mut whole) = (vec![main.label], *main);
        loop {
            let distances = self.distances(&labels);
            let mut nearest = vec![u16::MAX; self.all.len() + 1];
            for (&label, &distance) in self.labels.iter().zip(&distances) {
                nearest[usize::from(label)] = nearest[usize::from(label)].min(distance);
            }
            let longest = whole.longest() as f32;
            let belongs = |shape: &&Shape| {
                let size = shape.area as f32 / whole.area as f32 / if shape.contact > 0 { 2.0 } else { 1.0 };
                let gap = (f32::from(nearest[usize::from(shape.label)]) / 3.0 - 1.0) / longest;
                !labels.contains(&shape.label) && is_candidate(shape) && size > 0.004 && gap <= (0.06 + 0.5 * size).min(0.35)
            };
            let found: Vec<&Shape> = self.all.iter().filter(belongs).collect();
            if found.is_empty() {
                return (labels, whole);
            }
            for shape in found {
                whole = whole.with(shape);
                labels.push(shape.label);
            }
        }
    }

    /// For each pixel how far it is from the nearest pixel of some shapes, in thirds of a pixel (G. Borgefors, Distance transformations in digital images,
    /// 1986: steps along the grid cost 3, diagonal ones 4).
    fn distances(&self, labels: &[u16]) -> Vec<u16> {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut distances: Vec<u16> = (0..self.labels.len()).map(|pixel| if self.is_in(pixel, labels) { 0 } else { u16::MAX }).collect();
        let mut relax = |x: usize, y: usize, dx: isize, dy: isize, cost: u16| {
            if let (Some(from_x), Some(from_y)) = (x.checked_add_signed(dx), y.checked_add_signed(dy))
                && from_x < width
                && from_y < height
            {
                let through = distances[from_y * width + from_x].saturating_add(cost);
                let own = &mut distances[y * width + x];
                *own = through.min(*own);
            }
        };
        for y in 0..height {
            for x in 0..width {
                [(-1, 0, 3), (-1, -1, 4), (0, -1, 3), (1, -1, 4)].map(|(dx, dy, cost)| relax(x, y, dx, dy, cost));
            }
        }
        for y in (0..height).rev() {
            for x in (0..width).rev() {
                [(1, 0, 3), (1, 1, 4), (0, 1, 3), (-1, 1, 4)].map(|(dx, dy, cost)| relax(x, y, dx, dy, cost));
            }
        }
        distances
    }
}

/// How much of the smallest rectangle around it, at any angle, a filled shape covers: about 1 for a sheet of paper, π/4 for a circle.
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
