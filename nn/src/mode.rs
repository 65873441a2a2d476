//! Whether a network is trained or used, and where its random numbers come from.

use autograd::Stream;

/// Whether a network is being trained or used: some layers (dropout, batch normalisation) behave differently. It is an
/// argument, not a hidden flag.
///
/// Training brings the random numbers along. Each call that draws takes the [`Stream`]'s next ones, so two calls
/// within one forward never draw the same.
///
/// ```
/// use autograd::{Stream, Tensor};
/// use nn::{Dropout, Layer, Mode};
/// let (layer, x, stream) = (Dropout::new(0.5), Tensor::<f32>::ones([64]), Stream::new(0));
/// let state = stream.state();
/// let y = layer.forward(&x, Mode::Train(&stream));
/// assert_ne!(layer.forward(&x, Mode::Train(&stream)).to_vec(), y.to_vec());
/// assert_eq!(layer.forward(&x, Mode::Eval).to_vec(), x.to_vec());
///
/// // The key and the count of the calls are the whole state.
/// stream.restore(state);
/// assert_eq!(layer.forward(&x, Mode::Train(&stream)).to_vec(), y.to_vec());
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Mode<'a> {
    /// Using what was trained.
    Eval,
    /// Training, with random numbers from this stream.
    Train(&'a Stream),
}

impl<'a> Mode<'a> {
    /// Whether it is training.
    pub fn is_training(self) -> bool {
        matches!(self, Mode::Train(_))
    }

    /// The source of random numbers; there is none outside of training.
    pub fn stream(self) -> Option<&'a Stream> {
        match self {
            Mode::Eval => None,
            Mode::Train(stream) => Some(stream),
        }
    }

    /// The same mode for a branch that may run on another thread: a branch has a stream of its own, and draws the same
    /// whichever branch runs first. Take all branches before the fork.
    ///
    /// ```
    /// use autograd::{Stream, Tensor, join};
    /// use nn::{Dropout, Layer, Mode};
    /// let (layer, x, stream) = (Dropout::new(0.5), Tensor::<f32>::ones([64]), Stream::new(0));
    /// let mode = Mode::Train(&stream);
    /// let (left, right) = (mode.branch(), mode.branch());
    /// let (layer, x) = (&layer, &x);
    /// let (a, b) = join(
    ///     move || layer.forward(x, left.mode()),
    ///     move || layer.forward(x, right.mode()),
    /// );
    /// assert_ne!(a.to_vec(), b.to_vec());
    /// ```
    pub fn branch(self) -> Branch {
        Branch(self.stream().map(Stream::split))
    }
}

/// The mode of a branch, with a stream of its own: see [`Mode::branch`].
#[derive(Clone, Debug)]
pub struct Branch(Option<Stream>);

impl Branch {
    /// The mode to hand on.
    pub fn mode(&self) -> Mode<'_> {
        self.0.as_ref().map_or(Mode::Eval, Mode::Train)
    }
}
