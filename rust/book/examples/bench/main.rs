//! Messages a second with the bare policy, one by one and in batches, in five price regimes and two id lifetimes.
//!
//! Events go to a second thread, and every run's checksum is compared with that of the naive twin.
//! `bench [MESSAGES] [RUNS]` prints the table, `bench latency` single operations, `bench scale` large books,
//! `bench one REGIME LIVES MODE MESSAGES RUNS` runs without the twin, to be profiled.

mod ring;
mod workload;

use std::time::Instant;

use agio_book::{Bare, Book, Done, Message, naive};
use ring::Ring;
use workload::{Lives, REGIMES, Regime, Spec};

const BATCH: usize = 256;

fn spec(regime: Regime, lives: Lives, messages: usize) -> Spec {
    let resting = if lives == Lives::Short { 1_000 } else { 100_000 };
    Spec { regime, lives, messages, resting, depth: 1_000, seed: 42 }
}

macro_rules! apply_one {
    ($book:expr, $message:expr, $ring:expr) => {
        match *$message {
            Message::Place(ref order) => {
                let placed = $book.place(order, |_| (), &mut Bare, $ring);
                $ring.result(placed.map(Done::Placed));
            }
            Message::Cancel { id } => {
                let cancelled = $book.cancel(id, $ring);
                $ring.result(cancelled.map(|(order, ())| Done::Cancelled(order)));
            }
            Message::Reduce { id, left } => {
                let reduced = $book.reduce(id, left, $ring);
                $ring.result(reduced.map(Done::Reduced));
            }
            Message::Replace { id, price, quantity } => {
                let placed = $book.replace(id, price, quantity, &mut Bare, $ring);
                $ring.result(placed.map(|(placed, _)| Done::Placed(placed)));
            }
        }
    };
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
struct Run {
    seconds: f64,
    /// Time on the processor, of the matching thread alone: what the rest of the machine does weighs less on it.
    busy: f64,
    events: u64,
    sum: u64,
}

/// Seconds that this thread has been on a processor, where the system tells.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

#[inline(never)]
fn in_batches(book: &mut Book<Bare>, messages: &[Message], ring: &mut Ring) {
    messages.chunks(BATCH).for_each(|chunk| book.apply_batch(chunk, ring));
}

#[inline(never)]
fn one_by_one(book: &mut Book<Bare>, messages: &[Message], ring: &mut Ring) {
    for message in messages {
        apply_one!(book, message, ring);
    }
}

fn run(filling: &[Message], messages: &[Message], batch: bool) -> Run {
    let mut book = Book::<Bare>::new();
    let mut before = Ring::new();
    book.apply_batch(filling, &mut before);
    before.finish();
    let mut ring = Ring::new();
    let (start, busy) = (Instant::now(), busy());
    if batch {
        in_batches(&mut book, messages, &mut ring);
    } else {
        one_by_one(&mut book, messages, &mut ring);
    }
    let (seconds, busy) = (start.elapsed().as_secs_f64(), self::busy() - busy);
    book.check().expect("the book is sound");
    let (events, sum) = ring.finish();
    Run { seconds, busy, events, sum }
}

fn run_naive(filling: &[Message], messages: &[Message]) -> Run {
    let mut book = naive::Book::<Bare>::new();
    let mut before = Ring::new();
    book.apply_batch(filling, &mut before);
    before.finish();
    let mut ring = Ring::new();
    let (start, busy) = (Instant::now(), busy());
    for message in messages {
        apply_one!(book, message, &mut ring);
    }
    let (seconds, busy) = (start.elapsed().as_secs_f64(), self::busy() - busy);
    let (events, sum) = ring.finish();
    Run { seconds, busy, events, sum }
}

fn table(messages: usize, runs: usize) {
    println!("{messages} messages, median of {runs} runs, million messages a second; bare policy, events to a second");
    println!("thread, which every checksum comes from. cpu: by the matching thread's time on the processor.");
    println!(
        "{:8} {:12} {:>7} {:>7} {:>7} {:>7} {:>7}  checksum",
        "regime", "lives", "single", "cpu", "batch", "cpu", "naive"
    );
    for lives in [Lives::Short, Lives::Overlapping] {
        for regime in REGIMES {
            line(&spec(regime, lives, messages), runs);
        }
    }
}

fn line(spec: &Spec, runs: usize) {
    let (filling, messages) = workload::make(spec);
    let naive = run_naive(&filling, &messages);
    let rate = |seconds: f64| messages.len() as f64 / seconds / 1e6;
    let mut rates = Vec::new();
    for batch in [false, true] {
        let runs: Vec<Run> = (0..runs).map(|_| checked(run(&filling, &messages, batch), naive)).collect();
        rates.push(rate(median(runs.iter().map(|run| run.seconds).collect())));
        rates.push(rate(median(runs.iter().map(|run| run.busy).collect())));
    }
    let (regime, lives, slow) = (format!("{:?}", spec.regime), format!("{:?}", spec.lives), rate(naive.seconds));
    print!("{regime:8} {lives:12} {:7.1} {:7.1} {:7.1} {:7.1}", rates[0], rates[1], rates[2], rates[3]);
    println!(" {slow:7.2}  {:016x} = naive, {} events", naive.sum, naive.events);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn checked(fast: Run, naive: Run) -> Run {
    assert_eq!(
        (fast.events, fast.sum),
        (naive.events, naive.sum),
        "the fast book's events differ from the naive one's"
    );
    fast
}

/// Times each operation, and an empty one beside it.
fn latency(messages: usize) {
    println!("one operation, with the clock's own cost in it; microseconds");
    println!("{:8} {:>8} {:>8} {:>8} {:>9} {:>9}", "regime", "p50", "p99", "p99.9", "p99.99", "worst");
    let mut empty: Vec<u64> = (0..messages).map(|_| time(|| ())).collect();
    row("(empty)", &mut empty);
    for regime in REGIMES {
        let (filling, messages) = workload::make(&spec(regime, Lives::Overlapping, messages));
        let (mut book, mut ring) = (Book::<Bare>::new(), Ring::new());
        book.apply_batch(&filling, &mut ring);
        let mut times: Vec<u64> =
            messages.iter().map(|message| time(|| apply_one!(book, message, &mut ring))).collect();
        row(&format!("{regime:?}"), &mut times);
        ring.finish();
    }
}

fn time(operation: impl FnOnce()) -> u64 {
    let start = Instant::now();
    operation();
    start.elapsed().as_nanos() as u64
}

fn row(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1e3;
    println!("{name:8} {:8.2} {:8.2} {:8.2} {:9.2} {:9.1}", at(0.5), at(0.99), at(0.999), at(0.9999), at(1.0));
}

/// The same mix on books of different sizes; and the worst single insertion while the largest one grows.
fn scale(messages: usize) {
    println!("{:>9} {:>8} {:>7} {:>7} {:>10} {:>12}", "resting", "levels", "single", "batch", "B/order", "worst fill");
    for (resting, depth) in [(1_000, 500), (100_000, 5_000), (1_000_000, 50_000), (10_000_000, 50_000)] {
        let lives = Lives::Overlapping;
        let spec = Spec { regime: Regime::Still, lives, messages, resting, depth, seed: 42 };
        let (filling, messages) = workload::make(&spec);
        let before = resident();
        let (mut book, mut ring) = (Book::<Bare>::new(), Ring::new());
        let worst = filling.iter().map(|message| time(|| apply_one!(book, message, &mut ring))).max();
        let bytes = (resident() - before) as f64 / book.len() as f64;
        let levels = book.levels(agio_book::Side::Buy).count() + book.levels(agio_book::Side::Sell).count();
        let rate = |book: &mut Book<Bare>, ring: &mut Ring, batch: bool| {
            let start = Instant::now();
            if batch {
                messages.chunks(BATCH).for_each(|chunk| book.apply_batch(chunk, ring));
            } else {
                for message in &messages {
                    apply_one!(book, message, ring);
                }
            }
            messages.len() as f64 / start.elapsed().as_secs_f64() / 1e6
        };
        let (single, batch) = (rate(&mut book.clone(), &mut ring, false), rate(&mut book, &mut ring, true));
        let worst = worst.unwrap_or(0) as f64 / 1e6;
        println!("{resting:9} {levels:8} {single:7.1} {batch:7.1} {bytes:10.1} {worst:9.3} ms");
        ring.finish();
    }
}

/// The process's memory in bytes, where the system tells.
fn resident() -> i64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|text| text.parse::<i64>().ok()).unwrap_or(0) * 4096
}

fn one(arguments: &[String]) {
    let number = |at: usize| arguments.get(at).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let lives = if number(1) == 0 { Lives::Short } else { Lives::Overlapping };
    let (filling, messages) = workload::make(&spec(REGIMES[number(0) % 5], lives, number(3)));
    for _ in 0..number(4).max(1) {
        let run = run(&filling, &messages, number(2) == 1);
        let rate = |seconds: f64| messages.len() as f64 / seconds / 1e6;
        println!("{:.1} M/s, cpu {:.1}, {} events, {:016x}", rate(run.seconds), rate(run.busy), run.events, run.sum);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    match arguments.first().map(String::as_str) {
        Some("latency") => latency(number(1, 2_000_000)),
        Some("scale") => scale(number(1, 2_000_000)),
        Some("one") => one(&arguments[1..]),
        _ => table(number(0, 2_000_000), number(1, 5).max(1)),
    }
}
