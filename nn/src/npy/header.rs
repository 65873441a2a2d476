//! The header of an array: its element type, the order of its dimensions, and its shape.

use ndarray_npy::npy::header::{Header, Layout};

use super::{Refused, refused};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The longest header, as NumPy's own `max_header_size`: reading a longer one could take long.
const LONGEST: usize = 10_000;

/// The most brackets in a header. An array of plain numbers has one pair of braces and one of parentheses; a reader of
/// deeply nested ones would run out of stack.
const MAX_BRACKETS: usize = 16;

/// The most dimensions, as in NumPy.
const MAX_DIMENSIONS: usize = 64;

/// What a header says, after a comparison with the bytes behind it.
#[derive(Debug)]
pub(super) struct Described<'a> {
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    pub(super) is_fortran: bool,
    /// As many elements as the shape has.
    pub(super) data: &'a [u8],
}

/// An element type that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: Kind,
    pub(super) size: usize,
    pub(super) is_big_endian: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float,
    Signed,
    Unsigned,
    Bool,
}

impl Element {
    /// The type of a NumPy descriptor such as `<f4`: the byte order, the kind, the size.
    fn parse(descriptor: &str) -> Option<Self> {
        let (order, rest) = descriptor.split_at_checked(1)?;
        let (kind, size) = rest.split_at_checked(1)?;
        let kind = match kind {
            "f" => Kind::Float,
            "i" => Kind::Signed,
            "u" => Kind::Unsigned,
            "b" => Kind::Bool,
            _ => return None,
        };
        let sizes: &[usize] = match kind {
            Kind::Float => &[2, 4, 8],
            Kind::Signed | Kind::Unsigned => &[1, 2, 4, 8],
            Kind::Bool => &[1],
        };
        let size = sizes.iter().copied().find(|known| known.to_string() == size)?;
        let is_big_endian = match order {
            "<" => false,
            ">" => true,
            "=" => cfg!(target_endian = "big"),
            "|" if size == 1 => false,
            _ => return None,
        };
        Some(Element { kind, size, is_big_endian })
    }
}

/// The header at the beginning of a file, and the data behind it.
pub(super) fn parse(bytes: &[u8]) -> Result<Described<'_>, Refused> {
    let end = end_of_header(bytes)?;
    let (header, data) = bytes.split_at(end);
    let header = match Header::from_reader(&mut &header[..]) {
        Ok(header) => header,
        Err(error) => return refused(shown(&error.to_string()), "the header of a NumPy array"),
    };
    let descriptor = header.type_descriptor.as_string().map(String::as_str).unwrap_or("a list of types");
    let Some(element) = Element::parse(descriptor) else {
        let found = format!("elements of type {}", shown(descriptor));
        return refused(found, "float16, float32, float64, an integer of up to 64 bits, or bool");
    };
    let shape = header.shape;
    if shape.len() > MAX_DIMENSIONS {
        return refused(format!("{} dimensions", shape.len()), format!("at most {MAX_DIMENSIONS}"));
    }
    // Also a shape of no elements has strides that must be integers.
    let extents = shape.iter().map(|&extent| extent.max(1));
    let most = extents.chain([element.size]).try_fold(1_usize, usize::checked_mul);
    let possible = most.filter(|&most| isize::try_from(most).is_ok());
    let length = possible.map(|_| shape.iter().product::<usize>() * element.size);
    if length != Some(data.len()) {
        let found = format!("{} bytes of data", data.len());
        return refused(found, format!("elements of {} bytes for the shape {shape:?}", element.size));
    }
    Ok(Described { element, is_fortran: header.layout == Layout::Fortran, shape, data })
}

/// Where the data begin, after the length of the header was compared with the bytes that are there.
fn end_of_header(bytes: &[u8]) -> Result<usize, Refused> {
    if !bytes.starts_with(MAGIC) {
        return refused(format!("{} bytes that do not begin as a NumPy array", bytes.len()), "a .npy file");
    }
    let start = if bytes.get(6) == Some(&1) { 10 } else { 12 };
    let length = match (bytes.get(6), bytes.get(8..start)) {
        (Some(1), Some(&[low, high])) => usize::from(u16::from_le_bytes([low, high])),
        (Some(2 | 3), Some(&[a, b, c, d])) => usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX),
        (Some(1..=3), None) => return refused("a cut header", "a whole one"),
        (version, _) => return refused(format!("version {version:?} of the format"), "version 1, 2 or 3"),
    };
    let there = bytes.len() - start;
    if length > there || length > LONGEST {
        return refused(format!("a header that claims {length} bytes"), format!("at most {}", there.min(LONGEST)));
    }
    let header = &bytes[start..start + length];
    let brackets = header.iter().filter(|byte| b"([{".contains(byte)).count();
    if brackets > MAX_BRACKETS {
        return refused(format!("a header with {brackets} brackets"), format!("at most {MAX_BRACKETS}"));
    }
    Ok(start + length)
}

/// The header of a row-major array, as bytes.
pub(super) fn to_bytes(descriptor: &str, shape: &[usize]) -> Result<Vec<u8>, Refused> {
    // The value that the crate takes is not exported by it; a header that is read has one.
    let template = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': (), }}\n");
    let length = u16::try_from(template.len()).expect("a short text").to_le_bytes();
    let template = [MAGIC, &[1, 0], &length, template.as_bytes()].concat();
    let mut header = match Header::from_reader(&mut &template[..]) {
        Ok(header) => header,
        Err(error) => return refused(error.to_string(), "a header"),
    };
    header.shape = shape.to_vec();
    header.to_bytes().or_else(|error| refused(error.to_string(), "a header that can be written"))
}

/// A text from a file as a part of one line.
pub(super) fn shown(text: &str) -> String {
    const SHOWN: usize = 200;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
