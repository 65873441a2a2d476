//! What the optimizers clear near the denormals does not show: their weights follow the plain formulas, evaluated in
//! f64, for any eps.

use autograd::{Float, Gradients, Param, Tensor};
use optim::{Adam, AdamW, Optimizer, Sgd};

const LR: f64 = 0.01;
const BETAS: (f64, f64) = (0.9, 0.999);
const DECAY: f64 = 0.1;
const EPSILONS: [f64; 4] = [1e-8, 1e-15, 1e-30, 0.0];

/// A gradient for each weight at each step.
type Sequence = Vec<Vec<f64>>;

fn gradients<T: Float>(weights: &Param<T>, values: &[f64]) -> Gradients<T> {
    let values: Vec<T> = values.iter().map(|&value| T::from_f64(value)).collect();
    (weights.tensor() * Tensor::from_vec(values, [weights.tensor().numel()])).sum().backward()
}

/// 100 steps with a gradient, constant or of changing sign; 2500 without; 50 with it again.
fn sequence(sizes: &[f64], alternates: bool) -> Sequence {
    let sign = |step: usize| if alternates && step % 2 == 1 { -1.0 } else { 1.0 };
    let factor = |step: usize| if (100..2600).contains(&step) { 0.0 } else { sign(step) };
    (0..2650).map(|step| sizes.iter().map(|size| size * factor(step)).collect()).collect()
}

/// The formula of Adam in f64, for gradients and eps times `scale`, which the weights do not depend on.
#[derive(Clone, Copy)]
struct Reference {
    eps: f64,
    scale: f64,
    amsgrad: bool,
    decay: f64,
}

impl Reference {
    fn weight(&self, gradients: impl Iterator<Item = f64>) -> Vec<f64> {
        let (mut w, mut m, mut v, mut largest) = (0.0, 0.0, 0.0, 0.0_f64);
        let mut path = Vec::new();
        for (step, gradient) in gradients.enumerate() {
            let (gradient, t) = (gradient * self.scale, step as i32 + 1);
            m = BETAS.0 * m + (1.0 - BETAS.0) * gradient;
            v = BETAS.1 * v + (1.0 - BETAS.1) * gradient * gradient;
            largest = largest.max(v);
            let v_hat = if self.amsgrad { largest } else { v } / (1.0 - BETAS.1.powi(t));
            let m_hat = m / (1.0 - BETAS.0.powi(t));
            w = w * (1.0 - LR * self.decay) - LR * m_hat / (v_hat.sqrt() + self.eps * self.scale);
            path.push(w);
        }
        path
    }
}

fn follows<T: Float>(mut optimizer: impl Optimizer<T>, weights: &Param<T>, all: &Sequence, reference: Reference) {
    let wanted: Vec<Vec<f64>> =
        (0..all[0].len()).map(|index| reference.weight(all.iter().map(|values| values[index]))).collect();
    let farthest: Vec<f64> = wanted.iter().map(|path| path.iter().fold(0.0, |most, w| w.abs().max(most))).collect();
    for (step, values) in all.iter().enumerate() {
        optimizer.step(&gradients(weights, values));
        for (index, found) in weights.tensor().to_vec().into_iter().enumerate() {
            let (found, wanted) = (found.to_f64(), wanted[index][step]);
            let gradient = all[0][index];
            assert!(
                (found - wanted).abs() <= 1e-3 * farthest[index],
                "{}, eps {:e}, gradient {gradient:e}, step {step}: found {found:e}, expected {wanted:e}",
                T::NAME,
                reference.eps
            );
        }
        let m = &optimizer.state()[0].slots[0].1;
        let is_fast = m.iter().all(|&m| m == T::ZERO || m.abs() >= T::MIN_POSITIVE);
        assert!(is_fast, "step {step}: m is {m:?}, with a denormal value");
    }
}

fn all_follow<T: Float>(sizes: &[f64], scale: f64) {
    let sizes: Vec<f64> = sizes.iter().map(|&size| T::from_f64(size).to_f64()).collect();
    for (eps, alternates) in EPSILONS.into_iter().flat_map(|eps| [(eps, false), (eps, true)]) {
        let all = sequence(&sizes, alternates);
        let reference = |decay, amsgrad| Reference { eps, scale, amsgrad, decay };
        let weights = || Param::<T>::new(Tensor::zeros([sizes.len()]));
        let adam = |weights: &Param<T>| Adam::new([weights.clone()], LR).eps(eps);
        let adamw = |weights: &Param<T>| AdamW::new([weights.clone()], LR).eps(eps).weight_decay(DECAY);
        let own = weights();
        follows(adam(&own), &own, &all, reference(0.0, false));
        let own = weights();
        follows(adam(&own).amsgrad(true), &own, &all, reference(0.0, true));
        let own = weights();
        follows(adamw(&own), &own, &all, reference(DECAY, false));
        let own = weights();
        follows(adamw(&own).amsgrad(true), &own, &all, reference(DECAY, true));
    }
}

#[test]
fn adam_follows_its_formula_wherever_the_squares_are_normal_in_f32() {
    all_follow::<f32>(&[1e-3, 1e-8, 9e-15, 1e-15, 1e-16, 1e-17, 4e-18, 3.5e-18], 1.0);
}

#[test]
fn adam_follows_its_formula_wherever_the_squares_are_normal_in_f64() {
    all_follow::<f64>(&[1e-3, 1e-15, 1e-30, 1e-60, 1e-100, 1e-140, 5e-153], 2.0_f64.powi(400));
}

/// The formula in f32 as it stands, with all denormals.
fn with_denormals(eps: f32, gradient: f32, steps: i32) -> f64 {
    let (mut w, mut m, mut v) = (0.0_f32, 0.0_f32, 0.0_f32);
    for t in 1..=steps {
        m = 0.9 * m + 0.1 * gradient;
        v = 0.999 * v + 0.001 * gradient * gradient;
        let root = (1.0 - BETAS.1.powi(t)).sqrt() as f32;
        w -= (LR / (1.0 - BETAS.0.powi(t))) as f32 * (m / (v.sqrt() / root + eps));
    }
    w.into()
}

#[test]
fn gradients_with_denormal_squares_are_no_worse_than_with_all_denormals() {
    for eps in EPSILONS {
        for exponent in -36..=-17 {
            let gradient = 10_f32.powi(exponent);
            let weight = Param::<f32>::new(Tensor::zeros([1]));
            let mut adam = Adam::new([weight.clone()], LR).eps(eps);
            (0..100).for_each(|_| adam.step(&gradients(&weight, &[gradient.into()])));
            let found: f64 = weight.tensor().item().into();
            let reference = Reference { eps, scale: 1.0, amsgrad: false, decay: 0.0 };
            let exact = reference.weight(std::iter::repeat_n(gradient.into(), 100))[99];
            let (error, of_plain) = (found - exact, with_denormals(eps as f32, gradient, 100) - exact);
            assert!(
                found.is_finite() && error.abs() <= of_plain.abs() + 1e-3 * exact.abs(),
                "eps {eps:e}, gradient {gradient:e}: {error:e} off, with denormals {of_plain:e}, of {exact:e}"
            );
        }
    }
}

#[test]
fn moments_of_dead_weights_end_at_zero_for_any_eps() {
    for eps in EPSILONS {
        let weights = Param::<f32>::new(Tensor::zeros([4]));
        let mut adam = Adam::new([weights.clone()], LR).betas(0.9, 0.95).eps(eps);
        (0..10).for_each(|_| adam.step(&gradients(&weights, &[1.0, 1e-5, 1e-15, -1e-18])));
        for _ in 0..2500 {
            adam.step(&gradients(&weights, &[0.0; 4]));
            if eps == 1e-8 {
                let moments = adam.state()[0].slots.clone();
                let is_fast = |x: f32| x == 0.0 || x.abs() >= f32::MIN_POSITIVE;
                assert!(moments.iter().all(|(_, moment)| moment.iter().all(|&x| is_fast(x))), "{moments:?}");
            }
        }
        let state = adam.state();
        assert!(state[0].slots.iter().all(|(_, moment)| *moment == [0.0; 4]), "eps {eps:e}: {:?}", state[0].slots);
        let rested = weights.tensor().to_vec();
        adam.step(&gradients(&weights, &[0.0; 4]));
        assert_eq!(weights.tensor().to_vec(), rested);
        adam.step(&gradients(&weights, &[1e-3, 1e-17, 0.0, -0.0]));
        let moved = (weights.tensor() - Tensor::from_vec(rested, [4])).abs().to_vec();
        let most = LR * (0.1 / 0.05_f64.sqrt()) * 1.001;
        assert!(moved.iter().all(|&moved| f64::from(moved) <= most), "eps {eps:e}: moved by {moved:?}");
    }
}

#[test]
fn momentum_follows_its_formula() {
    let sizes = [1e-3, 1e-20, 1e-30, 1e-31, 1e-33, 1e-35];
    for nesterov in [false, true] {
        let weights = Param::<f32>::new(Tensor::zeros([sizes.len()]));
        let mut sgd = Sgd::new([weights.clone()], LR).momentum(0.9).nesterov(nesterov);
        let (mut w, mut b) = ([0.0; 6], [0.0; 6]);
        for step in 0..2000 {
            let gradient = sizes.map(|size| if step < 50 { f64::from(size as f32) } else { 0.0 });
            sgd.step(&gradients(&weights, &gradient));
            for index in 0..sizes.len() {
                b[index] = 0.9 * b[index] + gradient[index];
                w[index] -= LR * if nesterov { gradient[index] + 0.9 * b[index] } else { b[index] };
            }
        }
        for (found, wanted) in weights.tensor().to_vec().into_iter().zip(w) {
            assert!((f64::from(found) - wanted).abs() <= 1e-3 * wanted.abs(), "found {found:e}, expected {wanted:e}");
        }
        assert_eq!(sgd.state()[0].slots[0].1, [0.0; 6]);
    }
}
