//! Follows the chain over all segments of a folder.

use crate::error::{Damage, Error, Result};
use crate::frame::{HEADER, RECORD_HEADER, u32_at};
use crate::segment;
use crate::storage::{Entry, Storage};
use crate::tail::TornTail;
use crate::types::{LogId, Mark, Progress};
use crate::walk::{Step, Walk};
use std::ops::Range;
use std::sync::Arc;

/// How often a reader beside a writer looks again at what seems damaged.
const LOOKS: usize = 5;

/// One record of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Its number in the log.
    pub sequence: u64,
    /// What was appended.
    pub bytes: &'a [u8],
}

/// A place in the log: reads on frame by frame, record by record, checking each frame before its records are seen.
#[derive(Debug)]
pub(crate) struct Chain {
    storage: Arc<dyn Storage>,
    log: LogId,
    segments: Vec<Entry>,
    index: usize,
    walk: Walk,
    cursor: Cursor,
    torn: Option<TornTail>,
    total: u64,
    before: u64,
    pub(crate) frames: u64,
    /// Somebody may be writing: what looks wrong is looked at again.
    live: bool,
}

/// Which record of the current frame comes next.
#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    sequence: u64,
    at: usize,
    left: u32,
}

impl Cursor {
    fn new(frame: &[u8], first: u64) -> Self {
        Self { sequence: first, at: HEADER, left: u32_at(frame, 12) }
    }

    fn advance(&mut self, frame: &[u8]) -> (u64, Range<usize>) {
        let start = self.at + RECORD_HEADER;
        let end = start + u32_at(frame, self.at) as usize;
        let sequence = self.sequence;
        *self = Self { sequence: sequence + 1, at: end, left: self.left - 1 };
        (sequence, start..end)
    }
}

impl Chain {
    /// Begins at the first frame of `segments[index]`.
    pub(crate) fn at(
        storage: Arc<dyn Storage>,
        log: LogId,
        segments: Vec<Entry>,
        index: usize,
        live: bool,
    ) -> Result<Self> {
        let walk = Walk::open(&*storage, log, &segments[index].name)?;
        let total = segments[index..].iter().map(|entry| entry.bytes).sum();
        let cursor = Cursor::default();
        Ok(Self { storage, log, segments, index, walk, cursor, torn: None, total, before: 0, frames: 0, live })
    }

    /// Begins behind the frame that `mark` names, which is read again and compared.
    pub(crate) fn after(storage: Arc<dyn Storage>, log: LogId, segments: Vec<Entry>, mark: Mark) -> Result<Self> {
        let mismatch = |problem: String| Error::SnapshotMismatch { sequence: mark.sequence, problem };
        let name = segment::name_of(mark.position.segment);
        let Some(index) = segments.iter().position(|entry| entry.name == name) else {
            return Err(mismatch(format!("its segment {name} is not there")));
        };
        let mut chain = Self::at(storage, log, segments, index, false)?;
        chain
            .walk
            .seek_end_of(mark)
            .map_err(|found| mismatch(format!("{name} at byte {}: {found}", mark.position.offset)))?;
        Ok(chain)
    }

    /// The end of the last frame read.
    pub(crate) fn mark(&self) -> Mark {
        self.walk.mark
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress { done: self.before + self.walk.at, total: self.total }
    }

    /// What was torn at the end, once the end was reached.
    pub(crate) fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// Whether all records of the current frame were yielded.
    pub(crate) fn frame_is_read(&self) -> bool {
        self.cursor.left == 0
    }

    /// Sequence of the next record, or `None` at the end of the log.
    pub(crate) fn next_sequence(&mut self) -> Result<Option<u64>> {
        while self.cursor.left == 0 {
            if !self.next_frame()? {
                return Ok(None);
            }
        }
        Ok(Some(self.cursor.sequence))
    }

    /// The next record, or `None` at the end of the log.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        if self.next_sequence()?.is_none() {
            return Ok(None);
        }
        let frame = self.walk.frame();
        let (sequence, range) = self.cursor.advance(frame);
        Ok(Some(Record { sequence, bytes: &frame[range] }))
    }

    /// Moves to the next frame; false at the end of the log. Records of the current one that were not asked for are passed over.
    pub(crate) fn next_frame(&mut self) -> Result<bool> {
        loop {
            match self.walk.step()? {
                Step::Frame => {
                    let frame = self.walk.frame();
                    self.cursor = Cursor::new(frame, self.walk.mark.sequence + 1 - u64::from(u32_at(frame, 12)));
                    self.frames += 1;
                    return Ok(true);
                }
                Step::End if self.is_last() => return Ok(false),
                Step::End => self.next_segment()?,
                Step::Flawed(flaw) if self.is_last() => match self.walk.judge(flaw) {
                    Ok(torn) => {
                        self.torn = Some(torn);
                        return Ok(false);
                    }
                    // Perhaps written while we looked, and the one behind it as well: then it is whole by now.
                    Err(error) if !self.live || self.looks_the_same()? => return Err(error),
                    Err(_) => {}
                },
                Step::Flawed(flaw) => return Err(self.walk.damage(flaw).into()),
            }
        }
    }

    /// Whether the place still does not hold a frame, after a few looks. If it does, it is there to be read again.
    fn looks_the_same(&mut self) -> Result<bool> {
        let before = (self.walk.at, self.walk.mark);
        for _ in 0..LOOKS {
            std::thread::yield_now();
            self.walk.refresh();
            let whole = self.walk.step()? == Step::Frame;
            self.walk.go_back(before);
            if whole {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_last(&self) -> bool {
        self.index + 1 == self.segments.len()
    }

    fn next_segment(&mut self) -> Result<()> {
        let name = &self.segments[self.index + 1].name;
        let next = Walk::open(&*self.storage, self.log, name)?;
        let (mark, header) = (self.walk.mark, &next.header);
        if header.first != mark.sequence + 1 {
            let expected = format!("sequences up to {} (where {name} goes on)", header.first - 1);
            return Err(self.damage_here(expected, format!("the end of the segment after sequence {}", mark.sequence)));
        }
        if header.previous != mark.hash {
            return Err(Damage {
                file: name.clone(),
                offset: 56,
                sequence: header.first,
                expected: format!("previous hash {}", mark.hash),
                found: header.previous.to_string(),
            }
            .into());
        }
        self.before += self.segments[self.index].bytes;
        self.index += 1;
        self.walk = next;
        self.walk.mark = mark;
        Ok(())
    }

    fn damage_here(&self, expected: String, found: String) -> Error {
        let sequence = self.walk.mark.sequence + 1;
        Damage { file: self.walk.name.clone(), offset: self.walk.at, sequence, expected, found }.into()
    }

    /// Gives up the place: the last segment, open behind its last frame.
    pub(crate) fn into_walk(self) -> Walk {
        self.walk
    }
}
