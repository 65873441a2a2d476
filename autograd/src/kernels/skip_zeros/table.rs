//! The kernels of a product whose zeros are skipped: a set for each instruction set, the same code in each.

use super::finite::{self, IsFiniteFn};
use super::steps::{self, FindFn, Step, StepLists};
use crate::kernels::gemm::kernel_set::{GemmKernels, TileKernels};
use crate::kernels::gemm::microkernel::{self, MAX_ROWS, MAX_VECTORS, Tile};
use crate::kernels::gemm::pack::Strip;
use crate::kernels::simd::isa::InstructionSet;
use crate::kernels::simd::{Array, Vector};

/// A micro-kernel: computes a tile of C from the steps of a list.
pub(super) type StepTileFn<T> = unsafe fn(&Tile<T>, &[Step]);

/// The kernels of an instruction set.
#[derive(Debug)]
pub struct SkippingKernelSet<T: 'static> {
    pub(super) instruction_set: InstructionSet,
    /// `tiles[vectors - 1][rows - 1]`: some of the dense product's tiles, and one row for each number of vectors.
    tiles: [[Option<StepTileFn<T>>; MAX_ROWS]; MAX_VECTORS],
    pub(super) find: FindFn<T>,
    pub(super) is_finite: IsFiniteFn<T>,
}

impl<T: Copy> SkippingKernelSet<T> {
    /// Computes a tile of C of some vectors and rows, of which only the steps of a list are added.
    ///
    /// # Safety
    /// That of [`tile`].
    #[inline(always)]
    pub(super) unsafe fn compute(&self, tile: &Tile<T>, vectors: usize, rows: usize, steps: &[Step]) {
        // SAFETY: passed on.
        unsafe {
            match self.tiles[vectors - 1][rows - 1] {
                Some(kernel) => kernel(tile, steps),
                None => self.compute_in_parts(tile, vectors, rows, steps),
            }
        }
    }

    /// The same by the highest micro-kernel of fewer rows, and the rows that remain by lower ones.
    ///
    /// # Safety
    /// That of [`tile`].
    #[cold]
    unsafe fn compute_in_parts(&self, tile: &Tile<T>, vectors: usize, rows: usize, steps: &[Step]) {
        let mut first = 0;
        while first < rows {
            let kernels = self.tiles[vectors - 1][..rows - first].iter().enumerate().rev();
            let (last, kernel) = kernels.filter_map(|(last, kernel)| Some((last, (*kernel)?))).next().expect(ONE_ROW);
            let part = Tile {
                a: tile.a.wrapping_offset(first as isize * tile.a_row_stride),
                c: tile.c.wrapping_offset(first as isize * tile.c_row_stride),
                ..*tile
            };
            // SAFETY: passed on; some of the tile's rows are a tile.
            unsafe { kernel(&part, steps) }
            first += last + 1;
        }
    }
}

/// Why there is a kernel for any number of rows.
const ONE_ROW: &str = "there is a kernel of one row for each number of vectors";

/// The kernels of an instruction set: those of the dense product, and those that skip steps.
pub(super) struct Kernels<'a, T: 'static> {
    pub(super) dense: &'a TileKernels<T>,
    pub(super) skipping: &'a SkippingKernelSet<T>,
}

/// An element type that comes with kernels which skip zeros: `f32` or `f64`.
pub trait SkippingKernels: GemmKernels {
    /// The table. Sets that this machine lacks are in it, too.
    fn skipping_kernels() -> &'static [SkippingKernelSet<Self>];
}

/// Computes a tile of C of which only the steps of a list are added.
///
/// # Safety
/// That of the dense micro-kernel, for the steps of the list.
#[inline(always)]
unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>, steps: &[Step]) {
    // SAFETY: passed on.
    unsafe {
        let mut sums = microkernel::begin::<V, ROWS, VECTORS>(tile);
        let mask = V::mask(tile.last_lanes);
        for &step in steps {
            let a = tile.a.wrapping_offset(step as isize * tile.a_step);
            let b = tile.b.wrapping_offset(step as isize * tile.b_step);
            let of_a = |row: usize| *a.offset(row as isize * tile.a_row_stride);
            microkernel::add_step::<V, ROWS, VECTORS, false>(&mut sums, of_a, b, mask);
        }
        microkernel::end(tile, &sums);
    }
}

/// Compiles the generic kernels for an instruction set.
macro_rules! wrappers {
    ($module:ident $(, $features:literal)?) => {
        mod $module {
            use super::*;

            /// # Safety
            /// That of [`super::tile`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
                tile: &Tile<V::Element>,
                steps: &[Step],
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { super::tile::<V, ROWS, VECTORS>(tile, steps) }
            }

            /// # Safety
            /// That of [`steps::find`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn find<V: Vector>(
                strip: &Strip<V::Element>,
                tile_rows: usize,
                lists: Option<StepLists>,
            ) -> usize {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { steps::find::<V>(strip, tile_rows, lists) }
            }

            /// # Safety
            /// That of [`finite::is_finite`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn is_finite<V: Vector>(strip: &Strip<V::Element>) -> bool {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { finite::is_finite::<V>(strip) }
            }
        }
    };
}

wrappers!(portable);
#[cfg(target_arch = "x86_64")]
wrappers!(avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
wrappers!(avx512, "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl");
#[cfg(target_arch = "aarch64")]
wrappers!(neon, "neon");

/// A kernel set: its instruction set, its vector; for each width its heights: the highest of the dense product's, and
/// some for the last rows of a matrix.
macro_rules! kernel_set {
    ($isa:ident, $module:ident, $vector:ty, $([$vectors:literal: $($height:literal)*])*) => {{
        const TILES: [[Option<StepTileFn<<$vector as Vector>::Element>>; MAX_ROWS]; MAX_VECTORS] = {
            let mut tiles = [[None; MAX_ROWS]; MAX_VECTORS];
            $($(
                tiles[$vectors - 1][$height - 1] = Some(
                    $module::tile::<$vector, $height, $vectors> as StepTileFn<<$vector as Vector>::Element>,
                );
            )*)*
            tiles
        };
        SkippingKernelSet {
            instruction_set: InstructionSet::$isa,
            tiles: TILES,
            find: $module::find::<$vector>,
            is_finite: $module::is_finite::<$vector>,
        }
    }};
}

/// Tiles of the portable vectors.
macro_rules! portable_tiles {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector, [1: 1 2 4 8] [2: 1 2 4 6])
    };
}

/// Tiles for sixteen registers.
#[cfg(target_arch = "x86_64")]
macro_rules! sixteen_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector,
            [1: 1 2 4 8 12] [2: 1 2 4 6] [3: 1 2 4] [4: 1 2])
    };
}

/// Tiles for thirty-two registers.
#[cfg(target_arch = "x86_64")]
macro_rules! thirty_two_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector,
            [1: 1 2 4 8 12 16] [2: 1 2 4 8 12 14] [3: 1 2 4 8 9] [4: 1 2 4 6])
    };
}

/// Tiles for the thirty-two registers of NEON: lower ones, as each element of A takes a register until it is used, and
/// the compiler loads some of them ahead.
#[cfg(target_arch = "aarch64")]
macro_rules! thirty_two_narrow_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector,
            [1: 1 2 4 8 12 16] [2: 1 2 4 8 12] [3: 1 2 4 8] [4: 1 2 4 6])
    };
}

macro_rules! kernel_sets {
    ($float:ident, $lanes:literal, $wide:ident, $wider:ident, $neon:ident) => {
        impl SkippingKernels for $float {
            fn skipping_kernels() -> &'static [SkippingKernelSet<Self>] {
                static SETS: &[SkippingKernelSet<$float>] = &[
                    portable_tiles!(Portable, portable, Array<$float, $lanes>),
                    #[cfg(target_arch = "x86_64")]
                    sixteen_registers!(Avx2, avx2, crate::kernels::simd::$wide),
                    #[cfg(target_arch = "x86_64")]
                    thirty_two_registers!(Avx512, avx512, crate::kernels::simd::$wider),
                    #[cfg(target_arch = "aarch64")]
                    thirty_two_narrow_registers!(Neon, neon, crate::kernels::simd::$neon),
                ];
                SETS
            }
        }
    };
}

kernel_sets!(f32, 4, F32x8, F32x16, F32x4);
kernel_sets!(f64, 2, F64x4, F64x8, F64x2);
