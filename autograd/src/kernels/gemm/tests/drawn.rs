//! Products drawn by a fixed seed: on each kernel set 150,000 of `f32`, and every path that a product can
//! take many times.

use std::collections::BTreeMap;

use super::*;

/// Cases on each kernel set; a build without optimisation, and an interpreter, take fewer.
fn count(full: usize) -> usize {
    if cfg!(miri) {
        16
    } else if cfg!(debug_assertions) {
        full / 200
    } else {
        full
    }
}

const PRIMES: [usize; 12] = [2, 3, 5, 7, 11, 13, 17, 23, 31, 41, 53, 61];
const LARGE_PRIMES: [usize; 8] = [67, 79, 97, 113, 149, 191, 251, 293];

/// A length at which something could go wrong: anything up to 64, a prime, a multiple of a tile's side or one beside
/// it.
fn length(tile: usize, random: &mut Random) -> usize {
    match random.below(3) {
        0 => random.below(41),
        1 => random.of(&PRIMES),
        _ => (tile * (1 + random.below(40 / tile + 1)) + random.below(3)).saturating_sub(1).min(64),
    }
}

/// The same above 64 and up to 300.
fn long_length(tile: usize, random: &mut Random) -> usize {
    match random.below(3) {
        0 => 65 + random.below(236),
        1 => random.of(&LARGE_PRIMES),
        _ => (tile * (64 / tile + 1 + random.below(200 / tile)) + random.below(3)).clamp(66, 301) - 1,
    }
}

/// Every eighth shape has a long side, some of those two or three; every hundredth has a depth at which it is cut in
/// two.
fn extents<T: GemmKernels>(case: usize, set: &KernelSet<T>, random: &mut Random) -> Extents {
    let (height, width) = set.tile().unwrap_or((8, 8));
    let tiles = [height, width, 4];
    if case % 100 == 50 {
        let cut = blocking::DEPTH_BYTES / size_of::<T>();
        let (rows, columns) = (1 + random.below(2 * height), 1 + random.below(width));
        return Extents { rows, columns, depth: cut - 1 + random.below(3) };
    }
    let mut sides = tiles.map(|tile| length(tile, random));
    if case.is_multiple_of(8) {
        for turn in 0..=usize::from(case.is_multiple_of(64)) + usize::from(case.is_multiple_of(256)) {
            let side = (case / 8 + turn) % 3;
            sides[side] = long_length(tiles[side], random);
        }
    }
    let [rows, columns, depth] = sides;
    Extents { rows, columns, depth }
}

/// Whether a path is open to operands that lie like this, whatever the shape.
fn is_open(path: Path, a: Layout, b: Layout) -> bool {
    match path {
        Path::InPlace => a == Layout::Columns || b == Layout::Rows,
        Path::PackedB | Path::Packed => true,
        Path::Dots | Path::DotsByParts => a == Layout::Rows && b == Layout::Columns,
        Path::DotsOfCopy => a == Layout::Rows || b == Layout::Columns,
    }
}

fn drawn<T: GemmKernels>(name: &str, full: usize, wanted: usize) {
    let Some(set) = kernel_set::available::<T>().find(|set| set.name() == name) else {
        return println!("{name}: this machine has no such kernel set");
    };
    let random = &mut Random(2);
    let mut seen: BTreeMap<(Path, Layout, Layout, usize), usize> = BTreeMap::new();
    let (mut cases, mut long) = (0, 0);
    let choices: Vec<Option<Choice>> = if set.tile().is_some() { choices().collect() } else { vec![None] };
    while cases < count(full) {
        let choice = choices[cases % choices.len()];
        let layouts = [(); 3].map(|()| random.of(&Layout::ALL));
        // A path that is open to few layouts is tried on those.
        let layouts = match choice {
            Some(Choice { path, .. }) if !is_open(path, layouts[0], layouts[1]) => {
                [Layout::Rows, if path.is_dots() { Layout::Columns } else { Layout::Rows }, layouts[2]]
            }
            _ => layouts,
        };
        let (extents, epilogue) = (extents(cases, set, random), random.below(EPILOGUES));
        let case = Case { extents, layouts, epilogue };
        let fits = check(set, choice, case, random);
        if let Some(choice) = choice.filter(|_| fits) {
            *seen.entry((choice.path, layouts[0], layouts[1], case.epilogue)).or_default() += 1;
        }
        let Extents { rows, columns, depth } = extents;
        long += usize::from(rows.max(columns).max(depth) > 64);
        cases += 1;
    }
    assert!(long * 10 >= cases, "{long} of {cases} have a long side");
    if wanted == 0 || cases < full || set.tile().is_none() {
        return;
    }
    for path in Path::ALL {
        for (a, b) in Layout::ALL.into_iter().flat_map(|a| Layout::ALL.map(|b| (a, b))) {
            for epilogue in 0..EPILOGUES {
                let count = seen.get(&(path, a, b, epilogue)).copied().unwrap_or(0);
                assert!(
                    count >= wanted || !is_open(path, a, b),
                    "{name}: {path:?} {a:?} {b:?} {epilogue}: {count} cases"
                );
            }
        }
    }
}

macro_rules! rows {
    ($($name:ident: $float:ident, $row:literal, $cases:literal, each $each:literal;)*) => {$(
        #[test]
        fn $name() {
            drawn::<$float>($row, $cases, $each);
        }
    )*};
}

rows! {
    portable_f32: f32, "portable", 150_000, each 200;
    avx2_f32: f32, "avx2", 150_000, each 200;
    avx512_f32: f32, "avx512", 150_000, each 200;
    neon_f32: f32, "neon", 150_000, each 200;
    matrixmultiply_f32: f32, "matrixmultiply", 150_000, each 200;
    portable_f64: f64, "portable", 25_000, each 20;
    avx2_f64: f64, "avx2", 25_000, each 20;
    avx512_f64: f64, "avx512", 25_000, each 20;
    neon_f64: f64, "neon", 25_000, each 20;
}
