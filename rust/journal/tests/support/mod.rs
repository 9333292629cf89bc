//! What the journal's tests share: a log in memory, and reading it back.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use agio_journal::{Journal, LogId, Mark, Memory, Options, Recovery, Result, Storage, create};
use std::sync::Arc;

pub const LOG: LogId = LogId { identity: [9; 16], epoch: 0 };

/// Segments so small that a few frames fill one.
pub fn options() -> Options {
    Options { segment_bytes: 4096, ..Options::default() }
}

pub fn shared(disk: &Memory) -> Arc<dyn Storage> {
    Arc::new(disk.clone())
}

pub fn fresh() -> Memory {
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &options()).unwrap();
    disk
}

/// Recovers, and answers the log with all records.
pub fn recover(disk: &Memory) -> Result<(Journal, Vec<Vec<u8>>)> {
    let mut recovery = Recovery::open(shared(disk), &options(), None)?;
    let mut records = Vec::new();
    while let Some(record) = recovery.next_record()? {
        assert_eq!(record.sequence, records.len() as u64 + 1, "sequences are dense");
        records.push(record.bytes.to_vec());
    }
    Ok((recovery.finish()?, records))
}

/// The record at a sequence: its length varies, so that frames lie across sectors in all ways.
pub fn record(sequence: u64) -> Vec<u8> {
    let length = 8 + (sequence as usize * 97) % 400;
    let mut bytes = vec![sequence as u8 | 1; length];
    bytes[..8].copy_from_slice(&sequence.to_le_bytes());
    bytes
}

/// Commits one frame for each of `sizes`, with as many records.
pub fn fill(disk: &Memory, sizes: &[u64]) -> Vec<Mark> {
    let (mut journal, before) = recover(disk).unwrap();
    let mut next = before.len() as u64 + 1;
    let mut marks = Vec::new();
    for size in sizes {
        for sequence in next..next + size {
            assert_eq!(journal.append(&record(sequence)).unwrap(), sequence);
        }
        next += size;
        marks.push(journal.commit().unwrap());
    }
    marks
}

pub fn expected(count: u64) -> Vec<Vec<u8>> {
    (1..=count).map(record).collect()
}

/// Names of the segment files.
pub fn segments(disk: &Memory) -> Vec<String> {
    let entries = disk.list().unwrap();
    entries.into_iter().map(|entry| entry.name).filter(|name| name.strip_suffix(".seg").is_some()).collect()
}
