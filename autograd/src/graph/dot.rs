//! The recorded graph behind a tensor, as a drawing: text for Graphviz here, a picture in [`svg`](super::svg).

use std::collections::BTreeMap;
use std::fmt::Write;

use super::engine::{Order, walk_back};
use super::node::{Edge, Id};
use crate::float::Float;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The recorded graph behind `of`: every operation, leaf and constant that it was computed from.
///
/// The drawing is a copy. It keeps the graph's nodes, but none of their saved values, so a training step is not disturbed by it.
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
    let mut graph = Graph { vertices: Vec::new(), places: BTreeMap::new(), root: of.clone(), with_values: false };
    // Oldest first, which is inputs first: see `Id`.
    for (id, (edge, shape)) in found {
        let vertex = match edge {
            Edge::Node(node) => {
                let inputs = node.inputs.iter().map(|input| graph.place(&input.edge, input.shape())).collect();
                Vertex { inputs, ..Vertex::new(Kind::Operation(node.name), shape) }
            }
            _ => Vertex::new(Kind::Leaf, shape),
        };
        graph.places.insert(id, graph.vertices.len());
        graph.vertices.push(vertex);
    }
    if graph.vertices.is_empty() {
        graph.vertices.push(Vertex::new(Kind::Constant, of.shape().clone()));
    }
    graph
}

/// What [`draw`] found: a drawing that can be given names, numbers and gradients, and then be written down.
///
/// Operations carry their names, lines the shapes of what flows along them. Identifiers are given in order of creation, so that the same program
/// draws the same picture each time.
#[derive(Debug)]
pub struct Graph<T: Float = f32> {
    /// Oldest first; the last one is what was drawn.
    pub(super) vertices: Vec<Vertex<T>>,
    places: BTreeMap<Id, usize>,
    root: Tensor<T>,
    with_values: bool,
}

#[derive(Debug)]
pub(super) struct Vertex<T: Float> {
    pub(super) kind: Kind,
    /// Of the operation's output.
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

    /// What stands at the top of its box.
    pub(super) fn title(&self) -> String {
        match (self.kind, &self.name) {
            (Kind::Operation(operation), _) => operation.to_owned(),
            (_, Some(name)) => format!("{name} {}", self.shape),
            (Kind::Leaf, None) => format!("leaf {}", self.shape),
            (Kind::Constant, None) => format!("constant {}", self.shape),
        }
    }

    /// The name of an operation's output; that of anything else is its title.
    pub(super) fn subtitle(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| matches!(self.kind, Kind::Operation(_)))
    }
}

impl<T: Float> Graph<T> {
    /// The place of an input that was found before; a constant, which leaves no trace but its shape, gets a new one.
    fn place(&mut self, edge: &Edge<T>, shape: &Shape) -> usize {
        if let Some(id) = edge.id() {
            return self.places[&id];
        }
        self.vertices.push(Vertex::new(Kind::Constant, shape.clone()));
        self.vertices.len() - 1
    }

    /// Writes a name to a tensor of the graph: a leaf, a parameter's [`tensor()`](crate::Param::tensor), or what an operation made.
    ///
    /// A constant leaves only its shape in the graph: its name goes to the first one of that shape, in the order of the operations, that has no
    /// name yet. A tensor that is not in the graph is left out.
    pub fn named(mut self, name: &str, tensor: &Tensor<T>) -> Self {
        let place = match tensor.edge.id() {
            Some(id) => self.places.get(&id).copied(),
            None => self.vertices.iter().position(|vertex| {
                vertex.kind == Kind::Constant && vertex.name.is_none() && vertex.shape == *tensor.shape()
            }),
        };
        if let Some(vertex) = place.map(|place| &mut self.vertices[place]) {
            vertex.name = Some(name.to_owned());
            vertex.value = Some(tensor.detach());
        }
        self
    }

    /// Shows the numbers of the tensors that have been [named](Graph::named), where they are few: a graph keeps no others.
    pub fn with_values(mut self) -> Self {
        self.with_values = true;
        self
    }

    /// Shows the gradient of the drawn number (of the sum of its elements, if it is several) at everything in the graph that has few elements.
    ///
    /// The graph is walked and stays whole: it can be walked again, by [`backward`](Tensor::backward) for one.
    ///
    /// # Panics
    /// If the graph was walked by a `backward` before, so that its saved values are gone.
    #[track_caller]
    pub fn with_gradients(mut self) -> Self {
        let targets: Vec<Id> = self.places.keys().copied().collect();
        let seed = Tensor::ones(self.root.shape());
        match walk_back(self.root.edge.clone(), seed, Some(targets), Order::Higher) {
            Ok(gradients) => {
                for (&id, &place) in &self.places {
                    self.vertices[place].gradient = gradients.by_id(id).map(Tensor::detach);
                }
            }
            Err(sentence) => crate::error::mistake("with_gradients", sentence),
        }
        self
    }

    /// The names of the recorded operations, oldest first.
    pub fn operations(&self) -> Vec<&'static str> {
        let operation = |vertex: &Vertex<T>| match vertex.kind {
            Kind::Operation(name) => Some(name),
            _ => None,
        };
        self.vertices.iter().filter_map(operation).collect()
    }

    /// The numbers that are shown at a vertex, as rows of text under a caption.
    pub(super) fn blocks(&self, vertex: &Vertex<T>) -> Vec<(&'static str, Vec<String>)> {
        let value = vertex.value.as_ref().filter(|_| self.with_values);
        let captioned = [("value", value), ("gradient", vertex.gradient.as_ref())];
        captioned.into_iter().filter_map(|(caption, tensor)| Some((caption, rows(tensor?)?))).collect()
    }

    /// The drawing as text in the language of [Graphviz](https://graphviz.org/doc/info/lang.html): `dot -Tsvg` makes a picture of it.
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

/// More elements than these are not shown.
const MAX_ELEMENTS: usize = 24;
/// Nor are longer rows.
const MAX_COLUMNS: usize = 6;

/// The numbers of a small matrix, vector or number in aligned columns; `None` if it is not small.
fn rows<T: Float>(tensor: &Tensor<T>) -> Option<Vec<String>> {
    let columns = tensor.shape().last().copied().unwrap_or(1);
    if tensor.rank() > 2 || columns > MAX_COLUMNS || tensor.numel() > MAX_ELEMENTS || tensor.numel() == 0 {
        return None;
    }
    let numbers: Vec<f64> = tensor.to_vec().into_iter().map(Scalar::to_f64).collect();
    let largest = numbers.iter().map(|number| number.abs()).filter(|number| number.is_finite()).fold(0.0, f64::max);
    let write = |&number: &f64| match largest {
        _ if !number.is_finite() => number.to_string(),
        0.01..10_000.0 => format!("{:.3}", (number * 1000.0).round() / 1000.0 + 0.0),
        0.0 => "0".to_owned(),
        _ => format!("{number:.1e}"),
    };
    let texts: Vec<String> = numbers.iter().map(write).collect();
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
    fn numbers_stand_where_they_were_asked_for_and_the_graph_stays_whole() {
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
    fn what_was_not_recorded_is_one_constant() {
        let x: Tensor = Tensor::ones([2, 2]).requires_grad();
        let graph = draw(&no_grad(|| x.exp())).with_gradients();
        assert!(graph.to_dot().contains("n0 [label=\"constant [2, 2]\" style=dashed]"));
        assert!(draw(&x).to_dot().contains("n0 [label=\"leaf [2, 2]\"]"));
    }

    #[test]
    fn a_graph_that_was_walked_can_still_be_drawn() {
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
        let rows = |numbers: &[f64], shape: &[usize]| rows(&Tensor::from_slice(numbers, shape));
        assert_eq!(rows(&[1.0, -20.5, 0.25, -0.0001], &[2, 2]).unwrap(), ["  1.000 -20.500", "  0.250   0.000"]);
        assert_eq!(rows(&[1.5e-6, f64::NAN], &[2]).unwrap(), ["1.5e-6    NaN"]);
        assert_eq!(rows(&[0.0], &[]).unwrap(), ["0"]);
        assert_eq!(rows(&[0.0; 7], &[7]), None);
        assert_eq!(rows(&[0.0; 8], &[2, 2, 2]), None);
        assert_eq!(rows(&[], &[0]), None);
    }
}
