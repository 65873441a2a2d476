//! What normalises along a dimension.

mod softmax;
