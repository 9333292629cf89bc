//! Frames: what one group commit writes. Layout in `docs/reference/journal.md`.
//!
//! ```text
//! header 64 | record, record, … | zeros to a multiple of 8 | hash 32
//! ```

use crate::error::{Error, Result};
use crate::types::{Durability, Hash, LogId, SEQUENCES};
use agio_planted::{Bug, planted};

/// First bytes of each frame.
pub(crate) const MAGIC: [u8; 4] = *b"AGJF";
/// Version of the frame layout.
pub const FRAME_VERSION: u8 = 1;
/// Flag: the frame before this one was durable before this one was written, so if this one is there and that one is
/// not, it was lost, not torn.
pub(crate) const AFTER_SYNC: u8 = 1;

pub(crate) const HEADER: usize = 64;
pub(crate) const TRAILER: usize = 32;
pub(crate) const RECORD_HEADER: usize = 8;
/// Frames begin at multiples of this many bytes.
pub(crate) const ALIGN: usize = 8;

const CHECKED: usize = 56;

/// Bytes of a frame around records that take `records` bytes with their headers.
const fn frame_bytes(records: usize) -> usize {
    (HEADER + records).next_multiple_of(ALIGN) + TRAILER
}

/// The records of one group commit. A [`FrameBuilder`] collects them; the writer seals them: checksums, hash and place in
/// the chain are its work, on its own thread. Hand it back to [`FrameBuilder::close`] when written, to use its memory again.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// As long as it ever had to be; what is behind the frame's end is of earlier ones.
    room: Vec<u8>,
    /// End of the last record.
    end: usize,
    first: u64,
    count: u32,
}

impl Frame {
    /// Bytes that it takes in the file.
    pub fn size(&self) -> usize {
        frame_bytes(self.end.max(HEADER) - HEADER)
    }

    /// Sequence of the first record.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Number of records; at least 1.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Sequence of the last record.
    pub fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// Takes the records of the frame that was closed after this one along. Both are unsealed, and together no larger than a
    /// frame may be.
    ///
    /// # Panics
    /// If it is another frame: records would be lost.
    pub fn append(&mut self, later: &Self) {
        assert_eq!(later.first, self.last() + 1, "frames are joined in their order");
        let (records, end) = (&later.room[HEADER..later.end], self.end + later.end - HEADER);
        self.room.resize(self.room.len().max(end + ALIGN + TRAILER), 0);
        self.room[self.end..end].copy_from_slice(records);
        (self.end, self.count) = (end, self.count + later.count);
    }

    /// The bytes as they will be in the file, behind the frame with the hash `previous`. Sealing again changes nothing.
    pub(crate) fn seal(&mut self, seal: &Seal, previous: Hash) -> &[u8] {
        let size = self.size();
        let (end, body) = (self.end, size - TRAILER);
        check_records(&mut self.room[HEADER..end]);
        self.room[end..body].fill(0);
        let header = header(seal.flags, size, self.count, self.first, previous);
        self.room[..HEADER].copy_from_slice(&header);
        let hash = blake3::keyed_hash(&seal.key, &self.room[..body]);
        self.room[body..size].copy_from_slice(hash.as_bytes());
        &self.room[..size]
    }
}

/// What all frames of a log that one process writes have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal {
    key: [u8; 32],
    flags: u8,
}

impl Seal {
    pub(crate) fn of(log: LogId, durability: Durability) -> Self {
        Self { key: log.key(), flags: if durability == Durability::Fdatasync { AFTER_SYNC } else { 0 } }
    }
}

/// The own hash of a whole frame's bytes.
pub(crate) fn hash_of(frame: &[u8]) -> Hash {
    frame.last_chunk().map_or(Hash::NONE, |bytes| Hash(*bytes))
}

/// Collects records into a frame. One thread builds while another seals, writes and syncs what was closed before.
#[derive(Debug)]
pub struct FrameBuilder {
    limit: usize,
    open: Frame,
}

impl FrameBuilder {
    /// `last` is the sequence at whose end the first frame will stand; `limit` is the largest frame in bytes.
    pub(crate) fn new(last: u64, limit: usize) -> Self {
        Self { limit, open: Frame { end: HEADER, first: last + 1, ..Frame::default() } }
    }

    /// Sequence that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.open.first + u64::from(self.open.count)
    }

    /// Whether no record waits.
    pub fn is_empty(&self) -> bool {
        self.open.count == 0
    }

    /// Number of records that wait.
    pub fn count(&self) -> u32 {
        self.open.count
    }

    /// Size of the frame if it were closed now, in bytes.
    pub fn len(&self) -> usize {
        self.open.size()
    }

    /// The largest frame in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Whether a record of `bytes` bytes still fits this frame.
    pub fn fits(&self, bytes: usize) -> bool {
        frame_bytes(self.open.end - HEADER + RECORD_HEADER + bytes) <= self.limit
    }

    /// Adds a record and answers its sequence.
    ///
    /// # Errors
    /// [`Error::FrameFull`]: close first; [`Error::RecordTooLarge`]: it fits no frame. The frame is unchanged.
    pub fn push(&mut self, record: &[u8]) -> Result<u64> {
        self.room(record.len())[..record.len()].copy_from_slice(record);
        self.add(record.len())
    }

    /// Where the next record goes: at least `bytes` bytes, with anything in them. Write it there, then [`Self::add`] it: no
    /// copy.
    #[inline]
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        let start = self.open.end + RECORD_HEADER;
        if self.open.room.len() < start + bytes + ALIGN + TRAILER {
            self.grow(start + bytes + ALIGN + TRAILER);
        }
        &mut self.open.room[start..]
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, least: usize) {
        self.open.room.resize(least.next_power_of_two(), 0);
    }

    /// Adds the record whose `bytes` bytes stand at the front of [`Self::room`], and answers its sequence.
    ///
    /// # Errors
    /// As [`Self::push`].
    #[inline]
    pub fn add(&mut self, bytes: usize) -> Result<u64> {
        if !self.fits(bytes) {
            return Err(self.refuse(bytes));
        }
        let start = self.open.end;
        self.open.room[start..start + 4].copy_from_slice(&(bytes as u32).to_le_bytes());
        self.open.end = start + RECORD_HEADER + bytes;
        self.open.count += 1;
        Ok(self.next_sequence() - 1)
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, bytes: usize) -> Error {
        let limit = self.limit - HEADER - TRAILER - RECORD_HEADER;
        if bytes > limit { Error::RecordTooLarge { bytes, limit } } else { Error::FrameFull }
    }

    /// Closes the frame, for the writer, and begins the next one in the memory of `spare`. `None` if there is no record.
    pub fn close(&mut self, spare: Frame) -> Option<Frame> {
        if self.is_empty() {
            return None;
        }
        let next = Frame { room: spare.room, end: HEADER, first: self.next_sequence(), count: 0 };
        Some(std::mem::replace(&mut self.open, next))
    }
}

fn header(flags: u8, size: usize, count: u32, first: u64, previous: Hash) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = FRAME_VERSION;
    header[5] = flags;
    header[8..12].copy_from_slice(&(size as u32).to_le_bytes());
    header[12..16].copy_from_slice(&count.to_le_bytes());
    header[16..24].copy_from_slice(&first.to_le_bytes());
    header[24..56].copy_from_slice(&previous.0);
    let check = crc32c::crc32c(&header[..CHECKED]);
    header[CHECKED..60].copy_from_slice(&check.to_le_bytes());
    header
}

/// Fills in the checksums of records that have their lengths.
fn check_records(mut records: &mut [u8]) {
    while !records.is_empty() {
        let (record, rest) = records.split_at_mut(RECORD_HEADER + u32_at(records, 0) as usize);
        let check = record_check(record);
        record[4..8].copy_from_slice(&check.to_le_bytes());
        records = rest;
    }
}

/// CRC32C over length and bytes.
fn record_check(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..4]), &record[RECORD_HEADER..])
}

/// A frame's header, read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) flags: u8,
    pub(crate) length: usize,
    pub(crate) count: u32,
    pub(crate) first: u64,
    pub(crate) previous: Hash,
}

/// What is wrong with a frame's bytes, and where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Flaw {
    pub(crate) fn new(at: usize, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { at, expected: expected.into(), found: found.into() }
    }
}

impl Header {
    /// Reads a header; what it says of itself is checked, not where it stands.
    pub(crate) fn read(bytes: &[u8; HEADER]) -> std::result::Result<Self, Flaw> {
        if bytes[..4] != MAGIC {
            return Err(Flaw::new(0, format!("a frame ({MAGIC:02x?})"), format!("{:02x?}", &bytes[..4])));
        }
        let (stored, computed) = (u32_at(bytes, CHECKED), crc32c::crc32c(&bytes[..CHECKED]));
        if stored != computed {
            return Err(Flaw::new(CHECKED, format!("header checksum {computed:08x}"), format!("{stored:08x}")));
        }
        if bytes[4] != FRAME_VERSION {
            return Err(Flaw::new(4, format!("frame version {FRAME_VERSION}"), bytes[4].to_string()));
        }
        let length = u32_at(bytes, 8) as usize;
        let count = u32_at(bytes, 12);
        if !length.is_multiple_of(ALIGN) || length < frame_bytes(RECORD_HEADER) || count == 0 {
            return Err(Flaw::new(8, "a possible frame length", format!("{length} bytes, {count} records")));
        }
        let first = u64_at(bytes, 16);
        if !(1..SEQUENCES).contains(&first) {
            return Err(Flaw::new(16, "a possible first sequence", first.to_string()));
        }
        let previous = Hash(bytes[24..56].try_into().expect("32 bytes"));
        Ok(Self { flags: bytes[5], length, count, first, previous })
    }
}

/// Checks a whole frame: its hash under the log's key, then that its records fill it exactly.
pub(crate) fn check(key: &[u8; 32], header: &Header, frame: &[u8]) -> std::result::Result<(), Flaw> {
    let body = frame.len() - TRAILER;
    let computed = Hash(*blake3::keyed_hash(key, &frame[..body]).as_bytes());
    let stored = hash_of(frame);
    if stored != computed && !planted(Bug::FrameHashUnchecked) {
        return Err(first_bad_record(frame, header.count)
            .unwrap_or_else(|| Flaw::new(body, format!("frame hash {computed}"), stored.to_string())));
    }
    let records = Records::new(frame);
    let (count, end) =
        records.fold((0, HEADER), |(count, end), record| (count + 1, end + RECORD_HEADER + record.len()));
    if count != header.count || end.next_multiple_of(ALIGN) != body {
        let found = format!("{count} records ending at {end}");
        return Err(Flaw::new(end, format!("{} records ending at {body}", header.count), found));
    }
    Ok(())
}

/// The first record whose own checksum fails, to say where a frame is damaged.
fn first_bad_record(frame: &[u8], count: u32) -> Option<Flaw> {
    spans(frame, count).into_iter().find(|span| !span.sound).map(|span| {
        Flaw::new(
            span.start,
            "a record that matches its checksum",
            format!("one that does not ({} bytes)", span.end - span.start),
        )
    })
}

/// A record's place in a frame, and whether its checksum holds.
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) sound: bool,
}

/// The records of a damaged frame as far as their lengths lead. The last one reaches to the end of the body if its
/// length makes no sense.
pub(crate) fn spans(frame: &[u8], count: u32) -> Vec<Span> {
    let body = frame.len() - TRAILER;
    let mut spans = Vec::new();
    let mut start = HEADER;
    for _ in 0..count {
        if start + RECORD_HEADER > body {
            break;
        }
        let end = start + RECORD_HEADER + u32_at(frame, start) as usize;
        let sound = end <= body && u32_at(frame, start + 4) == record_check(&frame[start..end]);
        spans.push(Span { start, end: end.min(body), sound });
        if !sound {
            break;
        }
        start = end;
    }
    spans
}

/// The records of a frame that passed [`check`] (of others: as many as make sense).
#[derive(Clone, Debug)]
pub(crate) struct Records<'a> {
    frame: &'a [u8],
    at: usize,
    left: u32,
}

impl<'a> Records<'a> {
    pub(crate) fn new(frame: &'a [u8]) -> Self {
        Self { frame, at: HEADER, left: u32_at(frame, 12) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let body = self.frame.len() - TRAILER;
        let start = self.at + RECORD_HEADER;
        if self.left == 0 || start > body {
            return None;
        }
        let end = start + u32_at(self.frame, self.at) as usize;
        let record = self.frame[..body].get(start..end)?;
        (self.at, self.left) = (end, self.left - 1);
        Some(record)
    }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests;
