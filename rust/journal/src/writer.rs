//! Writes frames, one by one, each durable before the next.

use crate::error::{Context, Error, Result};
use crate::frame::{Frame, FrameBuilder, Seal, hash_of};
use crate::head::{self, Head};
use crate::segment::{self, NEXT, START, SegmentHeader};
use crate::storage::{File, Storage};
use crate::types::{Durability, LogId, Mark, Options, Position};
use agio_planted::{Bug, planted};
use std::sync::{Arc, Mutex, PoisonError};

/// Where a writer goes on: an open segment, the end of what is in it, and the chain up to there.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: Box<dyn File>,
    pub(crate) segment: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) end: u64,
    pub(crate) mark: Mark,
}

/// The one that writes. It seals, writes and syncs, and nothing else: frames come closed from a [`FrameBuilder`], on this
/// thread or another.
#[derive(Debug)]
pub struct Writer {
    storage: Arc<dyn Storage>,
    log: LogId,
    seal: Seal,
    options: Options,
    tail: Tail,
    durable: Mark,
    preparer: Preparer,
    poison: Option<String>,
}

impl Writer {
    pub(crate) fn new(storage: Arc<dyn Storage>, log: LogId, options: Options, tail: Tail) -> Self {
        let preparer = Preparer::new(Arc::clone(&storage), options.segment_bytes);
        let seal = Seal::of(log, options.durability);
        Self { storage, log, seal, options, durable: tail.mark, tail, preparer, poison: None }
    }

    /// Seals and writes a frame; it is durable after [`Self::sync`], which must come before the next write if the class is
    /// fdatasync (recovery relies on it to tell a torn frame from a lost one). Answers the mark at its end.
    ///
    /// # Errors
    /// Any error is final: see [`Error::Poisoned`].
    pub fn write(&mut self, frame: &mut Frame) -> Result<Mark> {
        self.guarded(|writer| writer.write_frame(frame))
    }

    /// Makes durable, in the sense of the chosen class, what was written. Answers up to where.
    ///
    /// # Errors
    /// Any error is final: see [`Error::Poisoned`].
    pub fn sync(&mut self) -> Result<Mark> {
        self.guarded(Self::sync_frames)
    }

    /// Makes what was written durable in every class: before a snapshot of it is.
    ///
    /// # Errors
    /// Any error is final: see [`Error::Poisoned`].
    pub fn settle(&mut self) -> Result<Mark> {
        self.guarded(|writer| {
            writer.sync_page_cache()?;
            writer.sync_frames()
        })
    }

    /// Seals, writes and syncs one frame.
    ///
    /// # Errors
    /// As [`Self::write`] and [`Self::sync`].
    pub fn commit(&mut self, frame: &mut Frame) -> Result<Mark> {
        self.write(frame)?;
        self.sync()
    }

    /// Up to where the log is durable.
    pub fn durable(&self) -> Mark {
        self.durable
    }

    /// The log that is written.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// Bytes that can be written without allocating: the rest of this segment, and the next one if it is prepared.
    pub fn room(&self) -> u64 {
        let next = if self.preparer.is_ready() { self.options.segment_bytes - START } else { 0 };
        self.tail.segment_bytes - self.tail.end + next
    }

    /// A handle that prepares the next segment on another thread.
    pub fn preparer(&self) -> Preparer {
        self.preparer.clone()
    }

    /// Runs a step unless an earlier one failed. Nothing is retried: after a failed sync the system may have dropped the
    /// pages and say yes the next time.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let Some(reason) = &self.poison {
            return Err(Error::Poisoned { reason: reason.clone() });
        }
        let outcome = step(self);
        if let Err(error) = &outcome {
            self.poison = Some(error.to_string());
        }
        outcome
    }

    fn write_frame(&mut self, frame: &mut Frame) -> Result<Mark> {
        self.check_turn(frame)?;
        if self.tail.end + frame.size() as u64 > self.tail.segment_bytes {
            self.rotate()?;
        }
        let (tail, sequence) = (&mut self.tail, frame.last());
        let bytes = frame.seal(&self.seal, tail.mark.hash);
        tail.file.write_at(tail.end, bytes).context("write", &segment::name_of(tail.segment))?;
        let position = Position { segment: tail.segment, offset: tail.end };
        tail.mark = Mark { sequence, position, hash: hash_of(bytes) };
        tail.end += bytes.len() as u64;
        Ok(tail.mark)
    }

    fn check_turn(&self, frame: &Frame) -> Result<()> {
        let mark = self.tail.mark;
        let out_of_turn =
            |expected: String| Err(Error::OutOfTurn { expected, found: format!("at sequence {}", frame.first()) });
        if frame.first() != mark.sequence + 1 {
            return out_of_turn(format!("the one at sequence {}", mark.sequence + 1));
        }
        if self.options.durability == Durability::Fdatasync && self.durable != mark {
            return out_of_turn(format!("a sync of sequence {}", mark.sequence));
        }
        Ok(())
    }

    fn sync_frames(&mut self) -> Result<Mark> {
        let due = self.options.durability == Durability::Fdatasync && self.durable != self.tail.mark;
        if due && !planted(Bug::SkippedSync) {
            self.tail.file.sync_data().context("sync", &segment::name_of(self.tail.segment))?;
        }
        self.durable = self.tail.mark;
        Ok(self.durable)
    }

    /// Syncs what the class leaves to the system.
    fn sync_page_cache(&self) -> Result<()> {
        if self.options.durability != Durability::PageCache {
            return Ok(());
        }
        self.tail.file.sync_data().context("sync", &segment::name_of(self.tail.segment))
    }

    /// Goes on in the next segment. What is in this one is durable first, in every class: only the last segment may ever
    /// be torn.
    fn rotate(&mut self) -> Result<()> {
        let mark = self.tail.mark;
        self.sync_page_cache()?;
        let bytes = self.options.segment_bytes;
        let header = SegmentHeader { log: self.log, first: mark.sequence + 1, previous: mark.hash, bytes };
        let file = self.preparer.publish(&header)?;
        head::write(&*self.storage, Head { log: self.log, segment: header.first })?;
        self.tail = Tail { file, segment: header.first, segment_bytes: bytes, end: START, mark };
        Ok(())
    }
}

/// Allocates the next segment ahead of need. Clones share one prepared segment with the writer.
#[derive(Clone, Debug)]
pub struct Preparer {
    storage: Arc<dyn Storage>,
    bytes: u64,
    ready: Arc<Mutex<Option<Box<dyn File>>>>,
}

impl Preparer {
    fn new(storage: Arc<dyn Storage>, bytes: u64) -> Self {
        Self { storage, bytes, ready: Arc::default() }
    }

    /// Whether a segment lies ready. Call [`Self::prepare`] from a thread that may wait if not.
    pub fn is_ready(&self) -> bool {
        self.ready.try_lock().is_ok_and(|ready| ready.is_some())
    }

    /// Makes the next segment, unless it is there. A failure (a full disk) leaves the writer as it was, and may be tried again.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn prepare(&self) -> Result<()> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_none() {
            *ready = Some(self.make()?);
        }
        Ok(())
    }

    fn make(&self) -> Result<Box<dyn File>> {
        let file = self.storage.create(NEXT, self.bytes).context("create", NEXT)?;
        file.sync_data().context("sync", NEXT)?;
        Ok(file)
    }

    /// Gives the prepared segment (made now, if there is none) its header and its name. Locked throughout: until it has its
    /// name, another must not be made under the old one.
    fn publish(&self, header: &SegmentHeader) -> Result<Box<dyn File>> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let file = ready.take().map_or_else(|| self.make(), Ok)?;
        segment::publish(&*self.storage, &*file, NEXT, header)?;
        Ok(file)
    }
}

/// Builder and writer in one hand, for whoever needs no second thread.
#[derive(Debug)]
pub struct Journal {
    builder: FrameBuilder,
    writer: Writer,
    spare: Frame,
}

impl Journal {
    pub(crate) fn new(builder: FrameBuilder, writer: Writer) -> Self {
        Self { builder, writer, spare: Frame::default() }
    }

    /// Adds a record to the frame that the next commit writes (or, if it is full, commits that frame first). Answers the
    /// record's sequence.
    ///
    /// # Errors
    /// [`Error::RecordTooLarge`]; of the commit, see there.
    pub fn append(&mut self, record: &[u8]) -> Result<u64> {
        if !self.builder.fits(record.len()) && !self.builder.is_empty() {
            self.commit()?;
        }
        self.builder.push(record)
    }

    /// Writes and syncs what was appended. Answers up to where the log is durable.
    ///
    /// # Errors
    /// Any error is final: see [`Error::Poisoned`].
    pub fn commit(&mut self) -> Result<Mark> {
        match self.builder.close(std::mem::take(&mut self.spare)) {
            None => self.writer.sync(),
            Some(mut frame) => {
                let mark = self.writer.commit(&mut frame);
                self.spare = frame;
                mark
            }
        }
    }

    /// The writer, to ask it things.
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Both halves, for two threads.
    pub fn split(self) -> (FrameBuilder, Writer) {
        (self.builder, self.writer)
    }
}
