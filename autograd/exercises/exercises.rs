//! The exercises' tests for your code in `mine`, which `autograd/exercises/start` makes. They fail until the code is
//! written.
//!
//! `cargo test -p autograd --features exercises --test exercises e01`

// If the compiler does not find the files below: autograd/exercises/start makes them. rustfmt does not look for them.
#![allow(unused_variables, dead_code)]

#[rustfmt::skip]
#[path = "mine/e01_strides.rs"]
mod e01_strides;
#[rustfmt::skip]
#[path = "mine/e02_broadcast.rs"]
mod e02_broadcast;
#[rustfmt::skip]
#[path = "mine/e03_tanh.rs"]
mod e03_tanh;
#[rustfmt::skip]
#[path = "mine/e04_record.rs"]
mod e04_record;
#[rustfmt::skip]
#[path = "mine/e05_softmax.rs"]
mod e05_softmax;
#[rustfmt::skip]
#[path = "mine/e06_log_sum_exp.rs"]
mod e06_log_sum_exp;
#[rustfmt::skip]
#[path = "mine/e07_gradcheck.rs"]
mod e07_gradcheck;
#[rustfmt::skip]
#[path = "mine/e08_momentum.rs"]
mod e08_momentum;
#[rustfmt::skip]
#[path = "mine/e09_gemm.rs"]
mod e09_gemm;
#[rustfmt::skip]
#[path = "mine/e10_linear.rs"]
mod e10_linear;
#[rustfmt::skip]
#[path = "mine/e11_all_reduce.rs"]
mod e11_all_reduce;
#[rustfmt::skip]
#[path = "mine/e12_convolution.rs"]
mod e12_convolution;
#[rustfmt::skip]
#[path = "mine/e13_attention.rs"]
mod e13_attention;

mod tests;
