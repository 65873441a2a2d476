//! The constants of the elementary functions for each float type: its bit layout, and the polynomial coefficients.
//!
//! Each polynomial minimizes the largest relative error of the function's value (minimax). It was found by the Remez
//! exchange algorithm with 60 digits and then rounded; its error is given beside it. The argument reductions compute
//! the first few terms of a series separately, where they are exact.

use crate::arithmetic::Arithmetic;

/// The bit layout of a float type, and polynomials of sufficient degree for it.
pub trait Tables: Arithmetic {
    /// 1.5 · 2ᵖ with p the number of fraction bits: adding it to a smaller number rounds the number to an integer,
    /// which is then in the lowest bits.
    const SHIFT: Self;
    /// The leading bits of ln 2, so few that the product with any exponent is exact.
    const LN_2_HIGH: Self;
    /// ln 2 minus [`Self::LN_2_HIGH`].
    const LN_2_LOW: Self;
    /// An x with an eˣ that rounds to 0, and an exponent n for which [`scale`](Self::scale) multiplies by 0.
    const EXP_SCALED_TO_ZERO: Self;
    /// The same for [`scale_down`](Self::scale_down).
    const EXP_SCALED_DOWN_TO_ZERO: Self;
    /// eˣ is infinite above this x.
    const EXP_HIGHEST: Self;
    /// From this x on e²ˣ ± 1 and 1 ± e⁻²ˣ round to one of their terms.
    const EXP_SATURATED: Self;
    /// From this x on erf rounds to 1.
    const ERF_SATURATED: Self;
    /// From this x on Φ(-x) rounds to 0.
    const NORMAL_SATURATED: Self;
    /// (eʳ - 1 - r) / r² for |r| ≤ ½ ln 2.
    const EXP: &'static [Self];
    /// (e^½ʳ - 1) / r for |½r| ≤ ½ ln 2: [`Self::EXP`] with scaled coefficients and its leading term.
    const EXP_OF_HALF: &'static [Self];
    /// (ln((1 + s) / (1 - s)) / s - 2) / s² as a polynomial of s², for |s| ≤ (√2 - 1) / (√2 + 1).
    const LN: &'static [Self];
    /// 8 (1 - (1 - erf x)^⅛) / x - 1, for x from 0 to [`Self::ERF_SATURATED`]. The given error is that of erf, so the
    /// polynomial may be less exact where erf is close to 1.
    const ERF: &'static [Self];
    /// The constant c of [`Self::NORMAL_TAIL`].
    const NORMAL_CENTRE: Self;
    /// (x + c) · exp(½x²) · Φ(-x) as a polynomial of x / (x + c) - ½, for x from 0 to [`Self::NORMAL_SATURATED`]. (The
    /// substitution maps the half-line to an interval: Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x)
    /// exp(x²) erfc x", 1981.)
    const NORMAL_TAIL: &'static [Self];
    /// exp(½x²) · (Φ(-x) - x φ(x)) for x from 0 on, as far as the product with exp(-½x²) is not negligible. The given
    /// error is that of the product.
    const GELU_SLOPE: &'static [Self];

    /// self · 2ⁿ with n = `shifted` - SHIFT, rounded once, also if the result is denormal. 2ⁿ counts as 0 for
    /// the n of [`EXP_SCALED_TO_ZERO`](Self::EXP_SCALED_TO_ZERO), the lowest one.
    fn scale(self, shifted: Self) -> Self;
    /// The same for n ≤ 0 and |self| ≤ 2, with fewer operations; the lowest n is that of
    /// [`EXP_SCALED_DOWN_TO_ZERO`](Self::EXP_SCALED_DOWN_TO_ZERO).
    fn scale_down(self, shifted: Self) -> Self;
    /// self · 2ⁱ and `other` · 2ʲ with i + j = n ≤ 0 and i about equal to j. So neither factor is denormal, and their
    /// product, which may be denormal, is rounded only once. (`other` may be denormal if n is 0.)
    fn scale_both(self, other: Self, shifted: Self) -> (Self, Self);
    /// 2ⁿ with n = `shifted` - SHIFT, an exponent of normal numbers.
    fn power_of_two(shifted: Self) -> Self;
    /// m and k with self = m · 2ᵏ and √½ ≤ m < √2, for positive finite numbers.
    fn mantissa_and_exponent(self) -> (Self, Self);
    /// The same for a number that is not denormal, with fewer operations.
    fn normal_mantissa_and_exponent(self) -> (Self, Self);
    /// The magnitude of self with the sign of `other`.
    fn with_sign_of(self, other: Self) -> Self;
    /// An integer that is the larger, the larger the number is: the same for both zeros, and the largest one for NaN.
    /// For `f32` it has 32 bits.
    fn order_key(self) -> u64;
}

macro_rules! bits {
    ($float:ident, $bits:ident) => {
        const EXP_SCALED_TO_ZERO: Self = -((2 * BIAS) as $float) * std::$float::consts::LN_2;
        const EXP_SCALED_DOWN_TO_ZERO: Self = -((BIAS + LIFT) as $float) * std::$float::consts::LN_2;
        const EXP_OF_HALF: &'static [Self] = &{
            let mut coefficients = [0.5; Self::EXP.len() + 1];
            let (mut index, mut power) = (1, 0.25);
            while index < coefficients.len() {
                coefficients[index] = Self::EXP[index - 1] * power;
                power *= 0.5;
                index += 1;
            }
            coefficients
        };
        #[inline(always)]
        fn scale(self, shifted: Self) -> Self {
            // In two steps, because 2ⁿ alone may overflow or be denormal. Both exponents are biased and not negative;
            // a biased exponent of 0 makes the factor 0.
            let twice_biased = shifted.to_bits().wrapping_sub(Self::SHIFT.to_bits()).wrapping_add(2 * BIAS);
            let first = twice_biased >> 1;
            let second = twice_biased.wrapping_sub(first);
            self * $float::from_bits(first << FRACTION) * $float::from_bits(second << FRACTION)
        }
        #[inline(always)]
        fn scale_down(self, shifted: Self) -> Self {
            // 2 to the power n + LIFT is not denormal, but 0 for the lowest n; the second product rounds.
            let lifted = $float::from_bits((shifted.to_bits() << FRACTION).wrapping_add((BIAS + LIFT) << FRACTION));
            self * lifted * $float::from_bits((BIAS - LIFT) << FRACTION)
        }
        #[inline(always)]
        fn scale_both(self, other: Self, shifted: Self) -> (Self, Self) {
            // Half of n, rounded down, in the position of the exponent bits; then the rest of n.
            let half = (shifted.to_bits() << (FRACTION - 1)) & ($bits::MAX << FRACTION);
            let rest = (shifted.to_bits() << FRACTION).wrapping_sub(half);
            let scale = |number: Self, exponent| $float::from_bits(number.to_bits().wrapping_add(exponent));
            (scale(self, half), scale(other, rest))
        }
        #[inline(always)]
        fn power_of_two(shifted: Self) -> Self {
            $float::from_bits((shifted.to_bits() << FRACTION).wrapping_add(BIAS << FRACTION))
        }
        #[inline(always)]
        fn mantissa_and_exponent(self) -> (Self, Self) {
            let raise = $float::from_bits((BIAS + FRACTION + 1) << FRACTION);
            let is_denormal = self < $float::MIN_POSITIVE;
            let (mantissa, exponent) = if is_denormal { self * raise } else { self }.normal_mantissa_and_exponent();
            (mantissa, exponent - if is_denormal { (FRACTION + 1) as $float } else { 0.0 })
        }
        #[inline(always)]
        fn normal_mantissa_and_exponent(self) -> (Self, Self) {
            let bits = self.to_bits();
            // The exponent changes at √½ · 2ᵏ instead of 2ᵏ.
            let biased = bits.wrapping_sub(std::$float::consts::FRAC_1_SQRT_2.to_bits()).wrapping_add(BIAS << FRACTION)
                >> FRACTION;
            let mantissa = $float::from_bits(bits.wrapping_sub(biased.wrapping_sub(BIAS) << FRACTION));
            // 2ᵖ + n for a small integer n has n in its lowest bits. This converts integers on every instruction set.
            let two_to_fraction = $float::from_bits((BIAS + FRACTION) << FRACTION);
            let exponent = $float::from_bits(two_to_fraction.to_bits() | biased) - two_to_fraction;
            (mantissa, exponent - BIAS as $float)
        }
        #[inline(always)]
        fn with_sign_of(self, other: Self) -> Self {
            self.copysign(other)
        }
        #[inline(always)]
        fn order_key(self) -> u64 {
            // The sum makes one zero of two. All bits of negative numbers are inverted, so that the order of their
            // magnitudes is; of the others only the sign bit.
            let bits = (self + 0.0).to_bits();
            let is_negative = bits >> ($bits::BITS - 1);
            let key = bits ^ (is_negative.wrapping_neg() | 1 << ($bits::BITS - 1));
            (if self.is_nan() { $bits::MAX } else { key }).into()
        }
    };
}

mod single {
    use super::Tables;

    const BIAS: u32 = 127;
    const LIFT: u32 = 100;
    const FRACTION: u32 = 23;

    impl Tables for f32 {
        const SHIFT: f32 = 12_582_912.0;
        const LN_2_HIGH: f32 = f32::from_bits(0x3f31_7200);
        const LN_2_LOW: f32 = 1.428_606_8e-6;
        const EXP_HIGHEST: f32 = 89.0;
        const EXP_SATURATED: f32 = 18.0;
        const ERF_SATURATED: f32 = 4.0;
        const NORMAL_SATURATED: f32 = 14.5;
        /// 2⁻²⁸
        const EXP: &'static [f32] = &[0.499_999_94, 0.166_665_15, 0.041_668_456, 0.008_369_419, 0.001_381_314];
        /// 2⁻³⁰
        const LN: &'static [f32] = &[0.666_667_8, 0.399_770_8, 0.298_852_38];
        /// 2⁻²⁷
        const ERF: &'static [f32] = &[
            0.128_379_17,
            0.557_042_96,
            0.016_712_336,
            -0.052_714_113,
            -0.001_491_983_4,
            0.004_102_713_4,
            -7.109_858e-4,
            3.840_380_7e-5,
        ];
        const NORMAL_CENTRE: f32 = 3.25;
        /// 2⁻²⁷
        const NORMAL_TAIL: &'static [f32] = &[
            0.737_438_4,
            -1.078_973_4,
            1.097_815_5,
            -0.647_396_1,
            0.017_558_465,
            0.265_741_53,
            -0.074_499_17,
            -0.134_609_1,
            0.036_725_52,
            0.065_295_61,
        ];
        /// 2⁻²⁴
        const GELU_SLOPE: &'static [f32] = &[
            0.499_999_94,
            -0.797_878_8,
            0.249_916_79,
            -0.132_513_79,
            0.061_154_865,
            -0.024_313_904,
            0.007_939_373,
            -0.001_974_620_2,
            3.397_366_7e-4,
            -3.520_753_7e-5,
            1.631_675_7e-6,
        ];

        bits!(f32, u32);
    }
}

mod double {
    use super::Tables;

    const BIAS: u64 = 1023;
    const LIFT: u64 = 100;
    const FRACTION: u64 = 52;

    impl Tables for f64 {
        const SHIFT: f64 = 6_755_399_441_055_744.0;
        const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
        const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
        const EXP_HIGHEST: f64 = 710.0;
        const EXP_SATURATED: f64 = 40.0;
        const ERF_SATURATED: f64 = 6.0;
        const NORMAL_SATURATED: f64 = 39.0;
        /// 2⁻⁵⁷
        const EXP: &'static [f64] = &[
            0.500_000_000_000_001_2,
            0.166_666_666_666_663_85,
            0.041_666_666_666_519_137,
            0.008_333_333_333_507_614,
            0.001_388_888_894_692_334_6,
            0.000_198_412_694_862_599_42,
            2.480_148_934_900_406_2e-5,
            2.755_759_710_095_039e-6,
            2.763_168_844_013_721e-7,
            2.499_901_935_758_060_7e-8,
        ];
        /// 2⁻⁵⁹
        const LN: &'static [f64] = &[
            0.666_666_666_666_674,
            0.399_999_999_993_778_7,
            0.285_714_287_513_274_7,
            0.222_221_975_847_081_6,
            0.181_836_191_314_738_02,
            0.153_125_660_568_724_93,
            0.148_115_799_828_714_1,
        ];
        /// 2⁻⁵⁸
        const ERF: &'static [f64] = &[
            0.128_379_167_095_512_56,
            0.557_042_300_821_634_9,
            0.016_720_440_616_896_926,
            -0.052_753_905_629_225_66,
            -0.001_388_500_055_971_382_9,
            0.003_933_322_192_559_588,
            -5.191_807_499_786_074e-4,
            -1.150_830_835_579_540_4e-4,
            8.276_953_801_507_54e-5,
            -2.543_155_931_468_447e-5,
            4.288_653_566_782_883e-7,
            3.466_617_839_421_514_5e-6,
            -1.492_896_502_825_293_8e-6,
            4.681_747_815_646_158_5e-8,
            2.876_492_968_898_569e-7,
            -1.986_998_592_080_251e-7,
            8.364_135_440_817_631e-8,
            -2.596_031_486_124_630_2e-8,
            6.257_516_729_531_824e-9,
            -1.187_547_739_608_297_3e-9,
            1.766_399_015_176_652_5e-10,
            -2.021_869_951_354_115_8e-11,
            1.720_936_935_494_439_4e-12,
            -1.025_984_486_661_662_1e-13,
            3.822_027_908_366_538e-15,
            -6.691_924_696_556_235e-17,
        ];
        const NORMAL_CENTRE: f64 = 5.0;
        /// 2⁻⁵⁷
        const NORMAL_TAIL: &'static [f64] = &[
            0.769_193_049_750_063,
            -1.330_765_005_780_113_5,
            1.981_222_463_879_909_2,
            -2.508_265_253_370_369_8,
            2.640_325_858_725_398_6,
            -2.211_796_438_610_239,
            1.330_884_275_253_617_2,
            -0.383_152_226_138_390_4,
            -0.204_254_568_450_789_68,
            0.278_988_305_097_586_6,
            -0.060_800_690_978_758_84,
            -0.101_913_917_274_451_68,
            0.068_325_544_699_382_5,
            0.032_607_311_523_344_826,
            -0.045_366_515_918_578_106,
            -0.010_994_881_602_887_877,
            0.028_369_483_834_682_234,
            0.005_358_274_591_609_253,
            -0.017_304_500_343_704_66,
            -0.004_348_815_727_612_485,
            0.008_327_959_142_249_18,
            0.003_002_987_113_053_467_6,
            -0.001_270_480_049_324_006_3,
        ];
        /// 2⁻⁵³
        const GELU_SLOPE: &'static [f64] = &[
            0.499_999_999_999_999_9,
            -0.797_884_560_802_832_4,
            0.249_999_999_998_339_63,
            -0.132_980_760_100_533_58,
            0.062_499_999_646_581_4,
            -0.026_596_149_724_230_092,
            0.010_416_656_614_517_725,
            -0.003_799_419_103_215_269,
            0.001_302_011_654_386_743_6,
            -4.220_352_753_030_447_6e-4,
            1.300_354_440_684_599e-4,
            -3.818_905_191_729_052e-5,
            1.068_315_783_681_044_7e-5,
            -2.830_691_322_318_464e-6,
            7.021_121_583_765_762e-7,
            -1.601_871_178_033_876_2e-7,
            3.290_231_090_690_698_5e-8,
            -5.944_084_858_792_747e-9,
            9.222_315_027_938_462e-10,
            -1.198_997_614_005_880_4e-10,
            1.271_636_444_195_946e-11,
            -1.065_345_151_882_599_2e-12,
            6.752_336_599_636_979e-14,
            -3.032_066_055_542_190_7e-15,
            8.571_879_392_164_4e-17,
            -1.144_629_875_561_645_2e-18,
        ];

        bits!(f64, u64);
    }
}
