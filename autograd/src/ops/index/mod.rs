//! Elements chosen by index, and their gradients, which add to the chosen positions.

mod at;
mod embedding;
mod gather;
mod index_add;
mod index_put;
mod index_select;
mod part;
mod scatter;
mod search;
mod sort;

use crate::error::shape_error;
use crate::indices::Indices;
use crate::shape::Shape;

pub(crate) use gather::{gathered, scattered};
pub use part::IndexItem;
pub use search::Unique;

#[track_caller]
fn check_bounds(op: &str, index: &Indices, dim: usize, shape: &Shape) {
    let extent = shape[dim] as i64;
    if let Some(wrong) = index.as_slice().iter().find(|&&chosen| chosen < 0 || chosen >= extent) {
        shape_error(op, format_args!("index {wrong} is not in dimension {dim} of shape {shape}"));
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::{Order, grad_with};
    use crate::{Indices, Tensor};

    /// Of gradients in both orders: 2²⁰ of 0.1 in one slot, where a sum term by term is wrong by a percent.
    #[test]
    fn the_gradients_of_what_is_chosen_often_are_accurate() {
        let count = 1 << 20;
        let index = Indices::new(vec![1_i64; count], [count]);
        for order in [Order::First, Order::Higher] {
            let select = |x: &Tensor, index: &Indices| x.index_select(0, index.clone());
            for take in [select, |x: &Tensor, index: &Indices| x.gather(0, index)] {
                let x = Tensor::from_vec(vec![1.0_f32, 2.0], [2]).requires_grad();
                let gradient = grad_with(&take(&x, &index), &[&x], &Tensor::full([count], 0.1), order)[0].to_vec();
                let exact = f64::from(0.1_f32) * count as f64;
                assert!(gradient[0] == 0.0 && (f64::from(gradient[1]) / exact - 1.0).abs() < 5e-6, "{gradient:?}");
            }
        }
    }
}
