//! The few words that all files of the journal share.

use std::fmt;

/// A BLAKE3 hash, whole: 32 bytes a frame are nothing beside a disk sync, and a chain that an auditor may be shown must
/// resist collisions made on purpose, which 16 bytes (64 bits of work) do not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash that stands before the first frame of a log that begins at sequence 1.
    pub const NONE: Self = Self([0; 32]);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Sequences stay below this, as all that clients are told: JSON readers hold no larger numbers exactly. So what is added to
/// one that was read does not overflow.
pub(crate) const SEQUENCES: u64 = 1 << 53;

/// Which log this is. A frame's hash is keyed with it, so a frame of another log is never taken for one of this log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogId {
    /// Random bytes, drawn once by whoever creates the log.
    pub identity: [u8; 16],
    /// How often the log has moved (to other files, to Kafka and back); 0 for one that never did.
    pub epoch: u64,
}

impl LogId {
    pub(crate) fn key(&self) -> [u8; 32] {
        let mut material = [0; 24];
        material[..16].copy_from_slice(&self.identity);
        material[16..].copy_from_slice(&self.epoch.to_le_bytes());
        blake3::derive_key("agio journal 2026-11 frame of one log", &material)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, " epoch {}", self.epoch)
    }
}

/// Where a frame begins: the first sequence of its segment, and the offset in it in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// First sequence of the segment, which is also its file's name.
    pub segment: u64,
    /// Offset of the frame's first byte in the file; 0 when no frame stands before (the beginning of the log).
    pub offset: u64,
}

/// The end of one frame, as a name for a point in the log: everything up to `sequence`, and nothing after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark {
    /// Last sequence of the frame.
    pub sequence: u64,
    /// Where the frame begins.
    pub position: Position,
    /// Hash of the frame, and through the chain of all before it.
    pub hash: Hash,
}

/// What an acknowledged record survives. Printed at start, and beside every published figure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Durability {
    /// Nothing: the log is in this process's memory.
    Memory,
    /// The death of the process, not of the machine: written, not synced.
    PageCache,
    /// Power loss: `fdatasync` has returned.
    Fdatasync,
}

impl Durability {
    /// The name to print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::PageCache => "page cache",
            Self::Fdatasync => "fdatasync",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an operator may choose about a log's files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Size of a segment file, preallocated. A frame never exceeds it.
    pub segment_bytes: u64,
    /// What a commit means. At most what the storage can give, see [`crate::Storage::strongest`].
    pub durability: Durability,
    /// How many snapshots are kept.
    pub snapshots: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, durability: Durability::Fdatasync, snapshots: 2 }
    }
}

/// Bytes of the log read so far, of those there are to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Bytes read and verified.
    pub done: u64,
    /// Bytes in all, preallocated space included.
    pub total: u64,
}
