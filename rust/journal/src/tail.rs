//! Tells a torn tail, which a power cut leaves and nobody was told of, from damage, which may have taken acknowledged
//! records.
//!
//! A torn write leaves each sector whole, new or old, and old means zero here, for segments are zeroed when they are made.
//! So a frame is torn only if a sector's worth of it is missing entirely and all the rest is right. And a frame written
//! with the flag `AFTER_SYNC` proves that the one before it was durable.

use crate::frame::{self, AFTER_SYNC, ALIGN, Flaw, HEADER, Header, MAGIC};
use crate::storage::SECTOR;
use crate::types::Mark;
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
    if let Some((offset, first)) = later_frame(rest, mark, key) {
        let found = format!("{}, and a whole frame at sequence {first} at byte {}", flaw.found, at + offset as u64);
        return Err(Flaw { found, ..flaw });
    }
    if !is_torn(rest, at, mark) {
        let found = format!("{}, with no sector missing, so that no power cut explains it", flaw.found);
        return Err(Flaw { found, ..flaw });
    }
    Ok(rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1))
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

fn is_torn(rest: &[u8], at: u64, mark: Mark) -> bool {
    let extent = HEADER.min(rest.len());
    let missing = missing(&rest[..extent], at);
    if missing.first().is_some_and(|first| first.start == 0) {
        return true;
    }
    match rest.first_chunk::<HEADER>().map(Header::read) {
        None => false,
        Some(Err(_)) => !missing.is_empty(),
        Some(Ok(header)) => {
            header.first == mark.sequence + 1 && header.previous == mark.hash && is_torn_frame(rest, at, &header)
        }
    }
}

/// Whether all that is wrong with the frame lies in sectors that are missing.
fn is_torn_frame(rest: &[u8], at: u64, header: &Header) -> bool {
    let Some(frame) = rest.get(..header.length) else { return false };
    let missing = missing(frame, at);
    let lost = |span: &frame::Span| missing.iter().any(|gap| gap.start < span.end && span.start < gap.end);
    !missing.is_empty() && frame::spans(frame, header.count).iter().all(|span| span.sound || lost(span))
}

/// The parts of a frame, one for each sector that it touches, that are all zero.
fn missing(frame: &[u8], at: u64) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut start = 0;
    while start < frame.len() {
        let to_boundary = (SECTOR - (at + start as u64) % SECTOR) as usize;
        let end = (start + to_boundary).min(frame.len());
        if frame[start..end].iter().all(|byte| *byte == 0) {
            gaps.push(start..end);
        }
        start = end;
    }
    gaps
}
