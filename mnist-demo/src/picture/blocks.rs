//! Whether a JPEG file holds the picture that its header claims, found out without taking memory for it.
//!
//! A decoder takes memory for all pixels at once, and fills with grey what then does not come. So the compressed data is walked through first: every
//! block of 8 × 8 of every component has to be there, which costs the file one bit for each at least. Sequential pictures are followed to their last bit, of
//! progressive ones the scans that begin the blocks. Sections and tables are those of ITU-T recommendation T.81.

use super::PictureError;
use super::bits::{Bits, Code, Held, Lack};

/// What stands behind 0xff between the segments (table B.1).
mod mark {
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

/// The width and height of the picture that a JPEG file holds, every block of it.
///
/// # Errors
/// If it does not hold it, or has more than `most` pixels.
pub fn extent(file: &[u8], most: u64) -> Result<(u32, u32), PictureError> {
    let mut walk = Walk { bits: Bits::after(2, file), most, ..Walk::default() };
    let result = walk.through();
    let Walk { width, height, compressed, .. } = walk;
    result.map(|()| (width, height)).map_err(|lack| match lack {
        Lack::Size => PictureError::Large { width, height, most },
        Lack::Bytes => PictureError::damaged("JPEG", "it ends early"),
        Lack::Blocks => PictureError::Claim { width, height, bytes: compressed },
        Lack::Sense(reason) => PictureError::damaged("JPEG", reason),
    })
}

/// A colour, or what stands for one.
struct Component {
    id: u8,
    /// How many blocks lie side by side, and above one another, in the unit that all components share.
    across: u32,
    down: u32,
    /// All of its blocks have come.
    whole: bool,
}

#[derive(Default)]
struct Walk<'a> {
    bits: Bits<'a>,
    /// Pixels that there may be.
    most: u64,
    width: u32,
    height: u32,
    progressive: bool,
    components: Vec<Component>,
    /// For the first coefficient of a block, and for the others.
    codes: [[Code<'a>; 4]; 2],
    /// Units between two restarts; 0 for none.
    interval: u32,
    /// Bytes of data in the scans.
    compressed: usize,
}

impl<'a> Walk<'a> {
    fn through(&mut self) -> Held<()> {
        loop {
            match self.next_mark()? {
                mark::END => break,
                // Marks without a segment.
                0 | 1 | mark::START => {}
                mark if mark::RESTARTS.contains(&mark) => {}
                mark => {
                    let segment = self.segment()?;
                    self.read(mark, segment)?;
                }
            }
        }
        let whole = !self.components.is_empty() && self.components.iter().all(|component| component.whole);
        if whole { Ok(()) } else { Err(Lack::Blocks) }
    }

    /// A mark is 0xff, as often as it likes, and a byte. Before it anything may stand.
    fn next_mark(&mut self) -> Held<u8> {
        let rest = self.bits.rest()?;
        let start = rest.iter().position(|&byte| byte == 0xff).ok_or(Lack::Bytes)?;
        let length = rest[start..].iter().position(|&byte| byte != 0xff).ok_or(Lack::Bytes)?;
        self.bits.position += start + length + 1;
        Ok(rest[start + length])
    }

    /// Two bytes with the length, their own included, and the content.
    fn segment(&mut self) -> Held<&'a [u8]> {
        let (length, rest) = self.bits.rest()?.split_first_chunk().ok_or(Lack::Bytes)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let content = length.checked_sub(2).ok_or(Lack::Sense("a segment without a length"))?;
        self.bits.position += length;
        rest.get(..content).ok_or(Lack::Bytes)
    }

    fn read(&mut self, mark: u8, segment: &'a [u8]) -> Held<()> {
        match (mark, segment) {
            (mark::CODES, _) => self.read_codes(segment),
            (mark::INTERVAL, &[high, low]) => {
                self.interval = u32::from(u16::from_be_bytes([high, low]));
                Ok(())
            }
            (mark::INTERVAL, _) => Err(Lack::Sense("no restart interval where one should be")),
            (mark::SCAN, _) => self.read_scan(segment),
            _ if mark == mark::PROGRESSIVE || mark::SEQUENTIAL.contains(&mark) => {
                self.progressive = mark == mark::PROGRESSIVE;
                self.read_frame(segment)
            }
            _ if mark::OTHER_FRAMES.contains(&mark) => Err(Lack::Sense("it is coded in an unusual way")),
            _ => Ok(()),
        }
    }

    /// B.2.2: the size and the components.
    fn read_frame(&mut self, segment: &[u8]) -> Held<()> {
        let &[_, high, low, left, right, count, ref components @ ..] = segment else { return Err(Lack::Bytes) };
        if !self.components.is_empty() || count == 0 || components.len() != 3 * usize::from(count) {
            return Err(Lack::Sense("more than one frame, or less"));
        }
        self.height = u32::from(u16::from_be_bytes([high, low]));
        self.width = u32::from(u16::from_be_bytes([left, right]));
        if u64::from(self.width) * u64::from(self.height) > self.most {
            return Err(Lack::Size);
        }
        for &[id, sampling, _] in components.as_chunks().0 {
            let (across, down) = (u32::from(sampling >> 4), u32::from(sampling & 15));
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(Lack::Sense("a component without blocks"));
            }
            self.components.push(Component { id, across, down, whole: false });
        }
        Ok(())
    }

    /// B.2.4.2: Huffman codes.
    fn read_codes(&mut self, mut segment: &'a [u8]) -> Held<()> {
        const NO_CODE: Lack = Lack::Sense("no Huffman code where one should be");
        while let Some((&[place, ref counts @ ..], rest)) = segment.split_first_chunk::<17>() {
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count).ok_or(NO_CODE)?;
            let codes = self.codes.get_mut(usize::from(place >> 4)).ok_or(NO_CODE)?;
            let code = codes.get_mut(usize::from(place & 15)).ok_or(NO_CODE)?;
            *code = Code { counts: *counts, symbols };
            segment = rest;
        }
        if segment.is_empty() { Ok(()) } else { Err(NO_CODE) }
    }

    /// B.2.3: which components come, in which codes, and then their blocks.
    fn read_scan(&mut self, segment: &[u8]) -> Held<()> {
        const NO_SCAN: Lack = Lack::Sense("no scan where one should be");
        let (&count, rest) = segment.split_first().ok_or(NO_SCAN)?;
        if count == 0 {
            return Err(NO_SCAN);
        }
        let (selectors, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(NO_SCAN)?;
        let &[first, _, approximation] = rest else { return Err(NO_SCAN) };
        let start = self.bits.position;
        // Progressive pictures also have scans that refine what has come, and scans of the other coefficients, in which a few bits may stand for many blocks.
        let begins_blocks = !self.progressive || (first == 0 && approximation >> 4 == 0);
        if begins_blocks {
            let mut scanned = Vec::new();
            for &[id, tables] in selectors.as_chunks().0 {
                let index = self.components.iter().position(|component| component.id == id).ok_or(NO_SCAN)?;
                let code = |class: usize, table: u8| self.codes[class].get(usize::from(table)).cloned().ok_or(NO_SCAN);
                scanned.push((index, code(0, tables >> 4)?, code(1, tables & 15)?));
            }
            let walked = self.walk_scan(&scanned);
            self.compressed += self.bits.position - start;
            walked?;
            scanned.iter().for_each(|&(index, ..)| self.components[index].whole = true);
        }
        // In data 0xff is followed by 0, or by the number of a restart; anything else is the next mark.
        let rest = self.bits.rest()?;
        let mark = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff) && !mark::RESTARTS.contains(&pair[1]);
        self.bits.position += rest.windows(2).position(mark).ok_or(Lack::Bytes)?;
        Ok(())
    }

    /// A.2: the blocks of several components come in units, those of one alone row by row.
    fn walk_scan(&mut self, scanned: &[(usize, Code<'_>, Code<'_>)]) -> Held<()> {
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

    fn restart(&mut self) -> Held<()> {
        self.bits.align();
        let fill = self.bits.rest()?.iter().take_while(|&&byte| byte == 0xff).count();
        match self.bits.file.get(self.bits.position + fill) {
            Some(mark) if fill > 0 && mark::RESTARTS.contains(mark) => self.bits.position += fill + 1,
            Some(_) => return Err(Lack::Blocks),
            None => return Err(Lack::Bytes),
        }
        Ok(())
    }

    /// F.2.2: the first coefficient, and the others as runs of zeros with a number behind, until the end of the block is told.
    fn block(&mut self, first: &Code<'_>, others: &Code<'_>) -> Held<()> {
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

    const MAX_PIXELS: u64 = 1 << 32;

    /// Small files of several kinds, whose headers tell the truth.
    const WHOLE: [&[u8]; 8] = [
        include_bytes!("../../fuzz/corpus/picture/apart.jpg"),
        include_bytes!("../../fuzz/corpus/picture/baseline.jpg"),
        include_bytes!("../../fuzz/corpus/picture/cmyk.jpg"),
        include_bytes!("../../fuzz/corpus/picture/grey.jpg"),
        include_bytes!("../../fuzz/corpus/picture/progressive.jpg"),
        include_bytes!("../../fuzz/corpus/picture/restart.jpg"),
        include_bytes!("../../fuzz/corpus/picture/subsampled.jpg"),
        include_bytes!("../../fuzz/corpus/picture/turned.jpg"),
    ];

    /// Where a file has its height and then its width, each as two bytes.
    fn size(file: &[u8]) -> usize {
        file.windows(3).position(|mark| mark[0] == 0xff && (0xc0..=0xc2).contains(&mark[1]) && mark[2] == 0).unwrap()
            + 5
    }

    fn claiming(file: &[u8], width: u16, height: u16) -> Vec<u8> {
        let mut file = file.to_vec();
        let place = size(&file);
        file[place..place + 4].copy_from_slice(&[height.to_be_bytes(), width.to_be_bytes()].concat());
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
                    assert_eq!(extent(&file, MAX_PIXELS), Ok((width, height)), "{kind:?}, quality {quality}");
                }
            }
        }
        for file in WHOLE {
            let place = size(file);
            let number = |at: usize| u32::from(u16::from_be_bytes([file[at], file[at + 1]]));
            assert_eq!(extent(file, MAX_PIXELS), Ok((number(place + 2), number(place))));
        }
    }

    #[test]
    fn what_is_missing_is_missed() {
        for file in WHOLE {
            let (width, height) = extent(file, MAX_PIXELS).unwrap();
            let (right, below) = (width.next_multiple_of(16) + 1, height.next_multiple_of(16) + 1);
            for (width, height) in [(right, height), (width, below), (7000, 7000), (65_535, 65_535)] {
                match extent(&claiming(file, width as u16, height as u16), MAX_PIXELS) {
                    Err(PictureError::Claim { width: right, height: below, bytes }) => {
                        assert!((right, below) == (width, height) && bytes < file.len());
                    }
                    other => panic!("{width} × {height}: {other:?}"),
                }
            }
            let large = extent(&claiming(file, 300, 200), 59_999);
            assert_eq!(large, Err(PictureError::Large { width: 300, height: 200, most: 59_999 }));
            for length in 2..file.len() - 1 {
                assert_eq!(extent(&file[..length], MAX_PIXELS), Err(PictureError::damaged("JPEG", "it ends early")));
            }
        }
    }

    /// A grey picture of one scan, with codes of one word for zero, and the data.
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
        assert_eq!(extent(&scan(64, 64, 0xc0, &[0; 16]), MAX_PIXELS), Ok((64, 64)));
        assert_eq!(extent(&scan(64, 64, 0xc2, &[0; 8]), MAX_PIXELS), Ok((64, 64)));
        let claim = |bytes| Err(PictureError::Claim { width: 64, height: 64, bytes });
        assert_eq!(extent(&scan(64, 64, 0xc0, &[0; 15]), MAX_PIXELS), claim(15));
        assert_eq!(extent(&scan(64, 64, 0xc2, &[0; 7]), MAX_PIXELS), claim(7));
        let odd = extent(&scan(8, 8, 0xc0, &[0x7f; 3]), MAX_PIXELS).unwrap_err();
        assert!(odd.to_string().contains("a word that is not in the Huffman code"), "{odd}");
        assert!(extent(&scan(8, 8, 0xc9, &[0]), MAX_PIXELS).unwrap_err().to_string().contains("unusual"));
    }
}
