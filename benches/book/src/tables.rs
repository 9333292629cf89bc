//! What is printed: rates, single operations, large books.

use std::time::Instant;

use agio_book::{Bare, Book, Done, Message, Side};
use rustix::time::{ClockId, clock_gettime};

use crate::ring::Ring;
use crate::runs::{Run, busy, in_batches, one_by_one, run, run_naive};
use crate::venue::Venue;
use crate::workload::{Lives, REGIMES, Regime, Spec};
use crate::{apply_one, spec, workload};

pub(crate) const DIFFERENT: &str = "the fast book's events differ from the naive one's";

/// Rates in all regimes and lifetimes, with a policy.
pub(crate) fn rates<V: Venue>(messages: usize, runs: usize) {
    println!("{messages} messages, median of {runs} runs, million messages a second; events to a second thread, which");
    println!("every checksum comes from. cpu: by the matching thread's time on the processor.");
    println!(
        "{:8} {:12} {:6} {:>7} {:>7} {:>7} {:>7} {:>7}  checksum",
        "regime", "lives", "policy", "single", "cpu", "batch", "cpu", "naive"
    );
    for lives in [Lives::Short, Lives::Overlapping] {
        for regime in REGIMES {
            line::<V>(&spec(regime, lives, messages), runs);
        }
    }
}

fn line<V: Venue>(spec: &Spec, runs: usize) {
    let (filling, messages) = workload::make(spec);
    let naive = run_naive::<V>(&filling, &messages);
    let rate = |seconds: f64| messages.len() as f64 / seconds / 1e6;
    let mut rates = Vec::new();
    for batch in [false, true] {
        let runs: Vec<Run> = (0..runs).map(|_| checked(run::<V>(&filling, &messages, batch), naive)).collect();
        rates.push(rate(median(runs.iter().map(|run| run.seconds).collect())));
        rates.push(rate(median(runs.iter().map(|run| run.busy).collect())));
    }
    let (regime, lives, slow) = (format!("{:?}", spec.regime), format!("{:?}", spec.lives), rate(naive.seconds));
    print!("{regime:8} {lives:12} {:6} {:7.1} {:7.1} {:7.1} {:7.1}", V::NAME, rates[0], rates[1], rates[2], rates[3]);
    println!(" {slow:7.2}  {:016x} = naive, {} events", naive.sums.sum, naive.sums.events);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn checked(fast: Run, naive: Run) -> Run {
    assert_eq!(fast.sums, naive.sums, "{DIFFERENT}");
    fast
}

/// Times each operation, and an empty one beside it.
pub(crate) fn latency(messages: usize) {
    println!("one operation, with the clock's own cost in it; microseconds");
    println!("{:8} {:>8} {:>8} {:>8} {:>9} {:>9}", "regime", "p50", "p99", "p99.9", "p99.99", "worst");
    for regime in REGIMES {
        let mut empty: Vec<u64> = (0..messages).map(|_| time(|| ())).collect();
        row("(empty)", &mut empty);
        let (filling, messages) = workload::make(&spec(regime, Lives::Overlapping, messages));
        let (mut book, mut before) = (Book::<Bare>::new(), Ring::new());
        book.apply_batch(&filling, &mut before);
        before.finish();
        let mut ring = Ring::<Bare>::new();
        let mut times: Vec<u64> =
            messages.iter().map(|message| time(|| apply_one!(Bare, book, 0, message, &mut ring))).collect();
        row(&format!("{regime:?}"), &mut times);
        assert_eq!(ring.finish(), run_naive::<Bare>(&filling, &messages).sums, "{DIFFERENT}");
    }
}

fn time(operation: impl FnOnce()) -> u64 {
    let start = Instant::now();
    operation();
    start.elapsed().as_nanos() as u64
}

/// Nanoseconds that an operation keeps the processor busy: an interruption does not count, a page that the system has
/// to find does.
fn work(operation: impl FnOnce()) -> u64 {
    let start = clock_gettime(ClockId::ThreadCPUTime);
    operation();
    let (end, second) = (clock_gettime(ClockId::ThreadCPUTime), 1_000_000_000);
    ((end.tv_sec - start.tv_sec) * second + end.tv_nsec - start.tv_nsec) as u64
}

fn row(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!("{name:8} {:8.2} {:8.2} {:8.2} {:9.2} {:9.1}", at(0.5), at(0.99), at(0.999), at(0.9999), at(1.0));
}

/// The same mix on books of different sizes; and the longest single insertion while each of them grows. All by the
/// matching thread's time on the processor.
pub(crate) fn scale(messages: usize, most: usize) {
    println!(
        "{:>9} {:>8} {:>7} {:>7} {:>7} {:>10} {:>12}",
        "resting", "levels", "single", "batch", "probe", "B/order", "worst fill"
    );
    let mut told = Vec::new();
    let sizes = [(1_000, 500), (100_000, 5_000), (1_000_000, 50_000), (10_000_000, 50_000)];
    for (resting, depth) in sizes.into_iter().filter(|size| size.0 <= most) {
        let lives = Lives::Overlapping;
        let spec = Spec { regime: Regime::Still, lives, messages, resting, depth, seed: 42 };
        let (filling, messages) = workload::make(&spec);
        let mut ring = Ring::<Bare>::new();
        let before = resident();
        let mut book = Book::<Bare>::new();
        let worst = filling.iter().map(|message| work(|| apply_one!(Bare, book, 0, message, &mut ring))).max();
        let bytes = (resident() - before) as f64 / book.len() as f64;
        let levels = book.levels(Side::Buy).count() + book.levels(Side::Sell).count();
        ring.finish();
        let mut ring = Ring::<Bare>::new();
        let (single, batch) = messages.split_at(messages.len() / 2);
        let rate = |messages: &[Message], run: &mut dyn FnMut()| {
            let before = busy();
            run();
            messages.len() as f64 / (busy() - before) / 1e6
        };
        let single = rate(single, &mut || one_by_one(&mut book, single, &mut ring));
        let batch = rate(batch, &mut || in_batches(&mut book, batch, &mut ring));
        let (worst, probe) = (worst.unwrap_or(0) as f64 / 1e3, probe(book.memory()));
        println!("{resting:9} {levels:8} {single:7.1} {batch:7.1} {probe:7.1} {bytes:10.1} {worst:9.1} us");
        told.push((spec, ring.finish()));
    }
    // Last: memory that the twin has used would be taken for the next book's.
    for (spec, sums) in told {
        let (filling, messages) = workload::make(&spec);
        assert_eq!(sums, run_naive::<Bare>(&filling, &messages).sums, "{DIFFERENT}");
    }
}

/// Million reads a second, all over so much memory, where each depends on the one before it: no book can be faster, one
/// by one, than the reads that it has to wait for.
fn probe(bytes: usize) -> f64 {
    const READS: usize = 2_000_000;
    let lines = vec![[1u64; 8]; (bytes / 64).max(1)];
    let mut random = 1u64;
    let before = busy();
    for _ in 0..READS {
        let line = ((random >> 32) * lines.len() as u64) >> 32;
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(lines[line as usize][0]);
    }
    let spent = busy() - before;
    std::hint::black_box(random);
    READS as f64 / spent / 1e6
}

/// The process's own memory in bytes, without the program's code, where the system tells.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<i64>().ok()).unwrap_or(0) * 1024
}
