//! At which samples the gradients of an operation are checked: values, layouts and extents of its inputs.
//!
//! Nothing here knows of tensors, so that the test which writes `docs/ops.md` counts with the same list.

/// Each `gradients!` line is checked at as many samples at least.
pub(crate) const MIN_SAMPLES: usize = 26;

/// How the inputs lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Contiguous,
    /// Of tensors whose dimensions have the opposite order.
    Transposed,
    /// Every second element along each dimension of larger tensors.
    Stepped,
    /// Each dimension backwards.
    Flipped,
    SteppedAndFlipped,
    TransposedAndFlipped,
    /// A part of larger tensors, which does not begin at their first element.
    Part,
    /// One index along the first dimension, repeated.
    ExpandedFirst,
    /// One index along the last dimension, repeated.
    ExpandedLast,
    /// One element, repeated.
    ExpandedAll,
}

/// One check of an operation in both orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) view: View,
    /// Extents that are replaced: which one (all that are more than 1, if it is 0), and by what.
    pub(crate) replaced: Option<(usize, usize)>,
    /// Which random values.
    pub(crate) values: u64,
}

/// The samples for inputs of these shapes. Of an expression that is bound to its extents (`is_fixed`) none are
/// replaced.
pub(crate) fn samples(shapes: &[&[usize]], is_fixed: bool) -> Vec<Sample> {
    let views = views(shapes);
    let mut samples: Vec<Sample> = views.iter().map(|&view| Sample { view, replaced: None, values: 0 }).collect();
    if !is_fixed {
        let mut extents: Vec<usize> = shapes.concat();
        extents.retain(|&extent| extent > 1);
        extents.sort_unstable();
        extents.dedup();
        if extents.len() > 1 {
            extents.push(0);
        }
        for extent in extents {
            for size in [1, 0] {
                samples.push(Sample { view: View::Contiguous, replaced: Some((extent, size)), values: 0 });
            }
        }
    }
    for values in 1.. {
        for &view in &views {
            if samples.len() >= MIN_SAMPLES {
                return samples;
            }
            samples.push(Sample { view, replaced: None, values });
        }
    }
    unreachable!("every round adds samples")
}

/// The views that differ from each other for inputs of these shapes.
fn views(shapes: &[&[usize]]) -> Vec<View> {
    let rank = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut views = vec![View::Contiguous];
    if rank > 0 {
        views.extend([View::Stepped, View::Flipped, View::SteppedAndFlipped, View::Part, View::ExpandedAll]);
    }
    if rank > 1 {
        views.extend([View::Transposed, View::TransposedAndFlipped, View::ExpandedFirst, View::ExpandedLast]);
    }
    views
}
