//! Layers one after another.

use autograd::{Float, Param, Tensor};

use crate::module::{Mode, Module};

/// Layers one after another, each with a name: the one given, else its index, as in
/// [`torch.nn.Sequential`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html).
///
/// A [`ReLU`](crate::ReLU) is done together with the layer before it, which gives the same numbers in one pass less.
///
/// ```
/// use autograd::Tensor;
/// use nn::{Linear, Mode, Module, ReLU, Sequential};
/// let model: Sequential = Sequential::new().add(Linear::new(2, 8, 0)).add(ReLU).add(Linear::new(8, 1, 1));
/// assert_eq!(*model.forward(&Tensor::zeros([5, 2]), Mode::Eval).shape(), [5, 1]);
/// let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
/// ```
pub struct Sequential<T: Float = f32> {
    layers: Vec<(String, Box<dyn Module<T>>)>,
}

impl<T: Float> Default for Sequential<T> {
    fn default() -> Self {
        Sequential { layers: Vec::new() }
    }
}

impl<T: Float> Sequential<T> {
    /// No layers yet: the output is the input.
    pub fn new() -> Self {
        Sequential::default()
    }

    /// Adds a layer whose name is its index.
    #[allow(clippy::should_implement_trait)]
    pub fn add(self, layer: impl Module<T> + 'static) -> Self {
        let index = self.layers.len().to_string();
        self.named(&index, layer)
    }

    /// Adds a layer with a name.
    ///
    /// # Panics
    /// If the name is empty, has a dot in it, or is taken.
    #[track_caller]
    pub fn named(mut self, name: &str, layer: impl Module<T> + 'static) -> Self {
        assert!(
            !name.is_empty() && !name.contains('.'),
            "Sequential: \"{name}\" is not a layer's name: it is empty or has a dot in it"
        );
        assert!(
            self.layers.iter().all(|(taken, _)| taken != name),
            "Sequential: there is a layer named \"{name}\" already"
        );
        self.layers.push((name.to_owned(), Box::new(layer)));
        self
    }

    /// How many layers there are.
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether there are no layers.
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }
}

impl<T: Float> Module<T> for Sequential<T> {
    #[track_caller]
    fn forward(&self, x: &Tensor<T>, mode: Mode) -> Tensor<T> {
        let mut layers = self.layers.iter().map(|(_, layer)| layer).peekable();
        let mut x = x.clone();
        while let Some(layer) = layers.next() {
            x = match layers.next_if(|next| next.is_relu()) {
                Some(_) => layer.forward_relu(&x, mode),
                None => layer.forward(&x, mode),
            };
        }
        x
    }

    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, &'a Param<T>)) {
        for (name, layer) in &self.layers {
            layer.visit(&mut |inner, param| f(&format!("{name}.{inner}"), param));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Linear, ReLU, Tanh};

    #[test]
    fn a_rectifier_done_together_gives_the_same_numbers() {
        let layer = Linear::new(5, 6, 0);
        let x: Tensor = Tensor::randn([7, 5], 1);
        let apart = layer.forward(&x, Mode::Train).relu();
        let together = Sequential::new().add(layer).add(ReLU).forward(&x, Mode::Train);
        assert_eq!(together.to_vec(), apart.to_vec());
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
