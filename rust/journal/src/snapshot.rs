//! Snapshots: the engine's state at the end of one frame, in a file that names that frame. Layout in
//! `docs/reference/journal.md`.

use crate::error::{Context, Damage, Error, Result};
use crate::frame::{u32_at, u64_at};
use crate::segment::{self, short};
use crate::storage::{Entry, File, Storage};
use crate::types::{Hash, LogId, Mark, Position, SEQUENCES};
use agio_planted::{Bug, planted};

const MAGIC: [u8; 8] = *b"AGIOSNAP";
/// Version of the snapshot file's layout (the state in it has its own).
pub const SNAPSHOT_VERSION: u16 = 1;
const SUFFIX: &str = ".snap";
const PART: &str = "snapshot.part";
const HEADER: usize = 160;
const TRAILER: usize = 32;

/// What a snapshot says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotHeader {
    /// The log that it was taken from.
    pub log: LogId,
    /// The frame at whose end it stands; its sequence is the last one applied.
    pub mark: Mark,
    /// The log's time there, in microseconds.
    pub time: u64,
    /// Format of the state, a number of the engine's.
    pub state_format: u32,
    /// Hash of the state, computed by the engine.
    pub state_hash: Hash,
}

/// A snapshot, loaded and checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// What it says of itself.
    pub header: SnapshotHeader,
    /// The state.
    pub body: Vec<u8>,
}

/// What loading found.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The newest whole snapshot at or below the wanted sequence.
    pub snapshot: Option<Snapshot>,
    /// Newer ones that were passed over, and why. Tell the operator.
    pub refused: Vec<Error>,
}

impl SnapshotHeader {
    fn name(&self) -> String {
        format!("{:020}{SUFFIX}", self.mark.sequence)
    }

    pub(crate) fn check_log(&self, log: LogId) -> Result<()> {
        if self.log == log {
            Ok(())
        } else {
            Err(Error::WrongLog { file: self.name(), expected: log, found: self.log })
        }
    }

    fn encode(&self, body: usize) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&SNAPSHOT_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.state_format.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.log.identity);
        let numbers = [
            self.log.epoch,
            self.mark.sequence,
            self.time,
            self.mark.position.segment,
            self.mark.position.offset,
            body as u64,
        ];
        for (number, place) in numbers.iter().zip(bytes[32..80].chunks_exact_mut(8)) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes[80..112].copy_from_slice(&self.mark.hash.0);
        bytes[112..144].copy_from_slice(&self.state_hash.0);
        bytes
    }

    fn decode(bytes: &[u8; HEADER]) -> Self {
        let hash = |at: usize| Hash(bytes[at..at + 32].try_into().expect("32 bytes"));
        let identity = bytes[16..32].try_into().expect("16 bytes");
        let position = Position { segment: u64_at(bytes, 56), offset: u64_at(bytes, 64) };
        Self {
            log: LogId { identity, epoch: u64_at(bytes, 32) },
            mark: Mark { sequence: u64_at(bytes, 40), position, hash: hash(80) },
            time: u64_at(bytes, 48),
            state_format: u32_at(bytes, 12),
            state_hash: hash(112),
        }
    }
}

/// Writes a snapshot, durably, then removes all but the `keep` newest.
///
/// # Errors
/// [`Error::Io`]; the older snapshots are untouched then.
pub fn write(storage: &dyn Storage, header: &SnapshotHeader, body: &[u8], keep: usize) -> Result<()> {
    write_part(storage, &header.encode(body.len()), body).inspect_err(|_| {
        let _ = storage.remove(PART); // on a full disk it would keep all the room that there was
    })?;
    segment::rename(storage, PART, &header.name())?;
    let old = list(storage)?;
    for entry in &old[..old.len().saturating_sub(keep.max(1))] {
        storage.remove(&entry.name).context("remove", &entry.name)?;
    }
    Ok(())
}

fn write_part(storage: &dyn Storage, head: &[u8; HEADER], body: &[u8]) -> Result<()> {
    let mut hasher = blake3::Hasher::new();
    let hash = hasher.update(head).update(body).finalize();
    let file = storage.create(PART, 0).context("create", PART)?;
    file.write_at(0, head).context("write", PART)?;
    file.write_at(HEADER as u64, body).context("write", PART)?;
    file.write_at((HEADER + body.len()) as u64, hash.as_bytes()).context("write", PART)?;
    if planted(Bug::SnapshotUnsynced) {
        return Ok(());
    }
    file.sync_data().context("sync", PART)
}

/// Loads the newest whole snapshot at or below `most` (`u64::MAX` for any). A damaged one is reported and passed over.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be listed.
pub fn load(storage: &dyn Storage, most: u64) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    for entry in list(storage)?.iter().rev().filter(|entry| sequence_of(&entry.name).is_some_and(|at| at <= most)) {
        match read(storage, &entry.name) {
            Ok(snapshot) => {
                loaded.snapshot = Some(snapshot);
                break;
            }
            Err(error) => loaded.refused.push(error),
        }
    }
    Ok(loaded)
}

/// All snapshot files, oldest first.
pub(crate) fn list(storage: &dyn Storage) -> Result<Vec<Entry>> {
    let mut entries = storage.list().context("list", "the data folder")?;
    entries.retain(|entry| sequence_of(&entry.name).is_some());
    Ok(entries)
}

pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    segment::number(name, SUFFIX)
}

/// Reads one snapshot file whole, and checks it.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Version`], [`Error::Io`].
pub fn read(storage: &dyn Storage, name: &str) -> Result<Snapshot> {
    let file = storage.open(name).context("open", name)?;
    let size = file.size().context("measure", name)? as usize;
    let head = take(&*file, name, 0, HEADER.min(size))?;
    // By itself, so that nothing of it has to be moved: it is large.
    let body = take(&*file, name, head.len(), size.saturating_sub(HEADER + TRAILER))?;
    let trailer = take(&*file, name, head.len() + body.len(), size - head.len() - body.len())?;
    Ok(Snapshot { header: check(&head, &body, &trailer, name)?, body })
}

fn take(file: &dyn File, name: &str, at: usize, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    if file.read_at(at as u64, &mut bytes).context("read", name)? < length {
        return Err(short("the file ends early")).context("read", name);
    }
    Ok(bytes)
}

fn check(head: &[u8], body: &[u8], trailer: &[u8], name: &str) -> Result<SnapshotHeader> {
    let sequence = sequence_of(name).unwrap_or(0);
    let damage = |offset: usize, expected: &str, found: String| {
        let (file, expected) = (name.to_owned(), expected.to_owned());
        Error::from(Damage { file, offset: offset as u64, sequence, expected, found })
    };
    let end = head.len() + body.len() + trailer.len();
    let head = head.first_chunk::<HEADER>().filter(|_| trailer.len() == TRAILER);
    let head = head.ok_or_else(|| damage(end, "a whole snapshot", "the end of the file".into()))?;
    if head[..8] != MAGIC {
        return Err(damage(0, "a snapshot", format!("{:02x?}", &head[..8])));
    }
    let hash = blake3::Hasher::new().update(head).update(body).finalize();
    if hash.as_bytes() != trailer {
        return Err(damage(HEADER + body.len(), "the hash of the file's content", "another one".into()));
    }
    let found = u16::from_le_bytes([head[8], head[9]]);
    if found != SNAPSHOT_VERSION {
        return Err(Error::Version { file: name.to_owned(), found, supported: SNAPSHOT_VERSION });
    }
    let header = SnapshotHeader::decode(head);
    if header.mark.sequence >= SEQUENCES {
        return Err(damage(40, "a possible sequence", header.mark.sequence.to_string()));
    }
    if header.name() != name || u64_at(head, 72) as usize != body.len() {
        return Err(damage(40, "the sequence in its name, and its size", header.mark.sequence.to_string()));
    }
    Ok(header)
}
