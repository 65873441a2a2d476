//! Arrays as the bytes of a file.

use autograd::{Float, Indices, Tensor};

use super::header::{self, Described, Element, Kind};
use super::{Array, Refused, refused};
use crate::checkpoint::short_float::ShortFloat;

pub(super) fn from_bytes<T: Float>(bytes: &[u8]) -> Result<Array<T>, Refused> {
    let Described { element, shape, is_fortran, data } = header::parse(bytes)?;
    let Element { kind, size, .. } = element;
    let shape_of = |shape: &[usize]| autograd::Shape::from(shape);
    if kind == Kind::Float {
        let values: Vec<T> = match size {
            2 => values(data, element, |bytes| T::from_f64(ShortFloat::F16.value(u16::from_le_bytes(bytes)))),
            4 => values(data, element, |bytes| T::from_f64(f32::from_le_bytes(bytes).into())),
            _ => values(data, element, |bytes| T::from_f64(f64::from_le_bytes(bytes))),
        };
        let values = if is_fortran { row_major(values, &shape) } else { values };
        return Ok(Array::Tensor(Tensor::from_vec(values, shape_of(&shape))));
    }
    let values: Vec<i64> = match (kind, size) {
        (Kind::Signed, 1) => values(data, element, |[byte]| i64::from(byte as i8)),
        (Kind::Signed, 2) => values(data, element, |bytes| i16::from_le_bytes(bytes).into()),
        (Kind::Signed, 4) => values(data, element, |bytes| i32::from_le_bytes(bytes).into()),
        (Kind::Signed, _) => values(data, element, i64::from_le_bytes),
        (Kind::Bool, _) => values(data, element, |[byte]| i64::from(byte != 0)),
        (_, 1) => values(data, element, |[byte]| byte.into()),
        (_, 2) => values(data, element, |bytes| u16::from_le_bytes(bytes).into()),
        (_, 4) => values(data, element, |bytes| u32::from_le_bytes(bytes).into()),
        (_, _) => {
            // What is larger than the largest i64 looks negative.
            let values = values(data, element, |bytes| u64::from_le_bytes(bytes) as i64);
            if let Some(&large) = values.iter().find(|value| **value < 0) {
                return refused(format!("the integer {}", large as u64), format!("at most {}", i64::MAX));
            }
            values
        }
    };
    let values = if is_fortran { row_major(values, &shape) } else { values };
    Ok(Array::Indices(Indices::new(values, shape_of(&shape))))
}

/// The elements in bytes; `value` gets those of one, in little-endian order.
fn values<V, const SIZE: usize>(data: &[u8], element: Element, value: impl Fn([u8; SIZE]) -> V) -> Vec<V> {
    let chunks = data.as_chunks().0.iter();
    if !element.is_big_endian {
        return chunks.map(|&bytes| value(bytes)).collect();
    }
    let reversed = |mut bytes: [u8; SIZE]| {
        bytes.reverse();
        value(bytes)
    };
    chunks.map(|&bytes| reversed(bytes)).collect()
}

/// Elements in row-major order, from the order in which the first dimension changes fastest.
fn row_major<V: Copy>(values: Vec<V>, shape: &[usize]) -> Vec<V> {
    let mut position = vec![0; shape.len()];
    let strides: Vec<usize> =
        shape.iter().scan(1, |stride, &extent| Some(std::mem::replace(stride, *stride * extent))).collect();
    let mut ordered = Vec::with_capacity(values.len());
    let mut offset = 0;
    for _ in 0..values.len() {
        ordered.push(values[offset]);
        for dim in (0..shape.len()).rev() {
            (position[dim], offset) = (position[dim] + 1, offset + strides[dim]);
            if position[dim] < shape[dim] {
                break;
            }
            (position[dim], offset) = (0, offset - strides[dim] * shape[dim]);
        }
    }
    ordered
}

pub(super) fn to_bytes<T: Float>(array: &Array<T>) -> Result<Vec<u8>, Refused> {
    match array {
        Array::Tensor(tensor) if size_of::<T>() == size_of::<f32>() => {
            let mut bytes = header::to_bytes("<f4", tensor.shape())?;
            tensor.to_vec().iter().for_each(|value| bytes.extend((value.to_f64() as f32).to_le_bytes()));
            Ok(bytes)
        }
        Array::Tensor(tensor) => {
            let mut bytes = header::to_bytes("<f8", tensor.shape())?;
            tensor.to_vec().iter().for_each(|value| bytes.extend(value.to_f64().to_le_bytes()));
            Ok(bytes)
        }
        Array::Indices(indices) => {
            let mut bytes = header::to_bytes("<i8", indices.shape())?;
            indices.as_slice().iter().for_each(|value| bytes.extend(value.to_le_bytes()));
            Ok(bytes)
        }
    }
}
