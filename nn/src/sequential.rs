//! Layers one after another.

use std::any::Any;
use std::fmt;

use autograd::{Float, Tensor};

use crate::activation::ReLU;
use crate::conv::Conv2d;
use crate::layer::Layer;
use crate::linear::Linear;
use crate::mode::Mode;
use crate::module::{Member, Module};
use crate::pool::MaxPool2d;

/// Layers one after another, each with a name: the one given, else its index, as in
/// [`torch.nn.Sequential`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html).
///
/// A [`ReLU`](crate::ReLU) that follows a [`Linear`](crate::Linear) or a [`Conv2d`](crate::Conv2d) is done together
/// with it, and so is a [`MaxPool2d`](crate::MaxPool2d) behind the latter: that gives the same values in fewer passes.
/// It is decided here, when the layers are added; the layers know nothing of it.
///
/// ```
/// use autograd::Tensor;
/// use nn::{Layer, Linear, Mode, Module, ReLU, Sequential};
/// let model: Sequential = Sequential::new().add(Linear::new(2, 8, 0)).add(ReLU).add(Linear::new(8, 1, 1));
/// assert_eq!(*model.forward(&Tensor::zeros([5, 2]), Mode::Eval).shape(), [5, 1]);
/// let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
/// ```
pub struct Sequential<T: Float = f32> {
    steps: Vec<Step<T>>,
}

struct Step<T: Float> {
    name: String,
    layer: Box<dyn Layer<T>>,
    role: Role<T>,
}

/// What a layer is to its neighbours.
enum Role<T: Float> {
    /// A linear layer, which can apply a rectifier in the same pass. This one shares its parameters with the step's.
    Linear(Linear<T>),
    /// A convolution, which can apply a rectifier and max-pooling in the same pass. It shares its parameters, too.
    Convolution(Conv2d<T>),
    /// A rectifier.
    Rectifier,
    /// Max-pooling of images.
    MaxPool(MaxPool2d),
    /// Any other layer.
    Other,
}

impl<T: Float> Role<T> {
    fn of(layer: &dyn Any) -> Self {
        if let Some(linear) = layer.downcast_ref::<Linear<T>>() {
            Role::Linear(linear.clone())
        } else if let Some(convolution) = layer.downcast_ref::<Conv2d<T>>() {
            Role::Convolution(convolution.clone())
        } else if let Some(pool) = layer.downcast_ref::<MaxPool2d>() {
            Role::MaxPool(*pool)
        } else if layer.is::<ReLU>() {
            Role::Rectifier
        } else {
            Role::Other
        }
    }
}

impl<T: Float> Default for Sequential<T> {
    fn default() -> Self {
        Sequential { steps: Vec::new() }
    }
}

impl<T: Float> Sequential<T> {
    /// No layers yet: the output is the input.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// Adds a layer whose name is its index.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, layer: impl Layer<T> + 'static) -> Self {
        let index = self.len().to_string();
        self.named(&index, layer)
    }

    /// Adds a layer with a name.
    ///
    /// # Panics
    /// If the name is empty, has a dot in it, or is taken.
    #[track_caller]
    pub fn named(mut self, name: &str, layer: impl Layer<T> + 'static) -> Self {
        assert!(
            !name.is_empty() && !name.contains('.'),
            "Sequential: \"{name}\" is not a layer's name: it is empty or has a dot in it"
        );
        assert!(
            self.steps.iter().all(|step| step.name != name),
            "Sequential: there is a layer named \"{name}\" already"
        );
        let role = Role::of(&layer);
        self.steps.push(Step { name: name.to_owned(), layer: Box::new(layer), role });
        self
    }

    /// How many layers there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    fn kind(&self) -> &'static str {
        "Sequential"
    }

    fn members(&self, f: &mut dyn FnMut(&str, Member<'_, T>)) {
        for Step { name, layer, .. } in &self.steps {
            f(name, Member::Module(layer));
        }
    }
}

impl<T: Float> Layer<T> for Sequential<T> {
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, mode: Mode<'_>) -> Tensor<T> {
        let mut steps = self.steps.iter().peekable();
        let mut x = x.clone();
        while let Some(step) = steps.next() {
            let mut is_rectified = || steps.next_if(|next| matches!(next.role, Role::Rectifier)).is_some();
            x = match &step.role {
                Role::Linear(linear) if is_rectified() => linear.forward_relu(&x),
                Role::Convolution(convolution) if is_rectified() => {
                    let pool = match steps.peek().copied().map(|next| &next.role) {
                        Some(Role::MaxPool(pool)) => steps.next().map(|_| pool),
                        _ => None,
                    };
                    convolution.forward_relu(&x, pool)
                }
                _ => step.layer.forward(&x, mode),
            };
        }
        x
    }

    fn chain(&self) -> Vec<(&str, &dyn Layer<T>)> {
        self.steps.iter().map(|step| (step.name.as_str(), &*step.layer)).collect()
    }
}

impl<T: Float> fmt::Display for Sequential<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tree())
    }
}

#[cfg(test)]
mod tests {
    use autograd::Stream;

    use super::*;
    use crate::Tanh;

    #[test]
    fn a_rectifier_done_together_gives_the_same_values_and_gradients() {
        let layer = Linear::new(5, 6, 0);
        let x: Tensor = Tensor::randn([7, 5], 1);
        let stream = Stream::new(0);
        let apart = layer.forward(&x, Mode::Train(&stream)).relu();
        let together = Sequential::new().add(layer.clone()).add(ReLU).forward(&x, Mode::Train(&stream));
        assert_eq!(together.to_vec(), apart.to_vec());
        let [together, apart] = [together, apart].map(|y| {
            let gradients = y.sum().backward();
            layer.parameters().iter().flat_map(|param| gradients.of(param).unwrap().to_vec()).collect::<Vec<_>>()
        });
        assert_eq!(together, apart);
    }

    #[test]
    fn a_rectifier_behind_a_linear_layer_is_one_operation() {
        let model: Sequential =
            Sequential::new().add(Linear::new(2, 2, 0)).add(ReLU).add(Linear::new(2, 2, 1)).add(Tanh);
        let y = model.forward(&Tensor::ones([1, 2]), Mode::Eval);
        let drawn = autograd::draw(&y).to_dot();
        assert!(drawn.contains("linear_relu") && drawn.contains("tanh") && !drawn.contains("\"relu"), "{drawn}");
    }

    #[test]
    fn a_convolution_done_together_with_what_follows_gives_the_same_values_and_gradients() {
        let x: Tensor = Tensor::randn([3, 2, 9, 8], 1);
        for padding_mode in [autograd::PadMode::Constant(0.0), autograd::PadMode::Circular] {
            let layer = Conv2d::new(2, 5, 3, 0).padding(1).padding_mode(padding_mode);
            let pool = MaxPool2d::new(2);
            let rectified = layer.forward(&x, Mode::Eval).relu();
            let pair: Sequential = Sequential::new().add(layer.clone()).add(ReLU);
            let model = Sequential::new().add(layer.clone()).add(ReLU).add(pool).add(pool);
            let outcome = |y: Tensor| {
                let (values, gradients) = (y.to_vec(), y.sum().backward());
                let of_layer = layer.parameters();
                (values, of_layer.iter().flat_map(|param| gradients.of(param).unwrap().to_vec()).collect::<Vec<_>>())
            };
            let twice = pool.forward(&pool.forward(&layer.forward(&x, Mode::Eval).relu(), Mode::Eval), Mode::Eval);
            for (together, apart) in [(pair.forward(&x, Mode::Eval), rectified), (model.forward(&x, Mode::Eval), twice)]
            {
                let (together, apart) = (outcome(together), outcome(apart));
                assert_eq!(together.0, apart.0);
                let near = |(one, other): (&f32, &f32)| (one - other).abs() <= 1e-4 * (1.0 + other.abs());
                assert!(together.1.iter().zip(&apart.1).all(near));
            }
            let drawn = autograd::draw(&model.forward(&x, Mode::Eval)).to_dot();
            assert!(drawn.contains("conv_relu_max_pool") && drawn.contains("\"max_pool"), "{drawn}");
        }
    }

    #[test]
    fn a_rectifier_may_stand_anywhere() {
        let x: Tensor = Tensor::linspace(-1.0, 1.0, 5);
        let model = Sequential::new().add(ReLU).add(ReLU).add(Tanh).add(ReLU);
        assert_eq!(model.forward(&x, Mode::Eval).to_vec(), x.relu().tanh().to_vec());
        assert_eq!(Sequential::new().forward(&x, Mode::Eval).to_vec(), x.to_vec());
    }

    #[test]
    fn names_nest() {
        let inner = Sequential::new().named("fc", Linear::without_bias(2, 2, 0));
        let outer = Sequential::<f32>::new().named("block", inner);
        assert_eq!(outer.named_parameters()[0].0, "block.fc.weight");
    }

    #[test]
    #[should_panic(expected = "there is a layer named \"fc\" already")]
    fn a_name_is_given_once() {
        let _ = Sequential::<f32>::new().named("fc", ReLU).named("fc", ReLU);
    }
}
