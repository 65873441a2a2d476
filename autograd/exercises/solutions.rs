//! The exercises' tests for the solutions, which show that each exercise can be solved.

#[path = "solutions/e01_strides.rs"]
mod e01_strides;
#[path = "solutions/e02_broadcast.rs"]
mod e02_broadcast;
#[path = "solutions/e03_tanh.rs"]
mod e03_tanh;
#[path = "solutions/e04_record.rs"]
mod e04_record;
#[path = "solutions/e05_softmax.rs"]
mod e05_softmax;
#[path = "solutions/e06_log_sum_exp.rs"]
mod e06_log_sum_exp;
#[path = "solutions/e07_gradcheck.rs"]
mod e07_gradcheck;
#[path = "solutions/e08_momentum.rs"]
mod e08_momentum;
#[path = "solutions/e09_gemm.rs"]
mod e09_gemm;
#[path = "solutions/e10_linear.rs"]
mod e10_linear;
#[path = "solutions/e11_all_reduce.rs"]
mod e11_all_reduce;
#[path = "solutions/e12_convolution.rs"]
mod e12_convolution;
#[path = "solutions/e13_attention.rs"]
mod e13_attention;

mod start;
mod tests;
