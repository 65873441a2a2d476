//! L-BFGS (Nocedal, *Updating quasi-Newton matrices with limited storage*, 1980), with PyTorch's details
//! ([`torch.optim.LBFGS`](https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html)).

mod history;
mod state;
mod strong_wolfe;

use autograd::{Float, ParamKind, Tensor};

use crate::parameter::{IntoParameter, Parameter, collected};
use crate::settings::not_negative;
use history::History;
use strong_wolfe::Point;

/// How far to go along a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineSearch {
    /// As far as the learning rate says.
    None,
    /// To where the strong Wolfe conditions hold: the loss has fallen enough, and its slope is small (Nocedal and
    /// Wright,
    /// *Numerical optimization*, 2006, algorithms 3.5 and 3.6).
    StrongWolfe,
}

/// L-BFGS: the direction of Newton's method, from an estimate of the curvature that the last gradients give.
///
/// A step takes several iterations, each of which computes the loss and its gradients anew. So it takes a closure, and
/// all data at once: the losses of two calls must be comparable. With the differences s of the weights and y of the
/// gradients between two iterations, ρ = 1 / (y · s), and the inverse Hessian matrix that they stand for,
///
///   H ← (1 - ρ s yᵀ) H (1 - ρ y sᵀ) + ρ s sᵀ        w ← w - t H g
///
/// ```
/// use autograd::{Param, Tensor};
/// use optim::{Lbfgs, LineSearch};
/// // Rosenbrock's valley, whose minimum is at (1, 1).
/// let point: Param<f64> = Param::new(Tensor::from_vec(vec![-1.5, 2.0], [2]));
/// let loss = || {
///     let (x, y) = (point.tensor().select(0, 0), point.tensor().select(0, 1));
///     let away = &y - &x * &x;
///     (x - 1.0).powf(2.0) + &away * &away * 100.0
/// };
/// let mut lbfgs = Lbfgs::new([point.clone()], 1.0).line_search(LineSearch::StrongWolfe);
/// for _ in 0..5 {
///     lbfgs.step(loss);
/// }
/// assert!(loss().item() < 1e-6);
/// ```
#[derive(Debug)]
pub struct Lbfgs<T: Float = f32> {
    parameters: Vec<Parameter<T>>,
    lr: f64,
    max_iter: u64,
    max_eval: Option<u64>,
    tolerance_grad: f64,
    tolerance_change: f64,
    history_size: usize,
    line_search: LineSearch,
    /// How many iterations and evaluations there were, over all steps.
    iterations: u64,
    evaluations: u64,
    /// What the last iteration has left; none before the first one.
    last: Option<Last<T>>,
}

/// The last iteration.
#[derive(Clone, Debug)]
struct Last<T: Float> {
    direction: Tensor<T>,
    /// How far it went along the direction.
    t: f64,
    /// The gradient and the loss before it.
    gradient: Tensor<T>,
    loss: f64,
    history: History<T>,
}

impl<T: Float> Lbfgs<T> {
    /// L-BFGS of these parameters, or pairs of a name and a parameter, with PyTorch's defaults: at most 20 iterations
    /// and
    /// 25 evaluations in a step, tolerances of 10⁻⁷ for the gradient and 10⁻⁹ for a change, a history of 100
    /// iterations, no line search. PyTorch's learning rate is 1.
    ///
    /// # Panics
    /// If the learning rate is negative or not finite, two parameters have the same name, or one comes twice.
    #[track_caller]
    pub fn new<P: IntoParameter<T>>(parameters: impl IntoIterator<Item = P>, lr: f64) -> Self {
        Lbfgs {
            parameters: collected(&[], parameters),
            lr: not_negative("learning rate", lr),
            max_iter: 20,
            max_eval: None,
            tolerance_grad: 1e-7,
            tolerance_change: 1e-9,
            history_size: 100,
            line_search: LineSearch::None,
            iterations: 0,
            evaluations: 0,
            last: None,
        }
    }

    /// The most iterations of a step.
    pub fn max_iter(mut self, max_iter: u64) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// After how many evaluations of the loss a step begins no other iteration: five quarters of the iterations, if
    /// this is not called.
    pub fn max_eval(mut self, max_eval: u64) -> Self {
        self.max_eval = Some(max_eval);
        self
    }

    /// A step ends when no element of the gradient is larger.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn tolerance_grad(mut self, tolerance: f64) -> Self {
        self.tolerance_grad = not_negative("tolerance of the gradient", tolerance);
        self
    }

    /// A step ends when neither the loss nor any weight changes by more.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn tolerance_change(mut self, tolerance: f64) -> Self {
        self.tolerance_change = not_negative("tolerance of a change", tolerance);
        self
    }

    /// How many iterations the estimate of the curvature is made of. Each takes twice the memory of the parameters.
    pub fn history_size(mut self, history_size: usize) -> Self {
        self.history_size = history_size;
        self
    }

    /// How far to go along a direction: PyTorch's `line_search_fn`.
    pub fn line_search(mut self, line_search: LineSearch) -> Self {
        self.line_search = line_search;
        self
    }

    /// The learning rate: how far to go along a direction, and where a line search begins.
    pub fn learning_rate(&self) -> f64 {
        self.lr
    }

    /// Changes the learning rate from the next step on.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[track_caller]
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.lr = not_negative("learning rate", learning_rate);
    }

    /// Changes the parameters by some iterations, each of which calls `loss` once, or more often with a line search.
    /// Returns the loss before the first one.
    ///
    /// # Panics
    /// If the loss is no scalar that depends on one of the parameters that are not frozen.
    #[track_caller]
    pub fn step(&mut self, mut loss: impl FnMut() -> Tensor<T>) -> f64 {
        let mut here = self.evaluate(&mut loss);
        let first_loss = here.loss;
        let (mut iterations, mut evaluations) = (0, 1);
        let max_eval = self.max_eval.unwrap_or(self.max_iter * 5 / 4);
        if largest(&here.gradient) <= self.tolerance_grad {
            return first_loss;
        }
        while iterations < self.max_iter {
            iterations += 1;
            let before = self.evaluations;
            let Some(next) = self.iterate(here, &mut loss, iterations == self.max_iter) else { break };
            evaluations += self.evaluations - before;
            here = next;
            let last = self.last.as_ref().expect("there was an iteration");
            let moved = largest(&last.direction) * last.t;
            let is_done = largest(&here.gradient) <= self.tolerance_grad
                || moved <= self.tolerance_change
                || (here.loss - last.loss).abs() < self.tolerance_change;
            if evaluations >= max_eval || is_done {
                break;
            }
        }
        first_loss
    }

    /// One iteration, from a loss and its gradient to the next ones; `None` if no direction leads further down. Without
    /// a line search nobody needs the loss after the `is_last` one.
    #[track_caller]
    fn iterate(&mut self, here: Point<T>, loss: &mut dyn FnMut() -> Tensor<T>, is_last: bool) -> Option<Point<T>> {
        self.iterations += 1;
        let is_first = self.last.is_none();
        let history = match self.last.take() {
            None => History::new(),
            Some(last) => {
                let (gradients, weights) = (&here.gradient - &last.gradient, &last.direction * T::from_f64(last.t));
                last.history.with(gradients, weights, self.history_size)
            }
        };
        let direction = history.direction(&here.gradient);
        let size = here.gradient.norm(1.0, [], false).item().to_f64();
        let t = if is_first { (1.0 / size).min(1.0) * self.lr } else { self.lr };
        let slope = dot(&here.gradient, &direction);
        let (gradient, loss_before) = (here.gradient.clone(), here.loss);
        let mut last = Last { direction: direction.clone(), t, gradient, loss: loss_before, history };
        let mut next = None;
        if slope <= -self.tolerance_change {
            let start = self.values();
            if self.line_search == LineSearch::StrongWolfe {
                let evaluate = &mut |t: f64| {
                    self.go(&start, &direction, t);
                    let point = self.evaluate(loss);
                    let slope = dot(&point.gradient, &direction);
                    (point, slope)
                };
                let found = strong_wolfe::search(evaluate, here, slope, t, largest(&direction));
                last.t = found.t;
                self.go(&start, &direction, found.t);
                next = Some(found.point);
            } else {
                self.go(&start, &direction, t);
                next = Some(if is_last { here } else { self.evaluate(loss) });
            }
        }
        self.last = Some(last);
        next
    }

    /// The loss and its gradient where the parameters are.
    #[track_caller]
    fn evaluate(&mut self, loss: &mut dyn FnMut() -> Tensor<T>) -> Point<T> {
        self.evaluations += 1;
        let loss = loss();
        let value = loss.item().to_f64();
        let gradients = loss.backward();
        let count = self.parameters.len();
        let has_any = self.parameters.iter().any(|parameter| gradients.of(&parameter.param).is_some());
        assert!(has_any, "step: the loss depends on none of the optimizer's {count} parameters that are not frozen");
        let flat = |parameter: &Parameter<T>| match gradients.of(&parameter.param) {
            Some(gradient) => gradient.detach().reshape([-1]),
            None => Tensor::zeros([parameter.param.tensor().numel()]),
        };
        let all: Vec<Tensor<T>> = self.parameters.iter().map(flat).collect();
        Point { loss: value, gradient: Tensor::cat(&all, 0) }
    }

    fn values(&self) -> Vec<Tensor<T>> {
        self.parameters.iter().map(|parameter| parameter.param.tensor().detach()).collect()
    }

    /// Sets the parameters that are not frozen to `start` + t · `direction`.
    fn go(&self, start: &[Tensor<T>], direction: &Tensor<T>, t: f64) {
        let mut offset = 0;
        for (Parameter { param, .. }, start) in self.parameters.iter().zip(start) {
            let length = start.numel();
            if param.kind() == ParamKind::Trainable {
                let along = direction.narrow(0, offset, length).reshape(start.shape());
                param.set(&(start + along * T::from_f64(t)));
            }
            offset += length;
        }
    }

    fn numel(&self) -> usize {
        self.parameters.iter().map(|parameter| parameter.param.tensor().numel()).sum()
    }
}

/// The largest magnitude of the elements.
fn largest<T: Float>(values: &Tensor<T>) -> f64 {
    if values.numel() == 0 { 0.0 } else { values.abs().max().item().to_f64() }
}

fn dot<T: Float>(a: &Tensor<T>, b: &Tensor<T>) -> f64 {
    a.dot(b).item().to_f64()
}

#[cfg(test)]
mod tests;
