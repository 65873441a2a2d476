//! Products through tables of offsets, on every kernel set, against their definition.

use super::Random;
use crate::kernels::gemm::GemmKernels;
use crate::kernels::gemm::kernel_set::{Implementation, TileKernels, available};
use crate::kernels::gemm::offset_kernel::Step;
use crate::kernels::gemm::offset_product::{
    OffsetDots, OffsetProduct, OffsetTable, PanelShape, RowsOf, max_columns, transpose_into,
};
use crate::kernels::gemm::shared_sums::{SharedSums, Sum};
use ndarray::Array2;

/// A table of rows and steps anywhere in so many elements; some of many rows are side by side.
fn table(rows: usize, steps: usize, end: u32, random: &mut Random) -> (OffsetTable, Vec<u32>, Vec<Step>) {
    let mut offsets: Vec<u32> = (0..rows).map(|_| random.below(end as usize) as u32).collect();
    if let Some(beside) = offsets.get_mut(rows / 2 + 1..).filter(|_| rows > 13) {
        let first = random.below(end as usize - beside.len()) as u32;
        beside.iter_mut().zip(first..).for_each(|(row, offset)| *row = offset);
    }
    let steps: Vec<Step> = (0..steps)
        .map(|_| Step { a: random.below(end as usize) as u32, b: random.below(end as usize) as u32 })
        .collect();
    let table = OffsetTable::new((rows, offsets.iter().copied()), (steps.len(), steps.iter().copied()));
    (table, offsets, steps)
}

fn close<T: GemmKernels>(found: T, wanted: f64, steps: usize, what: &str) {
    let bound = (steps + 2) as f64 * T::EPSILON.to_f64() * (steps + 1) as f64;
    assert!((found.to_f64() - wanted).abs() <= bound, "{what}: {found} for {wanted}");
}

fn products<T: GemmKernels>(kernels: &TileKernels<T>, random: &mut Random) {
    const END: u32 = 50;
    let heights: &[usize] = if cfg!(miri) { &[3] } else { &[1, 2, 3, 7, 8, 13, 32, 37] };
    for rows_of in [RowsOf::A, RowsOf::B] {
        for &rows in heights {
            for steps in [0, 1, 5] {
                for columns in [1, kernels.lanes, 2 * kernels.lanes - 1, max_columns(kernels, rows)] {
                    let (table, offsets, steps) = table(rows, steps, END, random);
                    let whole = columns.next_multiple_of(kernels.lanes);
                    let a: Vec<T> = (0..2 * END).map(|_| random.value()).collect();
                    let b: Vec<T> = (0..2 * END as usize + whole).map(|_| random.value()).collect();
                    let before: Vec<T> = (0..rows * (columns + 3)).map(|_| random.value()).collect();
                    for accumulate in [false, true] {
                        let mut c = before.clone();
                        let range = rows / 2..rows;
                        let (a, b) = (&a[..], &b[..]);
                        let product = OffsetProduct {
                            kernels,
                            table: &table,
                            rows_of,
                            rows: range.clone(),
                            a,
                            b,
                            columns,
                            accumulate,
                        };
                        product.write(&mut c, columns + 3);
                        for (index, &found) in c.iter().enumerate() {
                            let (row, column) = (rows / 2 + index / (columns + 3), index % (columns + 3));
                            if row >= rows || column >= columns {
                                assert!(found == before[index], "wrote outside C");
                                continue;
                            }
                            let offset = offsets[row] as usize;
                            let (at_a, at_b) = if rows_of == RowsOf::A { (offset, 0) } else { (0, offset) };
                            let product = |step: &Step| {
                                let a = a[at_a + step.a as usize].to_f64();
                                a * b[at_b + step.b as usize + column].to_f64()
                            };
                            let start = if accumulate { before[index].to_f64() } else { 0.0 };
                            let wanted = start + steps.iter().map(product).sum::<f64>();
                            close(found, wanted, steps.len(), &format!("{rows_of:?} {rows} × {columns}"));
                        }
                    }
                }
            }
        }
    }
}

fn dots<T: GemmKernels>(kernels: &TileKernels<T>, random: &mut Random) {
    for rows in [1, 7, 11] {
        for (count, whole) in [(0, 0), (3, 3), (4, 2), (2, 0)] {
            let (table, offsets, steps) = table(rows, count, 20, random);
            let rest = 1 + random.below(kernels.lanes);
            let mut values = || (0..40 + kernels.lanes).map(|_| random.value()).collect::<Vec<T>>();
            let (a, b, before) = (values(), values(), values());
            for accumulate in [false, true] {
                let mut c = before[..rows].to_vec();
                let (a, b) = (&a[..], &b[..]);
                OffsetDots { kernels, table: &table, whole, rest, a, b, accumulate }.write(&mut c);
                for (row, &found) in c.iter().enumerate() {
                    let mut wanted = if accumulate { before[row].to_f64() } else { 0.0 };
                    for (index, step) in steps.iter().enumerate() {
                        for lane in 0..if index < whole { kernels.lanes } else { rest } {
                            let b = b[(offsets[row] + step.b) as usize + lane].to_f64();
                            wanted += a[step.a as usize + lane].to_f64() * b;
                        }
                    }
                    close(found, wanted, count * kernels.lanes, "dots");
                }
            }
        }
    }
}

fn panels<T: GemmKernels>(kernels: &TileKernels<T>, random: &mut Random) {
    // Panels of one width, of which the last one has fewer vectors of columns: five make three and two.
    let columns = [1, kernels.lanes, 3 * kernels.lanes + 2, 4 * kernels.lanes + 1, 5 * kernels.lanes];
    for (columns, depth, is_transposed) in
        columns.into_iter().flat_map(|columns| [(columns, 7, false), (columns, 5, true), (columns, 1, true)])
    {
        let matrix = if is_transposed {
            Array2::from_shape_fn((columns, depth), |_| random.value::<T>()).reversed_axes()
        } else {
            Array2::from_shape_fn((depth, columns), |_| random.value::<T>())
        };
        let shape = PanelShape::new(kernels, columns, depth);
        let mut packed = vec![T::NAN; shape.elements()];
        let (above, below) = matrix.view().split_at(ndarray::Axis(0), depth / 2);
        shape.pack(kernels, [above, below].into_iter(), &mut packed);
        let mut back = vec![T::NAN; columns * (depth + 2)];
        for (range, panel) in shape.panels(&packed) {
            let out = &mut back[range.start * (depth + 2)..];
            transpose_into(kernels, panel, (depth, range.len(), shape.width()), out, depth + 2);
        }
        for (column, back) in back.chunks_exact(depth + 2).enumerate() {
            assert_eq!(back[..depth], matrix.column(column).to_vec());
            assert!(back[depth..].iter().all(|value| value.is_nan()), "wrote between the columns");
        }
    }
}

/// Sums of no step and of some, for every count of rows and vectors that has tiles, written apart and over each other.
fn sums<T: GemmKernels>(kernels: &TileKernels<T>, random: &mut Random) {
    let (rows, vectors): (&[usize], &[usize]) = if cfg!(miri) { (&[3], &[2]) } else { (&[1, 3, 5, 9], &[1, 3, 5, 11]) };
    for (&rows, &vectors) in rows.iter().flat_map(|rows| vectors.iter().map(move |vectors| (rows, vectors))) {
        let (columns, stride) = (vectors * kernels.lanes, vectors * kernels.lanes + 3);
        let offsets: Vec<u32> = (0..rows).map(|_| random.below(40) as u32).collect();
        let steps: Vec<Step> =
            (0..7).map(|_| Step { a: random.below(40) as u32, b: random.below(40) as u32 }).collect();
        let apart = (rows * stride) as u32;
        for (accumulate, places) in [(false, [0, apart, 2 * apart]), (true, [4, 0, 4])] {
            let ends = [3, 3, 7];
            let list: Vec<Sum> = ends.into_iter().zip(places).map(|(end, c)| Sum { end, c }).collect();
            let mut values = |count: usize| (0..count).map(|_| random.value()).collect::<Vec<T>>();
            let (a, b, before) = (values(40), values(80 + columns), values(3 * rows * stride));
            let mut wanted: Vec<f64> = before.iter().map(|value| value.to_f64()).collect();
            for (steps, &Sum { c, .. }) in [&steps[..3], &[], &steps[3..]].into_iter().zip(&list) {
                for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                    let product = |step: &Step| {
                        a[step.a as usize].to_f64() * b[(offsets[row] + step.b) as usize + column].to_f64()
                    };
                    let to = &mut wanted[c as usize + row * stride + column];
                    *to = steps.iter().map(product).sum::<f64>() + if accumulate { *to } else { 0.0 };
                }
            }
            let mut c = before;
            let of = SharedSums { kernels, rows: &offsets, a: &a, b: &b, columns, accumulate };
            of.write(&steps, &list, &mut c, stride);
            for (&found, wanted) in c.iter().zip(wanted) {
                close(found, wanted, steps.len(), &format!("sums of {rows} rows and {vectors} vectors"));
            }
        }
    }
}

fn all<T: GemmKernels>() {
    let random = &mut Random(7);
    for set in available::<T>() {
        if let Implementation::Tiles(kernels) = &set.implementation {
            products(kernels, random);
            dots(kernels, random);
            panels(kernels, random);
            sums(kernels, random);
        }
    }
}

#[test]
fn products_through_offsets_are_as_they_are_defined() {
    all::<f32>();
    all::<f64>();
}

fn portable() -> &'static TileKernels<f32> {
    let kernels = available::<f32>().find_map(|set| match &set.implementation {
        Implementation::Tiles(kernels) if kernels.lanes == 4 => Some(kernels),
        _ => None,
    });
    kernels.expect("the portable kernels")
}

/// Sums of two rows of four elements.
fn two_rows(steps: &[Step], sums: &[Sum], c: &mut [f32]) {
    let (rows, a, b) = (&[0, 5], &[1.0; 11], &[1.0; 20]);
    SharedSums { kernels: portable(), rows, a, b, columns: 4, accumulate: false }.write(steps, sums, c, 4);
}

#[test]
#[should_panic(expected = "a sum reads 12 of 11 and 9 of 20 elements")]
fn a_step_beyond_its_slice_is_refused() {
    two_rows(&[Step { a: 11, b: 0 }], &[Sum { end: 1, c: 0 }], &mut [0.0; 8]);
}

#[test]
#[should_panic(expected = "a sum is written to 9 of 8 elements")]
fn a_sum_beyond_its_slice_is_refused() {
    two_rows(&[Step { a: 0, b: 0 }], &[Sum { end: 1, c: 1 }], &mut [0.0; 8]);
}

#[test]
#[should_panic(expected = "sums whose ends do not rise")]
fn sums_that_do_not_rise_are_refused() {
    two_rows(&[Step { a: 0, b: 0 }; 2], &[Sum { end: 2, c: 0 }, Sum { end: 1, c: 8 }], &mut [0.0; 16]);
}

#[test]
#[should_panic(expected = "an offset product reads 12 of 11 and 4 of 4 elements")]
fn an_offset_beyond_its_slice_is_refused() {
    let rows = [0, 5].into_iter();
    let table = OffsetTable::new((2, rows), (1, std::iter::once(Step { a: 6, b: 0 })));
    let (kernels, a, b) = (portable(), &[1.0; 11], &[1.0; 4]);
    let rows_of = RowsOf::A;
    let product = OffsetProduct { kernels, table: &table, rows_of, rows: 0..1, a, b, columns: 1, accumulate: false };
    product.write(&mut [0.0; 1], 1);
}
