//! The results of operations for zeros, infinities and NaN, the signs of zeros included, are the same on every machine.

use autograd::{Float, Tensor};

/// The arguments, in the order of the results below.
const NUMBERS: [f64; 8] = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE];

/// The signs of the zeros, NaN and infinities among the values; a dot for any other value.
fn signs<T: Float>(y: &Tensor<T>) -> String {
    let sign = |value: T| match value.to_f64() {
        value if value.is_nan() => "nan",
        0.0 if value.to_f64().is_sign_negative() => "-0",
        0.0 => "0",
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => ".",
    };
    y.to_vec().into_iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// Checks one tensor with these values, and one that is long enough for whole vectors.
fn check_type<T: Float>(name: &str, f: impl Fn(&Tensor<T>) -> Tensor<T>, expected: &str) {
    let numbers: Vec<T> =
        NUMBERS.into_iter().map(|x| if x == f64::MIN_POSITIVE { T::MIN_POSITIVE } else { T::from_f64(x) }).collect();
    let once = Tensor::from_slice(&numbers, NUMBERS.len());
    assert_eq!(signs(&f(&once)), expected, "{name} in {}", T::NAME);
    for (index, &number) in numbers.iter().enumerate() {
        let repeated = signs(&f(&Tensor::full([67], number)));
        let single = expected.split(' ').nth(index).unwrap();
        assert_eq!(repeated, [single; 67].join(" "), "{name} of {number} in {}", T::NAME);
    }
}

macro_rules! check {
    ($($name:ident: |$x:ident| $y:expr, $expected:literal;)+) => {$(
        #[test]
        fn $name() {
            check_type::<f32>(stringify!($name), |$x| $y, $expected);
            check_type::<f64>(stringify!($name), |$x| $y, $expected);
        }
    )+};
}

check! {
    // Of                       0   -0   1   -1  inf -inf  nan  least
    exp:        |x| x.exp(),       ". . . . inf 0 nan .";
    exp_m1:     |x| x.exp_m1(),    "0 -0 . . inf . nan .";
    ln:         |x| x.ln(),        "-inf -inf 0 nan inf nan nan .";
    ln_1p:      |x| x.ln_1p(),     "0 -0 . -inf inf nan nan .";
    sqrt:       |x| x.sqrt(),      "0 -0 . nan inf nan nan .";
    abs:        |x| x.abs(),       "0 0 . . inf inf nan .";
    sign:       |x| x.sign(),      "0 0 . . . . 0 .";
    sin:        |x| x.sin(),       "0 -0 . . nan nan nan .";
    cos:        |x| x.cos(),       ". . . . nan nan nan .";
    tanh:       |x| x.tanh(),      "0 -0 . . . . nan .";
    erf:        |x| x.erf(),       "0 -0 . . . . nan .";
    square:     |x| x.powf(2.0_f32.into_type(x)), "0 0 . . inf inf nan 0";
    cube:       |x| x.powf(3.0_f32.into_type(x)), "0 -0 . . inf -inf nan 0";
    reciprocal: |x| x.powf((-1.0_f32).into_type(x)), "inf -inf . . 0 -0 nan .";
    negated:    |x| -x,            "-0 0 . . -inf inf nan .";
    relu:       |x| x.relu(),      "0 -0 . 0 inf 0 nan .";
    sigmoid:    |x| x.sigmoid(),   ". . . . . 0 nan .";
    silu:       |x| x.silu(),      "0 -0 . . inf nan nan .";
    gelu:       |x| x.gelu(),      "0 -0 . . inf nan nan .";
    gelu_tanh:  |x| x.gelu_tanh(), "0 -0 . . inf nan nan .";
    softplus:   |x| x.softplus(1.0_f32.into_type(x), 20.0_f32.into_type(x)), ". . . . inf 0 nan .";
    floor:      |x| x.floor(),     "0 -0 . . inf -inf nan 0";
    ceil:       |x| x.ceil(),      "0 -0 . . inf -inf nan .";
    round:      |x| x.round(),     "0 -0 . . inf -inf nan 0";
    trunc:      |x| x.trunc(),     "0 -0 . . inf -inf nan 0";
    frac:       |x| x.frac(),      "0 0 0 0 nan nan nan .";
    atan:       |x| x.atan(),      "0 -0 . . . . nan .";
    sinh:       |x| x.sinh(),      "0 -0 . . inf -inf nan .";
    cosh:       |x| x.cosh(),      ". . . . inf inf nan .";
    asinh:      |x| x.asinh(),     "0 -0 . . inf -inf nan .";
    atanh:      |x| x.atanh(),     "0 -0 inf -inf nan nan nan .";
    log2:       |x| x.log2(),      "-inf -inf 0 nan inf nan nan .";
    log10:      |x| x.log10(),     "-inf -inf 0 nan inf nan nan .";
    exp2:       |x| x.exp2(),      ". . . . inf 0 nan .";
    rsqrt:      |x| x.rsqrt(),     "inf -inf . nan 0 nan nan .";
    one_over:   |x| x.reciprocal(), "inf -inf . . 0 -0 nan .";
    clamp:      |x| x.clamp((-1.0_f32).into_type(x), 1.0_f32.into_type(x)), "0 -0 . . . . nan .";
    leaky_relu: |x| x.leaky_relu(0.5_f32.into_type(x)), "0 -0 . . inf -inf nan .";
    elu:        |x| x.elu(1.0_f32.into_type(x)), "0 -0 . . inf . nan .";
    hardswish:  |x| x.hardswish(), "0 -0 . . inf nan nan .";
    hardshrink: |x| x.hardshrink(0.5_f32.into_type(x)), "0 0 . . inf -inf nan 0";
    tanhshrink: |x| x.tanhshrink(), "0 0 . . inf -inf nan 0";
    softsign:   |x| x.softsign(),  "0 -0 . . nan nan nan .";
    log_sigmoid: |x| x.log_sigmoid(), ". . . . 0 -inf nan .";
    mish:       |x| x.mish(),      "0 -0 . . inf nan nan .";
    fmod:       |x| x.fmod(1.0_f32.into_type(x)), "0 -0 0 -0 nan nan nan .";
    remainder:  |x| x.remainder(1.0_f32.into_type(x)), "0 -0 0 -0 nan nan nan .";
    product:    |x| (x + x) * x.sign(), "0 -0 . . inf inf nan .";
    largest:    |x| x.unsqueeze(1).amax(1, false),    "0 -0 . . inf -inf nan .";
    smallest:   |x| x.unsqueeze(1).amin(1, false),    "0 -0 . . inf -inf nan .";
}

/// A literal of either type.
trait IntoType {
    fn into_type<T: Float>(self, of: &Tensor<T>) -> T;
}

impl IntoType for f32 {
    fn into_type<T: Float>(self, _: &Tensor<T>) -> T {
        T::from_f64(f64::from(self))
    }
}

/// Of zeros of both signs the first one is taken as the largest and as the smallest, in rows and columns of any length.
#[test]
fn the_first_of_two_zeros_is_the_largest_and_the_smallest() {
    for count in [2, 3, 64, 65, 200] {
        for first in [0.0_f32, -0.0] {
            let zeros = |index: usize| if index == 0 { first } else { -first };
            let x = Tensor::from_vec((0..count).map(zeros).collect(), [count]);
            let columns = x.unsqueeze(1).expand([count, 50]).contiguous();
            let expected = if first.is_sign_negative() { "-0" } else { "0" };
            for extreme in [x.max(), x.min(), x.max_dim(0, false).0, x.min_dim(0, false).0] {
                assert_eq!(signs(&extreme), expected, "{count} from {first} on");
            }
            for extreme in [columns.amax(0, false), columns.amin(0, false)] {
                assert_eq!(signs(&extreme), [expected; 50].join(" "), "{count} from {first} on");
            }
        }
    }
}
