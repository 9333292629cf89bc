//! Every kind of command, as the golden log has it: which market it is about, and as JSON.

use std::collections::BTreeMap;

use agio_engine::commands::{Command, Envelope, decode_record, encode_record, encode_record_front};
use agio_engine::units::{Lane, Micros, OUTSIDE, Sequence};
use agio_engine::{Engine, Look};

fn commands() -> Vec<Command> {
    let mut rest: &[u8] = include_bytes!("../../../tests/golden/engine-1.log");
    let mut commands = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (record, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        commands.push(decode_record(record).expect("a record").1);
        rest = after;
    }
    commands
}

#[test]
fn a_command_that_breaks_the_engine_halts_the_market_it_is_about() {
    let mut about = BTreeMap::new();
    for command in commands() {
        about.entry(command.name()).or_insert(command.market().is_some());
    }
    let with_market: Vec<_> = about.into_iter().filter(|(_, about)| *about).map(|(name, _)| name).collect();
    assert_eq!(with_market, ["Cancel", "CancelAll", "Place", "SetFilters", "SetMarketStatus"]);
}

#[test]
fn a_refusal_is_told_to_whom_the_command_is_about() {
    let mut about = BTreeMap::new();
    for command in commands() {
        *about.entry(command.name()).or_insert(false) |= command.account() != OUTSIDE;
    }
    let of_an_account: Vec<_> = about.into_iter().filter(|(_, about)| *about).map(|(name, _)| name).collect();
    let expected =
        ["AddKey", "Cancel", "CancelAll", "Deposit", "Place", "SetCommission", "SetLimits", "SetRights", "Withdraw"];
    assert_eq!(of_an_account, expected);
}

#[test]
fn every_command_comes_back_from_json() {
    for command in commands() {
        let text = serde_json::to_string(&command).expect("JSON");
        assert_eq!(serde_json::from_str::<Command>(&text).expect("a command"), command, "{text}");
    }
}

const ENVELOPE: Envelope =
    Envelope { sequence: Sequence(7), time: Micros(8), lane: Lane(9), number: 10, deadline: Micros(11) };

/// Only what may be of any length cannot be written in place.
#[test]
fn a_record_is_the_same_written_in_place() {
    let mut long = BTreeMap::new();
    for command in commands() {
        let (mut appended, mut room) = (Vec::new(), vec![7; 16_384]);
        encode_record(&ENVELOPE, &command, &mut appended);
        let length = encode_record_front(&ENVELOPE, &command, &mut room);
        long.insert(command.name(), length.is_none());
        assert!(length.is_none_or(|length| room[..length] == appended), "{command:?}");
    }
    let long: Vec<_> = long.into_iter().filter(|(_, long)| *long).map(|(name, _)| name).collect();
    assert_eq!(long, ["ListAsset", "ListMarket", "Remark"]);
}

#[test]
fn looking_ahead_changes_nothing_and_may_look_at_what_is_not_there() {
    let mut engine = Engine::new();
    for (index, command) in commands().iter().enumerate() {
        let before = engine.hash();
        for coming in &commands()[index..] {
            for look in [Look::Far, Look::Middle, Look::Near] {
                engine.warm(coming, look);
            }
        }
        assert_eq!(engine.hash(), before);
        let sequence = Sequence(engine.sequence().0 + 1);
        engine.apply(
            &Envelope { sequence, time: engine.time(), number: 0, deadline: Micros(0), ..ENVELOPE },
            command,
            &mut Vec::new(),
        );
    }
}
