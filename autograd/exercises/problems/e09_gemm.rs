//! 9. Beat the naive matrix product by a factor of ten.
//!
//! The test checks the results, for any sizes. The race measures the speed:
//!
//! `cargo run --release -p autograd --features exercises --example race`
//!
//! Three loops pass the test but lose the race. Three steps win it, in safe Rust. (a) Order the loops so that the
//! innermost one runs along rows of B and C: then the compiler uses vector instructions. (b) Keep a small tile of C,
//! such as 4 × 16, in local arrays during the loop over the depth, so that it is neither loaded nor stored meanwhile;
//! copy a strip of B so that it is contiguous. (c) Divide the rows among threads with rayon's `par_chunks_mut`. *The
//! GEMM, step by step* and `kernels/gemm/microkernel.rs` show the next steps.

/// C ← A B for row-major matrices: A is `m` × `k`, B is `k` × `n`, C is `m` × `n`. The old contents of C are ignored.
pub fn multiply(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: [usize; 3]) {
    panic!("exercise 9: write multiply")
}
