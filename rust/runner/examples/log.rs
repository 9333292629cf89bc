//! Order commands a second: the engine alone, engine and journal on a thread each as in a shard, and a probe that writes
//! and syncs frames of the sizes that the journal has just written. They take turns, so that what else the machine does
//! falls on all.
//!
//! `cargo run --release -p agio-runner --example log -- [folder] [commands] [rounds]`. The engine's time is its thread's on
//! a core and, because a busy machine holds up all alike, by the clock as well; the others are timed by the clock. Last, the log is read back
//! and applied. The hash proves that all did the same work.

#[path = "../../engine/examples/bench/workload.rs"]
#[allow(dead_code, reason = "it is shared with the engine's own bench")]
mod workload;

use std::collections::VecDeque;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use agio_engine::Engine;
use agio_engine::commands::{Command, Envelope, encode_record};
use agio_engine::units::{Micros, Sequence};
use agio_journal::{Disk, Frame, LogId, Mark, Recovery, Storage, Writer, create};
use agio_runner::{Answer, Commit, Group, Load, OWN_LANE, Request, Sequencer, TURN, replay};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Time stands still, so that all runs come to the same state.
const NOW: Micros = Micros(1_700_000_000_000_000);
/// Bytes of a segment for each command: one holds a run, because the runner's housekeeping, which prepares the next, is not
/// here, and not much more, because a replay reads its zeros.
const SEGMENT_SHARE: u64 = 160;
/// What a frame has besides its records, about.
const FRAME_HEAD: u64 = 64;
/// Requests that come in at once.
const INTAKE: usize = 256;
/// A thread that panics ends the bench.
const UNBROKEN: &str = "no thread panicked";
/// Finished orders that the sequencer remembers, as in a shard.
const REMEMBER: usize = 4_096;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let count = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let commands: Vec<Command> =
        workload::workload(count, workload::SMALL).into_iter().map(|(_, command)| command).collect();
    for round in 1..=rounds {
        let folder = tempfile::tempdir_in(&folder)?;
        let (alone, hash) = engine(&commands);
        let shard = with_log(folder.path(), &commands)?;
        let probe = probe(folder.path(), segment(&commands), &sizes(&commands, &shard.groups))?;
        let (replay, replayed) = read_back(folder.path())?;
        if shard.hash != hash || replayed != hash {
            return Err(
                format!("the shard came to {}, a replay to {replayed}, the engine to {hash}", shard.hash).into()
            );
        }
        let rate = |took: Duration| (commands.len() as f64 / took.as_secs_f64()) as u64;
        println!(
            "round {round}: engine {} /s, by the clock {} /s, with log {} /s, of a core {} /s, probe {} /s, {} frames, hash {}, replay {} /s",
            rate(alone.on_core),
            rate(alone.took),
            rate(shard.took),
            rate(shard.on_core),
            rate(probe),
            shard.groups.len(),
            &hash[..8],
            rate(replay)
        );
    }
    Ok(())
}

fn hash_of(engine: &Engine) -> String {
    format!("{:032x}", u128::from_be_bytes(engine.hash()[..16].try_into().unwrap_or_default()))
}

/// The size of a segment that these commands fit in.
fn segment(commands: &[Command]) -> u64 {
    (commands.len() as u64 * SEGMENT_SHARE).next_multiple_of(1 << 20) + (4 << 20)
}

fn envelope(sequence: u64) -> Envelope {
    Envelope { sequence: Sequence(sequence), time: NOW, lane: OWN_LANE, number: sequence, deadline: Micros(u64::MAX) }
}

struct Alone {
    on_core: Duration,
    took: Duration,
}

/// All commands through the engine; what that took.
fn engine(commands: &[Command]) -> (Alone, String) {
    let (mut engine, mut events, mut sequence) = (Engine::new(), Vec::with_capacity(1_024), 0);
    let mut apply = |engine: &mut Engine, command: &Command| {
        sequence += 1;
        events.clear();
        engine.apply(&envelope(sequence), command, &mut events);
    };
    for command in workload::setup(workload::SMALL) {
        apply(&mut engine, &command);
    }
    let (before, begin) = (on_core(), Instant::now());
    for command in commands {
        apply(&mut engine, command);
    }
    let alone = Alone { on_core: on_core().saturating_sub(before), took: begin.elapsed() };
    (alone, hash_of(&engine))
}

/// What this thread has run.
fn on_core() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(told.split(' ').next().and_then(|text| text.parse().ok()).expect("Linux tells it"))
}

struct Logged {
    took: Duration,
    /// What the engine's thread has run of that.
    on_core: Duration,
    /// Commands of each frame.
    groups: Vec<usize>,
    hash: String,
}

/// The same through the two threads of a shard: one sequences, applies and answers, the other seals, writes and syncs. As in
/// the runner, groups are laid out for the disk, which takes all that lie there. What comes in is there already: requests are
/// made on other threads, when there are some.
fn with_log(folder: &Path, commands: &[Command]) -> Outcome<Logged> {
    let disk: Arc<dyn Storage> = Arc::new(Disk::open(folder.join("log"))?);
    let options = agio_journal::Options { segment_bytes: segment(commands), ..agio_journal::Options::default() };
    create(&*disk, LogId { identity: [1; 16], epoch: 0 }, Mark::default(), &options)?;
    let (builder, writer) = Recovery::open(disk, &options, None)?.finish()?.split();
    let (table, (spares, spare)) = (Arc::new(Table::default()), channel());
    let journal = std::thread::spawn({
        let table = Arc::clone(&table);
        move || write(writer, &table, &spares)
    });
    let mut line = Line { sequencer: Sequencer::new(Engine::new(), builder, REMEMBER), table, spare };
    line.run(intakes(&workload::setup(workload::SMALL)))?;
    let (first, intakes) = (line.sequencer.engine().sequence().0, intakes(commands));
    let (before, begin) = (on_core(), Instant::now());
    line.run(intakes)?;
    let on_core = on_core().saturating_sub(before);
    line.table.end();
    let frames = journal.join().map_err(|_| "the journal's thread panicked")??;
    let groups = frames.into_iter().filter(|(sequence, _)| *sequence > first).map(|(_, count)| count).collect();
    Ok(Logged { took: begin.elapsed(), on_core, groups, hash: hash_of(line.sequencer.engine()) })
}

/// The log read back and applied, as at a start.
fn read_back(folder: &Path) -> Outcome<(Duration, String)> {
    let disk: Arc<dyn Storage> = Arc::new(Disk::open(folder.join("log"))?);
    let mut recovery = Recovery::open(Arc::clone(&disk), &agio_journal::Options::default(), None)?;
    let (mut engine, begin) = (Engine::new(), Instant::now());
    replay(&mut recovery, &mut engine, &*disk, None)?;
    Ok((begin.elapsed(), hash_of(&engine)))
}

/// What lies between the two threads, and whether more may come.
#[derive(Default)]
struct Table {
    next: Mutex<(Commit, bool)>,
    changed: Condvar,
}

impl Table {
    fn lay(&self, group: Group, load: Load) -> Option<Frame> {
        let mut next = self.changed.wait_while(self.look(), |(next, _)| !next.takes(load)).expect(UNBROKEN);
        self.changed.notify_one();
        next.0.add(group)
    }

    fn take(&self) -> Option<Commit> {
        let wait = |(next, ended): &mut (Commit, bool)| next.is_empty() && !*ended;
        let mut next = self.changed.wait_while(self.look(), wait).expect(UNBROKEN);
        self.changed.notify_one();
        Some(std::mem::take(&mut next.0)).filter(|commit| !commit.is_empty())
    }

    fn end(&self) {
        self.look().1 = true;
        self.changed.notify_one();
    }

    fn look(&self) -> MutexGuard<'_, (Commit, bool)> {
        self.next.lock().expect(UNBROKEN)
    }
}

/// The engine's side.
struct Line {
    sequencer: Sequencer,
    table: Arc<Table>,
    spare: Receiver<Frame>,
}

impl Line {
    fn run(&mut self, intakes: Vec<VecDeque<Request>>) -> Outcome<()> {
        let mut memory = None;
        for mut queue in intakes {
            while !queue.is_empty() {
                self.sequencer.run(&mut queue, NOW, TURN).map_err(|poisoned| poisoned.message)?;
                let load = self.sequencer.load();
                let spare = memory.take().or_else(|| self.spare.try_recv().ok()).unwrap_or_default();
                memory = self.table.lay(self.sequencer.take(spare), load);
            }
        }
        Ok(())
    }
}

/// The journal's side; answers for each frame its last sequence and the number of its records.
fn write(mut writer: Writer, table: &Table, spares: &Sender<Frame>) -> agio_journal::Result<Vec<(u64, usize)>> {
    let mut frames = Vec::new();
    while let Some(mut commit) = table.take() {
        if let Some(mut frame) = commit.frame.take() {
            writer.commit(&mut frame)?;
            frames.push((frame.last(), frame.count() as usize));
            let _ = spares.send(frame);
        }
    }
    Ok(frames)
}

/// Requests as they come in together.
fn intakes(commands: &[Command]) -> Vec<VecDeque<Request>> {
    commands.chunks(INTAKE).map(|part| part.iter().cloned().map(request).collect()).collect()
}

fn request(command: Command) -> Request {
    let reply = |_: &agio_runner::View<'_>, _: &agio_runner::Outcome<'_>| {
        Some(Answer { token: 0, status: 200, body: Vec::new(), orders: None })
    };
    Request { token: 0, command: Some(command), deadline: Micros(u64::MAX), reply: Box::new(reply) }
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
fn probe(folder: &Path, segment: u64, sizes: &[usize]) -> Outcome<Duration> {
    let disk = Disk::open(folder.join("probe"))?;
    let file = disk.create("probe", segment)?;
    file.sync_data()?;
    let frame = vec![7; sizes.iter().copied().max().unwrap_or_default()];
    let (begin, mut at) = (Instant::now(), 0);
    for size in sizes {
        if at + *size as u64 > segment {
            at = 0;
        }
        file.write_at(at, &frame[..*size])?;
        file.sync_data()?;
        at += *size as u64;
    }
    Ok(begin.elapsed())
}
