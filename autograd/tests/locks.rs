//! Nothing hangs: no lock is held while code runs that can start parallel tasks, wait or call a user's code. A reader
//! of a parameter always gets a complete version.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;

use autograd::{Backward, Op, Order, Param, Tensor, grad, with_threads};

/// Runs `body` on a new thread, and fails if it has not ended after a time that is enough on any machine.
fn within_a_minute(body: impl FnOnce() + Send + 'static) {
    let (ended, end) = mpsc::channel();
    let runner = thread::spawn(move || {
        body();
        ended.send(()).unwrap();
    });
    match end.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => runner.join().unwrap(),
    }
}

fn message_of(body: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(body)).expect_err("it should panic");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn inside_of_an_update_the_old_values_are_read() {
    within_a_minute(|| {
        let weight = Param::new(Tensor::from_vec(vec![1.0, 2.0], [2]));
        weight.update(|w| {
            w[0] = 5.0;
            assert_eq!(weight.tensor().to_vec(), [1.0, 2.0]);
            assert_eq!(format!("{weight:?}"), format!("Trainable {}", weight.tensor()));
        });
        assert_eq!(weight.tensor().to_vec(), [5.0, 2.0]);
    });
}

#[test]
fn a_second_change_while_one_runs_panics_and_loses_nothing() {
    within_a_minute(|| {
        let weight: Param = Param::new(Tensor::zeros([2, 3]));
        let ones = Tensor::ones([2, 3]);
        let nested: [(&str, &dyn Fn()); 3] = [
            ("Param::update", &|| weight.update(|_| ())),
            ("Param::update_from", &|| weight.update_from(|_, _| ())),
            ("Param::set", &|| weight.set(&ones)),
        ];
        for (operation, second) in nested {
            let message = message_of(|| weight.update(|_| second()));
            let expected =
                format!("{operation}: an update or a set of this parameter of shape [2, 3] is running already");
            assert_eq!(message, expected);
            assert_eq!(weight.tensor().to_vec(), [0.0; 6], "an update that panicked has changed nothing");
        }
        weight.update(|w| w[0] = 1.0);
        assert_eq!(weight.tensor().to_vec()[0], 1.0);

        let (entered, left) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                weight.update(|w| {
                    entered.wait();
                    w.fill(7.0);
                    left.wait();
                });
            });
            entered.wait();
            assert!(message_of(|| weight.set(&ones)).contains("is running already"));
            left.wait();
        });
        assert_eq!(weight.tensor().to_vec(), [7.0; 6]);
    });
}

#[test]
fn two_threads_may_read_each_others_parameter_inside_their_updates() {
    within_a_minute(|| {
        let (a, b): (Param, Param) = (Param::new(Tensor::zeros([3])), Param::new(Tensor::ones([3])));
        let (both_inside, both_read) = (Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            for [own, other] in [[&a, &b], [&b, &a]] {
                scope.spawn(|| {
                    own.update(|w| {
                        both_inside.wait();
                        w.copy_from_slice(&other.tensor().to_vec());
                        both_read.wait();
                    });
                });
            }
        });
        assert_eq!((a.tensor().to_vec(), b.tensor().to_vec()), (vec![1.0; 3], vec![0.0; 3]));
    });
}

#[test]
fn a_reader_gets_a_complete_version() {
    within_a_minute(|| {
        let weight: Param = Param::new(Tensor::zeros([20_000]));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let values = weight.tensor().to_vec();
                        assert!(values.iter().all(|value| *value == values[0]), "old and new values are mixed");
                    }
                });
            }
            for version in 0..if cfg!(debug_assertions) { 20 } else { 200 } {
                weight.update(|w| w.iter_mut().for_each(|w| *w = version as f32));
                weight.update_from(|_, new| new.fill(version as f32 + 0.5));
                weight.set(&Tensor::full([20_000], -1.0));
            }
            is_over.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn an_update_that_forks_beside_readers_does_not_hang() {
    // Each update waits for tasks of its pool, and a waiting worker may run a reader.
    within_a_minute(|| {
        let weight: Param = Param::new(Tensor::ones([300, 300]));
        let x: Tensor = Tensor::ones([64, 300]);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        with_threads(2, || drop(x.matmul(&weight.tensor())));
                    }
                });
            }
            with_threads(2, || {
                for _ in 0..if cfg!(debug_assertions) { 20 } else { 500 } {
                    weight.update(|w| {
                        let product = Tensor::from_slice(w, [300, 300]).matmul(&weight.tensor());
                        w.copy_from_slice(&product.tanh().to_vec());
                    });
                }
            });
            is_over.store(true, Ordering::Relaxed);
        });
    });
}

#[test]
fn a_rule_may_differentiate_its_own_graph() {
    /// The backward rule runs another backward pass through its own graph, and prints it.
    #[derive(Debug)]
    struct Curious;
    impl Op<f32> for Curious {
        fn name(&self) -> &'static str {
            "curious"
        }
        fn backward(&self, ctx: &mut Backward<'_, f32>) {
            let grad_here = ctx.grad();
            WALKED.with(|walked| {
                if let Some((y, x)) = walked.take() {
                    assert_eq!(grad(&y, &[&x], Order::RetainGraph)[0].to_vec(), [1.0]);
                    assert!(!autograd::draw(&y).to_dot().is_empty());
                }
            });
            ctx.propagate(0, || grad_here);
        }
    }
    thread_local! {
        static WALKED: std::cell::Cell<Option<(Tensor, Tensor)>> = const { std::cell::Cell::new(None) };
    }
    let x = Tensor::from_vec(vec![2.0], [1]).requires_grad();
    for order in [Order::RetainGraph, Order::Higher] {
        let y = Tensor::from_vec(vec![2.0], [1]).record(&[&x], |_| Curious);
        WALKED.set(Some((y.clone(), x.clone())));
        assert_eq!(grad(&y, &[&x], order)[0].to_vec(), [1.0]);
        assert!(WALKED.take().is_none());
    }
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Debug builds detect a `ShortLock` that is held while parallel tasks start, so it is the only lock of the libraries.
/// A cell that is initialized once is a lock too during its initialization; the existing cells only query the system or
/// the processor.
#[test]
fn the_libraries_have_one_kind_of_lock() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let cells = ["pool.rs", "trace.rs", "kernels/workers.rs", "kernels/gemm/caches.rs", "kernels/simd/isa.rs"];
    for member in ["autograd", "nn", "optim"] {
        let folder = workspace.join(member).join("src");
        for path in sources(&folder) {
            let source = fs::read_to_string(&path).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
            let name = path.strip_prefix(&folder).unwrap();
            for lock in ["Mutex", "RwLock", "Condvar", "Barrier"] {
                let is_there = code.contains(&format!("{lock}<")) || code.contains(&format!("{lock}::"));
                assert!(!is_there || name == Path::new("lock.rs"), "{member}/{}: {lock}", name.display());
            }
            for cell in ["OnceLock<", "LazyLock<"] {
                let known = member == "autograd" && cells.iter().any(|known| name == Path::new(known));
                assert!(!code.contains(cell) || known, "{member}/{}: {cell}..> is not known", name.display());
            }
        }
    }
}
