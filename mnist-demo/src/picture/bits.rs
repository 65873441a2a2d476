//! The compressed data in a JPEG file: bits, and words of Huffman codes made of them. Sections are those of ITU-T recommendation T.81.

/// Why a file does not hold its picture.
pub enum Lack {
    /// It is too large.
    Size,
    /// It ends before it is through.
    Bytes,
    /// The data of a scan is over before all blocks came.
    Blocks,
    /// It contradicts itself, or the standard.
    Sense(&'static str),
}

pub type Held<T> = Result<T, Lack>;

/// A Huffman code: how many words there are of 1 to 16 bits, and what they stand for, in order.
#[derive(Clone, Default)]
pub struct Code<'a> {
    pub counts: [u8; 16],
    pub symbols: &'a [u8],
}

/// A file, read from the front.
#[derive(Default)]
pub struct Bits<'a> {
    pub file: &'a [u8],
    /// The byte that comes next.
    pub position: usize,
    /// The byte of a scan that is being read, and how many of its bits are still to come.
    byte: u8,
    left: u32,
}

impl<'a> Bits<'a> {
    /// What is behind so many bytes.
    pub fn after(position: usize, file: &'a [u8]) -> Self {
        Bits { file, position, ..Bits::default() }
    }

    /// What comes, from the next byte on.
    pub fn rest(&self) -> Held<&'a [u8]> {
        self.file.get(self.position..).ok_or(Lack::Bytes)
    }

    /// Goes to the next whole byte.
    pub fn align(&mut self) {
        self.left = 0;
    }

    /// F.2.2.3: words of one length are numbers that follow each other, and those of the next length go on from there.
    pub fn symbol(&mut self, code: &Code<'_>) -> Held<u8> {
        let (mut word, mut first, mut index) = (0_u32, 0_u32, 0);
        for count in code.counts.map(u32::from) {
            word = 2 * word + self.bit()?;
            if let Some(offset) = word.checked_sub(first).filter(|&offset| offset < count) {
                return Ok(code.symbols[(index + offset) as usize]);
            }
            index += count;
            first = 2 * (first + count);
        }
        Err(Lack::Sense("a word that is not in the Huffman code"))
    }

    fn bit(&mut self) -> Held<u32> {
        if self.left == 0 {
            self.next_byte()?;
        }
        self.left -= 1;
        Ok(u32::from(self.byte >> self.left) & 1)
    }

    pub fn skip(&mut self, mut count: u32) -> Held<()> {
        while count > self.left {
            count -= self.left;
            self.next_byte()?;
        }
        self.left -= count;
        Ok(())
    }

    /// F.1.2.3: 0xff, if it is no mark, is followed by 0.
    fn next_byte(&mut self) -> Held<()> {
        let rest = self.rest()?;
        (self.byte, self.position) = match *rest {
            [0xff, 0, ..] => (0xff, self.position + 2),
            [0xff, _, ..] => return Err(Lack::Blocks),
            [] | [0xff] => return Err(Lack::Bytes),
            [byte, ..] => (byte, self.position + 1),
        };
        self.left = 8;
        Ok(())
    }
}
