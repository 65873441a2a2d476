//! The ladder: one matrix product, made fast in six steps.
//!
//! Each step is a short function that computes C ← A·B on row-major `f32` matrices, and differs from the one before it
//! in one idea. Read them in order; `autograd/docs/gemm.md` draws what they do. `cargo run --release -p benches --
//! ladder` measures them.

mod blocked;
mod naive;
mod order;
mod packed;
mod parallel;
mod simd;

/// How large the matrices are: A is m × k, B is k × n, C is m × n.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The rows of A and C.
    pub m: usize,
    /// The columns of B and C.
    pub n: usize,
    /// The columns of A and rows of B.
    pub k: usize,
}

/// C ← A·B, row by row in memory. C holds zeros before.
pub type Multiply = fn(Sizes, &[f32], &[f32], &mut [f32]);

/// A step of the ladder.
#[derive(Clone, Copy)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// What it changes, in a sentence.
    pub change: &'static str,
    /// Whether it uses all threads of the surrounding pool.
    pub is_parallel: bool,
    /// The step itself.
    pub multiply: Multiply,
}

/// The steps, from the lowest.
pub const STEPS: [Step; 6] = [
    Step {
        name: "naive",
        change: "The definition: each element of C is a sum along a row of A and down a column of B.",
        is_parallel: false,
        multiply: naive::multiply,
    },
    Step {
        name: "loop order",
        change: "The two inner loops are exchanged: B and C are read along their rows, so the compiler uses vectors.",
        is_parallel: false,
        multiply: order::multiply,
    },
    Step {
        name: "blocked",
        change: "Each element of C is loaded and stored once for four terms, and a block of B stays in the cache.",
        is_parallel: false,
        multiply: blocked::multiply,
    },
    Step {
        name: "packed",
        change: "Blocks are copied into the order of reading; a tile of C stays in registers for a block's depth.",
        is_parallel: false,
        multiply: packed::multiply,
    },
    Step {
        name: "SIMD micro-kernel",
        change: "The tile uses the widest vectors and fused multiply-adds, and is as large as the registers allow.",
        is_parallel: false,
        multiply: simd::multiply,
    },
    Step {
        name: "parallel",
        change: "Blocks of rows go to different threads; each sum stays on one of them, so no bit changes.",
        is_parallel: true,
        multiply: parallel::multiply,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operands::{Operands, Oracle};
    use crate::shapes::Case;
    use autograd::ndarray::ArrayView2;

    fn product(multiply: Multiply, (m, n, k): (usize, usize, usize)) -> (Oracle, Vec<f32>) {
        let mut operands = Operands::<f32>::new(&Case::new("a step", (m, n, k)));
        let (a, b, _) = operands.views();
        let mut c = vec![0.0; m * n];
        multiply(Sizes { m, n, k }, a.as_slice().unwrap(), b.as_slice().unwrap(), &mut c);
        (Oracle::new(a, b), c)
    }

    #[test]
    fn every_step_is_right_at_every_edge() {
        for step in STEPS {
            for shape in
                [(1, 1, 1), (5, 7, 3), (12, 32, 40), (13, 33, 257), (100, 100, 100), (97, 131, 600), (300, 64, 17)]
            {
                let (oracle, c) = product(step.multiply, shape);
                let c = ArrayView2::from_shape((shape.0, shape.1), &c).unwrap();
                if let Err(error) = oracle.check(c) {
                    panic!("{}, {shape:?}: {error}", step.name);
                }
            }
        }
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let shape = (301, 130, 520);
        let (_, alone) = product(simd::multiply, shape);
        for threads in [1, 2, 3] {
            let (_, together) = autograd::with_threads(threads, || product(parallel::multiply, shape));
            assert!(alone == together, "{threads} threads");
        }
    }
}
