//! The machine, from what Linux says about it; elsewhere what the compiler knows.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use autograd::kernels::simd::isa::{Isa, selected};
use serde::{Deserialize, Serialize};

/// What a measurement depends on beside the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, family, model and stepping, as far as the system says.
    pub processor: String,
    /// The threads that this process may use at once.
    pub threads: usize,
    /// The caches of the first core.
    pub caches: Vec<Cache>,
    /// The instruction set the engine runs with.
    pub instruction_set: String,
    /// All that this machine has.
    pub available_sets: Vec<String>,
    /// The operating system and its version.
    pub system: String,
}

/// A cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// 1, 2 or 3.
    pub level: usize,
    /// `Data`, `Instruction` or `Unified`.
    pub kind: String,
    /// Its size.
    pub bytes: usize,
    /// The processor threads that share it, a list such as `0-3`.
    pub shared_by: String,
}

impl Machine {
    /// This one.
    pub fn detect() -> Self {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let names = Isa::available().iter().map(|isa| isa.name().to_owned());
        Machine {
            processor: processor(&cpu_info).unwrap_or_else(|| format!("unknown ({})", std::env::consts::ARCH)),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            caches: caches(Path::new("/sys/devices/system/cpu/cpu0/cache")),
            instruction_set: selected().isa.name().to_owned(),
            available_sets: names.collect(),
            system: format!("{} {}", std::env::consts::OS, kernel.trim()).trim().to_owned(),
        }
    }

    /// Bytes of the first core's data cache or shared cache of a level; `None` if the system does not say.
    pub fn cache(&self, level: usize) -> Option<usize> {
        self.caches.iter().find(|cache| cache.level == level && cache.kind != "Instruction").map(|cache| cache.bytes)
    }

    /// A machine for tests.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        let cache = |level, bytes| Cache { level, kind: "Data".to_owned(), bytes, shared_by: "0".to_owned() };
        Machine {
            processor: "A processor, family 25 model 17".to_owned(),
            threads: 2,
            caches: vec![cache(1, 32 << 10), cache(2, 1 << 20)],
            instruction_set: "avx512".to_owned(),
            available_sets: vec!["portable".to_owned(), "avx512".to_owned()],
            system: "linux 6.1".to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} threads", self.processor, self.threads)?;
        let caches: Vec<String> = (1..=4).filter_map(|level| self.cache(level)).map(size_in_words).collect();
        if !caches.is_empty() {
            write!(f, ", caches {}", caches.join(" / "))?;
        }
        write!(f, ", instruction set {}, {}", self.instruction_set, self.system)
    }
}

fn size_in_words(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}

/// From the first processor of `/proc/cpuinfo`; `None` on machines that have no name there.
fn processor(cpu_info: &str) -> Option<String> {
    let field = |name: &str| {
        let lines = cpu_info.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let name = field("model name").filter(|name| !name.is_empty())?;
    let ids = [("family", "cpu family"), ("model", "model"), ("stepping", "stepping")];
    let ids = ids.iter().filter_map(|(word, key)| Some(format!("{word} {}", field(key)?)));
    let ids: Vec<String> = ids.collect();
    Some(if ids.is_empty() { name.to_owned() } else { format!("{name}, {}", ids.join(" ")) })
}

/// From the folders `index0`, `index1`, ... of a core.
fn caches(folder: &Path) -> Vec<Cache> {
    let cache = |index: usize| {
        let read = |name: &str| {
            let text = fs::read_to_string(folder.join(format!("index{index}")).join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        Some(Cache {
            level: read("level")?.parse().ok()?,
            kind: read("type")?,
            bytes: bytes(&read("size")?)?,
            shared_by: read("shared_cpu_list").unwrap_or_default(),
        })
    };
    (0..).map_while(cache).collect()
}

/// Reads `48K` or `2M`.
fn bytes(text: &str) -> Option<usize> {
    let (digits, factor) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1 << 10),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<usize>().ok()?.checked_mul(factor)
}

/// The commit of a checkout, with `-dirty` if files were changed; `None` without git.
pub fn commit_of(folder: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]);
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|commit| !commit.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_read_from_its_first_core() {
        let text = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9R14\nstepping\t: 1\n\
                    \nprocessor\t: 1\nmodel name\t: another\n";
        assert_eq!(processor(text).unwrap(), "AMD EPYC 9R14, family 25 model 17 stepping 1");
        assert_eq!(processor("model name : ARM\n").unwrap(), "ARM");
        assert_eq!(processor("processor : 0\nBogoMIPS : 50\n"), None);
    }

    #[test]
    fn caches_are_read_from_their_folders() {
        let folder = tempfile::tempdir().unwrap();
        for (index, level, kind, size) in
            [(0, "1", "Data", "48K"), (1, "1", "Instruction", "32K"), (2, "2", "Unified", "2M")]
        {
            let path = folder.path().join(format!("index{index}"));
            fs::create_dir(&path).unwrap();
            for (name, text) in [("level", level), ("type", kind), ("size", size), ("shared_cpu_list", "0-1")] {
                fs::write(path.join(name), format!("{text}\n")).unwrap();
            }
        }
        let found = caches(folder.path());
        assert_eq!(found.iter().map(|cache| cache.bytes).collect::<Vec<_>>(), [48 << 10, 32 << 10, 2 << 20]);
        assert_eq!((found[1].kind.as_str(), found[2].shared_by.as_str()), ("Instruction", "0-1"));
        assert!(caches(Path::new("/no/such/folder")).is_empty());
        assert_eq!((bytes("480"), bytes("many"), bytes("K")), (Some(480), None, None));
    }

    #[test]
    fn a_machine_is_one_line() {
        let machine = Machine::example();
        let line =
            "A processor, family 25 model 17, 2 threads, caches 32 KiB / 1 MiB, instruction set avx512, linux 6.1";
        assert_eq!(machine.to_string(), line);
        assert!(Machine::detect().threads >= 1);
    }

    #[test]
    fn a_folder_outside_of_git_has_no_commit() {
        assert_eq!(commit_of(Path::new("/no/such/folder")), None);
    }
}
