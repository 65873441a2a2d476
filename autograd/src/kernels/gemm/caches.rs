//! The sizes of this machine's caches, and what was measured to differ between the makers of processors.

use std::sync::OnceLock;

/// The sizes of the caches in bytes, the first two levels of one core and the third; and what follows from them, or
/// from the processor's maker, for a product.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Caches {
    pub(in crate::kernels) first: usize,
    pub(in crate::kernels) second: usize,
    pub(in crate::kernels) third: usize,
    /// Whether a small B is already read faster from a packed copy than in place, also by vectors of a whole line.
    pub(in crate::kernels) packs_early: bool,
    /// Bytes of a packed block of B that all rows of A meet before the next one is packed: it then stays in the
    /// second-level cache. `None` where blocks of A do that, and B is packed in larger blocks.
    pub(in crate::kernels) block_of_b: Option<usize>,
    pub(in crate::kernels) costs: Costs,
}

/// What takes how long, in multiply-adds of a vector: copies take more of them where two are done in a cycle than where
/// one of the widest is (Zen 4, AVX-512).
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Costs {
    /// To store a vector's elements of a transposed tile.
    pub(in crate::kernels) transposed_store: f32,
    /// To copy a vector's elements to where they lie transposed.
    pub(in crate::kernels) transposed_copy: f32,
    /// A multiply-add of a dot product, which ends with the sum of a vector's lanes.
    pub(in crate::kernels) of_dots: f32,
    /// A multiply-add of half a vector: for kernels that compute half vectors, which are those with free masks.
    pub(in crate::kernels) half_vector: f32,
}

/// What is assumed where the system doesn't describe its caches: a small machine of today.
const ASSUMED: [usize; 3] = [32 << 10, 512 << 10, 8 << 20];

static CACHES: OnceLock<Caches> = OnceLock::new();

/// [`Caches::costs`] alone: each small product asks for them, and to copy what is known takes as long as ten of its
/// multiply-adds.
#[inline(always)]
pub(in crate::kernels) fn costs() -> &'static Costs {
    &CACHES.get_or_init(read).costs
}

/// [`Caches::first`] alone.
#[inline(always)]
pub(super) fn first_level() -> usize {
    CACHES.get().map_or_else(|| caches().first, |caches| caches.first)
}

/// [`Caches::second`] alone.
#[inline(always)]
pub(super) fn second_level() -> usize {
    CACHES.get().map_or_else(|| caches().second, |caches| caches.second)
}

/// The caches of this machine, read once.
pub(in crate::kernels) fn caches() -> Caches {
    *CACHES.get_or_init(read)
}

/// Asks the system.
fn read() -> Caches {
    let [first, second, third] = [1, 2, 3].map(|level| from_sysfs(level).unwrap_or(ASSUMED[level - 1]));
    let costs = Costs { transposed_store: 17.0, transposed_copy: 4.0, of_dots: 1.0, half_vector: 1.0 };
    let caches = Caches { first, second, third, packs_early: false, block_of_b: None, costs };
    match (cpuinfo("vendor_id").as_deref(), cpuinfo("cpu family").as_deref()) {
        (Some("GenuineIntel"), _) => caches.of_intel(),
        // A Zen 4 does two multiply-adds of 256 bits in a cycle, or one of 512; but their loads are in the way.
        (Some("AuthenticAMD"), Some("25")) => Caches { costs: Costs { half_vector: 0.57, ..costs }, ..caches },
        _ => caches,
    }
}

impl Caches {
    /// What was measured on a Xeon with 2 MiB of second-level cache and otherwise than on a Zen 5, where B is read in
    /// place also if it is a little larger than the second level. (1000³: 142 GFLOP/s packed and 102 in place, of 224
    /// at most. 251×239 times 239×241, whose rows are 964 bytes long: 147 packed, 120 in place. 1000³ with a
    /// transposed A: 134 in blocks of B that stay in the second level, 117 in larger ones.)
    ///
    /// The costs are those of a Granite Rapids, from products that are mostly copies or dot products: 16×16 elements
    /// are copied transposed in some 31 ns, and dot products have three quarters of the rate of tiles. (32×100 times
    /// 100×256 with B transposed, GFLOP/s with a store of 35 and of 50: 150 and 172.)
    fn of_intel(self) -> Self {
        let costs = Costs { transposed_store: 50.0, transposed_copy: 14.0, of_dots: 1.3, ..self.costs };
        Self { packs_early: true, block_of_b: Some(self.second / 2), costs, ..self }
    }

    /// Bytes of B up to which its rows are read as fast in place as from a packed copy by many rows of A; fewer if rows
    /// do not begin at a cache line, so that vectors lie in two of them.
    ///
    /// Vectors that are narrower than a line gain by packing early, as each line is read by two loads. (Measured on a
    /// Zen 4 with AVX2, in place and packed, of 118 GFLOP/s: 300³, whose rows have 1200 bytes, 98 and 110; 512³ 104 and
    /// 107; 256³ 111 and 112.)
    #[inline]
    pub(in crate::kernels) fn in_place(&self, vector_bytes: usize, crosses_lines: bool) -> usize {
        match self.packs_early || vector_bytes < LINE {
            true if crosses_lines => self.first / 2,
            true => self.second / 6,
            false => self.second * 5 / 2,
        }
    }
}

/// What Linux says of the first processor under this name.
fn cpuinfo(name: &str) -> Option<String> {
    use std::io::{BufRead, BufReader};
    if cfg!(miri) {
        return None; // Miri has no files.
    }
    // Only the first lines: the file has some for each core.
    let file = std::fs::File::open("/proc/cpuinfo").ok()?;
    let mut lines = BufReader::new(file).lines().map_while(Result::ok).take(8);
    lines.find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
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

/// The bytes of a cache line.
pub(super) const LINE: usize = 64;

/// The distance in bytes at which lines begin to share the sets of a cache.
pub(super) const PAGE: usize = 4096;

/// Whether a stride (in elements of `size` bytes) puts all rows of a matrix into a few sets of the cache.
pub(in crate::kernels) fn collides(stride: isize, size: usize) -> bool {
    let bytes = stride.unsigned_abs() * size;
    bytes >= PAGE && bytes.is_multiple_of(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_rise() {
        let caches = caches();
        assert!(caches.first >= 4 << 10 && caches.second >= caches.first && caches.third >= 1 << 20);
        for vector_bytes in [16, 32, 64] {
            let [across, in_place] = [true, false].map(|crosses| caches.in_place(vector_bytes, crosses));
            assert!(0 < across && across <= in_place && in_place <= 3 * caches.second, "{vector_bytes} bytes");
        }
    }
}
