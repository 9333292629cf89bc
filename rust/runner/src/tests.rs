//! A shard on a simulated disk: order, durability, failures and new beginnings.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agio_engine::commands::{Command, Deposit, ListAsset, OpenAccount, RetireLane, Withdraw};
use agio_engine::engine::Engine;
use agio_engine::events::Event;
use agio_engine::units::{AccountId, Amount, AssetId, FIRST_CUSTOMER, Micros, Rate};
use agio_engine::vocabulary::{OrderLimits, Rights};
use agio_journal::skips::{self, Skip};
use agio_journal::{Durability, Fault, Hash, Memory, Progress, SnapshotHeader, Storage as _, identify, snapshot};

use crate::request::{Answer, Request, View};
use crate::{Desk, Follower, LONG_TAIL, OWN_LANE, Options, Outcome, Reading, Refusal, Shard, StartError, State};

const USDT: AssetId = AssetId(0);
/// A withdrawal of this much breaks the engine, in tests.
const POISON: Amount = Amount(666);

fn poison(command: &Command) {
    assert!(!matches!(command, Command::Withdraw(w) if w.amount == POISON), "planted");
}

fn options() -> Options {
    Options {
        folder: PathBuf::new(),
        durability: Durability::Fdatasync,
        segment_bytes: 1 << 20,
        follow_forward: false,
        least_free_bytes: 0,
        remember: 100,
        long_tail: LONG_TAIL,
        reading: Reading::default(),
        manual_time: None,
        tripwire: Some(poison),
    }
}

/// A shard, the disk under it, and what its desk has said.
struct World {
    disk: Memory,
    shard: Shard,
    next: u64,
    said: HashMap<u64, Answer>,
    lost: Vec<u64>,
    events: Vec<Event>,
}

impl World {
    fn new() -> Self {
        let mut world = Self::on(Memory::simulated(), &options()).unwrap();
        let rights = Rights { trade: true, withdraw: true, deposit: true };
        let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
        world.command(ListAsset { name: "USDT".into(), precision: 8 });
        world.command(OpenAccount { rights, maker: Rate(0), taker: Rate(0), limits });
        world.wait();
        world
    }

    fn on(disk: Memory, options: &Options) -> Result<Self, StartError> {
        let (shard, ()) = Shard::open_on(Arc::new(disk.clone()), options, |_| ())?;
        Ok(Self { disk, shard, next: 0, said: HashMap::new(), lost: Vec::new(), events: Vec::new() })
    }

    fn desk(&self) -> &Desk {
        self.shard.desk()
    }

    fn ask(&mut self, command: Option<Command>) -> Result<u64, Refusal> {
        let token = self.next;
        let reply = move |view: &View<'_>, outcome: &Outcome<'_>| {
            let refused = outcome.rejected.is_some();
            let body = free(view.engine).0.to_le_bytes().to_vec();
            Some(Answer { token, status: if refused { 400 } else { 200 }, body, orders: None })
        };
        self.desk().submit(Request { token, command, deadline: Micros(0), reply: Box::new(reply) })?;
        self.next += 1;
        Ok(token)
    }

    fn command(&mut self, command: impl Into<Command>) -> u64 {
        self.ask(Some(command.into())).unwrap()
    }

    fn deposit(&mut self, amount: u128) -> u64 {
        self.command(Deposit { account: FIRST_CUSTOMER, asset: USDT, amount: Amount(amount) })
    }

    fn drain(&mut self) {
        for group in self.shard.desk().outbox.take() {
            self.events.extend(group.batch.commands().flat_map(|(_, events)| events));
            self.said.extend(group.answers.into_iter().map(|answer| (answer.token, answer)));
            self.lost.extend(group.lost);
        }
    }

    /// Until everything asked is answered or lost.
    fn wait(&mut self) {
        self.wait_for(|world| world.said.len() + world.lost.len() == world.next as usize);
    }

    fn wait_for(&mut self, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + Duration::from_secs(10);
        while !done(self) {
            assert!(Instant::now() < until, "nothing came: {:?} {:?}", self.desk().state(), self.desk().failure());
            std::thread::sleep(Duration::from_millis(1));
            self.drain();
        }
    }

    fn balance(&mut self) -> u128 {
        let token = self.ask(None).unwrap();
        self.wait_for(|world| world.said.contains_key(&token));
        told(&self.said[&token])
    }
}

fn free(engine: &Engine) -> Amount {
    let mut balances = engine.balances(FIRST_CUSTOMER);
    balances.find(|(asset, ..)| *asset == USDT).map_or(Amount(0), |(_, free, _)| free)
}

fn told(answer: &Answer) -> u128 {
    u128::from_le_bytes(answer.body.as_slice().try_into().unwrap())
}

#[test]
fn each_answer_sees_the_state_right_after_its_command() {
    let mut world = World::new();
    let tokens: Vec<u64> = (0..5_000).map(|_| world.deposit(1)).collect();
    world.wait();
    for (index, token) in tokens.iter().enumerate() {
        assert_eq!(told(&world.said[token]), index as u128 + 1);
    }
    assert_eq!(world.balance(), 5_000);
}

#[test]
fn what_was_answered_survives_a_power_cut_at_any_moment() {
    for seed in 0..20 {
        let mut world = World::new();
        for _ in 0..200 {
            world.deposit(1);
        }
        world.wait_for(|world| world.said.len() > 50 + seed as usize * 5);
        // The disk's image first, what was said after it: then everything said before the cut is counted.
        world.drain();
        let said = world.said.values().map(told).max().unwrap();
        let disk = world.disk.crash(seed);
        let mut again = World::on(disk, &options()).unwrap();
        let found = again.balance();
        assert!((said..=200).contains(&found), "seed {seed}: {said} was said, {found} is there");
    }
}

#[test]
fn nothing_is_said_that_a_failed_sync_did_not_make_durable() {
    let mut failed = 0;
    for nth in 0..24 {
        let mut world = World::new();
        world.disk.fail(nth, Fault::Error);
        for _ in 0..2_000 {
            if world.ask(Some(Deposit { account: FIRST_CUSTOMER, asset: USDT, amount: Amount(1) }.into())).is_err() {
                break;
            }
        }
        world.wait();
        if world.desk().state() != State::Failed {
            continue; // the fault met the housekeeping, which tries again
        }
        failed += 1;
        assert!(!world.lost.is_empty(), "call {nth}: the requests of the failed group are told so");
        assert_eq!(world.ask(None), Err(Refusal::Stopping));
        let said = world.said.values().filter(|answer| answer.status == 200).map(told).max().unwrap_or(0);
        world.shard.stop().unwrap();
        let mut again = World::on(world.disk.crash(nth), &options()).unwrap();
        assert!(again.balance() >= said, "call {nth}");
    }
    assert!(failed >= 6, "only {failed} of the faults met the journal");
}

#[test]
fn a_stop_answers_all_and_leaves_a_snapshot() {
    let mut world = World::new();
    for _ in 0..1_000 {
        world.deposit(2);
    }
    world.shard.stop().unwrap();
    world.drain();
    assert_eq!((world.said.len(), world.lost.len()), (world.next as usize, 0));
    assert_eq!(world.ask(None), Err(Refusal::Stopping));
    let files = world.disk.list().unwrap();
    assert_eq!(files.iter().filter(|file| file.name.contains(".snap")).count(), 1, "{files:?}");
    let mut again = World::on(world.disk.killed(), &options()).unwrap();
    assert_eq!(again.shard.started_at().0, 1_002);
    assert_eq!(again.balance(), 2_000);
}

#[test]
fn a_damaged_snapshot_costs_nothing_and_is_told_as_such() {
    let mut world = World::new();
    world.deposit(2);
    world.shard.stop().unwrap();
    let disk = world.disk.killed();
    let snapshot = disk.list().unwrap().into_iter().find(|file| file.name.contains(".snap")).unwrap();
    assert!(disk.flip(&snapshot.name, snapshot.bytes - 1, 0));
    let mut again = World::on(disk, &options()).unwrap();
    assert_eq!(again.balance(), 2);
    let [note] = again.shard.notes() else { panic!("{:?}", again.shard.notes()) };
    assert!(note.contains("nothing is lost") && note.contains(&snapshot.name), "{note}");
    assert!(!note.contains("will not be opened"), "{note}");
}

#[test]
fn a_poison_command_is_skipped_from_the_next_start_on() {
    let mut world = World::new();
    world.deposit(1_000);
    world.wait();
    let before = world.command(Withdraw { account: FIRST_CUSTOMER, asset: USDT, amount: Amount(1) });
    let poisoned = world.command(Withdraw { account: FIRST_CUSTOMER, asset: USDT, amount: POISON });
    world.wait_for(|world| world.desk().state() == State::Failed);
    world.wait();
    assert_eq!(world.said[&before].status, 200);
    assert_eq!(world.lost, [poisoned]);
    assert!(world.desk().failure().unwrap().contains("planted"), "{:?}", world.desk().failure());
    world.shard.stop().unwrap();
    let mut again = World::on(world.disk.killed(), &options()).unwrap();
    assert_eq!(again.balance(), 999, "the poison had no effect");
    again.deposit(1);
    assert_eq!(again.balance(), 1_000, "and the exchange goes on");
}

#[test]
fn a_full_disk_takes_cancels_and_questions_only_and_recovers_by_itself() {
    let mut world = World::on(Memory::simulated(), &Options { least_free_bytes: 1 << 30, ..options() }).unwrap();
    world.disk.set_free(1 << 20);
    world.wait_for(|world| world.desk().state() == State::CancelsOnly);
    let deposit = Deposit { account: AccountId(1), asset: USDT, amount: Amount(1) };
    assert_eq!(world.ask(Some(deposit.clone().into())), Err(Refusal::CancelsOnly));
    assert!(world.ask(None).is_ok());
    world.disk.set_free(2 << 30);
    world.wait_for(|world| world.desk().state() == State::Running);
    assert!(world.ask(Some(deposit.into())).is_ok());
    world.wait();
}

/// Why a log cannot be read to its end, by `agio verify` and `inspect`.
fn reading(disk: &Memory) -> StartError {
    let storage: Arc<dyn agio_journal::Storage> = Arc::new(disk.clone());
    let mut follower = Follower::begin(&storage, Engine::new(), 1).unwrap().tripping(poison);
    loop {
        match follower.advance() {
            Ok(step) => assert!(step.is_some(), "it could be read"),
            Err(error) => return error,
        }
    }
}

#[test]
fn a_poison_command_whose_process_died_before_it_was_noted_is_skipped_by_the_start_itself() {
    let mut world = World::new();
    world.deposit(1_000);
    world.wait();
    world.command(Withdraw { account: FIRST_CUSTOMER, asset: USDT, amount: POISON });
    world.wait_for(|world| world.desk().state() == State::Failed);
    world.shard.stop().unwrap();
    let disk = world.disk.killed();
    disk.remove("skips").unwrap();
    let told = reading(&disk);
    assert!(
        matches!(told, StartError::Breaking { sequence, .. } if sequence == world.shard.desk().applied().0 + 1),
        "{told}"
    );
    let mut again = World::on(disk, &options()).unwrap();
    assert!(again.shard.notes().iter().any(|note| note.contains("planted")), "{:?}", again.shard.notes());
    assert_eq!(again.balance(), 1_000, "the poison had no effect");
    again.deposit(1);
    assert_eq!(again.balance(), 1_001, "and the exchange goes on");
    again.wait();
    again.shard.stop().unwrap();
    let disk = again.disk.killed();
    let remove = |ends: &str| {
        let names = disk.list().unwrap().into_iter().map(|file| file.name);
        names.filter(|name| name.ends_with(ends)).for_each(|name| disk.remove(&name).unwrap());
    };
    remove(".snap");
    remove("skips");
    let told = reading(&disk);
    assert!(matches!(told, StartError::Broken { .. }), "{told}");
    let refused = World::on(disk, &options()).err();
    assert!(matches!(refused, Some(StartError::Broken { .. })), "what others follow was live: {refused:?}");
}

#[test]
fn a_reply_that_panics_fails_the_shard_and_nobody_waits_for_it() {
    let mut world = World::new();
    world.deposit(1);
    world.wait();
    let reply = Box::new(|_: &View<'_>, _: &Outcome<'_>| panic!("planted"));
    world.desk().submit(Request { token: 99, command: None, deadline: Micros(0), reply }).unwrap();
    world.wait_for(|world| world.desk().state() == State::Failed);
    assert!(world.desk().failure().unwrap().contains("planted"), "{:?}", world.desk().failure());
    assert_eq!(world.ask(None), Err(Refusal::Stopping));
    world.shard.stop().unwrap();
    let mut again = World::on(world.disk.killed(), &options()).unwrap();
    assert_eq!(again.balance(), 1);
}

/// Where a state's bytes say that the shard has halted: behind magic, version, sequence, time, epoch and hash.
const HALTED: usize = 8 + 2 + 8 + 8 + 8 + 32;

/// The world as it would go on from a state whose balance does not fit the rest, known to be so or not.
fn damaged(halted: bool) -> Result<World, StartError> {
    let mut world = World::new();
    world.deposit(123_456_789);
    world.wait();
    world.shard.stop().unwrap();
    let disk = world.disk.killed();
    let snapshot = snapshot::load(&disk, u64::MAX).unwrap().snapshot.unwrap();
    let mut body = snapshot.body;
    body[HALTED] = halted.into();
    let amount = 123_456_789_u128.to_le_bytes();
    let at = body.windows(16).rposition(|bytes| bytes == amount).unwrap();
    body[at] += 1;
    let state_hash = Hash(Engine::restore(&body).map_or([0; 32], |engine| engine.hash()));
    let header = SnapshotHeader { state_hash, ..snapshot.header };
    snapshot::write(&disk, &header, &body, 1).unwrap();
    World::on(disk, &options())
}

#[test]
fn a_shard_that_has_halted_starts_again_says_why_and_takes_cancels_only() {
    assert!(matches!(damaged(false).err(), Some(StartError::Restore(_))), "it was not known");
    let mut world = damaged(true).unwrap();
    let words = "all balances of USDT sum to 1, not 0 (outside: -123456789)";
    assert_eq!((world.desk().state(), world.desk().halted().as_deref()), (State::Halted, Some(words)));
    assert!(world.shard.notes().iter().any(|note| note.contains(words)), "{:?}", world.shard.notes());
    let deposit = world.deposit(1);
    world.wait();
    assert_eq!(world.said[&deposit].status, 400);
    assert_eq!(world.balance(), 123_456_790, "questions are answered");
    world.shard.stop().unwrap();
    let again = World::on(world.disk.killed(), &options()).unwrap();
    assert_eq!(again.desk().state(), State::Halted);
}

#[test]
fn segments_that_do_not_hold_every_command_are_refused() {
    let small = |segment_bytes| World::on(Memory::simulated(), &Options { segment_bytes, ..options() });
    assert!(matches!(small(16 << 10).err(), Some(StartError::Segments(16_384))));
    let mut world = small(32 << 10).unwrap();
    for _ in 0..100 {
        let name = "A".repeat(8_000);
        world.command(ListAsset { name, precision: 8 });
    }
    world.wait();
    assert_eq!(world.desk().state(), State::Running);
}

#[test]
fn a_skip_list_that_is_ahead_of_its_log_is_refused() {
    let mut world = World::new();
    world.deposit(1);
    world.wait();
    world.shard.stop().unwrap();
    let disk = world.disk.killed();
    let log = identify(&disk).unwrap().unwrap();
    skips::append(&disk, log, &Skip { sequence: 50, time: 1, reason: "cut since".into() }).unwrap();
    // Or else the command that gets this number, and is acknowledged, would be passed over at the start after that.
    let refused = World::on(disk, &options()).err();
    assert!(matches!(refused, Some(StartError::SkipAhead { sequence: 50, last: 3 })), "{refused:?}");
}

#[test]
fn neither_a_snapshot_nor_a_skip_is_ahead_of_its_log_in_any_class() {
    let class = Options { durability: Durability::PageCache, ..options() };
    for seed in 0..12 {
        let mut world = World::new();
        world.shard.stop().unwrap();
        let mut world = World::on(world.disk.killed(), &class).unwrap();
        for _ in 0..10 {
            world.deposit(1);
        }
        world.wait();
        world.shard.stop().unwrap();
        let mut again =
            World::on(world.disk.crash(seed), &class).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(again.balance(), 10);
        again.command(Withdraw { account: FIRST_CUSTOMER, asset: USDT, amount: POISON });
        again.wait_for(|world| world.desk().state() == State::Failed);
        again.shard.stop().unwrap();
        let mut last = World::on(again.disk.crash(seed), &class).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(last.balance(), 10);
    }
}

#[test]
fn a_retired_lane_of_its_own_begins_again() {
    let mut world = World::new();
    world.deposit(1);
    world.command(RetireLane { retired: OWN_LANE });
    world.deposit(2);
    world.wait();
    assert_eq!(world.balance(), 3, "what comes behind it is no gap");
    world.shard.stop().unwrap();
    let mut again = World::on(world.disk.killed(), &options()).unwrap();
    again.deposit(4);
    assert_eq!(again.balance(), 7);
}

#[test]
fn a_snapshot_that_does_not_fit_keeps_nobody_from_starting() {
    let mut world = World::new();
    world.deposit(1);
    world.wait();
    let long = Options { long_tail: 1, ..options() };
    let mut told = 0;
    for nth in 0.. {
        let disk = world.disk.killed();
        let before = disk.calls();
        disk.fail(nth, Fault::Half);
        match World::on(disk.clone(), &long) {
            Ok(mut started) => {
                assert_eq!(started.balance(), 1);
                let notes = started.shard.notes();
                told += u32::from(notes.iter().any(|note| note.contains("no snapshot was taken")));
                if disk.calls() - before <= nth {
                    break;
                }
            }
            Err(error) => assert!(!error.to_string().contains("snapshot"), "call {nth}: {error}"),
        }
    }
    assert!(told >= 5, "{told}");
}

#[test]
fn what_is_left_of_a_snapshot_that_does_not_fit_is_removed() {
    let mut world = World::new();
    world.deposit(1);
    world.wait();
    world.disk.set_free(300);
    assert!(world.shard.stop().unwrap_err().to_string().contains("snapshot.part"));
    assert_eq!(world.disk.content("snapshot.part"), None, "it would keep what room there was");
    let free = world.disk.free_bytes().unwrap();
    assert_eq!(free, 300);
}

#[test]
fn a_start_tells_how_far_it_has_read() {
    let mut world = World::new();
    world.deposit(1);
    world.wait();
    let reading = Reading::default();
    assert_eq!(reading.progress(), Progress::default());
    World::on(world.disk.killed(), &Options { reading: reading.clone(), ..options() }).unwrap();
    assert_eq!(reading.progress(), Progress { done: 1 << 20, total: 1 << 20 });
}
