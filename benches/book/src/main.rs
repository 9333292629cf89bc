//! The order book, measured: messages a second by single calls and in batches, in five price regimes and two id
//! lifetimes, with no policy and with the exchange's own. Events go to a second thread, and every run's checksum is
//! compared with that of the naive twin.
//!
//! - `agio-book-bench [MESSAGES] [RUNS]` prints the table.
//! - `… latency [MESSAGES]` single operations beside empty ones; `… scale [MESSAGES] [MOST]` large books.
//! - `… one REGIME LIVES MODE MESSAGES RUNS [RESTING DEPTH]`, by numbers and without the twin, to be profiled; and
//!   `… twin` with the same numbers prints the checksum that such a run must come to.
//! - `… write FOLDER MESSAGES` the workloads as files, `… peer FILE …` runs such files as the peers do.

// A benchmark's loop and its sink are one piece of code, as the book's are.
#![allow(clippy::inline_always)]

mod files;
mod ring;
mod runs;
mod tables;
mod venue;
mod workload;

use agio_book::Bare;
use agio_engine::Prevent;

use crate::workload::{Lives, REGIMES, Regime, Spec};

/// The workload of a regime and a lifetime.
pub(crate) fn spec(regime: Regime, lives: Lives, messages: usize) -> Spec {
    let resting = if lives == Lives::Short { 1_000 } else { 100_000 };
    Spec { regime, lives, messages, resting, depth: 1_000, seed: 42 }
}

/// The workload that numbers on the command line name.
fn named(arguments: &[String]) -> Spec {
    let number = |at| number(arguments, at);
    let lives = if number(1) == 0 { Lives::Short } else { Lives::Overlapping };
    let spec = spec(REGIMES[number(0) % 5], lives, number(3));
    if number(5) == 0 { spec } else { Spec { resting: number(5), depth: number(6) as u64, ..spec } }
}

fn number(arguments: &[String], at: usize) -> usize {
    arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn twin(arguments: &[String]) {
    let (filling, messages) = workload::make(&named(arguments));
    println!("{:016x}", runs::run_naive::<Bare>(&filling, &messages).sums.sum);
}

fn one(arguments: &[String]) {
    let (filling, messages) = workload::make(&named(arguments));
    for _ in 0..number(arguments, 4).max(1) {
        let run = runs::run::<Bare>(&filling, &messages, number(arguments, 2) == 1);
        let rate = |seconds: f64| messages.len() as f64 / seconds / 1e6;
        let (wall, busy, sums) = (rate(run.seconds), rate(run.busy), run.sums);
        println!("{wall:.1} M/s, cpu {busy:.1}, {} events, {:016x}", sums.events, sums.sum);
    }
}

fn write(folder: &str, messages: usize) -> std::io::Result<()> {
    for lives in [Lives::Short, Lives::Overlapping] {
        for regime in REGIMES {
            let (filling, timed) = workload::make(&spec(regime, lives, messages));
            let name = format!("{regime:?}-{lives:?}").to_lowercase();
            files::write(&std::path::Path::new(folder).join(name), &filling, &timed)?;
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    match arguments.first().map(String::as_str) {
        Some("latency") => tables::latency(number(1, 2_000_000)),
        Some("scale") => tables::scale(number(1, 2_000_000), number(2, 10_000_000)),
        Some("one") => one(&arguments[1..]),
        Some("twin") => twin(&arguments[1..]),
        Some("write") => write(&arguments[1], number(2, 200_000))?,
        Some("peer") => files::peer(&arguments[1..])?,
        _ => {
            tables::rates::<Bare>(number(0, 2_000_000), number(1, 5).max(1));
            tables::rates::<Prevent>(number(0, 2_000_000), number(1, 5).max(1));
        }
    }
    Ok(())
}
