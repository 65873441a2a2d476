//! A recorded graph as a picture, without Graphviz.
//!
//! Operations are placed in [layers](super::layered), each below its inputs, and lines run downwards. An input that is
//! not the output of an operation, such as a parameter, is drawn to the left of the operation, again at each use. So
//! the drawing of a network is almost a chain. If an operation has only such inputs, its first one is drawn above it.
//!
//! A line takes space in each layer that it crosses, so with long lines the picture would grow with the square of the
//! number of operations. Therefore a line crosses at most [`MAX_PASSED`] layers. For longer distances the operation
//! gets a number, and a box with its name and number is drawn at the use.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::dot::{Graph, Kind, Vertex};
use super::layered::Layers;
use crate::float::Float;

/// The width of a monospaced character of font size 12, and the distance of two lines of text, in pixels.
const CHARACTER: f64 = 7.25;
const LINE: f64 = 17.0;
const PADDING: f64 = 9.0;
const MARGIN: f64 = 12.0;
/// The distance between layers.
const LAYER_GAP: f64 = 48.0;
/// The length of the straight part of a line below an operation, beside which the shape is written.
const STUB: f64 = 18.0;
/// The distance between an operation and the boxes beside it, and between these boxes.
const BESIDE_GAP: f64 = 34.0;
const STACK_GAP: f64 = 8.0;
/// The maximum number of layers that a line crosses.
const MAX_PASSED: usize = 12;
/// A colour that is readable on white and on black.
const GRADIENT: &str = "#d4621a";

/// A box with its text.
struct Frame {
    title: String,
    subtitle: Option<String>,
    blocks: Vec<(&'static str, Vec<String>)>,
    look: Look,
    width: f64,
    height: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Operation,
    Leaf,
    Constant,
    /// A reference to an operation far above, instead of a line.
    Reference,
}

impl Frame {
    /// The box of a vertex, with its number if there are references to it.
    fn new<T: Float>(graph: &Graph<T>, vertex: &Vertex<T>, number: Option<usize>) -> Frame {
        let (mut title, subtitle) = (vertex.title(), vertex.subtitle().map(str::to_owned));
        if let Some(number) = number {
            title = format!("{title} ({number})");
        }
        let look = match vertex.kind {
            Kind::Operation(_) => Look::Operation,
            Kind::Leaf => Look::Leaf,
            Kind::Constant => Look::Constant,
        };
        Frame::with(look, title, subtitle, graph.blocks(vertex))
    }

    /// The box that refers to a numbered operation, at a use far below it.
    fn reference<T: Float>(vertex: &Vertex<T>, number: usize) -> Frame {
        let title = format!("{} ({number}) {}", vertex.title(), vertex.shape);
        Frame::with(Look::Reference, title, vertex.subtitle().map(str::to_owned), Vec::new())
    }

    fn with(look: Look, title: String, subtitle: Option<String>, blocks: Vec<(&'static str, Vec<String>)>) -> Frame {
        let blocks_wide: usize = blocks.iter().map(|block| columns(block) + 2).sum();
        let widest = [title.chars().count(), subtitle.as_ref().map_or(0, |name| name.chars().count())];
        let widest = widest.into_iter().max().unwrap_or(0).max(blocks_wide.saturating_sub(2));
        let rows = blocks.iter().map(|(_, rows)| rows.len() + 1).max().unwrap_or(0);
        let lines = 1 + usize::from(subtitle.is_some()) + rows;
        let (width, height) = (widest as f64 * CHARACTER + 2.0 * PADDING, lines as f64 * LINE + PADDING);
        Frame { title, subtitle, blocks, look, width, height }
    }

    /// Draws the box around `x` from `y` on.
    fn write(&self, x: f64, y: f64, out: &mut String) {
        let left = x - self.width / 2.0;
        let (radius, look) = match self.look {
            Look::Operation => (10, "fill=\"currentColor\" fill-opacity=\".09\""),
            Look::Leaf => (2, "fill=\"currentColor\" fill-opacity=\".04\""),
            Look::Constant => (2, "fill=\"none\" stroke-dasharray=\"4 3\""),
            Look::Reference => (10, "fill=\"none\" stroke-dasharray=\"4 3\""),
        };
        let (width, height) = (self.width, self.height);
        let size = format!(r#"width="{width:.1}" height="{height:.1}" rx="{radius}""#);
        let _ = writeln!(out, r#"<rect x="{left:.1}" y="{y:.1}" {size} stroke="currentColor" {look}/>"#);
        let mut line = y + 13.0 + PADDING / 2.0;
        text(out, (x, line), r#"text-anchor="middle" font-weight="bold""#, &self.title);
        if let Some(subtitle) = &self.subtitle {
            line += LINE;
            text(out, (x, line), r#"text-anchor="middle""#, subtitle);
        }
        let wide: usize = self.blocks.iter().map(|block| columns(block) + 2).sum();
        let mut column = x - wide.saturating_sub(2) as f64 * CHARACTER / 2.0;
        for block in &self.blocks {
            let (caption, rows) = block;
            let colour = if *caption == "gradient" { GRADIENT } else { "currentColor" };
            text(out, (column, line + LINE), &format!(r#"fill="{colour}" font-style="italic""#), caption);
            let end = column + columns(block) as f64 * CHARACTER;
            for (index, row) in rows.iter().enumerate() {
                let position = (end, line + (index + 2) as f64 * LINE);
                text(out, position, &format!(r#"text-anchor="end" fill="{colour}""#), row);
            }
            column = end + 2.0 * CHARACTER;
        }
    }
}

/// The width of a block in characters.
fn columns((caption, rows): &(&'static str, Vec<String>)) -> usize {
    rows.iter().map(String::len).chain([caption.len()]).max().unwrap_or(0)
}

fn text(out: &mut String, (x, y): (f64, f64), attributes: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace(' ', "\u{a0}");
    let _ = writeln!(out, r#"<text x="{x:.1}" y="{y:.1}" {attributes}>{words}</text>"#);
}

/// The boxes at an item of the layout.
struct Cell {
    vertex: usize,
    beside: Vec<usize>,
}

struct Picture {
    frames: Vec<Frame>,
    shapes: Vec<String>,
    layers: Layers,
    /// By item; a crossing line has none.
    cells: BTreeMap<usize, Cell>,
}

fn is_operation<T: Float>(vertex: &Vertex<T>) -> bool {
    matches!(vertex.kind, Kind::Operation(_))
}

/// The layer of each vertex that has its own item; `None` for those that are drawn beside another one.
fn layers_of<T: Float>(vertices: &[Vertex<T>]) -> Vec<Option<usize>> {
    let mut own: Vec<bool> = vertices.iter().map(is_operation).collect();
    for vertex in vertices {
        let has_operation = vertex.inputs.iter().any(|&input| is_operation(&vertices[input]));
        if let Some(&first) = vertex.inputs.first().filter(|_| !has_operation) {
            own[first] = true;
        }
    }
    *own.last_mut().expect("a graph has a vertex") = true;
    let mut layers: Vec<Option<usize>> = Vec::with_capacity(vertices.len());
    for (vertex, own) in vertices.iter().zip(own) {
        // Inputs have lower indices, so their layers are known.
        let below = vertex.inputs.iter().filter_map(|&input| layers[input]).map(|layer: usize| layer + 1).max();
        layers.push(own.then(|| below.unwrap_or(0)));
    }
    layers
}

/// Whether a line is drawn from an input to the vertex that uses it.
fn is_near(layers: &[Option<usize>], input: usize, vertex: usize) -> bool {
    matches!((layers[input], layers[vertex]), (Some(above), Some(own)) if own - above <= MAX_PASSED + 1)
}

/// The operations with a use that is too far away for a line, numbered from 1 in the order of these uses.
fn numbered<T: Float>(vertices: &[Vertex<T>], layers: &[Option<usize>]) -> BTreeMap<usize, usize> {
    let mut names = BTreeMap::new();
    for (vertex, user) in vertices.iter().enumerate() {
        for &input in user.inputs.iter().filter(|&&input| is_operation(&vertices[input])) {
            if !is_near(layers, input, vertex) {
                let next = names.len() + 1;
                names.entry(input).or_insert(next);
            }
        }
    }
    names
}

impl Picture {
    fn new<T: Float>(graph: &Graph<T>) -> Picture {
        let vertices = &graph.vertices;
        let layers = layers_of(vertices);
        let number_of = numbered(vertices, &layers);
        let frame = |(index, vertex)| Frame::new(graph, vertex, number_of.get(&index).copied());
        let mut frames: Vec<Frame> = vertices.iter().enumerate().map(frame).collect();
        let mut hanging: BTreeMap<usize, usize> = BTreeMap::new();
        for (&vertex, &number) in &number_of {
            hanging.insert(vertex, frames.len());
            frames.push(Frame::reference(&vertices[vertex], number));
        }
        let shapes = vertices.iter().map(|vertex| vertex.shape.to_string()).collect();
        let mut picture = Picture { frames, shapes, layers: Layers::default(), cells: BTreeMap::new() };
        let mut item_of: BTreeMap<usize, usize> = BTreeMap::new();
        for vertex in (0..vertices.len()).filter(|&vertex| layers[vertex].is_some()) {
            let (above, beside): (Vec<usize>, Vec<usize>) =
                vertices[vertex].inputs.iter().partition(|&&input| is_near(&layers, input, vertex));
            let above: Vec<usize> = above.iter().map(|input| item_of[input]).collect();
            let beside: Vec<usize> = beside.iter().map(|input| *hanging.get(input).unwrap_or(input)).collect();
            let half = picture.frames[vertex].width / 2.0;
            let widest = beside.iter().map(|&other| picture.frames[other].width).fold(0.0, f64::max);
            let left = if beside.is_empty() { half } else { half + BESIDE_GAP + widest };
            let height = picture.frames[vertex].height.max(picture.stack(&beside));
            let item = picture.layers.add(&above, (left, half), height);
            item_of.insert(vertex, item);
            picture.cells.insert(item, Cell { vertex, beside });
        }
        picture
    }

    /// The height of the boxes beside an operation.
    fn stack(&self, beside: &[usize]) -> f64 {
        beside.iter().map(|&other| self.frames[other].height + STACK_GAP).sum::<f64>() - STACK_GAP
    }

    fn write(mut self) -> String {
        let width = self.layers.arrange() + 2.0 * MARGIN;
        let heights = self.layers.heights();
        let mut tops = vec![MARGIN];
        for height in &heights {
            tops.push(tops[tops.len() - 1] + height + LAYER_GAP);
        }
        let spans: Vec<(f64, f64)> = tops.iter().zip(&heights).map(|(top, height)| (*top, top + height)).collect();
        let height = tops[heights.len()] - LAYER_GAP + LINE + MARGIN;
        let mut out = String::new();
        let mut arriving: BTreeMap<usize, Vec<&[usize]>> = BTreeMap::new();
        for line in &self.layers.lines {
            arriving.entry(line[line.len() - 1]).or_default().push(line);
        }
        for (end, mut lines) in arriving {
            // Lines that end at the same box are drawn side by side.
            let before = |line: &[usize]| self.layers.items[line[line.len() - 2]].x;
            lines.sort_by(|a, b| before(a).total_cmp(&before(b)));
            let apart = (self.layers.items[end].right * 2.0 / (lines.len() + 1) as f64).min(24.0);
            for (number, line) in lines.iter().enumerate() {
                let shift = (number as f64 - (lines.len() - 1) as f64 / 2.0) * apart;
                self.write_line(line, shift, &spans, &mut out);
            }
        }
        for (&item, cell) in &self.cells {
            self.write_cell(item, cell, &spans, &mut out);
        }
        let size = format!(r#"viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}""#);
        let font = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace";
        let look = format!(r#"role="img" font-family="{font}" font-size="12" fill="currentColor""#);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" {size} {look}>
<title>The recorded graph</title>
<style>svg:root{{color:#1f2328}}@media(prefers-color-scheme:dark){{svg:root{{color:#e6edf3}}}}</style>
{out}</svg>
"#
        )
    }

    /// The middle of an item, and the top and bottom of its box; for a crossing line, those of the layer.
    fn bounds(&self, item: usize, spans: &[(f64, f64)]) -> (f64, f64, f64) {
        let (top, bottom) = spans[self.layers.items[item].layer];
        let room = self.cells.get(&item).map_or(0.0, |cell| (bottom - top - self.frames[cell.vertex].height) / 2.0);
        (self.layers.items[item].x + MARGIN, top + room, bottom - room)
    }

    /// Draws a line through its items, which bends only between layers, with an arrow at its end.
    fn write_line(&self, line: &[usize], shift: f64, spans: &[(f64, f64)], out: &mut String) {
        let (x, _, y) = self.bounds(line[0], spans);
        let mut path = format!("M{x:.1} {y:.1}");
        let (mut from, end) = (x, line[line.len() - 1]);
        for pair in line.windows(2) {
            let (x, top, _) = self.bounds(pair[1], spans);
            let to = if pair[1] == end { x + shift } else { x };
            let leaving = spans[self.layers.items[pair[0]].layer].1 + STUB;
            let entering = spans[self.layers.items[pair[1]].layer].0;
            let bend = (leaving + entering) / 2.0;
            let _ = write!(path, "V{leaving:.1}C{from:.1} {bend:.1} {to:.1} {bend:.1} {to:.1} {entering:.1}V{top:.1}");
            from = to;
        }
        let _ = writeln!(out, r#"<path d="{path}m-4 -6l4 6l4 -6" fill="none" stroke="currentColor"/>"#);
    }

    fn write_cell(&self, item: usize, cell: &Cell, spans: &[(f64, f64)], out: &mut String) {
        let (x, top, bottom) = self.bounds(item, spans);
        let frame = &self.frames[cell.vertex];
        frame.write(x, top, out);
        if frame.look == Look::Operation {
            // The shape is written beside the line to the next operation; after the last one there is no line.
            let is_last = cell.vertex + 1 == self.shapes.len();
            let (shift, look) = if is_last { (0.0, r#"text-anchor="middle" "#) } else { (7.0, "") };
            text(out, (x + shift, bottom + 14.0), &format!(r#"{look}fill-opacity=".75""#), &self.shapes[cell.vertex]);
        }
        let mut y = (top + bottom - self.stack(&cell.beside)) / 2.0;
        let near = x - frame.width / 2.0;
        for (number, &other) in cell.beside.iter().enumerate() {
            let beside = &self.frames[other];
            beside.write(near - BESIDE_GAP - beside.width / 2.0, y, out);
            let share = (number + 1) as f64 / (cell.beside.len() + 1) as f64;
            let (from, to) = (y + beside.height / 2.0, top + share * frame.height);
            let (start, bend) = (near - BESIDE_GAP, near - BESIDE_GAP / 2.0);
            let curve = format!("M{start:.1} {from:.1}C{bend:.1} {from:.1} {bend:.1} {to:.1} {near:.1} {to:.1}");
            let _ = writeln!(out, r#"<path d="{curve}m-6 -4l6 4l-6 4" fill="none" stroke="currentColor"/>"#);
            y += beside.height + STACK_GAP;
        }
    }
}

impl<T: Float> Graph<T> {
    /// The drawing as an SVG picture, readable on light and on dark pages: text and lines have the colour of the
    /// surrounding text.
    ///
    /// Its size grows linearly with the number of operations. If a result is used far below, no line is drawn: the
    /// operation is numbered, and a dashed box with its name and number is drawn beside the use.
    pub fn to_svg(&self) -> String {
        Picture::new(self).write()
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::draw;
    use crate::tensor::Tensor;

    /// The values of an attribute, for all elements of a kind.
    fn attribute(svg: &str, element: &str, name: &str) -> Vec<f64> {
        let elements = svg.lines().filter(|line| line.starts_with(&format!("<{element} ")));
        let value = |line: &str| line.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse().ok();
        elements.map(|line| value(line).unwrap_or_else(|| panic!("{line} has no {name}"))).collect()
    }

    #[test]
    fn boxes_do_not_overlap_and_are_inside_the_picture() {
        let leaf = |seed: u64| Tensor::<f64>::randn([3, 3], seed).requires_grad();
        let (x, weights) = (leaf(0), [leaf(1), leaf(2), leaf(3)]);
        let [q, k, v] = weights.each_ref().map(|weight| x.matmul(weight));
        let y = ((q.matmul(&k.t()) * 0.5).softmax(1).matmul(&v) + &x).tanh();
        let loss = (&y * &y + x.sin() * &y).sum();
        let svg = draw(&loss).named("x & <y>", &x).with_values().with_gradients().to_svg();
        assert!(svg.contains("x\u{a0}&amp;\u{a0}&lt;y&gt;"), "{svg}");

        let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| attribute(&svg, "rect", name));
        assert_eq!(x.len(), 19, "15 operations, a leaf above them, three weights beside them");
        let [whole_width, whole_height] = ["width", "height"].map(|name| attribute(&svg, "svg", name)[0]);
        for a in 0..x.len() {
            assert!(x[a] >= 0.0 && y[a] >= 0.0 && x[a] + width[a] <= whole_width && y[a] + height[a] <= whole_height);
            for b in 0..a {
                let apart = x[a] + width[a] < x[b]
                    || x[b] + width[b] < x[a]
                    || y[a] + height[a] < y[b]
                    || y[b] + height[b] < y[a];
                assert!(apart, "boxes {b} and {a} overlap");
            }
        }
    }

    #[test]
    fn a_long_chain_is_drawn() {
        let x: Tensor = Tensor::ones([1]).requires_grad();
        let svg = draw(&(0..2000).fold(x, |y, _| y + 1.0)).to_svg();
        assert_eq!(attribute(&svg, "rect", "y").len(), 2001);
    }
}
