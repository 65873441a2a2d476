//! The table of kernels: one [`KernelSet`] for each instruction set, the same code in each, and one that hands the work
//! to another crate.
//!
//! To add an instruction set is to write its vocabulary (a file in `kernels/simd`), its wrappers (one line of
//! `wrappers!` here) and its kernel set.

use super::dot_kernel::{self, DotFn, DotTile};
use super::epilogue::{self, TileShape};
use super::foreign;
use super::kernel_set::{GemmKernels, Implementation, KernelSet, TileKernels};
use super::microkernel::{self, MAX_ROWS, MAX_TILE_ELEMENTS, MAX_VECTORS, Tile, TileFn};
use super::offset_kernel::{self, MAX_ADJACENT_ROWS, MAX_OFFSET_ROWS, MAX_OFFSET_VECTORS, OffsetTileFn, Offsets};
use super::pack::{self, Strip};
use super::part_kernel::{self, MAX_GROUPS, MAX_PART_COLUMNS};
use super::product::Target;
use super::row_stream::{self, RowStream};
use super::store_transposed::{self, ScratchTile};
use crate::kernels::simd::isa::InstructionSet;
use crate::kernels::simd::{Array, Vector};

/// Compiles the generic kernels for an instruction set.
macro_rules! wrappers {
    ($module:ident $(, $features:literal)?) => {
        mod $module {
            use super::*;

            /// # Safety
            /// That of [`microkernel::tile`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(tile: &Tile<V::Element>) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { microkernel::tile::<V, ROWS, VECTORS>(tile) }
            }

            /// # Safety
            /// That of [`offset_kernel::tile`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn offset_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
                tile: &Tile<V::Element>,
                offsets: &Offsets<'_>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { offset_kernel::tile::<V, ROWS, VECTORS>(tile, offsets) }
            }

            /// # Safety
            /// That of [`offset_kernel::adjacent_tile`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn adjacent_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
                tile: &Tile<V::Element>,
                offsets: &Offsets<'_>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { offset_kernel::adjacent_tile::<V, ROWS, VECTORS>(tile, offsets) }
            }

            /// # Safety
            /// That of [`offset_kernel::shared_tile`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn shared_tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
                tile: &Tile<V::Element>,
                offsets: &Offsets<'_>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { offset_kernel::shared_tile::<V, ROWS, VECTORS>(tile, offsets) }
            }

            /// # Safety
            /// That of [`offset_kernel::dots`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn offset_dots<V: Vector, const ROWS: usize>(
                tile: &Tile<V::Element>,
                offsets: &Offsets<'_>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { offset_kernel::dots::<V, ROWS>(tile, offsets) }
            }

            /// # Safety
            /// That of [`dot_kernel::dots_of_few`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn dots<V: Vector, const ROWS: usize, const COLUMNS: usize, const FEW: usize>(
                tile: &DotTile<V::Element>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { dot_kernel::dots_of_few::<V, ROWS, COLUMNS, FEW>(tile) }
            }

            /// # Safety
            /// That of [`part_kernel::dots_of_parts`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn dots_of_parts<V: Vector, const GROUPS: usize, const COLUMNS: usize>(
                tile: &DotTile<V::Element>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { part_kernel::dots_of_parts::<V, GROUPS, COLUMNS>(tile) }
            }

            /// # Safety
            /// That of [`dot_kernel::dots_of_row`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn dots_of_row<V: Vector>(tile: &DotTile<V::Element>) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { dot_kernel::dots_of_row::<V>(tile) }
            }

            /// # Safety
            /// That of [`dot_kernel::dots_in_order`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn dots_in_order<V: Vector>(tile: &DotTile<V::Element>) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { dot_kernel::dots_in_order::<V>(tile) }
            }

            /// # Safety
            /// That of [`row_stream::stream`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn stream<V: Vector>(work: &RowStream<V::Element>) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { row_stream::stream::<V>(work) }
            }

            /// # Safety
            /// That of [`store_transposed::load_transposed`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn load_transposed<V: Vector>(scratch: &ScratchTile<V::Element>, c: Target<V::Element>) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { store_transposed::load_transposed::<V>(scratch, c) }
            }

            /// # Safety
            /// That of [`store_transposed::store_transposed`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn store_transposed<V: Vector>(scratch: &ScratchTile<V::Element>, c: Target<V::Element>) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { store_transposed::store_transposed::<V>(scratch, c) }
            }

            /// # Safety
            /// That of [`epilogue::finish`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn finish<V: Vector>(
                finish: &epilogue::Finish<V::Element>,
                c: *mut V::Element,
                c_row_stride: isize,
                shape: TileShape,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { epilogue::finish::<V>(finish, c, c_row_stride, shape) }
            }

            /// # Safety
            /// That of [`pack::pack`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn pack<V: Vector>(strip: &Strip<V::Element>, target: *mut V::Element, width: usize) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { pack::pack::<V>(strip, target, width) }
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

/// A kernel set: its instruction set, its vector, the main widths; for each width its heights, one instance of the
/// micro-kernel each; the groups of rows and, for each, the columns of dot products by parts; and with how many
/// columns two, three and four rows form dot products at a time, and with how many if few are left.
macro_rules! kernel_set {
    ($isa:ident, $module:ident, $vector:ty, packed $packed:literal, in_place $in_place:literal,
        $([$vectors:literal: $($height:literal)*])*
        offsets $([$offset_vectors:literal: $($offset_height:literal)*])*
        shared $([$shared_vectors:literal: $($shared_height:literal)*])*
        adjacent $([$adjacent_vectors:literal: $($adjacent_height:literal)*])*
        parts $([$groups:literal: $($part_columns:literal)*])*
        dots $([$dot_columns:literal $few:literal])*) => {{
        const KERNELS: TileKernels<<$vector as Vector>::Element> = {
            let mut max_rows = [0; MAX_VECTORS];
            let mut tiles = [[None; MAX_ROWS]; MAX_VECTORS];
            $($(
                tiles[$vectors - 1][$height - 1] =
                    Some($module::tile::<$vector, $height, $vectors> as TileFn<<$vector as Vector>::Element>);
                max_rows[$vectors - 1] = $height;
                assert!($vectors * <$vector as Vector>::LANES * $height <= MAX_TILE_ELEMENTS);
            )*)*
            let mut offset_tiles = [[None; MAX_OFFSET_ROWS]; MAX_OFFSET_VECTORS];
            $($(
                offset_tiles[$offset_vectors - 1][$offset_height - 1] = Some(
                    $module::offset_tile::<$vector, $offset_height, $offset_vectors>
                        as OffsetTileFn<<$vector as Vector>::Element>,
                );
            )*)*
            let mut shared_tiles = [[None; MAX_OFFSET_ROWS]; MAX_OFFSET_VECTORS];
            $($(
                shared_tiles[$shared_vectors - 1][$shared_height - 1] = Some(
                    $module::shared_tile::<$vector, $shared_height, $shared_vectors>
                        as OffsetTileFn<<$vector as Vector>::Element>,
                );
            )*)*
            #[allow(unused_mut)] // Where there are none.
            let mut adjacent_tiles = [[None; MAX_ADJACENT_ROWS]; MAX_OFFSET_VECTORS];
            $($(
                adjacent_tiles[$adjacent_vectors - 1][$adjacent_height - 1] = Some(
                    $module::adjacent_tile::<$vector, $adjacent_height, $adjacent_vectors>
                        as OffsetTileFn<<$vector as Vector>::Element>,
                );
            )*)*
            let mut part_dots = [[None; MAX_GROUPS]; MAX_PART_COLUMNS];
            let mut part_groups = [0; MAX_PART_COLUMNS];
            $($(
                part_dots[$part_columns - 1][$groups - 1] = Some(
                    $module::dots_of_parts::<$vector, $groups, $part_columns>
                        as DotFn<<$vector as Vector>::Element>,
                );
                assert!(part_groups[$part_columns - 1] == $groups - 1, "all lower tiles are there, too");
                part_groups[$part_columns - 1] = $groups;
            )*)*
            let mut offset_dots = [None; MAX_OFFSET_ROWS];
            offset_dots[0] = Some($module::offset_dots::<$vector, 1> as OffsetTileFn<<$vector as Vector>::Element>);
            offset_dots[1] = Some($module::offset_dots::<$vector, 2> as OffsetTileFn<<$vector as Vector>::Element>);
            offset_dots[3] = Some($module::offset_dots::<$vector, 4> as OffsetTileFn<<$vector as Vector>::Element>);
            offset_dots[7] = Some($module::offset_dots::<$vector, 8> as OffsetTileFn<<$vector as Vector>::Element>);
            TileKernels {
                lanes: <$vector as Vector>::LANES,
                vectors_packed: $packed,
                vectors_in_place: $in_place,
                max_rows,
                tiles,
                offset_tiles,
                adjacent_tiles,
                shared_tiles,
                offset_dots,
                part_dots,
                part_groups,
                group_rows: <$vector as Vector>::GROUP_ROWS,
                dots: dots!($module, $vector, $([$dot_columns $few])*),
                dot_columns: [$($dot_columns),*],
                dots_of_row: $module::dots_of_row::<$vector>,
                dots_in_order: $module::dots_in_order::<$vector>,
                stream: $module::stream::<$vector>,
                finish: $module::finish::<$vector>,
                load_transposed: $module::load_transposed::<$vector>,
                store_transposed: $module::store_transposed::<$vector>,
                pack: $module::pack::<$vector>,
                masks_are_free: <$vector as Vector>::MASKS_ARE_FREE,
            }
        };
        KernelSet {
            name: stringify!($module),
            instruction_set: InstructionSet::$isa,
            implementation: Implementation::Tiles(KERNELS),
        }
    }};
}

macro_rules! dots {
    ($module:ident, $vector:ty, [$($two:literal)*] [$($three:literal)*] [$($four:literal)*]) => {
        [
            $module::dots::<$vector, 2, $($two),*>,
            $module::dots::<$vector, 3, $($three),*>,
            $module::dots::<$vector, 4, $($four),*>,
        ]
    };
}

/// Tiles of the portable vectors: fewer than those for sixteen registers, as each takes long to compile, and the
/// processors that have only these are few.
macro_rules! portable_tiles {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector, packed 2, in_place 2,
            [1: 1 2 3 4 5 6 7 8]
            [2: 1 2 3 4 5 6]
            offsets [1: 1 8] [2: 1 4] [3: 1 4] [4: 1 2]
            shared [1: 1 8] [2: 1 4] [3: 1 3] [4: 1 2]
            adjacent [1: 14]
            parts [1: 3 4 5 6]
            dots [5 2] [4 2] [3 1])
    };
}

/// Tiles for sixteen registers: sums, the vectors of B, and one for A.
#[cfg(target_arch = "x86_64")]
macro_rules! sixteen_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector, packed 2, in_place 2,
            [1: 1 2 3 4 5 6 7 8 9 10 11 12]
            [2: 1 2 3 4 5 6]
            [3: 1 2 3 4]
            [4: 1 2]
            offsets [1: 1 2 4 8] [2: 1 2 4 6] [3: 1 2 4] [4: 1 2]
            shared [1: 1 2 4 8] [2: 1 2 4 6] [3: 1 2 3 4] [4: 1 2 3] [5: 1 2]
            adjacent [1: 14]
            parts [1: 3 4 5 6] [2: 3 4 5 6]
            dots [5 2] [4 2] [3 1])
    };
}

/// Tiles for thirty-two registers. A wider tile reads fewer elements for each product, and writes adjacent lines of C;
/// a higher one goes through its panel less often, which counts when that comes from the second-level cache. (Measured,
/// in shares of the peak: 1000³ packed 91 % with two vectors, 93 % with three; 64×784 times 784×256, B packed, 92 %
/// with two or three, 90 % with four; 64×256 times 256×128 in place 95.6, 96.0 and 97.7 %.)
#[cfg(target_arch = "x86_64")]
macro_rules! thirty_two_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector, packed 3, in_place 4,
            [1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
            [2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14]
            [3: 1 2 3 4 5 6 7 8 9]
            [4: 1 2 3 4 5 6]
            offsets [1: 1 2 4 8] [2: 1 2 4 8] [3: 1 2 4 8] [4: 1 2 4 6]
            shared [1: 1 2 4 8] [2: 1 2 4 8] [3: 1 2 3 4 8] [4: 1 2 3 4 6] [5: 1 2 3 4 5]
            adjacent [1: 14 16] [2: 14]
            parts [1: 3 4 5 6] [2: 3 4 5 6] [3: 3 4]
            dots [8 4] [8 4] [6 3])
    };
}

/// Tiles for the thirty-two registers of NEON: lower ones, as each element of A takes a register until it is used, and
/// the compiler loads some of them ahead.
#[cfg(target_arch = "aarch64")]
macro_rules! thirty_two_narrow_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        kernel_set!($isa, $module, $vector, packed 3, in_place 4,
            [1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
            [2: 1 2 3 4 5 6 7 8 9 10 11 12]
            [3: 1 2 3 4 5 6 7 8]
            [4: 1 2 3 4 5 6]
            offsets [1: 1 2 4 8] [2: 1 2 4 8] [3: 1 2 4 8] [4: 1 2 4 6]
            shared [1: 1 2 4 8] [2: 1 2 4 8] [3: 1 2 3 4 8] [4: 1 2 3 4 6] [5: 1 2 3 4 5]
            adjacent [1: 14 16] [2: 12]
            parts [1: 3 4 5 6] [2: 3 4 5 6] [3: 3 4 5 6] [4: 3 4 5 6]
            dots [8 4] [8 4] [6 3])
    };
}

macro_rules! kernel_sets {
    ($float:ident, $lanes:literal, $wide:ident, $wider:ident, $neon:ident) => {
        impl GemmKernels for $float {
            fn kernel_sets() -> &'static [KernelSet<Self>] {
                static SETS: &[KernelSet<$float>] = &[
                    portable_tiles!(Portable, portable, Array<$float, $lanes>),
                    #[cfg(target_arch = "x86_64")]
                    sixteen_registers!(Avx2, avx2, crate::kernels::simd::$wide),
                    #[cfg(target_arch = "x86_64")]
                    thirty_two_registers!(Avx512, avx512, crate::kernels::simd::$wider),
                    #[cfg(target_arch = "aarch64")]
                    thirty_two_narrow_registers!(Neon, neon, crate::kernels::simd::$neon),
                    KernelSet {
                        name: "matrixmultiply",
                        instruction_set: InstructionSet::Portable,
                        implementation: Implementation::Foreign(foreign::$float),
                    },
                ];
                SETS
            }
        }
    };
}

kernel_sets!(f32, 4, F32x8, F32x16, F32x4);
kernel_sets!(f64, 2, F64x4, F64x8, F64x2);
