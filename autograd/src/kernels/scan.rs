//! Running results along one dimension of a dense array, seen as `[outer, count, inner]`.

use super::parallel::{ELEMENTS_PER_TASK, for_each_item};

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
    // Tasks are whole arrays [count, inner], several to a task or, of few, cut into columns.
    let arrays = (ELEMENTS_PER_TASK / (count * inner)).max(1);
    let columns = (ELEMENTS_PER_TASK / count).max(MIN_COLUMNS);
    let mut items: Vec<Task<'_, E>> = Vec::new();
    for (index, out) in out.chunks_mut(arrays * count * inner).enumerate() {
        let start = index * arrays * count * inner;
        if columns >= inner {
            items.push(Task { start, rows: out.chunks_exact_mut(inner).collect() });
            continue;
        }
        let mut parts: Vec<Task<'_, E>> = (0..inner.div_ceil(columns))
            .map(|part| Task { start: start + part * columns, rows: Vec::with_capacity(count) })
            .collect();
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
        for extents in [[1, 1, 1], [3, 5, 7], [2, 0, 3], [70_000, 3, 1], [2, 4, 50_000], [1, 90_000, 2], [300, 20, 20]]
        {
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
                for (place, &sum) in found.iter().enumerate() {
                    let position = place / inner % count;
                    let neighbour = match from {
                        From::Start => position.checked_sub(1).map(|_| place.wrapping_sub(inner)),
                        From::End => (position + 1 < count).then_some(place + inner),
                    };
                    assert_eq!(sum, values[place] + neighbour.map_or(0.0, |before| found[before]), "{extents:?}");
                }
            }
        }
    }
}
