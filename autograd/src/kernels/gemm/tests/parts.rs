//! Dot products whose registers hold parts of several rows: tiles of all heights and widths, depths that end inside a
//! part, blocks of rows.

use super::*;
use crate::kernels::parallel::with_threads;

const BY_PARTS: Option<Choice> = Some(Choice { path: Path::DotsByParts, transposed: false });

fn all<T: GemmKernels>() {
    let random = &mut Random(11);
    for set in kernel_set::available::<T>().filter(|set| set.tile().is_some()) {
        for (rows, columns) in (4..=20).flat_map(|rows| (4..=20).map(move |columns| (rows, columns))) {
            for depth in [0, 1, 3, 4, 7, 64, 65] {
                let layouts = [Layout::Rows, Layout::Columns, random.of(&Layout::ALL)];
                let extents = Extents { rows, columns, depth };
                let case = Case { extents, layouts, epilogue: random.below(EPILOGUES) };
                assert!(check(set, BY_PARTS, case, random), "{} {case:?}", set.name());
            }
        }
    }
}

#[test]
fn every_tile_is_computed_f32() {
    all::<f32>();
}

#[test]
fn every_tile_is_computed_f64() {
    all::<f64>();
}

#[test]
fn blocks_of_rows_have_the_bits_of_their_rows() {
    // Rows of 6 KB are gone through 48 at a time, and more than one task's are cut between threads; few rows are not,
    // but their columns are.
    for (rows, columns) in [(203, 21), (21, 203)] {
        blocks_have_the_bits_of_their_rows(Extents { rows, columns, depth: 1501 });
    }
}

fn blocks_have_the_bits_of_their_rows(extents: Extents) {
    let random = &mut Random(12);
    let layouts = [Layout::Rows, Layout::Columns, Layout::Rows];
    for set in kernel_set::available::<f32>().filter(|set| set.tile().is_some()) {
        for epilogue in 0..EPILOGUES {
            let case = Case { extents, layouts, epilogue };
            let a = Guarded::<f32>::operand((extents.rows, extents.depth), layouts[0], random);
            let matrices = Matrices::new(case, a, random);
            let run = |threads| {
                matrices.run(case, set.name(), |product| {
                    // SAFETY: buffers of fitting shapes that live on; the kernel set is one of the available ones.
                    with_threads(threads, || unsafe { run_on(set, BY_PARTS, product) })
                })
            };
            let found = run(1);
            matrices.check(case, set.name(), &found);
            assert!([2, 3].into_iter().all(|threads| run(threads) == found), "{}: threads change bits", set.name());
            // Neither a row's tile nor its place in a register shows in its bits.
            let rows = 5;
            let of_few = matrices.run(case, set.name(), |product| {
                let few = Product { extents: Extents { rows, ..extents }, ..*product };
                // SAFETY: as above; the first rows of the same matrices.
                unsafe { run_on(set, BY_PARTS, &few) }
            });
            let end = rows * extents.columns;
            assert!(of_few[..end] == found[..end], "{}: the other rows change bits", set.name());
        }
    }
}
