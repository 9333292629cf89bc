//! Threads that take turns: one runs at a time, and a seed says which is next, so that what a schedule has found is found
//! again. The one with the highest priority runs; priorities are drawn, and at random points the running thread's becomes
//! the lowest (probabilistic concurrency testing, Burckhardt and others, 2010). Threads that wait for nothing that comes are
//! found at once: nobody is left who could run.
//!
//! What it cannot show: an order of memory that only a processor makes. Each thread sees all that was written before its turn.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::fd::{AsFd, AsRawFd as _};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use crate::sequencer::words_of;

/// More turns than any schedule takes that ends.
const MOST_TURNS: u64 = 1_000_000;

/// A call in the code under test.
pub(crate) type Site = &'static Location<'static>;

/// What a seed draws.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    /// Until somebody wakes those that wait for this; from a condition variable one may also come back for nothing.
    Waits {
        on: usize,
        since: Site,
        condition: bool,
    },
    /// Until nobody else can run.
    Rests,
    Ended,
}

struct Task {
    name: String,
    state: State,
    priority: u64,
    baton: Arc<Condvar>,
    for_nothing: bool,
}

struct Turns {
    tasks: Vec<Task>,
    running: usize,
    dice: Dice,
    /// One turn in so many ends with a change of priority.
    change: u64,
    lowest: u64,
    taken: u64,
    /// How often a condition variable may yet let somebody go for nothing, as when a time-out has passed.
    for_nothing: u64,
    muted: Option<Site>,
    refused: Option<&'static str>,
    sites: BTreeSet<Site>,
    verdict: Option<Result<(), String>>,
}

struct Schedule {
    turns: Mutex<Turns>,
    over: Condvar,
}

#[derive(Clone)]
struct Me {
    schedule: Arc<Schedule>,
    id: usize,
}

thread_local! {
    static ME: RefCell<Option<Me>> = const { RefCell::new(None) };
}

fn me() -> Option<Me> {
    ME.try_with(|me| me.borrow().clone()).ok().flatten()
}

impl Turns {
    fn add(&mut self, name: &str) -> usize {
        let (priority, name) = ((1 << 32) + self.dice.below(1 << 31), name.to_owned());
        self.tasks.push(Task { name, state: State::Ready, priority, baton: Arc::default(), for_nothing: false });
        self.tasks.len() - 1
    }

    fn wake(&mut self, woken: usize) {
        self.tasks[woken].state = State::Ready;
    }

    fn all(&self, wanted: impl Fn(State) -> bool) -> Vec<usize> {
        (0..self.tasks.len()).filter(|id| wanted(self.tasks[*id].state)).collect()
    }

    fn choose(&mut self) {
        self.taken += 1;
        if self.dice.one_in(self.change) {
            self.lowest -= 1;
            self.tasks[self.running].priority = self.lowest;
        }
        let ready = self.all(|state| state == State::Ready);
        let sleeping = self.all(|state| matches!(state, State::Waits { condition: true, .. }));
        if self.for_nothing > 0 && !ready.is_empty() && !sleeping.is_empty() && self.dice.one_in(8) {
            let woken = sleeping[self.dice.below(sleeping.len() as u64) as usize];
            self.for_nothing -= 1;
            self.tasks[woken].for_nothing = true;
            self.wake(woken);
        }
        let ready = self.all(|state| state == State::Ready).into_iter().max_by_key(|id| self.tasks[*id].priority);
        let resting = || self.all(|state| state == State::Rests).pop();
        match ready.or_else(resting) {
            Some(id) if self.taken < MOST_TURNS => {
                self.wake(id);
                self.running = id;
            }
            None if self.tasks.iter().all(|task| task.state == State::Ended) => self.end(Ok(())),
            _ => self.end(Err(self.standstill())),
        }
    }

    fn end(&mut self, verdict: Result<(), String>) {
        self.running = usize::MAX;
        self.verdict.get_or_insert(verdict);
    }

    fn standstill(&self) -> String {
        let waits = self.tasks.iter().filter_map(|task| match task.state {
            State::Waits { since, .. } => Some(format!("{} waits at {since}", task.name)),
            _ => None,
        });
        format!("nobody can go on after {} turns: {}", self.taken, waits.collect::<Vec<_>>().join(", "))
    }
}

impl Schedule {
    /// Passes the turn on; comes back when it is this thread's again. After a schedule has been found wrong that is never:
    /// its threads stay as they are.
    fn pass(&self, id: usize, state: State) {
        let mut turns = self.turns.lock();
        turns.tasks[id].state = state;
        if turns.running == id {
            turns.choose();
            self.hand_on(&turns);
        }
        if state != State::Ended {
            wait_for_turn(&mut turns, id);
        }
    }

    fn hand_on(&self, turns: &Turns) {
        match turns.tasks.get(turns.running) {
            Some(task) => task.baton.notify_one(),
            None => self.over.notify_one(),
        };
    }

    fn run<T>(self: &Arc<Self>, id: usize, body: impl FnOnce() -> T) -> Option<T> {
        ME.set(Some(Me { schedule: Arc::clone(self), id }));
        wait_for_turn(&mut self.turns.lock(), id);
        let ended = catch_unwind(AssertUnwindSafe(body));
        let mut turns = self.turns.lock();
        if let Err(panic) = &ended {
            let words = format!("{}: {}", turns.tasks[id].name, words_of(panic.as_ref()));
            turns.end(Err(words));
        }
        let joining = turns.all(|state| matches!(state, State::Waits { on, .. } if on == joins(id)));
        for woken in joining {
            turns.wake(woken);
        }
        drop(turns);
        ME.set(None);
        self.over.notify_one();
        self.pass(id, State::Ended);
        ended.ok()
    }
}

fn wait_for_turn(turns: &mut MutexGuard<'_, Turns>, id: usize) {
    let baton = Arc::clone(&turns.tasks[id].baton);
    while turns.running != id {
        baton.wait(turns);
    }
}

/// What one waits for who waits for the end of a thread.
fn joins(id: usize) -> usize {
    usize::MAX - id
}

/// Runs `body`, and the threads that it starts, under the schedule that `seed` draws, with the effect of one call left out.
/// Answers what is wrong, and the calls that can be left out.
pub(crate) fn run(
    seed: u64,
    muted: Option<Site>,
    body: impl FnOnce() + Send + 'static,
) -> (Result<(), String>, BTreeSet<Site>) {
    let mut dice = Dice::new(seed);
    let (change, for_nothing) = (2 << dice.below(7), [0, 0, 2, 10][dice.below(4) as usize]);
    let mut turns = Turns {
        tasks: Vec::new(),
        running: 0,
        dice,
        change,
        lowest: 1 << 32,
        taken: 0,
        for_nothing,
        muted,
        refused: None,
        sites: BTreeSet::new(),
        verdict: None,
    };
    turns.add("test");
    let schedule = Arc::new(Schedule { turns: Mutex::new(turns), over: Condvar::new() });
    let root = Arc::clone(&schedule);
    std::thread::spawn(move || {
        // One runs at a time: on one processor the turn is passed on in a third of the time.
        let mut here = CpuSet::new();
        here.set(sched_getcpu());
        let _ = sched_setaffinity(None, &here);
        root.run(0, body)
    });
    let mut turns = schedule.turns.lock();
    while turns.verdict.is_none() {
        schedule.over.wait(&mut turns);
    }
    (turns.verdict.clone().expect("waited for"), std::mem::take(&mut turns.sites))
}

/// Whether this thread takes turns.
pub(crate) fn scheduled() -> bool {
    me().is_some()
}

/// Here another thread may run.
pub(crate) fn point() {
    if let Some(me) = me() {
        me.schedule.pass(me.id, State::Ready);
    }
}

/// Comes back when nobody else can run; of several who rest, the youngest.
pub(crate) fn rest() {
    if let Some(me) = me() {
        me.schedule.pass(me.id, State::Rests);
    }
}

/// The schedule is wrong.
pub(crate) fn wrong(words: &str) {
    if let Some(me) = me() {
        me.schedule.turns.lock().end(Err(words.to_owned()));
        me.schedule.over.notify_one();
        me.schedule.pass(me.id, State::Ready);
    }
}

/// Waits until somebody wakes those who wait for `on`; true when nobody has.
pub(crate) fn wait(on: usize, since: Site, condition: bool) -> bool {
    let Some(me) = me() else { return false };
    me.schedule.pass(me.id, State::Waits { on, since, condition });
    std::mem::take(&mut me.schedule.turns.lock().tasks[me.id].for_nothing)
}

/// Wakes one, drawn by lot, or all that wait for `on`. They run when it is their turn.
pub(crate) fn wake(on: usize, every: bool) {
    let Some(me) = me() else { return };
    let mut turns = me.schedule.turns.lock();
    let waiting = turns.all(|state| matches!(state, State::Waits { on: what, .. } if what == on));
    if waiting.is_empty() {
        return;
    }
    let one = turns.dice.below(waiting.len() as u64) as usize;
    for (at, id) in waiting.into_iter().enumerate() {
        if every || at == one {
            turns.wake(id);
        }
    }
}

/// Notes a call whose effect can be left out, and says whether it has one.
pub(crate) fn takes_effect(site: Site) -> bool {
    point();
    me().is_none_or(|me| {
        let mut turns = me.schedule.turns.lock();
        turns.sites.insert(site);
        turns.muted != Some(site)
    })
}

/// Waits as an event loop does.
#[track_caller]
pub(crate) fn wait_readable(file: &impl AsFd) {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    point();
    while poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&at_once)) == Ok(0) {
        wait(file.as_fd().as_raw_fd() as usize, Location::caller(), false);
    }
}

/// From here on there is no thread to be had for this name.
pub(crate) fn refuse(name: &'static str) {
    if let Some(me) = me() {
        me.schedule.turns.lock().refused = Some(name);
    }
}

/// A thread that takes turns, if this one does.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<(std::thread::JoinHandle<Option<T>>, usize)> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    let Some(me) = me() else { return Ok((builder.spawn(|| Some(body()))?, 0)) };
    if me.schedule.turns.lock().refused == Some(name) {
        return Err(std::io::ErrorKind::WouldBlock.into());
    }
    let id = me.schedule.turns.lock().add(name);
    let schedule = me.schedule;
    let thread = builder.spawn(move || schedule.run(id, body))?;
    point();
    Ok((thread, id))
}

/// Waits for the end of a thread.
#[track_caller]
pub(crate) fn join(id: usize) {
    let Some(me) = me() else { return };
    point();
    let ended = || me.schedule.turns.lock().tasks[id].state == State::Ended;
    while !ended() {
        wait(joins(id), Location::caller(), false);
    }
}
