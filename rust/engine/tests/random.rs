//! Random commands of all kinds: the invariants hold, events tell the whole truth, replays agree.
//!
//! `AGIO_COMMANDS` raises their number, `AGIO_SEED` changes them; a failure names its seed.

mod common;

use std::collections::BTreeMap;

use agio_engine::Engine;
use agio_engine::commands::{Command, Envelope, decode_record, encode_record};
use agio_engine::events::Event;
use agio_engine::reasons::Reason;
use agio_engine::units::{Lane, Micros};
use common::mirror::Mirror;
use common::random::{Dice, command, venue};

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// A log of random commands, with some envelopes that are refused by the gates.
struct Log {
    records: Vec<(Envelope, Command)>,
    lanes: [u64; 3],
}

impl Log {
    fn envelope(&mut self, dice: &mut Dice, mut envelope: Envelope) -> Envelope {
        if dice.one_in(2) {
            let lane = dice.below(3) as usize;
            envelope.lane = Lane(lane as u32);
            envelope.number = self.lanes[lane] + if dice.one_in(30) { dice.below(3) } else { 1 };
            self.lanes[lane] += u64::from(envelope.number == self.lanes[lane] + 1);
        }
        if dice.one_in(50) {
            envelope.deadline = Micros(envelope.time.0 + dice.below(2) * 10 - 5);
        }
        envelope
    }
}

#[test]
fn invariants_hold_and_events_tell_the_whole_truth() {
    let (seed, count) = (from_environment("AGIO_SEED", 1), from_environment("AGIO_COMMANDS", 100_000));
    let mut dice = Dice(seed);
    let mut world = venue();
    let mut mirror = Mirror::default();
    let mut log = Log { records: Vec::new(), lanes: [0; 3] };
    let mut refusals = BTreeMap::<String, u64>::new();
    world.events.drain(..).for_each(|events| mirror.read(&events));
    for number in 0..count {
        let command = command(&mut dice, &mut world);
        let envelope = log.envelope(&mut dice, world.envelope());
        let before = (number % 97 == 0).then(|| state(&world.engine));
        let events = world.run_as(&envelope, &command);
        world.events.clear();
        mirror.read(&events);
        if let [Event::Rejected(rejected)] = events.as_slice() {
            *refusals.entry(format!("{:?}", rejected.reason)).or_default() += 1;
            let unchanged = before.is_none_or(|before| before == state(&world.engine));
            assert!(unchanged, "seed {seed}, command {number}: {rejected:?} changed something: {command:?}");
        }
        if number % 997 == 0 || number + 1 == count {
            world.engine.audit().unwrap_or_else(|found| panic!("seed {seed}, command {number}: {found}"));
            mirror.compare(&world.engine);
        }
        log.records.push((envelope, command));
    }
    println!("{:?}\n{refusals:?}\n{} open", mirror.executions, world.engine.open_count());
    // What never happened was not tested.
    for kind in ["new", "filled", "partly filled", "canceled", "expired", "expired in match", "decremented"] {
        assert!(count < 100_000 || mirror.executions.get(kind).is_some_and(|times| *times > 20), "hardly any {kind}");
    }
    assert!(count < 100_000 || refusals.len() >= 30, "only {} kinds of refusals: {refusals:?}", refusals.len());
    replay(seed, &log.records, world.engine.hash());
}

/// All that a query shows, so that a refused command can be seen to have changed nothing. Order counts are not
/// included: a late request counts.
fn state(engine: &Engine) -> impl PartialEq + use<> {
    let balances: Vec<_> = engine.accounts().flat_map(|id| engine.balances(id)).collect();
    let orders: Vec<_> = engine.accounts().flat_map(|id| engine.open_orders(id, None)).collect();
    let accounts: Vec<_> = engine.accounts().map(|id| engine.account(id)).collect();
    let markets: Vec<_> = engine.markets().map(|m| (m.status, *m.filters, m.last_update, m.next_trade)).collect();
    (balances, orders, accounts, markets)
}

/// The same log once through, and once with restarts from a snapshot: same events, same state (invariant 5).
fn replay(seed: u64, records: &[(Envelope, Command)], expected: [u8; 32]) {
    let mut straight = venue().engine;
    let mut restarted = venue().engine;
    let mut bytes = Vec::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for (number, (envelope, command)) in records.iter().enumerate() {
        bytes.clear();
        encode_record(envelope, command, &mut bytes);
        let (envelope, command) = decode_record(&bytes).expect("what was encoded");
        first.clear();
        straight.apply(&envelope, &command, &mut first);
        second.clear();
        restarted.apply(&envelope, &command, &mut second);
        assert_eq!(first, second, "seed {seed}, command {number}");
        if number % 1_999 == 0 {
            let mut snapshot = Vec::new();
            restarted.snapshot(&mut snapshot);
            restarted = Engine::restore(&snapshot).unwrap_or_else(|error| panic!("seed {seed}, {number}: {error}"));
            let mut again = Vec::new();
            restarted.snapshot(&mut again);
            assert!(snapshot == again, "seed {seed}, command {number}: a snapshot is not canonical");
            assert_eq!(restarted.hash(), straight.hash(), "seed {seed}, command {number}");
        }
    }
    assert_eq!(straight.hash(), expected);
    assert_eq!(restarted.hash(), expected);
}

#[test]
fn a_check_says_what_placing_will_say() {
    let mut dice = Dice(77);
    let mut world = venue();
    for _ in 0..20_000 {
        let command = command(&mut dice, &mut world);
        let told = match &command {
            Command::Place(place) => Some(world.engine.check(place, world.time)),
            _ => None,
        };
        let events = world.run(command);
        if let Some(told) = told {
            let happened = match events.as_slice() {
                [Event::Rejected(rejected)] => Err((rejected.reason, rejected.detail)),
                _ => Ok(()),
            };
            assert_eq!(told, happened);
        }
    }
}

/// What only the matching engine knows: the account's money, its other orders, and what the book has.
const OF_MATCHING: [Reason; 8] = [
    Reason::TooManyOrdersTenSeconds,
    Reason::TooManyOrdersDay,
    Reason::DuplicateOrder,
    Reason::InsufficientBalance,
    Reason::WouldTake,
    Reason::LiquidityBelowLot,
    Reason::LiquidityBelowMarketLot,
    Reason::LevelFull,
];

#[test]
fn a_test_says_the_same_but_for_what_is_found_out_in_matching() {
    let mut dice = Dice(78);
    let mut world = venue();
    let mut seen = [0; 3];
    for _ in 0..20_000 {
        let command = command(&mut dice, &mut world);
        if let Command::Place(place) = &command {
            let (checked, tested) = (world.engine.check(place, world.time), world.engine.test(place, world.time));
            let of_budget = place.budget.0 > 0; // its quantity comes from the book
            let lots = [Reason::LotSize, Reason::MarketLotSize];
            let matching = |reason| OF_MATCHING.contains(&reason) || of_budget && lots.contains(&reason);
            match checked {
                Err((reason, _)) if matching(reason) => {
                    let hidden = matches!(reason, Reason::TooManyOrdersTenSeconds | Reason::TooManyOrdersDay);
                    assert!(hidden || tested.is_ok(), "{reason:?} {tested:?}");
                    assert!(!tested.is_err_and(|(told, _)| OF_MATCHING.contains(&told)));
                    seen[0] += 1;
                }
                Err(_) => {
                    assert_eq!(tested, checked);
                    seen[1] += 1;
                }
                Ok(()) => {
                    assert_eq!(tested, checked);
                    seen[2] += 1;
                }
            }
        }
        world.run(command);
    }
    assert!(seen.iter().all(|count| *count > 100), "{seen:?}");
}

#[test]
fn damaged_snapshots_are_errors_and_never_panics() {
    let mut dice = Dice(5);
    let mut world = venue();
    for _ in 0..3_000 {
        let command = command(&mut dice, &mut world);
        world.run(command);
    }
    let mut good = Vec::new();
    world.engine.snapshot(&mut good);
    for length in (0..good.len()).step_by(13) {
        assert!(Engine::restore(&good[..length]).is_err(), "a snapshot cut to {length} bytes was taken");
    }
    for _ in 0..4_000 {
        let mut bad = good.clone();
        for _ in 0..=dice.below(3) {
            let at = dice.below(bad.len() as u64) as usize;
            bad[at] ^= 1 << dice.below(8);
        }
        // A changed name, time or limit is another good state; anything else must be refused, nothing may panic.
        if let Ok(engine) = Engine::restore(&bad) {
            let mut again = Vec::new();
            engine.snapshot(&mut again);
            assert!(again == bad, "a snapshot that is not canonical was taken");
        }
    }
}

#[test]
fn numbers_that_no_market_can_have_are_refused() {
    let mut dice = Dice(6);
    let mut world = venue();
    for _ in 0..3_000 {
        let command = command(&mut dice, &mut world);
        world.run(command);
    }
    let market = world.engine.markets().next().expect("a market");
    let (trades, update) = (market.next_trade.0.to_le_bytes(), market.last_update.0.to_le_bytes());
    let mut bytes = Vec::new();
    world.engine.snapshot(&mut bytes);
    // Trades, aggregates and updates stand side by side.
    let at = bytes.windows(24).position(|three| three[..8] == trades && three[16..] == update).expect("its numbers");
    assert!(Engine::restore(&bytes).is_ok());
    for impossible in [1 << 53, u64::MAX] {
        bytes[at + 16..at + 24].copy_from_slice(&u64::to_le_bytes(impossible));
        assert_eq!(
            Engine::restore(&bytes).err().map(|error| error.to_string()).as_deref(),
            Some("impossible value in the snapshot: a market's numbers")
        );
    }
}

#[test]
fn money_that_does_not_add_up_is_refused() {
    use agio_engine::commands::{Deposit, ListAsset, OpenAccount};
    use agio_engine::units::{Amount, AssetId, FIRST_CUSTOMER, Rate};

    let mut world = common::World::new();
    world.must(ListAsset { name: "A".to_owned(), precision: 8 });
    let account = FIRST_CUSTOMER;
    let limits = common::NO_LIMITS;
    let (maker, taker) = (Rate(0), Rate(0));
    world.must(OpenAccount { rights: common::ALL_RIGHTS, maker, taker, limits });
    let amount = 0x0123_4567_89AB_CDEF_u128;
    let asset = AssetId(0);
    world.must(Deposit { account, asset, amount: Amount(amount) });
    let mut good = Vec::new();
    world.engine.snapshot(&mut good);
    assert!(Engine::restore(&good).is_ok());
    let refusal = |from: &[u8; 16], to: i128| {
        let mut bad = good.clone();
        let at = bad.windows(16).position(|bytes| bytes == from).expect("it is there");
        bad[at..at + 16].copy_from_slice(&to.to_le_bytes());
        Engine::restore(&bad).err().map(|error| error.to_string()).expect("refused")
    };
    let free = refusal(&amount.to_le_bytes(), amount as i128 + 1);
    assert!(free.contains("all balances of A sum to 1"), "{free}");
    let outside = (-(amount as i128)).to_le_bytes();
    for supply in [1, i128::MIN, i128::MAX] {
        assert_eq!(refusal(&outside, supply), "impossible value in the snapshot: an asset's supply");
    }
}

#[test]
fn a_source_that_has_sent_nothing_is_refused() {
    let mut world = common::World::new();
    let lane = Lane(0xA1B2_C3D4);
    let envelope = Envelope { lane, number: 1, ..world.envelope() };
    world.run_as(&envelope, &agio_engine::commands::Tick {}.into());
    let mut bytes = Vec::new();
    world.engine.snapshot(&mut bytes);
    let known = [&lane.0.to_le_bytes()[..], &1_u64.to_le_bytes()].concat();
    let at = bytes.windows(12).position(|twelve| twelve == known).expect("the source");
    assert!(Engine::restore(&bytes).is_ok());
    bytes[at + 4] = 0;
    assert_eq!(
        Engine::restore(&bytes).err().map(|error| error.to_string()).as_deref(),
        Some("impossible value in the snapshot: the sources are out of order")
    );
}
