//! Tells a torn tail, which a power cut leaves and nobody was told of, from damage, which may have taken acknowledged
//! records.
//!
//! A torn write leaves each sector whole, new or old, and old means zero here, for segments are zeroed when they are made.
//! A process that dies may leave the beginning of a write. So a frame is torn only if all that is wrong with it lies in
//! sectors that are missing entirely, or behind the last byte that was written; a flipped bit is neither. And a frame
//! written with the flag `AFTER_SYNC` proves that the one before it was durable.

use crate::frame::{self, AFTER_SYNC, ALIGN, Flaw, HEADER, Header, MAGIC, RECORD_HEADER, TRAILER};
use crate::storage::SECTOR;
use crate::types::Mark;
use agio_planted::{Bug, planted};
use std::ops::Range;

/// What recovery found torn at the end of the log, and dropped: written, but never durable nor acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The last segment.
    pub file: String,
    /// Where the torn frame begins.
    pub offset: u64,
    /// The sequence that its first record would have had.
    pub sequence: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
}

type Verdict<T> = std::result::Result<T, Flaw>;

/// `rest` is all from offset `at` to the end of the last segment, and does not begin with a frame that goes on from
/// `mark`, because of `flaw`. Answers how many bytes a torn write left there, or what proves that it is damage.
pub(crate) fn judge(rest: &[u8], at: u64, mark: Mark, key: &[u8; 32], flaw: Flaw) -> Verdict<u64> {
    if planted(Bug::DamageCalledTorn) {
        return Ok(written(rest) as u64);
    }
    if let Some((offset, first)) = later_frame(rest, mark, key) {
        let found = format!("{}, and a whole frame at sequence {first} at byte {}", flaw.found, at + offset as u64);
        return Err(Flaw { found, ..flaw });
    }
    if !is_torn(rest, at, mark, key) {
        let found = format!("{}, and nothing missing, so that no power cut explains it", flaw.found);
        return Err(Flaw { found, ..flaw });
    }
    Ok(written(rest) as u64)
}

/// The first whole frame behind the beginning that was written after a sync of what stood before it.
fn later_frame(rest: &[u8], mark: Mark, key: &[u8; 32]) -> Option<(usize, u64)> {
    (ALIGN..rest.len()).step_by(ALIGN).filter(|&at| rest[at..].starts_with(&MAGIC)).find_map(|at| {
        let header = Header::read(rest[at..].first_chunk::<HEADER>()?).ok()?;
        let frame = rest.get(at..at + header.length)?;
        let proves = header.flags & AFTER_SYNC != 0 && header.first > mark.sequence;
        (proves && frame::check(key, &header, frame).is_ok()).then_some((at, header.first))
    })
}

fn is_torn(rest: &[u8], at: u64, mark: Mark, key: &[u8; 32]) -> bool {
    if is_zero(&rest[..to_boundary(at).min(rest.len())]) {
        return true;
    }
    match rest.first_chunk::<HEADER>().map(Header::read) {
        None => false,
        Some(Err(_)) => !gaps(rest, HEADER, at).is_empty(),
        Some(Ok(header)) => {
            let follows = header.first == mark.sequence + 1 && header.previous == mark.hash;
            follows && header.length <= rest.len() && is_torn_frame(rest, at, &header, key)
        }
    }
}

/// Whether all that is wrong with the frame lies where bytes are missing.
fn is_torn_frame(rest: &[u8], at: u64, header: &Header, key: &[u8; 32]) -> bool {
    let frame = &rest[..header.length];
    let gaps = gaps(rest, header.length, at);
    let lost = |from: usize, to: usize| gaps.iter().any(|gap| gap.start < to && from < gap.end);
    if let Some(span) = frame::spans(frame, header.count).iter().find(|span| !span.sound) {
        return lost(span.start, span.end.max(span.start + RECORD_HEADER));
    }
    let (body, stored) = frame.split_at(frame.len() - TRAILER);
    let computed = blake3::keyed_hash(key, body);
    let wrong_bits: u32 = stored.iter().zip(computed.as_bytes()).map(|(one, other)| (one ^ other).count_ones()).sum();
    if wrong_bits == 1 {
        return false; // a flip that left a zero at the end is not a cut there
    }
    let mut pairs = stored.iter().zip(computed.as_bytes()).enumerate();
    pairs.all(|(index, (one, other))| one == other || lost(body.len() + index, body.len() + index + 1))
}

/// The parts of a frame of `length` bytes that were not written: of each sector that it touches what is all zero, and
/// what comes after the last byte that is not zero, for the write may also have been cut there.
fn gaps(rest: &[u8], length: usize, at: u64) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut start = 0;
    while start < length {
        let end = (start + to_boundary(at + start as u64)).min(length);
        if is_zero(&rest[start..end]) {
            gaps.push(start..end);
        }
        start = end;
    }
    let written = written(rest);
    if written < length {
        gaps.push(written..length);
    }
    gaps
}

/// Bytes up to the last one that is not zero.
fn written(rest: &[u8]) -> usize {
    rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

/// Bytes from here to the next sector.
fn to_boundary(at: u64) -> usize {
    (SECTOR - at % SECTOR) as usize
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}
