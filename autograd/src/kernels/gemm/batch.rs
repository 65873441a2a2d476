//! Products of stacks of matrices.

use ndarray::{ArrayView3, ArrayViewMut3};

use super::blocking::Blocking;
use super::epilogue::Epilogue;
use super::kernel_set::{self, GemmKernels, Implementation, KernelSet};
use super::near_panels::NearPanels;
use super::order;
use super::part_loops::StackTiles;
use super::path::{self, Path};
use super::product::{Extents, Operand, Product, Target};
use super::task_grid::MULTIPLY_ADDS_PER_TASK;
use crate::kernels::parallel::for_each_task;
use crate::layout::{Band, Layout, StridedIter};
use crate::shape::Shape;

/// Matrices of one shape in a buffer; or a single one, if the stack has no dimensions.
#[derive(Clone, Debug)]
pub(crate) struct MatrixStack<'a, T> {
    values: &'a [T],
    /// The extents and strides of the stack: where each matrix begins.
    stack: Layout,
    /// Rows and columns of a matrix, and its strides.
    extents: [usize; 2],
    strides: [isize; 2],
}

impl<'a, T> MatrixStack<'a, T> {
    /// The matrices of the last two dimensions of a layout, which has so many at least.
    ///
    /// # Panics
    /// If an element of the layout is not one of the values.
    pub(crate) fn new(values: &'a [T], layout: &Layout) -> Self {
        assert!(is_inside(layout, values.len()), "gemm: a matrix reaches beyond its {} values", values.len());
        let outer = layout.shape.rank() - 2;
        let stack = Layout {
            shape: Shape::from(&layout.shape[..outer]),
            strides: layout.strides[..outer].into(),
            offset: layout.offset,
        };
        let last_two = [outer, outer + 1];
        Self {
            values,
            stack,
            extents: last_two.map(|dim| layout.shape[dim]),
            strides: last_two.map(|dim| layout.strides[dim]),
        }
    }

    /// The matrices of a view.
    ///
    /// # Panics
    /// If the elements have gaps between them in memory.
    #[track_caller]
    fn of_view(view: &ArrayView3<'a, T>, name: &str) -> Self {
        let Some(values) = view.to_slice_memory_order() else {
            panic!("gemm_stack: {name} has the strides {:?}: there must be no gaps in memory", view.strides())
        };
        // From the lowest address to the first element: not zero where a stride is negative.
        let offset = (view.as_ptr().addr() - values.as_ptr().addr()) / size_of::<T>();
        Self::new(values, &Layout { shape: view.shape().into(), strides: view.strides().into(), offset })
    }

    /// How many matrices there are, and rows and columns of each.
    pub(in crate::kernels) fn extents(&self) -> (usize, [usize; 2]) {
        (self.stack.numel(), self.extents)
    }

    /// Matrix number `index`, in row-major order of the stack.
    pub(in crate::kernels) fn at(&self, index: usize) -> Operand<T> {
        self.matrix(offset_of(&self.stack, index))
    }

    /// The matrix that begins at an offset.
    fn matrix(&self, offset: isize) -> Operand<T> {
        let [row_stride, column_stride] = self.strides;
        Operand { data: self.values.as_ptr().wrapping_offset(offset), row_stride, column_stride }
    }
}

/// The offset of element number `index` of a layout, in row-major order.
pub(in crate::kernels) fn offset_of(layout: &Layout, mut index: usize) -> isize {
    let mut offset = layout.offset as isize;
    for (&extent, &stride) in layout.shape.iter().zip(&*layout.strides).rev() {
        offset += (index % extent) as isize * stride;
        index /= extent;
    }
    offset
}

/// Whether all elements of a layout are among so many values.
pub(in crate::kernels) fn is_inside(layout: &Layout, values: usize) -> bool {
    if layout.shape.contains(&0) {
        return true;
    }
    let (mut first, mut last) = (layout.offset as i128, layout.offset as i128);
    for (&extent, &stride) in layout.shape.iter().zip(&*layout.strides) {
        let reach = stride as i128 * (extent as i128 - 1);
        first += reach.min(0);
        last += reach.max(0);
    }
    first >= 0 && last < values as i128
}

/// The matrices of C: each task writes its own.
struct SharedOutput<T>(*mut T);
// SAFETY: every matrix is written by one task.
unsafe impl<T: Send> Sync for SharedOutput<T> {}

impl<T> SharedOutput<T> {
    /// A matrix of `columns` columns that begins at an offset, row-major.
    fn matrix(&self, offset: usize, columns: usize) -> Target<T> {
        Target { data: self.0.wrapping_add(offset), row_stride: columns as isize, column_stride: 1 }
    }
}

/// C ← A·B for each matrix of two stacks of as many: A is s × m × k, B is s × k × n, C is s × m × n. Small
/// products cost less so than one by one: how they are computed is decided once, and several of them make a task.
///
/// The bits are those of single products ([`gemm`](super::gemm)), and don't depend on the number of threads.
///
/// ```
/// use autograd::kernels::gemm::gemm_stack;
/// use ndarray::{array, Array3};
///
/// let a = array![[[1.0_f32, 2.0]], [[3.0, 4.0]]]; // two matrices of 1 × 2
/// let b = array![[[1.0], [1.0]], [[2.0], [0.5]]]; // two of 2 × 1
/// let mut c = Array3::zeros((2, 1, 1));
/// gemm_stack(a.view(), b.view(), c.view_mut());
/// assert_eq!(c, array![[[3.0]], [[8.0]]]);
/// ```
///
/// # Panics
/// If the stacks have not as many matrices or their shapes don't fit; if the elements of A or of B have gaps between
/// them in memory (the order of the dimensions there may be any); or if C is not row-major.
#[track_caller]
pub fn gemm_stack<T: GemmKernels>(a: ArrayView3<'_, T>, b: ArrayView3<'_, T>, mut c: ArrayViewMut3<'_, T>) {
    let ((count, m, k), (others, inner, n)) = (a.dim(), b.dim());
    assert!(
        count == others && k == inner && c.dim() == (count, m, n),
        "gemm_stack: A is {count}×{m}×{k}, B is {others}×{inner}×{n} and C {:?}: \
         wanted s×m×k, s×k×n and s×m×n",
        c.dim()
    );
    let Some(c) = c.as_slice_mut() else {
        panic!("gemm_stack: C has the strides {:?}: it must be row-major", c.strides())
    };
    gemm_batch(&MatrixStack::of_view(&a, "A"), &MatrixStack::of_view(&b, "B"), c);
}

/// C ← A·B for each matrix of two stacks, which are broadcast against each other. The matrices of C are row-major, one
/// after the other.
///
/// The bits are those of single products. Small products are computed several to a task, by their size, never by the
/// number of threads.
///
/// # Panics
/// If the columns of A are not as many as the rows of B, the stacks do not broadcast, or C doesn't have as many
/// elements as the product.
#[track_caller]
pub(crate) fn gemm_batch<T: GemmKernels>(a: &MatrixStack<'_, T>, b: &MatrixStack<'_, T>, c: &mut [T]) {
    batch_on(kernel_set::selected::<T>(), a, b, c);
}

#[track_caller]
fn batch_on<T: GemmKernels>(set: &KernelSet<T>, a: &MatrixStack<'_, T>, b: &MatrixStack<'_, T>, c: &mut [T]) {
    let ([rows, depth], [inner, columns]) = (a.extents, b.extents);
    assert_eq!(depth, inner, "gemm: A has {depth} columns, B has {inner} rows; they must be equal");
    let Some(stack) = a.stack.shape.broadcast(&b.stack.shape) else {
        panic!("gemm: the stacks {} and {} do not broadcast", a.stack.shape, b.stack.shape);
    };
    let wanted = stack.iter().fold(rows * columns, |count, &extent| count * extent);
    assert_eq!(c.len(), wanted, "gemm: {wanted} elements of C wanted, {} found", c.len());
    if c.is_empty() {
        return;
    }
    let extents = Extents { rows, columns, depth };
    let c = SharedOutput(c.as_mut_ptr());
    let [first_a, first_b] = [&a.stack, &b.stack].map(|stack| stack.offset as isize);
    let first = Product::new(extents, a.matrix(first_a), b.matrix(first_b), c.matrix(0, columns), Epilogue::Store);
    let multiply = Multiply::new(set, &first);
    if stack.is_empty() {
        // One product, which may take less time than to prepare for a stack.
        // SAFETY: as below.
        return unsafe { multiply.run(&first) };
    }
    let iter = StridedIter::new(&stack, [&a.stack, &b.stack]);
    let [step_a, step_b] = iter.row_strides();
    let count = wanted / (rows * columns);
    // Of expanded operands there may be more products than can be counted.
    let per_task = (MULTIPLY_ADDS_PER_TASK / extents.multiply_adds().max(1)).max(1);
    for_each_task(count.div_ceil(per_task), |task| {
        let (start, end) = (task * per_task, count.min((task + 1) * per_task));
        // Of the products only the addresses differ.
        let mut product = first;
        for Band { first, offsets: [at_a, at_b], length, .. } in iter.bands(start, end, 1) {
            product.a.data = a.matrix(at_a).data;
            product.b.data = b.matrix(at_b).data;
            product.c.data = c.matrix((start + first) * rows * columns, columns).data;
            for _ in 0..length {
                // SAFETY: the constructor of a stack has seen that its matrices lie among its values; the matrix of C
                // is this task's own, and borrowed mutably; the kernel set runs on this machine.
                unsafe { multiply.run(&product) }
                product.a.data = product.a.data.wrapping_offset(step_a);
                product.b.data = product.b.data.wrapping_offset(step_b);
                product.c.data = product.c.data.wrapping_add(rows * columns);
            }
        }
    });
}

/// How all products of a batch are computed: their extents and strides are the same.
enum Multiply<'a, T: 'static> {
    Foreign(unsafe fn(&Product<T>)),
    NearPanels(NearPanels<T>),
    DotsByParts(StackTiles<T>),
    Tiles { kernels: &'a kernel_set::TileKernels<T>, transposed: bool, blocking: Blocking },
}

impl<'a, T: GemmKernels> Multiply<'a, T> {
    /// Chooses by one of the products, whose extents are not zero (but for the depth).
    fn new(set: &'a KernelSet<T>, product: &Product<T>) -> Self {
        match &set.implementation {
            Implementation::Foreign(foreign) => Self::Foreign(*foreign),
            Implementation::Tiles(kernels) => {
                if let Some(panels) = NearPanels::of(kernels, product) {
                    return Self::NearPanels(panels);
                }
                let path::Choice { path, transposed } = path::choose(kernels, product);
                let oriented = if transposed { product.transposed() } else { *product };
                let blocking = Blocking::new(kernels, &oriented, path);
                if path == Path::DotsByParts
                    && blocking.task.rows == oriented.extents.rows
                    && let Some(tiles) = StackTiles::of(kernels, product, transposed)
                {
                    return Self::DotsByParts(tiles);
                }
                Self::Tiles { kernels, transposed, blocking }
            }
        }
    }

    /// Computes one of the products.
    ///
    /// # Safety
    /// The kernel set runs on this machine; the matrices of the product are valid, and C is not shared.
    unsafe fn run(&self, product: &Product<T>) {
        match self {
            // SAFETY: passed on.
            Self::Foreign(foreign) => unsafe { foreign(product) },
            // SAFETY: passed on; all products have the same extents and strides.
            Self::NearPanels(panels) => unsafe { panels.run(product) },
            // SAFETY: passed on; as above.
            Self::DotsByParts(tiles) => unsafe { tiles.run(product) },
            Self::Tiles { kernels, transposed, blocking } => {
                let product = if *transposed { product.transposed() } else { *product };
                // SAFETY: passed on; the path was chosen for these extents and strides.
                unsafe { order::run(kernels, blocking, &product) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::gemm::{described, run_on};
    use crate::kernels::parallel::with_threads;
    use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut2};

    #[test]
    fn a_stack_of_views_is_its_products_one_by_one() {
        let value = |(s, i, j): (usize, usize, usize)| ((s * 7 + i * 5 + j * 3) % 11) as f64 - 4.0;
        let (a, b) = (Array3::from_shape_fn((9, 4, 6), value), Array3::from_shape_fn((9, 6, 5), value));
        let transposed = Array3::from_shape_fn((9, 5, 6), |(s, j, i)| b[(s, i, j)]);
        for b in [b.view(), transposed.view().permuted_axes([0, 2, 1]), b.slice(ndarray::s![..;-1, .., ..])] {
            let mut c = Array3::from_elem((9, 4, 5), f64::NAN);
            gemm_stack(a.view(), b, c.view_mut());
            for ((a, b), c) in a.outer_iter().zip(b.outer_iter()).zip(c.outer_iter()) {
                assert_eq!(a.dot(&b), c);
            }
        }
    }

    #[test]
    #[should_panic(expected = "gemm_stack: A is 2×3×4, B is 2×5×1 and C (2, 3, 1)")]
    fn stacks_that_do_not_fit_are_named() {
        let (a, b) = (Array3::<f32>::zeros((2, 3, 4)), Array3::zeros((2, 5, 1)));
        gemm_stack(a.view(), b.view(), Array3::zeros((2, 3, 1)).view_mut());
    }

    fn layout(shape: &[usize], strides: &[isize], offset: usize) -> Layout {
        Layout { shape: shape.into(), strides: strides.into(), offset }
    }

    /// Each matrix of a batch has the bits of a single product, on every kernel set and any number of threads.
    #[test]
    fn a_batch_has_the_bits_of_single_products() {
        let values: Vec<f32> = (0..5000).map(|index| (index as f32 * 0.37).sin()).collect();
        for (m, k, n) in [(3, 5, 4), (1, 9, 7), (17, 33, 20), (6, 1, 1), (2, 0, 3)] {
            // A stack of 2 × 3, backwards along the second dimension, times one of 3 transposed matrices.
            let (size_a, size_b) = ((m * k) as isize, (k * n) as isize);
            let a = layout(&[2, 3, m, k], &[3 * size_a, -size_a, k as isize, 1], 2 * m * k);
            let b = layout(&[3, k, n], &[size_b, 1, k as isize], 11);
            for set in kernel_set::available::<f32>() {
                let batch = |threads| {
                    let mut c = vec![f32::NAN; 6 * m * n];
                    let (a, b) = (MatrixStack::new(&values, &a), MatrixStack::new(&values, &b));
                    with_threads(threads, || batch_on(set, &a, &b, &mut c));
                    c
                };
                let found = batch(1);
                assert_eq!(found, batch(3));
                for (index, found) in found.chunks_exact(m * n).enumerate() {
                    let (outer, inner) = (index / 3, index % 3);
                    let at_a = (2 * m * k) as isize + outer as isize * 3 * size_a - inner as isize * size_a;
                    let a = ArrayView2::from_shape((m, k), &values[at_a as usize..][..m * k]).unwrap();
                    let b = ArrayView2::from_shape((n, k), &values[11 + inner * k * n..][..k * n]).unwrap();
                    let mut single = Array2::from_elem((m, n), f32::NAN);
                    let product = described(a, b.reversed_axes(), single.view_mut(), Epilogue::Store);
                    // SAFETY: valid views of fitting shapes; the kernel set is one of the available ones.
                    unsafe { run_on(set, None, &product) };
                    assert_eq!(single.as_slice().unwrap(), found, "{} {m}×{k}×{n}, matrix {index}", set.name());
                }
            }
        }
    }

    #[test]
    fn a_broadcast_matrix_meets_each_of_the_other_stack() {
        let values: Vec<f64> = (0..60).map(f64::from).collect();
        let a = MatrixStack::new(&values, &layout(&[1, 2, 3], &[0, 3, 1], 0));
        let b = MatrixStack::new(&values, &layout(&[4, 3, 5], &[15, 5, 1], 0));
        let mut c = vec![f64::NAN; 4 * 2 * 5];
        gemm_batch(&a, &b, &mut c);
        let left = ArrayView2::from_shape((2, 3), &values[..6]).unwrap();
        for (index, found) in c.chunks_exact_mut(10).enumerate() {
            let right = ArrayView2::from_shape((3, 5), &values[15 * index..][..15]).unwrap();
            assert_eq!(ArrayViewMut2::from_shape((2, 5), found).unwrap(), left.dot(&right));
        }
    }

    #[test]
    fn what_is_outside_the_values_is_refused() {
        let values = [0.0_f32; 12];
        let inside =
            |shape: &[usize], strides: &[isize], offset| is_inside(&layout(shape, strides, offset), values.len());
        assert!(inside(&[2, 2, 3], &[6, 3, 1], 0) && inside(&[2, 2, 3], &[-6, 3, 1], 6));
        assert!(!inside(&[2, 2, 3], &[6, 3, 1], 1) && !inside(&[2, 2, 3], &[-6, 3, 1], 5));
        assert!(!inside(&[3, 3], &[isize::MAX, 1], 0), "the reach is counted without wrapping");
        assert!(inside(&[0, 1 << 40], &[1 << 40, 1], 100), "of no elements none is outside");
    }
}
