//! Peers that are shared libraries with the C interface of BLAS: OpenBLAS, MKL. They are looked for when the program runs, so that it builds without them.

use std::ffi::{CStr, c_char, c_int};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use autograd::ndarray::{ArrayView2, ArrayViewMut2};
use libloading::Library as Handle;

use super::{Multiplier, Number};

/// The variable with the paths of libraries, separated like those of `PATH`.
pub const VARIABLE: &str = "GRADUS_BLAS";

/// What is looked for if nobody names a library.
const USUAL: [&str; 4] = ["libopenblas.so.0", "libopenblas.so", "libmkl_rt.so.2", "libmkl_rt.so"];

/// How long the threads of a library may look for more work after a call. The command sets the libraries' own variables to less.
const SETTLE: Duration = Duration::from_millis(2);

/// The variables that make the threads of OpenBLAS (2²⁰ ticks) and of MKL (one millisecond) go to sleep soon, so that they don't take the cores of
/// whoever has the next turn. Within a turn they don't sleep.
pub const SLEEP_SOON: [(&str, &str); 2] = [("OPENBLAS_THREAD_TIMEOUT", "20"), ("KMP_BLOCKTIME", "1")];

const ROW_MAJOR: c_int = 101;
const AS_IT_LIES: c_int = 111;
const TRANSPOSED: c_int = 112;

/// `cblas_sgemm` or `cblas_dgemm`: order, two transpositions, m, n, k, alpha, A, its stride, B, its stride, beta, C, its stride.
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

/// What a library calls the product of a number type.
pub trait Foreign: Sized {
    /// The function.
    const FUNCTION: &'static str;
}

impl Foreign for f32 {
    const FUNCTION: &'static str = "cblas_sgemm";
}

impl Foreign for f64 {
    const FUNCTION: &'static str = "cblas_dgemm";
}

/// A library that was found.
pub struct Library {
    handle: Arc<Handle>,
    path: PathBuf,
    name: String,
}

/// Loads the libraries that are named: by `paths`, else by the variable [`VARIABLE`], else under their usual names, where they may be missing.
///
/// # Errors
/// If one that was named can't be loaded, or isn't a BLAS.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Library>> {
    let mut named = paths.to_vec();
    if named.is_empty()
        && let Some(value) = std::env::var_os(VARIABLE)
    {
        named = std::env::split_paths(&value).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    if !named.is_empty() {
        return named.iter().map(|path| Library::load(path)).collect();
    }
    let mut found: Vec<Library> = Vec::new();
    for path in USUAL {
        if let Ok(library) = Library::load(Path::new(path))
            && found.iter().all(|other| other.name != library.name)
        {
            found.push(library);
        }
    }
    Ok(found)
}

impl Library {
    /// Loads a library.
    ///
    /// # Errors
    /// If it can't be loaded, or has no matrix product.
    fn load(path: &Path) -> Result<Self> {
        // SAFETY: the library is a BLAS that somebody installed or named; its initialisers start threads and read variables, no more.
        let handle = unsafe { Handle::new(path) }.with_context(|| format!("{} can't be loaded", path.display()))?;
        let is_mkl = path.to_string_lossy().contains("mkl");
        let library = Self {
            handle: Arc::new(handle),
            path: path.to_owned(),
            name: if is_mkl { "mkl" } else { "openblas" }.to_owned(),
        };
        if library.symbol::<Gemm<f32>>(f32::FUNCTION).is_none() || library.symbol::<Gemm<f64>>(f64::FUNCTION).is_none()
        {
            bail!("{}: no function {} with 32-bit sizes in it", path.display(), f32::FUNCTION);
        }
        Ok(library)
    }

    /// A function by its name, or by that with the prefix that SciPy's build gives it.
    fn symbol<F: Copy>(&self, name: &str) -> Option<F> {
        [name.to_owned(), format!("scipy_{name}")].iter().find_map(|name| {
            // SAFETY: the caller gives the type that the interface of BLAS, or the library's own, has under this name.
            unsafe { self.handle.get::<F>(name.as_bytes()) }.ok().map(|symbol| *symbol)
        })
    }

    /// Where it was found, and which kernels it chose if it tells.
    pub fn description(&self) -> String {
        let core = self.symbol::<GetName>("openblas_get_corename").map(|name| {
            // SAFETY: the function returns a string that lives as long as the library.
            unsafe { CStr::from_ptr(name()) }.to_string_lossy().into_owned()
        });
        let core = core.map(|core| format!(" ({core} kernels)")).unwrap_or_default();
        format!("{}: {}{core}", self.name, self.path.display())
    }

    /// Its product, at a number of threads.
    pub(super) fn multiplier<T: Number>(&self, threads: usize) -> Multiplier<T> {
        let gemm: Gemm<T> = self.symbol(T::FUNCTION).expect("looked up when the library was loaded");
        let count = c_int::try_from(threads).unwrap_or(c_int::MAX);
        for name in ["openblas_set_num_threads", "MKL_Set_Num_Threads"] {
            if let Some(set) = self.symbol::<SetThreads>(name) {
                // SAFETY: the function takes a number of threads.
                unsafe { set(count) }
            }
        }
        let handle = Arc::clone(&self.handle);
        let multiply = move |a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>| {
            let ((m, k), n) = (a.dim(), b.ncols());
            let size = |size: usize| c_int::try_from(size).expect("sizes of a benchmark fit");
            let ((a_lies, a_stride), (b_lies, b_stride)) = (lies(&a), lies(&b));
            // SAFETY: the views are valid for their shapes, which fit; C lies by rows; the library is kept loaded by `handle`.
            unsafe {
                gemm(
                    ROW_MAJOR,
                    a_lies,
                    b_lies,
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
            let _kept = &handle;
        };
        let settle = if threads > 1 { SETTLE } else { Duration::ZERO };
        Multiplier { name: self.name.clone(), multiply: Box::new(multiply), settle }
    }
}

/// How a matrix lies, by rows or by columns, and how far its lines are apart.
fn lies<T>(matrix: &ArrayView2<'_, T>) -> (c_int, c_int) {
    let (rows, columns) = matrix.dim();
    let (by_row, by_column) = (matrix.strides()[0], matrix.strides()[1]);
    let (how, line, length) = if by_column == 1 || columns == 1 && by_row != 1 {
        (AS_IT_LIES, by_row, columns)
    } else {
        (TRANSPOSED, by_column, rows)
    };
    // The distance of a single line means nothing, but BLAS wants it to be no less than a line's length.
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
    fn lines_are_told_by_rows_or_by_columns() {
        let matrix = Array2::<f32>::zeros((3, 5));
        assert_eq!(lies(&matrix.view()), (AS_IT_LIES, 5));
        assert_eq!(lies(&matrix.t()), (TRANSPOSED, 5));
        assert_eq!(lies(&Array2::<f32>::zeros((1, 5)).view()), (AS_IT_LIES, 5));
        assert_eq!(lies(&Array2::<f32>::zeros((1, 5)).t()), (TRANSPOSED, 5));
        assert_eq!(lies(&Array2::<f32>::zeros((5, 1)).t()), (AS_IT_LIES, 5));
    }
}
