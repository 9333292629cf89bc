//! What can go wrong: each error says where, what, and what to do about it.

use crate::types::{Durability, LogId};
use std::fmt;
use std::io;

/// Result of the journal's calls.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that the journal may answer instead of a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused a call.
    #[error("cannot {action} {file}: {source}")]
    Io {
        /// The verb: read, write, sync, create …
        action: &'static str,
        /// The file's name in the data folder.
        file: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another process holds the folder.
    #[error("{folder} is in use by process {holder}; stop that process, or choose another data folder")]
    Locked {
        /// The data folder.
        folder: String,
        /// Its process id as it wrote it, or "unknown".
        holder: String,
    },
    /// The folder has no log yet.
    #[error("there is no log here; create one first (a folder that should have one has lost its segments: restore it)")]
    NoLog,
    /// The folder has what only a log leaves behind. A new one in its place would begin without what that one knew.
    #[error(
        "{file} belongs to a log, and the log itself is not there; restore its segments and its head from where {file} came from, or choose an empty folder"
    )]
    LostLog {
        /// What is still there.
        file: String,
    },
    /// The folder has a log already.
    #[error("there is a log here already ({file}); open it, or choose an empty folder")]
    Exists {
        /// A file of that log.
        file: String,
    },
    /// The log's bytes are not what was written.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// A file of another log lies in this folder.
    #[error(
        "{file} belongs to log {found}, this is log {expected}; remove it from this folder, or restore this log's own file"
    )]
    WrongLog {
        /// The stranger.
        file: String,
        /// The log of this folder.
        expected: LogId,
        /// The log that the file names.
        found: LogId,
    },
    /// A newer (or much older) release wrote the file.
    #[error("{file} has format {found}, this release reads {supported}; use the release that wrote it")]
    Version {
        /// The file.
        file: String,
        /// Its format.
        found: u16,
        /// Ours.
        supported: u16,
    },
    /// The log does not begin at sequence 1, and no snapshot was given to start from.
    #[error("the log begins at sequence {first} ({file}); a snapshot at {} or later is needed to start from", first - 1)]
    NeedsSnapshot {
        /// First sequence in the folder.
        first: u64,
        /// File that holds it.
        file: String,
    },
    /// The snapshot's named frame is not in this log any more.
    #[error(
        "snapshot at sequence {sequence} does not fit this log: {problem}; the log was cut, moved or replaced since. \
         Restore the log, or move the snapshot away to replay an older one"
    )]
    SnapshotMismatch {
        /// Sequence of the snapshot.
        sequence: u64,
        /// What was compared.
        problem: String,
    },
    /// An earlier write or sync failed; nothing is retried.
    #[error(
        "the journal stopped after a failure and takes nothing more ({reason}); restart the process, recovery will find what is durable"
    )]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// One record does not fit a frame.
    #[error(
        "a record of {bytes} bytes exceeds the largest that a frame takes, {limit}; raise segment_bytes or split it"
    )]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The record does not fit the frame that is being built any more.
    #[error("the frame is full; seal it and push the record again")]
    FrameFull,
    /// A frame was handed to the writer out of turn: an error in the calling code.
    #[error("frame {found} was handed in where {expected} was due; the caller mixed up its frames")]
    OutOfTurn {
        /// What the writer waited for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The options ask for more than the storage can give.
    #[error("durability {wanted} was asked of a storage that gives {given}; choose {given}, or a data folder on disk")]
    Overclaimed {
        /// Asked for.
        wanted: Durability,
        /// Possible.
        given: Durability,
    },
    /// The options make no sense.
    #[error("segment_bytes = {bytes} is out of range; choose between {least} and {most}")]
    SegmentSize {
        /// Asked for.
        bytes: u64,
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
    },
}

/// One place where the bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// File in the data folder.
    pub file: String,
    /// Byte offset in it.
    pub offset: u64,
    /// The sequence that should stand there.
    pub sequence: u64,
    /// What should have been found.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, sequence, expected, found } = self;
        write!(
            f,
            "the log is damaged: {file} at byte {offset}, sequence {sequence}: expected {expected}, found {found}. "
        )?;
        f.write_str("The log will not be opened like this: restore the file from a backup or a replica")
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::Damaged(Box::new(damage))
    }
}

/// Names the call and the file of an operating system error.
pub(crate) trait Context<T> {
    fn context(self, action: &'static str, file: &str) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, file: &str) -> Result<T> {
        self.map_err(|source| Error::Io { action, file: file.to_owned(), source })
    }
}
