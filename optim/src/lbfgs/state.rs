//! The state of L-BFGS by name, with PyTorch's names.

use std::collections::VecDeque;

use autograd::{Float, Load, Shape, State, StateDict, StateError, StateReader, Tensor};

use super::history::{History, Pair};
use super::{Last, Lbfgs};

impl<T: Float> State for Lbfgs<T> {
    fn state_dict(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_f64("param_groups.0.lr", self.lr);
        state.insert_u64("n_iter", self.iterations);
        state.insert_u64("func_evals", self.evaluations);
        let Some(Last { direction, t, gradient, loss, history }) = &self.last else { return state };
        let flat = [self.numel()];
        state.insert_elements("d", flat, &direction.to_vec());
        state.insert_f64("t", *t);
        state.insert_elements("prev_flat_grad", flat, &gradient.to_vec());
        state.insert_f64("prev_loss", *loss);
        state.insert_f64("H_diag", history.scale);
        for (index, Pair { gradients, weights, rho }) in history.pairs.iter().enumerate() {
            state.insert_elements(format!("old_dirs.{index}"), flat, &gradients.to_vec());
            state.insert_elements(format!("old_stps.{index}"), flat, &weights.to_vec());
            state.insert_f64(format!("ro.{index}"), *rho);
        }
        state
    }

    fn prepare_load<'a>(&'a mut self, state: &StateDict) -> Result<Load<'a>, StateError> {
        let mut reader = state.reader();
        let lr = reader.not_negative("param_groups.0.lr");
        let (iterations, evaluations) = (reader.u64("n_iter"), reader.u64("func_evals"));
        let last = (iterations > 0).then(|| read(&mut reader, self.numel()));
        reader.finish()?;
        Ok(Box::new(move || {
            (self.lr, self.iterations, self.evaluations, self.last) = (lr, iterations, evaluations, last);
        }))
    }
}

fn read<T: Float>(reader: &mut StateReader<'_>, length: usize) -> Last<T> {
    let shape = Shape::from([length]);
    let vector = |reader: &mut StateReader<'_>, name: &str| {
        let values: &[T] = reader.elements(name, &shape);
        Tensor::from_vec(values.to_vec(), [values.len()])
    };
    let direction = vector(reader, "d");
    let t = reader.f64("t");
    let gradient = vector(reader, "prev_flat_grad");
    let (loss, scale) = (reader.f64("prev_loss"), reader.f64("H_diag"));
    let mut pairs = VecDeque::new();
    while reader.has(&format!("ro.{}", pairs.len())) {
        let name = |value: &str| format!("{value}.{}", pairs.len());
        let (gradients, weights) = (vector(reader, &name("old_dirs")), vector(reader, &name("old_stps")));
        let rho = reader.f64(&name("ro"));
        pairs.push_back(Pair { gradients, weights, rho });
    }
    Last { direction, t, gradient, loss, history: History { pairs, scale } }
}
