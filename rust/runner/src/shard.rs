//! A shard alive: one thread applies, one writes and syncs, one keeps house.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use agio_engine::engine::Engine;
use agio_engine::units::Sequence;
use agio_journal::skips::{self, Skip};
use agio_journal::{Frame, LogId, Preparer, Storage, Writer};

use crate::clock::{Clock, SystemTime, TimeSource};
use crate::commit::Commit;
use crate::desk::{Desk, InHand, Turn};
use crate::outbox::Outbox;
use crate::request::Request;
use crate::sequencer::{Poisoned, Sequencer, words_of};
use crate::start::{Options, StartError, open_folder, recover, take_snapshot};
use crate::sync::{Builder, JoinHandle, Receiver, Sender, channel};

/// How often the disk is looked at and the next segment prepared.
const HOUSEKEEPING: Duration = Duration::from_millis(500);
/// Commands that the engine's thread applies before it lays them out for the disk, which may have nothing to do.
pub const TURN: usize = 256;

struct Threads {
    engine: JoinHandle<Option<Sequencer>>,
    disk: JoinHandle<Option<Writer>>,
    house: JoinHandle<()>,
    house_stop: Sender<()>,
}

/// One log, one engine, and their threads.
pub struct Shard {
    desk: Arc<Desk>,
    storage: Arc<dyn Storage>,
    log: LogId,
    started_at: Sequence,
    notes: Vec<String>,
    threads: Option<Threads>,
}

impl Shard {
    /// Recovers the log and starts. The folder is locked until [`Self::stop`] or drop.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(options: &Options) -> Result<Self, StartError> {
        Self::open_and(options, |_| ()).map(|(shard, ())| shard)
    }

    /// As [`Self::open`], with a look at the recovered exchange before it runs.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open_and<T>(options: &Options, look: impl FnOnce(&Engine) -> T) -> Result<(Self, T), StartError> {
        Self::open_on(open_folder(options)?, options, look)
    }

    /// As [`Self::open_and`], on any storage; the options' folder is not looked at.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open_on<T>(
        storage: Arc<dyn Storage>,
        options: &Options,
        look: impl FnOnce(&Engine) -> T,
    ) -> Result<(Self, T), StartError> {
        let recovered = recover(&storage, options)?;
        let engine = recovered.engine;
        let seen = look(&engine);
        let started_at = engine.sequence();
        let source: Box<dyn TimeSource> = match &options.manual_time {
            Some(manual) => Box::new(manual.clone()),
            None => Box::new(SystemTime),
        };
        let clock = Clock::new(source, engine.time(), options.follow_forward)?;
        let desk = Arc::new(Desk::new(clock, Outbox::new()?, started_at, recovered.halted));
        let (builder, writer) = recovered.journal.split();
        let sequencer = Sequencer::new(engine, builder, options.remember).with_tripwire(options.tripwire);
        let mut shard = Self { desk, storage, log: recovered.log, started_at, notes: recovered.notes, threads: None };
        let threads = shard.spawn(sequencer, writer, options.least_free_bytes);
        // Those that there are end by themselves, and let go of the folder.
        shard.threads = Some(threads.inspect_err(|_| shard.desk.stop())?);
        Ok((shard, seen))
    }

    fn spawn(&self, sequencer: Sequencer, writer: Writer, least_free: u64) -> std::io::Result<Threads> {
        let (spare_out, spare_in) = channel();
        let (house_stop, house_wait) = channel();
        let (preparer, storage) = (writer.preparer(), Arc::clone(&self.storage));
        let (desk, log) = (Arc::clone(&self.desk), self.log);
        let committer = Disk { desk: Arc::clone(&desk), storage: Arc::clone(&storage), log, writer, spares: spare_out };
        let (house_desk, disk_desk) = (Arc::clone(&desk), Arc::clone(&desk));
        Ok(Threads {
            engine: named("engine")
                .spawn(move || guarded(&desk, "engine", || run_engine(&desk, sequencer, &spare_in)))?,
            disk: named("journal").spawn(move || guarded(&disk_desk, "journal", || committer.run()))?,
            house: named("housekeeping")
                .spawn(move || keep_house(&house_desk, &*storage, &preparer, least_free, &house_wait))?,
            house_stop,
        })
    }

    /// Where requests go in and everything else comes out.
    pub fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// The last sequence of the log when the shard started.
    pub fn started_at(&self) -> Sequence {
        self.started_at
    }

    /// What recovery had to say: a torn tail, snapshots passed over.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Takes nothing new, answers what has come in, and writes a snapshot. Does nothing the second time.
    ///
    /// # Errors
    /// The snapshot's; the log is whole all the same.
    pub fn stop(&mut self) -> Result<(), StartError> {
        let Some(threads) = self.threads.take() else { return Ok(()) };
        self.desk.stop();
        let sequencer = join(threads.engine);
        let writer = join(threads.disk);
        drop(threads.house_stop);
        join(threads.house);
        self.desk.backlog.close();
        if let (Some(sequencer), Some(mut writer), None) = (sequencer, writer, self.desk.failure()) {
            take_snapshot(&*self.storage, self.log, writer.settle()?, sequencer.engine())?;
        }
        Ok(())
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

fn named(name: &str) -> Builder {
    Builder::new().name(format!("agio-{name}"))
}

fn join<T>(thread: JoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs what a thread is for. If that panics the shard has failed: nobody is left waiting for a thread that is gone.
fn guarded<T>(desk: &Desk, name: &str, run: impl FnOnce() -> T) -> Option<T> {
    let ended = catch_unwind(AssertUnwindSafe(run));
    ended
        .inspect_err(|panic| {
            desk.fail(format!("the {name} thread broke ({})", words_of(panic.as_ref())), []);
            desk.engine_done();
        })
        .ok()
}

fn run_engine(desk: &Desk, mut sequencer: Sequencer, spares: &Receiver<Frame>) -> Sequencer {
    let (mut queue, mut spare) = (VecDeque::new(), None);
    loop {
        let group = InHand { is_empty: sequencer.is_empty(), has_room: sequencer.has_room(), load: sequencer.load() };
        let outcome = match desk.engine_turn(&mut queue, group, sequencer.engine().deadline()) {
            Turn::Run => sequencer.run(&mut queue, desk.clock.now(), TURN),
            Turn::Tick => sequencer.tick(desk.clock.now()),
            Turn::HandOver => {
                let memory = spare.take().or_else(|| spares.try_recv().ok()).unwrap_or_default();
                spare = desk.hand_over(sequencer.take(memory));
                Ok(())
            }
            Turn::End => break,
        };
        desk.set_applied(sequencer.engine().sequence());
        if let Err(poisoned) = outcome {
            hand_over_poisoned(desk, &mut sequencer, &mut queue, poisoned);
            break;
        }
    }
    desk.engine_done();
    let rest = sequencer.take(Frame::default());
    let unsaid = rest.answers.iter().map(|answer| answer.token).chain(queue.iter().map(|request| request.token));
    let unsaid: Vec<u64> = unsaid.collect();
    if !unsaid.is_empty() {
        desk.fail("the engine has stopped".into(), unsaid);
    }
    sequencer
}

fn hand_over_poisoned(desk: &Desk, sequencer: &mut Sequencer, queue: &mut VecDeque<Request>, mut poisoned: Poisoned) {
    let mut group = sequencer.take(Frame::default());
    poisoned.lost.extend(queue.drain(..).map(|request| request.token));
    group.poisoned = Some(poisoned);
    desk.hand_over_last(group);
}

struct Disk {
    desk: Arc<Desk>,
    storage: Arc<dyn Storage>,
    log: LogId,
    writer: Writer,
    spares: Sender<Frame>,
}

impl Disk {
    fn run(mut self) -> Writer {
        while let Some(mut commit) = self.desk.next_commit() {
            if let Err(error) = self.write(&mut commit) {
                self.desk.fail(error, commit.tokens());
                break;
            }
            if let Some(poisoned) = self.publish(commit) {
                self.quarantine(poisoned);
                break;
            }
        }
        self.writer
    }

    fn write(&mut self, commit: &mut Commit) -> Result<(), String> {
        let Some(mut frame) = commit.frame.take() else { return Ok(()) };
        self.writer.commit(&mut frame).map_err(|error| error.to_string())?;
        let _ = self.spares.send(frame);
        Ok(())
    }

    /// Lets durable groups out. Answers what broke the engine, if that is in the last.
    fn publish(&self, commit: Commit) -> Option<Poisoned> {
        let mut poisoned = None;
        for mut group in commit.groups {
            poisoned = group.poisoned.take();
            self.desk.publish(group);
        }
        poisoned
    }

    /// The command that broke the engine is in the log; from the next start on it is skipped.
    fn quarantine(&mut self, poisoned: Poisoned) {
        let Poisoned { sequence, message, lost } = poisoned;
        let skip = Skip { sequence: sequence.0, time: self.desk.clock.now().0, reason: message.clone() };
        let noted = self.writer.settle().and_then(|_| skips::append(&*self.storage, self.log, &skip));
        let reason = match noted {
            Ok(()) => {
                format!("command {} broke the engine ({message}); it is skipped from the next start on", sequence.0)
            }
            Err(error) => format!(
                "command {} broke the engine ({message}), and the skip list cannot be written: {error}",
                sequence.0
            ),
        };
        self.desk.fail(reason, lost);
    }
}

fn keep_house(desk: &Desk, storage: &dyn Storage, preparer: &Preparer, least_free: u64, stop: &Receiver<()>) {
    loop {
        let low = storage.free_bytes().is_ok_and(|free| free < least_free);
        // A failure to prepare is a full disk: the writer still has this segment, and cancels need little.
        let unprepared = !preparer.is_ready() && (low || preparer.prepare().is_err());
        desk.set_disk_low(low || unprepared);
        if stop.recv_timeout(HOUSEKEEPING) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
