//! The shard in one thread: the same sequencer, writer, recovery, snapshots and skip list as in production, turned by hand.
//! Only what `agio_runner`'s threads do between them is done here instead: who goes next.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use agio_engine::Engine;
use agio_engine::commands::Command;
use agio_journal::skips::{self, Skip};
use agio_journal::{Durability, Frame, LogId, Mark, Preparer, Storage, Writer, create, identify};
use agio_runner::clock::Clock;
use agio_runner::{Commit, Group, Options, Reading, Request, Sequencer, StartError, recover, take_snapshot};

use crate::disk::Disk;
use crate::time::Clocks;

/// Finished orders that a process remembers.
const REMEMBER: usize = 64;
/// An order with this strategy type breaks the engine.
pub(crate) const POISON: i32 = 6_666_666;

fn trip(command: &Command) {
    let poison = matches!(command, Command::Place(place) if place.strategy_type == Some(POISON));
    assert!(!poison, "poison");
}

/// A running shard. Dropping it does nothing to the disk.
pub(crate) struct Process {
    sequencer: Sequencer,
    writer: Writer,
    preparer: Preparer,
    log: LogId,
    pub(crate) clock: Clock,
    pub(crate) intake: VecDeque<Request>,
    /// Groups that wait for the disk.
    next: Commit,
    /// The group of the command that broke the engine.
    last: Option<Group>,
    /// Groups whose frame was handed to the disk.
    writing: Option<Commit>,
    spare: Frame,
    pub(crate) notes: Vec<String>,
    disk: Disk,
    /// A command has broken the engine.
    pub(crate) broken: bool,
}

/// What a shard is started with.
pub(crate) fn options(segment_bytes: u64, long_tail: u64) -> Options {
    Options {
        folder: PathBuf::new(),
        durability: Durability::Fdatasync,
        segment_bytes,
        follow_forward: false,
        least_free_bytes: 0,
        remember: REMEMBER,
        long_tail,
        reading: Reading::default(),
        manual_time: None,
        tripwire: Some(trip),
    }
}

impl Process {
    /// Starts a process on what the disk holds; makes the log if there is none.
    pub(crate) fn start(
        disk: &Disk,
        clocks: &Clocks,
        options: &Options,
        identity: [u8; 16],
    ) -> Result<Self, StartError> {
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        disk.enter("recover");
        if identify(&*storage)?.is_none() {
            disk.enter("create");
            create(&*storage, LogId { identity, epoch: 0 }, Mark::default(), &options.log())?;
        }
        disk.enter("recover");
        let recovered = recover(&storage, options)?;
        let clock = Clock::new(Box::new(clocks.clone()), recovered.engine.time(), options.follow_forward)?;
        let (builder, writer) = recovered.journal.split();
        let sequencer = Sequencer::new(recovered.engine, builder, options.remember).with_tripwire(options.tripwire);
        Ok(Self {
            sequencer,
            preparer: writer.preparer(),
            writer,
            log: recovered.log,
            clock,
            intake: VecDeque::new(),
            next: Commit::default(),
            last: None,
            writing: None,
            spare: Frame::default(),
            notes: recovered.notes,
            disk: disk.clone(),
            broken: false,
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.sequencer.engine()
    }

    /// The frame at the end of what is durable.
    pub(crate) fn durable(&self) -> Mark {
        self.writer.durable()
    }

    /// The engine's turn: applies what has come in, up to a group.
    pub(crate) fn apply(&mut self) {
        if self.broken || self.intake.is_empty() {
            return;
        }
        let now = self.clock.now();
        if let Err(poisoned) = self.sequencer.run(&mut self.intake, now, usize::MAX) {
            let mut group = self.sequencer.take(Frame::default());
            group.poisoned = Some(poisoned);
            self.broken = true;
            self.last = Some(group);
        }
    }

    /// The engine hands its group over, if there is room for it.
    pub(crate) fn hand_over(&mut self) {
        if self.next.takes(self.sequencer.load()) && !self.broken && !self.sequencer.is_empty() {
            let group = self.sequencer.take(std::mem::take(&mut self.spare));
            self.spare = self.next.add(group).unwrap_or_default();
        }
        if let Some(group) = self.last.take_if(|_| self.next.is_empty()) {
            self.next.add(group);
        }
    }

    /// The disk's turn: writes the groups that wait, if no other one is to be synced first.
    ///
    /// # Errors
    /// The journal's; the process must end.
    pub(crate) fn write(&mut self) -> Result<(), StartError> {
        if self.writing.is_some() {
            return Ok(());
        }
        self.writing = Some(std::mem::take(&mut self.next)).filter(|commit| !commit.is_empty());
        self.disk.enter("commit");
        if let Some(frame) = self.writing.as_mut().and_then(|commit| commit.frame.as_mut()) {
            self.writer.write(frame)?;
        }
        Ok(())
    }

    /// Makes what was written durable; answers the groups that may be seen now.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(crate) fn sync(&mut self) -> Result<Vec<Group>, StartError> {
        let Some(commit) = &mut self.writing else { return Ok(Vec::new()) };
        self.disk.enter("commit");
        if let Some(frame) = commit.frame.take() {
            let synced = self.writer.sync();
            self.spare = frame;
            synced?;
        }
        Ok(self.in_doubt())
    }

    /// The groups whose frame was handed to the disk and that nobody has seen.
    pub(crate) fn in_doubt(&mut self) -> Vec<Group> {
        self.writing.take().unwrap_or_default().groups
    }

    /// Whether a sync is due.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        let waits = self.writing.is_some() || !self.next.is_empty() || self.last.is_some();
        !waits && self.intake.is_empty() && self.sequencer.is_empty()
    }

    /// Housekeeping: prepares the next segment. Answers whether the disk is low.
    pub(crate) fn keep_house(&self, least_free: u64) -> bool {
        self.disk.enter("housekeeping");
        let low = self.disk.free_bytes().is_ok_and(|free| free < least_free);
        let unprepared = !self.preparer.is_ready() && (low || self.preparer.prepare().is_err());
        low || unprepared
    }

    /// A clean stop: a snapshot at the end of the log.
    ///
    /// # Errors
    /// The journal's; the log is whole all the same.
    pub(crate) fn stop(&self) -> Result<(), StartError> {
        self.disk.enter("stop");
        Ok(take_snapshot(&self.disk, self.log, self.writer.durable(), self.sequencer.engine())?)
    }

    /// Notes the command that broke the engine.
    ///
    /// # Errors
    /// The journal's; the next start finds out by itself.
    pub(crate) fn quarantine(&self, sequence: u64) -> Result<(), StartError> {
        self.disk.enter("quarantine");
        let skip = Skip { sequence, time: self.sequencer.engine().time().0, reason: "poison".to_owned() };
        Ok(skips::append(&self.disk, self.log, &skip)?)
    }
}
