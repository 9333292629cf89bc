//! Order commands a second: the engine alone, the whole shard with its log, and a probe that writes and syncs frames of
//! the sizes that the shard has just written. They take turns, so that what else the machine does falls on all.
//!
//! `cargo run --release -p agio-runner --example log -- [folder] [commands] [rounds]`. The engine's time is its thread's on
//! a core; the other two, which wait for the disk, are timed by the clock. The hash proves that all did the same work.

#[path = "../../engine/examples/bench/workload.rs"]
#[allow(dead_code, reason = "it is shared with the engine's own bench")]
mod workload;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agio_engine::Engine;
use agio_engine::commands::{Command, Envelope, encode_record};
use agio_engine::units::{Micros, Sequence};
use agio_journal::{Disk, Storage};
use agio_runner::clock::ManualTime;
use agio_runner::{Answer, Desk, Durability, OWN_LANE, Options, Refusal, Request, Shard};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Time stands still, so that all runs come to the same state.
const NOW: Micros = Micros(1_700_000_000_000_000);
const SEGMENT: u64 = 64 << 20;
/// What a frame has besides its records, about.
const FRAME_HEAD: u64 = 64;
const PAUSE: Duration = Duration::from_micros(20);
/// The question that ends a run.
const LAST: u64 = u64::MAX;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let count = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let commands: Vec<Command> = workload::workload(count).into_iter().map(|(_, command)| command).collect();
    for round in 1..=rounds {
        let folder = tempfile::tempdir_in(&folder)?;
        let (alone, hash) = engine(&commands);
        let shard = with_log(folder.path(), &commands)?;
        let probe = probe(folder.path(), &sizes(&commands, &shard.groups))?;
        if shard.hash != hash {
            return Err(format!("the shard came to {}, the engine to {hash}", shard.hash).into());
        }
        let rate = |took: Duration| (commands.len() as f64 / took.as_secs_f64()) as u64;
        println!(
            "round {round}: engine {} /s, with log {} /s, probe {} /s, {} frames, hash {}",
            rate(alone),
            rate(shard.took),
            rate(probe),
            shard.groups.len(),
            &hash[..8]
        );
    }
    Ok(())
}

fn hash_of(engine: &Engine) -> String {
    format!("{:032x}", u128::from_be_bytes(engine.hash()[..16].try_into().unwrap_or_default()))
}

fn envelope(sequence: u64) -> Envelope {
    Envelope { sequence: Sequence(sequence), time: NOW, lane: OWN_LANE, number: sequence, deadline: Micros(u64::MAX) }
}

/// All commands through the engine; what that took of a core.
fn engine(commands: &[Command]) -> (Duration, String) {
    let (mut engine, mut events, mut sequence) = (Engine::new(), Vec::with_capacity(1_024), 0);
    let mut apply = |engine: &mut Engine, command: &Command| {
        sequence += 1;
        events.clear();
        engine.apply(&envelope(sequence), command, &mut events);
    };
    for command in workload::setup() {
        apply(&mut engine, &command);
    }
    let before = on_core();
    for command in commands {
        apply(&mut engine, command);
    }
    (on_core().saturating_sub(before), hash_of(&engine))
}

/// What this thread has run.
fn on_core() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|text| text.parse().ok()).expect("Linux tells it"))
}

struct Logged {
    took: Duration,
    /// Commands of each frame.
    groups: Vec<usize>,
    hash: String,
}

/// The same through a shard: sequenced, applied, written, synced, published.
fn with_log(folder: &Path, commands: &[Command]) -> Outcome<Logged> {
    let options = Options {
        folder: folder.join("log"),
        durability: Durability::Fdatasync,
        segment_bytes: SEGMENT,
        follow_forward: false,
        least_free_bytes: 0,
        remember: 20_000,
        manual_time: Some(ManualTime::at(NOW)),
    };
    let mut shard = Shard::open(&options)?;
    let mut client = Client { desk: Arc::clone(shard.desk()), groups: Vec::new(), hash: None };
    for command in workload::setup() {
        client.submit(0, Some(&command));
    }
    client.finish();
    client.groups.clear();
    let begin = Instant::now();
    for command in commands {
        client.submit(0, Some(command));
    }
    let hash = client.finish();
    let took = begin.elapsed();
    shard.stop()?;
    client.groups.retain(|size| *size > 0);
    Ok(Logged { took, groups: client.groups, hash })
}

/// Asks, and takes what comes out, as event loop and projector do.
struct Client {
    desk: Arc<Desk>,
    groups: Vec<usize>,
    hash: Option<String>,
}

impl Client {
    fn submit(&mut self, token: u64, command: Option<&Command>) {
        while let Err(refusal) = self.desk.submit(request(token, command.cloned())) {
            assert_eq!(refusal, Refusal::Busy, "nothing else stands in the way");
            self.take();
            std::thread::sleep(PAUSE);
        }
    }

    fn take(&mut self) {
        for published in self.desk.outbox.take() {
            self.groups.push(published.batch.marks.len());
            for answer in published.answers.into_iter().filter(|answer| answer.token == LAST) {
                self.hash = String::from_utf8(answer.body).ok();
            }
        }
        while self.desk.backlog.take(16_000, Duration::ZERO).is_some_and(|batches| !batches.is_empty()) {}
    }

    /// Waits until all is durable; the hash of the state then.
    fn finish(&mut self) -> String {
        self.submit(LAST, None);
        loop {
            self.take();
            match self.hash.take() {
                Some(hash) => return hash,
                None => std::thread::sleep(PAUSE),
            }
        }
    }
}

fn request(token: u64, command: Option<Command>) -> Request {
    let reply = move |view: &agio_runner::View<'_>, _: &[_]| {
        let body = if token == LAST { hash_of(view.engine).into_bytes() } else { Vec::new() };
        Answer { token, status: 200, body, orders: None }
    };
    Request { token, command, deadline: Micros(u64::MAX), reply: Box::new(reply) }
}

/// The bytes of each frame.
fn sizes(commands: &[Command], groups: &[usize]) -> Vec<usize> {
    let mut rest = commands;
    let mut record = Vec::new();
    let mut size_of = |command: &Command| {
        record.clear();
        encode_record(&envelope(1), command, &mut record);
        record.len() + 8
    };
    let mut take = |count: usize| {
        let (group, left) = rest.split_at(count);
        rest = left;
        group.iter().map(&mut size_of).sum::<usize>() + FRAME_HEAD as usize
    };
    groups.iter().map(|count| take(*count)).collect()
}

/// Writes and syncs frames of these sizes, one after the other, in a file of the journal's kind.
fn probe(folder: &Path, sizes: &[usize]) -> Outcome<Duration> {
    let disk = Disk::open(folder.join("probe"))?;
    let file = disk.create("probe", SEGMENT)?;
    file.sync_data()?;
    let frame = vec![7; sizes.iter().copied().max().unwrap_or_default()];
    let (begin, mut at) = (Instant::now(), 0);
    for size in sizes {
        if at + *size as u64 > SEGMENT {
            at = 0;
        }
        file.write_at(at, &frame[..*size])?;
        file.sync_data()?;
        at += *size as u64;
    }
    Ok(begin.elapsed())
}
