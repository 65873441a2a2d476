//! Stacks of matrices that tasks write.

use std::marker::PhantomData;

use crate::kernels::gemm::batch::{is_inside, offset_of};
use crate::kernels::gemm::product::Target;
use crate::layout::Layout;
use crate::shape::Shape;

/// Matrices to write, of which no two elements are one. Each is written by one task at a time.
pub(crate) struct OutputStack<'a, T> {
    start: *mut T,
    /// Where each matrix begins.
    stack: Layout,
    extents: [usize; 2],
    row_stride: isize,
    values: PhantomData<&'a mut [T]>,
}

// SAFETY: the tasks write different rows; what they share is only the address.
unsafe impl<T: Send> Sync for OutputStack<'_, T> {}

impl<'a, T> OutputStack<'a, T> {
    /// The matrices of the last two dimensions of a layout, which are all of the values, in any order, as long as the
    /// columns are adjacent.
    ///
    /// # Panics
    /// If they are not.
    pub(crate) fn new(values: &'a mut [T], layout: &Layout) -> Self {
        check_is_array(layout);
        assert!(values.len() == layout.numel() && is_inside(layout, values.len()), "attention: the values are others");
        // SAFETY: the layout has each of the values once.
        unsafe { OutputStack::of(values.as_mut_ptr(), layout) }
    }

    /// The queries, keys and values `[outer, heads, length, width]` of an array `[outer, length, 3, heads, width]`.
    ///
    /// # Panics
    /// If it has another number of values.
    pub(crate) fn packed(values: &'a mut [T], [outer, length, heads, width]: [usize; 4]) -> [Self; 3] {
        assert_eq!(values.len(), 3 * outer * length * heads * width, "attention: the values are others");
        let start = values.as_mut_ptr();
        // SAFETY: the three layouts have each of the values once, between them.
        let stack = |part| unsafe { OutputStack::of(start, &packed_layout([outer, length, heads, width], part)) };
        [stack(0), stack(1), stack(2)]
    }

    /// # Safety
    /// The elements of the layout may be written, and no two of them are one; nobody else uses them as long as this
    /// value lives.
    unsafe fn of(start: *mut T, layout: &Layout) -> Self {
        let outer = layout.shape.rank() - 2;
        let [rows, columns] = [layout.shape[outer], layout.shape[outer + 1]];
        assert!(layout.strides[outer + 1] == 1 || columns <= 1, "attention: the columns are not adjacent");
        let stack = Layout {
            shape: Shape::from(&layout.shape[..outer]),
            strides: layout.strides[..outer].into(),
            offset: layout.offset,
        };
        let row_stride = layout.strides[outer];
        OutputStack { start, stack, extents: [rows, columns], row_stride, values: PhantomData }
    }

    /// How many matrices there are, and rows and columns of each.
    pub(super) fn extents(&self) -> (usize, [usize; 2]) {
        (self.stack.numel(), self.extents)
    }

    /// Matrix number `index`.
    pub(super) fn at(&self, index: usize) -> Target<T> {
        let data = self.start.wrapping_offset(offset_of(&self.stack, index));
        Target { data, row_stride: self.row_stride, column_stride: 1 }
    }
}

/// Checks that a layout is that of an array, in any order of dimensions.
fn check_is_array(layout: &Layout) {
    let mut dims: Vec<(isize, usize)> =
        layout.strides.iter().zip(&*layout.shape).map(|(&stride, &extent)| (stride, extent)).collect();
    dims.retain(|&(_, extent)| extent != 1);
    let mut reach = 1;
    while let Some(next) = dims.iter().position(|&(stride, _)| stride == reach) {
        reach *= dims.swap_remove(next).1 as isize;
    }
    assert!(dims.is_empty(), "attention: the strides {:?} are not those of an array", layout.strides);
}

/// Queries (0), keys (1) or values (2) `[outer, heads, length, width]` as they lie in an array `[outer, length, 3,
/// heads, width]`.
pub(crate) fn packed_layout([outer, length, heads, width]: [usize; 4], part: usize) -> Layout {
    let row = 3 * heads * width;
    Layout {
        shape: Shape::from([outer, heads, length, width]),
        strides: [(length * row) as isize, width as isize, row as isize, 1].as_slice().into(),
        offset: part * heads * width,
    }
}
