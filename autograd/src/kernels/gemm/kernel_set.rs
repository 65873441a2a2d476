//! What a kernel set is: the kernels of an instruction set, or another crate; and which of them this process uses.

use super::dot_kernel::{DotFn, MAX_DOT_ROWS};
use super::epilogue::FinishFn;
use super::microkernel::{MAX_ROWS, MAX_VECTORS, TileFn};
use super::offset_kernel::{MAX_ADJACENT_ROWS, MAX_OFFSET_ROWS, MAX_OFFSET_VECTORS, OffsetTileFn};
use super::pack::PackFn;
use super::part_kernel::{MAX_GROUPS, MAX_PART_COLUMNS};
use super::product::Product;
use super::row_stream::StreamFn;
use super::store_transposed::MoveFn;
use crate::kernels::simd::isa::{self, InstructionSet};
use crate::scalar::Scalar;

/// How products are computed on an instruction set.
#[derive(Debug)]
pub struct KernelSet<T: 'static> {
    pub(in crate::kernels) name: &'static str,
    pub(in crate::kernels) instruction_set: InstructionSet,
    pub(in crate::kernels) implementation: Implementation<T>,
}

impl<T> KernelSet<T> {
    /// The name that `AUTOGRAD_ISA` takes.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The highest tile of the main width: its rows and its columns; `None` if the products are computed by another
    /// crate.
    pub fn tile(&self) -> Option<(usize, usize)> {
        match &self.implementation {
            Implementation::Tiles(kernels) => {
                let vectors = kernels.vectors_packed;
                Some((kernels.max_rows[vectors - 1], vectors * kernels.lanes))
            }
            Implementation::Foreign(_) => None,
        }
    }
}

// The sets are statics: nothing is gained by making the variants equally long.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(in crate::kernels) enum Implementation<T: 'static> {
    Tiles(TileKernels<T>),
    /// The crate `matrixmultiply`.
    Foreign(unsafe fn(&Product<T>)),
}

/// The kernels of an instruction set.
#[derive(Debug)]
pub(in crate::kernels) struct TileKernels<T: 'static> {
    /// Elements of a vector.
    pub(in crate::kernels) lanes: usize,
    /// The main width of a tile, in vectors: of packed panels, and of those that are read in place.
    pub(in crate::kernels) vectors_packed: usize,
    pub(in crate::kernels) vectors_in_place: usize,
    /// The highest tile of each width: `max_rows[vectors - 1]`.
    pub(in crate::kernels) max_rows: [usize; MAX_VECTORS],
    /// `tiles[vectors - 1][rows - 1]`.
    pub(in crate::kernels) tiles: [[Option<TileFn<T>>; MAX_ROWS]; MAX_VECTORS],
    /// Tiles whose operands are read through tables of offsets: `offset_tiles[vectors - 1][rows - 1]`.
    pub(super) offset_tiles: [[Option<OffsetTileFn<T>>; MAX_OFFSET_ROWS]; MAX_OFFSET_VECTORS],
    /// The same for rows with adjacent offsets: `adjacent_tiles[vectors - 1][rows - 1]`, higher ones.
    pub(super) adjacent_tiles: [[Option<OffsetTileFn<T>>; MAX_ADJACENT_ROWS]; MAX_OFFSET_VECTORS],
    /// The same for rows that have one row of A in common.
    pub(super) shared_tiles: [[Option<OffsetTileFn<T>>; MAX_OFFSET_ROWS]; MAX_OFFSET_VECTORS],
    /// Dot products through tables of offsets: `offset_dots[rows - 1]`.
    pub(super) offset_dots: [Option<OffsetTileFn<T>>; MAX_OFFSET_ROWS],
    /// Dot products whose registers hold parts of several rows: `part_dots[columns - 1][groups of rows - 1]`; how many
    /// groups there are at most for so many columns, and how many rows a group has.
    pub(super) part_dots: [[Option<DotFn<T>>; MAX_GROUPS]; MAX_PART_COLUMNS],
    pub(super) part_groups: [usize; MAX_PART_COLUMNS],
    pub(super) group_rows: usize,
    /// Dot products of several rows: `dots[rows - 2]`, and how many columns each takes.
    pub(super) dots: [DotFn<T>; MAX_DOT_ROWS - 1],
    pub(super) dot_columns: [usize; MAX_DOT_ROWS - 1],
    /// Dot products of one row with columns that are near, and with columns that come from memory.
    pub(super) dots_of_row: DotFn<T>,
    pub(super) dots_in_order: DotFn<T>,
    /// Rows of C along their whole length.
    pub(super) stream: StreamFn<T>,
    pub(super) finish: FinishFn<T>,
    pub(super) load_transposed: MoveFn<T>,
    pub(super) store_transposed: MoveFn<T>,
    pub(in crate::kernels) pack: PackFn<T>,
    /// Whether the micro-kernel reads the last vector of B in place even if it is not full.
    pub(in crate::kernels) masks_are_free: bool,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// An element type that comes with kernels: `f32` or `f64`.
pub trait GemmKernels: Scalar + sealed::Sealed {
    /// The table, from the plainest set to the widest; the last one is the crate `matrixmultiply`. Sets that this
    /// machine lacks are in it, too.
    fn kernel_sets() -> &'static [KernelSet<Self>];
}

/// The kernel sets that run on this machine.
#[cfg(test)]
pub(in crate::kernels) fn available<T: GemmKernels>() -> impl Iterator<Item = &'static KernelSet<T>> {
    let runs =
        |set: &&KernelSet<T>| isa::Isa::available().iter().any(|isa| isa.instruction_set() == set.instruction_set);
    T::kernel_sets().iter().filter(runs)
}

/// The kernel set that this process uses.
#[inline]
pub(in crate::kernels) fn selected<T: GemmKernels>() -> &'static KernelSet<T> {
    let selection = isa::selected();
    let mut sets = T::kernel_sets().iter();
    let found = if selection.matrixmultiply {
        sets.next_back()
    } else {
        sets.find(|set| set.instruction_set == selection.isa.instruction_set())
    };
    found.expect("every instruction set has its kernels")
}

/// The kernels of the instruction set that this process uses, also if its products are computed by another crate.
pub(in crate::kernels) fn selected_tiles<T: GemmKernels>() -> &'static TileKernels<T> {
    let isa = isa::selected().isa.instruction_set();
    let tiles = T::kernel_sets().iter().find_map(|set| match &set.implementation {
        Implementation::Tiles(kernels) if set.instruction_set == isa => Some(kernels),
        _ => None,
    });
    tiles.expect("every instruction set has its kernels")
}
