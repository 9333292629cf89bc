//! Every kind of command, as the golden log has it: which market it is about, and as JSON.

use std::collections::BTreeMap;

use agio_engine::commands::{Command, decode_record};
use agio_engine::units::OUTSIDE;

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
