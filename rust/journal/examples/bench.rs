//! Records per second through the journal, against a raw probe that writes and syncs the same number of bytes in the same
//! kind of file. The two take turns, batch by batch, so that what else the machine does falls on both.
//!
//! `cargo run --release -p agio-journal --example bench -- [folder] [frames of each size]`

use agio_journal::{Disk, File, Frame, FrameBuilder, LogId, Mark, Options, Recovery, Storage, Writer, create};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RECORD: usize = 128;
const SIZES: [usize; 4] = [1, 10, 100, 1000];

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Timings {
    total: Duration,
    each: Vec<Duration>,
}

impl Timings {
    fn new() -> Self {
        Self { total: Duration::ZERO, each: Vec::new() }
    }

    fn add(&mut self, begin: Instant) {
        let took = begin.elapsed();
        self.total += took;
        self.each.push(took);
    }

    fn quantile(&mut self, of_thousand: usize) -> u128 {
        self.each.sort_unstable();
        self.each[(self.each.len() - 1) * of_thousand / 1000].as_micros()
    }
}

/// The probe: one file of the journal's kind, written and synced in order, begun again when full.
struct Probe {
    file: Box<dyn File>,
    at: u64,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Probe {
    fn commit(&mut self, length: usize) -> Outcome<()> {
        if self.at + length as u64 > self.bytes {
            self.at = 0;
        }
        self.file.write_at(self.at, &self.buffer[..length])?;
        self.file.sync_data()?;
        self.at += length as u64;
        Ok(())
    }
}

/// Builds, writes and syncs one frame: all on this thread, so that nothing is hidden behind the sync.
fn commit(
    builder: &mut FrameBuilder,
    writer: &mut Writer,
    spare: Frame,
    record: &[u8],
    count: usize,
) -> Outcome<(Frame, Mark)> {
    for _ in 0..count {
        builder.push(record)?;
    }
    let mut frame = builder.close(spare).ok_or("no records")?;
    let mark = writer.commit(&mut frame)?;
    Ok((frame, mark))
}

fn open(folder: &Path, options: &Options) -> Outcome<(Arc<dyn Storage>, FrameBuilder, Writer)> {
    let disk: Arc<dyn Storage> = Arc::new(Disk::open(folder)?);
    create(&*disk, LogId { identity: [1; 16], epoch: 0 }, Mark::default(), options)?;
    let (builder, writer) = Recovery::open(Arc::clone(&disk), options, None)?.finish()?.split();
    Ok((disk, builder, writer))
}

fn measure(folder: &Path, count: usize, frames: usize) -> Outcome<()> {
    let options = Options::default();
    let folder = tempfile::tempdir_in(folder)?;
    let (disk, mut builder, mut writer) = open(folder.path(), &options)?;
    let preparer = writer.preparer();
    let file = disk.create("probe", options.segment_bytes)?;
    file.sync_data()?;
    let mut probe = Probe { file, at: 0, bytes: options.segment_bytes, buffer: vec![7; 1 << 20] };
    let (mut ours, mut raw) = (Timings::new(), Timings::new());
    let (record, mut spare, mut mark) = ([9; RECORD], Frame::default(), Mark::default());
    for _ in 0..frames {
        preparer.prepare()?; // ahead and off the hot path, as the runner does it
        let begin = Instant::now();
        (spare, mark) = commit(&mut builder, &mut writer, spare, &record, count)?;
        ours.add(begin);
        let begin = Instant::now();
        probe.commit(spare.size())?;
        raw.add(begin);
    }
    let records = (count * frames) as f64;
    let (rate, bar) = (records / ours.total.as_secs_f64(), records / raw.total.as_secs_f64());
    println!(
        "{count:>5} {rate:>12.0} {bar:>12.0} {:>7.2} {:>14} {:>14} {:>10}",
        rate / bar,
        format!("{} / {}", ours.quantile(500), ours.quantile(990)),
        format!("{} / {}", raw.quantile(500), raw.quantile(990)),
        &mark.hash.to_string()[..8],
    );
    drop((writer, preparer, probe, disk));
    check(folder.path(), &options, count * frames, &record)
}

/// All of it is there and right; and how fast it is read again.
fn check(folder: &Path, options: &Options, records: usize, record: &[u8]) -> Outcome<()> {
    let disk: Arc<dyn Storage> = Arc::new(Disk::open(folder)?);
    let begin = Instant::now();
    let mut recovery = Recovery::open(disk, options, None)?;
    let opened = begin.elapsed();
    let begin = Instant::now();
    let mut found = 0;
    while let Some(next) = recovery.next_record()? {
        found += usize::from(next.bytes == record);
    }
    recovery.finish()?;
    let rate = records as f64 / begin.elapsed().as_secs_f64() / 1e6;
    println!("      opened in {} ms, replayed at {rate:.1} million records/s", opened.as_millis());
    if found == records { Ok(()) } else { Err(format!("{found} of {records} records came back").into()) }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    let frames = arguments.next().map_or(Ok(2000), |text| text.parse())?;
    println!(
        "records of {RECORD} bytes, durability {}, {frames} frames of each size, in {folder}",
        Options::default().durability
    );
    println!(
        "{:>5} {:>12} {:>12} {:>7} {:>14} {:>14} {:>10}",
        "batch", "records/s", "raw", "ratio", "µs p50/p99", "raw µs", "hash"
    );
    SIZES.iter().try_for_each(|count| measure(Path::new(&folder), *count, frames))
}
