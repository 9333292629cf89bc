//! From a folder, whatever happened to it, to a log that can be written: or to a refusal that says where.

use crate::chain::{Chain, Record};
use crate::error::{Context, Error, Result};
use crate::frame::FrameBuilder;
use crate::head::{self, Head};
use crate::segment::{self, START, SegmentHeader};
use crate::skips;
use crate::snapshot::{self, SnapshotHeader};
use crate::storage::{Entry, File, Storage};
use crate::tail::TornTail;
use crate::types::{LogId, Mark, Options, Progress};
use crate::walk::{Step, Walk};
use crate::writer::{Journal, Tail, Writer};
use agio_planted::{Bug, planted};
use std::fmt;
use std::sync::Arc;

const FRESH: &str = "tail.part";
const COPY: usize = 1 << 20;

/// Makes a new log in an empty folder. `after` is the end of the log that it goes on from (after a move), or
/// `Mark::default()` for one that begins at sequence 1.
///
/// # Errors
/// [`Error::Exists`] if the folder has a log, [`Error::Damaged`] or [`Error::LostLog`] if it had one and the segments are
/// gone.
pub fn create(storage: &dyn Storage, log: LogId, after: Mark, options: &Options) -> Result<()> {
    check_options(storage, options)?;
    if let Some((_, segments)) = survey(storage)? {
        return Err(Error::Exists { file: segments[0].name.clone() });
    }
    refuse_lost_log(storage)?;
    segment::remove_parts(storage)?;
    let bytes = options.segment_bytes;
    let header = SegmentHeader { log, first: after.sequence + 1, previous: after.hash, bytes };
    let file = storage.create(FRESH, bytes).context("create", FRESH)?;
    segment::publish(storage, &*file, FRESH, &header)?;
    head::write(storage, Head { log, segment: header.first })
}

fn refuse_lost_log(storage: &dyn Storage) -> Result<()> {
    let entries = storage.list().context("list", "the data folder")?;
    match entries.into_iter().find(|entry| snapshot::sequence_of(&entry.name).is_some() || entry.name == skips::NAME) {
        Some(entry) => Err(Error::LostLog { file: entry.name }),
        None => Ok(()),
    }
}

/// The log of a folder, if it has one.
///
/// # Errors
/// [`Error::Damaged`] also if the folder had a log and its newest segment is gone: a new log must not take its place.
pub fn identify(storage: &dyn Storage) -> Result<Option<LogId>> {
    Ok(survey(storage)?.map(|(log, _)| log))
}

/// The log and its segments, of which there is at least one.
pub(crate) fn survey(storage: &dyn Storage) -> Result<Option<(LogId, Vec<Entry>)>> {
    let (head, segments) = (head::read(storage)?, segment::list(storage)?);
    head::check(head, &segments)?;
    let Some(last) = segments.last() else { return Ok(None) };
    let log = segment::open(storage, &last.name)?.1.log;
    match head {
        Some(head) if head.log != log => {
            Err(Error::WrongLog { file: last.name.clone(), expected: head.log, found: log })
        }
        _ => Ok(Some((log, segments))),
    }
}

fn check_options(storage: &dyn Storage, options: &Options) -> Result<()> {
    let (wanted, given) = (options.durability, storage.strongest());
    if wanted > given {
        return Err(Error::Overclaimed { wanted, given });
    }
    segment::check_size(options.segment_bytes)
}

/// A log on its way from disk to being written again: read all of it, then [`Recovery::finish`].
///
/// When `open` returns, the tail is durable: all that this can yield survives a power cut from then on.
pub struct Recovery {
    storage: Arc<dyn Storage>,
    options: Options,
    log: LogId,
    chain: Chain,
    torn: Option<TornTail>,
    on_progress: Option<Box<dyn FnMut(Progress) + Send>>,
}

impl Recovery {
    /// Opens a folder: finds the end, drops a torn tail, puts the unsealed rest into a fresh segment and syncs it, and
    /// stands at the beginning of the log, or behind the frame that the snapshot names, which is read again and compared.
    ///
    /// # Errors
    /// [`Error::NoLog`], [`Error::Damaged`], [`Error::WrongLog`], [`Error::SnapshotMismatch`], [`Error::NeedsSnapshot`],
    /// [`Error::Io`]. The log's files are as they were.
    pub fn open(storage: Arc<dyn Storage>, options: &Options, snapshot: Option<&SnapshotHeader>) -> Result<Self> {
        check_options(&*storage, options)?;
        let (log, segments) = survey(&*storage)?.ok_or(Error::NoLog)?;
        start(&storage, log, segments.clone(), snapshot)?; // refuses before anything is changed
        segment::remove_parts(&*storage)?; // the segment that was prepared makes room for the tail, on a full disk
        let torn = secure_tail(&*storage, log, &segments[segments.len() - 1].name)?;
        let chain = start(&storage, log, segments, snapshot)?;
        Ok(Self { storage, options: *options, log, chain, torn, on_progress: None })
    }

    /// The log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// What was torn at the end, and dropped.
    pub fn torn(&self) -> Option<&TornTail> {
        self.torn.as_ref()
    }

    /// End of the last frame that was read.
    pub fn mark(&self) -> Mark {
        self.chain.mark()
    }

    /// Calls back after each frame, with bytes done of bytes in all.
    #[must_use]
    pub fn on_progress(mut self, call: impl FnMut(Progress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(call));
        self
    }

    /// The next record, in order; `None` at the end. Each frame is checked before its first record is seen.
    ///
    /// # Errors
    /// [`Error::Damaged`] at the first place that is not what was written; [`Error::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        if self.chain.frame_is_read() && !self.next_frame()? {
            return Ok(None);
        }
        self.chain.next_record()
    }

    fn next_frame(&mut self) -> Result<bool> {
        let more = self.chain.next_frame()?;
        if let Some(call) = &mut self.on_progress {
            let Progress { done, total } = self.chain.progress();
            call(Progress { done: if more { done } else { total }, total });
        }
        Ok(more)
    }

    /// Checks what was not read yet, and gives the log to write on.
    ///
    /// # Errors
    /// As [`Self::next_record`].
    pub fn finish(mut self) -> Result<Journal> {
        while self.next_frame()? {}
        let Walk { file, header, at, mark, .. } = self.chain.into_walk();
        let tail = Tail { file, segment: header.first, segment_bytes: header.bytes, end: at, mark };
        let limit = segment::frame_limit(self.options.segment_bytes);
        let builder = FrameBuilder::new(mark.sequence, limit);
        Ok(Journal::new(builder, Writer::new(self.storage, self.log, self.options, tail)))
    }
}

impl fmt::Debug for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recovery").field("log", &self.log).field("mark", &self.mark()).finish_non_exhaustive()
    }
}

fn start(
    storage: &Arc<dyn Storage>,
    log: LogId,
    segments: Vec<Entry>,
    snapshot: Option<&SnapshotHeader>,
) -> Result<Chain> {
    let storage = Arc::clone(storage);
    if let Some(snapshot) = snapshot {
        snapshot.check_log(log)?;
        return Chain::after(storage, log, segments, snapshot.mark);
    }
    let file = segments[0].name.clone();
    match segment::sequence_of(&file) {
        Some(1) => Chain::at(storage, log, segments, 0, false),
        first => Err(Error::NeedsSnapshot { first: first.unwrap_or(0), file }),
    }
}

/// Makes the last segment durable as far as it is whole. Reading it back proves nothing (what a failed sync left in the
/// page cache reads well and is on no disk), so it is written anew, in a fresh file that replaces it in one step.
fn secure_tail(storage: &dyn Storage, log: LogId, name: &str) -> Result<Option<TornTail>> {
    let mut walk = Walk::open(storage, log, name)?;
    let torn = loop {
        match walk.step()? {
            Step::Frame => {}
            Step::End => break None,
            Step::Flawed(flaw) => break Some(walk.judge(flaw)?),
        }
    };
    if planted(Bug::TailSyncedInPlace) && torn.is_none() {
        walk.file.sync_data().context("sync", name)?;
    } else if (walk.at > START || torn.is_some()) && !planted(Bug::TailNotSecured) {
        let fresh = storage.create(FRESH, walk.header.bytes).context("create", FRESH)?;
        copy(&*walk.file, &*fresh, START, walk.at, name)?;
        segment::publish(storage, &*fresh, FRESH, &walk.header)?;
    } else {
        storage.sync_dir().context("sync", "the data folder")?;
    }
    let head = Head { log, segment: walk.header.first };
    if head::read(storage)? != Some(head) {
        head::write(storage, head)?;
    }
    Ok(torn)
}

fn copy(from: &dyn File, to: &dyn File, start: u64, end: u64, name: &str) -> Result<()> {
    let mut buffer = vec![0; COPY.min((end - start) as usize)];
    let mut at = start;
    while at < end {
        let piece = &mut buffer[..COPY.min((end - at) as usize)];
        let read = from.read_at(at, piece).context("read", name)?;
        if read < piece.len() {
            return Err(segment::short("the file ends early")).context("read", name);
        }
        to.write_at(at, piece).context("write", FRESH)?;
        at += read as u64;
    }
    Ok(())
}
