//! A shard's threads, its clients, its event loop and its projector, under schedules that seeds draw: whoever was let in is
//! told once, nothing is told before its time, and nobody waits for a wake-up that does not come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use agio_engine::commands::{Command, ListAsset, Tick};
use agio_engine::units::{Micros, Sequence};
use agio_journal::{Durability, Fault, File, Memory, Tap, Tapped};

use crate::clock::{Clock, ManualTime};
use crate::commit::Load;
use crate::desk::{InHand, Turn};
use crate::sync::turns::{self, Dice, Site};
use crate::sync::{Builder, Condvar, JoinHandle, Mutex};
use crate::{Answer, Desk, LONG_TAIL, Options, Outbox, Published, Reading, Reply, Request, Shard, StartError};

const CLIENTS: u64 = 3;
/// A client's tokens begin at its number times this.
const TOKENS: u64 = 1_000;
/// Bytes of a command of which few fill a frame.
const LARGE: usize = 7_000;
const POISON: &str = "POISON";
/// Where a frame's header has the number of its records.
const FRAME_COUNT: std::ops::Range<usize> = 12..16;

fn trip(command: &Command) {
    assert!(!matches!(command, Command::ListAsset(asset) if asset.name == POISON), "planted");
}

fn options() -> Options {
    Options {
        folder: PathBuf::new(),
        durability: Durability::Fdatasync,
        segment_bytes: 32 << 10,
        follow_forward: false,
        least_free_bytes: 0,
        remember: 10,
        long_tail: LONG_TAIL,
        reading: Reading::default(),
        manual_time: Some(ManualTime::at(Micros(1))),
        tripwire: Some(trip),
    }
}

/// What ends a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Nothing but its stop.
    Stop,
    /// So many calls to the disk from now, one fails.
    Disk(u64, Fault),
    /// One command breaks the engine.
    Poison,
}

impl End {
    fn any(dice: &mut Dice) -> Self {
        match dice.below(4) {
            0 => Self::Poison,
            1 => Self::Disk(1 + dice.below(20), if dice.one_in(2) { Fault::Error } else { Fault::Half }),
            _ => Self::Stop,
        }
    }
}

/// A disk that takes its time, and counts what it has made durable.
#[derive(Debug, Default)]
struct Slow {
    /// One write in so many lasts until nobody else can go on.
    waits: u64,
    writes: AtomicU64,
    written: AtomicU64,
    durable: AtomicU64,
    desk: OnceLock<Watched>,
}

struct Watched(Arc<Desk>);

impl std::fmt::Debug for Watched {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}

impl Tap for Slow {
    fn write_at(&self, file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let frame = bytes.starts_with(b"AGJF");
        if frame {
            turns::point();
            let nth = self.writes.fetch_add(1, Ordering::Relaxed);
            if let (Some(desk), Some(0)) = (self.desk.get(), nth.checked_rem(self.waits)) {
                turns::rest();
                desk.0.check_while_the_disk_is_busy();
            }
        }
        file.write_at(offset, bytes)?;
        if frame {
            let count = u32::from_le_bytes(bytes[FRAME_COUNT].try_into().expect("four bytes"));
            self.written.fetch_add(count.into(), Ordering::Relaxed);
        }
        Ok(())
    }

    fn sync_data(&self, file: &dyn File) -> io::Result<()> {
        file.sync_data()?;
        self.durable.store(self.written.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }
}

/// What clients have been told.
#[derive(Default)]
struct Heard {
    /// The answers' status; 0 for who was told to be lost.
    told: BTreeMap<u64, u16>,
    /// The last token that each client got an answer for.
    last: BTreeMap<u64, u64>,
    sequences: Vec<u64>,
    seen: u64,
}

struct World {
    desk: Arc<Desk>,
    disk: Arc<Slow>,
    heard: Mutex<Heard>,
    projected: Mutex<Vec<u64>>,
    news: Condvar,
    over: AtomicBool,
}

impl World {
    /// The event loop. Like that it looks at how things are when it has taken what waits: one wake-up may tell of both.
    fn listen(&self) {
        loop {
            turns::wait_readable(&self.desk.outbox);
            self.hear_all();
            if self.over.load(Ordering::Relaxed) {
                return self.hear_all();
            }
        }
    }

    fn hear_all(&self) {
        self.desk.outbox.take().into_iter().for_each(|published| self.hear(published));
    }

    fn hear(&self, Published { batch, answers, lost }: Published) {
        let durable = self.disk.durable.load(Ordering::Relaxed);
        let mut heard = self.heard.lock();
        for mark in batch.marks() {
            assert_eq!(mark.sequence.0, heard.sequences.len() as u64 + 1, "the log's order");
            heard.sequences.push(mark.sequence.0);
        }
        assert!(heard.sequences.len() as u64 <= durable, "events are told that are not durable");
        for Answer { token, status, body, .. } in answers {
            let seen = u64::from_le_bytes(body.try_into().expect("eight bytes"));
            assert!(heard.seen <= seen && seen <= durable, "an answer out of order, or of what is not durable");
            assert!(heard.last.insert(token / TOKENS, token) < Some(token), "each client's requests in their order");
            heard.seen = seen;
            assert_eq!(heard.told.insert(token, status), None, "{token} is told twice");
        }
        for token in lost {
            assert_eq!(heard.told.insert(token, 0), None, "{token} is told twice");
        }
        self.news.notify_all();
    }

    /// The projector.
    fn project(&self) {
        while let Some(batches) = self.desk.backlog.take(3, Duration::from_hours(1)) {
            let mut projected = self.projected.lock();
            projected.extend(batches.iter().flat_map(|batch| batch.marks()).map(|mark| mark.sequence.0));
        }
    }

    /// One client's requests; answers which were let in, and waits now and then until it has been told of all of them.
    fn trade(&self, client: u64, seed: u64, poison: bool) -> BTreeSet<u64> {
        let (mut dice, mut let_in, mut next) = (Dice::new(seed), BTreeSet::new(), client * TOKENS);
        let large = 1 + dice.below(5);
        let poison = if poison { dice.below(6) } else { u64::MAX };
        for step in 0..2 + dice.below(5) {
            let count = 1 + dice.below(3);
            let mut requests: VecDeque<Request> =
                (next..next + count).map(|token| request(token, any_command(&mut dice, large))).collect();
            if step == poison {
                requests[0].command = Some(ListAsset { name: POISON.into(), precision: 8 }.into());
            }
            let rouses = dice.one_in(2);
            if dice.one_in(3) {
                if self.desk.put_all(requests).is_ok() {
                    let_in.extend(next..next + count);
                }
            } else {
                let put = |one: Request| {
                    let token = one.token;
                    if rouses { self.desk.submit(one) } else { self.desk.put(one) }.map(|()| token)
                };
                let_in.extend(requests.into_iter().flat_map(put));
            }
            self.desk.rouse();
            next += count;
            if dice.one_in(2) {
                self.wait_for(&let_in);
            }
        }
        let_in
    }

    fn check_nobody_waits(&self, taken: &BTreeSet<u64>) {
        let (heard, projected) = (self.heard.lock(), self.projected.lock());
        let told: BTreeSet<u64> = heard.told.keys().copied().collect();
        let (silence, invention) = (taken - &told, &told - taken);
        assert!(silence.is_empty() && invention.is_empty(), "not told: {silence:?}, not let in: {invention:?}");
        assert_eq!(self.desk.under_way(), 0, "under way");
        assert_eq!(*projected, heard.sequences, "for the projector, and for clients");
    }

    fn wait_for(&self, taken: &BTreeSet<u64>) {
        let mut heard = self.heard.lock();
        while !taken.iter().all(|token| heard.told.contains_key(token)) {
            self.news.wait(&mut heard);
        }
    }
}

fn any_command(dice: &mut Dice, large: u64) -> Option<Command> {
    match dice.below(4) {
        _ if dice.one_in(large) => Some(ListAsset { name: "A".repeat(LARGE), precision: 8 }.into()),
        0 => None,
        _ => Some(Tick {}.into()),
    }
}

fn request(token: u64, command: Option<Command>) -> Request {
    let reply: Reply = Box::new(move |view, _| {
        let body = view.engine.sequence().0.to_le_bytes().to_vec();
        Some(Answer { token, status: 200, body, orders: None })
    });
    Request { token, command, deadline: Micros(0), reply }
}

fn start<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    Builder::new().name(name.into()).spawn(body).expect("a thread")
}

/// A shard from its start to its end.
fn life(seed: u64) {
    let mut dice = Dice::new(!seed);
    let slow = Arc::new(Slow { waits: dice.below(3), ..Slow::default() });
    let memory = Memory::simulated();
    let storage = Arc::new(Tapped::new(memory.clone(), Arc::clone(&slow)));
    let mut shard = Shard::open_on(storage, &options(), |_| ()).expect("a start").0;
    let desk = Arc::clone(shard.desk());
    slow.desk.set(Watched(Arc::clone(&desk))).expect("once");
    let (heard, projected, news) = (Mutex::default(), Mutex::default(), Condvar::new());
    let world = Arc::new(World { desk, disk: slow, heard, projected, news, over: AtomicBool::new(false) });
    let end = End::any(&mut dice);
    if let End::Disk(nth, fault) = end {
        memory.fail(nth, fault);
    }
    let [listener, projector] = [Arc::clone(&world), Arc::clone(&world)];
    let listener = start("loop", move || listener.listen());
    let projector = start("projector", move || projector.project());
    let mut clients: Vec<JoinHandle<BTreeSet<u64>>> = Vec::new();
    for client in 1..=CLIENTS {
        let (world, seed) = (Arc::clone(&world), dice.below(u64::MAX));
        let poison = client == 1 && end == End::Poison;
        clients.push(start("client", move || world.trade(client, seed, poison)));
    }
    let mut taken = BTreeSet::new();
    if dice.one_in(2) {
        taken.extend(clients.drain(..).flat_map(|client| client.join().expect("a client")));
        turns::rest();
        world.check_nobody_waits(&taken);
    } else {
        (0..dice.below(200)).for_each(|_| turns::point());
    }
    let stopped = shard.stop();
    taken.extend(clients.into_iter().flat_map(|client| client.join().expect("a client")));
    world.over.store(true, Ordering::Relaxed);
    world.desk.outbox.ring();
    listener.join().expect("the loop");
    projector.join().expect("the projector");
    world.check_nobody_waits(&taken);
    match (end, world.desk.failure()) {
        (End::Disk(..), _) => {}
        (End::Poison, Some(reason)) => assert!(reason.contains("skipped from the next start on"), "{reason}"),
        (_, failure) => {
            assert_eq!((failure, stopped.is_ok()), (None, true));
            assert!(world.heard.lock().told.values().all(|status| *status == 200), "a clean stop answers everybody");
        }
    }
}

/// A manual clock reaches the time for which the engine's thread waits.
fn deadline() {
    let time = ManualTime::at(Micros(1));
    let clock = Clock::new(Box::new(time.clone()), Micros(0), false).expect("a clock");
    let desk = Arc::new(Desk::new(clock, Outbox::new().expect("an outbox"), Sequence(0), None));
    let waiting = Arc::clone(&desk);
    let engine = start("engine", move || {
        let group = InHand { is_empty: true, has_room: true, load: Load { served: 0, bytes: 0, limit: 0 } };
        assert!(matches!(waiting.engine_turn(&mut VecDeque::new(), group, Some(Micros(100))), Turn::Tick));
    });
    for now in [50, 100] {
        time.set(Micros(now));
        desk.look_at_clock();
    }
    engine.join().expect("the engine's thread");
}

fn lives(seed: u64, muted: Option<Site>) -> (Result<(), String>, BTreeSet<Site>) {
    turns::run(seed, muted, move || {
        deadline();
        life(seed);
    })
}

#[test]
fn nobody_is_forgotten_and_nobody_waits_in_vain() {
    let seeds = std::env::var("AGIO_SCHEDULES").map_or(500, |count| count.parse().expect("a number"));
    for seed in 0..seeds {
        assert_eq!(lives(seed, None).0, Ok(()), "seed {seed}");
    }
}

#[test]
fn a_start_that_gets_no_thread_leaves_none_behind() {
    for name in ["agio-engine", "agio-journal", "agio-housekeeping"] {
        let (verdict, _) = turns::run(1, None, move || {
            turns::refuse(name);
            let started = Shard::open_on(Arc::new(Memory::simulated()), &options(), |_| ());
            assert!(matches!(started, Err(StartError::System(_))));
        });
        assert_eq!(verdict, Ok(()), "{name}");
    }
}

/// With `--nocapture`, the table of `docs/correctness.md`.
#[test]
fn each_wake_up_is_needed_and_each_count() {
    let mut sites: BTreeSet<Site> = (0..50).flat_map(|seed| lives(seed, None).1).collect();
    sites.retain(|site| site.file().contains("desk.rs") || site.file().contains("outbox.rs"));
    assert!(sites.len() >= 14, "{sites:?}");
    let mut needless = Vec::new();
    for site in sites {
        match (0..1_000).find_map(|seed| lives(seed, Some(site)).0.err().map(|words| (seed, words))) {
            Some((seed, words)) => {
                assert_eq!(lives(seed, Some(site)).0, Err(words.clone()), "a seed finds the same again");
                println!("| {site} | {} | {seed} |", words.replace('\n', ","));
            }
            None => needless.push(site),
        }
    }
    assert!(needless.is_empty(), "can be left out: {needless:?}");
}
