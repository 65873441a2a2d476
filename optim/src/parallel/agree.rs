//! Whether all ranks are about to do the same.

use autograd::Float;
use autograd::kernels::simd::isa;

use super::group::{Group, GroupError};

/// A length as the first thing that ranks tell one another.
const LENGTH_BYTES: usize = size_of::<u64>();

/// Puts the texts of all ranks together, in the order of the ranks.
///
/// ```
/// use optim::parallel::{Alone, gather_texts};
/// assert_eq!(gather_texts::<f32>(&mut Alone, "ready"), ["ready"]);
/// ```
pub fn gather_texts<T: Float>(group: &mut dyn Group<T>, own: &str) -> Vec<String> {
    let length = (own.len() as u64).to_le_bytes();
    let lengths = group.gather_bytes(&length, &vec![LENGTH_BYTES; group.ranks()]);
    let length_of = |bytes: &[u8; LENGTH_BYTES]| u64::from_le_bytes(*bytes) as usize;
    let lengths: Vec<usize> = lengths.as_chunks().0.iter().map(length_of).collect();
    let all = group.gather_bytes(own.as_bytes(), &lengths);
    let mut rest = all.as_slice();
    let texts = lengths.into_iter().map(|length| {
        let (text, behind) = rest.split_at(length);
        rest = behind;
        String::from_utf8_lossy(text).into_owned()
    });
    texts.collect()
}

/// Makes sure that settings, as names and values, are the same on all ranks; and with them the version of this crate
/// and the instruction set that the engine uses, since bits are promised for each of these alone.
///
/// ```
/// use optim::parallel::{Alone, agree};
/// agree::<f32>(&mut Alone, [("seed", "7".to_owned())]).unwrap();
/// ```
///
/// # Errors
/// On all ranks the same line, if something differs: what, on which rank, and both values.
pub fn agree<T: Float>(
    group: &mut dyn Group<T>,
    settings: impl IntoIterator<Item = (impl Into<String>, String)>,
) -> Result<(), GroupError> {
    let own = [
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("instruction set".to_owned(), instruction_set()),
    ];
    let settings = settings.into_iter().map(|(name, value)| (name.into(), value));
    // A value may have line breaks; the names and values stay apart by a character that no text needs.
    let lines: Vec<String> = own.into_iter().chain(settings).map(|(name, value)| format!("{name}\0{value}")).collect();
    let all = gather_texts(group, &lines.join("\0\0"));
    let first: Vec<&str> = all[0].split("\0\0").collect();
    let differing: Vec<usize> = (1..all.len()).filter(|&rank| all[rank] != all[0]).collect();
    let Some(&rank) = differing.first() else { return Ok(()) };
    let mut message = difference(rank, &all[rank].split("\0\0").collect::<Vec<_>>(), &first);
    if differing.len() > 1 {
        message += &format!(" (and {} more of the {} ranks differ from rank 0)", differing.len() - 1, all.len());
    }
    Err(GroupError(message))
}

/// The instruction set of the engine on this machine.
fn instruction_set() -> String {
    let selection = isa::selected();
    let name = selection.isa.name();
    if selection.matrixmultiply { format!("{name} with matrixmultiply") } else { name.to_owned() }
}

/// A sentence on the first setting that is not that of rank 0.
fn difference(rank: usize, found: &[&str], expected: &[&str]) -> String {
    let parts = |line: &str| line.split_once('\0').map_or_else(|| (line.to_owned(), String::new()), owned);
    let index = (0..found.len().max(expected.len())).find(|&index| found.get(index) != expected.get(index));
    let index = index.expect("texts that differ, differ in a line");
    match (found.get(index).map(|line| parts(line)), expected.get(index).map(|line| parts(line))) {
        (Some((name, found)), Some((other, expected))) if name == other => {
            format!("rank {rank}: {name}: found {found}, expected {expected}, as on rank 0")
        }
        (Some((name, _)), Some((other, _))) => format!("rank {rank}: found {name}, expected {other}, as on rank 0"),
        (Some((name, _)), None) => format!("rank {rank}: found {name}, which rank 0 does not have"),
        (None, Some((name, _))) => format!("rank {rank}: has no {name}, as rank 0 has"),
        (None, None) => unreachable!("the index is in one of the texts"),
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::Threads;

    fn refused(settings: impl Fn(usize) -> Vec<(&'static str, String)> + Sync) -> String {
        let outcomes = Threads::run(4, |mut rank| {
            let own = Group::<f32>::rank(&rank);
            agree::<f32>(&mut rank, settings(own)).unwrap_err().to_string()
        });
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        outcomes[0].clone()
    }

    #[test]
    fn what_differs_is_named_with_its_rank_on_all_ranks() {
        let seed = refused(|rank| vec![("seed", if rank == 2 { "8" } else { "7" }.to_owned())]);
        assert_eq!(seed, "rank 2: seed: found 8, expected 7, as on rank 0");
        let all = refused(|rank| vec![("data", "a\nb".to_owned()), ("seed", rank.to_string())]);
        assert_eq!(
            all,
            "rank 1: seed: found 1, expected 0, as on rank 0 (and 2 more of the 4 ranks differ from rank 0)"
        );
        let more = refused(|rank| vec![("seed", "7".to_owned()); 1 + usize::from(rank == 3)]);
        assert_eq!(more, "rank 3: found seed, which rank 0 does not have");
        let fewer = refused(|rank| vec![("seed", "7".to_owned()); usize::from(rank != 1)]);
        assert_eq!(fewer, "rank 1: has no seed, as rank 0 has");
        let name = refused(|rank| vec![(if rank == 1 { "lr" } else { "seed" }, "7".to_owned())]);
        assert_eq!(name, "rank 1: found lr, expected seed, as on rank 0");
    }

    #[test]
    fn the_same_settings_are_no_difference() {
        assert!(Threads::run(3, |mut rank| agree::<f64>(&mut rank, [("a", "b".to_owned())])).iter().all(Result::is_ok));
    }
}
