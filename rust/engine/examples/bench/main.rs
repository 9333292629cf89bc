//! Order commands a second on one core, with everything on: balances, holds, postings, counts, events, audit.
//!
//! `cargo run --release -p agio-engine --example bench [commands] [rounds] [markets] [accounts] [file]`: the snapshot is left in
//! the file. The commands are made beforehand; each round starts from the same state, and its second half is timed: until then, memory is being
//! taken from the system. The checksum proves that every round did the same work. Time is the thread's time on a core
//! (Linux), so that a busy machine does not count; elsewhere it is the clock's.

mod workload;

use std::fs;
use std::time::Instant;

use agio_engine::commands::{Command, Envelope};
use agio_engine::events::Event;
use agio_engine::{Engine, prefetch_whole};

use crate::workload::{SMALL, Scale, venue, workload};

fn main() {
    let number = |nth, default| std::env::args().nth(nth).map_or(default, |text| text.parse().expect("a number"));
    let (count, rounds) = (number(1, 1_000_000), number(2, 5));
    let scale = Scale { markets: number(3, SMALL.markets), accounts: number(4, SMALL.accounts) };
    let log = workload(count, scale);
    println!("Event {} bytes, Command {} bytes", size_of::<Event>(), size_of::<Command>());
    let mut best = f64::MAX;
    for round in 1..=rounds {
        let mut engine = venue(scale);
        let (nanoseconds, story) = run(&mut engine, &log);
        best = best.min(nanoseconds);
        println!("round {round}: {nanoseconds:6.1} ns a command, {story}");
        if round == rounds {
            state(&engine);
        }
    }
    println!("best: {best:.1} ns a command = {:.2} million order commands a second on one core", 1_000.0 / best);
}

/// What the whole state costs: the full audit, a snapshot, and going on from it.
fn state(engine: &Engine) {
    let milliseconds = |begin: Instant| begin.elapsed().as_secs_f64() * 1_000.0;
    let begin = Instant::now();
    engine.audit().expect("the invariants hold");
    let audit = milliseconds(begin);
    let (begin, mut bytes) = (Instant::now(), Vec::new());
    engine.snapshot(&mut bytes);
    let snapshot = milliseconds(begin);
    let begin = Instant::now();
    let restored = Engine::restore(&bytes).expect("it was just taken");
    let restore = milliseconds(begin);
    assert_eq!(restored.hash(), engine.hash(), "a restored state is the same state");
    println!("audit {audit:.0} ms, snapshot {} MB in {snapshot:.0} ms, restored in {restore:.1} ms", bytes.len() >> 20);
    if let Some(file) = std::env::args().nth(5) {
        fs::write(file, &bytes).expect("there is room for a snapshot");
    }
}

/// Applies all commands, looks at each one's events and forgets them. A function of its own, so that its instructions can
/// be counted.
#[inline(never)]
fn run(engine: &mut Engine, log: &[(Envelope, Command)]) -> (f64, String) {
    let mut events = Vec::with_capacity(1_024);
    let mut counts = Counts::default();
    let looks = engine.looks();
    let far = looks.first().map_or(0, |(ahead, _)| ahead + 4);
    let (mut started, mut on_core) = (Instant::now(), time_on_core());
    for (index, (envelope, command)) in log.iter().enumerate() {
        if index == log.len() / 2 {
            (started, on_core) = (Instant::now(), time_on_core());
        }
        if let Some(coming) = log.get(index + far).filter(|_| far > 0) {
            prefetch_whole(coming);
        }
        for &(ahead, look) in looks {
            if let Some((_, coming)) = log.get(index + ahead) {
                engine.warm(coming, look);
            }
        }
        engine.apply(envelope, command, &mut events);
        counts.read(&events);
        events.clear();
    }
    let elapsed = started.elapsed().as_nanos() as u64;
    let spent = on_core.zip(time_on_core()).map_or(elapsed, |(before, after)| after - before);
    let nanoseconds = spent as f64 / log.len().div_ceil(2) as f64;
    engine.audit().expect("the invariants hold");
    let hash = engine.hash();
    let Counts { events, refused, check } = counts;
    let fills: u64 = engine.markets().map(|market| market.next_trade.0).sum();
    let story = format!(
        "{events} events, {fills} fills, {refused} refused, {} open, checksum {check:016x} {:02x}{:02x}",
        engine.open_count(),
        hash[0],
        hash[1]
    );
    (nanoseconds, story)
}

/// Nanoseconds that this thread has run.
fn time_on_core() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

#[derive(Default)]
struct Counts {
    events: usize,
    refused: usize,
    check: u64,
}

impl Counts {
    fn read(&mut self, events: &[Event]) {
        self.events += events.len();
        self.refused += usize::from(matches!(events.first(), Some(Event::Rejected(_))));
        self.check = self.check.wrapping_mul(31).wrapping_add(events.len() as u64);
    }
}
