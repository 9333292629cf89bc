//! Segment files: a header of one sector, then frames, then zeros. Layout in `docs/reference/journal.md`.

use crate::error::{Context, Damage, Error, Result};
use crate::frame::{HEADER, TRAILER, u64_at};
use crate::storage::{Entry, File, SECTOR, Storage};
use crate::types::{Hash, LogId, SEQUENCES};
use agio_planted::{Bug, planted};
use std::io;

const MAGIC: [u8; 8] = *b"AGIOSEG\0";
/// Version of the segment layout.
pub const SEGMENT_VERSION: u16 = 1;
/// Bytes before the first frame.
pub(crate) const START: u64 = SECTOR;
/// Smallest and largest size of a segment file.
pub(crate) const LEAST: u64 = 4096;
pub(crate) const MOST: u64 = 1 << 30;

const SUFFIX: &str = ".seg";
/// Files that are not finished end so; the next start removes them.
pub(crate) const PART: &str = ".part";
/// The segment that is prepared ahead.
pub(crate) const NEXT: &str = "next.part";

const HASHED: usize = SECTOR as usize - 32;

/// What the first sector of a segment says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHeader {
    /// The log that it belongs to.
    pub log: LogId,
    /// Sequence of the first record in it.
    pub first: u64,
    /// Hash of the last frame of the segment before.
    pub previous: Hash,
    /// Size of the file.
    pub bytes: u64,
}

impl SegmentHeader {
    pub(crate) fn name(&self) -> String {
        name_of(self.first)
    }

    pub(crate) fn encode(&self) -> [u8; SECTOR as usize] {
        let mut sector = [0; SECTOR as usize];
        sector[..8].copy_from_slice(&MAGIC);
        sector[8..10].copy_from_slice(&SEGMENT_VERSION.to_le_bytes());
        sector[16..32].copy_from_slice(&self.log.identity);
        sector[32..40].copy_from_slice(&self.log.epoch.to_le_bytes());
        sector[40..48].copy_from_slice(&self.first.to_le_bytes());
        sector[48..56].copy_from_slice(&self.bytes.to_le_bytes());
        sector[56..88].copy_from_slice(&self.previous.0);
        let hash = blake3::hash(&sector[..HASHED]);
        sector[HASHED..].copy_from_slice(hash.as_bytes());
        sector
    }

    fn decode(sector: &[u8; SECTOR as usize], name: &str) -> Result<Self> {
        let damage = |expected: String, found: String| Damage {
            file: name.to_owned(),
            offset: 0,
            sequence: sequence_of(name).unwrap_or(0),
            expected,
            found,
        };
        if sector[..8] != MAGIC {
            return Err(damage("a segment header".into(), format!("{:02x?}", &sector[..8])).into());
        }
        let (computed, stored) = (blake3::hash(&sector[..HASHED]), &sector[HASHED..]);
        if stored != computed.as_bytes() {
            return Err(damage(format!("header hash {computed}"), "another one".into()).into());
        }
        let found = u16::from_le_bytes([sector[8], sector[9]]);
        if found != SEGMENT_VERSION {
            return Err(Error::Version { file: name.to_owned(), found, supported: SEGMENT_VERSION });
        }
        let first = u64_at(sector, 40);
        if !(1..SEQUENCES).contains(&first) {
            return Err(damage("a possible first sequence".into(), first.to_string()).into());
        }
        let identity = sector[16..32].try_into().expect("16 bytes");
        let log = LogId { identity, epoch: u64_at(sector, 32) };
        let previous = Hash(sector[56..88].try_into().expect("32 bytes"));
        Ok(Self { log, first, previous, bytes: u64_at(sector, 48) })
    }
}

/// A segment's file name: sorts as its first sequence does.
pub(crate) fn name_of(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The sequence in a segment's name, if it is one; sequences count from 1.
pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    number(name, SUFFIX).filter(|first| *first > 0)
}

/// The twenty digits before a suffix.
pub(crate) fn number(name: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_suffix(suffix)?;
    (digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// All segments of a folder, in order. A file that ends like one and is not named like one is refused: it may be a copy
/// that somebody made by hand, and the original may be what is missing.
pub(crate) fn list(storage: &dyn Storage) -> Result<Vec<Entry>> {
    let entries = storage.list().context("list", "the data folder")?;
    let segments: Vec<_> = entries.into_iter().filter(|entry| entry.name.ends_with(SUFFIX)).collect();
    match segments.iter().find(|entry| sequence_of(&entry.name).is_none()) {
        None => Ok(segments),
        Some(stranger) => Err(Damage {
            file: stranger.name.clone(),
            offset: 0,
            sequence: 0,
            expected: "a segment's name (20 digits.seg)".into(),
            found: "another name".into(),
        }
        .into()),
    }
}

/// Opens a segment and checks its header against its name and its size.
pub(crate) fn open(storage: &dyn Storage, name: &str) -> Result<(Box<dyn File>, SegmentHeader)> {
    let file = storage.open(name).context("open", name)?;
    let mut sector = [0; SECTOR as usize];
    let read = file.read_at(0, &mut sector).context("read", name)?;
    let size = file.size().context("measure", name)?;
    let sequence = sequence_of(name).unwrap_or(0);
    let damage = |offset, expected, found| Damage { file: name.to_owned(), offset, sequence, expected, found };
    if read < sector.len() {
        return Err(damage(read as u64, format!("a header of {SECTOR} bytes"), "the end of the file".into()).into());
    }
    let header = SegmentHeader::decode(&sector, name)?;
    if header.name() != name {
        return Err(damage(40, format!("first sequence {sequence}"), header.first.to_string()).into());
    }
    if header.bytes != size {
        return Err(damage(
            size.min(header.bytes),
            format!("a file of {} bytes", header.bytes),
            format!("{size} bytes"),
        )
        .into());
    }
    Ok((file, header))
}

/// Writes a header into a prepared file and gives it its name, all of it durable on return.
pub(crate) fn publish(storage: &dyn Storage, file: &dyn File, part: &str, header: &SegmentHeader) -> Result<()> {
    let name = header.name();
    file.write_at(0, &header.encode()).context("write", &name)?;
    if !planted(Bug::UnsyncedHeader) {
        file.sync_data().context("sync", &name)?;
    }
    rename(storage, part, &name)
}

/// Renames durably.
pub(crate) fn rename(storage: &dyn Storage, from: &str, to: &str) -> Result<()> {
    storage.rename(from, to).context("rename", from)?;
    if planted(Bug::SkippedFolderSync) {
        return Ok(());
    }
    storage.sync_dir().context("sync", "the data folder")
}

/// Removes what an earlier process left unfinished.
pub(crate) fn remove_parts(storage: &dyn Storage) -> Result<()> {
    for entry in storage.list().context("list", "the data folder")? {
        if entry.name.ends_with(PART) {
            storage.remove(&entry.name).context("remove", &entry.name)?;
        }
    }
    Ok(())
}

/// Checks a segment size from the options.
pub(crate) fn check_size(bytes: u64) -> Result<()> {
    let (least, most) = (LEAST, MOST);
    if (least..=most).contains(&bytes) && bytes.is_multiple_of(SECTOR) {
        Ok(())
    } else {
        Err(Error::SegmentSize { bytes, least, most })
    }
}

/// The largest frame that a segment of this size takes.
pub(crate) fn frame_limit(segment_bytes: u64) -> usize {
    debug_assert!(segment_bytes >= START + (HEADER + TRAILER) as u64);
    (segment_bytes - START) as usize
}

/// An error for a call that answered without an operating system error.
pub(crate) fn short(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_begins_at_a_sequence_that_something_can_have() {
        for (first, passes) in [(0, false), (1, true), ((1 << 53) - 1, true), (1 << 53, false), (u64::MAX, false)] {
            let log = LogId { identity: [3; 16], epoch: 2 };
            let header = SegmentHeader { log, first, previous: Hash::NONE, bytes: 4_096 };
            assert_eq!(SegmentHeader::decode(&header.encode(), &header.name()).is_ok(), passes, "{first}");
        }
    }
}
