//! Small PNG pictures for the page: digits, and weights as tiles.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A PNG file with 8-bit channels.
///
/// # Panics
/// If the number of bytes does not fit the size and the colour type.
pub fn png(width: usize, height: usize, color: png::ColorType, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().expect("a vector takes every byte");
    writer.write_image_data(bytes).expect("as many bytes as the picture has");
    writer.finish().expect("a vector takes every byte");
    file
}

/// A PNG file as a data URL, so that the page contains the picture itself.
pub fn address(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}

/// The colours of positive and of negative weights, the same as on the page.
const ABOVE: [u8; 3] = [0x2b, 0x6c, 0xd4];
const BELOW: [u8; 3] = [0xd9, 0x6a, 0x1f];

/// A picture of tiles, `columns` in a row, with a gap of one point. Each tile shows the weights of one unit. The larger
/// the absolute value, the more opaque the point, so the tiles are visible on light and on dark backgrounds. A weight
/// of size `largest` is fully opaque.
pub fn tiles(
    units: &[&[f32]],
    (height, width): (usize, usize),
    columns: usize,
    largest: f32,
) -> (usize, usize, Vec<u8>) {
    let rows = units.len().div_ceil(columns);
    let (full_width, full_height) = (columns * (width + 1) - 1, rows * (height + 1) - 1);
    let mut bytes = vec![0; full_width * full_height * 4];
    for (index, unit) in units.iter().enumerate() {
        let (top, left) = (index / columns * (height + 1), index % columns * (width + 1));
        for (index, &weight) in unit.iter().enumerate() {
            let at = 4 * ((top + index / width) * full_width + left + index % width);
            let [red, green, blue] = if weight > 0.0 { ABOVE } else { BELOW };
            // 16 levels are more than the eye distinguishes here, and halve the size of the file.
            let strength = (16.0 * (weight.abs() / largest).min(1.0)).round() / 16.0;
            bytes[at..at + 4].copy_from_slice(&[red, green, blue, (255.0 * strength) as u8]);
        }
    }
    (full_width, full_height, png(full_width, full_height, png::ColorType::Rgba, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_lie_in_rows_and_show_signs() {
        let units: [&[f32]; 3] = [&[1.0, -2.0], &[0.0, 0.5], &[9.0, 0.0]];
        let (width, height, file) = tiles(&units, (1, 2), 2, 2.0);
        assert_eq!((width, height), (5, 3));
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        let point = |row: usize, column: usize| &bytes[4 * (row * 5 + column)..][..4];
        assert_eq!(point(0, 0), [0x2b, 0x6c, 0xd4, 127]);
        assert_eq!(point(0, 1), [0xd9, 0x6a, 0x1f, 255]);
        assert_eq!((point(0, 2)[3], point(0, 3)[3], point(0, 4)[3]), (0, 0, 63));
        assert_eq!((point(2, 0)[3], point(2, 4)[3]), (255, 0));
    }
}
