//! Pictures of large graphs: their size is proportional to the graph, and no function visits a graph by recursion.

use autograd::{Tensor, draw};

/// The maximum size of a picture for each operation, in bytes.
const BYTES_PER_OPERATION: usize = 1500;

fn leaf() -> Tensor {
    Tensor::from_vec(vec![0.5, -0.25], [2]).requires_grad()
}

/// A value that is computed once and used by each of many steps.
fn used_at_each_step(steps: usize) -> Tensor {
    let x = leaf().sin();
    (0..steps).fold(x.clone(), |y, _| (y * &x).tanh())
}

/// A leaf that each of many steps uses.
fn leaf_at_each_step(steps: usize) -> Tensor {
    let x = leaf();
    (0..steps).fold(x.clone(), |y, _| y * &x)
}

/// A value that is used by many operations, whose results are then added up one by one.
fn used_side_by_side(steps: usize) -> Tensor {
    let x = leaf().sin();
    let all: Vec<Tensor> = (0..steps).map(|_| x.tanh()).collect();
    all.iter().skip(1).fold(all[0].clone(), |sum, y| sum + y)
}

/// A connection from each step to each 16th one after it.
fn past_many_steps(steps: usize) -> Tensor {
    let mut all = vec![leaf().sin()];
    for step in 0..steps {
        let next = all[step].tanh();
        all.push(if step >= 16 { next + &all[step - 16] } else { next });
    }
    all.pop().unwrap()
}

#[test]
fn the_size_of_a_picture_is_proportional_to_the_graph() {
    type Make = fn(usize) -> Tensor;
    let graphs = [
        ("used at each step", used_at_each_step as Make),
        ("leaf at each step", leaf_at_each_step),
        ("used side by side", used_side_by_side),
        ("past many steps", past_many_steps),
    ];
    for (name, make) in graphs {
        let [half, whole] = [2000, 4000].map(|steps| {
            let graph = draw(&make(steps));
            let (count, svg) = (graph.operations().len(), graph.to_svg());
            assert!(svg.len() < BYTES_PER_OPERATION * count, "{name}: {} bytes for {count} operations", svg.len());
            assert!(graph.to_dot().len() < 200 * count, "{name}: {} bytes of DOT", graph.to_dot().len());
            svg.len()
        });
        assert!(whole < 2 * half + half / 5, "{name}: {half} bytes, and {whole} of twice the steps");
    }
}

#[test]
fn a_value_that_is_used_far_below_is_referred_to_by_its_number() {
    let x = leaf().sin();
    let far = |steps: usize| draw(&((0..steps).fold(x.clone(), |y, _| y.tanh()) * &x)).to_svg();
    // Up to this distance a line is drawn.
    assert!(!far(12).contains("(1)"), "{}", far(12));
    let svg = far(13);
    assert!(svg.contains(">sin\u{a0}(1)<"), "the value itself is numbered: {svg}");
    assert!(svg.contains(">sin\u{a0}(1)\u{a0}[2]<"), "and its use too: {svg}");
    let [lines, boxes] = ["<path ", "<rect "].map(|element| svg.matches(element).count());
    assert_eq!(
        (lines, boxes),
        (1 + 13 + 2, 1 + 1 + 13 + 1 + 1),
        "a leaf, sin, 13 tanh, mul, and what hangs beside that"
    );

    let named = draw(&((0..13).fold(x.clone(), |y, _| y.tanh()) * &x)).named("signal", &x).to_svg();
    assert_eq!(named.matches(">signal<").count(), 2, "{named}");
}

#[test]
fn a_deep_graph_is_drawn_and_printed_on_a_small_stack() {
    const DEPTH: usize = 200_000;
    let work = || {
        let x = leaf();
        let y = (0..DEPTH).fold(x.clone(), |y, _| y + 1.0);
        let graph = draw(&y);
        assert_eq!(graph.operations().len(), DEPTH);
        assert_eq!(graph.to_dot().matches("->").count(), DEPTH);
        assert!(graph.to_svg().len() < BYTES_PER_OPERATION * DEPTH);
        assert!(format!("{y:?} {y} {graph:?}").contains("grad_fn=<add>"));
        drop(graph);
        let gradients = y.sum().backward();
        assert!(format!("{gradients:?}").contains("[1., 1.]"));
        assert_eq!(gradients.get(&x).unwrap().to_vec(), [1.0, 1.0]);
    };
    std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
}
