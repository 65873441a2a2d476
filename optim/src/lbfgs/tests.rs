use super::*;
use autograd::{Param, State};

/// ½ Σ cᵢ (wᵢ - i)² over two parameters, of shapes [2, 2] and [3].
fn quadratic<T: Float>() -> ([Param<T>; 2], impl Fn() -> Tensor<T>) {
    let tensor = |values: &[f64], shape: &[usize]| {
        Tensor::<T>::from_vec(values.iter().map(|&value| T::from_f64(value)).collect(), shape)
    };
    let params = [Param::new(tensor(&[9.0, -3.0, 4.0, 0.5], &[2, 2])), Param::new(tensor(&[1.0, 2.0, -7.0], &[3]))];
    let held = params.clone();
    let loss = move || {
        let first = held[0].tensor() - tensor(&[0.0, 1.0, 2.0, 3.0], &[2, 2]);
        let second = held[1].tensor() - tensor(&[4.0, 5.0, 6.0], &[3]);
        let curved = &first * &first * tensor(&[1.0, 10.0, 3.0, 0.5], &[2, 2]);
        (curved.sum() + (&second * &second * T::from_f64(7.0)).sum()) * T::from_f64(0.5)
    };
    (params, loss)
}

/// Rosenbrock's valley, from a point that is far away.
fn valley() -> (Param<f64>, impl Fn() -> Tensor<f64>) {
    let point = Param::new(Tensor::from_vec(vec![-3.0, -4.0], [2]));
    let held = point.clone();
    let loss = move || {
        let (x, y) = (held.tensor().select(0, 0), held.tensor().select(0, 1));
        let away = &y - &x * &x;
        (x - 1.0).powf(2.0) + &away * &away * 100.0
    };
    (point, loss)
}

#[test]
fn a_quadratic_function_is_solved_in_a_step() {
    fn solved<T: Float>(line_search: LineSearch, tolerance: f64) {
        let (params, loss) = quadratic::<T>();
        let mut lbfgs = Lbfgs::new(params.clone(), 1.0).line_search(line_search).max_iter(40).tolerance_change(0.0);
        let first = lbfgs.step(&loss);
        assert!(first > 500.0, "the loss before: {first}");
        let found: Vec<f64> = params.iter().flat_map(|param| param.tensor().to_vec()).map(T::to_f64).collect();
        let is_close = found.iter().enumerate().all(|(index, value)| (value - index as f64).abs() < tolerance);
        assert!(is_close, "{line_search:?}: {found:?}");
    }
    for line_search in [LineSearch::None, LineSearch::StrongWolfe] {
        solved::<f64>(line_search, 1e-6);
        solved::<f32>(line_search, 1e-3);
    }
}

/// The first iteration by hand: t = min(1, 1 / ‖g‖₁) · lr along -g. The second: one pair.
#[test]
fn iterations_follow_the_formulas() {
    let (params, loss) = quadratic::<f64>();
    let c = [1.0, 10.0, 3.0, 0.5, 7.0, 7.0, 7.0];
    let weights = || -> Vec<f64> { params.iter().flat_map(|param| param.tensor().to_vec()).collect() };
    let gradient =
        |w: &[f64]| -> Vec<f64> { w.iter().zip(c).enumerate().map(|(i, (w, c))| c * (w - i as f64)).collect() };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let (w0, lr) = (weights(), 0.7);
    let g0 = gradient(&w0);
    let t = lr / g0.iter().map(|g| g.abs()).sum::<f64>();
    let w1: Vec<f64> = w0.iter().zip(&g0).map(|(w, g)| w - t * g).collect();
    let g1 = gradient(&w1);
    let (s, y): (Vec<f64>, Vec<f64>) = (0..7).map(|i| (w1[i] - w0[i], g1[i] - g0[i])).unzip();
    let (rho, scale) = (1.0 / dot(&y, &s), dot(&y, &s) / dot(&y, &y));
    let alpha = rho * dot(&s, &g1);
    let q: Vec<f64> = (0..7).map(|i| scale * (g1[i] - alpha * y[i])).collect();
    let beta = rho * dot(&y, &q);
    let w2: Vec<f64> = (0..7).map(|i| w1[i] - lr * (q[i] + s[i] * (alpha - beta))).collect();

    let mut lbfgs = Lbfgs::new(params.clone(), lr).max_iter(1);
    for expected in [w1, w2] {
        lbfgs.step(&loss);
        let is_close = weights().iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-12);
        assert!(is_close, "found {:?}, expected {expected:?}", weights());
    }
    assert_eq!((lbfgs.iterations, lbfgs.evaluations), (2, 2));
}

#[test]
fn a_line_search_leads_through_a_valley_and_ends() {
    let (point, loss) = valley();
    let mut lbfgs = Lbfgs::new([&point], 1.0).line_search(LineSearch::StrongWolfe).max_iter(100).tolerance_change(0.0);
    let mut calls = 0;
    for _ in 0..3 {
        lbfgs.step(|| {
            calls += 1;
            loss()
        });
    }
    assert!(point.tensor().to_vec().iter().all(|x| (x - 1.0).abs() < 1e-6), "{:?}", point.tensor());
    assert!(calls < 200, "{calls} evaluations");
    // At the minimum a step is one evaluation.
    let before = calls;
    lbfgs.step(|| {
        calls += 1;
        loss()
    });
    assert_eq!(calls, before + 1);
}

/// A loss that is not a number anywhere but at the start, and one that falls for ever.
#[test]
fn strange_losses_end_too() {
    let (weight, start) = (Param::new(Tensor::ones([1])), Tensor::<f64>::ones([1]));
    let mut lbfgs = Lbfgs::new([&weight], 1.0).line_search(LineSearch::StrongWolfe);
    lbfgs.step(|| {
        let away = (weight.tensor().detach() - &start).abs().item();
        (weight.tensor() * if away > 0.0 { f64::NAN } else { 1.0 }).sum()
    });
    assert_eq!(weight.tensor().item(), 1.0, "the only point with a loss");
    let mut lbfgs = Lbfgs::new([&weight], 1.0).line_search(LineSearch::StrongWolfe);
    lbfgs.step(|| weight.tensor().sum());
    assert!(weight.tensor().item() < -100.0);
}

#[test]
fn it_goes_on_from_its_state() {
    for line_search in [LineSearch::None, LineSearch::StrongWolfe] {
        let build = |point: &Param<f64>| {
            let lbfgs = Lbfgs::new([point], 1e-3).line_search(line_search).max_iter(4).history_size(3);
            lbfgs.max_eval(6).tolerance_grad(1e-9).tolerance_change(1e-12)
        };
        let (point, loss) = valley();
        let mut whole = build(&point);
        (0..3).for_each(|_| _ = whole.step(&loss));
        let (saved, at) = (whole.state_dict(), point.tensor());
        (0..3).for_each(|_| _ = whole.step(&loss));
        let (other_point, other_loss) = valley();
        let mut other = build(&other_point);
        other.load_state_dict(&saved).unwrap();
        other_point.set(&at);
        (0..3).for_each(|_| _ = other.step(&other_loss));
        assert_eq!(other_point.tensor().to_vec(), point.tensor().to_vec());
        assert_eq!(other.state_dict(), whole.state_dict());

        let error = Lbfgs::<f64>::new([Param::new(Tensor::ones([3]))], 1.0).load_state_dict(&saved).unwrap_err();
        assert!(error.to_string().contains("d: found f64 of shape [2], expected f64 of shape [3]"), "{error}");
    }
}

#[test]
fn what_is_frozen_stays() {
    let (params, loss) = quadratic::<f64>();
    params[1].freeze();
    Lbfgs::new(params.clone(), 1.0).max_iter(40).step(loss);
    assert_eq!(params[1].tensor().to_vec(), [1.0, 2.0, -7.0]);
    assert!((params[0].tensor().to_vec()[3] - 3.0).abs() < 1e-6);
}

#[test]
#[should_panic(expected = "step: the loss depends on none of the optimizer's 1 parameters that are not frozen")]
fn a_loss_of_another_model_is_refused() {
    let (weight, other): (Param, Param) = (Param::new(Tensor::ones([1])), Param::new(Tensor::ones([1])));
    Lbfgs::new([weight], 1.0).step(|| other.tensor().sum());
}
