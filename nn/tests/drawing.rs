//! The drawn graph in the README is what the example draws.

#[path = "../examples/05_graph.rs"]
#[allow(dead_code)] // its `main`
mod example;

#[test]
fn the_picture_in_the_readme_is_up_to_date() {
    let stored = include_str!("../../docs/images/step.svg");
    assert!(
        example::graph().to_svg() == stored,
        "draw it again: cargo run -p nn --example 05_graph -- docs/images/step.svg"
    );
}
