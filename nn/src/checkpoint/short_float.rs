//! Floating-point numbers of 16 bits, in IEEE 754's layout: a sign, the exponent, and the digits after the leading one.

/// How the 15 bits after the sign are divided.
#[derive(Clone, Copy)]
pub(crate) struct ShortFloat {
    exponent_bits: u32,
}

impl ShortFloat {
    /// IEEE 754's binary16: 5 bits of exponent.
    pub(crate) const F16: Self = ShortFloat { exponent_bits: 5 };
    /// The first half of an `f32`: 8 bits of exponent.
    pub(crate) const BF16: Self = ShortFloat { exponent_bits: 8 };

    /// Digits after the leading one.
    fn digits(self) -> u32 {
        15 - self.exponent_bits
    }

    /// The exponent of the smallest normal number.
    fn smallest_exponent(self) -> i32 {
        2 - (1 << (self.exponent_bits - 1))
    }

    /// The bits of infinity: all of the exponent are set.
    fn infinity(self) -> u16 {
        ((1 << self.exponent_bits) - 1) << self.digits()
    }

    /// The number that has these bits.
    pub(crate) fn value(self, bits: u16) -> f64 {
        let (magnitude, digits) = (bits & 0x7fff, self.digits());
        let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
        if magnitude >= self.infinity() {
            return if magnitude == self.infinity() { sign * f64::INFINITY } else { f64::NAN };
        }
        // Denormal numbers have the exponent of the smallest normal one, and no leading one.
        let (exponent, fraction) = (i32::from(magnitude >> digits), i32::from(magnitude & ((1 << digits) - 1)));
        let whole = if exponent == 0 { fraction } else { fraction | 1 << digits };
        sign * f64::from(whole) * power_of_two(exponent.max(1) - 1 + self.smallest_exponent() - digits as i32)
    }

    /// The bits of the nearest number; of two, the one whose last bit is 0. What is too large becomes infinite.
    pub(crate) fn nearest(self, value: f64) -> u16 {
        let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
        if value.is_nan() {
            return sign | self.infinity() | 1 << (self.digits() - 1);
        }
        let magnitude = value.abs();
        let exponent = (magnitude.to_bits() >> 52) as i32 - 1023;
        let above_smallest = (exponent - self.smallest_exponent()).max(0);
        // In units of the last digit; exact, as all divisors are powers of two. A leading one adds 1 to the exponent.
        let last = above_smallest + self.smallest_exponent() - self.digits() as i32;
        let units = (magnitude / power_of_two(last)).round_ties_even();
        let bits = f64::from(above_smallest) * power_of_two(self.digits() as i32) + units;
        sign | if bits < f64::from(self.infinity()) { bits as u16 } else { self.infinity() }
    }
}

/// 2 to an exponent between those of the smallest and the largest normal `f64`.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ShortFloat; 2] = [ShortFloat::F16, ShortFloat::BF16];

    #[test]
    fn all_values_are_those_of_the_crate_half() {
        for bits in 0..=u16::MAX {
            let wanted = [half::f16::from_bits(bits).to_f64(), half::bf16::from_bits(bits).to_f64()];
            for (float, wanted) in TYPES.into_iter().zip(wanted) {
                let found = float.value(bits);
                assert!(found.to_bits() == wanted.to_bits() || (found.is_nan() && wanted.is_nan()), "{bits:x}");
            }
        }
    }

    #[test]
    fn each_value_is_its_own_nearest_and_between_two_the_even_one_is() {
        for float in TYPES {
            for bits in (0..float.infinity()).flat_map(|bits| [bits, bits | 0x8000]) {
                let value = float.value(bits);
                assert_eq!(float.nearest(value), bits, "{value:e}");
                // The next one up; after the largest comes the power of two that would be next.
                let (step, is_last) =
                    (value.abs() - float.value((bits & 0x7fff).wrapping_sub(1)), bits & 0x7fff == float.infinity() - 1);
                let next = if is_last { value + step.copysign(value) } else { float.value(bits + 1) };
                let (middle, even) = ((value + next) / 2.0, bits + (bits & 1));
                assert_eq!(float.nearest(middle), even, "{middle:e}");
                assert_eq!(float.nearest(middle * (1.0 - f64::EPSILON)), bits, "below {middle:e}");
                assert_eq!(float.nearest(middle * (1.0 + f64::EPSILON)), bits + 1, "above {middle:e}");
            }
        }
    }

    #[test]
    fn what_is_beyond_the_range_is_infinite_or_zero() {
        for float in TYPES {
            for (value, bits) in [
                (f64::INFINITY, float.infinity()),
                (f64::MAX, float.infinity()),
                (f64::MIN_POSITIVE, 0),
                (f64::from_bits(1), 0),
                (0.0, 0),
            ] {
                assert_eq!([float.nearest(value), float.nearest(-value)], [bits, bits | 0x8000], "{value:e}");
            }
            assert!(float.value(float.nearest(f64::NAN)).is_nan());
        }
    }
}
