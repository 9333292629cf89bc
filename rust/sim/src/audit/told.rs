//! The events of one command, by kind: the only place that knows how the engine hands them over.

use agio_engine::events::{Aggregated, BalanceChanged, Event, LevelChanged, TopChanged, Traded};
use agio_engine::reasons::Reason;
use agio_engine::vocabulary::Execution;
use rustc_hash::FxHasher;
use std::collections::BTreeMap;
use std::hash::Hasher;

/// The events of one command.
#[derive(Debug, Default)]
pub(crate) struct Told<'a> {
    pub refused: Option<Reason>,
    pub executions: Vec<&'a Execution>,
    pub trades: Vec<&'a Traded>,
    pub aggregates: Vec<&'a Aggregated>,
    pub levels: Vec<&'a LevelChanged>,
    pub tops: Vec<&'a TopChanged>,
    pub balances: Vec<&'a BalanceChanged>,
    /// Sums of postings by (asset, account).
    pub posted: BTreeMap<(u32, u32), i128>,
    /// What is told of accounts, keys, listings and the log.
    pub others: usize,
    pub violation: Option<&'a str>,
    pub count: usize,
}

impl<'a> Told<'a> {
    pub(crate) fn read(events: &'a [Event]) -> Self {
        let mut told = Self { count: events.len(), ..Self::default() };
        for event in events {
            match event {
                Event::Rejected(it) => told.refused = Some(it.reason),
                Event::Executed(it) => told.executions.push(&it.execution),
                Event::Traded(it) => told.trades.push(it),
                Event::Aggregated(it) => told.aggregates.push(it),
                Event::LevelChanged(it) => told.levels.push(it),
                Event::TopChanged(it) => told.tops.push(it),
                Event::BalanceChanged(it) => told.balances.push(it),
                Event::Posted(it) => *told.posted.entry((it.asset.0, it.account.0)).or_default() += it.delta.0,
                Event::Violated(it) => told.violation = Some(&it.invariant),
                _ => told.others += 1,
            }
        }
        told.posted.retain(|_, sum| *sum != 0);
        told
    }
}

/// A number that equal events share.
pub(crate) fn fingerprint(events: &[Event], bytes: &mut Vec<u8>) -> u64 {
    bytes.clear();
    for event in events {
        event.encode(bytes);
    }
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}
