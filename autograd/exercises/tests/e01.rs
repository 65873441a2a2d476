use autograd::Tensor;

use super::{expect, fail};
use crate::e01_strides::{flipped, position, row_major, transposed};

/// Every index of a shape, row by row.
fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    shape.iter().fold(vec![vec![]], |all, &extent| {
        all.iter().flat_map(|index| (0..extent).map(move |i| [&index[..], &[i]].concat())).collect()
    })
}

#[test]
fn a_dense_tensor_has_row_major_strides() {
    let think = "how many elements are passed when the index of a dimension grows by one?";
    expect("row_major(&[2, 3, 4])", row_major(&[2, 3, 4]), [12, 4, 1], think);
    expect("row_major(&[5])", row_major(&[5]), [1], think);
    expect("row_major(&[])", row_major(&[]), [] as [isize; 0], "a tensor without dimensions has no strides");
}

#[test]
fn views_find_their_elements() {
    let (shape, values) = ([2, 3, 4], (0..24).map(|i| i as f32).collect::<Vec<_>>());
    let x = Tensor::from_slice(&values, shape);
    let read = |shape: &[usize], strides: &[isize], offset| -> Vec<f32> {
        let at = |index: &Vec<usize>| {
            let found = position(index, strides, offset);
            let think = "offset + i · strides[0] + j · strides[1] + ...; a stride can be negative";
            *values.get(found).unwrap_or_else(|| {
                let call = format!("position(&{index:?}, &{strides:?}, {offset})");
                fail(&call, "an index below 24", found, think)
            })
        };
        indices(shape).iter().map(at).collect()
    };
    let strides = row_major(&shape);
    let think = "the sum of the offset and of index · stride over the dimensions";
    expect("the elements that position finds", read(&shape, &strides, 0), values.clone(), think);
    for (first, second) in [(0, 1), (0, 2), (1, 2), (1, 1)] {
        let call = format!("transposed(&[2, 3, 4], &[12, 4, 1], {first}, {second})");
        let (swapped, strides) = transposed(&shape, &strides, first, second);
        let expected = x.transpose(first as isize, second as isize);
        let think = "no element moves: what must be swapped, so that [i, j] finds what [j, i] found before?";
        expect(&call, (&swapped[..], &strides[..]), (&expected.shape()[..], expected.strides()), think);
        expect(&format!("{call}: the elements"), read(&swapped, &strides, 0), expected.to_vec(), think);
    }
    for dim in 0..3 {
        let call = format!("flipped(&[2, 3, 4], &[12, 4, 1], 0, {dim})");
        let (strides, offset) = flipped(&shape, &strides, 0, dim);
        let think = "index 0 must find the last element of the dimension, and index 1 the one before it";
        expect(&call, read(&shape, &strides, offset), x.flip([dim as isize]).to_vec(), think);
        let twice = flipped(&shape, &strides, offset, dim);
        let think = "a tensor that is flipped twice is as it was; the offset is that of the last element *of the view*";
        expect(&format!("{call}, flipped again"), twice, (row_major(&shape), 0), think);
    }
}
