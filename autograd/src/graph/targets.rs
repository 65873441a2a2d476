//! Which nodes a walk must visit that is asked for certain gradients only: those on a path from the result to one of
//! the targets, as in PyTorch.

use std::collections::BTreeMap;

use super::node::{Edge, Id, Node};
use crate::float::Float;

/// The tensors whose gradients are asked for, and the nodes that lead to them.
pub(super) struct Targets {
    /// The leaves and nodes whose gradients are asked for. Sorted.
    targets: Vec<Id>,
    /// The nodes from which a target can be reached through their inputs. Sorted.
    on_paths: Vec<Id>,
}

impl Targets {
    /// Finds the paths from `root` to the targets.
    pub(super) fn find<T: Float>(root: &Edge<T>, mut targets: Vec<Id>) -> Self {
        targets.sort_unstable();
        let is_target = |id: &Id| targets.binary_search(id).is_ok();
        let nodes = nodes_newer_than(root, targets.first().copied());
        // Oldest first, which is inputs first (see `Id`): a node's inputs have been judged when it is.
        let mut on_paths: Vec<Id> = Vec::new();
        for (id, node) in nodes {
            let leads_to_a_target = node
                .inputs
                .iter()
                .any(|input| input.edge.id().is_some_and(|id| is_target(&id) || on_paths.binary_search(&id).is_ok()));
            if leads_to_a_target {
                on_paths.push(id);
            }
        }
        Targets { targets, on_paths }
    }

    /// Whether the gradient of this leaf or node is asked for.
    pub(super) fn is_target(&self, id: Id) -> bool {
        self.targets.binary_search(&id).is_ok()
    }

    /// Whether a target can be reached through the inputs of this node.
    pub(super) fn is_on_a_path(&self, id: Id) -> bool {
        self.on_paths.binary_search(&id).is_ok()
    }
}

/// The nodes behind `root` that are newer than the oldest target. Older ones cannot lead to one, since a node is made
/// after its inputs.
fn nodes_newer_than<T: Float>(root: &Edge<T>, oldest: Option<Id>) -> BTreeMap<Id, &Node<T>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root];
    while let Some(edge) = waiting.pop() {
        if let Edge::Node(node) = edge
            && oldest.is_some_and(|oldest| node.id > oldest)
            && found.insert(node.id, &**node).is_none()
        {
            waiting.extend(node.inputs.iter().map(|input| &input.edge));
        }
    }
    found
}
