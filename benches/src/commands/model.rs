//! The option `--model`.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::networks::{NETWORKS, Network};

/// A network of the option: `None` is the perceptron of the demo.
pub(super) type Model = Option<&'static Network>;

/// The name of the perceptron.
pub(super) const PERCEPTRON: &str = "mlp";

/// Reads the name of the perceptron, or of a network that is wanted, and lists these with what they are.
pub(super) fn model_parser(is_wanted: fn(&Network) -> bool) -> impl TypedValueParser<Value = Model> {
    let perceptron = PossibleValue::new(PERCEPTRON).help("The perceptron of the demo");
    let wanted = NETWORKS.into_iter().filter(move |network| is_wanted(network));
    let others = wanted.map(|network| PossibleValue::new(network.name).help(network.about));
    let names = PossibleValuesParser::new([perceptron].into_iter().chain(others));
    names.map(|name| NETWORKS.into_iter().find(|network| network.name == name))
}
