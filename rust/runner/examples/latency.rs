//! How long an acknowledgement takes: a shard that a thread feeds at half of its peak, whoever waits or not, and beside it a
//! probe that writes and syncs frames of the same sizes at the same moments.
//!
//! `cargo run --release -p agio-runner --example latency -- [folder] [commands] [rounds]`. The first half of the commands
//! finds the peak, the second is asked at half of it. A request's time begins when it is put, and ends when its answer has
//! been taken out of the outbox. What the disk took for its frame, write and sync, is measured under the journal.

#[path = "../../engine/examples/bench/workload.rs"]
#[allow(dead_code, reason = "it is shared with the engine's own bench")]
mod workload;

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agio_engine::commands::Command;
use agio_engine::units::Micros;
use agio_journal::{Disk, Durability, Entry, File, Storage};
use agio_runner::{Answer, Desk, Options, Request, Shard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One segment holds a run: rotation has a bench of its own.
const SEGMENT: u64 = 256 << 20;
/// How long the feeder sleeps at the least: what has become due by then is put at once.
const NAP: Duration = Duration::from_micros(50);
/// Requests under way with which the peak is looked for.
const PRESSURE: usize = 8_192;
/// Nothing takes longer.
const PATIENCE: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let count = arguments.next().map_or(Ok(400_000), |text| text.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let commands: Vec<Command> =
        workload::workload(count, workload::SMALL).into_iter().map(|(_, command)| command).collect();
    for round in 1..=rounds {
        let folder = tempfile::tempdir_in(&folder)?;
        let shown = measure(folder.path(), &commands)?;
        println!("round {round}: {shown}");
    }
    Ok(())
}

fn measure(folder: &Path, commands: &[Command]) -> Outcome<String> {
    let syncs = Syncs::default();
    let storage = Arc::new(Timed { disk: Disk::open(folder.join("log"))?, syncs: Arc::clone(&syncs) });
    let (mut shard, ()) = Shard::open_on(storage, &options(), |_| ())?;
    let desk = shard.desk();
    run(desk, requests(&workload::setup(workload::SMALL)), None)?;
    let (first, second) = commands.split_at(commands.len() / 2);
    let peak = first.len() as f64 / run(desk, requests(first), None)?.took.as_secs_f64();
    syncs.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let asked = run(desk, requests(second), Some(peak / 2.0))?;
    let frames = std::mem::take(&mut *syncs.lock().unwrap_or_else(PoisonError::into_inner));
    shard.stop()?;
    let probe = probe(folder, &frames)?;
    let over = asked.over(&frames)?;
    Ok(format!(
        "peak {peak:.0} /s, asked {:.0} /s, acknowledged in {}, over its sync {}, probe {}, {} frames",
        second.len() as f64 / asked.took.as_secs_f64(),
        quantiles(asked.latencies()),
        quantiles(over),
        quantiles(probe),
        frames.len(),
    ))
}

fn options() -> Options {
    Options {
        folder: std::path::PathBuf::new(),
        durability: Durability::Fdatasync,
        segment_bytes: SEGMENT,
        follow_forward: true,
        least_free_bytes: 0,
        remember: 4_096,
        manual_time: None,
        tripwire: None,
    }
}

/// The half and the ninety-nine hundredths.
fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0, Duration::as_micros);
    format!("{} / {} us", at(0.5), at(0.99))
}

fn requests(commands: &[Command]) -> Vec<Request> {
    let request = |(token, command): (usize, &Command)| {
        let token = token as u64;
        let reply = move |_: &agio_runner::View<'_>, _: &agio_runner::Outcome<'_>| Answer {
            token,
            status: 200,
            body: vec![],
            orders: None,
        };
        Request { token, command: Some(command.clone()), deadline: Micros(u64::MAX), reply: Box::new(reply) }
    };
    commands.iter().enumerate().map(request).collect()
}

/// What came of requests.
struct Asked {
    put: Vec<Instant>,
    /// When a group's answers were there, and whose they were.
    groups: Vec<(Instant, Vec<u64>)>,
    took: Duration,
}

impl Asked {
    fn latencies(&self) -> Vec<Duration> {
        self.each(|_, latency| latency)
    }

    /// What each took besides its frame's write and sync.
    fn over(&self, frames: &[Sync]) -> Outcome<Vec<Duration>> {
        if frames.len() != self.groups.len() {
            return Err(format!("{} syncs for {} groups", frames.len(), self.groups.len()).into());
        }
        Ok(self.each(|group, latency| latency.saturating_sub(frames[group].took)))
    }

    fn each(&self, of: impl Fn(usize, Duration) -> Duration) -> Vec<Duration> {
        let groups = self.groups.iter().enumerate();
        let all = groups.flat_map(|(group, (at, tokens))| tokens.iter().map(move |token| (group, *at, *token)));
        all.map(|(group, at, token)| of(group, at - self.put[token as usize])).collect()
    }
}

/// Puts all requests, at this many a second or as fast as they are taken, and waits for their answers.
fn run(desk: &Arc<Desk>, requests: Vec<Request>, rate: Option<f64>) -> Outcome<Asked> {
    let (count, begin) = (requests.len(), Instant::now());
    let feeder = std::thread::spawn({
        let desk = Arc::clone(desk);
        move || feed(&desk, requests, rate)
    });
    let (mut groups, mut answered) = (Vec::new(), 0);
    while answered < count {
        poll(&mut [PollFd::new(&desk.outbox, PollFlags::IN)], Some(&PATIENCE))?;
        let (published, now) = (desk.outbox.take(), Instant::now());
        for group in published {
            answered += group.answers.len();
            groups.push((now, group.answers.iter().map(|answer| answer.token).collect()));
        }
        desk.backlog.take(usize::MAX, Duration::ZERO);
    }
    let took = begin.elapsed();
    let put = feeder.join().map_err(|_| "the feeder panicked")??;
    Ok(Asked { put, groups, took })
}

/// Answers when each was put.
fn feed(desk: &Desk, requests: Vec<Request>, rate: Option<f64>) -> Result<Vec<Instant>, agio_runner::Refusal> {
    let (mut put, begin) = (Vec::with_capacity(requests.len()), Instant::now());
    let mut requests = requests.into_iter().peekable();
    while requests.peek().is_some() {
        let due = match rate {
            Some(rate) => (begin.elapsed().as_secs_f64() * rate) as usize,
            None => put.len() + PRESSURE.saturating_sub(desk.under_way()),
        };
        let now = Instant::now();
        for request in requests.by_ref().take(due.saturating_sub(put.len())) {
            desk.put(request)?;
            put.push(now);
        }
        desk.rouse();
        std::thread::sleep(NAP);
    }
    Ok(put)
}

/// A frame's way to the disk.
#[derive(Clone, Copy, Debug)]
struct Sync {
    began: Instant,
    bytes: usize,
    took: Duration,
}

type Syncs = Arc<Mutex<Vec<Sync>>>;

/// A folder that notes what the journal's thread waits for.
#[derive(Debug)]
struct Timed {
    disk: Disk,
    syncs: Syncs,
}

#[derive(Debug)]
struct TimedFile {
    file: Box<dyn File>,
    written: Mutex<Option<(Instant, usize)>>,
    syncs: Syncs,
}

impl Timed {
    fn timed(&self, file: Box<dyn File>) -> Box<dyn File> {
        Box::new(TimedFile { file, written: Mutex::default(), syncs: Arc::clone(&self.syncs) })
    }
}

impl Storage for Timed {
    fn list(&self) -> io::Result<Vec<Entry>> {
        self.disk.list()
    }
    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.disk.open(name).map(|file| self.timed(file))
    }
    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>> {
        self.disk.create(name, bytes).map(|file| self.timed(file))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }
    fn strongest(&self) -> Durability {
        self.disk.strongest()
    }
}

impl File for TimedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, into)
    }
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if std::thread::current().name() == Some("agio-journal") {
            *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), bytes.len()));
        }
        self.file.write_at(offset, bytes)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        if let Some((began, bytes)) = self.written.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let sync = Sync { began, bytes, took: began.elapsed() };
            self.syncs.lock().unwrap_or_else(PoisonError::into_inner).push(sync);
        }
        Ok(())
    }
}

/// Writes and syncs as much at the same moments, in a file of the journal's kind; what each took.
fn probe(folder: &Path, frames: &[Sync]) -> Outcome<Vec<Duration>> {
    let disk = Disk::open(folder.join("probe"))?;
    let file = disk.create("probe", SEGMENT)?;
    file.sync_data()?;
    let bytes = vec![7; frames.iter().map(|frame| frame.bytes).max().unwrap_or_default()];
    let (start, mut at, mut took) = (Instant::now(), 0, Vec::new());
    for frame in frames {
        let due = frame.began - frames[0].began;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let began = Instant::now();
        file.write_at(at, &bytes[..frame.bytes])?;
        file.sync_data()?;
        took.push(began.elapsed());
        at += frame.bytes as u64;
    }
    Ok(took)
}
