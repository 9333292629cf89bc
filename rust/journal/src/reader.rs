//! Reads a log without holding it: beside the process that writes it, or when none does.

use crate::chain::{Chain, Record};
use crate::error::{Damage, Error, Result};
use crate::recovery::survey;
use crate::segment;
use crate::skips;
use crate::snapshot;
use crate::storage::{Entry, Storage};
use crate::tail::TornTail;
use crate::types::{LogId, Mark, Progress};
use std::sync::Arc;

/// How far a reader goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Sealed segments only: all of it is durable.
    Sealed,
    /// To the end as it is now. The last frames may not be durable yet: show them to operators, not to clients.
    All,
}

/// Iterates records, each frame checked first.
#[derive(Debug)]
pub struct Reader {
    log: LogId,
    chain: Option<Chain>,
    from: u64,
}

impl Reader {
    /// Begins at sequence `from` (1, or lower than the folder's first: at its first).
    ///
    /// # Errors
    /// [`Error::NoLog`], [`Error::Damaged`], [`Error::Io`].
    pub fn open(storage: Arc<dyn Storage>, from: u64, extent: Extent) -> Result<Self> {
        let (log, mut segments) = survey(&*storage)?.ok_or(Error::NoLog)?;
        if extent == Extent::Sealed {
            segments.pop();
        }
        let before = |entry: &Entry| segment::sequence_of(&entry.name).is_some_and(|first| first <= from);
        let index = segments.partition_point(before).saturating_sub(1);
        let open = |segments| Chain::at(storage, log, segments, index, true);
        let chain = if segments.is_empty() { None } else { Some(open(segments)?) };
        Ok(Self { log, chain, from })
    }

    /// The log.
    pub fn log(&self) -> LogId {
        self.log
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Damaged`] at the first place that is not what was written; [`Error::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>> {
        let Some(chain) = &mut self.chain else { return Ok(None) };
        while chain.next_sequence()?.is_some_and(|next| next < self.from) {
            chain.next_record()?;
        }
        chain.next_record()
    }

    /// The end of the last frame, if all its records were read: a place where a snapshot may stand.
    pub fn frame_end(&self) -> Option<Mark> {
        self.chain.as_ref().filter(|chain| chain.frame_is_read()).map(Chain::mark)
    }

    /// Bytes read, of all there are to read.
    pub fn progress(&self) -> Progress {
        self.chain.as_ref().map_or(Progress::default(), Chain::progress)
    }

    /// What was torn at the end, once the end was reached: of a log that is being written, the write under way.
    pub fn torn(&self) -> Option<&TornTail> {
        self.chain.as_ref().and_then(Chain::torn)
    }
}

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The log.
    pub log: LogId,
    /// Segments, the last one included.
    pub segments: usize,
    /// Whole frames before the first damage.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// First sequence in the folder.
    pub first: u64,
    /// End of the last whole frame.
    pub last: Mark,
    /// What is torn at the end; recovery will drop it.
    pub torn: Option<TornTail>,
    /// The first place that is not what was written.
    pub damage: Option<Damage>,
    /// Snapshots that are damaged or do not fit the log, and why; and the skip list if it is damaged.
    pub others: Vec<(String, String)>,
    /// Snapshots that are whole and fit.
    pub snapshots: usize,
}

impl Report {
    /// Whether nothing is wrong. A torn tail is not wrong.
    pub fn is_clean(&self) -> bool {
        self.damage.is_none() && self.others.is_empty()
    }
}

/// Reads everything and compares all hashes.
///
/// # Errors
/// [`Error::NoLog`], [`Error::WrongLog`], [`Error::Io`]; damage within the segments is in the report, unless it hides which log this is.
pub fn verify(storage: &Arc<dyn Storage>) -> Result<Report> {
    let (log, segments) = survey(&**storage)?.ok_or(Error::NoLog)?;
    let mut chain = Chain::at(Arc::clone(storage), log, segments.clone(), 0, true)?;
    let first = chain.mark().sequence + 1;
    let damage = match walk_all(&mut chain) {
        Err(Error::Damaged(damage)) => Some(*damage),
        other => other.map(|()| None)?,
    };
    let (last, torn) = (chain.mark(), chain.torn().cloned());
    let mut report = Report {
        log,
        segments: segments.len(),
        frames: chain.frames,
        records: last.sequence + 1 - first,
        first,
        last,
        torn,
        damage,
        others: Vec::new(),
        snapshots: 0,
    };
    verify_snapshots(storage, &segments, &mut report)?;
    if let Err(error) = skips::read(&**storage, log) {
        report.others.push((skips::NAME.to_owned(), error.to_string()));
    }
    Ok(report)
}

fn walk_all(chain: &mut Chain) -> Result<()> {
    while chain.next_frame()? {}
    Ok(())
}

fn verify_snapshots(storage: &Arc<dyn Storage>, segments: &[Entry], report: &mut Report) -> Result<()> {
    for entry in snapshot::list(&**storage)? {
        let fits = snapshot::read(&**storage, &entry.name).and_then(|snapshot| {
            snapshot.header.check_log(report.log)?;
            Chain::after(Arc::clone(storage), report.log, segments.to_vec(), snapshot.header.mark)
        });
        match fits {
            Ok(_) => report.snapshots += 1,
            Err(error) => report.others.push((entry.name, error.to_string())),
        }
    }
    Ok(())
}
