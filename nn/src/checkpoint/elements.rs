//! Elements of tensors as the bytes of a file.

use autograd::{Float, Param, ParamKind};
use half::{bf16, f16};
use safetensors::Dtype;

/// The type under which a model's elements are saved.
pub(super) fn dtype<T: Float>() -> Dtype {
    if size_of::<T>() == size_of::<f32>() { Dtype::F32 } else { Dtype::F64 }
}

/// A type's name in messages, as Rust and PyTorch write it.
pub(super) fn name(dtype: Dtype) -> String {
    format!("{dtype:?}").to_lowercase()
}

pub(super) fn to_bytes<T: Float>(values: &[T]) -> Vec<u8> {
    match dtype::<T>() {
        Dtype::F32 => values.iter().flat_map(|value| (value.to_f64() as f32).to_le_bytes()).collect(),
        _ => values.iter().flat_map(|value| value.to_f64().to_le_bytes()).collect(),
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
        Dtype::F16 => converted(bytes, |chunk| f16::from_le_bytes(chunk).to_f64()),
        Dtype::BF16 => converted(bytes, |chunk| bf16::from_le_bytes(chunk).to_f64()),
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
}
