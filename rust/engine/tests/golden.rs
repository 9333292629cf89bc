//! A small log with every kind of command, and the hashes of what it comes to. It is independent of the journal: each
//! record is a `u32` length and the bytes of `encode_record`.
//!
//! Before the first tagged release `UPDATE=1` may regenerate it in a commit that says why; after it never. Then a new
//! behaviour is switched on by an `Activate` command, and an old log comes to the same hashes for ever.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use agio_engine::Engine;
use agio_engine::commands::*;
use agio_engine::events::Event;
use agio_engine::units::*;
use common::random::{Dice, command};
use common::{NO_LIMITS, World};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

/// The log: a venue is set up, then random commands with numbered sources, then what is rare.
fn record() -> Vec<u8> {
    let mut log = Vec::new();
    let mut world = World::new();
    let mut dice = Dice(2_026);
    let mut number = 0;
    let mut write = |world: &mut World, command: Command| {
        let mut envelope = world.envelope();
        number += 1;
        (envelope.lane, envelope.number) = (Lane(1), number);
        world.run_as(&envelope, &command);
        let mut bytes = Vec::new();
        encode_record(&envelope, &command, &mut bytes);
        log.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        log.extend_from_slice(&bytes);
    };
    for command in common::random::setup() {
        write(&mut world, command);
    }
    for _ in 0..1_500 {
        let command = command(&mut dice, &mut world);
        write(&mut world, command);
    }
    let rare: [Command; 6] = [
        Activate { behaviour: 1 }.into(),
        RevokeKey { key: KeyId(2) }.into(),
        SetLimits { account: FIRST_CUSTOMER, limits: NO_LIMITS }.into(),
        Epoch { previous: [9; 32] }.into(),
        RetireLane { retired: Lane(1) }.into(),
        Remark { actor: "ann".into(), reason: "a lost parcel".into(), operation: "admin.deposit".into() }.into(),
    ];
    for command in rare {
        write(&mut world, command);
    }
    log
}

fn records(mut log: &[u8]) -> Vec<(Envelope, Command)> {
    let mut records = Vec::new();
    while let Some((length, rest)) = log.split_first_chunk::<4>() {
        let (record, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        records.push(decode_record(record).expect("a record"));
        log = rest;
    }
    records
}

/// The hashes of state and events, with the figures that a reader can check.
fn story(records: &[(Envelope, Command)]) -> String {
    let mut engine = Engine::new();
    let mut hash = blake3::Hasher::new();
    let (mut events, mut bytes, mut total, mut trades) = (Vec::new(), Vec::new(), 0, 0);
    for (envelope, command) in records {
        events.clear();
        engine.apply(envelope, command, &mut events);
        total += events.len();
        trades += events.iter().filter(|event| matches!(event, Event::Traded(_))).count();
        bytes.clear();
        for event in &events {
            event.encode(&mut bytes);
        }
        hash.update(&bytes);
    }
    engine.audit().expect("the invariants hold");
    let state = blake3::Hash::from_bytes(engine.hash());
    format!(
        "commands {}\nevents {total}\ntrades {trades}\nopen {}\nevents blake3 {}\nstate blake3 {state}\n",
        records.len(),
        engine.open_count(),
        hash.finalize()
    )
}

#[test]
fn the_golden_log_comes_to_the_same_hashes() {
    let (log, hashes) = (folder().join("engine-1.log"), folder().join("engine-1.txt"));
    if std::env::var_os("UPDATE").is_some() {
        let bytes = record();
        fs::write(&hashes, story(&records(&bytes))).expect("writable");
        fs::write(&log, bytes).expect("writable");
    }
    let records = records(&fs::read(log).expect("the log"));
    let kinds: BTreeSet<_> = records.iter().map(|(_, command)| command.name()).collect();
    assert_eq!(kinds.len(), Command::LAYOUTS.len(), "the golden log has only {kinds:?}");
    assert_eq!(story(&records), fs::read_to_string(hashes).expect("the hashes"));
}
