//! A scripted life of a log is cut short at each of its calls to the disk, in three ways, and what the disk kept is
//! opened again. Always: what was acknowledged is there, once and in order, and what else is there was at least written.

mod support;

use agio_journal::{
    Durability, Error, Fault, Hash, Memory, Options, Recovery, Result, SnapshotHeader, Storage, snapshot,
};
use std::sync::Arc;
use support::{LOG, expected, options, record, recover, shared};

const FAULTS: [Fault; 3] = [Fault::Error, Fault::Half, Fault::Halt];
const SEEDS: u64 = 6;
const FRAMES: [u64; 9] = [1, 3, 1, 7, 2, 12, 1, 4, 9];

/// What the client was told, and what was handed to the disk.
#[derive(Default, Clone, Copy, Debug)]
struct Ledger {
    acknowledged: u64,
    written: u64,
}

/// Two lives with a restart between them; a snapshot in each, the next segment prepared in the second.
fn live(disk: &Memory, ledger: &mut Ledger) -> Result<()> {
    agio_journal::create(disk, LOG, agio_journal::Mark::default(), &options())?;
    run(disk, ledger, false)?;
    run(disk, ledger, true)
}

fn run(disk: &Memory, ledger: &mut Ledger, prepare: bool) -> Result<()> {
    let mut loaded = snapshot::load(disk, u64::MAX)?;
    loaded.refused.pop().map_or(Ok(()), Err)?;
    let header = loaded.snapshot.map(|snapshot| snapshot.header);
    let recovery = Recovery::open(shared(disk), &options(), header.as_ref())?;
    let (mut builder, mut writer) = recovery.finish()?.split();
    let mut spare = agio_journal::Frame::default();
    for (index, size) in FRAMES.iter().enumerate() {
        (0..*size).try_for_each(|_| builder.push(&record(builder.next_sequence())).map(drop))?;
        let mut frame = builder.close(spare).expect("records");
        ledger.written = frame.last();
        writer.write(&mut frame)?;
        ledger.acknowledged = writer.sync()?.sequence;
        spare = frame;
        if index == 4 {
            let mark = writer.durable();
            let header = SnapshotHeader { log: LOG, mark, time: 5, state_format: 1, state_hash: Hash::NONE };
            snapshot::write(disk, &header, &mark.sequence.to_le_bytes(), 2)?;
        }
        if prepare && index == 2 {
            writer.preparer().prepare()?;
        }
    }
    Ok(())
}

/// Opens what is left and compares it with the ledger.
fn check(disk: &Memory, ledger: Ledger, what: &str) {
    if ledger.written == 0 && matches!(agio_journal::identify(disk), Ok(None)) {
        return;
    }
    let (_, records) = recover(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let count = records.len() as u64;
    assert!(count >= ledger.acknowledged, "{what}: {count} records, {ledger:?}");
    assert!(count <= ledger.written, "{what}: {count} records, {ledger:?}");
    assert_eq!(records, expected(count), "{what}");
    let again = recover(disk).unwrap().1;
    assert_eq!(again, records, "{what}: recovered twice");
    check_snapshot(disk, &records, what);
}

fn check_snapshot(disk: &Memory, records: &[Vec<u8>], what: &str) {
    let loaded = snapshot::load(disk, u64::MAX).unwrap();
    assert!(loaded.refused.is_empty(), "{what}: {:?}", loaded.refused);
    let Some(snapshot) = loaded.snapshot else { return };
    let mut recovery = Recovery::open(shared(disk), &options(), Some(&snapshot.header)).unwrap();
    let mut rest = Vec::new();
    while let Some(record) = recovery.next_record().unwrap() {
        rest.push(record.bytes.to_vec());
    }
    assert_eq!(rest, records[snapshot.header.mark.sequence as usize..], "{what}: after the snapshot");
}

fn calls_of_a_life() -> u64 {
    let disk = Memory::simulated();
    live(&disk, &mut Ledger::default()).unwrap();
    disk.calls()
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_acknowledged() {
    for nth in 0..calls_of_a_life() {
        for fault in FAULTS {
            let disk = Memory::simulated();
            disk.fail(nth, fault);
            let mut ledger = Ledger::default();
            assert!(live(&disk, &mut ledger).is_err(), "call {nth} fails and is noticed");
            for seed in 0..SEEDS {
                check(&disk.crash(seed), ledger, &format!("call {nth} {fault:?} seed {seed}"));
            }
            check(&disk.killed(), ledger, &format!("call {nth} {fault:?} killed"));
        }
    }
}

#[test]
fn a_second_power_cut_while_recovering_loses_nothing_either() {
    for nth in (0..calls_of_a_life()).step_by(5) {
        let disk = Memory::simulated();
        disk.fail(nth, Fault::Halt);
        let mut ledger = Ledger::default();
        live(&disk, &mut ledger).unwrap_err();
        for seed in [0, 3] {
            let first = if seed == 0 { disk.killed() } else { disk.crash(seed) };
            interrupt_recovery(&first, ledger, &format!("call {nth} seed {seed}"));
        }
    }
}

/// What an interrupted recovery yielded before it was interrupted must be there afterwards: it could have been seen.
fn interrupt_recovery(disk: &Memory, ledger: Ledger, what: &str) {
    for nth in 0.. {
        let disk = disk.killed();
        disk.fail(nth, Fault::Halt);
        let (seen, outcome) = replay(&disk);
        let floor = Ledger { acknowledged: ledger.acknowledged.max(seen), ..ledger };
        for seed in 0..3 {
            check(&disk.crash(seed), floor, &format!("{what}, recovery call {nth} seed {seed}"));
        }
        if outcome.is_ok() || ledger.written == 0 {
            return;
        }
    }
}

/// How many records a recovery yields, and how it ends.
fn replay(disk: &Memory) -> (u64, Result<()>) {
    let mut seen = 0;
    let outcome = Recovery::open(shared(disk), &options(), None).and_then(|mut recovery| {
        while let Some(record) = recovery.next_record()? {
            seen = record.sequence;
        }
        recovery.finish().map(drop)
    });
    (seen, outcome)
}

#[test]
fn what_recovery_yields_survives_a_power_cut() {
    let disk = support::fresh();
    support::fill(&disk, &[2, 3]);
    let (builder, mut writer) = recover(&disk).unwrap().0.split();
    let mut builder = builder;
    builder.push(&record(6)).unwrap();
    writer.write(&mut builder.close(agio_journal::Frame::default()).unwrap()).unwrap();
    let killed = disk.killed();
    assert_eq!(recover(&killed).unwrap().1, expected(6), "written and not synced: the page cache has it");
    for seed in 0..20 {
        assert_eq!(recover(&killed.crash(seed)).unwrap().1, expected(6), "seen once, there for good");
    }
    let kept: Vec<_> = (0..20).map(|seed| recover(&disk.crash(seed)).unwrap().1.len()).collect();
    assert!(kept.contains(&5) && kept.contains(&6), "without recovery it may be lost: {kept:?}");
}

#[test]
fn torn_frames_do_happen_here_and_are_dropped() {
    let disk = support::fresh();
    support::fill(&disk, &[2]);
    let (mut builder, mut writer) = recover(&disk).unwrap().0.split();
    for sequence in 3..9 {
        builder.push(&record(sequence)).unwrap();
    }
    writer.write(&mut builder.close(agio_journal::Frame::default()).unwrap()).unwrap();
    let mut torn = 0;
    for seed in 0..40 {
        let crashed = disk.crash(seed);
        let recovery = Recovery::open(shared(&crashed), &options(), None).unwrap();
        if let Some(tail) = recovery.torn() {
            assert_eq!(tail.sequence, 3);
            torn += 1;
        }
    }
    assert!(torn > 10, "{torn}");
}

#[test]
fn after_a_failed_write_or_sync_nothing_is_taken() {
    for nth in 0..2 {
        let disk = support::fresh();
        let (mut builder, mut writer) = recover(&disk).unwrap().0.split();
        builder.push(b"one").unwrap();
        let mut frame = builder.close(agio_journal::Frame::default()).unwrap();
        disk.fail(nth, Fault::Error);
        assert!(matches!(writer.commit(&mut frame), Err(Error::Io { .. })));
        let calls = disk.calls();
        assert!(matches!(writer.sync(), Err(Error::Poisoned { .. })));
        assert!(matches!(writer.write(&mut frame), Err(Error::Poisoned { .. })));
        assert_eq!(disk.calls(), calls, "not even tried");
        assert_eq!(writer.durable().sequence, 0);
    }
}

#[test]
fn in_the_page_cache_class_a_killed_process_loses_nothing_and_a_power_cut_only_an_end() {
    let options = Options { durability: Durability::PageCache, ..options() };
    for seed in 0..60 {
        let disk = support::fresh();
        let storage: Arc<dyn Storage> = shared(&disk);
        let mut journal = Recovery::open(Arc::clone(&storage), &options, None).unwrap().finish().unwrap();
        for sequence in 1..=40 {
            journal.append(&record(sequence)).unwrap();
            assert_eq!(journal.commit().unwrap().sequence, sequence);
        }
        assert_eq!(recover(&disk.killed()).unwrap().1, expected(40));
        let left = recover(&disk.crash(seed)).unwrap().1;
        assert_eq!(left, expected(left.len() as u64));
    }
}

#[test]
fn a_full_disk_stops_preparation_and_not_the_log() {
    let disk = support::fresh();
    let (mut builder, mut writer) = recover(&disk).unwrap().0.split();
    let room = writer.room();
    disk.set_free(100);
    assert!(matches!(writer.preparer().prepare(), Err(Error::Io { action: "create", .. })));
    builder.push(b"a cancel").unwrap();
    let mut frame = builder.close(agio_journal::Frame::default()).unwrap();
    assert_eq!(writer.commit(&mut frame).unwrap().sequence, 1);
    assert_eq!(writer.room(), room - frame.size() as u64);
    disk.set_free(1 << 20);
    writer.preparer().prepare().unwrap();
    assert!(writer.room() > room);
}

/// A frame that leaves so many bytes of its segment; the next one begins another, and is cut short at each call.
#[test]
fn at_the_end_of_a_segment_nothing_is_lost_however_much_of_it_is_left() {
    for gap in (0..=128).step_by(8) {
        for fault in FAULTS {
            let mut calls = 0;
            while !cut_behind_a_segment(gap, calls, fault) {
                calls += 1;
            }
            assert!(calls > 10, "{calls} calls to rotate");
        }
    }
}

/// Whether nothing was cut: there are fewer calls.
fn cut_behind_a_segment(gap: usize, nth: u64, fault: Fault) -> bool {
    let what = format!("{gap} bytes left, call {nth} {fault:?}");
    let mut records = vec![vec![1; 4096 - 512 - 104 - gap], vec![2; 3_000], vec![3]];
    let disk = support::fresh();
    let (mut journal, _) = recover(&disk).unwrap();
    journal.append(&records[0]).unwrap();
    journal.commit().unwrap();
    let before = disk.calls();
    disk.fail(nth, fault);
    let done = journal.append(&records[1]).and_then(|_| journal.commit()).is_ok();
    assert!(!done || journal.writer().durable().position.segment == 2, "{what}");
    let whole = disk.calls() - before <= nth;
    let disk = if fault == Fault::Error { disk.killed() } else { disk.crash(nth) };
    let (mut journal, found) = recover(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(found.len() > usize::from(done) && found[..] == records[..found.len()], "{what}: {}", found.len());
    records.drain(found.len()..2);
    journal.append(&[3]).unwrap();
    journal.commit().unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(recover(&disk.crash(nth)).unwrap().1, records, "{what}");
    whole
}
