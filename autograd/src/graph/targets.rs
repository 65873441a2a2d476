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
        let is_target = |id: &Id| targets.binary_search(id).is_ok();
        let nodes = nodes_newer_than(root, targets.first().copied());
        // In order of creation (see `Id`), so the inputs of a node have been examined before the node.
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

    /// Whether the gradient of this leaf or node is requested.
    pub(super) fn is_target(&self, id: Id) -> bool {
        self.targets.binary_search(&id).is_ok()
    }

    /// Whether a target can be reached through the inputs of this node.
    pub(super) fn is_on_a_path(&self, id: Id) -> bool {
        self.on_paths.binary_search(&id).is_ok()
    }
}

/// The nodes behind `root` that are newer than the oldest target. Older nodes cannot lead to a target, because a node
/// is created after its inputs.
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
