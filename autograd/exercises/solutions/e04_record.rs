//! 4. A whole operation of two inputs.

use autograd::{Backward, Op, Saved, Tensor};

/// y = √(a² + b²)        dy/da = a / y, dy/db = b / y
#[derive(Debug)]
struct Hypotenuse {
    a: Saved<f64>,
    b: Saved<f64>,
    y: Saved<f64>,
}

impl Op<f64> for Hypotenuse {
    fn name(&self) -> &'static str {
        "hypotenuse"
    }

    fn backward(&self, ctx: &mut Backward<'_, f64>) {
        let (grad, a, b, y) = (ctx.grad(), ctx.get(&self.a), ctx.get(&self.b), ctx.get(&self.y));
        ctx.propagate(0, || &grad * (&a / &y));
        ctx.propagate(1, || &grad * (&b / &y));
    }
}

/// √(a² + b²), element by element.
pub fn hypotenuse(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    let shape = a.shape().broadcast(b.shape()).expect("shapes that broadcast");
    let [stretched_a, stretched_b] = [a, b].map(|x| x.expand(shape.to_vec()).to_vec());
    let values = stretched_a.into_iter().zip(stretched_b).map(|(a, b)| a.hypot(b)).collect();
    let save = |y: &Tensor<f64>| Hypotenuse { a: Saved::input(0, a), b: Saved::input(1, b), y: Saved::output(y) };
    Tensor::from_vec(values, &shape).record(&[a, b], save)
}
