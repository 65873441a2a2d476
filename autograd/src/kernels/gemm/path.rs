//! Which path a product takes: what is copied before it is read, and along which dimension of C the vectors run. The
//! choice follows from the whole product, never from the number of threads.

use super::caches::{Caches, Costs, caches, collides, costs, second_level};
use super::cost::{self, Cost};
use super::kernel_set::TileKernels;
use super::part_loops::FEWEST_COLUMNS;
use super::product::{Extents, Operand, Product};
use crate::scalar::Scalar;

/// What is copied before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::kernels) enum Path {
    /// Neither operand: small and medium products.
    InPlace,
    /// B: it is read in vectors, and its vectors are not adjacent elements.
    PackedB,
    /// A and B: large products.
    Packed,
    /// Nothing, and vectors run along the depth: few rows or few columns, both operands contiguous along the depth.
    Dots,
    /// Nothing, and vectors hold parts of several rows: the same with more rows and columns, four of each at least.
    DotsByParts,
    /// B, by columns: few columns of a B that lies by rows, of which dot products are formed then, by parts or not.
    DotsOfCopy,
}

impl Path {
    /// All of them.
    #[cfg(test)]
    pub(in crate::kernels) const ALL: [Path; 6] =
        [Path::InPlace, Path::PackedB, Path::Packed, Path::Dots, Path::DotsByParts, Path::DotsOfCopy];

    /// Whether B is packed.
    #[inline]
    pub(super) fn packs_b(self) -> bool {
        matches!(self, Path::PackedB | Path::Packed)
    }

    /// Whether vectors run along the depth.
    #[inline]
    pub(in crate::kernels) fn is_dots(self) -> bool {
        matches!(self, Path::Dots | Path::DotsByParts | Path::DotsOfCopy)
    }
}

/// The path of a product, and whether it is the transposed product that takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::kernels) struct Choice {
    pub(in crate::kernels) path: Path,
    /// Whether Cᵀ = Bᵀ·Aᵀ is computed instead: then vectors run along the rows of C.
    pub(in crate::kernels) transposed: bool,
}

impl Choice {
    /// Whether a product can take this path.
    #[inline]
    pub(super) fn fits<T>(self, product: &Product<T>) -> bool {
        let Product { extents, a, b, .. } = product;
        match self.path {
            Path::InPlace if self.transposed => a.row_stride == 1 || extents.rows == 1,
            Path::InPlace => b.column_stride == 1 || extents.columns == 1,
            Path::PackedB | Path::Packed => true,
            Path::Dots => are_dots(product),
            Path::DotsByParts => are_dots(product) && extents.rows.min(extents.columns) >= FEWEST_COLUMNS,
            Path::DotsOfCopy if self.transposed => b.row_stride == 1,
            Path::DotsOfCopy => a.column_stride == 1,
        }
    }
}

/// Whether both operands are contiguous along the depth.
#[inline(always)]
fn are_dots<T>(product: &Product<T>) -> bool {
    let Product { extents, a, b, .. } = product;
    (a.column_stride == 1 && b.row_stride == 1) || extents.depth <= 1
}

/// Chooses the path of a product.
#[inline]
pub(in crate::kernels) fn choose<T: Scalar>(kernels: &TileKernels<T>, product: &Product<T>) -> Choice {
    let lanes = kernels.lanes;
    let are_dots = are_dots(product);
    if are_dots && product.extents.rows == 1 && product.extents.depth >= 2 * lanes {
        // So the costs have it, whatever the columns are; to compute them takes a tenth of a small product's time.
        return Choice { path: Path::Dots, transposed: false };
    }
    if are_plainly_rows(lanes, product) {
        return Choice { path: along_columns(lanes, product), transposed: false };
    }
    let (transposed, costs) = (product.transposed(), costs());
    let straight_cost = Cost::of(kernels, costs, product).total();
    let transposed_cost = Cost::of(kernels, costs, &transposed).total();
    let other_cost = straight_cost.min(transposed_cost);
    if are_dots {
        let (choice, dots_cost) = as_dots(kernels, costs, product);
        if dots_cost < other_cost {
            return choice;
        }
    }
    if let Some(choice) = dots_of_copy(kernels, costs, [product, &transposed], other_cost) {
        return choice;
    }
    if transposed_cost < straight_cost {
        Choice { path: along_columns(lanes, &transposed), transposed: true }
    } else {
        Choice { path: along_columns(lanes, product), transposed: false }
    }
}

/// Whether dot products with the columns of a copy of B, of which there are few, cost less than so much: those of the
/// product or of the transposed one.
///
/// (GFLOP/s of `f32` on one thread of a Granite Rapids, before and with it: 512×784 times 784×2 29 and 97, 784×4 51 and
/// 145, 784×10 95 and 155, 784×20 115 and 157; 64×784 times 784×8 80 and 136, 512×100 times 100×4 46 and 112.)
#[inline]
fn dots_of_copy<T>(
    kernels: &TileKernels<T>,
    costs: &Costs,
    products: [&Product<T>; 2],
    other_cost: f32,
) -> Option<Choice> {
    let cost_of_copy = |product: &&Product<T>| {
        let Product { extents: Extents { columns, depth, .. }, a, b, .. } = product;
        // The copy is read again for each tile of rows, and whole bands of adjacent elements are transposed.
        let is_near = *columns <= 2 * kernels.lanes && depth * columns * size_of::<T>() <= second_level() / 2;
        let fits = is_near && a.column_stride == 1 && (b.column_stride == 1 || *columns == 1);
        fits.then(|| as_dots(kernels, costs, product).1 + cost::of_columns(kernels, costs, *columns, *depth))
    };
    let is_cheaper = |product: &Product<T>| cost_of_copy(&product).is_some_and(|cost| cost < other_cost);
    let transposed = products.into_iter().position(is_cheaper)? == 1;
    Some(Choice { path: Path::DotsOfCopy, transposed })
}

/// How dot products are computed, and what they cost.
#[inline]
pub(super) fn as_dots<T>(kernels: &TileKernels<T>, costs: &Costs, product: &Product<T>) -> (Choice, f32) {
    let extents @ Extents { rows, columns, .. } = product.extents;
    let dots_cost = cost::of_dots(kernels, costs, extents);
    let dots = Choice { path: Path::Dots, transposed: rows > columns };
    if rows.min(columns) < FEWEST_COLUMNS {
        return (dots, dots_cost);
    }
    // Parts are written fastest where the columns of C are adjacent.
    let transposed = product.c.column_stride != 1 && product.c.row_stride == 1;
    let extents = if transposed { Extents { rows: columns, columns: rows, ..extents } } else { extents };
    let parts_cost = cost::of_parts(kernels, costs, extents);
    if parts_cost < dots_cost {
        (Choice { path: Path::DotsByParts, transposed }, parts_cost)
    } else {
        (dots, dots_cost)
    }
}

/// Whether the costs need not be computed: vectors of B and of C are adjacent elements, and full. Then nothing is
/// copied, and the transposed product has no fewer vectors. (32³ on a Zen 4: 100 and 104 GFLOP/s.)
#[inline(always)]
fn are_plainly_rows<T>(lanes: usize, product: &Product<T>) -> bool {
    let Product { extents: Extents { columns, depth, .. }, b, c, .. } = product;
    let are_adjacent = b.column_stride == 1 && c.column_stride == 1;
    // Of dot products, whose columns of B are adjacent elements as well, the depth is one, or B is a column.
    are_adjacent && b.row_stride != 1 && *depth > 1 && *columns > lanes && columns & (lanes - 1) == 0
}

/// Rows of C up to which B is read in place although its rows collide in the cache: packing it would cost more than the
/// row tiles that follow save.
const FEW_ROWS: usize = 64;

/// Rows of C from which on B is packed as soon as it is read more slowly in place.
pub(super) const MANY_ROWS: usize = 100;

/// Rows of C beyond which a transposed A is packed: there are blocks of rows for several threads then.
const ROWS_ACROSS: usize = 256;
/// Steps of the depth from which on that is so for as many rows, too.
const STEPS_ACROSS: usize = 256;
/// Columns of C from which on that is so although B is near, where packing is worth it early: each packed element is
/// read for several panels. Where the steps of A collide, fewer columns are enough.
const COLUMNS_ACROSS: usize = 256;

/// The path of a product whose vectors run along the columns of C.
#[inline]
pub(in crate::kernels) fn along_columns<T: Scalar>(lanes: usize, product: &Product<T>) -> Path {
    let Product { extents: Extents { rows, columns, .. }, a, b, .. } = *product;
    let size = size_of::<T>();
    if steps_of_few_rows(product, &caches()).is_some() {
        return Path::InPlace;
    }
    let is_far = is_far(lanes, product);
    let is_scattered = a.column_stride != 1 && is_scattered(product, is_far);
    // Where blocks of B stay in the cache and the rows of A pass by, few of these are read at a time: they may
    // collide.
    let rows_pass = caches().block_of_b.is_some() && rows > MANY_ROWS && a.column_stride == 1;
    let row_collides = collides(a.row_stride, size);
    let packs_a = rows > 14 && columns > 64 && (row_collides && !rows_pass || is_scattered);
    if packs_a {
        Path::Packed
    } else if is_far || packs_near_b(b, rows, columns) || row_collides && rows_pass {
        Path::PackedB
    } else {
        Path::InPlace
    }
}

/// How many rows of B are read before the next ones if few rows of A meet a B that does not stay in the second-level
/// cache; `None` where the five loops are as fast.
///
/// Measured on a Granite Rapids, whose core copies 28 GB/s from the third level, GFLOP/s of `f32` without and with it,
/// on one thread and on two: 4×2048 times 2048×2048 40 and 55, 81 and 107; 16×600 times 600×1024 88 and 135, 171 and
/// 241; 64×1024 times 1024×1024 129 and 155, 226 and 291. Where B's rows do not collide, 64×768 times 768×768 158 and
/// 160, but 324 and 297; and 6×1024 times 1024×1024 83 and 81, 163 and 128. On a Zen 4 it was measured for one row
/// alone: 1×4096 times 4096×4096 4.9 and 10.7.
#[inline]
pub(super) fn steps_of_few_rows<T>(product: &Product<T>, caches: &Caches) -> Option<usize> {
    let Extents { rows, columns, depth } = product.extents;
    let are_adjacent = product.b.column_stride == 1 && product.c.column_stride == 1;
    let (most_rows, near_bytes) = match caches.packs_early {
        // A single row tile reads B once in any case.
        true if rows <= 6 => (6, 4 * caches.second),
        true if collides(product.b.row_stride, size_of::<T>()) => (MANY_ROWS, caches.second - 1),
        true => (MANY_ROWS, 2 * caches.second),
        false => (2, caches.third / 2),
    };
    if !are_adjacent || rows > most_rows || depth * columns * size_of::<T>() <= near_bytes {
        return None;
    }
    // The more rows there are, the longer it takes to go on with the sums of all of them.
    Some(match rows {
        0..=2 => 8,
        3..=16 => 32,
        _ => 64,
    })
}

/// Whether a transposed A is packed. In place it is read again for each panel. Rows that are contiguous along the depth
/// are as many streams, which the hardware foresees; a step across many rows is a page each, and the lines of steps
/// that collide evict each other.
///
/// A core that does one multiply-add of whole vectors in a cycle reads it in place as fast as it needs it, but for
/// steps that collide.
/// (Measured on a Zen 4, packed and in place, GFLOP/s on one and two threads: 512³ 111 and 114, 158 and 217; 1000³ 109
/// and 111, 199 and 211; 1024×512 times 512×128, whose steps collide, 101 and 114, 147 and 225; but 2048×1024 times
/// 1024×128, which has 8 MiB, 99 and 86, 156 and 206, and 1024³ 110 and 103, 193 and 203.)
fn is_scattered<T>(product: &Product<T>, is_far: bool) -> bool {
    let Product { extents: Extents { rows, columns, depth }, a, .. } = product;
    let (size, caches) = (size_of::<T>(), caches());
    let steps_collide = collides(a.column_stride, size);
    if caches.packs_early {
        // (On a Granite Rapids, GFLOP/s in place and packed: 256×512 times 512×784 160 and 171, 256×64 times 64×784 192
        // and 187.)
        let is_long = *rows > ROWS_ACROSS || *rows == ROWS_ACROSS && *depth >= STEPS_ACROSS;
        return is_far || is_long && (*columns > COLUMNS_ACROSS || steps_collide);
    }
    steps_collide && *rows > ROWS_ACROSS && (is_far || rows * depth * size > 4 * caches.second)
}

/// Whether B is packed, as [`along_columns`] has it.
pub(in crate::kernels) fn packs_b<T: Scalar>(lanes: usize, product: &Product<T>) -> bool {
    is_far(lanes, product) || packs_near_b(product.b, product.extents.rows, product.extents.columns)
}

/// Whether B is too large to be read in place again for each row tile. Where A is transposed, only a part of it is: the
/// depth is cut into blocks.
#[inline]
fn is_far<T>(lanes: usize, product: &Product<T>) -> bool {
    let Extents { rows, columns, depth } = product.extents;
    let (bytes, caches) = (depth * columns * size_of::<T>(), caches());
    let begins_a_line = |distance: usize| distance.is_multiple_of(64);
    let row_bytes = product.b.row_stride.unsigned_abs() * size_of::<T>();
    let crosses_lines = !(begins_a_line(product.b.data.addr()) && begins_a_line(row_bytes));
    let in_place = caches.in_place(lanes * size_of::<T>(), crosses_lines);
    let is_large = rows > MANY_ROWS && product.a.column_stride == 1 && bytes > in_place;
    rows > 28 && (is_large || bytes > caches.second * 5 / 2)
}

/// Whether a small B is packed: its vectors are not adjacent elements, or its rows collide.
#[inline]
fn packs_near_b<T>(b: Operand<T>, rows: usize, columns: usize) -> bool {
    b.column_stride != 1 && columns > 1 || collides(b.row_stride, size_of::<T>()) && rows > FEW_ROWS
}
