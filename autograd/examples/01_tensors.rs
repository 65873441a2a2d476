//! A tensor is three things: where the numbers are, how to walk them, where they came from. This shows the first two.
//!
//! `cargo run --release -p autograd --example 01_tensors`

use autograd::Tensor;

fn main() {
    let x: Tensor = Tensor::arange(0.0, 12.0, 1.0).reshape([3, 4]);
    println!("x = {x}");

    // Views share x's numbers and only walk them in another way: see the strides.
    for (name, view) in [
        ("x", x.clone()),
        ("x.t()", x.t()),
        ("x.slice(1, 0, 4, 2)", x.slice(1, 0, 4, 2)),
        ("x.flip([0])", x.flip([0])),
        ("x.select(0, 1).expand([2, 4])", x.select(0, 1).expand([2, 4])),
    ] {
        println!("{name}: shape {}, strides {:?}\n{view}", view.shape(), view.strides());
    }

    // Broadcasting stretches extents of 1 with stride 0: no number is copied before the addition.
    let row = Tensor::from_vec(vec![100.0, 200.0, 300.0, 400.0], [4]);
    println!("x + row = {}", &x + &row);
    assert_eq!((&x + &row).select(0, 2).to_vec(), [108.0, 209.0, 310.0, 411.0]);
}
