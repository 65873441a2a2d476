//! 1. The strides of a transpose.
//!
//! Element `[i, j, ...]` of a tensor is at the index `offset + i · strides[0] + j · strides[1] + ...` of its storage.
//! Read *A tensor is three things* first.

/// The strides of a contiguous row-major tensor: 1 for the last dimension, and for each other dimension the product of
/// the extents after it.
pub fn row_major(shape: &[usize]) -> Vec<isize> {
    panic!("exercise 1: write row_major")
}

/// The index of an element in the storage.
pub fn position(index: &[usize], strides: &[isize], offset: usize) -> usize {
    panic!("exercise 1: write position")
}

/// The shape and strides of the tensor with two dimensions swapped. No element is copied.
pub fn transposed(shape: &[usize], strides: &[isize], first: usize, second: usize) -> (Vec<usize>, Vec<isize>) {
    panic!("exercise 1: write transposed")
}

/// The strides and offset of the tensor that is reversed along a dimension.
pub fn flipped(shape: &[usize], strides: &[isize], offset: usize, dim: usize) -> (Vec<isize>, usize) {
    panic!("exercise 1: write flipped")
}
