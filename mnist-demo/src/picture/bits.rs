//! Reads the compressed data in a JPEG file: bits, and the Huffman codewords made of them. Section numbers are those of
//! ITU-T recommendation T.81.

/// Why a file does not contain the whole picture.
pub enum Defect {
    /// The picture is too large.
    Size,
    /// The file ends too early.
    Bytes,
    /// The data of a scan ends before all blocks have been read.
    Blocks,
    /// The file contradicts itself or the standard.
    Invalid(&'static str),
}

pub type Checked<T> = Result<T, Defect>;

/// A Huffman code: the number of codewords of 1 to 16 bits, and their symbols, in order.
#[derive(Clone, Default)]
pub struct Code<'a> {
    pub counts: [u8; 16],
    pub symbols: &'a [u8],
}

/// A file and the position in it.
#[derive(Default)]
pub struct Bits<'a> {
    pub file: &'a [u8],
    /// The index of the next byte.
    pub position: usize,
    /// The current byte of a scan, and the number of its bits that have not been read.
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    /// A reader that starts at this position.
    pub fn after(position: usize, file: &'a [u8]) -> Self {
        Bits { file, position, ..Bits::default() }
    }

    /// The bytes from the next one on.
    pub fn rest(&self) -> Checked<&'a [u8]> {
        self.file.get(self.position..).ok_or(Defect::Bytes)
    }

    /// Skips the remaining bits of the current byte.
    pub fn align(&mut self) {
        self.left = 0;
    }

    /// Reads a codeword and returns its symbol (F.2.2.3). The codewords of one length are consecutive numbers, and
    /// those of the next length continue from there.
    pub fn symbol(&mut self, code: &Code<'_>) -> Checked<u8> {
        let (mut word, mut first, mut index) = (0_u32, 0_u32, 0);
        for count in code.counts.map(u32::from) {
            word = 2 * word + self.bit()?;
            if let Some(offset) = word.checked_sub(first).filter(|&offset| offset < count) {
                return Ok(code.symbols[(index + offset) as usize]);
            }
            index += count;
            first = 2 * (first + count);
        }
        Err(Defect::Invalid("a word that is not in the Huffman code"))
    }

    fn bit(&mut self) -> Checked<u32> {
        if self.left == 0 {
            self.next_byte()?;
        }
        self.left -= 1;
        Ok(u32::from(self.byte >> self.left) & 1)
    }

    pub fn skip(&mut self, mut count: u32) -> Checked<()> {
        while count > self.left {
            count -= self.left;
            self.next_byte()?;
        }
        self.left -= count;
        Ok(())
    }

    /// Reads a byte of a scan. A byte 0xff that is not a marker is followed by 0 (F.1.2.3).
    fn next_byte(&mut self) -> Checked<()> {
        let rest = self.rest()?;
        (self.byte, self.position) = match *rest {
            [0xff, 0, ..] => (0xff, self.position + 2),
            [0xff, _, ..] => return Err(Defect::Blocks),
            [] | [0xff] => return Err(Defect::Bytes),
            [byte, ..] => (byte, self.position + 1),
        };
        self.left = 8;
        Ok(())
    }
}
