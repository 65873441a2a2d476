//! The products that are measured: squares, those of a perceptron, odd ones, and stacks of small ones.

use clap::ValueEnum;

/// C ← A·B, with A of m × k and B of k × n elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is called in tables.
    pub name: String,
    /// The rows of A and C.
    pub m: usize,
    /// The columns of B and C.
    pub n: usize,
    /// The columns of A and rows of B.
    pub k: usize,
    /// How many such products there are, one matrix of a stack after the other.
    pub count: usize,
    /// Whether A is stored transposed: column after column.
    pub a_transposed: bool,
    /// Whether B is.
    pub b_transposed: bool,
}

impl Case {
    /// A case in which nothing is transposed.
    pub fn new(name: impl Into<String>, (m, n, k): (usize, usize, usize)) -> Self {
        Self { name: name.into(), m, n, k, count: 1, a_transposed: false, b_transposed: false }
    }

    fn stack_of(self, count: usize) -> Self {
        Self { count, ..self }
    }

    fn a_transposed(self) -> Self {
        Self { a_transposed: true, ..self }
    }

    fn b_transposed(self) -> Self {
        Self { b_transposed: true, ..self }
    }

    /// Floating-point operations: a multiplication and an addition for each of m·n·k terms, of all products.
    pub fn flop(&self) -> f64 {
        2.0 * self.count as f64 * self.m as f64 * self.n as f64 * self.k as f64
    }

    /// The edge of a cube of as many terms as one of the products has.
    pub fn size(&self) -> f64 {
        (self.flop() / 2.0 / self.count as f64).cbrt()
    }

    /// The largest of the three dimensions.
    pub fn largest(&self) -> usize {
        self.m.max(self.n).max(self.k)
    }

    /// Whether all dimensions are alike and nothing is transposed.
    pub fn is_square(&self) -> bool {
        self.count == 1 && self.m == self.n && self.n == self.k && !self.a_transposed && !self.b_transposed
    }

    /// The product in signs: `(64×784)·(256×784)ᵀ`.
    pub fn formula(&self) -> String {
        let side = |rows: usize, columns: usize, transposed: bool| {
            if transposed { format!("({columns}×{rows})ᵀ") } else { format!("({rows}×{columns})") }
        };
        let stack = if self.count > 1 { format!("{} × ", self.count) } else { String::new() };
        format!("{stack}{}·{}", side(self.m, self.k, self.a_transposed), side(self.k, self.n, self.b_transposed))
    }
}

/// A set of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shapes {
    /// Squares from 16 to 4096
    Square,
    /// All products of a training step of 784-256-128-10, at batches of 1, 32, 64, 128 and 512
    Mlp,
    /// Primes, long and flat ones, few rows, few columns, vectors, transposed squares
    Odd,
    /// Stacks of small products, as attention has them: the peers' one by one
    Stack,
    /// All of these
    All,
}

impl Shapes {
    /// The cases of the set.
    pub fn cases(self) -> Vec<Case> {
        match self {
            Self::Square => square(),
            Self::Mlp => mlp(),
            Self::Odd => odd(),
            Self::Stack => stack(),
            Self::All => [square(), mlp(), odd(), stack()].concat(),
        }
    }
}

fn square() -> Vec<Case> {
    let sizes = [16, 32, 64, 100, 128, 256, 300, 512, 1000, 1024, 2048, 4096];
    sizes.map(|size| Case::new(format!("square {size}"), (size, size, size))).to_vec()
}

/// The layers of the perceptron: which it is, its inputs and its outputs.
const LAYERS: [(usize, usize, usize); 3] = [(1, 784, 256), (2, 256, 128), (3, 128, 10)];

/// For each layer y = x·Wᵀ forward, and backward dW = dYᵀ·x and, except in the first one (the images need no gradient),
/// dX = dY·W.
fn mlp() -> Vec<Case> {
    let mut cases = Vec::new();
    for batch in [1, 32, 64, 128, 512] {
        for (layer, inputs, outputs) in LAYERS {
            cases.push(Case::new(format!("batch {batch} forward {layer}"), (batch, outputs, inputs)).b_transposed());
        }
        for (layer, inputs, outputs) in LAYERS.into_iter().rev() {
            cases.push(Case::new(format!("batch {batch} dW {layer}"), (outputs, inputs, batch)).a_transposed());
            if layer > 1 {
                cases.push(Case::new(format!("batch {batch} dX {layer}"), (batch, inputs, outputs)));
            }
        }
    }
    cases
}

fn odd() -> Vec<Case> {
    vec![
        Case::new("primes near 20", (17, 19, 23)),
        Case::new("primes near 100", (97, 89, 101)),
        Case::new("primes near 250", (251, 241, 239)),
        Case::new("primes near 1000", (1009, 997, 1013)),
        Case::new("long: depth 4096", (64, 64, 4096)),
        Case::new("flat: depth 64", (4096, 4096, 64)),
        Case::new("tall: 4096 rows", (4096, 32, 256)),
        Case::new("skinny: 4096 columns", (32, 4096, 256)),
        Case::new("1 row", (1, 1024, 1024)),
        Case::new("1 row, B transposed", (1, 1024, 1024)).b_transposed(),
        Case::new("4 rows", (4, 1024, 1024)),
        Case::new("1 column", (1024, 1, 1024)),
        Case::new("8 columns", (1024, 8, 1024)),
        Case::new("16 columns", (512, 16, 512)),
        Case::new("512, A transposed", (512, 512, 512)).a_transposed(),
        Case::new("512, B transposed", (512, 512, 512)).b_transposed(),
        Case::new("512, both transposed", (512, 512, 512)).a_transposed().b_transposed(),
    ]
}

fn stack() -> Vec<Case> {
    vec![
        Case::new("64 heads' scores", (64, 64, 32)).b_transposed().stack_of(64),
        Case::new("64 heads' values", (64, 32, 64)).stack_of(64),
        Case::new("500 of 12×12×64", (12, 12, 64)).stack_of(500),
        Case::new("500 of 12×12×64, B transposed", (12, 12, 64)).b_transposed().stack_of(500),
        Case::new("1000 squares of 16", (16, 16, 16)).stack_of(1000),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_all_is_all() {
        let all = Shapes::All.cases();
        let names: HashSet<&str> = all.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names.len(), all.len());
        let parts = [Shapes::Square, Shapes::Mlp, Shapes::Odd, Shapes::Stack].map(|shapes| shapes.cases().len());
        assert_eq!(parts.iter().sum::<usize>(), all.len());
    }

    #[test]
    fn a_training_step_is_a_megaflop_an_image() {
        let flop: f64 =
            Shapes::Mlp.cases().iter().filter(|case| case.name.starts_with("batch 64 ")).map(Case::flop).sum();
        // Three layers forward, three weights' gradients, two inputs' gradients.
        let weights = (784 * 256 + 256 * 128 + 128 * 10) as f64;
        assert_eq!(flop, 64.0 * 2.0 * (3.0 * weights - (784 * 256) as f64));
    }

    #[test]
    fn formulas_show_the_layout_of_the_operands() {
        let formula = |name: &str| Shapes::Mlp.cases().into_iter().find(|case| case.name == name).unwrap().formula();
        assert_eq!(formula("batch 64 forward 1"), "(64×784)·(256×784)ᵀ");
        assert_eq!(formula("batch 64 dW 1"), "(64×256)ᵀ·(64×784)");
        assert_eq!(formula("batch 64 dX 2"), "(64×128)·(128×256)");
        let stack = Case::new("x", (2, 3, 4)).stack_of(5);
        assert_eq!((stack.formula().as_str(), stack.flop()), ("5 × (2×4)·(4×3)", 240.0));
    }
}
