//! Every word of every vector that this machine has, against plain loops.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::isa::{InstructionSet, Isa};
use super::{Array, MAX_GROUP_ROWS, Vector};
use crate::arithmetic::Arithmetic;

/// # Safety
/// The instruction set of `V` must be available.
#[inline(always)]
unsafe fn check<V: Vector>() {
    let lanes = V::LANES;
    let elements = |from: f64| -> Vec<V::Element> {
        (0..lanes * lanes).map(|i| V::Element::from_f64(from + i as f64 * 0.5)).collect()
    };
    let (x, y) = (elements(-3.0), elements(7.0));
    let mut out = vec![V::Element::NAN; lanes * (lanes + 1)];
    // SAFETY: the instruction set is there by this function's contract; all buffers hold at least `lanes` elements.
    unsafe {
        V::load(x.as_ptr()).mul_add(V::load(y.as_ptr()), V::splat(V::Element::ONE)).store(out.as_mut_ptr());
        for i in 0..lanes {
            assert_eq!(out[i], x[i] * y[i] + V::Element::ONE, "these products are exact, fused or not");
        }
        V::load(x.as_ptr()).add(V::load(y.as_ptr())).store(out.as_mut_ptr());
        (0..lanes).for_each(|i| assert_eq!(out[i], x[i] + y[i]));
        V::load(x.as_ptr()).relu().store(out.as_mut_ptr());
        (0..lanes).for_each(|i| assert_eq!(out[i], x[i].maximum(V::Element::ZERO)));
        V::splat(V::Element::NAN).relu().store(out.as_mut_ptr());
        (0..lanes).for_each(|i| assert!(out[i].is_nan()));
        for lane in 0..lanes {
            let mut row = vec![-V::Element::ZERO; lanes];
            row[lane] = if lane % 2 == 0 { V::Element::NAN } else { x[0] };
            assert_eq!(V::load(row.as_ptr()).not_zero(), 1 << lane);
        }
        for word in [0, 1, 1 << 63, 0x8001_4000_0002_8001, 0xffff_0000_ffff_0000, u64::MAX] {
            let expected: Vec<u32> = (0..64).filter(|index| word >> index & 1 == 1).map(|index| index + 100).collect();
            let mut indices = vec![0; expected.len()]; // No longer than it must be, for a checker of memory.
            assert_eq!(V::bit_indices(word, 100, indices.as_mut_ptr()), expected.len());
            assert_eq!(indices, expected);
        }
        assert_eq!(V::load(x.as_ptr()).sum(), x[..lanes].iter().copied().sum());
        // Four at a time have the bits of each alone, also where the order of the additions shows.
        let third = V::splat(V::Element::ONE / V::Element::from_f64(3.0));
        let four = [1.0, -7.0, 1e-5, 3e4]
            .map(|scale| V::load(x.as_ptr()).mul_add(V::splat(V::Element::from_f64(scale)), third));
        assert_eq!(V::sums(four), four.map(|vector| vector.sum()));

        for count in 0..=lanes {
            // Only `count` elements are there: under a checker of memory, one read too many shows.
            let short = x[..count].to_vec();
            V::load_masked(short.as_ptr(), V::mask(count)).store(out.as_mut_ptr());
            for i in 0..lanes {
                assert_eq!(out[i], if i < count { x[i] } else { V::Element::ZERO });
            }
            let mut target = vec![V::Element::NAN; lanes];
            V::load(x.as_ptr()).store_masked(target.as_mut_ptr(), V::mask(count));
            for i in 0..lanes {
                assert!(if i < count { target[i] == x[i] } else { target[i].is_nan() });
            }
        }

        check_parts::<V>(&x);

        for rows in 1..=lanes {
            for columns in 0..=lanes {
                // Rows that are one element longer than the block, the last one cut where the block ends.
                let source: Vec<_> = (0..(rows * (lanes + 1)).saturating_sub(lanes + 1 - columns))
                    .map(|i| V::Element::from_usize(i + 1))
                    .collect();
                out.fill(V::Element::NAN);
                V::transpose(source.as_ptr(), lanes as isize + 1, (rows, columns), out.as_mut_ptr(), lanes);
                for column in 0..columns {
                    for row in 0..lanes {
                        let found = out[column * lanes + row];
                        if row < rows {
                            assert_eq!(found, source[row * (lanes + 1) + column], "{rows} × {columns}");
                        } else {
                            assert!(source.contains(&found), "{rows} × {columns}");
                        }
                    }
                }
                assert!(out[columns * lanes..].iter().all(|value| value.is_nan()), "{rows} × {columns}");
                // Overlapping rows: each cut by the next, the last one whole.
                let step = rows.max(1);
                V::transpose(source.as_ptr(), lanes as isize + 1, (rows, columns), out.as_mut_ptr(), step);
                for column in 0..columns {
                    (0..rows).for_each(|row| assert_eq!(out[column * step + row], source[row * (lanes + 1) + column]));
                }
            }
        }
    }
}

/// Registers whose parts are of several rows, and their sums.
///
/// # Safety
/// The instruction set of `V` must be available; there are `LANES`² elements.
#[inline(always)]
unsafe fn check_parts<V: Vector>(x: &[V::Element]) {
    let (lanes, part) = (V::LANES, V::PART);
    let mut found = vec![V::Element::NAN; lanes];
    for count in 0..=part {
        // Only `count` elements are there: under a checker of memory, one read too many shows.
        let sources = [x[..count].to_vec(), x[lanes..][..count].to_vec()];
        let wanted =
            |source: usize, index: usize| if index < count { sources[source][index] } else { V::Element::ZERO };
        // SAFETY: the instruction set is there by this function's contract; so many elements are in both sources.
        unsafe {
            V::splat_part(sources[0].as_ptr(), count).store(found.as_mut_ptr());
            (0..lanes).for_each(|lane| assert_eq!(found[lane], wanted(0, lane % part)));
            V::load_parts([sources[0].as_ptr(), sources[1].as_ptr()], count).store(found.as_mut_ptr());
            (0..lanes).for_each(|lane| assert_eq!(found[lane], wanted(lane / part, lane % part)));
        }
    }

    let (rows, columns) = (V::GROUP_ROWS, lanes / V::GROUP_ROWS);
    assert!(rows <= MAX_GROUP_ROWS && columns <= MAX_GROUP_ROWS);
    let (in_register, scale) = (lanes / part, |column: usize| V::Element::from_f64([1.0, -7.0, 0.5, 3.0][column]));
    // SAFETY: as above; there are as many elements as lanes behind the first of each register.
    unsafe {
        let register = |index: usize, column: usize| {
            V::load(x[(index * lanes).min(x.len() - lanes)..].as_ptr())
                .mul_add(V::splat(scale(column)), V::splat(V::Element::ONE))
        };
        let parts = [0, 1].map(|index| [0, 1, 2, 3].map(|column| register(index, column)));
        V::sum_parts(parts).store(found.as_mut_ptr());
    }
    for (lane, &value) in found.iter().enumerate() {
        let (row, column) = (lane / columns, lane % columns);
        let of_row = &x[row / in_register * lanes + row % in_register * part..][..part];
        let wanted: V::Element = of_row.iter().map(|&value| value * scale(column) + V::Element::ONE).sum();
        assert_eq!(value, wanted, "row {row}, column {column}");
    }

    // Rows from the bottom, with an element between them.
    let strides = [0, 1, 2, 3].map(|row: usize| -((row * (columns + 1)) as isize));
    for (written, count) in (1..=rows).flat_map(|written| (0..=columns).map(move |count| (written, count))) {
        let mut target = vec![V::Element::NAN; (rows - 1) * (columns + 1) + count];
        let first = target.as_mut_ptr().wrapping_add((rows - 1) * (columns + 1));
        // SAFETY: as above; each row has so many elements.
        unsafe { V::load(x.as_ptr()).store_sums(first, &strides, (written, count)) }
        for (index, value) in target.iter().enumerate() {
            let (row, column) = (rows - 1 - index / (columns + 1), index % (columns + 1));
            let is_written = row < written && column < count;
            assert!(if is_written { *value == x[row * columns + column] } else { value.is_nan() });
        }
    }
}

#[test]
fn portable() {
    // SAFETY: plain arrays need no instruction set.
    unsafe {
        check::<Array<f32, 4>>();
        check::<Array<f64, 2>>();
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx2() {
    #[target_feature(enable = "avx2,fma")]
    unsafe fn all() {
        // SAFETY: the caller has asked the machine.
        unsafe {
            check::<super::F32x8>();
            check::<super::F64x4>();
        }
    }
    if Isa::available().iter().any(|isa| isa.instruction_set() == InstructionSet::Avx2) {
        // SAFETY: just asked.
        unsafe { all() }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn avx512() {
    #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
    unsafe fn all() {
        // SAFETY: the caller has asked the machine.
        unsafe {
            check::<super::F32x16>();
            check::<super::F64x8>();
        }
    }
    if Isa::available().iter().any(|isa| isa.instruction_set() == InstructionSet::Avx512) {
        // SAFETY: just asked.
        unsafe { all() }
    }
}

#[cfg(target_arch = "aarch64")]
#[test]
fn neon() {
    if Isa::available().iter().any(|isa| isa.instruction_set() == InstructionSet::Neon) {
        // SAFETY: just asked.
        unsafe {
            check::<super::F32x4>();
            check::<super::F64x2>();
        }
    }
}
