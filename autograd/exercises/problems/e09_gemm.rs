//! 9. Beat the naive matrix product by a factor of ten.
//!
//! The test asks for the right numbers, for any sizes. The race asks for speed:
//!
//! `cargo run --release -p autograd --example race`
//!
//! Three loops make the test pass and lose the race. Three steps win it, in safe Rust. (a) Order the loops so that the
//! innermost one runs along rows of B and C: the compiler then uses vectors. (b) Keep a small tile of C, say 4 × 16, in
//! local arrays while the depth runs by, so that it is neither loaded nor stored meanwhile; copy a strip of B so that
//! it lies dense. (c) Divide the rows among threads, with rayon's `par_chunks_mut`. *The GEMM, step by step* and
//! `kernels/gemm/microkernel.rs` show where this leads.

/// C ← A B for row-major matrices: A is `m` × `k`, B is `k` × `n`, C is `m` × `n`. What is in C before does not matter.
pub fn multiply(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: [usize; 3]) {
    panic!("exercise 9: write multiply")
}
