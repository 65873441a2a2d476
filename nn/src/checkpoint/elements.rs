//! Elements of tensors as the bytes of a file.

use autograd::{Float, Param, ParamKind};
use safetensors::Dtype;

use super::short_float::ShortFloat;

/// A type of the elements in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// 16 bits, of which 5 are the exponent: up to 65504, three decimal digits. PyTorch's `float16`.
    F16,
    /// The first 16 bits of an `f32`: its range, two decimal digits. PyTorch's `bfloat16`.
    BF16,
    /// PyTorch's `float32`.
    F32,
    /// PyTorch's `float64`.
    F64,
}

impl ElementType {
    /// The type of a model's own elements.
    ///
    /// ```
    /// use nn::checkpoint::ElementType;
    /// assert_eq!(ElementType::of::<f32>(), ElementType::F32);
    /// ```
    pub fn of<T: Float>() -> Self {
        if size_of::<T>() == size_of::<f32>() { ElementType::F32 } else { ElementType::F64 }
    }

    pub(super) fn dtype(self) -> Dtype {
        match self {
            ElementType::F16 => Dtype::F16,
            ElementType::BF16 => Dtype::BF16,
            ElementType::F32 => Dtype::F32,
            ElementType::F64 => Dtype::F64,
        }
    }
}

/// A type's name in messages, as Rust and PyTorch write it.
pub(super) fn name(dtype: Dtype) -> String {
    format!("{dtype:?}").to_lowercase()
}

/// The bytes of values, as the nearest ones of a type; ties go to the even one, and what is too large to infinity.
pub(super) fn to_bytes<T: Float>(values: &[T], element: ElementType) -> Vec<u8> {
    fn converted<T: Float, const SIZE: usize>(values: &[T], bytes: impl Fn(f64) -> [u8; SIZE]) -> Vec<u8> {
        let mut converted = Vec::with_capacity(values.len() * SIZE);
        values.iter().for_each(|value| converted.extend(bytes(value.to_f64())));
        converted
    }
    match element {
        ElementType::F16 => converted(values, |value| ShortFloat::F16.nearest(value).to_le_bytes()),
        ElementType::BF16 => converted(values, |value| ShortFloat::BF16.nearest(value).to_le_bytes()),
        ElementType::F32 => converted(values, |value| (value as f32).to_le_bytes()),
        ElementType::F64 => converted(values, f64::to_le_bytes),
    }
}

/// Whether a tensor of this type can be loaded: any floating-point type of 16 bits or more, and for a buffer also the
/// integers of PyTorch's counters, such as `num_batches_tracked`.
pub(super) fn is_loadable<T: Float>(dtype: Dtype, param: &Param<T>) -> bool {
    let is_float = matches!(dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64);
    is_float || (dtype == Dtype::I64 && param.kind() == ParamKind::Buffer)
}

/// The values in a file's bytes, as the nearest ones of the model's type: exactly, but for those of `f64` in an `f32`.
///
/// # Panics
/// If the type is not loadable.
pub(super) fn from_bytes<T: Float>(bytes: &[u8], dtype: Dtype) -> Vec<T> {
    fn converted<T: Float, const SIZE: usize>(bytes: &[u8], value: impl Fn([u8; SIZE]) -> f64) -> Vec<T> {
        bytes.as_chunks().0.iter().map(|&chunk| T::from_f64(value(chunk))).collect()
    }
    match dtype {
        Dtype::F16 => converted(bytes, |chunk| ShortFloat::F16.value(u16::from_le_bytes(chunk))),
        Dtype::BF16 => converted(bytes, |chunk| ShortFloat::BF16.value(u16::from_le_bytes(chunk))),
        Dtype::F32 => converted(bytes, |chunk| f32::from_le_bytes(chunk).into()),
        Dtype::F64 => converted(bytes, f64::from_le_bytes),
        Dtype::I64 => converted(bytes, |chunk| i64::from_le_bytes(chunk) as f64),
        _ => panic!("checkpoint: elements of type {} are not loadable", name(dtype)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bit patterns from the definitions of the formats: 1 sign bit and 5 (`f16`) or 8 (`bf16`) bits of exponent.
    #[test]
    fn half_precision_is_converted_exactly() {
        let bytes = |bits: &[u16]| bits.iter().flat_map(|bits| bits.to_le_bytes()).collect::<Vec<u8>>();
        let f16 = from_bytes::<f32>(&bytes(&[0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x8000, 0x7c00]), Dtype::F16);
        let tiny = 2.0_f32.powi(-24);
        assert_eq!(f16, [1.0, -2.0, 0.333_251_95, 65504.0, tiny, -0.0, f32::INFINITY]);
        assert!(f16[5].is_sign_negative());
        let bf16 = from_bytes::<f64>(&bytes(&[0x3f80, 0xc040, 0x7f7f, 0x0001, 0xff80]), Dtype::BF16);
        assert_eq!(bf16[..4], [1.0, -3.0, 255.0 * 2.0_f64.powi(120), 2.0_f64.powi(-133)]);
        assert_eq!(bf16[4], f64::NEG_INFINITY);
        for dtype in [Dtype::F16, Dtype::BF16] {
            assert!(from_bytes::<f32>(&bytes(&[0x7fff]), dtype)[0].is_nan());
        }
    }

    /// Half way between two values is the even one: 1 + 2⁻¹¹ and 1 + 3 · 2⁻¹¹ for `f16`, 2⁻⁸ for `bf16`.
    #[test]
    fn half_precision_is_rounded_once_to_the_nearest() {
        let bits = |values: &[f64], element| -> Vec<u16> {
            to_bytes(values, element).as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect()
        };
        let step = 2.0_f64.powi(-11);
        let values = [1.0, 1.0 + step, 1.0 + 3.0 * step, 1.0 + step + 1e-12, 65519.9, 65520.0, -2.0_f64.powi(-25)];
        assert_eq!(bits(&values, ElementType::F16), [0x3c00, 0x3c00, 0x3c02, 0x3c01, 0x7bff, 0x7c00, 0x8000]);
        let step = 2.0_f64.powi(-8);
        let values = [1.0, 1.0 + step, 1.0 + 3.0 * step, 1.0 + step + 1e-12, f64::MAX, -1e-50];
        assert_eq!(bits(&values, ElementType::BF16), [0x3f80, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x8000]);
        assert!(ShortFloat::F16.value(bits(&[f64::NAN], ElementType::F16)[0]).is_nan());
        assert_eq!(to_bytes(&[0.1_f64], ElementType::F32), 0.1_f32.to_le_bytes());
    }
}
