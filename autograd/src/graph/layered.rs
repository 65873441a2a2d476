//! The layered layout of a drawn graph: each box is in a layer below the boxes that it depends on.
//!
//! A line that crosses a layer is an item of that layer too, like a narrow box. The items of a layer are first ordered
//! by the positions of their neighbours in other layers, and then moved towards them as far as the others allow.

/// A box, or the part of a line that crosses a layer. Lengths are in pixels.
#[derive(Default)]
pub(super) struct Item {
    pub(super) layer: usize,
    /// The position of the middle, and the extents to the left and right of it.
    pub(super) x: f64,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) height: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Places in layers, and the lines between them.
#[derive(Default)]
pub(super) struct Layers {
    pub(super) items: Vec<Item>,
    order: Vec<Vec<usize>>,
    /// The items of each line, from its source down to its end.
    pub(super) lines: Vec<Vec<usize>>,
}

/// The distance between neighbours in a layer.
const GAP: f64 = 28.0;

impl Layers {
    /// Adds a box below others, with a line from each of them. `left` and `right` are its extents from the middle.
    pub(super) fn add(&mut self, above: &[usize], (left, right): (f64, f64), height: f64) -> usize {
        let layer = above.iter().map(|&source| self.items[source].layer + 1).max().unwrap_or(0);
        let item = self.push(Item { layer, left, right, height, ..Item::default() });
        for &source in above {
            let mut line = vec![source];
            for layer in self.items[source].layer + 1..layer {
                line.push(self.push(Item { layer, ..Item::default() }));
            }
            line.push(item);
            for pair in line.windows(2) {
                self.items[pair[0]].below.push(pair[1]);
                self.items[pair[1]].above.push(pair[0]);
            }
            self.lines.push(line);
        }
        item
    }

    fn push(&mut self, item: Item) -> usize {
        let index = self.items.len();
        if self.order.len() <= item.layer {
            self.order.resize(item.layer + 1, Vec::new());
        }
        self.order[item.layer].push(index);
        self.items.push(item);
        index
    }

    /// The height of each layer.
    pub(super) fn heights(&self) -> Vec<f64> {
        let height = |layer: &Vec<usize>| layer.iter().map(|&item| self.items[item].height).fold(0.0, f64::max);
        self.order.iter().map(height).collect()
    }

    /// Computes the position of each item; the left end of the leftmost item is at 0. Returns the width.
    pub(super) fn arrange(&mut self) -> f64 {
        for layer in 0..self.order.len() {
            self.number(layer);
        }
        for round in 0..6 {
            self.sweep(round % 2 == 0, |layers, layer, wanted| {
                let mut order: Vec<usize> = (0..wanted.len()).collect();
                order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
                layers.order[layer] = order.iter().map(|&index| layers.order[layer][index]).collect();
                layers.number(layer);
            });
        }
        for round in 0..10 {
            self.sweep(round % 2 == 0, |layers, layer, wanted| layers.settle(layer, wanted));
        }
        let far = |reach: &dyn Fn(&Item) -> f64| self.items.iter().map(reach).fold(f64::NEG_INFINITY, f64::max);
        let (left, right) = (-far(&|item| item.left - item.x), far(&|item| item.x + item.right));
        self.items.iter_mut().for_each(|item| item.x -= left);
        right - left
    }

    /// Sets the position of each item to its index in the layer, for the ordering.
    fn number(&mut self, layer: usize) {
        for (index, &item) in self.order[layer].iter().enumerate() {
            self.items[item].x = index as f64;
        }
    }

    /// Visits the layers downwards or upwards, and calls `act` with each layer and the desired positions of its items:
    /// the mean position of their neighbours in the layer before.
    fn sweep(&mut self, down: bool, act: impl Fn(&mut Layers, usize, &[f64])) {
        let count = self.order.len();
        for step in 0..count {
            let layer = if down { step } else { count - 1 - step };
            let wanted = |&item: &usize| {
                let item = &self.items[item];
                let neighbours = if down { &item.above } else { &item.below };
                let sum: f64 = neighbours.iter().map(|&other| self.items[other].x).sum();
                if neighbours.is_empty() { item.x } else { sum / neighbours.len() as f64 }
            };
            let wanted: Vec<f64> = self.order[layer].iter().map(wanted).collect();
            act(self, layer, &wanted);
        }
    }

    /// Moves a layer's items to the desired positions, or as near as the extents of their neighbours allow.
    fn settle(&mut self, layer: usize, wanted: &[f64]) {
        let items = &self.order[layer];
        let mut packed = vec![0.0];
        for pair in items.windows(2) {
            packed.push(packed[packed.len() - 1] + self.items[pair[0]].right + GAP + self.items[pair[1]].left);
        }
        // The displacements from a densely packed layer must not decrease from left to right.
        let moved: Vec<f64> = wanted.iter().zip(&packed).map(|(wanted, packed)| wanted - packed).collect();
        for ((&item, moved), packed) in items.iter().zip(nearest_rising(&moved)).zip(packed) {
            self.items[item].x = packed + moved;
        }
    }
}

/// The non-decreasing sequence with the least squared distance to the given one (isotonic regression): decreasing
/// neighbours are replaced by their mean.
fn nearest_rising(wanted: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for &value in wanted {
        let mut block = (value, 1);
        while let Some(&(mean, count)) = blocks.last().filter(|(mean, _)| *mean > block.0) {
            let total = count + block.1;
            block = ((mean * count as f64 + block.0 * block.1 as f64) / total as f64, total);
            blocks.pop();
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_do_not_overlap_and_a_chain_is_straight() {
        let mut layers = Layers::default();
        let top = layers.add(&[], (50.0, 20.0), 10.0);
        let middle = layers.add(&[top], (10.0, 10.0), 30.0);
        let bottom = layers.add(&[middle], (5.0, 60.0), 20.0);
        assert_eq!(layers.arrange(), 110.0);
        assert!([top, middle, bottom].iter().all(|&item| layers.items[item].x == 50.0));
        assert_eq!(layers.heights(), [10.0, 30.0, 20.0]);

        let mut layers = Layers::default();
        let source = layers.add(&[], (10.0, 10.0), 1.0);
        let branches: Vec<usize> = (0..5).map(|_| layers.add(&[source], (10.0, 30.0), 1.0)).collect();
        layers.add(&[&branches[..], &[source]].concat(), (10.0, 10.0), 1.0);
        layers.arrange();
        let mut row: Vec<&Item> = layers.items.iter().filter(|item| item.layer == 1).collect();
        assert_eq!(row.len(), 6, "the line from the source to the end passes this layer");
        row.sort_by(|a, b| a.x.total_cmp(&b.x));
        assert!(row.windows(2).all(|pair| pair[0].x + pair[0].right + GAP <= pair[1].x - pair[1].left + 1e-9));
    }

    #[test]
    fn decreasing_values_are_replaced_by_their_mean() {
        assert_eq!(nearest_rising(&[1.0, 5.0, 3.0, 4.0, 9.0]), [1.0, 4.0, 4.0, 4.0, 9.0]);
        assert_eq!(nearest_rising(&[3.0, 2.0, 1.0]), [2.0; 3]);
    }
}
