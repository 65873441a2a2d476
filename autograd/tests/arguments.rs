//! Invalid arguments: what PyTorch refuses is refused, with the operation's name and at the caller's line, and what it
//! accepts is accepted.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;

use autograd::{Indices, Mask, Shape, Tensor};

thread_local! {
    static FILE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The panic message of the call. Its location must be in this file.
#[track_caller]
fn refusal<R>(call: impl FnOnce() -> R) -> String {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        set_hook(Box::new(|info| {
            let file = info.location().map(|location| location.file().to_owned());
            // Also prints the messages of the tests' own failures.
            eprintln!("{info}");
            FILE.replace(file.unwrap_or_default());
        }));
    });
    let caught = catch_unwind(AssertUnwindSafe(call));
    let Err(panic) = caught else { panic!("an argument that means nothing was taken") };
    let sentence = panic.downcast::<String>().expect("a sentence");
    let file = FILE.take();
    assert!(file.ends_with("arguments.rs"), "{sentence}: shown in {file}");
    *sentence
}

fn zeros(shape: impl Into<Shape>) -> Tensor {
    Tensor::zeros(shape)
}

#[test]
fn there_is_no_extreme_of_a_dimension_without_elements() {
    for shape in [Shape::from([0, 0]), Shape::from([0, 3])] {
        let x = zeros(&shape);
        let wanted = |name: &str| format!("{name}: dimension 0 of shape {shape} has no elements to choose from");
        assert_eq!(refusal(|| x.argmax(0, false)), wanted("argmax"));
        assert_eq!(refusal(|| x.argmin(0, true)), wanted("argmin"));
        assert_eq!(refusal(|| x.max_dim(-2, false)), wanted("max_dim"));
        assert_eq!(refusal(|| x.min_dim(0, true)), wanted("min_dim"));
        let wanted = |name: &str| format!("{name}: shape {shape} has no elements to choose from");
        assert_eq!(refusal(|| x.amax(0, false)), wanted("amax"));
        assert_eq!(refusal(|| x.amin([0, 1], true)), wanted("amin"));
        assert_eq!(refusal(|| x.amax([], true)), wanted("amax"));
        assert_eq!(refusal(|| x.max()), wanted("max"));
        assert_eq!(refusal(|| x.min()), wanted("min"));
    }
    // Along a dimension with elements there is an extreme for each row, and here there are no rows.
    let x = zeros([0, 3]);
    assert_eq!(*x.argmax(1, false).shape(), [0]);
    assert_eq!(*x.max_dim(1, true).0.shape(), [0, 1]);
    assert_eq!(*x.amax(1, false).shape(), [0]);
    assert_eq!(zeros([0, 0]).sum_dim(0, false).numel(), 0);
}

#[test]
fn a_scalar_has_one_dimension_that_can_be_given_once() {
    let x = Tensor::scalar(2.0_f32);
    assert_eq!(refusal(|| x.permute([0])), "permute: 1 dimensions are named, shape [] has 0");
    assert_eq!(refusal(|| x.sum_dim([0, -1], false)), "sum_dim: dimension -1 is named twice");
    assert_eq!(refusal(|| x.mean_dim([0, 0], true)), "mean_dim: dimension 0 is named twice");
    assert_eq!(refusal(|| x.amax([-1, 0], true)), "amax: dimension 0 is named twice");
    assert_eq!(refusal(|| x.amin([-1, -1], true)), "amin: dimension -1 is named twice");
    assert_eq!(refusal(|| x.flip([0, 0])), "flip: dimension 0 is named twice");
    for dim in [1, -2] {
        let wanted = |name: &str| format!("{name}: dimension {dim} is out of range for 0 dimensions (from -1 to 0)");
        assert_eq!(refusal(|| x.sum_dim(dim, false)), wanted("sum_dim"));
        assert_eq!(refusal(|| x.argmax(dim, false)), wanted("argmax"));
        assert_eq!(refusal(|| x.squeeze(dim)), wanted("squeeze"));
        assert_eq!(refusal(|| x.softmax(dim)), wanted("softmax"));
        assert_eq!(refusal(|| x.flatten(dim, 0)), wanted("flatten"));
        assert_eq!(refusal(|| x.transpose(0, dim)), wanted("transpose"));
    }
    assert!(refusal(|| x.select(0, 0)).starts_with("select: a single number has no dimension"));
    assert!(refusal(|| x.narrow(0, 0, 1)).starts_with("narrow: a single number has no dimension"));
    assert!(refusal(|| x.slice(0, 0, 1, 1)).starts_with("slice: a single number has no dimension"));
    // It may be given once, as 0 or as -1.
    for dim in [0, -1] {
        for y in [x.sum_dim(dim, true), x.mean_dim(dim, false), x.amax(dim, false), x.flip(dim), x.squeeze(dim)] {
            assert_eq!((y.item(), y.rank()), (2.0, 0));
        }
        assert_eq!(x.argmax(dim, false).as_slice(), [0]);
        assert_eq!(x.max_dim(dim, true).0.item(), 2.0);
    }
    assert_eq!(x.permute([]).item(), 2.0);
}

#[test]
fn extents_and_indices_beyond_all_memory_are_refused() {
    let x = zeros([0]);
    let too_large = "integer: 18446744073709551615 is larger than any extent or index";
    // As an `isize` this is -1, which would mean an extent to compute.
    assert_eq!(refusal(|| x.reshape([usize::MAX])), too_large);
    assert_eq!(refusal(|| x.reshape(vec![usize::MAX, 2])), too_large);
    assert_eq!(refusal(|| zeros([1]).expand(&[3, usize::MAX][..])), too_large);
    assert_eq!(refusal(|| Indices::from([usize::MAX])), too_large);
    assert_eq!(refusal(|| Indices::from(vec![usize::MAX])), too_large);
    let wanted = "reshape: shape [0] has 0 elements and does not fit [4294967296, 4294967296]";
    assert_eq!(refusal(|| x.reshape([1_usize << 32, 1 << 32])), wanted);
    let side = 1_usize << 33;
    let too_many = |name: &str| format!("{name}: shape [{side}, {side}] has more elements than any memory holds");
    assert_eq!(refusal(|| zeros([1]).expand([side, side])), too_many("expand"));
    assert_eq!(refusal(|| zeros([side, side])), too_many("zeros"));
    assert_eq!(refusal(|| Shape::from([side, side]).numel()), too_many("shape"));
    assert_eq!(refusal(|| Indices::new(vec![], [side, side])), too_many("Indices"));
    let row = zeros([1]).expand([side]);
    assert_eq!(refusal(|| &row * row.unsqueeze(1)), too_many("mul"));
    let (column, flat) = (row.unsqueeze(1), row.unsqueeze(0));
    assert_eq!(refusal(|| column.matmul(&flat)), too_many("matmul"));
    assert_eq!(refusal(|| column.linear(&column, None)), too_many("linear"));
    let many = zeros([1, 1]).expand([3, 1_usize << 61]);
    let chosen = "index_select: shape [4, 2305843009213693952] has more elements than any memory holds";
    assert_eq!(refusal(|| many.index_select(0, [0, 1, 2, 0])), chosen);
    // A view needs no memory, but the results of operations on it do.
    let large = zeros([1]).expand([1_usize << 62]);
    let no_memory = "the system has no memory for 4611686018427387904 elements of f32, 18446744073709551616 bytes";
    let makers: [&dyn Fn() -> Tensor; 7] = [
        &|| large.sum(),
        &|| large.mean(),
        &|| large.contiguous(),
        &|| &large + 1.0,
        &|| 2.0 / &large,
        &|| -&large,
        &|| large.max(),
    ];
    for make in makers {
        assert!(refusal(make).ends_with(no_memory));
    }
    assert!(refusal(|| large.to_vec()).ends_with(no_memory));
    // A step may be longer than the dimension.
    let x = Tensor::arange(0.0_f32, 6.0, 1.0).reshape([2, 3]);
    assert_eq!(x.slice(1, 1, 3, usize::MAX).to_vec(), [1.0, 4.0]);
    assert_eq!(x.slice(1, 1, 3, usize::MAX).as_array().iter().copied().collect::<Vec<_>>(), [1.0, 4.0]);
}

#[test]
fn parts_must_be_inside_the_dimension() {
    let x = zeros([3, 4]);
    assert!(refusal(|| x.narrow(0, usize::MAX, 2)).starts_with("narrow: 2 elements from"));
    assert!(refusal(|| x.narrow(0, 4, 0)).starts_with("narrow: 0 elements from 4"));
    assert!(refusal(|| x.slice(0, 2, 1, 1)).starts_with("slice: 2..1"));
    assert!(refusal(|| x.slice(0, 0, 3, 0)).starts_with("slice: 0..3 in steps of 0"));
    assert!(refusal(|| x.slice(0, 0, usize::MAX, 1)).starts_with("slice: 0.."));
    for index in [3, -4, isize::MAX, isize::MIN] {
        assert_eq!(
            refusal(|| x.select(0, index)),
            format!("select: index {index} is not in dimension 0 of shape [3, 4]")
        );
    }
    for dim in [2, -3, isize::MAX, isize::MIN] {
        assert!(refusal(|| x.size(dim)).starts_with(&format!("size: dimension {dim} is out of range")));
        assert!(refusal(|| x.unsqueeze(dim.saturating_mul(2))).starts_with("unsqueeze: dimension "));
    }
    for index in [-1, 4, i64::MAX, i64::MIN] {
        let wanted = |name: &str| format!("{name}: index {index} is not in dimension 1 of shape [3, 4]");
        assert_eq!(refusal(|| x.index_select(1, [0, index])), wanted("index_select"));
        assert_eq!(refusal(|| x.gather(1, &Indices::new(vec![index], [1, 1]))), wanted("gather"));
    }
}

#[test]
fn pointwise_operations_are_refused_at_the_callers_line() {
    let large = zeros([1]).expand([1_usize << 62]);
    let makers: [&dyn Fn() -> Tensor; 12] = [
        &|| large.exp(),
        &|| large.floor(),
        &|| large.round_decimals(2),
        &|| large.atan(),
        &|| large.clamp(0.0, 1.0),
        &|| large.elu(1.0),
        &|| large.mish(),
        &|| large.square(),
        &|| large.fmod(2.0),
        &|| large.pow(&large),
        &|| large.masked_fill(&Mask::from([true]), 0.0),
        &|| large.where_(&large.eq(0.0), 0.0),
    ];
    for make in makers {
        assert!(refusal(make).contains("the system has no memory for 4611686018427387904 elements"));
    }
    let (a, b, mask) = (zeros([3, 4]), zeros([2, 4]), Mask::from([true, false]));
    let wanted = |name: &str| format!("{name}: shapes [3, 4] and [2, 4] do not broadcast: dimension -2 is 3 and 2");
    assert_eq!(refusal(|| a.eq(&b)), wanted("eq"));
    assert_eq!(refusal(|| a.isclose(&b, 0.0, 0.0, false)), wanted("isclose"));
    assert_eq!(refusal(|| a.allclose(&b, 0.0, 0.0, false)), wanted("allclose"));
    assert_eq!(refusal(|| a.pow(&b)), wanted("pow"));
    assert_eq!(refusal(|| a.xlogy(&b)), wanted("xlogy"));
    assert_eq!(refusal(|| a.remainder(&b)), wanted("remainder"));
    assert_eq!(refusal(|| a.atan2(&b)), wanted("atan2"));
    assert_eq!(refusal(|| a.hypot(&b)), wanted("hypot"));
    assert_eq!(refusal(|| a.lerp(&b, 0.5)), wanted("lerp"));
    let wanted = |name: &str| format!("{name}: the mask's shape [2] and the tensors' [] and [3, 4] do not broadcast");
    assert_eq!(refusal(|| a.masked_fill(&mask, 0.0)), wanted("masked_fill"));
    assert!(refusal(|| a.masked_select(&mask)).starts_with("masked_select: the mask's shape [2]"));
    assert!(refusal(|| a.clamp(None, None)).starts_with("clamp: neither min nor max"));
    assert!(refusal(|| &mask & Mask::from([true; 3])).starts_with("and: mask shapes [2] and [3]"));
    assert!(refusal(|| mask.reshape([3])).starts_with("Mask: shape [3] has 3 elements, but 2 are given"));
}
