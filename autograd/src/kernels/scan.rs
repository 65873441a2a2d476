//! Running results along one dimension of a dense array, seen as `[outer, count, inner]`.

use smallvec::SmallVec;

use super::parallel::{ELEMENTS_PER_TASK, for_each_chunk, for_each_item};
use crate::dimensions::pushed;

/// From which end a scan starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Start,
    End,
}

/// Columns of a task at least: a cache line.
const MIN_COLUMNS: usize = 16;

/// Writes, for each position along the middle dimension, what `step` makes of it and of the state that the positions
/// before it left; the state begins as `first`. Positions are those in the whole array.
pub(crate) fn scan<E: Send, S: Copy + Sync>(
    [outer, count, inner]: [usize; 3],
    from: From,
    first: S,
    step: impl Fn(&mut S, usize) -> E + Sync,
    out: &mut [E],
) {
    assert_eq!(out.len(), outer * count * inner, "scan: the output's length");
    if out.is_empty() {
        return;
    }
    if inner == 1 {
        return scan_rows(count, from, first, &step, out);
    }
    // Tasks are whole arrays [count, inner], several to a task or, of few, cut into columns.
    let arrays = (ELEMENTS_PER_TASK / (count * inner)).max(1);
    let columns = (ELEMENTS_PER_TASK / count).max(MIN_COLUMNS);
    let mut items: Vec<Task<'_, E>> = Vec::new();
    for (index, out) in out.chunks_mut(arrays * count * inner).enumerate() {
        let start = index * arrays * count * inner;
        if columns >= inner {
            items.push(Task { start, rows: pushed(out.chunks_exact_mut(inner)) });
            continue;
        }
        let starts = (start..start + inner).step_by(columns);
        let mut parts = pushed(starts.map(|start| Task { start, rows: Vec::with_capacity(count) }));
        for row in out.chunks_exact_mut(inner) {
            parts.iter_mut().zip(row.chunks_mut(columns)).for_each(|(part, row)| part.rows.push(row));
        }
        items.extend(parts);
    }
    for_each_item(items, |Task { start, mut rows }| {
        let width = rows[0].len();
        let mut states = vec![first; width];
        for (array, rows) in rows.chunks_exact_mut(count).enumerate() {
            states.fill(first);
            for position in 0..count {
                let position = if let From::Start = from { position } else { count - 1 - position };
                let first = start + (array * count + position) * inner;
                for ((at, state), out) in (first..).zip(&mut states).zip(&mut *rows[position]) {
                    *out = step(state, at);
                }
            }
        }
    });
}

/// Rows that are walked together: each step waits for the one before it in its row, but for no other row's.
const ROWS: usize = 8;

fn scan_rows<E: Send, S: Copy + Sync>(
    count: usize,
    from: From,
    first: S,
    step: &(impl Fn(&mut S, usize) -> E + Sync),
    out: &mut [E],
) {
    let together = (ELEMENTS_PER_TASK / count).max(1).next_multiple_of(ROWS);
    for_each_chunk(out, together * count, |start, out| {
        for (index, out) in out.chunks_mut(ROWS * count).enumerate() {
            let start = start + index * ROWS * count;
            let mut rows: SmallVec<[&mut [E]; ROWS]> = out.chunks_exact_mut(count).collect();
            match <&mut [&mut [E]; ROWS]>::try_from(&mut rows[..]) {
                Ok(rows) => scan_together(rows, start, from, first, step),
                Err(_) => rows.iter_mut().zip((start..).step_by(count)).for_each(|(row, start)| {
                    scan_together(std::array::from_mut(row), start, from, first, step);
                }),
            }
        }
    });
}

#[inline(always)]
fn scan_together<E, S: Copy, const ROWS: usize>(
    rows: &mut [&mut [E]; ROWS],
    start: usize,
    from: From,
    first: S,
    step: &impl Fn(&mut S, usize) -> E,
) {
    let (count, mut states) = (rows[0].len(), [first; ROWS]);
    for position in 0..count {
        let position = if let From::Start = from { position } else { count - 1 - position };
        for (row, (out, state)) in rows.iter_mut().zip(&mut states).enumerate() {
            out[position] = step(state, start + row * count + position);
        }
    }
}

/// Some columns of some arrays: their rows, and where the first one begins.
struct Task<'a, E> {
    start: usize,
    rows: Vec<&'a mut [E]>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::parallel::with_threads;

    #[test]
    fn running_sums_of_any_extents_are_the_same_on_any_number_of_threads() {
        for extents in [
            [1, 1, 1],
            [3, 5, 7],
            [2, 0, 3],
            [70_000, 3, 1],
            [2, 4, 50_000],
            [1, 90_000, 2],
            [300, 20, 20],
            [21, 5000, 1],
            [1, 90_001, 1],
            [9, 90_001, 1],
        ] {
            let [outer, count, inner] = extents;
            let values: Vec<f64> = (0..outer * count * inner).map(|i| (i % 19) as f64).collect();
            for from in [From::Start, From::End] {
                let run = |threads| {
                    let mut out = vec![f64::NAN; values.len()];
                    let add = |sum: &mut f64, at: usize| {
                        *sum += values[at];
                        *sum
                    };
                    with_threads(threads, || scan(extents, from, 0.0, add, &mut out));
                    out
                };
                let found = run(1);
                assert_eq!(found, run(3));
                for (index, &sum) in found.iter().enumerate() {
                    let position = index / inner % count;
                    let neighbour = match from {
                        From::Start => position.checked_sub(1).map(|_| index.wrapping_sub(inner)),
                        From::End => (position + 1 < count).then_some(index + inner),
                    };
                    assert_eq!(sum, values[index] + neighbour.map_or(0.0, |before| found[before]), "{extents:?}");
                }
            }
        }
    }
}
