//! Checks that a JPEG file contains the whole picture that its header claims, without allocating memory for the pixels.
//!
//! A decoder allocates memory for all pixels at once, and fills missing pixels with grey. So the compressed data is
//! scanned first: every block of 8 × 8 pixels of every component must be there, and each needs at least one bit of the
//! file. Sequential pictures are checked to the last bit; of progressive pictures, only the scans that begin the
//! blocks. Section and table numbers are those of ITU-T recommendation T.81.

use super::PictureError;
use super::bits::{Bits, Checked, Code, Defect};

/// Marker codes: the byte after 0xff between segments (table B.1).
mod marker {
    pub const SEQUENTIAL: [u8; 2] = [0xc0, 0xc1];
    pub const PROGRESSIVE: u8 = 0xc2;
    pub const CODES: u8 = 0xc4;
    pub const OTHER_FRAMES: [u8; 11] = [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc, 0xcd, 0xce, 0xcf];
    pub const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;
    pub const START: u8 = 0xd8;
    pub const END: u8 = 0xd9;
    pub const SCAN: u8 = 0xda;
    pub const INTERVAL: u8 = 0xdd;
}

/// The width and height of the picture in a JPEG file, after a check that every block is there.
///
/// # Errors
/// If the file is damaged or incomplete, or the picture has more than `most` pixels.
pub fn extent(file: &[u8], most: u64) -> Result<(u32, u32), PictureError> {
    let mut scanner = Scanner { bits: Bits::after(2, file), max: most, ..Scanner::default() };
    let result = scanner.check();
    let Scanner { width, height, compressed, .. } = scanner;
    result.map(|()| (width, height)).map_err(|lack| match lack {
        Defect::Size => PictureError::Large { width, height, most },
        Defect::Bytes => PictureError::damaged("JPEG", "it ends early"),
        Defect::Blocks => PictureError::Claim { width, height, bytes: compressed },
        Defect::Invalid(reason) => PictureError::damaged("JPEG", reason),
    })
}

/// A colour component, such as luminance.
struct Component {
    id: u8,
    /// The horizontal and vertical sampling factors: the numbers of blocks in a unit (MCU).
    across: u32,
    down: u32,
    /// Whether all of its blocks have been read.
    whole: bool,
}

#[derive(Default)]
struct Scanner<'a> {
    bits: Bits<'a>,
    /// The maximum number of pixels.
    max: u64,
    width: u32,
    height: u32,
    progressive: bool,
    components: Vec<Component>,
    /// The Huffman codes for the first coefficient of a block, and for the other coefficients.
    codes: [[Code<'a>; 4]; 2],
    /// The number of units between two restart markers; 0 for none.
    interval: u32,
    /// The number of data bytes in the scans.
    compressed: usize,
}

impl<'a> Scanner<'a> {
    fn check(&mut self) -> Checked<()> {
        loop {
            match self.next_marker()? {
                marker::END => break,
                // Markers without a segment.
                0 | 1 | marker::START => {}
                marker if marker::RESTARTS.contains(&marker) => {}
                marker => {
                    let segment = self.segment()?;
                    self.read(marker, segment)?;
                }
            }
        }
        let whole = !self.components.is_empty() && self.components.iter().all(|component| component.whole);
        if whole { Ok(()) } else { Err(Defect::Blocks) }
    }

    /// Finds the next marker: one or more bytes 0xff, and its code. Other bytes before it are skipped.
    fn next_marker(&mut self) -> Checked<u8> {
        let rest = self.bits.rest()?;
        let start = rest.iter().position(|&byte| byte == 0xff).ok_or(Defect::Bytes)?;
        let length = rest[start..].iter().position(|&byte| byte != 0xff).ok_or(Defect::Bytes)?;
        self.bits.position += start + length + 1;
        Ok(rest[start + length])
    }

    /// Reads a segment: two bytes with its length, these two included, and the content.
    fn segment(&mut self) -> Checked<&'a [u8]> {
        let (length, rest) = self.bits.rest()?.split_first_chunk().ok_or(Defect::Bytes)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let content = length.checked_sub(2).ok_or(Defect::Invalid("a segment without a length"))?;
        self.bits.position += length;
        rest.get(..content).ok_or(Defect::Bytes)
    }

    fn read(&mut self, marker: u8, segment: &'a [u8]) -> Checked<()> {
        match (marker, segment) {
            (marker::CODES, _) => self.read_codes(segment),
            (marker::INTERVAL, &[high, low]) => {
                self.interval = u32::from(u16::from_be_bytes([high, low]));
                Ok(())
            }
            (marker::INTERVAL, _) => Err(Defect::Invalid("no restart interval where one should be")),
            (marker::SCAN, _) => self.read_scan(segment),
            _ if marker == marker::PROGRESSIVE || marker::SEQUENTIAL.contains(&marker) => {
                self.progressive = marker == marker::PROGRESSIVE;
                self.read_frame(segment)
            }
            _ if marker::OTHER_FRAMES.contains(&marker) => Err(Defect::Invalid("it is coded in an unusual way")),
            _ => Ok(()),
        }
    }

    /// Reads a frame header: the size and the components (B.2.2).
    fn read_frame(&mut self, segment: &[u8]) -> Checked<()> {
        let &[_, high, low, left, right, count, ref components @ ..] = segment else { return Err(Defect::Bytes) };
        if !self.components.is_empty() || count == 0 || components.len() != 3 * usize::from(count) {
            return Err(Defect::Invalid("more than one frame, or less"));
        }
        self.height = u32::from(u16::from_be_bytes([high, low]));
        self.width = u32::from(u16::from_be_bytes([left, right]));
        if u64::from(self.width) * u64::from(self.height) > self.max {
            return Err(Defect::Size);
        }
        for &[id, sampling, _] in components.as_chunks().0 {
            let (across, down) = (u32::from(sampling >> 4), u32::from(sampling & 15));
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(Defect::Invalid("a component without blocks"));
            }
            self.components.push(Component { id, across, down, whole: false });
        }
        Ok(())
    }

    /// Reads Huffman codes (B.2.4.2).
    fn read_codes(&mut self, mut segment: &'a [u8]) -> Checked<()> {
        const NO_CODE: Defect = Defect::Invalid("no Huffman code where one should be");
        while let Some((&[destination, ref counts @ ..], rest)) = segment.split_first_chunk::<17>() {
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count).ok_or(NO_CODE)?;
            let codes = self.codes.get_mut(usize::from(destination >> 4)).ok_or(NO_CODE)?;
            let code = codes.get_mut(usize::from(destination & 15)).ok_or(NO_CODE)?;
            *code = Code { counts: *counts, symbols };
            segment = rest;
        }
        if segment.is_empty() { Ok(()) } else { Err(NO_CODE) }
    }

    /// Reads a scan: its components and their codes (B.2.3), then the blocks.
    fn read_scan(&mut self, segment: &[u8]) -> Checked<()> {
        const NO_SCAN: Defect = Defect::Invalid("no scan where one should be");
        let (&count, rest) = segment.split_first().ok_or(NO_SCAN)?;
        if count == 0 {
            return Err(NO_SCAN);
        }
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(NO_SCAN)?;
        let &[first, _, approximation] = rest else { return Err(NO_SCAN) };
        let start = self.bits.position;
        // Progressive pictures also have scans that refine earlier ones, and scans of the other coefficients. In those
        // a few bits can stand for many blocks, so they are not checked.
        let begins_blocks = !self.progressive || (first == 0 && approximation >> 4 == 0);
        if begins_blocks {
            let mut scanned = Vec::new();
            for &[id, tables] in selectors.as_chunks().0 {
                let index = self.components.iter().position(|component| component.id == id).ok_or(NO_SCAN)?;
                let code = |class: usize, table: u8| self.codes[class].get(usize::from(table)).cloned().ok_or(NO_SCAN);
                scanned.push((index, code(0, tables >> 4)?, code(1, tables & 15)?));
            }
            let scanned_blocks = self.scan_blocks(&scanned);
            self.compressed += self.bits.position - start;
            scanned_blocks?;
            scanned.iter().for_each(|&(index, ..)| self.components[index].whole = true);
        }
        // In the data 0xff is followed by 0 or by the code of a restart marker; anything else is the next marker.
        let rest = self.bits.rest()?;
        let marker =
            |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff) && !marker::RESTARTS.contains(&pair[1]);
        self.bits.position += rest.windows(2).position(marker).ok_or(Defect::Bytes)?;
        Ok(())
    }

    /// Reads the blocks of a scan. The blocks of several components are interleaved in units (MCUs), those of a single
    /// component are in row order (A.2).
    fn scan_blocks(&mut self, scanned: &[(usize, Code<'_>, Code<'_>)]) -> Checked<()> {
        let most = |extent: fn(&Component) -> u32| self.components.iter().map(extent).max().unwrap_or(1);
        let (across, down) = (most(|component| component.across), most(|component| component.down));
        let units = |width: u32, height: u32| width.div_ceil(8) * height.div_ceil(8);
        let (count, blocks): (u32, Vec<u32>) = match scanned {
            [(index, ..)] => {
                let alone = &self.components[*index];
                let width = (self.width * alone.across).div_ceil(across);
                (units(width, (self.height * alone.down).div_ceil(down)), vec![1])
            }
            _ => {
                let area = |&(index, ..): &(usize, _, _)| self.components[index].across * self.components[index].down;
                let units = units(self.width.div_ceil(across), self.height.div_ceil(down));
                (units, scanned.iter().map(area).collect())
            }
        };
        self.bits.align();
        for unit in 0..count {
            if self.interval > 0 && unit > 0 && unit % self.interval == 0 {
                self.restart()?;
            }
            for ((_, first, others), &blocks) in scanned.iter().zip(&blocks) {
                for _ in 0..blocks {
                    self.block(first, others)?;
                }
            }
        }
        Ok(())
    }

    fn restart(&mut self) -> Checked<()> {
        self.bits.align();
        let fill = self.bits.rest()?.iter().take_while(|&&byte| byte == 0xff).count();
        match self.bits.file.get(self.bits.position + fill) {
            Some(marker) if fill > 0 && marker::RESTARTS.contains(marker) => self.bits.position += fill + 1,
            Some(_) => return Err(Defect::Blocks),
            None => return Err(Defect::Bytes),
        }
        Ok(())
    }

    /// Reads a block: the first coefficient, then runs of zeros, each followed by a coefficient, until the code for the
    /// end of the block (F.2.2).
    fn block(&mut self, first: &Code<'_>, others: &Code<'_>) -> Checked<()> {
        let length = self.bits.symbol(first)?;
        self.bits.skip(u32::from(length))?;
        let mut coefficient = 1;
        while !self.progressive && coefficient < 64 {
            let symbol = self.bits.symbol(others)?;
            let (run, length) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if length == 0 && run < 15 {
                break;
            }
            coefficient += run + 1;
            self.bits.skip(length)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, RgbImage};

    use super::*;

    const MAX: u64 = 1 << 32;

    /// Small undamaged files of several kinds.
    const WHOLE: [&[u8]; 8] = [
        include_bytes!("../../fuzz/corpus/picture/apart.jpg"),
        include_bytes!("../../fuzz/corpus/picture/baseline.jpg"),
        include_bytes!("../../fuzz/corpus/picture/cmyk.jpg"),
        include_bytes!("../../fuzz/corpus/picture/grey.jpg"),
        include_bytes!("../../fuzz/corpus/picture/progressive.jpg"),
        include_bytes!("../../fuzz/corpus/picture/restart.jpg"),
        include_bytes!("../../fuzz/corpus/picture/subsampled.jpg"),
        include_bytes!("../../fuzz/corpus/picture/rotated.jpg"),
    ];

    /// The index of the height in a file, which the width follows. Each has two bytes.
    fn size(file: &[u8]) -> usize {
        file.windows(3)
            .position(|marker| marker[0] == 0xff && (0xc0..=0xc2).contains(&marker[1]) && marker[2] == 0)
            .unwrap()
            + 5
    }

    fn claiming(file: &[u8], width: u16, height: u16) -> Vec<u8> {
        let mut file = file.to_vec();
        let index = size(&file);
        file[index..index + 4].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
        file
    }

    #[test]
    fn whole_pictures_are_held() {
        for (width, height) in [(1, 1), (8, 8), (9, 7), (64, 17), (201, 130)] {
            let image = RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, (x * y) as u8, (7 * y) as u8]));
            for quality in [1, 75, 100] {
                for (kind, channels) in [(ExtendedColorType::Rgb8, 3), (ExtendedColorType::L8, 1)] {
                    let mut file = Vec::new();
                    let pixels = &image.as_raw()[..(width * height) as usize * channels];
                    JpegEncoder::new_with_quality(&mut file, quality).encode(pixels, width, height, kind).unwrap();
                    assert_eq!(extent(&file, MAX), Ok((width, height)), "{kind:?}, quality {quality}");
                }
            }
        }
        for file in WHOLE {
            let index = size(file);
            let number = |at: usize| u32::from(u16::from_be_bytes([file[at], file[at + 1]]));
            assert_eq!(extent(file, MAX), Ok((number(index + 2), number(index))));
        }
    }

    #[test]
    fn what_is_missing_is_missed() {
        for file in WHOLE {
            let (width, height) = extent(file, MAX).unwrap();
            let (right, below) = (width.next_multiple_of(16) + 1, height.next_multiple_of(16) + 1);
            for (width, height) in [(right, height), (width, below), (7000, 7000), (65_535, 65_535)] {
                match extent(&claiming(file, width as u16, height as u16), MAX) {
                    Err(PictureError::Claim { width: right, height: below, bytes }) => {
                        assert!((right, below) == (width, height) && bytes < file.len());
                    }
                    other => panic!("{width} × {height}: {other:?}"),
                }
            }
            let large = extent(&claiming(file, 300, 200), 59_999);
            assert_eq!(large, Err(PictureError::Large { width: 300, height: 200, most: 59_999 }));
            for length in 2..file.len() - 1 {
                assert_eq!(extent(&file[..length], MAX), Err(PictureError::damaged("JPEG", "it ends early")));
            }
        }
    }

    /// A grey picture with one scan, whose codes have one codeword, for the symbol zero; and the data.
    fn scan(width: u16, height: u16, frame: u8, data: &[u8]) -> Vec<u8> {
        let code = |class: u8| [&[0xff, 0xc4, 0, 20, class << 4, 1][..], &[0; 15], &[0]].concat();
        let [[top, bottom], [left, right]] = [height, width].map(u16::to_be_bytes);
        let frame = [0xff, frame, 0, 11, 8, top, bottom, left, right, 1, 1, 0x11, 0];
        let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0];
        [&[0xff, 0xd8][..], &frame, &code(0), &code(1), &scan, data, &[0xff, 0xd9]].concat()
    }

    #[test]
    fn a_block_costs_two_bits_or_one() {
        // 64 × 64 pixels are 64 blocks.
        assert_eq!(extent(&scan(64, 64, 0xc0, &[0; 16]), MAX), Ok((64, 64)));
        assert_eq!(extent(&scan(64, 64, 0xc2, &[0; 8]), MAX), Ok((64, 64)));
        let claim = |bytes| Err(PictureError::Claim { width: 64, height: 64, bytes });
        assert_eq!(extent(&scan(64, 64, 0xc0, &[0; 15]), MAX), claim(15));
        assert_eq!(extent(&scan(64, 64, 0xc2, &[0; 7]), MAX), claim(7));
        let odd = extent(&scan(8, 8, 0xc0, &[0x7f; 3]), MAX).unwrap_err();
        assert!(odd.to_string().contains("a word that is not in the Huffman code"), "{odd}");
        assert!(extent(&scan(8, 8, 0xc9, &[0]), MAX).unwrap_err().to_string().contains("unusual"));
    }
}
