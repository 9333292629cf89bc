//! From a folder to an engine that stands where the log ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agio_engine::commands::Command;
use agio_engine::engine::Engine;
use agio_engine::layout::DecodeError;
use agio_engine::{RestoreError, Violation};
use agio_journal::{
    Disk, Durability, Hash, Journal, LogId, Mark, Options as LogOptions, Progress, Recovery, SnapshotHeader, Storage,
    create, identify, skips, skips::Skip, snapshot,
};

use crate::clock::{ClockError, ManualTime};
use crate::replay::replay;

/// The number of the engine's snapshot format.
pub(crate) const STATE_FORMAT: u32 = 1;
/// A frame must have room for any one command: in smaller segments a shard would wait for it for ever.
const LEAST_SEGMENT: u64 = 32 << 10;
/// See [`Options::long_tail`].
pub const LONG_TAIL: u64 = 200_000;

/// Called with each command before it is applied, live and in replay. A test's breaks the engine by panicking.
pub type Tripwire = fn(&Command);

/// What a shard is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log's folder; made if it is not there.
    pub folder: PathBuf,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// Size of a segment file.
    pub segment_bytes: u64,
    /// Follow a wall clock that jumps forward without asking.
    pub follow_forward: bool,
    /// Free bytes below which only cancels are taken.
    pub least_free_bytes: u64,
    /// Finished orders to remember for queries.
    pub remember: usize,
    /// A start that has read more commands than this takes a snapshot, so that the next one is short.
    pub long_tail: u64,
    /// Where a start tells how far it has read.
    pub reading: Reading,
    /// Tells the time instead of the machine's clocks.
    pub manual_time: Option<ManualTime>,
    /// For tests of what a command does that breaks the engine.
    pub tripwire: Option<Tripwire>,
}

/// How far a start has come with reading the log, for others to look at. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Reading(Arc<(AtomicU64, AtomicU64)>);

impl Reading {
    /// Bytes read, of all there are to read; both 0 before it begins.
    pub fn progress(&self) -> Progress {
        Progress { done: self.0.0.load(Ordering::Relaxed), total: self.0.1.load(Ordering::Relaxed) }
    }

    fn tell(&self, at: Progress) {
        self.0.1.store(at.total, Ordering::Relaxed);
        self.0.0.store(at.done, Ordering::Relaxed);
    }
}

impl Options {
    /// What concerns the log alone.
    pub fn log(&self) -> LogOptions {
        LogOptions { segment_bytes: self.segment_bytes, durability: self.durability, ..LogOptions::default() }
    }
}

/// Why a shard does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log's files.
    #[error(transparent)]
    Journal(#[from] agio_journal::Error),
    /// Segments that do not hold every command.
    #[error("segment_bytes = {0} is too small for a shard; choose {LEAST_SEGMENT} or more")]
    Segments(u64),
    /// The folder itself.
    #[error("cannot use {folder}: {source}")]
    Folder {
        /// Which.
        folder: String,
        /// Why.
        source: std::io::Error,
    },
    /// A record that this release does not read.
    #[error(
        "the log's command {sequence} cannot be read: {source}; it was written by another release: replay it with that one, up to a snapshot"
    )]
    Record {
        /// Which.
        sequence: u64,
        /// Why.
        source: DecodeError,
    },
    /// The log's last command breaks the engine, and no start has noted it yet.
    #[error(
        "the log's last command, {sequence}, breaks the engine ({reason}): the exchange's next start skips it; look again then"
    )]
    Breaking {
        /// Which.
        sequence: u64,
        /// What the panic said.
        reason: String,
    },
    /// A command that breaks the engine, and did not when it was live: others follow it, or it is on the skip list.
    #[error(
        "the log's command {sequence} breaks this release's engine ({reason}), and did not break the one that it was live in: keep this folder, start it with the release that wrote it, and report this"
    )]
    Broken {
        /// Which.
        sequence: u64,
        /// What the panic said.
        reason: String,
    },
    /// A command that broke the engine was durable before it was noted, and is not in the log.
    #[error(
        "the skip list names command {sequence}, and the log ends at {last}: it has been cut; restore the log and its skip list from one backup or replica"
    )]
    SkipAhead {
        /// Which.
        sequence: u64,
        /// The log's last command.
        last: u64,
    },
    /// A snapshot whose state this release does not read.
    #[error("the snapshot cannot be used: {0}; move it away to replay the log instead")]
    Restore(#[from] RestoreError),
    /// A snapshot whose state is not what its header says.
    #[error(
        "the snapshot at sequence {sequence} restores to another state than it was taken from; move it away to replay the log instead"
    )]
    OtherState {
        /// Which.
        sequence: u64,
    },
    /// The state breaks an invariant.
    #[error("the recovered state breaks an invariant: {0:?}; keep this folder and replay it with `agio verify`")]
    Violation(Violation),
    /// The wall clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The system is out of descriptors or threads.
    #[error("the operating system refuses a descriptor or a thread: {0}")]
    System(#[from] std::io::Error),
}

impl StartError {
    pub(crate) fn broken(skip: Skip) -> Self {
        Self::Broken { sequence: skip.sequence, reason: skip.reason }
    }

    pub(crate) fn breaking(skip: Skip) -> Self {
        Self::Breaking { sequence: skip.sequence, reason: skip.reason }
    }
}

/// A log that was read to its end.
pub struct Recovered {
    /// Which it is.
    pub log: LogId,
    /// The exchange as it stands there.
    pub engine: Engine,
    /// The log, to write on.
    pub journal: Journal,
    /// What there is to tell: a torn tail, snapshots passed over, commands that broke the engine.
    pub notes: Vec<String>,
    /// Of a shard that has halted, the invariant that does not hold.
    pub halted: Option<String>,
}

/// Makes the folder and takes its lock.
pub(crate) fn open_folder(options: &Options) -> Result<Arc<dyn Storage>, StartError> {
    let folder = || options.folder.display().to_string();
    std::fs::create_dir_all(&options.folder).map_err(|source| StartError::Folder { folder: folder(), source })?;
    Ok(Arc::new(Disk::open(&options.folder)?))
}

/// Finds or creates the log, and replays it from its newest snapshot. A last command that breaks the engine (its process
/// died of it before it could be noted) is put on the skip list, and the replay begins again.
///
/// # Errors
/// [`StartError`].
pub fn recover(storage: &Arc<dyn Storage>, options: &Options) -> Result<Recovered, StartError> {
    if options.segment_bytes < LEAST_SEGMENT {
        return Err(StartError::Segments(options.segment_bytes));
    }
    let mut broken = Vec::new();
    loop {
        let mut recovered = match attempt(storage, options)? {
            Attempt::Recovered(recovered) => *recovered,
            Attempt::Broken(log, skip) => {
                skips::append(&**storage, log, &skip)?;
                broken.push(format!("command {} broke the engine ({}) and is skipped", skip.sequence, skip.reason));
                continue;
            }
        };
        recovered.notes.extend(broken);
        return Ok(recovered);
    }
}

enum Attempt {
    Recovered(Box<Recovered>),
    Broken(LogId, Skip),
}

fn attempt(storage: &Arc<dyn Storage>, options: &Options) -> Result<Attempt, StartError> {
    if identify(&**storage)?.is_none() {
        let log = LogId { identity: random_identity()?, epoch: 0 };
        create(&**storage, log, Mark::default(), &options.log())?;
    }
    let loaded = snapshot::load(&**storage, u64::MAX)?;
    let mut notes: Vec<String> = loaded.refused.iter().map(passed_over).collect();
    let header = loaded.snapshot.as_ref().map(|snapshot| snapshot.header);
    let mut engine = match &loaded.snapshot {
        Some(snapshot) => restore(snapshot)?,
        None => Engine::new(),
    };
    let reading = options.reading.clone();
    let mut recovery =
        Recovery::open(Arc::clone(storage), &options.log(), header.as_ref())?.on_progress(move |at| reading.tell(at));
    notes.extend(recovery.torn().map(|torn| format!("a torn tail was dropped: {torn:?}")));
    let log = recovery.log();
    let start = engine.sequence().0;
    if let Some(skip) = replay(&mut recovery, &mut engine, &**storage, options.tripwire)? {
        return Ok(Attempt::Broken(log, skip));
    }
    check_skips(&**storage, log, engine.sequence().0)?;
    let halted = judge(&engine)?;
    notes.extend(halted.iter().map(|invariant| format!("an invariant does not hold, cancels only: {invariant}")));
    let journal = recovery.finish()?;
    if engine.sequence().0 - start > options.long_tail
        && let Err(error) = take_snapshot(&**storage, log, journal.writer().durable(), &engine)
    {
        notes.push(format!("no snapshot was taken, and the next start reads as much again; nothing is lost ({error})"));
    }
    Ok(Attempt::Recovered(Box::new(Recovered { log, engine, journal, notes, halted })))
}

/// A skip of what is still to come would pass over another command, which has taken effect.
fn check_skips(storage: &dyn Storage, log: LogId, last: u64) -> Result<(), StartError> {
    match skips::read(storage, log)?.last() {
        Some(&Skip { sequence, .. }) if sequence > last => Err(StartError::SkipAhead { sequence, last }),
        _ => Ok(()),
    }
}

/// All invariants. Of a shard that has halted they are known not to hold, and it goes on to take cancels.
fn judge(engine: &Engine) -> Result<Option<String>, StartError> {
    let violation = engine.audit().err();
    if engine.halted() {
        let words = violation.map_or_else(|| "one that holds again".to_owned(), |violation| violation.invariant);
        return Ok(Some(words));
    }
    violation.map_or(Ok(None), |violation| Err(StartError::Violation(violation)))
}

/// A snapshot that cannot be used costs time and nothing else, unlike what the error says of the log.
fn passed_over(error: &agio_journal::Error) -> String {
    let what = match error {
        agio_journal::Error::Damaged(damage) => {
            format!("{} at byte {}: expected {}, found {}", damage.file, damage.offset, damage.expected, damage.found)
        }
        other => other.to_string(),
    };
    format!(
        "a snapshot cannot be used, and more of the log is read instead; nothing is lost, look at the disk ({what})"
    )
}

fn restore(snapshot: &agio_journal::Snapshot) -> Result<Engine, StartError> {
    let engine = Engine::restore(&snapshot.body)?;
    if Hash(engine.hash()) == snapshot.header.state_hash {
        Ok(engine)
    } else {
        Err(StartError::OtherState { sequence: snapshot.header.mark.sequence })
    }
}

/// Writes the engine's state as a snapshot at the end of the frame that `mark` names; nothing while the engine is ahead of
/// it.
///
/// # Errors
/// [`agio_journal::Error::Io`]; the log is whole all the same.
pub fn take_snapshot(
    storage: &dyn Storage,
    log: LogId,
    mark: Mark,
    engine: &Engine,
) -> Result<(), agio_journal::Error> {
    if mark.sequence == 0 || mark.sequence != engine.sequence().0 {
        return Ok(());
    }
    let mut body = Vec::new();
    engine.snapshot(&mut body);
    let state_hash = Hash(engine.hash());
    let header = SnapshotHeader { log, mark, time: engine.time().0, state_format: STATE_FORMAT, state_hash };
    snapshot::write(storage, &header, &body, LogOptions::default().snapshots)
}

fn random_identity() -> Result<[u8; 16], StartError> {
    use std::io::Read;
    let mut identity = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut identity)?;
    Ok(identity)
}
