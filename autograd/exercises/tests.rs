//! The tests of the exercises. Compiled twice: with `problems` and with `solutions`.

use autograd::check::{gradcheck, gradgradcheck};
use autograd::{Param, Tensor};

mod e01 {
    use super::*;
    use crate::e01_strides::{flipped, position, row_major, transposed};

    /// Every index of a shape, row by row.
    fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
        shape.iter().fold(vec![vec![]], |all, &extent| {
            all.iter().flat_map(|index| (0..extent).map(move |i| [&index[..], &[i]].concat())).collect()
        })
    }

    #[test]
    fn a_dense_tensor_has_row_major_strides() {
        assert_eq!(row_major(&[2, 3, 4]), [12, 4, 1]);
        assert_eq!(row_major(&[5]), [1]);
        assert_eq!(row_major(&[]), [] as [isize; 0]);
    }

    #[test]
    fn views_find_their_elements() {
        let (shape, values) = ([2, 3, 4], (0..24).map(|i| i as f32).collect::<Vec<_>>());
        let x = Tensor::from_slice(&values, shape);
        let read = |shape: &[usize], strides: &[isize], offset| -> Vec<f32> {
            indices(shape).iter().map(|index| values[position(index, strides, offset)]).collect()
        };
        let strides = row_major(&shape);
        assert_eq!(read(&shape, &strides, 0), values);
        for (first, second) in [(0, 1), (0, 2), (1, 2), (1, 1)] {
            let (swapped, strides) = transposed(&shape, &strides, first, second);
            let expected = x.transpose(first as isize, second as isize);
            assert_eq!((&swapped[..], &strides[..]), (&expected.shape()[..], expected.strides()));
            assert_eq!(read(&swapped, &strides, 0), expected.to_vec());
        }
        for dim in 0..3 {
            let (strides, offset) = flipped(&shape, &strides, 0, dim);
            assert_eq!(read(&shape, &strides, offset), x.flip([dim as isize]).to_vec(), "dimension {dim}");
            let (back, start) = flipped(&shape, &strides, offset, dim);
            assert_eq!((back, start), (row_major(&shape), 0), "flipped twice it is as it was");
        }
    }
}

mod e02 {
    use super::*;
    use crate::e02_broadcast::sum_to;

    #[test]
    fn each_number_gets_the_sum_of_its_uses() {
        assert_eq!(sum_to(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3], &[3]), [5.0, 7.0, 9.0]);
        assert_eq!(sum_to(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3], &[2, 1]), [6.0, 15.0]);
        assert_eq!(sum_to(&[1.0, 2.0, 3.0], &[3], &[]), [6.0]);
    }

    #[test]
    fn it_is_what_the_engine_does() {
        let shapes: [(&[usize], &[usize]); 6] = [
            (&[2, 3, 4], &[2, 3, 4]),
            (&[2, 3, 4], &[3, 1]),
            (&[2, 3, 4], &[2, 1, 4]),
            (&[2, 3, 4], &[1, 1, 1]),
            (&[5, 1, 4], &[1, 4]),
            (&[0, 3], &[3]),
        ];
        for (large, small) in shapes {
            let x = Tensor::<f64>::zeros(small).requires_grad();
            let gradient = Tensor::randn(large, 0);
            let gradients = x.expand(large.to_vec()).backward_with(&gradient);
            let sums = sum_to(&gradient.to_vec(), large, small);
            let expected = gradients.get(&x).unwrap().to_vec();
            assert_eq!(sums.len(), expected.len(), "{large:?} to {small:?}");
            assert!(sums.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{large:?} to {small:?}");
        }
    }
}

/// Checks first and second order, on a contiguous and a transposed input.
fn check(f: impl Fn(&[Tensor<f64>]) -> Tensor<f64>, inputs: &[Tensor<f64>]) {
    gradcheck(&f, inputs).unwrap();
    gradgradcheck(&f, inputs).unwrap();
}

mod e03 {
    use super::*;
    use crate::e03_tanh::tanh;

    #[test]
    fn its_gradient_is_one_minus_its_square() {
        let x = Tensor::from_vec(vec![0.0, 1.0, -20.0], [3]).requires_grad();
        let gradients = tanh(&x).sum().backward();
        let found = gradients.get(&x).expect("the gradient arrives").to_vec();
        let expected = [1.0, 1.0 - 1.0_f64.tanh().powi(2), 0.0];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn both_orders_agree_with_differences() {
        check(|x| tanh(&x[0]), &[Tensor::randn([3, 4], 0)]);
        check(|x| tanh(&x[0].t()), &[Tensor::randn([3, 4], 1)]);
    }
}

mod e04 {
    use super::*;
    use crate::e04_record::hypotenuse;

    #[test]
    fn it_is_recorded_and_right() {
        let (a, b) = (Tensor::from_vec(vec![3.0, 5.0], [2]).requires_grad(), Tensor::from_vec(vec![4.0, 12.0], [2]));
        let y = hypotenuse(&a, &b);
        assert_eq!(y.to_vec(), [5.0, 13.0]);
        let gradients = y.sum().backward();
        assert_eq!(gradients.get(&a).expect("the gradient arrives").to_vec(), [3.0 / 5.0, 5.0 / 13.0]);
        assert!(!hypotenuse(&b, &b).is_tracked(), "constants are not recorded");
    }

    #[test]
    fn both_orders_agree_with_differences_also_when_it_broadcasts() {
        for shapes in [[[3, 4], [3, 4]], [[3, 1], [1, 4]], [[1, 1], [3, 4]]] {
            let [a, b] = shapes.map(|shape| Tensor::uniform(shape, 0.5, 2.0, shape[0] as u64));
            check(|x| hypotenuse(&x[0], &x[1]), &[a, b]);
        }
    }
}

mod e05 {
    use super::*;
    use crate::e05_softmax::softmax;

    #[test]
    fn rows_are_probabilities_however_large_the_numbers() {
        let x = Tensor::from_vec(vec![1000.0, 1000.0, -1000.0, 3.0, 1.0, 2.0], [2, 3]);
        let y = softmax(&x);
        assert_eq!(y.select(0, 0).to_vec(), [0.5, 0.5, 0.0]);
        assert!(y.sum_dim(1, false).to_vec().iter().all(|sum| (sum - 1.0).abs() < 1e-12));
    }

    #[test]
    fn both_orders_agree_with_differences() {
        check(|x| softmax(&x[0]), &[Tensor::randn([1, 4], 0)]);
        check(|x| softmax(&x[0]), &[Tensor::randn([3, 4], 1)]);
    }
}

mod e06 {
    use crate::e06_log_sum_exp::log_sum_exp;

    #[test]
    fn numbers_of_any_size_are_summed() {
        let close = |values: &[f32], expected: f32| {
            let found = log_sum_exp(values);
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{values:?}: {found}");
        };
        close(&[0.0, 0.0], 2.0_f32.ln());
        close(&[1.0, 2.0, 3.0], 3.407_606);
        close(&[1000.0, 1000.0], 1000.0 + 2.0_f32.ln());
        close(&[-1000.0, -1001.0], -999.686_74);
        close(&[-1000.0, 1000.0], 1000.0);
    }

    #[test]
    fn the_edges_are_what_they_should_be() {
        let (infinite, nan) = (f32::INFINITY, f32::NAN);
        assert_eq!(log_sum_exp(&[]), -infinite);
        assert_eq!(log_sum_exp(&[-infinite, -infinite]), -infinite);
        assert_eq!(log_sum_exp(&[-infinite, 2.0]), 2.0);
        assert_eq!(log_sum_exp(&[infinite, 1.0]), infinite);
        assert!(log_sum_exp(&[nan, 1.0]).is_nan());
    }
}

mod e07 {
    use super::*;
    use crate::e07_gradcheck::{first_wrong, slopes};
    use std::cell::Cell;

    fn f(x: &[f64]) -> f64 {
        x[0] * x[1].sin() + x[2].exp()
    }

    #[test]
    fn slopes_agree_with_the_engine() {
        let x = [1.5, -0.5, 0.25];
        let leaves = x.map(|x| Tensor::scalar(x).requires_grad());
        let y = &leaves[0] * leaves[1].sin() + leaves[2].exp();
        let gradients = y.backward();
        let gradient: Vec<f64> = leaves.iter().map(|leaf| gradients.get(leaf).unwrap().item()).collect();
        assert_eq!(first_wrong(&gradient, &slopes(f, &x)), None);
    }

    #[test]
    fn two_values_make_a_slope_and_the_rest_stays_where_it_is() {
        let (x, calls) = ([1.0, 2.0, 3.0, 4.0], Cell::new(0));
        let watched = |moved: &[f64]| {
            calls.set(calls.get() + 1);
            assert_eq!(moved.iter().zip(&x).filter(|(a, b)| a != b).count(), 1, "one element moves at a time");
            moved.iter().map(|x| x * x).sum()
        };
        let found = slopes(watched, &x);
        assert_eq!(calls.get(), 8);
        assert!(found.iter().zip(x).all(|(slope, x)| (slope - 2.0 * x).abs() < 1e-8), "{found:?}");
    }

    #[test]
    fn what_is_wrong_is_found() {
        assert_eq!(first_wrong(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), None);
        assert_eq!(first_wrong(&[1e9, 2.0, 3.0], &[1e9 + 1.0, 2.1, 3.0]), Some(1));
        assert_eq!(first_wrong(&[0.0, f64::NAN], &[1e-7, 1.0]), Some(1));
    }
}

mod e08 {
    use super::*;
    use crate::e08_momentum::Momentum;

    #[test]
    fn it_rolls_on() {
        let weight = Param::new(Tensor::from_vec(vec![1.0, -2.0], [2]));
        let still = Param::new(Tensor::ones([1]));
        let mut optimizer = Momentum::new(vec![weight.clone(), still.clone()], 0.5, 0.5);
        let constant = || (weight.tensor() * Tensor::from_vec(vec![1.0, -1.0], [2])).sum().backward();
        // v = 1, 1.5, 1.75
        for expected in [[0.5, -1.5], [-0.25, -0.75], [-1.125, 0.125]] {
            optimizer.step(&constant());
            assert_eq!(weight.tensor().to_vec(), expected);
        }
        assert_eq!(still.tensor().item(), 1.0, "what has no gradient stays");
    }

    #[test]
    fn it_finds_the_bottom_of_a_valley() {
        let weight = Param::new(Tensor::from_vec(vec![4.0, 1.0], [2]));
        let curvature = Tensor::from_vec(vec![0.1, 2.0], [2]);
        let mut optimizer = Momentum::new(vec![weight.clone()], 0.2, 0.8);
        for _ in 0..200 {
            optimizer.step(&(weight.tensor().powf(2.0) * &curvature).sum().backward());
        }
        assert!(weight.tensor().abs().max().item() < 1e-3, "{}", weight.tensor());
    }
}

mod e09 {
    use crate::e09_gemm::multiply;

    #[test]
    fn it_is_the_product() {
        let sizes =
            [[1, 1, 1], [4, 4, 16], [5, 7, 9], [64, 64, 64], [65, 33, 17], [3, 100, 50], [130, 1, 2], [2, 0, 3]];
        for size in sizes.into_iter().chain([[0, 3, 2], [3, 2, 0]]) {
            let [m, k, n] = size;
            // Integers, so that the order of the sums does not matter.
            let values =
                |count: usize, factor: usize| (0..count).map(|i| (i * factor % 11) as f32 - 5.0).collect::<Vec<f32>>();
            let (a, b, mut c) = (values(m * k, 3), values(k * n, 7), vec![f32::NAN; m * n]);
            multiply(&a, &b, &mut c, size);
            for i in 0..m {
                for j in 0..n {
                    let expected: f32 = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
                    assert_eq!(c[i * n + j], expected, "{size:?} at {i}, {j}");
                }
            }
        }
    }
}

mod e10 {
    use super::*;
    use crate::e10_linear::Linear;

    #[test]
    fn it_computes_what_the_engines_own_layer_does() {
        let layer = Linear::new(4, 3);
        assert_eq!(
            (layer.weight.tensor().shape().to_vec(), layer.bias.tensor().shape().to_vec()),
            (vec![3, 4], vec![3])
        );
        layer.weight.set(&Tensor::randn([3, 4], 0));
        layer.bias.set(&Tensor::randn([3], 1));
        let x = Tensor::randn([5, 4], 2);
        let expected = x.linear(&layer.weight.tensor(), Some(&layer.bias.tensor()));
        assert!((layer.forward(&x) - expected).abs().max().item() < 1e-5);
        assert_eq!(layer.forward(&x).sum().backward().len(), 2);
    }

    #[test]
    fn it_fits_a_line() {
        let x: Tensor = Tensor::linspace(-1.0, 1.0, 21).reshape([21, 1]);
        let layer = Linear::new(1, 1);
        layer.fit(&x, &(&x * 3.0 - 0.5), 0.2);
        assert!((layer.weight.tensor().item() - 3.0).abs() < 1e-3);
        assert!((layer.bias.tensor().item() + 0.5).abs() < 1e-3);
    }
}

mod e11 {
    use crate::e11_all_reduce::{Block, all_reduce, partial_sums};

    /// The sum along the tree, as the exercise defines it.
    fn tree(values: &[f32]) -> f32 {
        match values {
            [] => 0.0,
            [value] => *value,
            _ => {
                let (left, right) = values.split_at(values.len().next_power_of_two() / 2);
                tree(left) + tree(right)
            }
        }
    }

    /// Values of many sizes, so that each order of additions has bits of its own.
    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|i| (1.0 + (i * 37 % 101) as f32 / 7.0) * 10.0_f32.powi(i as i32 * 5 % 7 - 3)).collect()
    }

    #[test]
    fn a_rank_sends_as_few_blocks_as_the_tree_allows() {
        let blocks = |first: usize, count: usize| -> Vec<(usize, usize)> {
            partial_sums(first, &values(count)).iter().map(|block| (block.start, block.length)).collect()
        };
        assert_eq!(blocks(0, 8), [(0, 8)]);
        assert_eq!(blocks(0, 3), [(0, 2), (2, 1)]);
        assert_eq!(blocks(3, 3), [(3, 1), (4, 2)]);
        assert_eq!(blocks(6, 10), [(6, 2), (8, 8)]);
        assert_eq!(partial_sums(4, &[1.0, 2.0]), [Block { start: 4, length: 2, sum: 3.0 }]);
    }

    #[test]
    fn the_bits_do_not_depend_on_the_ranks() {
        for shards in 1..=20 {
            let values = values(shards);
            for ranks in 1..=shards {
                let own = |rank: usize| rank * shards / ranks..(rank + 1) * shards / ranks;
                let blocks: Vec<Block> =
                    (0..ranks).flat_map(|rank| partial_sums(own(rank).start, &values[own(rank)])).collect();
                let (found, expected) = (all_reduce(&blocks), tree(&values));
                assert_eq!(found.to_bits(), expected.to_bits(), "{shards} shards on {ranks} ranks");
            }
        }
    }
}
