//! Order commands a second on one core, with everything on: balances, holds, postings, counts, events, audit.
//!
//! `cargo run --release -p agio-engine --example bench [commands] [rounds]`. The commands are made beforehand; each round starts
//! from the same state. The checksum proves that every round did the same work. Time is the thread's time on a core
//! (Linux), so that a busy machine does not count; elsewhere it is the clock's.

mod workload;

use std::fs;
use std::time::Instant;

use agio_engine::commands::{Command, Envelope};
use agio_engine::events::Event;
use agio_engine::units::{AccountId, FIRST_CUSTOMER, MarketId, Price, Quantity};
use agio_engine::vocabulary::Side;

use crate::workload::{ACCOUNTS, Dice, envelope, order, venue, workload};

fn main() {
    let number = |nth, default| std::env::args().nth(nth).map_or(default, |text| text.parse().expect("a number"));
    let (count, rounds) = (number(1, 1_000_000), number(2, 5));
    let log = workload(count);
    println!("Event {} bytes, Command {} bytes", size_of::<Event>(), size_of::<Command>());
    let mut best = f64::MAX;
    for round in 1..=rounds {
        let (nanoseconds, story) = run(&log);
        best = best.min(nanoseconds);
        println!("round {round}: {nanoseconds:6.1} ns a command, {story}");
    }
    if rounds > 1 {
        memory();
    }
    println!("best: {best:.1} ns a command = {:.2} million order commands a second on one core", 1_000.0 / best);
}

fn run(log: &[(Envelope, Command)]) -> (f64, String) {
    let mut engine = venue();
    let mut events = Vec::with_capacity(1_024);
    let (mut counts, mut check) = (Counts::default(), 0_u64);
    let (started, on_core) = (Instant::now(), time_on_core());
    for (envelope, command) in log {
        events.clear();
        engine.apply(envelope, command, &mut events);
        check = check.wrapping_mul(31).wrapping_add(events.len() as u64);
        counts.read(&events);
    }
    let elapsed = started.elapsed().as_nanos() as u64;
    let spent = on_core.zip(time_on_core()).map_or(elapsed, |(before, after)| after - before);
    let nanoseconds = spent as f64 / log.len() as f64;
    engine.audit().expect("the invariants hold");
    let hash = engine.hash();
    let Counts { events, fills, refused } = counts;
    let story = format!(
        "{events} events, {fills} fills, {refused} refused, {} open, checksum {check:016x} {:02x}{:02x}",
        engine.open_count(),
        hash[0],
        hash[1]
    );
    (nanoseconds, story)
}

/// What an open order costs in memory: a million of them rest, each with a client id of its own.
fn memory() {
    let resident = || {
        let pages: Option<u64> = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok();
        pages.map(|pages| pages * 4_096)
    };
    let (mut engine, mut dice, mut events) = (venue(), Dice(7), Vec::new());
    let before = resident();
    for number in 0..1_000_000_u64 {
        let account = AccountId(FIRST_CUSTOMER.0 + (number % ACCOUNTS) as u32);
        let mut command = order(&mut dice, account, MarketId(0), Some(6_000_000_000_000));
        if let Command::Place(place) = &mut command {
            (place.side, place.quantity) = (Side::Buy, Quantity(100_000));
            place.price = Price(6_000_000_000_000 - number % 5_000 * 1_000_000);
        }
        events.clear();
        engine.apply(&envelope(engine.sequence().0 + 1), &command, &mut events);
    }
    let each = before.zip(resident()).map_or(0, |(before, after)| (after - before) / engine.open_count() as u64);
    println!("{} open orders, {each} bytes each", engine.open_count());
}

/// Nanoseconds that this thread has run.
fn time_on_core() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

#[derive(Default)]
struct Counts {
    events: usize,
    fills: usize,
    refused: usize,
}

impl Counts {
    fn read(&mut self, events: &[Event]) {
        self.events += events.len();
        for event in events {
            match event {
                Event::Traded(_) => self.fills += 1,
                Event::Rejected(_) => self.refused += 1,
                _ => {}
            }
        }
    }
}
