//! The sizes of this machine's caches.

use std::sync::OnceLock;

/// The sizes of the caches in bytes: the first two levels of one core, and the third.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Caches {
    pub(in crate::kernels) first: usize,
    pub(in crate::kernels) second: usize,
    pub(in crate::kernels) third: usize,
}

/// What is assumed where the system doesn't describe its caches: a small machine of today.
const ASSUMED: Caches = Caches { first: 32 << 10, second: 512 << 10, third: 8 << 20 };

/// The caches of this machine, read once.
pub(in crate::kernels) fn caches() -> Caches {
    static CACHES: OnceLock<Caches> = OnceLock::new();
    *CACHES.get_or_init(|| Caches {
        first: from_sysfs(1).unwrap_or(ASSUMED.first),
        second: from_sysfs(2).unwrap_or(ASSUMED.second),
        third: from_sysfs(3).unwrap_or(ASSUMED.third),
    })
}

/// The size of a level as Linux describes it.
fn from_sysfs(level: usize) -> Option<usize> {
    if cfg!(miri) {
        return None; // Miri has no files.
    }
    (0..8).find_map(|index| {
        let read = |what: &str| {
            let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{what}");
            std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
        };
        let matches = read("level")?.parse() == Ok(level) && read("type")? != "Instruction";
        let size = read("size")?;
        let kibibytes: usize = size.strip_suffix('K')?.parse().ok()?;
        (matches && kibibytes > 0).then_some(kibibytes << 10)
    })
}

/// Whether a stride (in elements of `size` bytes) puts all rows of a matrix into a few sets of the cache.
pub(in crate::kernels) fn collides(stride: isize, size: usize) -> bool {
    let bytes = stride.unsigned_abs() * size;
    bytes >= 4096 && bytes.is_multiple_of(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_rise() {
        let caches = caches();
        assert!(caches.first >= 4 << 10 && caches.second >= caches.first && caches.third >= 1 << 20);
    }
}
