//! A golden journal: segments, a snapshot and a skip list as this release writes them, with every kind of command, and
//! the hashes of what they come to. And one event of each kind, as bytes.
//!
//! Before the first tagged release `UPDATE=1` may regenerate them in a commit that says why; after it never. A release
//! that cannot read them cannot read its customers' logs.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use agio_engine::Engine;
use agio_engine::commands::{Command, Envelope, decode_record, encode_record};
use agio_engine::events::{Event, Violated};
use agio_engine::units::Sequence;
use agio_journal::skips::{self, Skip};
use agio_journal::{
    Durability, Extent, Hash, LogId, Mark, Memory, Options, Reader, Recovery, SnapshotHeader, Storage, create,
    snapshot, verify,
};

const LOG: LogId = LogId { identity: *b"agio golden log1", epoch: 0 };
const OPTIONS: Options = Options { segment_bytes: 16_384, durability: Durability::Fdatasync, snapshots: 2 };
/// How many commands of the engine's golden log, before its last and rare ones.
const COMMANDS: usize = 400;
const RARE: usize = 6;
/// A command that is said to have broken the engine.
const SKIPPED: u64 = 300;
const SNAPSHOT_AFTER: u64 = 200;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The engine's golden log, shortened: its commands, numbered anew.
fn records() -> Vec<(Envelope, Command)> {
    let log = fs::read(folder().join("engine-1.log")).expect("the engine's golden log");
    let (mut rest, mut records) = (log.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (record, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        records.push(decode_record(record).expect("a record"));
        rest = after;
    }
    records.drain(COMMANDS..records.len() - RARE);
    for (number, (envelope, _)) in (1..).zip(&mut records) {
        (envelope.sequence, envelope.number) = (Sequence(number), number);
    }
    records
}

/// What happens to a log, step by step: hashes and kinds.
#[derive(Default)]
struct Story {
    engine: Engine,
    hash: blake3::Hasher,
    commands: BTreeSet<&'static str>,
    samples: Vec<Event>,
    count: u64,
}

impl Story {
    fn apply(&mut self, record: &[u8], skipped: bool) {
        let (envelope, command) = decode_record(record).expect("a record");
        let (mut events, mut bytes) = (Vec::new(), Vec::new());
        if skipped {
            self.engine.quarantine(&envelope, &command, &mut events);
        } else {
            self.engine.apply(&envelope, &command, &mut events);
        }
        self.commands.insert(command.name());
        self.count += 1;
        for event in events {
            event.encode(&mut bytes);
            if self.samples.iter().all(|sample| sample.name() != event.name()) {
                self.samples.push(event);
            }
        }
        self.hash.update(&bytes);
    }

    fn told(&self) -> String {
        let state = blake3::Hash::from_bytes(self.engine.hash());
        format!("commands {}\nevents blake3 {}\nstate blake3 {state}\n", self.count, self.hash.finalize())
    }

    /// One event of each kind; no sound log has a violation.
    fn one_of_each(mut self) -> Vec<Event> {
        self.samples.push(Violated { invariant: "two and two are five".to_owned() }.into());
        self.samples.sort_by_key(|event| Event::LAYOUTS.iter().position(|layout| layout.name == event.name()));
        self.samples
    }
}

/// Writes the journal in frames of one to nine commands, with a snapshot and a skip list.
fn write() -> Memory {
    let disk = Memory::simulated();
    create(&disk, LOG, Mark::default(), &OPTIONS).expect("an empty disk");
    let mut journal = Recovery::open(shared(&disk), &OPTIONS, None).and_then(Recovery::finish).expect("a log");
    skips::append(&disk, LOG, &Skip { sequence: SKIPPED, time: 1, reason: "overflow in holds".to_owned() })
        .expect("room");
    let mut engine = Engine::new();
    let mut events = Vec::new();
    for (number, (envelope, command)) in (1_u64..).zip(records()) {
        let mut record = Vec::new();
        encode_record(&envelope, &command, &mut record);
        journal.append(&record).expect("room");
        engine.apply(&envelope, &command, &mut events);
        if number % 10 == number / 10 % 10 || number == SNAPSHOT_AFTER {
            let mark = journal.commit().expect("room");
            if number == SNAPSHOT_AFTER {
                let (mut body, state_hash) = (Vec::new(), Hash(engine.hash()));
                engine.snapshot(&mut body);
                let header = SnapshotHeader { log: LOG, mark, time: engine.time().0, state_format: 1, state_hash };
                snapshot::write(&disk, &header, &body, 2).expect("room");
            }
        }
    }
    journal.commit().expect("room");
    disk
}

fn shared(disk: &Memory) -> Arc<dyn Storage> {
    Arc::new(disk.clone())
}

/// The golden folder, in memory: reading must not change it.
fn load() -> Memory {
    update();
    let disk = Memory::simulated();
    for entry in fs::read_dir(folder().join("journal-1")).expect("the golden journal") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        disk.put(&name, &fs::read(&path).expect("readable"));
    }
    disk
}

fn read(disk: &Memory) -> Story {
    let skipped = skips::read(disk, LOG).expect("the skip list");
    let mut reader = Reader::open(shared(disk), 1, Extent::All).expect("the journal");
    let mut story = Story::default();
    while let Some(record) = reader.next_record().expect("sound") {
        story.apply(record.bytes, skipped.iter().any(|skip| skip.sequence == record.sequence));
    }
    story
}

/// Once, however many tests begin together.
fn update() {
    static UPDATED: std::sync::Once = std::sync::Once::new();
    if std::env::var_os("UPDATE").is_some() {
        UPDATED.call_once(write_all);
    }
}

fn write_all() {
    let disk = write();
    let target = folder().join("journal-1");
    let _ = fs::remove_dir_all(&target);
    fs::create_dir_all(&target).expect("writable");
    for entry in disk.list().expect("a folder") {
        fs::write(target.join(&entry.name), disk.content(&entry.name).expect("listed")).expect("writable");
    }
    let story = read(&disk);
    fs::write(folder().join("journal-1.txt"), story.told()).expect("writable");
    let mut bytes = Vec::new();
    story.one_of_each().iter().for_each(|event| event.encode(&mut bytes));
    fs::write(folder().join("events-1.bin"), bytes).expect("writable");
}

#[test]
fn the_golden_journal_comes_to_the_same_hashes() {
    let disk = load();
    let report = verify(&shared(&disk)).expect("a log");
    assert!(report.is_clean() && report.segments > 2 && report.snapshots == 1, "{report:?}");
    let story = read(&disk);
    assert_eq!(story.told(), fs::read_to_string(folder().join("journal-1.txt")).expect("the hashes"));
    let missing: Vec<_> = Command::LAYOUTS.iter().filter(|layout| !story.commands.contains(layout.name)).collect();
    assert!(missing.is_empty(), "the golden journal lacks {missing:?}");
}

#[test]
fn from_its_snapshot_it_comes_to_the_same_state() {
    let disk = load();
    let newest = snapshot::load(&disk, u64::MAX).expect("a folder").snapshot.expect("a snapshot");
    let engine = Engine::restore(&newest.body).expect("a state");
    assert_eq!(Hash(engine.hash()), newest.header.state_hash);
    let mut story = Story { engine, ..Story::default() };
    let mut recovery = Recovery::open(shared(&disk), &OPTIONS, Some(&newest.header)).expect("the journal");
    while let Some(record) = recovery.next_record().expect("sound") {
        story.apply(record.bytes, record.sequence == SKIPPED);
    }
    story.engine.audit().expect("the invariants hold");
    assert_eq!(story.engine.hash(), read(&disk).engine.hash());
}

#[test]
fn an_event_of_each_kind_is_read_and_written_as_it_was() {
    update();
    let bytes = fs::read(folder().join("events-1.bin")).expect("the golden events");
    let (mut rest, mut again, mut kinds) = (bytes.as_slice(), Vec::new(), BTreeSet::new());
    while !rest.is_empty() {
        let event = Event::take(&mut rest).expect("an event");
        event.encode(&mut again);
        kinds.insert(event.name());
    }
    assert_eq!(again, bytes);
    let missing: Vec<_> = Event::LAYOUTS.iter().filter(|layout| !kinds.contains(layout.name)).collect();
    assert!(missing.is_empty(), "the golden events lack {missing:?}");
}
