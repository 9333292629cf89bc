//! Walks the frames of one segment, each checked against the chain.

use crate::error::{Context, Damage, Result};
use crate::frame::{self, Flaw, HEADER, Header};
use crate::segment::{self, START, SegmentHeader, short};
use crate::storage::{File, Storage};
use crate::tail::{self, TornTail};
use crate::types::{Hash, LogId, Mark, Position};

/// Bytes asked of the file at a time, unless a frame is larger.
const WINDOW: usize = 1 << 20;

/// A place in one segment, and the chain up to there.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) file: Box<dyn File>,
    pub(crate) header: SegmentHeader,
    pub(crate) name: String,
    /// Offset of the next frame.
    pub(crate) at: u64,
    /// End of the frame before it.
    pub(crate) mark: Mark,
    key: [u8; 32],
    window: Window,
    /// Length of the current frame, which ends at `at`.
    length: usize,
}

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame; [`Walk::frame`] has it.
    Frame,
    /// Zeros to the end of the file.
    End,
    /// Something that is no whole frame. Whether a torn tail or damage is for the caller to find out.
    Flawed(Flaw),
}

impl Walk {
    /// Opens a segment and stands before its first frame.
    pub(crate) fn open(storage: &dyn Storage, log: LogId, name: &str) -> Result<Self> {
        let (file, header) = segment::open(storage, name)?;
        if header.log != log {
            return Err(crate::Error::WrongLog { file: name.to_owned(), expected: log, found: header.log });
        }
        let mark = Mark {
            sequence: header.first - 1,
            position: Position { segment: header.first, offset: 0 },
            hash: header.previous,
        };
        let name = name.to_owned();
        Ok(Self { file, header, name, at: START, mark, key: log.key(), window: Window::default(), length: 0 })
    }

    /// Moves behind the frame that `mark` names, if it is there; else says what is.
    pub(crate) fn seek_end_of(&mut self, mark: Mark) -> std::result::Result<(), String> {
        if mark.position.offset == 0 {
            let same = self.mark.sequence == mark.sequence && self.mark.hash == mark.hash;
            return if same { Ok(()) } else { Err(format!("the segment begins after {:?}", self.mark)) };
        }
        self.at = mark.position.offset;
        let left = self.header.bytes.saturating_sub(self.at) as usize;
        let head = self.read(self.at, HEADER.min(left)).map_err(|error| error.to_string())?;
        let header = head.first_chunk().ok_or("the end of the file")?;
        let header = Header::read(header).map_err(|flaw| flaw.found)?;
        if header.length > left {
            return Err("a frame that is cut".into());
        }
        let key = self.key;
        let bytes = self.read(self.at, header.length).map_err(|error| error.to_string())?;
        frame::check(&key, &header, bytes).map_err(|flaw| flaw.found)?;
        let hash = frame::hash_of(bytes);
        self.pass(&header, hash);
        if self.mark == mark { Ok(()) } else { Err(format!("another frame, {:?}", self.mark)) }
    }

    /// The current frame's bytes.
    pub(crate) fn frame(&self) -> &[u8] {
        self.window.slice(self.at - self.length as u64, self.length)
    }

    /// Reads the next frame and moves behind it.
    pub(crate) fn step(&mut self) -> Result<Step> {
        let left = (self.header.bytes - self.at) as usize;
        let head = self.read(self.at, HEADER.min(left))?;
        if head.iter().take(8).all(|byte| *byte == 0) {
            return self.rest_is_zero();
        }
        let Ok(head) = <&[u8; HEADER]>::try_from(head) else {
            return Ok(Step::Flawed(Flaw::new(0, "zeros up to the end of the file", "something else")));
        };
        let header = match Header::read(head).and_then(|header| self.fits_here(header, left)) {
            Ok(header) => header,
            Err(flaw) => return Ok(Step::Flawed(flaw)),
        };
        let key = self.key;
        let bytes = self.read(self.at, header.length)?;
        if let Err(flaw) = frame::check(&key, &header, bytes) {
            return Ok(Step::Flawed(flaw));
        }
        let hash = frame::hash_of(bytes);
        self.pass(&header, hash);
        Ok(Step::Frame)
    }

    fn pass(&mut self, header: &Header, hash: Hash) {
        let position = Position { segment: self.header.first, offset: self.at };
        self.mark = Mark { sequence: header.first + u64::from(header.count) - 1, position, hash };
        self.at += header.length as u64;
        self.length = header.length;
    }

    fn fits_here(&self, header: Header, left: usize) -> std::result::Result<Header, Flaw> {
        let next = self.mark.sequence + 1;
        if header.first != next {
            return Err(Flaw::new(16, format!("first sequence {next}"), header.first.to_string()));
        }
        if header.previous != self.mark.hash {
            return Err(Flaw::new(24, format!("previous hash {}", self.mark.hash), header.previous.to_string()));
        }
        if header.length > left {
            return Err(Flaw::new(8, format!("at most {left} bytes"), header.length.to_string()));
        }
        Ok(header)
    }

    fn rest_is_zero(&mut self) -> Result<Step> {
        let mut at = self.at;
        while at < self.header.bytes {
            let length = WINDOW.min((self.header.bytes - at) as usize);
            let bytes = self.read(at, length)?;
            if let Some(place) = first_nonzero(bytes) {
                let offset = (at - self.at) as usize + place;
                return Ok(Step::Flawed(Flaw::new(offset, "zeros after the last frame", "something else")));
            }
            at += length as u64;
        }
        Ok(Step::End)
    }

    /// Decides what a flaw in the last segment is: a torn tail, or else damage.
    pub(crate) fn judge(&mut self, flaw: Flaw) -> Result<TornTail> {
        let mut rest = vec![0; (self.header.bytes - self.at) as usize];
        let read = self.file.read_at(self.at, &mut rest).context("read", &self.name)?;
        rest.truncate(read);
        match tail::judge(&rest, self.at, self.mark, &self.key, flaw) {
            Ok(bytes) => {
                Ok(TornTail { file: self.name.clone(), offset: self.at, sequence: self.mark.sequence + 1, bytes })
            }
            Err(flaw) => Err(self.damage(flaw).into()),
        }
    }

    /// A flaw of the frame at this place, as damage.
    pub(crate) fn damage(&self, flaw: Flaw) -> Damage {
        Damage {
            file: self.name.clone(),
            offset: self.at + flaw.at as u64,
            sequence: self.mark.sequence + 1,
            expected: flaw.expected,
            found: flaw.found,
        }
    }

    fn read(&mut self, at: u64, length: usize) -> Result<&[u8]> {
        self.window.load(&*self.file, &self.name, at, length)?;
        Ok(self.window.slice(at, length))
    }

    /// Stands again where it stood.
    pub(crate) fn go_back(&mut self, (at, mark): (u64, Mark)) {
        (self.at, self.mark, self.length) = (at, mark, 0);
    }

    /// Forgets what was read, for a file that somebody writes.
    pub(crate) fn refresh(&mut self) {
        self.window.length = 0;
    }
}

/// Offset of the first byte that is not zero.
pub(crate) fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    let blocks = bytes.chunks(4096).enumerate();
    let (block, bytes) = blocks.into_iter().find(|(_, block)| block.iter().fold(0, |all, byte| all | byte) != 0)?;
    Some(block * 4096 + bytes.iter().position(|byte| *byte != 0)?)
}

/// A piece of a file in memory.
#[derive(Debug, Default)]
struct Window {
    at: u64,
    length: usize,
    bytes: Vec<u8>,
}

impl Window {
    fn slice(&self, at: u64, length: usize) -> &[u8] {
        let start = (at - self.at) as usize;
        &self.bytes[start..start + length]
    }

    /// Has `length` bytes from `at` on in memory afterwards.
    fn load(&mut self, file: &dyn File, name: &str, at: u64, length: usize) -> Result<()> {
        if at >= self.at && at + length as u64 <= self.at + self.length as u64 {
            return Ok(());
        }
        self.bytes.resize(length.max(WINDOW), 0);
        self.at = at;
        self.length = file.read_at(at, &mut self.bytes).context("read", name)?;
        if self.length < length {
            return Err(short("the file ends early")).context("read", name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_is_not_zero_is_found_in_any_block() {
        let mut bytes = vec![0; 10_000];
        assert_eq!((first_nonzero(&bytes), first_nonzero(&[])), (None, None));
        for at in [9_999, 8_192, 8_191, 5_000, 4_096, 4_095, 1, 0] {
            bytes[at] = 1;
            assert_eq!(first_nonzero(&bytes), Some(at));
        }
    }
}
