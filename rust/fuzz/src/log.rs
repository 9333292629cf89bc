//! The journal's files: damaged by chance, and forged on purpose.

use std::sync::Arc;

use agio_journal::skips::{self, Skip};
use agio_journal::{
    Durability, Extent, Hash, LogId, Mark, Memory, Options, Reader, Recovery, SnapshotHeader, Storage, create, doctor,
    identify, snapshot, verify,
};

use crate::input::Input;

const LOG: LogId = LogId { identity: [9; 16], epoch: 0 };
const SEGMENT: u64 = 4096;
const HEADER: usize = 64;
const HASH: usize = 32;

fn options() -> Options {
    Options { segment_bytes: SEGMENT, durability: Durability::Fdatasync, snapshots: 2 }
}

fn shared(disk: &Memory) -> Arc<dyn Storage> {
    Arc::new(disk.clone())
}

/// What was written, and how much of it was called durable.
#[derive(Default)]
struct Written {
    records: Vec<Vec<u8>>,
    durable: usize,
}

/// A log is written, the power fails, things happen to the files: what is read is what was written, or nothing is.
pub(crate) fn damaged(data: &[u8]) {
    let mut input = Input::new(data);
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &options()).expect("an empty disk");
    let written = write(&mut input, &disk);
    let power = input.u8() & 3;
    let disk = match power {
        0 => disk,
        1 => disk.killed(),
        _ => disk.crash(input.u64()),
    };
    let mut damages = Vec::new();
    for _ in 0..input.u8() & 3 {
        damages.push(damage(&mut input, &disk));
    }
    look(&disk, &written.records);
    let recovered = recover(&disk, &written.records);
    // One flipped bit is never taken for a write that a power cut tore.
    if power == 0 && damages == [Damage::Flip] {
        assert!(recovered.is_none_or(|whole| whole >= written.durable), "a flipped bit took durable records away");
    }
    if damages.is_empty() {
        let whole = recovered.expect("nothing is wrong with it");
        assert!(whole >= written.durable, "{whole} of {} durable records came back", written.durable);
        let report = verify(&shared(&disk)).expect("a log");
        assert!(report.is_clean() && report.torn.is_none(), "after a recovery: {report:?}");
    }
}

fn write(input: &mut Input<'_>, disk: &Memory) -> Written {
    let mut written = Written::default();
    let mut journal = Recovery::open(shared(disk), &options(), None).and_then(Recovery::finish).expect("a new log");
    for _ in 0..input.u8() & 31 {
        match input.u8() & 7 {
            0..4 => {
                let length = input.below(900);
                let record = vec![input.u8(); length];
                if journal.append(&record).is_ok() {
                    written.records.push(record);
                }
            }
            4 => journal.writer().preparer().prepare().expect("there is room"),
            5 if written.durable > 0 => {
                let mark = journal.writer().durable();
                let header = SnapshotHeader { log: LOG, mark, time: 7, state_format: 1, state_hash: Hash([4; 32]) };
                snapshot::write(disk, &header, input.bytes(64), 2).expect("there is room");
            }
            6 => {
                let skip = Skip { sequence: input.u16().into(), time: 1, reason: "why".to_owned() };
                let _ = skips::append(disk, LOG, &skip);
            }
            _ => {
                let mark = journal.commit().expect("there is room");
                written.durable = mark.sequence as usize;
            }
        }
    }
    written
}

#[derive(PartialEq, Eq)]
enum Damage {
    Flip,
    Other,
}

/// One thing that happens to one file.
fn damage(input: &mut Input<'_>, disk: &Memory) -> Damage {
    let entries = disk.list().expect("a folder");
    if entries.is_empty() {
        return Damage::Other;
    }
    let name = &entries[input.below(entries.len())].name;
    let mut content = disk.content(name).expect("it is listed");
    let at = input.below(content.len());
    match input.u8() & 7 {
        0 | 1 => {
            disk.flip(name, at as u64, input.u8());
            return Damage::Flip;
        }
        2 => disk.put(name, &content[..at]),
        3 => {
            let end = (at + input.below(1024)).min(content.len());
            content[at..end].fill(if input.flag() { 0 } else { input.u8() });
            disk.put(name, &content);
        }
        4 => disk.remove(name).expect("it is listed"),
        5 => {
            let other = &entries[input.below(entries.len())].name;
            disk.put(name, &disk.content(other).expect("it is listed"));
        }
        6 => {
            let (from, length) = (input.below(content.len()), input.below(1024));
            let piece = content[from..].iter().take(length).copied().collect::<Vec<_>>();
            content.splice(at..(at + piece.len()).min(content.len()), piece);
            disk.put(name, &content);
        }
        _ => {
            content.extend_from_slice(input.bytes(64));
            disk.put(name, &content);
        }
    }
    Damage::Other
}

/// Everything that only reads: it answers, and what it yields was written.
fn look(disk: &Memory, records: &[Vec<u8>]) {
    drop(identify(disk));
    drop(doctor::list(disk));
    drop(snapshot::load(disk, u64::MAX));
    drop(skips::read(disk, LOG));
    drop(verify(&shared(disk)));
    // One of several, for each has a megabyte to fill.
    let ways = [(Extent::All, 1), (Extent::Sealed, 1), (Extent::All, 3)];
    let (extent, from) = ways[records.len() % ways.len()];
    let Ok(mut reader) = Reader::open(shared(disk), from, extent) else { return };
    while let Ok(Some(record)) = reader.next_record() {
        let expected = records.get(record.sequence as usize - 1);
        assert_eq!(expected.map(Vec::as_slice), Some(record.bytes), "record {}", record.sequence);
    }
}

/// Recovers with the newest snapshot there is, checks what comes, writes on, and reads it again. How many records there
/// were, or `None` for a refusal.
fn recover(disk: &Memory, records: &[Vec<u8>]) -> Option<usize> {
    let loaded = snapshot::load(disk, u64::MAX).ok()?;
    let header = loaded.snapshot.as_ref().map(|snapshot| &snapshot.header);
    let mut recovery = Recovery::open(shared(disk), &options(), header).ok()?;
    while let Some(record) = recovery.next_record().ok()? {
        let expected = records.get(record.sequence as usize - 1);
        assert_eq!(expected.map(Vec::as_slice), Some(record.bytes), "record {}", record.sequence);
    }
    let mut journal = recovery.finish().ok()?;
    let before = journal.writer().durable().sequence;
    journal.append(b"after").expect("there is room");
    assert_eq!(journal.commit().expect("there is room").sequence, before + 1);
    Some(before as usize)
}

/// Files whose checksums are right, whatever they say: all readers read them alike.
pub(crate) fn forged(data: &[u8]) {
    let mut input = Input::new(data);
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &options()).expect("an empty disk");
    let name = disk.list().expect("a folder").into_iter().find(|entry| entry.name.contains(".seg")).expect("a segment");
    let mut content = disk.content(&name.name).expect("it is listed");
    let (mut at, mut next, mut previous) = (512, 1, [0; HASH]);
    for _ in 0..input.u8() & 7 {
        let frame = frame(&mut input, &mut next, previous);
        let Some(place) = content.get_mut(at..at + frame.len()) else { break };
        place.copy_from_slice(&frame);
        previous.copy_from_slice(&frame[frame.len() - HASH..]);
        at += frame.len();
    }
    if input.seldom() {
        let at = 10 + input.below(400);
        content[at..at + 8].copy_from_slice(&input.u64().to_le_bytes());
        let hash = blake3::hash(&content[..480]);
        content[480..512].copy_from_slice(hash.as_bytes());
    }
    disk.put(&name.name, &content);
    put_snapshot(&mut input, &disk);
    let by_reader = read(&disk);
    look(&disk, &by_reader);
    if Recovery::open(shared(&disk), &options(), None).is_ok() {
        let _ = recover(&disk, &by_reader);
    }
}

/// All that a reader yields before it stops.
fn read(disk: &Memory) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    if let Ok(mut reader) = Reader::open(shared(disk), 1, Extent::All) {
        while let Ok(Some(record)) = reader.next_record() {
            assert_eq!(record.sequence, records.len() as u64 + 1, "sequences are dense");
            records.push(record.bytes.to_vec());
        }
    }
    records
}

/// A frame with a right checksum and a right hash. Its records, its count and its length are mostly right as well.
fn frame(input: &mut Input<'_>, next: &mut u64, previous: [u8; HASH]) -> Vec<u8> {
    let mut frame = vec![0; HEADER];
    let count = 1 + u32::from(input.u8() & 3);
    for _ in 0..count {
        let bytes = vec![input.u8(); input.below(200)];
        let length = if input.seldom() { input.u32() } else { bytes.len() as u32 };
        let check = crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), &bytes);
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&if input.seldom() { 0 } else { check }.to_le_bytes());
        frame.extend_from_slice(&bytes);
    }
    frame.resize(frame.len().next_multiple_of(8), input.u8() & u8::from(input.seldom()));
    let length = if input.seldom() { input.u32() } else { (frame.len() + HASH) as u32 };
    let said = if input.seldom() { input.u32() } else { count };
    let first = if input.seldom() { input.u64() } else { *next };
    frame[..4].copy_from_slice(b"AGJF");
    (frame[4], frame[5]) = (if input.seldom() { input.u8() } else { 1 }, input.u8() & 1);
    frame[8..12].copy_from_slice(&length.to_le_bytes());
    frame[12..16].copy_from_slice(&said.to_le_bytes());
    frame[16..24].copy_from_slice(&first.to_le_bytes());
    frame[24..56].copy_from_slice(&previous);
    let check = crc32c::crc32c(&frame[..56]);
    frame[56..60].copy_from_slice(&check.to_le_bytes());
    let hash = blake3::keyed_hash(&key(), &frame);
    frame.extend_from_slice(hash.as_bytes());
    *next = first.wrapping_add(u64::from(said));
    frame
}

/// As `docs/reference/journal.md` says.
fn key() -> [u8; 32] {
    let mut material = [0; 24];
    material[..16].copy_from_slice(&LOG.identity);
    material[16..].copy_from_slice(&LOG.epoch.to_le_bytes());
    blake3::derive_key("agio journal 2026-11 frame of one log", &material)
}

/// A snapshot file of any content with a right hash.
fn put_snapshot(input: &mut Input<'_>, disk: &Memory) {
    let sequence = input.number(|input| u64::from(input.u8() & 7));
    let mut bytes = vec![0; 160];
    bytes[..10].copy_from_slice(b"AGIOSNAP\x01\0");
    bytes[16..32].copy_from_slice(&LOG.identity);
    bytes[40..48].copy_from_slice(&sequence.to_le_bytes());
    bytes[56..64].copy_from_slice(&1_u64.to_le_bytes());
    bytes[64..72].copy_from_slice(&input.number(|_| 512).to_le_bytes());
    let body = input.bytes(32);
    bytes[72..80].copy_from_slice(&input.number(|_| body.len() as u64).to_le_bytes());
    bytes.extend_from_slice(body);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    disk.put(&format!("{sequence:020}.snap"), &bytes);
}
