//! 1. The strides of a transpose.

/// The strides of a contiguous row-major tensor.
pub fn row_major(shape: &[usize]) -> Vec<isize> {
    (0..shape.len()).map(|dim| shape[dim + 1..].iter().product::<usize>() as isize).collect()
}

/// The index of an element in the storage.
pub fn position(index: &[usize], strides: &[isize], offset: usize) -> usize {
    let steps: isize = index.iter().zip(strides).map(|(&index, &stride)| index as isize * stride).sum();
    offset.checked_add_signed(steps).expect("an element lies inside of its storage")
}

/// The shape and strides of the tensor with two dimensions swapped.
pub fn transposed(shape: &[usize], strides: &[isize], first: usize, second: usize) -> (Vec<usize>, Vec<isize>) {
    let (mut shape, mut strides) = (shape.to_vec(), strides.to_vec());
    shape.swap(first, second);
    strides.swap(first, second);
    (shape, strides)
}

/// The strides and offset of the tensor that is reversed along a dimension: it starts at the last element and has a
/// negative stride.
pub fn flipped(shape: &[usize], strides: &[isize], offset: usize, dim: usize) -> (Vec<isize>, usize) {
    let last = (shape[dim] as isize - 1) * strides[dim];
    let mut strides = strides.to_vec();
    strides[dim] = -strides[dim];
    (strides, offset.checked_add_signed(last).expect("an element lies inside of its storage"))
}
