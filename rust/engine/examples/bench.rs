//! Order commands a second on one core, with everything on: balances, holds, postings, counts, events, audit.
//!
//! `cargo run --release -p agio-engine --example bench [commands]`. The commands are made beforehand; each round starts
//! from the same state. The checksum proves that every round did the same work. Time is the thread's time on a core
//! (Linux), so that a busy machine does not count; elsewhere it is the clock's.

use std::fs;
use std::time::Instant;

use agio_engine::Engine;
use agio_engine::commands::{
    Cancel, Command, Deposit, Envelope, ListAsset, ListMarket, OpenAccount, Place, SetLimits, Signed,
};
use agio_engine::events::Event;
use agio_engine::units::{
    AccountId, Amount, AssetId, ClientId, FIRST_CUSTOMER, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity,
    Rate, Sequence,
};
use agio_engine::vocabulary::{
    Execution, ExecutionKind, Filters, LotFilter, NotionalFilter, NotionalForm, OrderKind, OrderLimits, Prevention,
    PriceFilter, Restriction, Rights, Side, TimeInForce,
};

const ACCOUNTS: u64 = 1_000;
const MARKETS: u64 = 2;
const ROUNDS: usize = 5;
const OPERATOR: Signed = Signed { key: KeyId(0), sent: Micros(0), window: Micros(0) };

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % bound
    }
}

fn main() {
    let count = std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number of commands"));
    let log = workload(count);
    println!("Event {} bytes, Command {} bytes", size_of::<Event>(), size_of::<Command>());
    let mut best = f64::MAX;
    for round in 1..=ROUNDS {
        let (nanoseconds, story) = run(&log);
        best = best.min(nanoseconds);
        println!("round {round}: {nanoseconds:6.1} ns a command, {story}");
    }
    memory();
    println!("best: {best:.1} ns a command = {:.2} million order commands a second on one core", 1_000.0 / best);
}

fn run(log: &[(Envelope, Command)]) -> (f64, String) {
    let mut engine = venue();
    let mut events = Vec::with_capacity(1_024);
    let (mut counts, mut check) = (Counts::default(), 0_u64);
    let (started, on_core) = (Instant::now(), time_on_core());
    for (envelope, command) in log {
        events.clear();
        engine.apply(envelope, command, &mut events);
        check = check.wrapping_mul(31).wrapping_add(events.len() as u64);
        counts.read(&events);
    }
    let elapsed = started.elapsed().as_nanos() as u64;
    let spent = on_core.zip(time_on_core()).map_or(elapsed, |(before, after)| after - before);
    let nanoseconds = spent as f64 / log.len() as f64;
    engine.audit().expect("the invariants hold");
    let hash = engine.hash();
    let Counts { events, fills, refused } = counts;
    let story = format!(
        "{events} events, {fills} fills, {refused} refused, {} open, checksum {check:016x} {:02x}{:02x}",
        engine.open_count(),
        hash[0],
        hash[1]
    );
    (nanoseconds, story)
}

/// What an open order costs in memory: a million of them rest, each with a client id of its own.
fn memory() {
    let resident = || {
        let pages: Option<u64> = fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok();
        pages.map(|pages| pages * 4_096)
    };
    let (mut engine, mut dice, mut events) = (venue(), Dice(7), Vec::new());
    let before = resident();
    for number in 0..1_000_000_u64 {
        let account = AccountId(FIRST_CUSTOMER.0 + (number % ACCOUNTS) as u32);
        let mut command = order(&mut dice, account, MarketId(0), Some(6_000_000_000_000));
        if let Command::Place(place) = &mut command {
            (place.side, place.quantity) = (Side::Buy, Quantity(100_000));
            place.price = Price(6_000_000_000_000 - number % 5_000 * 1_000_000);
        }
        events.clear();
        engine.apply(&envelope(engine.sequence().0 + 1), &command, &mut events);
    }
    let each = before.zip(resident()).map_or(0, |(before, after)| (after - before) / engine.open_count() as u64);
    println!("{} open orders, {each} bytes each", engine.open_count());
}

/// Nanoseconds that this thread has run.
fn time_on_core() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

#[derive(Default)]
struct Counts {
    events: usize,
    fills: usize,
    refused: usize,
}

impl Counts {
    fn read(&mut self, events: &[Event]) {
        self.events += events.len();
        for event in events {
            match event {
                Event::Traded(_) => self.fills += 1,
                Event::Rejected(_) => self.refused += 1,
                _ => {}
            }
        }
    }
}

fn envelope(sequence: u64) -> Envelope {
    let time = Micros(1_700_000_000_000_000 + sequence * 10);
    Envelope { sequence: Sequence(sequence), time, lane: Lane(1), number: 0, deadline: Micros(u64::MAX) }
}

fn setup() -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for name in ["BTC", "ETH", "USDT"] {
        commands.push(ListAsset { name: name.to_owned(), precision: 8 }.into());
    }
    for (symbol, base) in [("BTCUSDT", AssetId(0)), ("ETHUSDT", AssetId(1))] {
        commands.push(ListMarket { symbol: symbol.to_owned(), base, quote: AssetId(2), filters: filters() }.into());
    }
    let rights = Rights { trade: true, withdraw: true, deposit: true };
    let limits = OrderLimits { ten_seconds: u32::MAX, day: u32::MAX, open: u32::MAX };
    for number in 0..ACCOUNTS {
        commands.push(OpenAccount { rights, maker: Rate(75_000), taker: Rate(100_000), limits }.into());
        let account = AccountId(FIRST_CUSTOMER.0 + number as u32);
        commands.push(SetLimits { account, limits }.into());
        for asset in 0..3 {
            commands.push(Deposit { account, asset: AssetId(asset), amount: Amount(1 << 60) }.into());
        }
    }
    commands
}

fn venue() -> Engine {
    let mut engine = Engine::new();
    let mut events = Vec::new();
    for command in setup() {
        engine.apply(&envelope(engine.sequence().0 + 1), &command, &mut events);
    }
    engine
}

fn filters() -> Filters {
    let lot = LotFilter { min: Quantity(1_000), max: Quantity(900_000_000_000), step: Quantity(1_000) };
    Filters {
        price: PriceFilter { min: Price(1_000_000), max: Price(100_000_000_000_000), tick: Price(1_000_000) },
        lot,
        market_lot: LotFilter { step: Quantity(0), ..lot },
        notional: NotionalFilter {
            form: NotionalForm::Range,
            min: Amount(500_000_000),
            min_to_market: true,
            max: Amount(900_000_000_000_000),
            max_to_market: false,
            minutes: 5,
        },
        max_orders: 200,
        prevention: Prevention::ExpireMaker,
        preventions: 0b11_1110,
    }
}

/// 55 % limit orders around a walking price, 33 % cancels of orders that are open, 12 % market orders; made against an
/// engine so that the cancels name what is open.
fn workload(count: u64) -> Vec<(Envelope, Command)> {
    let mut engine = venue();
    let mut dice = Dice(42);
    let mut open: Vec<(AccountId, MarketId, OrderId)> = Vec::new();
    let mut middle = [6_000_000_000_000_u64, 300_000_000_000];
    let mut events = Vec::new();
    let mut log = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let number = dice.below(MARKETS) as usize;
        middle[number] = middle[number] + dice.below(3) * 1_000_000 - 1_000_000;
        let account = AccountId(FIRST_CUSTOMER.0 + dice.below(ACCOUNTS) as u32);
        let market = MarketId(number as u32);
        let command = match dice.below(100) {
            0..33 if open.len() > 2_000 => {
                let at = dice.below(open.len() as u64) as usize;
                cancel(open.swap_remove(at))
            }
            33..45 => order(&mut dice, account, market, None),
            _ => order(&mut dice, account, market, Some(middle[number])),
        };
        let envelope = envelope(engine.sequence().0 + 1);
        events.clear();
        engine.apply(&envelope, &command, &mut events);
        if let Some(Event::Executed(executed)) = events.first() {
            let Execution { kind, order, .. } = executed.execution;
            if kind == ExecutionKind::New && engine.order(market, account, order.order).is_some() {
                open.push((account, market, order.order));
            }
        }
        log.push((envelope, command));
    }
    log
}

fn cancel((account, market, order): (AccountId, MarketId, OrderId)) -> Command {
    let (client_id, cancel_id) = (ClientId::NONE, ClientId::new(b"cancel-0123456789").unwrap_or_default());
    let restriction = Restriction::None;
    Cancel { account, signed: OPERATOR, market, order: Some(order), client_id, cancel_id, restriction }.into()
}

fn order(dice: &mut Dice, account: AccountId, market: MarketId, middle: Option<u64>) -> Command {
    let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
    let away = (dice.below(40) * dice.below(40) / 10) * 1_000_000;
    // One in four is priced through the middle and meets somebody.
    let price = middle.map_or(0, |middle| match (side, dice.below(4) == 0) {
        (Side::Buy, false) | (Side::Sell, true) => middle - away,
        (Side::Sell, false) | (Side::Buy, true) => middle + away,
    });
    let text = format!("x-agio{:016x}", dice.below(u64::MAX));
    Place {
        account,
        signed: OPERATOR,
        market,
        side,
        kind: if middle.is_some() { OrderKind::Limit } else { OrderKind::Market },
        life: TimeInForce::Gtc,
        price: Price(price),
        quantity: Quantity((20 + dice.below(2_000)) * 100_000),
        budget: Amount(0),
        client_id: ClientId::new(text.as_bytes()).unwrap_or_default(),
        prevention: None,
        strategy: None,
        strategy_type: None,
    }
    .into()
}
