//! The walk back. Newest first is enough of an order: see [`Id`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::anomaly;
use super::broadcast::{accumulate, sum_to};
use super::checks::{check_seed, check_tracked};
use super::gradients::Gradients;
use super::node::{Edge, Id, Input, Node, Released};
use super::targets::Targets;
use crate::error::{argument_error, shape_error};
use crate::float::Float;
use crate::kernels::parallel::with_recording;
use crate::mode::{self, WATCHED};
use crate::op::{Saved, Source};
use crate::tensor::Tensor;
use crate::trace::{self, Phase};

/// Whether gradients will themselves be differentiated, and what becomes of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The gradients are constants, and the graph is freed on the way: each operation that was run back gives up its
    /// saved values.
    First,
    /// The gradients are constants, and the graph stays whole, to be walked again: PyTorch's `retain_graph=True`.
    RetainGraph,
    /// The gradients' own computation is recorded, so that they can be differentiated, and the graph stays whole:
    /// PyTorch's `create_graph=True`.
    Higher,
}

/// What an operation's rule sees of the walk: the gradient of its output, its saved values, and the way to hand
/// gradients to its inputs.
pub struct Backward<'a, T: Float> {
    node: &'a Arc<Node<T>>,
    grad: &'a Tensor<T>,
    pass: &'a mut BackwardPass<T>,
}

/// A node that has been handed a gradient and not yet been visited, with the sum of what it has been handed.
struct Pending<T: Float> {
    node: Arc<Node<T>>,
    grad: Tensor<T>,
}

/// The state of one walk.
struct BackwardPass<T: Float> {
    /// The newest pending node. It lies beside the others because much of a graph is a chain, along which there are no
    /// others.
    newest: Option<Pending<T>>,
    /// The other pending nodes, all older.
    others: BTreeMap<Id, Pending<T>>,
    finished: Gradients<T>,
    /// Where gradients are asked for; `None` means at every leaf.
    targets: Option<Targets>,
    order: Order,
    /// Whether gradients are checked for NaN and infinities.
    is_watched: bool,
}

impl<T: Float> BackwardPass<T> {
    /// Whether a gradient handed to this edge is asked for, or leads to one that is.
    #[inline(never)]
    fn needs(&self, edge: &Edge<T>) -> bool {
        match (edge, &self.targets) {
            (Edge::Constant, _) => false,
            (_, None) => true,
            (Edge::Leaf(id), Some(targets)) => targets.is_target(*id),
            (Edge::Node(node), Some(targets)) => targets.is_target(node.id) || targets.is_on_a_path(node.id),
        }
    }

    fn hand(&mut self, edge: &Edge<T>, grad: Tensor<T>) {
        match edge {
            Edge::Constant => {}
            Edge::Leaf(id) => self.finished.add(*id, grad),
            Edge::Node(node) => match &mut self.newest {
                Some(newest) if newest.node.id == node.id => accumulate(&mut newest.grad, grad),
                Some(newest) if newest.node.id > node.id => match self.others.entry(node.id) {
                    Entry::Occupied(mut known) => accumulate(&mut known.get_mut().grad, grad),
                    Entry::Vacant(entry) => drop(entry.insert(Pending { node: Arc::clone(node), grad })),
                },
                newest => {
                    if let Some(older) = newest.replace(Pending { node: Arc::clone(node), grad }) {
                        self.others.insert(older.node.id, older);
                    }
                }
            },
        }
    }

    /// What an edge has been handed so far.
    fn handed(&mut self, edge: &Edge<T>) -> Option<&mut Tensor<T>> {
        match edge {
            Edge::Constant => None,
            Edge::Leaf(id) => self.finished.by_id_mut(*id),
            Edge::Node(node) => match &mut self.newest {
                Some(newest) if newest.node.id == node.id => Some(&mut newest.grad),
                _ => self.others.get_mut(&node.id).map(|pending| &mut pending.grad),
            },
        }
    }

    /// Takes the newest pending node.
    fn next(&mut self) -> Option<Pending<T>> {
        let next = self.newest.take();
        self.newest = self.others.pop_last().map(|(_, pending)| pending);
        next
    }

    fn run(mut self) -> Result<Gradients<T>, &'static str> {
        while let Some(Pending { node, grad }) = self.next() {
            if let Some(targets) = &self.targets {
                let (is_target, is_on_a_path) = (targets.is_target(node.id), targets.is_on_a_path(node.id));
                if is_target {
                    self.finished.add(node.id, grad.clone());
                }
                // A target's own rule is not run for its own sake, and what it saved stays.
                if !is_on_a_path {
                    continue;
                }
            }
            let _span = trace::span(Phase::Backward, node.name, || {
                (node.inputs.iter().map(|input| input.shape().clone()).collect(), grad.shape().clone())
            });
            let order = self.order;
            let is_watched = self.is_watched;
            let ctx = &mut Backward { node: &node, grad: &grad, pass: &mut self };
            let mut run = || match order {
                Order::First => node.slot.backward_once(ctx),
                Order::RetainGraph | Order::Higher => node.slot.backward_and_keep(ctx),
            };
            let result = if is_watched { anomaly::in_rule_of(node.id, run) } else { run() };
            result.map_err(|Released| node.name)?;
        } // Here the node is dropped, and its saved values with it.
        Ok(self.finished)
    }
}

impl<T: Float> Backward<'_, T> {
    /// The gradient of the operation's output.
    pub fn grad(&self) -> Tensor<T> {
        self.grad.clone()
    }

    /// A saved value, with the edge of where it came from put back on if it may be differentiated again.
    #[inline(never)]
    pub fn get(&self, saved: &Saved<T>) -> Tensor<T> {
        let edge = match (self.pass.order, saved.source) {
            (Order::First | Order::RetainGraph, _) | (_, Source::Aside) => Edge::Constant,
            (Order::Higher, Source::Input(index)) => self.input(index as usize).edge.clone(),
            (Order::Higher, Source::Output) => Edge::Node(Arc::clone(self.node)),
        };
        Tensor { storage: saved.storage.clone(), layout: saved.layout.clone(), edge }
    }

    /// Whether input number `input` needs a gradient. [`propagate`](Backward::propagate) asks for itself; this is for a
    /// rule that makes several gradients at once.
    pub fn needs(&self, input: usize) -> bool {
        self.pass.needs(&self.input(input).edge)
    }

    /// Whether this gradient will itself be differentiated; if not, a rule may compute it in one fused pass.
    pub fn higher_order(&self) -> bool {
        self.pass.order == Order::Higher
    }

    /// Hands input number `input` its gradient. `grad` runs only if that input needs one. A gradient that is larger
    /// than the input because the input was broadcast is summed here; gradients from several consumers are added.
    ///
    /// # Panics
    /// If the operation has no such input, or the gradient's shape does not broadcast from the input's: mistakes in the
    /// operation's rule.
    #[inline]
    pub fn propagate(&mut self, input: usize, grad: impl FnOnce() -> Tensor<T>) {
        if self.needs(input) {
            self.hand(input, grad());
        }
    }

    /// As [`propagate`](Backward::propagate), but asks `add` first if the input has a gradient from another consumer:
    /// it adds to it in place and returns `true`, or returns `false`.
    pub(crate) fn propagate_into(
        &mut self,
        input: usize,
        add: impl FnOnce(&mut Tensor<T>) -> bool,
        grad: impl FnOnce() -> Tensor<T>,
    ) {
        if self.sum_in_place(input).is_some_and(add) {
            return;
        }
        self.propagate(input, grad);
    }

    /// The gradient that the input has from other consumers, if it may be added to in place.
    #[inline(never)]
    fn sum_in_place(&mut self, input: usize) -> Option<&mut Tensor<T>> {
        let edge = &self.node.inputs[input].edge;
        let adds = !self.pass.is_watched && self.pass.order != Order::Higher;
        if adds && self.pass.needs(edge) { self.pass.handed(edge) } else { None }
    }

    #[inline(never)]
    fn hand(&mut self, input: usize, mut grad: Tensor<T>) {
        let (node, position) = (self.node, input);
        let input = &node.inputs[position];
        if grad.shape() != input.shape() {
            grad = self.sum_for(input, &grad);
        }
        if self.pass.is_watched {
            anomaly::check_gradient(node, position, &grad, self.grad);
        }
        self.pass.hand(&input.edge, grad);
    }

    /// Goes on through a graph that `compute` makes now, as if the operation had been the whole of it: its end is
    /// handed the gradient of the output. What `compute` records is newer than all that was recorded before, so the
    /// walk visits it next, and goes on behind it in the order that it would have had.
    pub(crate) fn go_on_through(&mut self, compute: impl FnOnce(&[Input<T>]) -> Tensor<T>) {
        let start = Id::next();
        let output = with_recording(true, || anomaly::as_forward(|| compute(&self.node.inputs)));
        if output.shape() != self.grad.shape() {
            let (first, second) = (self.grad.shape(), output.shape());
            shape_error(
                self.node.name,
                format_args!("the output had shape {first}, and {second} when it was computed again"),
            );
        }
        if let Some(targets) = &mut self.pass.targets {
            targets.extend(&output.edge, start);
        }
        if self.pass.needs(&output.edge) {
            self.pass.hand(&output.edge, self.grad.clone());
        }
    }

    /// The sum of a gradient over what was broadcast from the input.
    fn sum_for(&self, input: &Input<T>, grad: &Tensor<T>) -> Tensor<T> {
        if input.shape().broadcast(grad.shape()).as_ref() != Some(grad.shape()) {
            let (got, want) = (grad.shape(), input.shape());
            shape_error(
                self.node.name,
                format_args!("backward made a gradient of shape {got} for an input of shape {want}"),
            );
        }
        sum_to(grad, input.shape())
    }

    fn input(&self, index: usize) -> &Input<T> {
        match self.node.inputs.get(index) {
            Some(input) => input,
            None => argument_error(
                self.node.name,
                format_args!("has {} inputs, so none of number {index}", self.node.inputs.len()),
            ),
        }
    }
}

/// Walks back from `root`, whose gradient is `seed`, to the targets, or to all leaves if there are none. The error is a
/// sentence.
pub(super) fn walk_back<T: Float>(
    root: Edge<T>,
    seed: Tensor<T>,
    targets: Option<Vec<Id>>,
    order: Order,
) -> Result<Gradients<T>, String> {
    let targets = targets.map(|targets| Targets::find(&root, targets));
    let (others, finished, is_watched) = (BTreeMap::new(), Gradients::default(), mode::has(WATCHED));
    let mut pass = BackwardPass { newest: None, others, finished, targets, order, is_watched };
    if pass.needs(&root) {
        pass.hand(&root, seed);
    }
    drop(root);
    with_recording(order == Order::Higher, || pass.run()).map_err(|name| {
        format!(
            "this graph was walked before and its values are freed (found at {name}): compute the result again, or \
            ask for Order::RetainGraph or Order::Higher the first time"
        )
    })
}

/// # Gradients
impl<T: Float> Tensor<T> {
    /// The gradients of this number with respect to all leaves and parameters that it was computed from.
    ///
    /// Takes the tensor and frees the graph on the way: the values that operations saved are gone afterwards. Call
    /// [`item`](Tensor::item) before, if the value of the loss is wanted, or
    /// [`backward_retain_graph`](Tensor::backward_retain_graph), which takes a reference.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let w = Tensor::from_vec(vec![1.0, -2.0], [2]).requires_grad();
    /// let gradients = (&w * &w).sum().backward();
    /// assert_eq!(gradients.get(&w).unwrap().to_vec(), [2.0, -4.0]);
    /// ```
    ///
    /// # Panics
    /// If there is more than one element ([`backward_with`](Tensor::backward_with) takes a seed for those), if nothing
    /// that was tracked led here, or if the graph was walked before.
    #[inline(never)]
    #[track_caller]
    pub fn backward(self, // The graph goes with it: call `loss.item()` before `loss.backward()`.
    ) -> Gradients<T> {
        check_single("backward", &self);
        let seed = self.ones_like();
        self.backward_from("backward", seed)
    }

    /// As [`backward`](Tensor::backward), of the sum of this tensor's elements times `seed`'s: the vector-Jacobian
    /// product.
    ///
    /// # Panics
    /// If `seed` has another shape, if nothing that was tracked led here, or if the graph was walked before.
    #[inline(never)]
    #[track_caller]
    pub fn backward_with(self, seed: &Tensor<T>) -> Gradients<T> {
        check_seed("backward_with", &self, seed);
        self.backward_from("backward_with", seed.detach())
    }

    /// As [`backward`](Tensor::backward), but the graph stays whole, to be walked again: PyTorch's
    /// `backward(retain_graph=True)`.
    ///
    /// ```
    /// use autograd::Tensor;
    /// let w = Tensor::from_vec(vec![1.0, -2.0], [2]).requires_grad();
    /// let y = (&w * &w).sum();
    /// let first = y.backward_retain_graph();
    /// let second = y.backward();
    /// assert_eq!(first.get(&w).unwrap().to_vec(), second.get(&w).unwrap().to_vec());
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Tensor::backward).
    #[inline(never)]
    #[track_caller]
    pub fn backward_retain_graph(&self) -> Gradients<T> {
        check_single("backward_retain_graph", self);
        self.walk_retaining("backward_retain_graph", self.ones_like())
    }

    /// As [`backward_with`](Tensor::backward_with), but the graph stays whole, to be walked again.
    ///
    /// # Panics
    /// As [`backward_with`](Tensor::backward_with).
    #[inline(never)]
    #[track_caller]
    pub fn backward_with_retain_graph(&self, seed: &Tensor<T>) -> Gradients<T> {
        check_seed("backward_with_retain_graph", self, seed);
        self.walk_retaining("backward_with_retain_graph", seed.detach())
    }

    #[track_caller]
    fn walk_retaining(&self, name: &str, seed: Tensor<T>) -> Gradients<T> {
        check_tracked(name, self);
        match walk_back(self.edge.clone(), seed, None, Order::RetainGraph) {
            Ok(gradients) => gradients,
            Err(sentence) => argument_error(name, sentence),
        }
    }

    #[track_caller]
    fn backward_from(self, name: &str, seed: Tensor<T>) -> Gradients<T> {
        check_tracked(name, &self);
        // The result's own numbers are not needed for its gradient.
        let Tensor { edge, storage, .. } = self;
        drop(storage);
        match walk_back(edge, seed, None, Order::First) {
            Ok(gradients) => gradients,
            Err(sentence) => argument_error(name, sentence),
        }
    }
}

#[track_caller]
fn check_single<T: Float>(name: &str, of: &Tensor<T>) {
    if of.numel() != 1 {
        let shape = of.shape();
        shape_error(
            name,
            format_args!("shape {shape} is not a single number: use backward_with(seed), or reduce it first"),
        );
    }
}

instances!(backward backward_with backward_retain_graph backward_with_retain_graph);
