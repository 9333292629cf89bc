//! The skip list: sequences whose commands broke the engine, chained by hashes, one sector each. Layout in
//! `docs/reference/journal.md`. It is written a few times in a venue's life, so each time anew and whole.

use crate::error::{Context, Damage, Result};
use crate::frame::u64_at;
use crate::segment::{self, short};
use crate::storage::{SECTOR, Storage};
use crate::types::{Hash, LogId};
use agio_planted::{Bug, planted};

const MAGIC: [u8; 4] = *b"AGSK";
/// Name of the file.
pub(crate) const NAME: &str = "skips";
const PART: &str = "skips.part";
const ENTRY: usize = SECTOR as usize;
const REASON: usize = 56;
const HASHED: usize = ENTRY - 32;
/// Version of an entry's layout.
pub const SKIP_VERSION: u16 = 1;

/// One quarantined command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skip {
    /// Its sequence.
    pub sequence: u64,
    /// The log's time there, in microseconds.
    pub time: u64,
    /// Why, for whoever looks into it; cut to what an entry holds.
    pub reason: String,
}

/// Reads and checks the list; empty if there is no file.
///
/// # Errors
/// [`crate::Error::Damaged`], [`crate::Error::Io`].
pub fn read(storage: &dyn Storage, log: LogId) -> Result<Vec<Skip>> {
    let bytes = read_file(storage)?;
    let mut previous = Hash::NONE;
    let mut skips: Vec<Skip> = Vec::new();
    for (index, entry) in bytes.chunks(ENTRY).enumerate() {
        let damage = |expected: &str, found: &str| {
            let (offset, sequence) = ((index * ENTRY) as u64, skips.last().map_or(0, |skip| skip.sequence));
            Damage { file: NAME.to_owned(), offset, sequence, expected: expected.to_owned(), found: found.to_owned() }
        };
        let (skip, hash) =
            decode(&log.key(), previous, entry).map_err(|found| damage("an entry of this log's chain", found))?;
        if skips.last().is_some_and(|last| last.sequence >= skip.sequence) {
            return Err(damage("a higher sequence", "a lower or equal one").into());
        }
        previous = hash;
        skips.push(skip);
    }
    Ok(skips)
}

/// Adds a sequence, durably. One that is there already is left as it is.
///
/// # Errors
/// As [`read`].
pub fn append(storage: &dyn Storage, log: LogId, skip: &Skip) -> Result<()> {
    let mut skips = read(storage, log)?;
    match skips.binary_search_by_key(&skip.sequence, |skip| skip.sequence) {
        Ok(_) => return Ok(()),
        Err(place) => skips.insert(place, skip.clone()),
    }
    let key = log.key();
    let mut bytes = Vec::with_capacity(skips.len() * ENTRY);
    let mut previous = Hash::NONE;
    for skip in &skips {
        let (entry, hash) = encode(&key, previous, skip);
        bytes.extend_from_slice(&entry);
        previous = hash;
    }
    let file = storage.create(PART, 0).context("create", PART)?;
    file.write_at(0, &bytes).context("write", PART)?;
    if !planted(Bug::SkipListUnsynced) {
        file.sync_data().context("sync", PART)?;
    }
    segment::rename(storage, PART, NAME)
}

fn read_file(storage: &dyn Storage) -> Result<Vec<u8>> {
    let file = match storage.open(NAME) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.context("open", NAME)?,
    };
    let mut bytes = vec![0; file.size().context("measure", NAME)? as usize];
    if file.read_at(0, &mut bytes).context("read", NAME)? < bytes.len() {
        return Err(short("the file ends early")).context("read", NAME);
    }
    Ok(bytes)
}

fn encode(key: &[u8; 32], previous: Hash, skip: &Skip) -> ([u8; ENTRY], Hash) {
    let mut entry = [0; ENTRY];
    let reason = cut(&skip.reason);
    entry[..4].copy_from_slice(&MAGIC);
    entry[4..6].copy_from_slice(&SKIP_VERSION.to_le_bytes());
    entry[6..8].copy_from_slice(&(reason.len() as u16).to_le_bytes());
    entry[8..16].copy_from_slice(&skip.sequence.to_le_bytes());
    entry[16..24].copy_from_slice(&skip.time.to_le_bytes());
    entry[24..REASON].copy_from_slice(&previous.0);
    entry[REASON..REASON + reason.len()].copy_from_slice(reason.as_bytes());
    let hash = blake3::keyed_hash(key, &entry[..HASHED]);
    entry[HASHED..].copy_from_slice(hash.as_bytes());
    (entry, Hash(*hash.as_bytes()))
}

/// As much of a text as an entry holds.
fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(HASHED - REASON)).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

fn decode(key: &[u8; 32], previous: Hash, entry: &[u8]) -> std::result::Result<(Skip, Hash), &'static str> {
    let entry: &[u8; ENTRY] = entry.try_into().map_err(|_| "the end of the file")?;
    let hash = blake3::keyed_hash(key, &entry[..HASHED]);
    if hash.as_bytes() != &entry[HASHED..] {
        return Err("one whose hash does not match");
    }
    if entry[..4] != MAGIC || entry[4..6] != SKIP_VERSION.to_le_bytes() {
        return Err("one of another format");
    }
    if entry[24..REASON] != previous.0 {
        return Err("one that follows another entry");
    }
    let length = usize::from(u16::from_le_bytes([entry[6], entry[7]]));
    let reason = entry.get(REASON..REASON + length).ok_or("an impossible length")?;
    let reason = String::from_utf8_lossy(reason).into_owned();
    Ok((Skip { sequence: u64_at(entry, 8), time: u64_at(entry, 16), reason }, Hash(*hash.as_bytes())))
}
