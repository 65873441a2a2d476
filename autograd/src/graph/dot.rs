//! The recorded graph behind a tensor as a drawing: as text for Graphviz here, as a picture in [`svg`](super::svg).

use std::collections::BTreeMap;
use std::fmt::Write;

use super::engine::{Order, walk_back};
use super::node::{Edge, Id};
use crate::arithmetic::Arithmetic;
use crate::float::Float;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The recorded graph behind `of`: every operation, leaf and constant that it was computed from.
///
/// The drawing is a copy. It keeps no saved values of the graph, so it has no influence on a training step.
///
/// ```
/// use autograd::{Tensor, draw};
/// let x = Tensor::from_vec(vec![1.0, 2.0], [2]).requires_grad();
/// let loss = (x.sin() * &x).sum();
/// let graph = draw(&loss).named("x", &x);
/// assert_eq!(graph.operations(), ["sin", "mul", "sum"]);
/// assert!(graph.to_dot().contains("sin"));
/// assert!(graph.to_svg().starts_with("<svg"));
/// ```
pub fn draw<T: Float>(of: &Tensor<T>) -> Graph<T> {
    let mut found: BTreeMap<Id, (Edge<T>, Shape)> = BTreeMap::new();
    let mut waiting = vec![(of.edge.clone(), of.shape().clone())];
    while let Some((edge, shape)) = waiting.pop() {
        let Some(id) = edge.id().filter(|id| !found.contains_key(id)) else { continue };
        if let Edge::Node(node) = &edge {
            waiting.extend(node.inputs.iter().map(|input| (input.edge.clone(), input.shape().clone())));
        }
        found.insert(id, (edge, shape));
    }
    let mut graph = Graph { vertices: Vec::new(), indices: BTreeMap::new(), root: of.clone(), with_values: false };
    // In order of creation, so the inputs of a node come before it: see `Id`.
    for (id, (edge, shape)) in found {
        let vertex = match edge {
            Edge::Node(node) => {
                let inputs = node.inputs.iter().map(|input| graph.index_of(&input.edge, input.shape())).collect();
                Vertex { inputs, ..Vertex::new(Kind::Operation(node.name), shape) }
            }
            _ => Vertex::new(Kind::Leaf, shape),
        };
        graph.indices.insert(id, graph.vertices.len());
        graph.vertices.push(vertex);
    }
    if graph.vertices.is_empty() {
        graph.vertices.push(Vertex::new(Kind::Constant, of.shape().clone()));
    }
    graph
}

/// The result of [`draw`]: a drawing to which names, values and gradients can be added, and which can then be written
/// as DOT or SVG.
///
/// Operations are labelled with their names, lines with the shapes of the tensors. Identifiers are numbered in order of
/// creation, so that the same program always gives the same drawing.
#[derive(Debug)]
pub struct Graph<T: Float = f32> {
    /// In order of creation; the last one is the drawn tensor.
    pub(super) vertices: Vec<Vertex<T>>,
    indices: BTreeMap<Id, usize>,
    root: Tensor<T>,
    with_values: bool,
}

#[derive(Debug)]
pub(super) struct Vertex<T: Float> {
    pub(super) kind: Kind,
    /// The shape of the operation's output.
    pub(super) shape: Shape,
    pub(super) inputs: Vec<usize>,
    pub(super) name: Option<String>,
    value: Option<Tensor<T>>,
    gradient: Option<Tensor<T>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Constant,
    Leaf,
    Operation(&'static str),
}

impl<T: Float> Vertex<T> {
    fn new(kind: Kind, shape: Shape) -> Self {
        Vertex { kind, shape, inputs: Vec::new(), name: None, value: None, gradient: None }
    }

    /// The text at the top of its box.
    pub(super) fn title(&self) -> String {
        match (self.kind, &self.name) {
            (Kind::Operation(operation), _) => operation.to_owned(),
            (_, Some(name)) => format!("{name} {}", self.shape),
            (Kind::Leaf, None) => format!("leaf {}", self.shape),
            (Kind::Constant, None) => format!("constant {}", self.shape),
        }
    }

    /// The name of an operation's output; `None` for other vertices, whose name is the title.
    pub(super) fn subtitle(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| matches!(self.kind, Kind::Operation(_)))
    }
}

impl<T: Float> Graph<T> {
    /// The index of an input's vertex. A constant, of which the graph stores only the shape, gets a new vertex.
    fn index_of(&mut self, edge: &Edge<T>, shape: &Shape) -> usize {
        if let Some(id) = edge.id() {
            return self.indices[&id];
        }
        self.vertices.push(Vertex::new(Kind::Constant, shape.clone()));
        self.vertices.len() - 1
    }

    /// Adds the name of a tensor of the graph: a leaf, a parameter's [`tensor()`](crate::Param::tensor), or the output
    /// of an operation.
    ///
    /// Of a constant the graph stores only the shape. So the name is given to the first constant of that shape without
    /// a name, in the order of the operations. A tensor that is not in the graph is ignored.
    pub fn named(mut self, name: &str, tensor: &Tensor<T>) -> Self {
        let index = match tensor.edge.id() {
            Some(id) => self.indices.get(&id).copied(),
            None => self.vertices.iter().position(|vertex| {
                vertex.kind == Kind::Constant && vertex.name.is_none() && vertex.shape == *tensor.shape()
            }),
        };
        if let Some(vertex) = index.map(|index| &mut self.vertices[index]) {
            vertex.name = Some(name.to_owned());
            vertex.value = Some(tensor.detach());
        }
        self
    }

    /// Shows the values of small tensors that have been [named](Graph::named): the graph does not store the values of
    /// the others.
    pub fn with_values(mut self) -> Self {
        self.with_values = true;
        self
    }

    /// Shows the gradient of the drawn tensor (of the sum of its elements) at all small tensors of the graph.
    ///
    /// This runs a backward pass that keeps the graph, so [`backward`](Tensor::backward) can still be called
    /// afterwards.
    ///
    /// # Panics
    /// If `backward` was called before, so that the saved values of the graph have been freed.
    #[track_caller]
    pub fn with_gradients(mut self) -> Self {
        let targets: Vec<Id> = self.indices.keys().copied().collect();
        let seed = self.root.ones_like();
        match walk_back(self.root.edge.clone(), seed, Some(targets), Order::Higher) {
            Ok(gradients) => {
                for (&id, &index) in &self.indices {
                    self.vertices[index].gradient = gradients.by_id(id).map(Tensor::detach);
                }
            }
            Err(sentence) => crate::error::argument_error("with_gradients", sentence),
        }
        self
    }

    /// The names of the recorded operations, in order of creation.
    pub fn operations(&self) -> Vec<&'static str> {
        let operation = |vertex: &Vertex<T>| match vertex.kind {
            Kind::Operation(name) => Some(name),
            _ => None,
        };
        self.vertices.iter().filter_map(operation).collect()
    }

    /// The values that are shown at a vertex, as rows of text under a caption.
    pub(super) fn blocks(&self, vertex: &Vertex<T>) -> Vec<(&'static str, Vec<String>)> {
        let value = vertex.value.as_ref().filter(|_| self.with_values);
        let captioned = [("value", value), ("gradient", vertex.gradient.as_ref())];
        captioned.into_iter().filter_map(|(caption, tensor)| Some((caption, rows(tensor?)?))).collect()
    }

    /// The drawing in DOT, the language of [Graphviz](https://graphviz.org/doc/info/lang.html): `dot -Tsvg` converts it
    /// to a picture.
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph {\n  node [shape=box fontname=monospace]\n  edge [fontname=monospace]\n");
        for (index, vertex) in self.vertices.iter().enumerate() {
            let mut label = escaped(&vertex.title());
            if let Some(subtitle) = vertex.subtitle() {
                let _ = write!(label, "\\n{}", escaped(subtitle));
            }
            for (caption, rows) in self.blocks(vertex) {
                let _ = write!(label, "\\n{caption}\\n{}", rows.join("\\n"));
            }
            let style = match vertex.kind {
                Kind::Operation(_) => " style=rounded",
                Kind::Leaf => "",
                Kind::Constant => " style=dashed",
            };
            let _ = writeln!(out, "  n{index} [label=\"{label}\"{style}]");
            for &input in &vertex.inputs {
                let _ = writeln!(out, "  n{input} -> n{index} [label=\"{}\"]", self.vertices[input].shape);
            }
        }
        out.push_str("}\n");
        out
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Tensors with more elements are not shown.
const MAX_ELEMENTS: usize = 24;
/// Tensors with longer rows are not shown.
const MAX_COLUMNS: usize = 6;

/// The values of a small matrix, vector or scalar in aligned columns; `None` if it is not small.
fn rows<T: Float>(tensor: &Tensor<T>) -> Option<Vec<String>> {
    let columns = tensor.shape().last().copied().unwrap_or(1);
    if tensor.rank() > 2 || columns > MAX_COLUMNS || tensor.numel() > MAX_ELEMENTS || tensor.numel() == 0 {
        return None;
    }
    let values: Vec<f64> = tensor.to_vec().into_iter().map(Arithmetic::to_f64).collect();
    let largest = values.iter().map(|value| value.abs()).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let write = |&value: &f64| match largest {
        _ if !value.is_finite() => value.to_string(),
        0.01..10_000.0 => format!("{:.3}", (value * 1000.0).round() / 1000.0 + 0.0),
        0.0 => "0".to_owned(),
        _ => format!("{value:.1e}"),
    };
    let texts: Vec<String> = values.iter().map(write).collect();
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    let row = |texts: &[String]| texts.iter().map(|text| format!("{text:>width$}")).collect::<Vec<_>>().join(" ");
    Some(texts.chunks(columns).map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Param, no_grad};
    use std::panic::AssertUnwindSafe;

    #[test]
    fn a_shared_tensor_is_one_vertex_and_each_use_a_line() {
        let x: Tensor<f64> = Tensor::from_vec(vec![2.0, 3.0], [2]).requires_grad();
        let square = &x * &x;
        let y = (&square + square.exp()).sum();
        let graph = draw(&y).named("x", &x);
        assert_eq!(graph.operations(), ["mul", "exp", "add", "sum"]);
        let dot = graph.to_dot();
        assert_eq!(dot.matches("n0 -> n1 [label=\"[2]\"]").count(), 2, "{dot}");
        assert_eq!(dot.matches("->").count(), 6, "{dot}");
        assert_eq!(dot.matches("[label=\"x [2]\"]").count(), 1, "{dot}");
        assert_eq!(dot, draw(&y).named("x", &x).to_dot(), "the same graph is drawn the same way");
    }

    #[test]
    fn values_and_gradients_are_shown_and_the_graph_can_still_be_used() {
        let (x, weight) = (Tensor::from_vec(vec![1.0, -2.0], [2]), Param::new(Tensor::from_vec(vec![0.5, 0.25], [2])));
        let y = &x * weight.tensor();
        let loss = (&y * &y).sum();
        let graph = draw(&loss).named("x", &x).named("w", &weight.tensor()).named("loss", &loss);
        assert!(!graph.to_dot().contains("0.250") && !graph.to_dot().contains("gradient"));
        let dot = graph.with_values().with_gradients().to_dot();
        assert!(dot.contains("[label=\"w [2]\\nvalue\\n0.500 0.250\\ngradient\\n1.000 2.000\"]"), "{dot}");
        assert!(dot.contains("[label=\"x [2]\\nvalue\\n 1.000 -2.000\" style=dashed]"), "{dot}");
        assert!(dot.contains("[label=\"mul\\ngradient\\n 1.000 -1.000\" style=rounded]"), "{dot}");
        assert!(dot.contains("[label=\"sum\\nloss\\nvalue\\n0.500\\ngradient\\n1.000\" style=rounded]"), "{dot}");
        assert_eq!(loss.backward().of(&weight).unwrap().to_vec(), [1.0, 2.0]);
    }

    #[test]
    fn a_tensor_without_a_graph_is_one_constant() {
        let x: Tensor = Tensor::ones([2, 2]).requires_grad();
        let graph = draw(&no_grad(|| x.exp())).with_gradients();
        assert!(graph.to_dot().contains("n0 [label=\"constant [2, 2]\" style=dashed]"));
        assert!(draw(&x).to_dot().contains("n0 [label=\"leaf [2, 2]\"]"));
    }

    #[test]
    fn a_graph_can_be_drawn_after_backward() {
        let x: Tensor = Tensor::ones([2]).requires_grad();
        let y = x.exp();
        drop(y.sum().backward());
        assert_eq!(draw(&y).operations(), ["exp"]);
        let refused = std::panic::catch_unwind(AssertUnwindSafe(|| draw(&y).with_gradients()));
        let message = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with("with_gradients: this graph was walked before"), "{message}");
    }

    #[test]
    fn rows_are_aligned_and_large_tensors_are_not_shown() {
        let rows = |values: &[f64], shape: &[usize]| rows(&Tensor::from_slice(values, shape));
        assert_eq!(rows(&[1.0, -20.5, 0.25, -0.0001], &[2, 2]).unwrap(), ["  1.000 -20.500", "  0.250   0.000"]);
        assert_eq!(rows(&[1.5e-6, f64::NAN], &[2]).unwrap(), ["1.5e-6    NaN"]);
        assert_eq!(rows(&[0.0], &[]).unwrap(), ["0"]);
        assert_eq!(rows(&[0.0; 7], &[7]), None);
        assert_eq!(rows(&[0.0; 8], &[2, 2, 2]), None);
        assert_eq!(rows(&[], &[0]), None);
    }
}
