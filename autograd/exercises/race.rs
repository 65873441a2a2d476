//! Measures exercise 9: your matrix product against three loops.
//!
//! `cargo run --release -p autograd --features exercises --example race`

use std::process::ExitCode;
use std::time::{Duration, Instant};

#[allow(unused_variables)] // until it is written
#[rustfmt::skip]
#[path = "mine/e09_gemm.rs"]
mod e09_gemm;
#[path = "solutions/e09_gemm.rs"]
mod solution;

const SIZE: usize = 768;
const WANTED: f64 = 10.0;

fn naive(a: &[f32], b: &[f32], c: &mut [f32], [m, k, n]: [usize; 3]) {
    for i in 0..m {
        for j in 0..n {
            c[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
        }
    }
}

/// The shortest time of a few runs, and the result.
fn time(multiply: impl Fn(&[f32], &[f32], &mut [f32], [usize; 3])) -> (Duration, Vec<f32>) {
    let values = |factor: usize| (0..SIZE * SIZE).map(|i| (i * factor % 17) as f32 - 8.0).collect::<Vec<f32>>();
    let (a, b, mut c) = (values(3), values(5), vec![f32::NAN; SIZE * SIZE]);
    let run = |_| {
        let start = Instant::now();
        multiply(&a, &b, &mut c, [SIZE; 3]);
        start.elapsed()
    };
    let shortest = (0..3).map(run).min().expect("three runs");
    (shortest, c)
}

fn main() -> ExitCode {
    let (slow, expected) = time(naive);
    let rate = |time: Duration| 2.0 * (SIZE as f64).powi(3) / time.as_secs_f64() / 1e9;
    println!("three loops: {slow:.1?}, {:.2} GFLOP/s", rate(slow));
    let report = |whose: &str, (time, c): (Duration, Vec<f32>)| {
        let factor = slow.as_secs_f64() / time.as_secs_f64();
        let verdict = if c == expected { "" } else { ", and wrong" };
        println!("{whose}: {time:.1?}, {:.2} GFLOP/s, {factor:.1} times as fast{verdict}", rate(time));
        c == expected && factor >= WANTED
    };
    report("the solution", time(solution::multiply));
    // If the exercise is not written yet, this panics with its number.
    if report("yours", time(e09_gemm::multiply)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
