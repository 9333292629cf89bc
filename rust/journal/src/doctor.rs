//! What lies in a folder, as data: cheap, for a running venue as well. [`crate::verify`] is the thorough one.

use crate::error::{Context, Error, Result};
use crate::head;
use crate::segment::{self, PART};
use crate::skips;
use crate::snapshot::{self, SnapshotHeader};
use crate::storage::{Entry, Storage};
use crate::types::LogId;

/// A segment and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// File name.
    pub name: String,
    /// Size of the file.
    pub bytes: u64,
    /// First sequence in it.
    pub first: u64,
    /// Last sequence in it; `None` for the one that is being written.
    pub last: Option<u64>,
    /// What is wrong with its header.
    pub problem: Option<String>,
}

/// A snapshot and what it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// File name.
    pub name: String,
    /// Size of the file.
    pub bytes: u64,
    /// Its header, or what is wrong with the file.
    pub header: std::result::Result<SnapshotHeader, String>,
}

/// A folder's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The log, if there is one and it can be told.
    pub log: Option<LogId>,
    /// Segments in order.
    pub segments: Vec<SegmentInfo>,
    /// Snapshots in order.
    pub snapshots: Vec<SnapshotInfo>,
    /// Number of quarantined sequences, or what is wrong with the list.
    pub skips: std::result::Result<usize, String>,
    /// Unfinished files: the segment that is prepared ahead, or what a crash left; the next start removes them.
    pub unfinished: Vec<Entry>,
    /// Files that are none of the journal's.
    pub strangers: Vec<Entry>,
    /// Bytes in all files.
    pub bytes: u64,
    /// Bytes that can still be allocated.
    pub free: u64,
}

/// Lists a folder. Nothing wrong in it makes this fail: it is told in its place.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read.
pub fn list(storage: &dyn Storage) -> Result<Listing> {
    let entries = storage.list().context("list", "the data folder")?;
    let mut segments: Vec<_> = entries.iter().filter_map(|entry| segment_info(storage, entry)).collect();
    for index in 1..segments.len() {
        segments[index - 1].last = Some(segments[index].first - 1);
    }
    let log =
        segments.iter().rev().find_map(|info| segment::open(storage, &info.name).ok()).map(|(_, header)| header.log);
    let skips =
        log.map_or(Ok(0), |log| skips::read(storage, log).map(|skips| skips.len()).map_err(|error| text(&error)));
    let with = |wanted: fn(&str) -> bool| entries.iter().filter(|entry| wanted(&entry.name)).cloned().collect();
    Ok(Listing {
        log,
        segments,
        snapshots: entries.iter().filter_map(|entry| snapshot_info(storage, entry)).collect(),
        skips,
        unfinished: with(|name| name.ends_with(PART)),
        strangers: with(is_stranger),
        bytes: entries.iter().map(|entry| entry.bytes).sum(),
        free: storage.free_bytes().context("measure", "the data folder")?,
    })
}

fn segment_info(storage: &dyn Storage, entry: &Entry) -> Option<SegmentInfo> {
    let first = segment::sequence_of(&entry.name)?;
    let problem = segment::open(storage, &entry.name).err().map(|error| text(&error));
    Some(SegmentInfo { name: entry.name.clone(), bytes: entry.bytes, first, last: None, problem })
}

fn snapshot_info(storage: &dyn Storage, entry: &Entry) -> Option<SnapshotInfo> {
    snapshot::sequence_of(&entry.name)?;
    let header = snapshot::read(storage, &entry.name).map(|snapshot| snapshot.header).map_err(|error| text(&error));
    Some(SnapshotInfo { name: entry.name.clone(), bytes: entry.bytes, header })
}

fn is_stranger(name: &str) -> bool {
    let known = [head::NAME, skips::NAME].contains(&name) || name.ends_with(PART);
    !known && segment::sequence_of(name).is_none() && snapshot::sequence_of(name).is_none()
}

fn text(error: &Error) -> String {
    error.to_string()
}
