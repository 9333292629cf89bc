//! The bytes at the offsets that docs/reference/journal.md gives. If this fails, a version number must go up.

mod support;

use agio_journal::skips::{self, Skip};
use agio_journal::{Hash, SnapshotHeader, snapshot};
use support::{LOG, fill, fresh, segments};

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn a_hash_is_shown_in_hex() {
    let hash = Hash([0x0A; 32]);
    assert_eq!((hash.to_string(), format!("{hash:?}")), ("0a".repeat(32), "0a".repeat(32)));
}

#[test]
fn segment_header() {
    let disk = fresh();
    let marks = fill(&disk, &[9, 9, 9]);
    let name = segments(&disk)[1].clone();
    let bytes = disk.content(&name).unwrap();
    let first = u64_at(&bytes, 40);
    let before = marks.iter().rfind(|mark| mark.sequence < first).unwrap();
    assert_eq!(&bytes[..10], b"AGIOSEG\0\x01\0");
    assert_eq!((&bytes[16..32], u64_at(&bytes, 32)), (&LOG.identity[..], LOG.epoch));
    assert_eq!((format!("{first:020}.seg"), first), (name, before.sequence + 1));
    assert_eq!((u64_at(&bytes, 48), &bytes[56..88]), (4096, &before.hash.0[..]));
    assert_eq!(&bytes[480..512], blake3::hash(&bytes[..480]).as_bytes());
    assert_eq!(&bytes[512..516], b"AGJF");
}

#[test]
fn head_file() {
    let disk = fresh();
    fill(&disk, &[9, 9, 9]);
    let bytes = disk.content("head").unwrap();
    assert_eq!((bytes.len(), &bytes[..10]), (512, &b"AGIOHEAD\x01\0"[..]));
    assert_eq!((&bytes[16..32], u64_at(&bytes, 32)), (&LOG.identity[..], LOG.epoch));
    assert_eq!(format!("{:020}.seg", u64_at(&bytes, 40)), *segments(&disk).last().unwrap());
    assert_eq!(&bytes[480..], blake3::hash(&bytes[..480]).as_bytes());
}

#[test]
fn snapshot_file() {
    let disk = fresh();
    let mark = fill(&disk, &[2, 3])[1];
    let header = SnapshotHeader { log: LOG, mark, time: 77, state_format: 3, state_hash: Hash([4; 32]) };
    snapshot::write(&disk, &header, b"body", 2).unwrap();
    let bytes = disk.content("00000000000000000005.snap").unwrap();
    assert_eq!(&bytes[..16], b"AGIOSNAP\x01\0\0\0\x03\0\0\0");
    assert_eq!(&bytes[16..32], &LOG.identity);
    let numbers: Vec<_> = (32..80).step_by(8).map(|at| u64_at(&bytes, at)).collect();
    assert_eq!(numbers, [0, 5, 77, mark.position.segment, mark.position.offset, 4]);
    assert_eq!((&bytes[80..112], &bytes[112..144]), (&mark.hash.0[..], &[4; 32][..]));
    assert_eq!(&bytes[160..164], b"body");
    assert_eq!(&bytes[164..], blake3::hash(&bytes[..164]).as_bytes());
}

#[test]
fn skip_list() {
    let disk = fresh();
    for sequence in [5, 9] {
        skips::append(&disk, LOG, &Skip { sequence, time: 70, reason: "why".to_owned() }).unwrap();
    }
    let bytes = disk.content("skips").unwrap();
    let entry = &bytes[512..];
    assert_eq!((bytes.len(), &entry[..8]), (1024, &b"AGSK\x01\0\x03\0"[..]));
    assert_eq!((u64_at(entry, 8), u64_at(entry, 16)), (9, 70));
    assert_eq!((&entry[24..56], &entry[56..60]), (&bytes[480..512], &b"why\0"[..]));
}
