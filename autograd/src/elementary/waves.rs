//! Sine and cosine: an angle less multiples of π/2, then one of two polynomials.
//!
//! Both are one function, a wave that is entered some quarter turns later. It is branch-free for angles that are not
//! [far](Waves::is_far) from 0; for those that are, 2/π is needed with more digits than an `f64` has.

/// A wave in each float type.
pub trait Waves: Copy {
    /// The sine of `self` and so many quarter turns, if `self` is not far: 0 for sine, 1 for cosine.
    fn wave(self, quarters: u32) -> Self;
    /// Whether [`Self::wave`] does not know the sine of this angle. Not so for infinities and NaN, whose sine is NaN.
    fn is_far(self) -> bool;
    /// [`Self::wave`] of a finite number, if that is far too.
    fn wave_far(self, quarters: u32) -> Self;
}

/// 2/π
const QUARTERS: f64 = std::f64::consts::FRAC_2_PI;
/// See [`Tables::SHIFT`](super::Tables::SHIFT).
const SHIFT: f64 = 6_755_399_441_055_744.0;
/// π/2 as the nearest `f64`, and what is missing.
const QUARTER: [f64; 2] = [std::f64::consts::FRAC_PI_2, 6.123_233_995_736_766e-17];
/// π/2 as four numbers: three of 33 bits, whose products with integers up to 2²⁰ are exact, and the rest.
const PARTS: [f64; 4] =
    [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_711_166_5e-21, 8.478_427_660_368_9e-32];
/// The angles from which on the products with [`PARTS`] are not exact.
const FAR: f64 = 1_048_576.0;
/// The angles of an `f32` from which on an `f64` has not enough digits for the multiple of π/2.
const FAR_SINGLE: f32 = 4_294_967_296.0;

/// (sin r / r - 1) / r² as a polynomial of r², |r| ≤ π/4: 2⁻⁵⁸, and for `f32` 2⁻²⁸
const SINE: [f64; 6] = [
    -0.166_666_666_666_666_3,
    0.008_333_333_333_322_108,
    -0.000_198_412_698_295_801_55,
    2.755_731_361_801_296_4e-6,
    -2.505_074_721_747_608e-8,
    1.589_619_759_375_231_2e-10,
];
const SINE_SINGLE: [f32; 3] = [-0.166_666_55, 0.008_332_16, -0.000_195_152_18];
/// (cos r - 1 + ½r²) / r⁴ as a polynomial of r², |r| ≤ π/4: 2⁻⁶⁴, and for `f32` 2⁻³³
const COSINE: [f64; 6] = [
    0.041_666_666_666_666_595,
    -0.001_388_888_888_887_304,
    2.480_158_728_884_142e-5,
    -2.755_731_417_624_532e-7,
    2.087_570_041_669_996_4e-9,
    -1.135_851_397_903_349e-11,
];
const COSINE_SINGLE: [f32; 3] = [0.041_666_646, -0.001_388_731_6, 2.443_308_3e-5];

impl Waves for f32 {
    #[inline(always)]
    fn wave(self, quarters: u32) -> Self {
        let x = f64::from(self);
        let shifted = x.mul_add(QUARTERS, SHIFT);
        let n = shifted - SHIFT;
        let r = n.mul_add(-QUARTER[1], n.mul_add(-QUARTER[0], x)) as f32;
        let square = r * r;
        let [s0, s1, s2] = SINE_SINGLE;
        let [c0, c1, c2] = COSINE_SINGLE;
        // With the sign of r, as -0 would lose its own.
        let sine = (r * square).mul_add(square.mul_add(square.mul_add(s2, s1), s0), r).copysign(r);
        let cosine = (square * square).mul_add(square.mul_add(square.mul_add(c2, c1), c0), square.mul_add(-0.5, 1.0));
        let turns = (shifted.to_bits() as u32).wrapping_add(quarters);
        let value = if turns & 1 == 0 { sine } else { cosine };
        f32::from_bits(value.to_bits() ^ ((turns & 2) << 30))
    }

    #[inline(always)]
    fn is_far(self) -> bool {
        self.abs() > FAR_SINGLE && self.abs() < f32::INFINITY
    }

    #[cold]
    #[inline(never)]
    fn wave_far(self, quarters: u32) -> Self {
        if self.is_far() { f64::from(self).wave_far(quarters) as f32 } else { self.wave(quarters) }
    }
}

impl Waves for f64 {
    #[inline(always)]
    fn wave(self, quarters: u32) -> Self {
        let shifted = self.mul_add(QUARTERS, SHIFT);
        let n = shifted - SHIFT;
        // The products with the first three parts are exact. The differences are, or what they lose is kept.
        let first = n.mul_add(-PARTS[0], self);
        let (product, next) = (n * PARTS[1], n * PARTS[2]);
        let second = first - product;
        let lost = (first - second) - product;
        let third = second - next;
        let lost = n.mul_add(-PARTS[3], lost + ((second - third) - next));
        // -0 would lose its sign in the sums.
        let r = if self == 0.0 { self } else { third + lost };
        wave_of(r, (third - r) + lost, shifted.to_bits().wrapping_add(u64::from(quarters)))
    }

    #[inline(always)]
    fn is_far(self) -> bool {
        self.abs() > FAR && self.abs() < f64::INFINITY
    }

    #[cold]
    #[inline(never)]
    fn wave_far(self, quarters: u32) -> Self {
        if !self.is_far() {
            return self.wave(quarters);
        }
        let (r, low, turns) = reduced_far(self);
        wave_of(r, low, turns.wrapping_add(u64::from(quarters)))
    }
}

/// The sine of r + `low` and so many quarter turns, for |r| ≤ π/4.
#[inline(always)]
fn wave_of(r: f64, low: f64, turns: u64) -> f64 {
    let square = r * r;
    let horner = |coefficients: [f64; 6]| {
        let [c0, c1, c2, c3, c4, c5] = coefficients.map(|coefficient| coefficient);
        let upper = square.mul_add(square.mul_add(square.mul_add(c5, c4), c3), c2);
        square.mul_add(square.mul_add(upper, c1), c0)
    };
    let half = 0.5 * square;
    let rest = (r * square).mul_add(horner(SINE), low * (1.0 - half));
    let sine = (r + rest).copysign(r);
    let one_less = 1.0 - half;
    let lost = (1.0 - one_less) - half;
    let cosine = one_less + (square * square).mul_add(horner(COSINE), r.mul_add(-low, lost));
    let value = if turns & 1 == 0 { sine } else { cosine };
    f64::from_bits(value.to_bits() ^ ((turns & 2) << 62))
}

/// The bits of 2/π behind the point: as many as the largest number needs, and some more.
const TWO_BY_PI: [u64; 20] = [
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
    0xf0cf_bc20_9af4_361d,
];

/// x less a multiple of π/2, as a sum of two, and the multiple (or one of four that mean the same turn).
///
/// With x = m 2ᵉ, those bits of 2/π whose product with x is a multiple of 4 are left out, and of the others as many
/// are taken as the nearest that a float comes to a multiple of π/2 demands (Payne and Hanek, "Radian reduction for
/// trigonometric functions", 1983).
fn reduced_far(x: f64) -> (f64, f64, u64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1075;
    let mantissa = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    // 64 bits from the one on that stands for 2¹ in the product, then the next ones.
    let window = |index: i64| {
        let start = exponent - 2 + 64 * index;
        let word = |index: i64| usize::try_from(index).map_or(0, |index| TWO_BY_PI.get(index).copied().unwrap_or(0));
        let (index, shift) = (start.div_euclid(64), start.rem_euclid(64));
        let both = u128::from(word(index)) << 64 | u128::from(word(index + 1));
        (both >> (64 - shift)) as u64
    };
    let (high, middle, low) = (u128::from(window(0)), u128::from(window(1)), u128::from(window(2)));
    let bottom = mantissa * low;
    let centre = mantissa * middle + (bottom >> 64);
    let top = (mantissa * high).wrapping_add(centre >> 64) as u64;
    // The product modulo 4: two bits, and the fraction, from which 1 is subtracted if it is more than ½.
    let fraction = ((u128::from(top) << 64) | (centre & u128::from(u64::MAX))) << 2 | (bottom as u64 >> 62) as u128;
    let is_more = fraction >> 127 == 1;
    let magnitude = if is_more { fraction.wrapping_neg() } else { fraction };
    let turns = (top >> 62) + u64::from(is_more);
    let high = (magnitude >> 75) as f64 / (1_u64 << 53) as f64;
    let low = (magnitude & ((1 << 75) - 1)) as f64 / 2_f64.powi(128);
    let r = high * QUARTER[0];
    let rest = high.mul_add(QUARTER[0], -r) + (high * QUARTER[1] + low * QUARTER[0]);
    let sum = r + rest;
    let sign = if is_more == x.is_sign_negative() { 1.0 } else { -1.0 };
    let turns = if x.is_sign_negative() { turns.wrapping_neg() } else { turns };
    (sign * sum, sign * ((r - sum) + rest), turns)
}
