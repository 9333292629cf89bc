//! A log read again: the first records by the thread that applies them, a long rest by another. Nobody can tell where one
//! ends and the other begins.

use std::sync::Arc;

use agio_engine::Engine;
use agio_engine::commands::{Command, Deposit, Envelope, ListAsset, OpenAccount, encode_record};
use agio_engine::units::{AccountId, Amount, AssetId, Micros, Rate, Sequence};
use agio_engine::vocabulary::{OrderLimits, Rights};
use agio_journal::{LogId, Mark, Memory, Options, Recovery, Storage, create, skips};
use agio_runner::{OWN_LANE, StartError, replay};

/// Lengths of logs around the place where another thread takes over, which is behind record 2,048, and far behind it.
const LENGTHS: [u64; 8] = [3, 255, 256, 2_047, 2_048, 2_049, 2_304, 9_000];
/// A deposit of this much breaks the engine.
const POISON: Amount = Amount(666);

fn poison(command: &Command) {
    assert!(!matches!(command, Command::Deposit(deposit) if deposit.amount == POISON), "planted");
}

/// The command at this place of a log; at `poisoned` it is one that breaks the engine.
fn command(sequence: u64, poisoned: u64) -> Command {
    let rights = Rights { trade: true, withdraw: true, deposit: true };
    let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
    match sequence {
        1 => ListAsset { name: "USDT".into(), precision: 8 }.into(),
        2 => OpenAccount { rights, maker: Rate(0), taker: Rate(0), limits }.into(),
        _ => {
            let amount = if sequence == poisoned { POISON } else { Amount(1_000 + u128::from(sequence)) };
            Deposit { account: AccountId(1), asset: AssetId(0), amount }.into()
        }
    }
}

fn envelope(sequence: u64) -> Envelope {
    let (number, deadline) = (sequence, Micros(u64::MAX));
    Envelope { sequence: Sequence(sequence), time: Micros(sequence), lane: OWN_LANE, number, deadline }
}

/// A log of so many commands. The record at `unreadable` is of no kind that there is.
fn log(length: u64, poisoned: u64, unreadable: u64) -> Arc<dyn Storage> {
    let disk: Arc<dyn Storage> = Arc::new(Memory::simulated());
    create(&*disk, LogId { identity: [7; 16], epoch: 0 }, Mark::default(), &options()).unwrap();
    let mut journal = Recovery::open(Arc::clone(&disk), &options(), None).unwrap().finish().unwrap();
    for sequence in 1..=length {
        let mut record = Vec::new();
        encode_record(&envelope(sequence), &command(sequence, poisoned), &mut record);
        if sequence == unreadable {
            record.truncate(40);
            record.extend([255; 8]);
        }
        journal.append(&record).unwrap();
        if sequence % 100 == 0 {
            journal.commit().unwrap();
        }
    }
    journal.commit().unwrap();
    disk
}

fn options() -> Options {
    Options { segment_bytes: 1 << 20, ..Options::default() }
}

/// The state that the log comes to, and the command to skip.
fn read(disk: &Arc<dyn Storage>) -> Result<(Engine, Option<skips::Skip>), StartError> {
    let mut recovery = Recovery::open(Arc::clone(disk), &options(), None)?;
    let mut engine = Engine::new();
    let skip = replay(&mut recovery, &mut engine, &**disk, Some(poison))?;
    Ok((engine, skip))
}

#[test]
fn a_log_of_any_length_comes_to_the_state_of_its_commands() {
    for length in LENGTHS {
        let (mut engine, mut events) = (Engine::new(), Vec::new());
        for sequence in 1..=length {
            engine.apply(&envelope(sequence), &command(sequence, 0), &mut events);
        }
        let (read, skip) = read(&log(length, 0, 0)).unwrap();
        assert_eq!((read.sequence(), read.hash(), skip), (Sequence(length), engine.hash(), None), "{length} commands");
    }
}

#[test]
fn a_last_command_that_breaks_the_engine_is_to_be_skipped_wherever_it_is_read() {
    for length in LENGTHS {
        let (_, skip) = read(&log(length, length, 0)).unwrap();
        let skip = skip.unwrap_or_else(|| panic!("nothing to skip among {length} commands"));
        assert_eq!((skip.sequence, skip.time, skip.reason.as_str()), (length, length - 1, "planted"));
    }
}

#[test]
fn one_that_others_follow_is_refused_wherever_it_is_read() {
    for length in LENGTHS {
        let refused = read(&log(length + 1, length, 0)).err();
        assert!(
            matches!(&refused, Some(StartError::Broken { sequence, .. }) if *sequence == length),
            "{length}: {refused:?}"
        );
    }
}

#[test]
fn what_this_release_cannot_read_is_refused_and_named() {
    for length in LENGTHS {
        let refused = read(&log(length + 300, 0, length)).err();
        assert!(
            matches!(&refused, Some(StartError::Record { sequence, .. }) if *sequence == length),
            "{length}: {refused:?}"
        );
    }
}

#[test]
fn damage_far_behind_is_refused_and_the_thread_that_met_it_ends() {
    let disk = log(9_000, 0, 0);
    let mut recovery = Recovery::open(Arc::clone(&disk), &options(), None).unwrap();
    let file = disk.list().unwrap().into_iter().find(|file| file.name.starts_with('0')).unwrap();
    let file = disk.open(&file.name).unwrap();
    let far = 500_000; // within the last thousand commands
    let mut byte = [0];
    file.read_at(far, &mut byte).unwrap();
    file.write_at(far, &[byte[0] ^ 1]).unwrap();
    let mut engine = Engine::new();
    let refused = replay(&mut recovery, &mut engine, &*disk, None).err();
    assert!(matches!(&refused, Some(StartError::Journal(agio_journal::Error::Damaged(_)))), "{refused:?}");
}
