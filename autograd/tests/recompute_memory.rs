//! What recomputed segments are for. (A process of its own, as the counters are everybody's.)

use autograd::{Tensor, memory_statistics, recompute, release_memory};

/// How many buffers a step takes from the system when the pool is empty: as many as are in use at the same time.
fn peak(is_recomputed: bool) -> u64 {
    release_memory();
    let before = memory_statistics().pool_misses;
    let x = Tensor::<f32>::randn([64, 1024], 0).requires_grad();
    let mut y = x.clone();
    for _ in 0..8 {
        let segment = |x: Tensor| (0..8).fold(x, |x, _| x.tanh().exp());
        y = if is_recomputed { recompute(segment, &y) } else { segment(y) };
    }
    y.sum().backward();
    memory_statistics().pool_misses - before
}

#[test]
fn the_pool_peaks_lower() {
    let (plain, recomputed) = (peak(false), peak(true));
    // 8 segments of 16 values each; or 8 values and one segment at a time.
    assert!(plain > 120, "{plain} buffers at the same time");
    assert!(recomputed < 36, "{recomputed} buffers at the same time, {plain} without");
}
