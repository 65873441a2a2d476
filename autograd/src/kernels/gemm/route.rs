//! Which way a product goes: what is copied before it is read, and along which dimension of C the vectors run. It follows from the whole product.

use super::blocking::caches;
use super::product::Product;
use super::table::Own;
use crate::scalar::Scalar;

/// What is copied before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Path {
    /// Neither operand: small and medium products.
    InPlace,
    /// B: it is read in vectors, and its vectors are not adjacent numbers.
    PackedColumns,
    /// Both: large products.
    Packed,
    /// Nothing, and vectors run along the depth: few rows or few columns, both operands lying along the depth.
    Dots,
}

impl Path {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Path; 4] = [Path::InPlace, Path::PackedColumns, Path::Packed, Path::Dots];
}

/// The way a product goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Route {
    pub(crate) path: Path,
    /// Whether Cᵀ = Bᵀ·Aᵀ is computed instead: then vectors run along the rows of C.
    pub(crate) turned: bool,
}

impl Route {
    /// Whether a product can go this way.
    #[inline]
    pub(super) fn fits<T>(self, product: &Product<T>) -> bool {
        match self.path {
            Path::InPlace if self.turned => product.a.row == 1 || product.rows == 1,
            Path::InPlace => product.b.column == 1 || product.columns == 1,
            Path::PackedColumns | Path::Packed => true,
            Path::Dots => (product.a.column == 1 && product.b.row == 1) || product.depth <= 1,
        }
    }
}

/// The cost of a product with its vectors along the columns of C, of whose steps a row tile takes a share, in multiply-adds of a vector.
///
/// The constants were measured with vectors of sixteen `f32`; they only have to put the routes into the right order.
#[inline]
fn cost<T: Scalar>(lanes: usize, product: &Product<T>, share: f32) -> f32 {
    let (rows, columns, depth) = (product.rows as f32, product.columns as f32, product.depth as f32);
    let vectors = product.columns.div_ceil(lanes);
    // A single vector of columns meets a number of A at every multiply-add, and the loads of those are in the way.
    let sums = share * rows * vectors as f32 * depth * if vectors == 1 { 1.1 } else { 1.0 };
    let packing = columns * depth * by_lie(product.b.column, product.b.row, product.columns, [0.0, 2.5, 16.0]);
    let scattering = rows * columns * by_lie(product.c.column, product.c.row, product.columns, [0.0, 5.0, 16.0]);
    sums + (packing + scattering) / lanes as f32
}

/// The first of three costs if the numbers of a row are adjacent, the second if those of a column are, else the third.
#[inline]
fn by_lie(column: isize, row: isize, columns: usize, costs: [f32; 3]) -> f32 {
    if column == 1 || columns == 1 {
        costs[0]
    } else if row == 1 {
        costs[1]
    } else {
        costs[2]
    }
}

/// Chooses the way of a product of which each row tile takes all steps.
#[inline]
pub(super) fn route<T: Scalar>(own: &Own<T>, product: &Product<T>) -> Route {
    let lanes = own.lanes;
    let turned = product.transposed();
    let straight_cost = cost(lanes, product, 1.0);
    let turned_cost = cost(lanes, &turned, 1.0);
    if (Route { path: Path::Dots, turned: false }).fits(product) {
        // A scalar product ends with the sum of a vector's lanes.
        let vectors = product.depth.div_ceil(lanes) as f32;
        let dots_cost = product.rows as f32 * product.columns as f32 * (vectors + 3.0);
        if dots_cost < straight_cost.min(turned_cost) {
            return Route { path: Path::Dots, turned: product.rows > product.columns };
        }
    }
    if turned_cost < straight_cost {
        Route { path: path(&turned), turned: true }
    } else {
        Route { path: path(product), turned: false }
    }
}

/// Chooses again for a product of which a row tile takes a share of the steps, and one of the transposed product another; but only among ways that
/// give the same bits, so that the sums of a row don't depend on zeros in others.
pub(super) fn reroute<T: Scalar>(own: &Own<T>, product: &Product<T>, shares: [f32; 2], dense: Route) -> Route {
    let turned = product.transposed();
    let is_turned = cost(own.lanes, &turned, shares[1]) < cost(own.lanes, product, shares[0]);
    let route = Route { path: path(if is_turned { &turned } else { product }), turned: is_turned };
    if give_the_same_bits(dense, route) { route } else { dense }
}

/// Whether both ways add up the same terms in the same order: vectors along the depth don't.
fn give_the_same_bits(one: Route, other: Route) -> bool {
    one == other || one.path != Path::Dots && other.path != Path::Dots
}

/// Rows of C up to which B is read in place although its rows collide: packing it would cost more than the row tiles that follow save.
const FEW_ROWS: usize = 64;

/// Chooses the path of a product whose vectors run along the columns of C.
#[inline]
fn path<T: Scalar>(product: &Product<T>) -> Path {
    let Product { rows, columns, depth, a, b, .. } = *product;
    let size = size_of::<T>();
    // B in place is read again for each row tile: from the second-level cache, or a little more, that is as good as packed.
    let is_far = rows > 28 && depth * columns * size > caches().second * 5 / 2;
    // A in place is read again for each panel. Rows that lie along the depth are as many streams, which the hardware foresees; a step across
    // many rows is a page each.
    let packs_a = rows > 14 && columns > 64 && (collides(a.row, size) || is_far && a.column != 1);
    if packs_a {
        Path::Packed
    } else if is_far || b.column != 1 && columns > 1 || collides(b.row, size) && rows > FEW_ROWS {
        Path::PackedColumns
    } else {
        Path::InPlace
    }
}

/// Whether a stride (in bytes) puts all rows of a matrix into a few sets of the cache.
pub(super) fn collides(stride: isize, size: usize) -> bool {
    let bytes = stride.unsigned_abs() * size;
    bytes >= 4096 && bytes.is_multiple_of(4096)
}
