//! What this machine reaches at best, measured: multiply-adds in a second with everything in registers, and bytes in a
//! second of a copy.
//!
//! Every share of the peak that this program prints is a share of these figures from the same run, so that it means the
//! same on another machine.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

use autograd::kernels::simd::isa::{InstructionSet, Isa};

use crate::aligned::Aligned;

/// Tries of which the fastest counts.
const TRIES: usize = 25;

/// The most floating-point operations in a second, in `f32`, that `threads` threads reach with the vectors of an
/// instruction set. A multiply-add is two.
///
/// Each thread keeps so many independent sums that none waits for another, and touches no memory.
pub fn flops(isa: Isa, threads: usize) -> f64 {
    const STEPS: usize = 1 << 18;
    best(threads, || (), |()| multiply_adds(isa, STEPS))
}

/// The sizes of buffers whose copies are measured: inside the first, the second and the third level of a usual cache,
/// and outside all of them.
pub const COPIED: [(&str, usize); 4] =
    [("12 KiB", 12 << 10), ("256 KiB", 256 << 10), ("4 MiB", 4 << 20), ("128 MiB", 128 << 20)];

/// The most bytes in a second, read and written together, of `threads` threads that copy `bytes` bytes each from one
/// buffer of their own to another.
pub fn copy(bytes: usize, threads: usize) -> f64 {
    // About a millisecond's worth in cache, and once at least.
    let repetitions = ((32 << 20) / bytes.max(1)).max(1);
    let buffers = || (Aligned::new(bytes, || 1_u8), Aligned::new(bytes, || 2_u8));
    best(threads, buffers, |(from, to)| {
        for _ in 0..repetitions {
            to.copy_from_slice(black_box(from));
            black_box(&mut *to);
        }
        (2 * bytes * repetitions) as f64
    })
}

/// Runs `work` on each of `threads` threads at once, several times, and returns the most work in a second of all
/// together. Each try lasts from the moment when all are ready to the moment when the last one is done.
fn best<S>(threads: usize, prepare: impl Fn() -> S + Sync, work: impl Fn(&mut S) -> f64 + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let lap = || {
        let mut state = prepare();
        let mut done = work(&mut state);
        let mut tries = Vec::with_capacity(TRIES);
        for _ in 0..TRIES {
            barrier.wait();
            let start = Instant::now();
            done = work(&mut state);
            barrier.wait();
            tries.push(start.elapsed().as_secs_f64());
        }
        (done, tries)
    };
    let laps: Vec<(f64, Vec<f64>)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(lap)).collect();
        let own = lap();
        let others = others.into_iter().map(|other| other.join().expect("a thread that only computes doesn't panic"));
        others.chain([own]).collect()
    });
    let total: f64 = laps.iter().map(|(done, _)| done).sum();
    let lasted = |attempt: usize| laps.iter().map(|(_, tries)| tries[attempt]).fold(0.0, f64::max);
    (0..TRIES).map(|attempt| total / lasted(attempt)).fold(0.0, f64::max)
}

/// Computes `steps` steps of independent multiply-adds; returns how many floating-point operations that were.
fn multiply_adds(isa: Isa, steps: usize) -> f64 {
    match isa.instruction_set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: an `Isa` is proof that this machine has the instruction set.
        InstructionSet::Avx512 => unsafe { avx512(steps) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        InstructionSet::Avx2 => unsafe { avx2(steps) },
        _ => portable(steps),
    }
}

/// Thirty-two registers: with twenty-four sums none waits for another (two units, four cycles deep, need eight).
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(steps: usize) -> f64 {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_reduce_add_ps, _mm512_set1_ps};
    const SUMS: usize = 24;
    let (factor, addend) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
    let mut sums = [_mm512_set1_ps(0.0); SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, factor, addend);
        }
    }
    for sum in sums {
        black_box(_mm512_reduce_add_ps(sum));
    }
    (2 * 16 * SUMS * steps) as f64
}

/// Sixteen registers: twelve sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(steps: usize) -> f64 {
    use std::arch::x86_64::{_mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps};
    const SUMS: usize = 12;
    let (factor, addend) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
    let mut sums = [_mm256_set1_ps(0.0); SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, factor, addend);
        }
    }
    for sum in sums {
        black_box(_mm256_cvtss_f32(sum));
    }
    (2 * 8 * SUMS * steps) as f64
}

/// Twelve sums of four lanes, which the compiler puts into vectors; fused where every machine of the target has that.
fn portable(steps: usize) -> f64 {
    const SUMS: usize = 12;
    let (factor, addend) = (black_box([0.5_f32; 4]), black_box([1.0_f32; 4]));
    let mut sums = [[0.0_f32; 4]; SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            for lane in 0..4 {
                sum[lane] = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                    sum[lane].mul_add(factor[lane], addend[lane])
                } else {
                    sum[lane] * factor[lane] + addend[lane]
                };
            }
        }
    }
    black_box(sums);
    (2 * 4 * SUMS * steps) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_counts_its_operations() {
        for &isa in Isa::available() {
            let (one, two) = (multiply_adds(isa, 100), multiply_adds(isa, 200));
            assert!(one >= 9600.0 && two == 2.0 * one, "{isa:?}: {one}, {two}");
        }
    }

    #[test]
    fn all_threads_work_in_every_try() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let calls = AtomicUsize::new(0);
        let speed = best(
            3,
            || (),
            |()| {
                calls.fetch_add(1, Ordering::Relaxed);
                1.0
            },
        );
        assert!(speed > 0.0);
        assert_eq!(calls.into_inner(), 3 * (TRIES + 1));
    }
}
