//! The table between the threads of a shard: requests come in, groups go from the engine to the disk.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use agio_engine::commands::Command;
use agio_engine::units::{Micros, Sequence};
use agio_journal::Frame;

use crate::clock::Clock;
use crate::commit::{Commit, Load};
use crate::intake::Intake;
use crate::outbox::{Backlog, Outbox, Published};
use crate::request::Request;
use crate::sequencer::Group;
use crate::sync::{AtomicUsize, Condvar, Mutex, MutexGuard};

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
    /// An invariant does not hold: the engine lets cancels and questions through, for good.
    Halted,
    /// It takes nothing new.
    Stopping,
    /// A write, a sync or a command broke it; it must be started again.
    Failed,
}

/// Whether it is more than a cancel or a question.
fn is_new(request: &Request) -> bool {
    !matches!(request.command, None | Some(Command::Cancel(_) | Command::CancelAll(_)))
}

/// How far a shard has come.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd)]
enum Stage {
    /// It takes requests.
    #[default]
    Open,
    /// It takes none; what has come in is answered.
    Stopping,
    /// The engine's thread has handed over its last group.
    EngineDone,
}

#[derive(Default)]
struct Table {
    intake: Intake,
    /// What the disk takes next. It grows while the disk is busy.
    next: Commit,
    /// The disk's thread waits for a group.
    disk_idle: bool,
    /// The engine's thread waits for the disk to take what lies there, for its own group does not fit.
    engine_holds: bool,
    stage: Stage,
    failure: Option<String>,
    /// The invariant that does not hold.
    halted: Option<String>,
}

/// What the engine's thread is to do next.
pub(crate) enum Turn {
    /// Run what was put into its queue.
    Run,
    /// Hand its group over: there is room for it.
    HandOver,
    /// A deadline is due.
    Tick,
    /// Nothing comes any more.
    End,
}

/// How the group is that the engine's thread has in hand.
#[derive(Clone, Copy)]
pub(crate) struct InHand {
    pub(crate) is_empty: bool,
    pub(crate) has_room: bool,
    pub(crate) load: Load,
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
    pub(crate) fn new(clock: Clock, outbox: Outbox, applied: Sequence, halted: Option<String>) -> Self {
        Self {
            table: Mutex::new(Table { halted, ..Table::default() }),
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
        table.intake.push(request);
        Ok(())
    }

    /// As [`Self::put`], for all of them or for none.
    ///
    /// # Errors
    /// [`Refusal`]: there will be no answers.
    pub fn put_all(&self, requests: VecDeque<Request>) -> Result<(), Refusal> {
        let count = requests.len();
        self.admit(count, requests.iter().any(is_new))?;
        let mut table = self.open()?;
        self.under_way.fetch_add(count, Ordering::Relaxed);
        table.intake.push_all(requests);
        Ok(())
    }

    fn open(&self) -> Result<MutexGuard<'_, Table>, Refusal> {
        let table = self.table.lock();
        if table.stage > Stage::Open || table.failure.is_some() { Err(Refusal::Stopping) } else { Ok(table) }
    }

    /// Wakes the engine's thread for what was put, when that is worth it. To be called after the last [`Self::put`].
    pub fn rouse(&self) {
        let table = self.table.lock();
        let leaves_soon = table.disk_idle || !table.next.is_empty();
        if !table.intake.is_empty() && (leaves_soon || table.intake.len() >= WORTH_WAKING) {
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
            None if table.stage > Stage::Open => State::Stopping,
            None if table.halted.is_some() => State::Halted,
            None if self.disk_low.load(Ordering::Relaxed) => State::CancelsOnly,
            None => State::Running,
        }
    }

    /// What broke the shard.
    pub fn failure(&self) -> Option<String> {
        self.table.lock().failure.clone()
    }

    /// The invariant that does not hold, and for which the shard takes cancels only.
    pub fn halted(&self) -> Option<String> {
        self.table.lock().halted.clone()
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
    pub(crate) fn engine_turn(&self, queue: &mut VecDeque<Request>, group: InHand, due: Option<Micros>) -> Turn {
        let mut table = self.table.lock();
        table.engine_holds = false;
        loop {
            if table.failure.is_some() {
                return Turn::End;
            }
            if !group.is_empty && table.next.takes(group.load) {
                return Turn::HandOver;
            }
            table.intake.refill(queue);
            if !queue.is_empty() && group.has_room {
                return Turn::Run;
            }
            if table.stage == Stage::Stopping && queue.is_empty() && group.is_empty {
                return Turn::End;
            }
            table.engine_holds = !group.is_empty;
            // A full group takes no tick either; the disk makes room for it.
            let Some(due) = due.filter(|_| group.has_room) else {
                self.engine_wakes.wait(&mut table);
                continue;
            };
            let left = due.0.saturating_sub(self.clock.now().0);
            if left == 0 {
                return Turn::Tick;
            }
            self.engine_wakes.wait_for(&mut table, Duration::from_micros(left));
        }
    }

    /// Adds a group to what the disk takes next, which must have room for it: the disk need not ask this thread when its
    /// sync has ended. Answers a frame's memory if that is free now.
    pub(crate) fn hand_over(&self, group: Group) -> Option<Frame> {
        let mut table = self.table.lock();
        if table.disk_idle {
            self.disk_wakes.notify_one();
        }
        let spare = table.next.add(group);
        if table.failure.is_some() {
            drop(table);
            self.fail(String::new(), []); // the disk's thread has ended in the meantime, and takes nothing any more
        }
        spare
    }

    /// Hands over the last group there will be, once nothing else lies there or nobody takes it any more. The disk's thread
    /// wakes for it when the engine's has ended: see [`Self::engine_done`].
    pub(crate) fn hand_over_last(&self, group: Group) {
        let mut table = self.table.lock();
        while !table.next.is_empty() && table.failure.is_none() {
            table.engine_holds = true;
            self.engine_wakes.wait(&mut table);
        }
        table.next.add(group);
        if table.failure.is_some() {
            drop(table);
            self.fail(String::new(), []);
        }
    }

    /// The engine's thread has ended.
    pub(crate) fn engine_done(&self) {
        self.table.lock().stage = Stage::EngineDone;
        self.disk_wakes.notify_one();
    }

    /// Waits for what is to be made durable next; `None` when no more comes.
    pub(crate) fn next_commit(&self) -> Option<Commit> {
        let mut table = self.table.lock();
        loop {
            if !table.next.is_empty() {
                table.disk_idle = false;
                if table.engine_holds || !table.intake.is_empty() {
                    self.engine_wakes.notify_one();
                }
                return Some(std::mem::take(&mut table.next));
            }
            if table.stage == Stage::EngineDone {
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
        self.under_way.fetch_sub(group.served, Ordering::Relaxed);
        if let Some(invariant) = batch.violated() {
            self.table.lock().halted.get_or_insert_with(|| invariant.to_owned());
        }
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
        let mut table = self.table.lock();
        table.stage = if table.stage == Stage::Open { Stage::Stopping } else { table.stage };
        self.engine_wakes.notify_one();
    }

    /// The shard is broken: nothing under way is answered any more but that it is lost. The first reason stays.
    pub(crate) fn fail(&self, reason: String, lost: impl IntoIterator<Item = u64>) {
        let mut table = self.table.lock();
        table.failure.get_or_insert(reason);
        let mut tokens: Vec<u64> = lost.into_iter().collect();
        tokens.extend(table.intake.drain().map(|request| request.token));
        tokens.extend(std::mem::take(&mut table.next).tokens());
        drop(table);
        self.engine_wakes.notify_one();
        self.under_way.fetch_sub(tokens.len(), Ordering::Relaxed);
        self.outbox.push(Published { batch: std::sync::Arc::default(), answers: Vec::new(), lost: tokens });
        self.outbox.ring();
    }
}

#[cfg(test)]
impl Desk {
    /// What must hold when nobody goes on before the disk has done what it does.
    pub(crate) fn check_while_the_disk_is_busy(&self) {
        let table = self.table.lock();
        let lives = table.failure.is_none() && table.stage < Stage::EngineDone;
        if lives && table.engine_holds && table.next.is_empty() {
            crate::sync::turns::wrong("the engine's thread holds a group for which there is room");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;
    use crate::clock::ManualTime;
    use crate::recent::Recent;
    use crate::request::Answer;
    use crate::sequencer::Poisoned;
    use agio_engine::events::Violated;
    use agio_engine::sink::Events as _;

    fn desk() -> Desk {
        let clock = Clock::new(Box::new(ManualTime::at(Micros(1))), Micros(0), false).unwrap();
        Desk::new(clock, Outbox::new().unwrap(), Sequence(0), None)
    }

    fn failed() -> Desk {
        let desk = desk();
        desk.fail("the disk".into(), []);
        desk.outbox.take();
        desk
    }

    fn group(token: u64) -> Group {
        let answers = vec![Answer { token, status: 200, body: vec![], orders: None }];
        Group { answers, served: 1, ..Group::default() }
    }

    fn lost(desk: &Desk) -> Vec<u64> {
        desk.outbox.take().into_iter().flat_map(|told| told.lost).collect()
    }

    #[test]
    fn what_is_handed_over_behind_a_failure_is_told_to_be_lost() {
        let desk = failed();
        desk.hand_over(group(7));
        assert_eq!((lost(&desk), desk.failure().as_deref()), (vec![7], Some("the disk")));
        let poisoned = Poisoned { sequence: Sequence(1), message: "planted".into(), lost: vec![9, 10] };
        desk.hand_over_last(Group { poisoned: Some(poisoned), ..group(8) });
        let mut tokens = lost(&desk);
        tokens.sort_unstable();
        assert_eq!((tokens, desk.failure().as_deref()), (vec![8, 9, 10], Some("the disk")));
    }

    #[test]
    fn nobody_is_forgotten_when_a_poison_command_meets_a_disk_that_fails() {
        let poisoned = || Poisoned { sequence: Sequence(1), message: "planted".into(), lost: vec![9, 10] };
        let last = || Group { poisoned: Some(poisoned()), ..group(8) };
        let desk = desk();
        desk.hand_over_last(last());
        desk.fail("the disk".into(), []);
        assert_eq!(lost(&desk), [8, 9, 10], "before the disk has taken it");
        let mut commit = Commit::default();
        commit.add(last());
        assert_eq!(commit.tokens().collect::<Vec<_>>(), [8, 9, 10], "while it is written");
    }

    #[test]
    fn a_full_group_waits_for_the_disk_whatever_is_due() {
        let desk = desk();
        desk.hand_over(group(1));
        let load = Load { served: usize::MAX / 2, bytes: 0, limit: 0 };
        let full = InHand { is_empty: false, has_room: false, load };
        std::thread::scope(|scope| {
            let turn = scope.spawn(|| desk.engine_turn(&mut VecDeque::new(), full, Some(Micros(0))));
            assert!(desk.next_commit().is_some());
            assert!(matches!(turn.join().unwrap(), Turn::HandOver), "a tick would not have fitted");
        });
    }

    #[test]
    fn an_invariant_that_does_not_hold_is_told_as_soon_as_it_is_durable() {
        let (desk, mut batch) = (desk(), Batch::default());
        desk.publish(group(1));
        assert_eq!((desk.state(), desk.halted()), (State::Running, None));
        for invariant in ["the first", "another"] {
            batch.begin();
            batch.put(|| Violated { invariant: invariant.into() });
            batch.finish(Sequence(1), Micros(1), &mut Recent::new(0));
        }
        desk.publish(Group { batch, ..group(2) });
        desk.publish(group(3));
        assert_eq!((desk.state(), desk.halted().as_deref()), (State::Halted, Some("the first")));
        desk.set_disk_low(true);
        assert_eq!(desk.state(), State::Halted, "this does not pass");
        desk.fail("the disk".into(), []);
        assert_eq!(desk.state(), State::Failed);
    }
}
