//! Rows in order: a stable radix sort, and the first few of an order without sorting all.

use super::parallel::{ELEMENTS_PER_TASK, fill, for_each_chunk, for_each_item};
use super::vectorize::{Kernel, vectorized};
use crate::scalar::Scalar;

/// Which elements of rows come first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    /// Elements of a row.
    pub(crate) count: usize,
    /// Elements that are wanted of each row, the first ones of the order.
    pub(crate) wanted: usize,
    /// Whether large elements come first. NaN counts as the largest.
    pub(crate) descending: bool,
}

/// Elements that a comparison sort puts in order faster than a radix sort.
const FEW: usize = 256;
/// Bits of a digit: its counts stay in the first cache.
const DIGIT: u32 = 11;
const DIGITS: usize = 1 << DIGIT;
/// Sorting takes some 5 ns an element.
const ELEMENTS_PER_SORT: usize = ELEMENTS_PER_TASK / 16;
/// Elements that are compared with the last one wanted at once.
const BLOCK: usize = 64;

/// An element's [`order_key`](Scalar::order_key) and its position in its row. No two of a row are equal, so that any
/// sort of items is a stable one of elements.
trait Item: Copy + Ord + Default + Send {
    /// Bits of the key.
    const BITS: u32;
    fn new(key: u64, position: usize) -> Self;
    fn key(self) -> u64;
    fn position(self) -> usize;
}

/// The key of an `f32`, then the position.
impl Item for u64 {
    const BITS: u32 = 32;
    #[inline(always)]
    fn new(key: u64, position: usize) -> Self {
        key << 32 | position as u64
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self >> 32
    }
    #[inline(always)]
    fn position(self) -> usize {
        self as u32 as usize
    }
}

/// The key of an `f64`, and the position.
impl Item for (u64, u32) {
    const BITS: u32 = 64;
    #[inline(always)]
    fn new(key: u64, position: usize) -> Self {
        (key, position as u32)
    }
    #[inline(always)]
    fn key(self) -> u64 {
        self.0
    }
    #[inline(always)]
    fn position(self) -> usize {
        self.1 as usize
    }
}

impl Order {
    /// For each row of `values` the elements wanted, in order, and their positions in the row. Equal elements stay in
    /// the order that they had.
    ///
    /// # Panics
    /// If a row has more than 2³² elements.
    pub(crate) fn rows<T: Scalar>(self, values: &[T], out: &mut [T], positions: &mut [i64]) {
        assert!(u32::try_from(self.count).is_ok(), "sort: a row of {} elements", self.count);
        assert!(out.len() == positions.len() && out.len() * self.count == values.len() * self.wanted);
        if out.is_empty() {
            return;
        }
        let per_task = if self.is_sort() { ELEMENTS_PER_SORT } else { ELEMENTS_PER_TASK };
        let rows = (per_task / self.count).max(1);
        let parts = out.chunks_mut(rows * self.wanted).zip(positions.chunks_mut(rows * self.wanted));
        let parts = values.chunks(rows * self.count).zip(parts);
        for_each_item(parts, |(values, (out, positions))| match T::NAME {
            "f32" => first_of_rows::<T, u64>(self, values, out, positions),
            _ => first_of_rows::<T, (u64, u32)>(self, values, out, positions),
        });
    }

    /// Whether so many elements are wanted that all are put in order.
    fn is_sort(self) -> bool {
        self.wanted > self.count / 8
    }

    #[inline(always)]
    fn item<T: Scalar, I: Item>(self, value: T, position: usize) -> I {
        let key = value.order_key();
        let ones = if I::BITS == 64 { u64::MAX } else { (1 << I::BITS) - 1 };
        I::new(if self.descending { key ^ ones } else { key }, position)
    }

    /// Whether an element may come before `last` in the order: also if one of them is not a number.
    #[inline(always)]
    fn may_precede<T: Scalar>(self, x: T, last: T) -> bool {
        let is_behind = if self.descending { x <= last } else { x >= last };
        !is_behind
    }
}

/// The items of a row, and as many more to sort them.
#[derive(Default)]
struct Items<I> {
    items: Vec<I>,
    other: Vec<I>,
}

/// The first elements of each row, and their positions. (Compiled once and not for each instruction set: integers are
/// sorted one by one.)
fn first_of_rows<T: Scalar, I: Item>(order: Order, values: &[T], out: &mut [T], positions: &mut [i64]) {
    let mut items = Items::<I>::default();
    let rows = values.chunks_exact(order.count).zip(out.chunks_exact_mut(order.wanted));
    for ((values, out), positions) in rows.zip(positions.chunks_exact_mut(order.wanted)) {
        if order.is_sort() {
            items.items.clear();
            items.items.extend(values.iter().enumerate().map(|(position, &x)| order.item::<T, I>(x, position)));
            sort(&mut items);
        } else {
            select(order, values, &mut items.items);
        }
        for ((out, position), item) in out.iter_mut().zip(positions).zip(&items.items) {
            (*out, *position) = (values[item.position()], item.position() as i64);
        }
    }
}

/// Sorts the items by their keys: digit by digit from the lowest one on, each time stably. A digit that all have in
/// common is left out.
fn sort<I: Item>(Items { items, other }: &mut Items<I>) {
    if items.len() <= FEW {
        return items.sort_unstable();
    }
    other.resize(items.len(), I::default());
    let mut counts = [0_u32; DIGITS];
    for pass in 0..I::BITS.div_ceil(DIGIT) {
        let digit = |item: &I| (item.key() >> (pass * DIGIT)) as usize % DIGITS;
        counts.fill(0);
        items.iter().for_each(|item| counts[digit(item)] += 1);
        if counts[digit(&items[0])] as usize == items.len() {
            continue;
        }
        let mut start = 0;
        for count in &mut counts {
            (*count, start) = (start, start + *count);
        }
        for item in &*items {
            let next = &mut counts[digit(item)];
            other[*next as usize] = *item;
            *next += 1;
        }
        std::mem::swap(items, other);
    }
}

/// The first items of the order, sorted: those that may precede the last one wanted so far are collected, and now and
/// then only the first ones of them kept.
fn select<T: Scalar, I: Item>(order: Order, values: &[T], items: &mut Vec<I>) {
    let most = (2 * order.wanted).max(2 * BLOCK) + BLOCK;
    let start = most.min(values.len());
    items.clear();
    items.extend(values[..start].iter().enumerate().map(|(position, &x)| order.item::<T, I>(x, position)));
    let keep = |items: &mut Vec<I>| {
        items.select_nth_unstable(order.wanted - 1);
        items.truncate(order.wanted);
        values[items[order.wanted - 1].position()]
    };
    let (mut last, mut first) = (keep(items), start);
    while let Some(blocks) = vectorized(FindBlock { order, values: &values[first..], last }) {
        first += blocks * BLOCK;
        let end = values.len().min(first + BLOCK);
        let found = values[first..end].iter().enumerate().filter(|&(_, &x)| order.may_precede(x, last));
        items.extend(found.map(|(index, &x)| order.item::<T, I>(x, first + index)));
        if items.len() + BLOCK > most {
            last = keep(items);
        }
        first = end;
    }
    keep(items);
    items.sort_unstable();
}

/// Finds the first block with an element that may precede `last`: how many blocks are before it.
struct FindBlock<'a, T> {
    order: Order,
    values: &'a [T],
    last: T,
}

impl<T: Scalar> Kernel for FindBlock<'_, T> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self) -> Option<usize> {
        let FindBlock { order, values, last } = self;
        for (index, block) in values.chunks(BLOCK).enumerate() {
            if block.iter().fold(false, |any, &x| any | order.may_precede(x, last)) {
                return Some(index);
            }
        }
        None
    }
}

/// Rows of zeros, `count` long, with the `wanted` values of each at their positions, of which no two are the same.
pub(crate) fn put_rows<T: Scalar>(values: &[T], positions: &[i64], wanted: usize, count: usize, out: &mut [T]) {
    if values.is_empty() || out.is_empty() {
        return fill(out, T::ZERO);
    }
    let rows = (ELEMENTS_PER_TASK / count).max(1);
    for_each_chunk(out, rows * count, |start, out| {
        let first = start / count * wanted;
        let chosen = values[first..].chunks_exact(wanted).zip(positions[first..].chunks_exact(wanted));
        for (out, (values, positions)) in out.chunks_exact_mut(count).zip(chosen) {
            out.fill(T::ZERO);
            values.iter().zip(positions).for_each(|(&value, &position)| out[position as usize] = value);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;
    use crate::kernels::simd::isa::Isa;
    use crate::kernels::vectorize::vectorized_for;

    /// The positions of the elements in order, by comparison.
    fn oracle<T: Scalar>(order: Order, values: &[T]) -> Vec<i64> {
        let mut positions: Vec<i64> = (0..values.len() as i64).collect();
        positions.sort_by(|&a, &b| {
            let [a, b] = [a, b].map(|position| values[position as usize]);
            let ascending = a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
            if order.descending { ascending.reverse() } else { ascending }
        });
        positions.truncate(order.wanted);
        positions
    }

    /// Rows with ties, zeros of both signs, infinities and NaN of both signs.
    fn elements<T: Scalar>(count: usize) -> Vec<T> {
        let special = [T::NAN, -T::NAN, T::INFINITY, T::NEG_INFINITY, T::ZERO, -T::ZERO, T::MIN_POSITIVE];
        let element = |i: usize| match i % 61 {
            rest if rest < special.len() => special[(rest + i / 61) % special.len()],
            _ => T::from_f64((i * 7919 % 10_007) as f64 / 16.0 - 300.0),
        };
        (0..3 * count).map(element).collect()
    }

    fn check<T: Scalar, I: Item>() {
        for count in [1, 2, 60, 256, 257, 1000, 5000] {
            let values = elements::<T>(count);
            for wanted in [1, 2, 7, count / 3, count].into_iter().filter(|&wanted| (1..=count).contains(&wanted)) {
                for descending in [false, true] {
                    let order = Order { count, wanted, descending };
                    let (mut out, mut positions) = (vec![T::ONE; 3 * wanted], vec![-1; 3 * wanted]);
                    first_of_rows::<T, I>(order, &values, &mut out, &mut positions);
                    for (row, values) in values.chunks(count).enumerate() {
                        let found = &positions[row * wanted..][..wanted];
                        assert_eq!(found, oracle(order, values), "{order:?}");
                        let same =
                            |(&at, out): (&i64, &T)| values[at as usize].to_f64().to_bits() == out.to_f64().to_bits();
                        assert!(found.iter().zip(&out[row * wanted..]).all(same), "{order:?}: elements");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_in_order() {
        check::<f32, u64>();
        check::<f64, (u64, u32)>();
    }

    #[test]
    fn the_first_block_that_may_precede_is_found_on_every_instruction_set() {
        for (length, at) in [(0, None), (1, Some(0)), (64, None), (1000, Some(63)), (1000, Some(64)), (1000, Some(999))]
        {
            for (descending, unusual) in [(true, 2.0), (false, -2.0), (true, f64::NAN), (false, f64::NAN)] {
                let mut values = vec![0.0; length];
                at.into_iter().for_each(|at: usize| values[at] = unusual);
                let order = Order { count: length, wanted: 1, descending };
                for &isa in Isa::available() {
                    let found = vectorized_for(isa, FindBlock { order, values: &values, last: 0.0 });
                    assert_eq!(found, at.map(|at| at / BLOCK), "{unusual} at {at:?} on {}", isa.name());
                }
            }
        }
    }

    #[test]
    fn the_order_is_the_same_on_any_number_of_threads() {
        let values = elements::<f32>(20_000);
        for wanted in [20, 20_000] {
            let order = Order { count: 20_000, wanted, descending: true };
            let run = |threads| {
                let (mut out, mut positions) = (vec![0.0; 3 * wanted], vec![-1; 3 * wanted]);
                with_threads(threads, || order.rows(&values, &mut out, &mut positions));
                positions
            };
            let wanted: Vec<i64> = values.chunks(20_000).flat_map(|values| oracle(order, values)).collect();
            assert!([1, 2, 3].into_iter().all(|threads| run(threads) == wanted));
        }
    }
}
