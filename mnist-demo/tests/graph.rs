//! The drawing of the graph: on stdout, in a file, and at a path that cannot be written.

mod common;

use std::fs;

use common::{assert_refused, demo, text};

#[test]
fn the_network_is_drawn_for_graphviz_and_as_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    let (svg, dot) = (folder.path().join("graph.svg"), folder.path().join("graph.dot"));
    common::write_small_set(folder.path());
    let data = folder.path().to_str().unwrap();

    let printed = demo(&["graph", "--data", data]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let printed = text(&printed.stdout);
    for words in
        ["linear_relu", "fc1.weight [256, 20]", "images [64, 20]", "scores", "cross_entropy\\nloss", "[64, 128]"]
    {
        assert!(printed.contains(words), "{words} is not in {printed}");
    }

    let written = demo(&["graph", "--data", data, "--svg", svg.to_str().unwrap(), "--dot", dot.to_str().unwrap()]);
    assert!(written.status.success() && written.stdout.is_empty(), "{}", text(&written.stderr));
    let saved = format!("saved drawing: {}\nsaved drawing: {}\n", svg.display(), dot.display());
    assert_eq!(text(&written.stderr), saved);
    assert_eq!(fs::read_to_string(dot).unwrap(), printed);
    let picture = fs::read_to_string(svg).unwrap();
    assert!(picture.starts_with("<svg") && picture.ends_with("</svg>\n"));
    assert_eq!(picture.matches("<rect").count(), 4 + 1 + 6, "four operations, the images, six parameters");
}

#[test]
fn a_path_that_cannot_be_written_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    common::write_small_set(folder.path());
    let output = demo(&["graph", "--data", folder.path().to_str().unwrap(), "--svg", "/no/such/folder/graph.svg"]);
    assert_refused(&output, 1, "/no/such/folder/graph.svg: cannot be written");
    assert_refused(&demo(&["graph", "--svg", "drawing", "--dot", "drawing"]), 2, "name the same file");
}
