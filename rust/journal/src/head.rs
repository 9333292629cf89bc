//! The head: a small file that names the log and its newest segment, so that a lost last segment, or the loss of all of
//! them, is noticed. The chain cannot tell: what it ends with looks like an end.
//!
//! It is written after the segment that it names, so it may name an older one than there is, never a newer one.

use crate::error::{Context, Damage, Error, Result};
use crate::frame::u64_at;
use crate::segment;
use crate::storage::{Entry, SECTOR, Storage};
use crate::types::LogId;
use agio_planted::{Bug, planted};
use std::io;

pub(crate) const NAME: &str = "head";
const PART: &str = "head.part";
const MAGIC: [u8; 8] = *b"AGIOHEAD";
const VERSION: u16 = 1;
const HASHED: usize = SECTOR as usize - 32;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) log: LogId,
    /// First sequence of the newest segment.
    pub(crate) segment: u64,
}

/// Writes the head, durably.
pub(crate) fn write(storage: &dyn Storage, head: Head) -> Result<()> {
    if planted(Bug::HeadForgotten) {
        return Ok(());
    }
    let mut sector = [0; SECTOR as usize];
    sector[..8].copy_from_slice(&MAGIC);
    sector[8..10].copy_from_slice(&VERSION.to_le_bytes());
    sector[16..32].copy_from_slice(&head.log.identity);
    sector[32..40].copy_from_slice(&head.log.epoch.to_le_bytes());
    sector[40..48].copy_from_slice(&head.segment.to_le_bytes());
    let hash = blake3::hash(&sector[..HASHED]);
    sector[HASHED..].copy_from_slice(hash.as_bytes());
    let file = storage.create(PART, 0).context("create", PART)?;
    file.write_at(0, &sector).context("write", PART)?;
    file.sync_data().context("sync", PART)?;
    segment::rename(storage, PART, NAME)
}

pub(crate) fn read(storage: &dyn Storage) -> Result<Option<Head>> {
    let file = match storage.open(NAME) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.context("open", NAME)?,
    };
    let mut sector = [0; SECTOR as usize];
    let read = file.read_at(0, &mut sector).context("read", NAME)?;
    let hash = blake3::hash(&sector[..HASHED]);
    if read < sector.len() || sector[..8] != MAGIC || &sector[HASHED..] != hash.as_bytes() {
        let (expected, found) = ("the log's head, 512 bytes with their hash".to_owned(), "something else".to_owned());
        return Err(Damage { file: NAME.to_owned(), offset: 0, sequence: 0, expected, found }.into());
    }
    let found = u16::from_le_bytes([sector[8], sector[9]]);
    if found != VERSION {
        return Err(Error::Version { file: NAME.to_owned(), found, supported: VERSION });
    }
    let identity = sector[16..32].try_into().expect("16 bytes");
    Ok(Some(Head { log: LogId { identity, epoch: u64_at(&sector, 32) }, segment: u64_at(&sector, 40) }))
}

/// Refuses a folder whose newest segment is older than the head says.
pub(crate) fn check(head: Option<Head>, segments: &[Entry]) -> Result<()> {
    let newest = segments.last().and_then(|entry| segment::sequence_of(&entry.name)).unwrap_or(0);
    match head {
        Some(head) if head.segment > newest => Err(Damage {
            file: segment::name_of(head.segment),
            offset: 0,
            sequence: head.segment,
            expected: "the newest segment, as the file head names it".to_owned(),
            found: "no such file".to_owned(),
        }
        .into()),
        _ => Ok(()),
    }
}
