//! The table of kernels: one row for each instruction set, the same code in each, and a row that hands the work to another crate.
//!
//! To add an instruction set is to write its words (a file in `kernels/simd`), its wrappers (one line of `wrappers!` here) and its row.

use super::epilogue::{self, FinishFn};
use super::microkernel::{self, MOST_DOT_ROWS, TileFn};
use super::pack::{self, PackFn, Strip};
use super::product::{Product, Target};
use super::scatter::{self, MoveFn};
use super::zeros::{self, FindFn, IsFiniteFn, Lists};
use crate::kernels::simd::isa::{self, Isa};
use crate::kernels::simd::{Array, Vector};
use crate::scalar::Scalar;

/// The widest tile, in vectors.
pub(super) const MOST_VECTORS: usize = 4;
/// The highest tile, in rows.
pub(super) const MOST_ROWS: usize = 16;
/// The most numbers in a tile, of any row of the table.
pub(super) const MOST_NUMBERS: usize = 512;

/// A row of the table: how products are computed on an instruction set.
#[derive(Debug)]
pub struct Row<T: 'static> {
    pub(super) name: &'static str,
    pub(super) isa: Isa,
    pub(super) engine: Engine<T>,
}

impl<T> Row<T> {
    /// The name that `AUTOGRAD_ISA` takes.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The highest tile of the main width: its rows and its columns; `None` if the row isn't the engine's own.
    pub fn tile(&self) -> Option<(usize, usize)> {
        match &self.engine {
            Engine::Own(own) => Some((own.heights[own.vectors - 1], own.vectors * own.lanes)),
            Engine::Foreign(_) => None,
        }
    }
}

// The rows are statics: nothing is gained by making the variants equally long.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub(super) enum Engine<T: 'static> {
    Own(Own<T>),
    /// The crate `matrixmultiply`.
    Foreign(unsafe fn(&Product<T>)),
}

/// The kernels of an instruction set.
#[derive(Debug)]
pub(super) struct Own<T: 'static> {
    /// Numbers in a vector.
    pub(super) lanes: usize,
    /// The main width of a tile, in vectors: of packed panels, and of those that are read in place.
    pub(super) vectors: usize,
    pub(super) vectors_in_place: usize,
    /// The highest tile of each width: `heights[vectors - 1]`.
    pub(super) heights: [usize; MOST_VECTORS],
    /// `tiles[vectors - 1][rows - 1]`.
    pub(super) tiles: [[Option<TileFn<T>>; MOST_ROWS]; MOST_VECTORS],
    /// Scalar products: `dots[rows - 1]`, and how many columns each takes.
    pub(super) dots: [TileFn<T>; MOST_DOT_ROWS],
    pub(super) dot_columns: [usize; MOST_DOT_ROWS],
    pub(super) finish: FinishFn<T>,
    pub(super) gather: MoveFn<T>,
    pub(super) scatter: MoveFn<T>,
    pub(super) pack: PackFn<T>,
    pub(super) find: FindFn<T>,
    pub(super) is_finite: IsFiniteFn<T>,
    /// Whether the micro-kernel reads the last vector of B in place even if it is not full.
    pub(super) masks_are_free: bool,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A number type that comes with kernels: `f32` or `f64`.
pub trait Kernels: Scalar + sealed::Sealed {
    /// The table, from the plainest row to the widest; the last one is the crate `matrixmultiply`. Rows that this machine lacks are in it, too.
    fn rows() -> &'static [Row<Self>];
}

/// The rows that run on this machine.
#[cfg(test)]
pub(super) fn available<T: Kernels>() -> impl Iterator<Item = &'static Row<T>> {
    T::rows().iter().filter(|row| Isa::available().contains(&row.isa))
}

/// The row that this process uses.
#[inline]
pub(super) fn selected<T: Kernels>() -> &'static Row<T> {
    let selection = isa::selected();
    let mut rows = T::rows().iter();
    let found = if selection.matrixmultiply { rows.next_back() } else { rows.find(|row| row.isa == selection.isa) };
    found.expect("every instruction set has its row")
}

/// Compiles the generic kernels for an instruction set.
macro_rules! wrappers {
    ($module:ident $(, $features:literal)?) => {
        mod $module {
            use super::*;

            /// # Safety
            /// That of [`microkernel::tile`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
                tile: &microkernel::Tile<'_, V::Element>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { microkernel::tile::<V, ROWS, VECTORS>(tile) }
            }

            /// # Safety
            /// That of [`microkernel::dots`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn dots<V: Vector, const ROWS: usize, const COLUMNS: usize>(
                tile: &microkernel::Tile<'_, V::Element>,
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { microkernel::dots::<V, ROWS, COLUMNS>(tile) }
            }

            /// # Safety
            /// That of [`scatter::gather`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn gather<V: Vector>(
                scratch: *mut V::Element,
                width: usize,
                c: Target<V::Element>,
                shape: (usize, usize),
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { scatter::gather::<V>(scratch, width, c, shape) }
            }

            /// # Safety
            /// That of [`scatter::scatter`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn scatter<V: Vector>(
                scratch: *mut V::Element,
                width: usize,
                c: Target<V::Element>,
                shape: (usize, usize),
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { scatter::scatter::<V>(scratch, width, c, shape) }
            }

            /// # Safety
            /// That of [`epilogue::finish`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn finish<V: Vector>(
                finish: &epilogue::Finish<V::Element>,
                c: *mut V::Element,
                c_row: isize,
                shape: (usize, usize),
            ) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { epilogue::finish::<V>(finish, c, c_row, shape) }
            }

            /// # Safety
            /// That of [`pack::pack`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn pack<V: Vector>(strip: &Strip<V::Element>, target: *mut V::Element, width: usize) {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { pack::pack::<V>(strip, target, width) }
            }

            /// # Safety
            /// That of [`zeros::find`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn find<V: Vector>(strip: &Strip<V::Element>, height: usize, lists: Option<Lists>) -> usize {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { zeros::find::<V>(strip, height, lists) }
            }

            /// # Safety
            /// That of [`zeros::is_finite`].
            $(#[target_feature(enable = $features)])?
            pub(super) unsafe fn is_finite<V: Vector>(strip: &Strip<V::Element>) -> bool {
                // SAFETY: passed on; the features of `V` are enabled here.
                unsafe { zeros::is_finite::<V>(strip) }
            }
        }
    };
}

wrappers!(portable);
#[cfg(target_arch = "x86_64")]
wrappers!(avx2, "avx2,fma");
#[cfg(target_arch = "x86_64")]
wrappers!(avx512, "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl");

/// A row of the table: its instruction set, its vector, the main widths; for each width its heights, one instance of the micro-kernel each; and how many
/// scalar products one, two, three and four rows form at a time.
macro_rules! row {
    ($isa:ident, $module:ident, $vector:ty, packed $packed:literal, in_place $in_place:literal, $([$vectors:literal: $($height:literal)*])* dots $($dot_columns:literal)*) => {{
        const OWN: Own<<$vector as Vector>::Element> = {
            let mut heights = [0; MOST_VECTORS];
            let mut tiles = [[None; MOST_ROWS]; MOST_VECTORS];
            $($(
                tiles[$vectors - 1][$height - 1] =
                    Some($module::tile::<$vector, $height, $vectors> as TileFn<<$vector as Vector>::Element>);
                heights[$vectors - 1] = $height;
                assert!($vectors * <$vector as Vector>::LANES * $height <= MOST_NUMBERS);
            )*)*
            Own {
                lanes: <$vector as Vector>::LANES,
                vectors: $packed,
                vectors_in_place: $in_place,
                heights,
                tiles,
                dots: dots!($module, $vector, $($dot_columns)*),
                dot_columns: [$($dot_columns),*],
                finish: $module::finish::<$vector>,
                gather: $module::gather::<$vector>,
                scatter: $module::scatter::<$vector>,
                pack: $module::pack::<$vector>,
                find: $module::find::<$vector>,
                is_finite: $module::is_finite::<$vector>,
                masks_are_free: <$vector as Vector>::MASKS_ARE_FREE,
            }
        };
        Row { name: stringify!($module), isa: Isa::$isa, engine: Engine::Own(OWN) }
    }};
}

macro_rules! dots {
    ($module:ident, $vector:ty, $one:literal $two:literal $three:literal $four:literal) => {
        [
            $module::dots::<$vector, 1, $one>,
            $module::dots::<$vector, 2, $two>,
            $module::dots::<$vector, 3, $three>,
            $module::dots::<$vector, 4, $four>,
        ]
    };
}

/// Tiles for sixteen registers: sums, the vectors of B, and one for A.
#[cfg(not(target_arch = "aarch64"))]
macro_rules! sixteen_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        row!($isa, $module, $vector, packed 2, in_place 2,
            [1: 1 2 3 4 5 6 7 8 9 10 11 12]
            [2: 1 2 3 4 5 6]
            [3: 1 2 3 4]
            [4: 1 2]
            dots 8 5 4 3)
    };
}

/// Tiles for thirty-two registers. A wider tile reads fewer numbers for each product, and writes lines of C that lie together; a higher one goes through
/// its panel less often, which counts when that comes from the second-level cache. (Measured, in shares of the peak: 1000³ packed 91 % with two vectors,
/// 93 % with three; 64×784 times 784×256, B packed, 92 % with two or three, 90 % with four; 64×256 times 256×128 in place 95.6, 96.0 and 97.7 %.)
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! thirty_two_registers {
    ($isa:ident, $module:ident, $vector:ty) => {
        row!($isa, $module, $vector, packed 3, in_place 4,
            [1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16]
            [2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14]
            [3: 1 2 3 4 5 6 7 8 9]
            [4: 1 2 3 4 5 6]
            dots 8 8 8 6)
    };
}

macro_rules! kernels {
    ($float:ident, $wide:ident, $wider:ident, $portable:literal) => {
        impl Kernels for $float {
            fn rows() -> &'static [Row<Self>] {
                static ROWS: &[Row<$float>] = &[
                    #[cfg(not(target_arch = "aarch64"))]
                    sixteen_registers!(Portable, portable, Array<$float, $portable>),
                    #[cfg(target_arch = "aarch64")]
                    thirty_two_registers!(Portable, portable, Array<$float, $portable>),
                    #[cfg(target_arch = "x86_64")]
                    sixteen_registers!(Avx2, avx2, crate::kernels::simd::$wide),
                    #[cfg(target_arch = "x86_64")]
                    thirty_two_registers!(Avx512, avx512, crate::kernels::simd::$wider),
                    Row { name: "matrixmultiply", isa: Isa::Portable, engine: Engine::Foreign(foreign::$float) },
                ];
                ROWS
            }
        }
    };
}

kernels!(f32, F32x8, F32x16, 4);
kernels!(f64, F64x4, F64x8, 2);

/// The row of the crate `matrixmultiply`.
mod foreign {
    use super::*;

    macro_rules! foreign {
        ($float:ident, $function:path) => {
            /// # Safety
            /// The three matrices of the product are valid, C is not shared.
            pub(super) unsafe fn $float(product: &Product<$float>) {
                let Product { rows, columns, depth, a, b, c, accumulate, finish } = *product;
                let kept = if accumulate { 1.0 } else { 0.0 };
                // SAFETY: the matrices are valid by this function's contract; C isn't read when `kept` is zero.
                unsafe {
                    $function(
                        rows, depth, columns, 1.0, a.data, a.row, a.column, b.data, b.row, b.column, kept, c.data,
                        c.row, c.column,
                    );
                }
                if finish.is_needed() {
                    for row in 0..rows {
                        for column in 0..columns {
                            // SAFETY: an element of C, just written, and its bias; one by one, so that any strides will do.
                            unsafe {
                                epilogue::finish::<Array<$float, 1>>(
                                    &finish.at(row, column),
                                    c.at(row, column),
                                    0,
                                    (1, 1),
                                );
                            }
                        }
                    }
                }
            }
        };
    }
    foreign!(f32, matrixmultiply::sgemm);
    foreign!(f64, matrixmultiply::dgemm);
}
