//! Matrix products that skip zeros of their left operand: an entry beside the dense product ([`gemm`](super::gemm)),
//! for an operation that knows its operand to be data.
//!
//! Data is often zero for many rows at the same position: at the border of pictures, for words that few texts have, for
//! categories that an example isn't of. Where all rows of a tile of A are zero,
//!
//! ```text
//!     step              0  1  2  3  4  5  6  7  8
//!     rows of a tile    0  0  3  1  0  0  0  2  0
//!                       0  0  0  4  0  0  0  0  0      used: 2, 3 and 7
//! ```
//!
//! the micro-kernel would add zero times a row of B to each sum. Here it is given a list of the other steps instead.
//! That changes no bit of the result (but the sign of a zero, where products are too small to be represented), and this
//! is a promise: zero times infinity is not a number, so steps are skipped only where the panel of B is finite.
//!
//! To look for zeros takes far less time than the product, and an operand that shows few zeros in some of its tiles, or
//! none in two, is not looked at further: then the product is the dense one.
//!
//! Read on with `estimate` (whether it pays), `steps` (which steps are used), `finite` (where they may be skipped),
//! `blocking` (the sizes), `loops` and `table` (the instruction sets).

mod blocking;
mod estimate;
mod finite;
mod loops;
mod steps;
mod table;

#[cfg(test)]
mod tests;

use ndarray::{ArrayView2, ArrayViewMut2};

use self::blocking::Blocking;
use self::table::Kernels;
pub use self::table::SkippingKernels;
use super::gemm::caches::costs;
use super::gemm::cost::Cost;
use super::gemm::epilogue::Epilogue;
use super::gemm::kernel_set::{Implementation, KernelSet, TileKernels, selected};
use super::gemm::path;
use super::gemm::product::Product;
use super::gemm::{described, run_on as run_dense_on};

/// Multiply-adds from which on zeros are looked for.
const WORTH_A_LOOK: usize = 1 << 22;
/// The share of used steps above which none is skipped.
const MAX_SHARE: f32 = 0.875;

/// C ← A·B, finished by an [`Epilogue`], as [`gemm`](super::gemm::gemm) computes it and with the same bits (but the
/// sign of a zero): faster where rows of A that are next to each other are zero at the same positions.
///
/// # Panics
/// If the shapes do not fit.
#[track_caller]
pub(crate) fn gemm_skipping_zeros<T: SkippingKernels>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    c: ArrayViewMut2<'_, T>,
    epilogue: Epilogue<'_, T>,
) {
    let product = described(a, b, c, epilogue);
    // SAFETY: the views are valid for their shapes, which fit each other; C is borrowed mutably, so it is not shared
    // with A, B or the bias; the selected kernels run on this machine.
    unsafe { run_on(selected::<T>(), &product) }
}

/// The same on a given kernel set, for a product that is described by addresses and strides.
///
/// # Safety
/// The kernel set runs on this machine; the matrices are valid, C is not shared, and a bias has a value for each of its
/// columns.
unsafe fn run_on<T: SkippingKernels>(set: &KernelSet<T>, product: &Product<T>) {
    if product.extents.multiply_adds() >= WORTH_A_LOOK
        && let Some(kernels) = kernels_of(set)
        // SAFETY: passed on.
        && unsafe { pays(&kernels, product) }
    {
        let blocking = Blocking::new(kernels.dense, product);
        // SAFETY: passed on; no extent is zero.
        unsafe { loops::run(&kernels, &blocking, product) }
    } else {
        // SAFETY: passed on.
        unsafe { run_dense_on(set, None, product) }
    }
}

/// The kernels of a set, unless its products are computed by another crate.
fn kernels_of<T: SkippingKernels>(set: &KernelSet<T>) -> Option<Kernels<'_, T>> {
    let Implementation::Tiles(dense) = &set.implementation else { return None };
    let skipping = T::skipping_kernels().iter().find(|skipping| skipping.instruction_set == set.instruction_set)?;
    Some(Kernels { dense, skipping })
}

/// Whether so many zeros are to be expected that to skip them pays, and the bits stay those of the dense product.
///
/// # Safety
/// The instruction set of the kernels is available; A is valid.
unsafe fn pays<T: SkippingKernels>(kernels: &Kernels<'_, T>, product: &Product<T>) -> bool {
    if !can_skip(product) || path::choose(kernels.dense, product).path.is_dots() {
        return false;
    }
    // SAFETY: passed on.
    let share = unsafe { estimate::used_share(kernels, product) };
    share <= MAX_SHARE && is_cheaper(kernels.dense, product, share)
}

/// Whether the loops can find the zeros of A.
fn can_skip<T>(product: &Product<T>) -> bool {
    product.a.is_contiguous_along_a_dimension() && steps::Step::try_from(product.extents.depth).is_ok()
}

/// Whether the product, of whose steps a share is used, costs less than the dense one of the transposed operands.
fn is_cheaper<T: SkippingKernels>(kernels: &TileKernels<T>, product: &Product<T>, share: f32) -> bool {
    let costs = costs();
    let cost = Cost::of(kernels, costs, product);
    share * cost.sums + cost.copies <= Cost::of(kernels, costs, &product.transposed()).total()
}
