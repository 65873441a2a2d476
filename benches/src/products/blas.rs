//! Peers that are shared libraries with the C interface of BLAS: OpenBLAS, MKL, or a kernel of your own. They are
//! looked for when the program runs, so that it builds without them.

use std::ffi::{CStr, c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use autograd::ndarray::{ArrayView2, ArrayViewMut2};
use libloading::Library as Handle;

use super::{Element, Implementation};
use crate::record::ContenderInfo;

/// The variable with the paths of libraries, separated like those of `PATH`.
pub const VARIABLE: &str = "GRADUS_BLAS";

/// What is looked for beside the libraries that are named.
const USUAL: [&str; 4] = ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so"];

/// How long the threads of a library may spin after a call. The command sets the libraries' own variables to less.
const SPIN_TIME: Duration = Duration::from_millis(2);

/// The variables that make the threads of OpenBLAS (2²⁰ ticks) and of MKL (one millisecond) sleep soon after a call, so
/// that they don't take the cores of the next contender. Within a turn they don't sleep.
pub const SLEEP_SOON: [(&str, &str); 2] = [("OPENBLAS_THREAD_TIMEOUT", "20"), ("KMP_BLOCKTIME", "1")];

const ROW_MAJOR: c_int = 101;
const NOT_TRANSPOSED: c_int = 111;
const TRANSPOSED: c_int = 112;

/// `cblas_sgemm` or `cblas_dgemm`: order, two transpositions, m, n, k, alpha, A, its stride, B, its stride, beta, C,
/// its stride.
type Gemm<T> = unsafe extern "C" fn(
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    c_int,
    T,
    *const T,
    c_int,
    *const T,
    c_int,
    T,
    *mut T,
    c_int,
);
type SetThreads = unsafe extern "C" fn(c_int);
type GetName = unsafe extern "C" fn() -> *const c_char;

/// The name of the product of an element type.
pub trait CblasProduct: Sized {
    /// The function.
    const FUNCTION: &'static str;
}

impl CblasProduct for f32 {
    const FUNCTION: &'static str = "cblas_sgemm";
}

impl CblasProduct for f64 {
    const FUNCTION: &'static str = "cblas_dgemm";
}

/// A library that was found.
pub struct Library {
    handle: Arc<Handle>,
    path: PathBuf,
    name: String,
}

/// Loads the libraries that are named, by `paths` or else by the variable [`VARIABLE`]; then OpenBLAS and MKL from
/// where the system has them, unless they were named or are missing.
///
/// # Errors
/// If one that was named can't be loaded, or has no matrix product.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Library>> {
    let mut named = paths.to_vec();
    if named.is_empty()
        && let Some(value) = std::env::var_os(VARIABLE)
    {
        named = std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    let mut found: Vec<Library> = Vec::new();
    for path in &named {
        let mut library = Library::load(path)?;
        let alike = found.iter().filter(|other| name_of(&other.path) == library.name).count();
        if alike > 0 {
            library.name = format!("{} {}", library.name, alike + 1);
        }
        found.push(library);
    }
    for library in USUAL.iter().filter_map(|path| Library::load(Path::new(path)).ok()) {
        if found.iter().all(|other| other.name != library.name) {
            found.push(library);
        }
    }
    Ok(found)
}

/// Libraries with a name of their own in tables.
const KNOWN: [&str; 2] = ["mkl", "openblas"];

/// What a library is called in tables: `libmine.so` is `mine`.
fn name_of(path: &Path) -> String {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let known = KNOWN.into_iter().find(|known| file.contains(known));
    let stem = file.split(".so").next().unwrap_or_default();
    known.unwrap_or(stem.strip_prefix("lib").unwrap_or(stem)).to_owned()
}

impl Library {
    /// Loads a library.
    ///
    /// # Errors
    /// If it can't be loaded, or has no matrix product.
    fn load(path: &Path) -> Result<Self> {
        // SAFETY: the library is one with products that somebody installed or named; its initialisers start threads and
        // read variables, no more.
        let handle = unsafe { Handle::new(path) }.with_context(|| format!("{} can't be loaded", path.display()))?;
        let library = Self { handle: Arc::new(handle), path: path.to_owned(), name: name_of(path) };
        if library.symbol::<Gemm<f32>>(f32::FUNCTION).is_none() && library.symbol::<Gemm<f64>>(f64::FUNCTION).is_none()
        {
            bail!("{}: neither {} nor {} in it", path.display(), f32::FUNCTION, f64::FUNCTION);
        }
        Ok(library)
    }

    /// Where it was found.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A function by its name, or by that with the prefix that SciPy's build gives it.
    fn symbol<F: Copy>(&self, name: &str) -> Option<F> {
        [name.to_owned(), format!("scipy_{name}")].iter().find_map(|name| {
            // SAFETY: the caller gives the type that the interface of BLAS, or the library's own, has under this name.
            unsafe { self.handle.get::<F>(name.as_bytes()) }.ok().map(|symbol| *symbol)
        })
    }

    /// What a function of the library says about itself.
    fn says(&self, function: &str) -> Option<String> {
        let function = self.symbol::<GetName>(function)?;
        // SAFETY: the function returns a string that lives as long as the library.
        Some(unsafe { CStr::from_ptr(function()) }.to_string_lossy().into_owned())
    }

    /// Its name, its version if it says one, the kernels it chose, and where it was found.
    fn info(&self) -> ContenderInfo {
        let version = self.says("openblas_get_config").and_then(|config| version_in(&config)).unwrap_or_default();
        let kernels = self.says("openblas_get_corename").map(|core| format!(", {core} kernels")).unwrap_or_default();
        // Only the known libraries read the variables.
        let variables = SLEEP_SOON.iter().filter(|_| KNOWN.contains(&self.name.as_str()));
        let variables = variables.filter_map(|(name, _)| Some(format!(", {name}={}", std::env::var(name).ok()?)));
        let variables: String = variables.collect();
        let settings = format!("{}{kernels}{variables}", self.path.display());
        ContenderInfo::peer(&self.name, version, settings)
    }

    /// Its product, at a number of threads; `None` if it has none of this type.
    pub(super) fn implementation<T: Element>(&self, threads: usize) -> Option<Implementation<T>> {
        let gemm: Gemm<T> = self.symbol(T::FUNCTION)?;
        let count = c_int::try_from(threads).unwrap_or(c_int::MAX);
        for name in ["openblas_set_num_threads", "MKL_Set_Num_Threads"] {
            if let Some(set) = self.symbol::<SetThreads>(name) {
                // SAFETY: the function takes a number of threads.
                unsafe { set(count) }
            }
        }
        let handle = Arc::clone(&self.handle);
        let multiply = move |a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, c: ArrayViewMut2<'_, T>| {
            // SAFETY: the function has the signature of `cblas_?gemm`, and the library is kept loaded by `handle`.
            unsafe { call(gemm, a, b, c) };
            let _kept = &handle;
        };
        let spin_time = if threads > 1 { SPIN_TIME } else { Duration::ZERO };
        Some(Implementation { spin_time, ..Implementation::new(self.info(), multiply) })
    }
}

/// Calls a function of the interface: C ← A·B, with C stored by rows.
///
/// # Safety
/// It must be a `cblas_sgemm` or `cblas_dgemm` of a library that is loaded.
unsafe fn call<T: Element>(gemm: Gemm<T>, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>) {
    let ((m, k), n) = (a.dim(), b.ncols());
    let size = |size: usize| c_int::try_from(size).expect("sizes of a benchmark fit");
    let ((a_layout, a_stride), (b_layout, b_stride)) = (layout(&a), layout(&b));
    // SAFETY: the views are valid for their shapes, which fit; C is stored by rows.
    unsafe {
        gemm(
            ROW_MAJOR,
            a_layout,
            b_layout,
            size(m),
            size(n),
            size(k),
            T::ONE,
            a.as_ptr(),
            a_stride,
            b.as_ptr(),
            b_stride,
            T::ZERO,
            c.as_mut_ptr(),
            size(n),
        );
    }
}

/// The version in OpenBLAS's own words: `OpenBLAS 0.3.21 DYNAMIC_ARCH ...`.
fn version_in(config: &str) -> Option<String> {
    let mut words = config.split_whitespace().skip_while(|word| *word != "OpenBLAS").skip(1);
    words.next().filter(|word| word.starts_with(|first: char| first.is_ascii_digit())).map(str::to_owned)
}

/// Whether a matrix is stored by rows or by columns, and the distance of its lines.
fn layout<T>(matrix: &ArrayView2<'_, T>) -> (c_int, c_int) {
    let (rows, columns) = matrix.dim();
    let (by_row, by_column) = (matrix.strides()[0], matrix.strides()[1]);
    let (how, line, length) = if by_column == 1 || columns == 1 && by_row != 1 {
        (NOT_TRANSPOSED, by_row, columns)
    } else {
        (TRANSPOSED, by_column, rows)
    };
    // The distance of a single line means nothing, but BLAS checks that it is no less than a line's length.
    (how, c_int::try_from(line.unsigned_abs().max(length).max(1)).expect("sizes of a benchmark fit"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use autograd::ndarray::Array2;

    #[test]
    fn a_library_that_is_named_must_be_there() {
        let error = find(&[PathBuf::from("/no/such/libblas.so")]).err().expect("it isn't there");
        assert!(error.to_string().contains("/no/such/libblas.so can't be loaded"), "{error}");
    }

    #[test]
    fn names_and_versions() {
        let name = |path: &str| name_of(Path::new(path));
        assert_eq!([name("/usr/lib/libopenblas.so.0"), name("libmkl_rt.so.2")], ["openblas", "mkl"]);
        assert_eq!([name("./libmine.so"), name("/x/kernel.so.1.2")], ["mine", "kernel"]);
        let config = "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY SkylakeX MAX_THREADS=64";
        assert_eq!(version_in(config).as_deref(), Some("0.3.21"));
        assert_eq!(version_in("NO_LAPACKE DYNAMIC_ARCH"), None);
    }

    #[test]
    fn matrices_are_stored_by_rows_or_by_columns() {
        let matrix = Array2::<f32>::zeros((3, 5));
        assert_eq!(layout(&matrix.view()), (NOT_TRANSPOSED, 5));
        assert_eq!(layout(&matrix.t()), (TRANSPOSED, 5));
        assert_eq!(layout(&Array2::<f32>::zeros((1, 5)).view()), (NOT_TRANSPOSED, 5));
        assert_eq!(layout(&Array2::<f32>::zeros((1, 5)).t()), (TRANSPOSED, 5));
        assert_eq!(layout(&Array2::<f32>::zeros((5, 1)).t()), (NOT_TRANSPOSED, 5));
    }
}
