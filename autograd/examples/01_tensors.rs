//! A tensor has three parts: its elements in memory, their layout, and their origin in the graph. This example shows
//! the first two.
//!
//! `cargo run --release -p autograd --example 01_tensors`

use autograd::Tensor;

fn main() {
    println!("Shows: views that share the elements of one tensor, and broadcasting");
    println!("Uses:  Tensor::arange, reshape, t, slice, flip, select, expand, operator +\n");
    let x: Tensor = Tensor::arange(0.0, 12.0, 1.0).reshape([3, 4]);
    println!("x = {x}");

    // Views share the elements of x. Only their shapes, strides and offsets differ.
    for (name, view) in [
        ("x", x.clone()),
        ("x.t()", x.t()),
        ("x.slice(1, 0, 4, 2)", x.slice(1, 0, 4, 2)),
        ("x.flip([0])", x.flip([0])),
        ("x.select(0, 1).expand([2, 4])", x.select(0, 1).expand([2, 4])),
    ] {
        println!("{name}: shape {}, strides {:?}\n{view}", view.shape(), view.strides());
    }

    // Broadcasting expands dimensions of extent 1 with stride 0: no element is copied before the addition.
    let row = Tensor::from_vec(vec![100.0, 200.0, 300.0, 400.0], [4]);
    println!("x + row = {}", &x + &row);
    assert_eq!((&x + &row).select(0, 2).to_vec(), [108.0, 209.0, 310.0, 411.0]);
}
