//! Fuzz targets: functions of arbitrary bytes that panic when something is wrong, whoever calls them.
//!
//! `make fuzz` lets libFuzzer call them (`fuzz/`, on nightly Rust); `tests/replay.rs` calls them on stable Rust with
//! seeds, with seeded mutations of the seeds, and with every input that ever found something (`findings/`).

mod exchange;
mod input;
mod layouts;
mod log;
mod market;
mod request;
mod seeds;
mod state;
mod told;

/// One thing to fuzz.
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// What holds for every input, in words.
    pub holds: &'static str,
    /// Panics when it does not.
    pub run: fn(&[u8]),
    /// Inputs to begin with, made anew from the golden files and from seeded numbers.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "commands",
        holds: "a record is refused, or encodes to the bytes it was decoded from",
        run: layouts::commands,
        seeds: seeds::commands,
    },
    Target {
        name: "events",
        holds: "events are refused, or encode to the bytes they were decoded from",
        run: layouts::events,
        seeds: seeds::events,
    },
    Target {
        name: "state",
        holds: "a snapshot is refused, or restores to an audited state with the same bytes that goes on",
        run: state::restore,
        seeds: seeds::states,
    },
    Target {
        name: "log",
        holds: "a damaged folder is refused, or yields what was written: all of it if no more than one bit was flipped",
        run: log::damaged,
        seeds: seeds::numbers,
    },
    Target {
        name: "frames",
        holds: "frames and headers with right checksums and any content are refused or read alike by all readers",
        run: log::forged,
        seeds: seeds::numbers,
    },
    Target {
        name: "exchange",
        holds: "any commands: no panic, the audit passes, the log replays to the same, clients are told JSON",
        run: exchange::commands,
        seeds: seeds::numbers,
    },
    Target {
        name: "market",
        holds: "any messages: the book reports and holds what the naive one does",
        run: market::twins,
        seeds: seeds::numbers,
    },
    Target {
        name: "requests",
        holds: "query, body and pairs read alike; a right signature is let through and no other; decimals come back",
        run: request::parse,
        seeds: seeds::requests,
    },
];

/// A target by its name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Runs one target; for the fuzzers' mains.
///
/// # Panics
/// When something is wrong with the input, and when there is no such target.
pub fn run(name: &str, data: &[u8]) {
    (target(name).expect("a target's name").run)(data);
}
