//! Which instruction set the kernels use. Chosen once, at run time.

use std::fmt;
use std::sync::OnceLock;

/// An instruction set that the kernels are compiled for, whether this machine has it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum InstructionSet {
    /// What every machine of the target has; written so that the compiler vectorises it.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors (the F, BW, DQ and VL parts).
    Avx512,
    /// 128-bit vectors with fused multiply-add, on AArch64.
    Neon,
}

/// An instruction set that this machine has.
///
/// A value is proof of that: [`Isa::available`], which asks the processor, is the only source of values. So a safe
/// function may take one, and run code that is compiled for it.
///
/// ```
/// use autograd::kernels::simd::isa::{InstructionSet, Isa};
/// assert_eq!(Isa::available()[0].instruction_set(), InstructionSet::Portable);
/// ```
///
/// It cannot be made of a name:
///
/// ```compile_fail,E0423
/// use autograd::kernels::simd::isa::{InstructionSet, Isa};
/// let isa = Isa(InstructionSet::Avx512);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Isa(InstructionSet);

/// What a name in `AUTOGRAD_ISA` selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The instruction set of all kernels.
    pub isa: Isa,
    /// Whether matrix products go to the crate `matrixmultiply` instead of the engine's own kernels.
    pub matrixmultiply: bool,
}

/// `AUTOGRAD_ISA` names an instruction set that is unknown, or that this machine lacks.
#[derive(Clone, PartialEq, Eq)]
pub struct IsaError {
    found: String,
}

/// The sentence of its `Display`: `unwrap()` prints what `Debug` writes.
impl fmt::Debug for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for IsaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
        write!(f, "AUTOGRAD_ISA is \"{}\"; this machine has: {}, matrixmultiply", self.found, names.join(", "))
    }
}

impl std::error::Error for IsaError {}

impl Isa {
    /// The name that `AUTOGRAD_ISA` takes.
    pub fn name(self) -> &'static str {
        match self.0 {
            InstructionSet::Portable => "portable",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
            InstructionSet::Neon => "neon",
        }
    }

    /// Which instruction set it is.
    #[inline]
    pub fn instruction_set(self) -> InstructionSet {
        self.0
    }

    /// The sets that this machine has, from the plainest to the widest.
    pub fn available() -> &'static [Isa] {
        static AVAILABLE: OnceLock<Vec<Isa>> = OnceLock::new();
        AVAILABLE.get_or_init(|| {
            #[allow(unused_mut)]
            let mut sets = vec![Isa(InstructionSet::Portable)];
            #[cfg(target_arch = "x86_64")]
            {
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    sets.push(Isa(InstructionSet::Avx2));
                    if is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512dq")
                        && is_x86_feature_detected!("avx512vl")
                    {
                        sets.push(Isa(InstructionSet::Avx512));
                    }
                }
            }
            #[cfg(target_arch = "aarch64")]
            if std::arch::is_aarch64_feature_detected!("neon") {
                sets.push(Isa(InstructionSet::Neon));
            }
            sets
        })
    }

    fn widest() -> Isa {
        *Isa::available().last().expect("the portable set is always there")
    }
}

/// Reads a selection from the value of `AUTOGRAD_ISA`; nothing and the empty string choose the widest set there is.
fn parse(value: Option<&str>) -> Result<Selection, IsaError> {
    let own = |isa| Selection { isa, matrixmultiply: false };
    match value {
        None | Some("") => Ok(own(Isa::widest())),
        Some("matrixmultiply") => Ok(Selection { isa: Isa::widest(), matrixmultiply: true }),
        Some(name) => Isa::available()
            .iter()
            .find(|isa| isa.name() == name)
            .map(|&isa| own(isa))
            .ok_or_else(|| IsaError { found: name.to_owned() }),
    }
}

/// The selection of this process, or why there is none. Reads `AUTOGRAD_ISA` once.
///
/// A program with a command line calls this first, to answer a wrong name in one line; everything else panics with the
/// same words.
#[inline]
pub fn try_selected() -> &'static Result<Selection, IsaError> {
    static SELECTED: OnceLock<Result<Selection, IsaError>> = OnceLock::new();
    SELECTED.get_or_init(|| {
        let value = std::env::var_os("AUTOGRAD_ISA");
        parse(value.as_ref().map(|value| value.to_string_lossy()).as_deref())
    })
}

/// The selection of this process.
///
/// # Panics
/// If `AUTOGRAD_ISA` names an instruction set that is unknown, or that this machine lacks; the message lists what there
/// is.
#[inline]
pub fn selected() -> Selection {
    match try_selected() {
        Ok(selection) => *selection,
        Err(error) => panic!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_selects_its_row_and_nothing_the_widest() {
        assert_eq!(parse(None).unwrap().isa, Isa::widest());
        assert_eq!(parse(Some("")).unwrap().isa, Isa::widest());
        for &isa in Isa::available() {
            assert_eq!(parse(Some(isa.name())), Ok(Selection { isa, matrixmultiply: false }));
        }
        assert!(parse(Some("matrixmultiply")).unwrap().matrixmultiply);
    }

    #[test]
    fn an_unknown_name_is_answered_with_what_there_is() {
        let message = parse(Some("sse9")).unwrap_err().to_string();
        assert!(message.contains("sse9") && message.contains("portable"), "{message}");
    }
}
