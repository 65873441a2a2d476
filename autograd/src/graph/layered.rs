//! Where the boxes of a drawn graph go: in layers, each box below those that it depends on.
//!
//! A line that passes a layer takes a place there, as if it were a narrow box. The places of a layer are ordered by
//! those of their neighbours, and then moved towards them as far as the others allow.

/// A box, or a line that passes a layer. Lengths are pixels.
#[derive(Default)]
pub(super) struct Place {
    pub(super) layer: usize,
    /// The middle, and how far the place reaches from it.
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
    pub(super) places: Vec<Place>,
    order: Vec<Vec<usize>>,
    /// Each line's places, from its source down to its end.
    pub(super) lines: Vec<Vec<usize>>,
}

/// Between neighbours in a layer.
const GAP: f64 = 28.0;

impl Layers {
    /// A box below others, with a line from each of them. It reaches so far to the left and right of its middle.
    pub(super) fn add(&mut self, above: &[usize], (left, right): (f64, f64), height: f64) -> usize {
        let layer = above.iter().map(|&source| self.places[source].layer + 1).max().unwrap_or(0);
        let place = self.push(Place { layer, left, right, height, ..Place::default() });
        for &source in above {
            let mut line = vec![source];
            for layer in self.places[source].layer + 1..layer {
                line.push(self.push(Place { layer, ..Place::default() }));
            }
            line.push(place);
            for pair in line.windows(2) {
                self.places[pair[0]].below.push(pair[1]);
                self.places[pair[1]].above.push(pair[0]);
            }
            self.lines.push(line);
        }
        place
    }

    fn push(&mut self, place: Place) -> usize {
        let index = self.places.len();
        if self.order.len() <= place.layer {
            self.order.resize(place.layer + 1, Vec::new());
        }
        self.order[place.layer].push(index);
        self.places.push(place);
        index
    }

    /// The height of each layer.
    pub(super) fn heights(&self) -> Vec<f64> {
        let height = |layer: &Vec<usize>| layer.iter().map(|&place| self.places[place].height).fold(0.0, f64::max);
        self.order.iter().map(height).collect()
    }

    /// Finds each place's middle; the leftmost place reaches to 0. Returns the width.
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
        let far = |reach: &dyn Fn(&Place) -> f64| self.places.iter().map(reach).fold(f64::NEG_INFINITY, f64::max);
        let (left, right) = (-far(&|place| place.left - place.x), far(&|place| place.x + place.right));
        self.places.iter_mut().for_each(|place| place.x -= left);
        right - left
    }

    /// While places are being ordered, a place's middle is its number in the layer.
    fn number(&mut self, layer: usize) {
        for (index, &place) in self.order[layer].iter().enumerate() {
            self.places[place].x = index as f64;
        }
    }

    /// Goes through the layers, down or up, and tells each where its places are wanted: in the middle of their
    /// neighbours in the layer before.
    fn sweep(&mut self, down: bool, act: impl Fn(&mut Layers, usize, &[f64])) {
        let count = self.order.len();
        for step in 0..count {
            let layer = if down { step } else { count - 1 - step };
            let wanted = |&place: &usize| {
                let place = &self.places[place];
                let neighbours = if down { &place.above } else { &place.below };
                let sum: f64 = neighbours.iter().map(|&other| self.places[other].x).sum();
                if neighbours.is_empty() { place.x } else { sum / neighbours.len() as f64 }
            };
            let wanted: Vec<f64> = self.order[layer].iter().map(wanted).collect();
            act(self, layer, &wanted);
        }
    }

    /// Moves a layer's places to where they are wanted, or as near as their neighbours' extents allow.
    fn settle(&mut self, layer: usize, wanted: &[f64]) {
        let places = &self.order[layer];
        let mut packed = vec![0.0];
        for pair in places.windows(2) {
            packed.push(packed[packed.len() - 1] + self.places[pair[0]].right + GAP + self.places[pair[1]].left);
        }
        // How far each is moved from where it would be if the layer were packed may only rise.
        let moved: Vec<f64> = wanted.iter().zip(&packed).map(|(wanted, packed)| wanted - packed).collect();
        for ((&place, moved), packed) in places.iter().zip(nearest_rising(&moved)).zip(packed) {
            self.places[place].x = packed + moved;
        }
    }
}

/// The rising sequence that is nearest to the given one, in the mean square: neighbours that fall are replaced by their
/// mean.
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
        assert!([top, middle, bottom].iter().all(|&place| layers.places[place].x == 50.0));
        assert_eq!(layers.heights(), [10.0, 30.0, 20.0]);

        let mut layers = Layers::default();
        let source = layers.add(&[], (10.0, 10.0), 1.0);
        let branches: Vec<usize> = (0..5).map(|_| layers.add(&[source], (10.0, 30.0), 1.0)).collect();
        layers.add(&[&branches[..], &[source]].concat(), (10.0, 10.0), 1.0);
        layers.arrange();
        let mut row: Vec<&Place> = layers.places.iter().filter(|place| place.layer == 1).collect();
        assert_eq!(row.len(), 6, "the line from the source to the end passes this layer");
        row.sort_by(|a, b| a.x.total_cmp(&b.x));
        assert!(row.windows(2).all(|pair| pair[0].x + pair[0].right + GAP <= pair[1].x - pair[1].left + 1e-9));
    }

    #[test]
    fn what_falls_is_replaced_by_its_mean() {
        assert_eq!(nearest_rising(&[1.0, 5.0, 3.0, 4.0, 9.0]), [1.0, 4.0, 4.0, 4.0, 9.0]);
        assert_eq!(nearest_rising(&[3.0, 2.0, 1.0]), [2.0; 3]);
    }
}
