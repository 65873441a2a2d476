//! Finds the nodes that a backward pass must visit when only certain gradients are requested: those on a path from the
//! result to one of the targets, as in PyTorch.

use std::collections::BTreeMap;

use super::node::{Edge, Id, Node};
use crate::float::Float;

/// The tensors whose gradients are requested, and the nodes on the paths to them.
pub(super) struct Targets {
    /// The leaves and nodes whose gradients are requested. Sorted.
    targets: Vec<Id>,
    /// The nodes from which a target can be reached through their inputs. Sorted.
    on_paths: Vec<Id>,
}

impl Targets {
    /// Finds the paths from `root` to the targets.
    pub(super) fn find<T: Float>(root: &Edge<T>, mut targets: Vec<Id>) -> Self {
        targets.sort_unstable();
        let oldest = targets.first().copied();
        let mut found = Targets { targets, on_paths: Vec::new() };
        if let Some(oldest) = oldest {
            found.extend(root, oldest);
        }
        found
    }

    /// Finds the paths from `root` through nodes that are newer than `than`, to the targets and to the nodes on paths
    /// that are known.
    pub(super) fn extend<T: Float>(&mut self, root: &Edge<T>, than: Id) {
        // Oldest first, which is inputs first (see `Id`): a node's inputs have been judged when it is. And all are
        // newer than those judged before, so the list stays sorted.
        for (id, node) in nodes_newer_than(root, than) {
            let leads_to_a_target = node
                .inputs
                .iter()
                .any(|input| input.edge.id().is_some_and(|id| self.is_target(id) || self.is_on_a_path(id)));
            if leads_to_a_target {
                self.on_paths.push(id);
            }
        }
    }

    /// Whether the gradient of this leaf or node is requested.
    pub(super) fn is_target(&self, id: Id) -> bool {
        self.targets.binary_search(&id).is_ok()
    }

    /// Whether a target can be reached through the inputs of this node.
    pub(super) fn is_on_a_path(&self, id: Id) -> bool {
        self.on_paths.binary_search(&id).is_ok()
    }
}

/// The nodes behind `root` that are newer than `than`, oldest first. (Older ones than the oldest target cannot lead to
/// one, since a node is made after its inputs.)
pub(super) fn nodes_newer_than<T: Float>(root: &Edge<T>, than: Id) -> BTreeMap<Id, &Node<T>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root];
    while let Some(edge) = waiting.pop() {
        if let Edge::Node(node) = edge
            && node.id > than
            && found.insert(node.id, &**node).is_none()
        {
            waiting.extend(node.inputs.iter().map(|input| &input.edge));
        }
    }
    found
}
