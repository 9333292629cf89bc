//! How long an acknowledgement takes: a shard that a thread feeds at half of its peak, whoever waits or not, and beside it a
//! probe that does nothing but group commit for the same requests at the same moments.
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agio_engine::commands::Command;
use agio_engine::units::Micros;
use agio_journal::{Disk, Durability, File, Storage, Tap, Tapped};
use agio_runner::{Answer, Desk, LONG_TAIL, Options, Reading, Request, Shard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One segment holds a run: rotation has a bench of its own.
const SEGMENT: u64 = 256 << 20;
/// Where a frame's header has the number of its records.
const FRAME_COUNT: std::ops::Range<usize> = 12..16;
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
    let watch = Arc::new(Watch::default());
    let storage = Arc::new(Tapped::new(Disk::open(folder.join("log"))?, Arc::clone(&watch)));
    let (mut shard, ()) = Shard::open_on(storage, &options(), |_| ())?;
    let desk = shard.desk();
    run(desk, requests(&workload::setup(workload::SMALL)), None)?;
    let (first, second) = commands.split_at(commands.len() / 2);
    let peak = first.len() as f64 / run(desk, requests(first), None)?.took.as_secs_f64();
    watch.look().synced.clear();
    let asked = run(desk, requests(second), Some(peak / 2.0))?;
    let frames = std::mem::take(&mut watch.look().synced);
    shard.stop()?;
    let over = asked.over(&frames)?;
    let syncs = frames.iter().map(|frame| frame.took).collect();
    let probe = probe(folder, &asked.put, &frames)?;
    Ok(format!(
        "peak {peak:.0} /s, asked {:.0} /s, acknowledged in {}, over its sync {}, probe {}, sync {}, {} frames",
        second.len() as f64 / asked.took.as_secs_f64(),
        quantiles(asked.latencies()),
        quantiles(over),
        quantiles(probe),
        quantiles(syncs),
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
        long_tail: LONG_TAIL,
        reading: Reading::default(),
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
        let reply = move |_: &agio_runner::View<'_>, _: &agio_runner::Outcome<'_>| {
            Some(Answer { token, status: 200, body: vec![], orders: None })
        };
        Request { token, command: Some(command.clone()), deadline: Micros(u64::MAX), reply: Box::new(reply) }
    };
    commands.iter().enumerate().map(request).collect()
}

/// What came of requests.
struct Asked {
    put: Vec<Instant>,
    /// When each answer was there, and whose it was.
    answered: Vec<(Instant, u64)>,
    took: Duration,
}

impl Asked {
    fn latencies(&self) -> Vec<Duration> {
        let of = |(at, token): &(Instant, u64)| *at - self.put[*token as usize];
        self.answered.iter().map(of).collect()
    }

    /// What each took besides its frame's write and sync. Answers come in the log's order.
    fn over(&self, frames: &[Sync]) -> Outcome<Vec<Duration>> {
        let syncs = frames.iter().flat_map(|frame| std::iter::repeat_n(frame.took, frame.count));
        let over: Vec<_> =
            self.latencies().into_iter().zip(syncs).map(|(took, sync)| took.saturating_sub(sync)).collect();
        if over.len() != self.put.len() {
            return Err(format!("{} commands synced, {} asked", over.len(), self.put.len()).into());
        }
        Ok(over)
    }
}

/// Puts all requests, at this many a second or as fast as they are taken, and waits for their answers.
fn run(desk: &Arc<Desk>, requests: Vec<Request>, rate: Option<f64>) -> Outcome<Asked> {
    let (count, begin) = (requests.len(), Instant::now());
    let feeder = std::thread::spawn({
        let desk = Arc::clone(desk);
        move || feed(&desk, requests, rate)
    });
    let mut answered = Vec::with_capacity(count);
    while answered.len() < count {
        poll(&mut [PollFd::new(&desk.outbox, PollFlags::IN)], Some(&PATIENCE))?;
        let (published, now) = (desk.outbox.take(), Instant::now());
        for group in published {
            answered.extend(group.answers.iter().map(|answer| (now, answer.token)));
        }
        desk.backlog.take(usize::MAX, Duration::ZERO);
    }
    let took = begin.elapsed();
    let put = feeder.join().map_err(|_| "the feeder panicked")??;
    Ok(Asked { put, answered, took })
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
    /// Its records.
    count: usize,
    bytes: usize,
    took: Duration,
}

/// What the journal's thread waits for.
#[derive(Debug, Default)]
struct Watch(Mutex<Watched>);

#[derive(Debug, Default)]
struct Watched {
    /// When the write began that is under way, and the frame.
    written: Option<(Instant, Sync)>,
    synced: Vec<Sync>,
}

impl Watch {
    fn look(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Watch {
    fn write_at(&self, file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if let (Some("agio-journal"), Some(count)) = (std::thread::current().name(), bytes.get(FRAME_COUNT)) {
            let count = count.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            self.look().written = Some((Instant::now(), Sync { count, bytes: bytes.len(), took: Duration::ZERO }));
        }
        file.write_at(offset, bytes)
    }

    fn sync_data(&self, file: &dyn File) -> io::Result<()> {
        file.sync_data()?;
        let mut watched = self.look();
        let synced = watched.written.take().map(|(began, frame)| Sync { took: began.elapsed(), ..frame });
        watched.synced.extend(synced);
        Ok(())
    }
}

/// What a program takes that does nothing but group commit: it writes and syncs as many bytes for the same requests at the
/// same moments, all that have come since its last sync together, in a file of the journal's kind.
fn probe(folder: &Path, put: &[Instant], frames: &[Sync]) -> Outcome<Vec<Duration>> {
    let disk = Disk::open(folder.join("probe"))?;
    let file = disk.create("probe", SEGMENT)?;
    file.sync_data()?;
    let each = frames.iter().map(|frame| frame.bytes).sum::<usize>() / put.len();
    let bytes = vec![7; each * put.len()];
    let (start, mut done, mut took) = (Instant::now(), 0, Vec::with_capacity(put.len()));
    while done < put.len() {
        std::thread::sleep((put[done] - put[0]).saturating_sub(start.elapsed()));
        let now = start.elapsed();
        let come = put[done..].partition_point(|at| *at - put[0] <= now);
        let end = done + come;
        file.write_at((done * each) as u64, &bytes[done * each..end * each])?;
        file.sync_data()?;
        let now = start.elapsed();
        took.extend(put[done..end].iter().map(|at| now.saturating_sub(*at - put[0])));
        done = end;
    }
    Ok(took)
}
