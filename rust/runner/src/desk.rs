//! The table between the threads of a shard: requests come in, groups go from the engine to the disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use agio_engine::commands::Command;
use agio_engine::units::{Micros, Sequence};
use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::clock::Clock;
use crate::outbox::{Backlog, Outbox, Published};
use crate::request::Request;
use crate::sequencer::Group;

/// Requests that may be under way at once.
const MOST_UNDER_WAY: usize = 65_536;
/// Requests for which the engine's thread is woken although the disk is busy: until then nothing could leave anyway.
const WORTH_WAKING: usize = 16;

/// Why a request is not taken. Nothing of it has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many requests are under way, or the projector is too far behind.
    #[error("too many requests are under way")]
    Busy,
    /// The disk is nearly full: only cancels and questions are taken.
    #[error("the disk is nearly full: only cancels are taken")]
    CancelsOnly,
    /// The shard is stopping, or has failed.
    #[error("the shard is stopping")]
    Stopping,
}

/// How a shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It takes everything.
    Running,
    /// The disk is nearly full: it takes cancels and questions.
    CancelsOnly,
    /// It takes nothing new.
    Stopping,
    /// A write, a sync or a command broke it; it must be started again.
    Failed,
}

/// Moves the intake to the end of the queue: as a whole if that is empty, and it gets the queue's memory then.
fn take_in(queue: &mut VecDeque<Request>, intake: &mut VecDeque<Request>) {
    if queue.is_empty() {
        std::mem::swap(queue, intake);
    } else {
        queue.append(intake);
    }
}

/// Whether it is more than a cancel or a question.
fn is_new(request: &Request) -> bool {
    !matches!(request.command, None | Some(Command::Cancel(_) | Command::CancelAll(_)))
}

#[derive(Default)]
struct Table {
    intake: VecDeque<Request>,
    slot: Option<Group>,
    /// The disk's thread waits for a group.
    disk_idle: bool,
    stopping: bool,
    engine_done: bool,
    failure: Option<String>,
}

/// What the engine's thread is to do next.
pub(crate) enum Turn {
    /// Run what was put into its queue.
    Run,
    /// Hand its group over: the slot is free.
    HandOver,
    /// A deadline is due.
    Tick,
    /// Nothing comes any more.
    End,
}

/// How the group is that the engine's thread has not handed over yet.
#[derive(Clone, Copy)]
pub(crate) struct Waiting {
    pub(crate) is_empty: bool,
    pub(crate) has_room: bool,
}

/// Shared by all threads of a shard.
pub struct Desk {
    table: Mutex<Table>,
    engine_wakes: Condvar,
    disk_wakes: Condvar,
    under_way: AtomicUsize,
    applied: AtomicU64,
    disk_low: AtomicBool,
    /// The log's clock.
    pub clock: Clock,
    /// For the event loop.
    pub outbox: Outbox,
    /// For the projector.
    pub backlog: Backlog,
}

impl Desk {
    pub(crate) fn new(clock: Clock, outbox: Outbox, applied: Sequence) -> Self {
        Self {
            table: Mutex::default(),
            engine_wakes: Condvar::new(),
            disk_wakes: Condvar::new(),
            under_way: AtomicUsize::new(0),
            applied: AtomicU64::new(applied.0),
            disk_low: AtomicBool::new(false),
            clock,
            outbox,
            backlog: Backlog::default(),
        }
    }

    /// Takes a request; its answer comes through the outbox, once what it reveals is durable. The engine's thread may
    /// sleep on until [`Self::rouse`]: who has several requests wakes it once, which costs more than the work on one.
    ///
    /// # Errors
    /// [`Refusal`]: there will be no answer.
    pub fn put(&self, request: Request) -> Result<(), Refusal> {
        self.admit(1, is_new(&request))?;
        let mut table = self.open()?;
        self.under_way.fetch_add(1, Ordering::Relaxed);
        table.intake.push_back(request);
        Ok(())
    }

    /// As [`Self::put`], for all of them or for none.
    ///
    /// # Errors
    /// [`Refusal`]: there will be no answers.
    pub fn put_all(&self, mut requests: VecDeque<Request>) -> Result<(), Refusal> {
        let count = requests.len();
        self.admit(count, requests.iter().any(is_new))?;
        let mut table = self.open()?;
        self.under_way.fetch_add(count, Ordering::Relaxed);
        table.intake.append(&mut requests);
        Ok(())
    }

    fn open(&self) -> Result<MutexGuard<'_, Table>, Refusal> {
        let table = self.table.lock();
        if table.stopping || table.failure.is_some() { Err(Refusal::Stopping) } else { Ok(table) }
    }

    /// Wakes the engine's thread for what was put, when that is worth it. To be called after the last [`Self::put`].
    pub fn rouse(&self) {
        let table = self.table.lock();
        if !table.intake.is_empty() && (table.disk_idle || table.intake.len() >= WORTH_WAKING) {
            self.engine_wakes.notify_one();
        }
    }

    /// [`Self::put`] and [`Self::rouse`].
    ///
    /// # Errors
    /// [`Refusal`]: there will be no answer.
    pub fn submit(&self, request: Request) -> Result<(), Refusal> {
        self.put(request)?;
        self.rouse();
        Ok(())
    }

    fn admit(&self, count: usize, new: bool) -> Result<(), Refusal> {
        if self.under_way.load(Ordering::Relaxed) + count > MOST_UNDER_WAY {
            return Err(Refusal::Busy);
        }
        match new {
            true if self.disk_low.load(Ordering::Relaxed) => Err(Refusal::CancelsOnly),
            true if self.backlog.is_full() => Err(Refusal::Busy),
            _ => Ok(()),
        }
    }

    /// How the shard is.
    pub fn state(&self) -> State {
        let table = self.table.lock();
        match &table.failure {
            Some(_) => State::Failed,
            None if table.stopping => State::Stopping,
            None if self.disk_low.load(Ordering::Relaxed) => State::CancelsOnly,
            None => State::Running,
        }
    }

    /// What broke the shard.
    pub fn failure(&self) -> Option<String> {
        self.table.lock().failure.clone()
    }

    /// The last sequence applied: a read point.
    pub fn applied(&self) -> Sequence {
        Sequence(self.applied.load(Ordering::Acquire))
    }

    /// Requests under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    pub(crate) fn set_applied(&self, sequence: Sequence) {
        self.applied.store(sequence.0, Ordering::Release);
    }

    pub(crate) fn set_disk_low(&self, low: bool) {
        self.disk_low.store(low, Ordering::Relaxed);
    }

    /// Waits until the engine's thread has something to do; moves the intake into `queue`.
    pub(crate) fn engine_turn(&self, queue: &mut VecDeque<Request>, group: Waiting, due: Option<Micros>) -> Turn {
        let mut table = self.table.lock();
        let mut slept = false;
        loop {
            if table.failure.is_some() {
                return Turn::End;
            }
            // While the disk is busy the group grows: a small one behind the current would cost a sync of its own. What came
            // while this thread slept is taken along, or it would wait for two syncs.
            let takes = slept && group.has_room && !table.intake.is_empty();
            let leaves = table.slot.is_none() && (table.disk_idle || !group.has_room);
            if !group.is_empty && leaves && !takes {
                return Turn::HandOver;
            }
            take_in(queue, &mut table.intake);
            if !queue.is_empty() && group.has_room {
                return Turn::Run;
            }
            if table.stopping && queue.is_empty() && group.is_empty {
                return Turn::End;
            }
            let Some(due) = due else {
                self.engine_wakes.wait(&mut table);
                slept = true;
                continue;
            };
            let left = due.0.saturating_sub(self.clock.now().0);
            if left == 0 {
                return Turn::Tick;
            }
            self.engine_wakes.wait_for(&mut table, Duration::from_micros(left));
            slept = true;
        }
    }

    /// Puts a group where the disk's thread finds it. The slot must be free.
    pub(crate) fn hand_over(&self, group: Group) {
        let mut table = self.table.lock();
        assert!(table.slot.replace(group).is_none(), "only a free slot is filled, and by one thread only");
        self.disk_wakes.notify_one();
    }

    /// As [`Self::hand_over`], but waits until the slot is free or nobody takes from it any more.
    pub(crate) fn hand_over_when_free(&self, group: Group) {
        let mut table = self.table.lock();
        while table.slot.is_some() && table.failure.is_none() {
            self.engine_wakes.wait(&mut table);
        }
        table.slot = Some(group);
        self.disk_wakes.notify_one();
    }

    /// The engine's thread has ended.
    pub(crate) fn engine_done(&self) {
        self.table.lock().engine_done = true;
        self.disk_wakes.notify_one();
    }

    /// Waits for the next group; `None` when no more comes.
    pub(crate) fn next_group(&self) -> Option<Group> {
        let mut table = self.table.lock();
        loop {
            if let Some(group) = table.slot.take() {
                table.disk_idle = false;
                self.engine_wakes.notify_one();
                return Some(group);
            }
            if table.engine_done {
                return None;
            }
            table.disk_idle = true;
            self.engine_wakes.notify_one();
            self.disk_wakes.wait(&mut table);
        }
    }

    /// Lets a durable group out.
    pub(crate) fn publish(&self, group: Group) {
        let batch = std::sync::Arc::new(group.batch);
        self.under_way.fetch_sub(group.answers.len(), Ordering::Relaxed);
        self.backlog.push(std::sync::Arc::clone(&batch));
        self.outbox.push(Published { batch, answers: group.answers, lost: Vec::new() });
    }

    /// Lets deadlines fire that a manual clock has just reached.
    pub fn look_at_clock(&self) {
        // Under the lock: the engine's thread is either before its look at the clock or already asleep.
        let _table = self.table.lock();
        self.engine_wakes.notify_one();
    }

    /// Takes nothing new from here on; what has come in is still answered.
    pub fn stop(&self) {
        self.table.lock().stopping = true;
        self.engine_wakes.notify_one();
    }

    /// The shard is broken: nothing under way is answered any more but that it is lost. The first reason stays.
    pub(crate) fn fail(&self, reason: String, lost: impl IntoIterator<Item = u64>) {
        let mut table = self.table.lock();
        table.failure.get_or_insert(reason);
        let mut tokens: Vec<u64> = lost.into_iter().collect();
        tokens.extend(table.intake.drain(..).map(|request| request.token));
        if let Some(group) = table.slot.take() {
            tokens.extend(group.answers.iter().map(|answer| answer.token));
        }
        drop(table);
        self.engine_wakes.notify_one();
        self.under_way.fetch_sub(tokens.len(), Ordering::Relaxed);
        self.outbox.push(Published { batch: std::sync::Arc::default(), answers: Vec::new(), lost: tokens });
        self.outbox.ring();
    }
}
