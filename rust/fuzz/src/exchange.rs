//! The engine under any commands.

use agio_engine::Engine;
use agio_engine::commands::{
    Activate, AddKey, Cancel, CancelAll, Command, Deposit, Envelope, Epoch, ListAsset, ListMarket, OpenAccount, Place,
    Remark, RetireLane, RevokeKey, SetCommission, SetFilters, SetLimits, SetMarketStatus, SetRights, Signed, Tick,
    Withdraw, decode_record, encode_record,
};
use agio_engine::events::Event;
use agio_engine::units::{
    AccountId, Amount, AssetId, ClientId, FIRST_CUSTOMER, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity,
    Rate, Sequence,
};
use agio_engine::vocabulary::{
    Filters, LotFilter, MarketStatus, NotionalFilter, NotionalForm, OrderKind, OrderLimits, Permissions, Prevention,
    PriceFilter, Restriction, Rights, Side, TimeInForce,
};

use crate::input::Input;
use crate::told;

const START: Micros = Micros(1_700_000_000_000_000);
const OPERATOR: Signed = Signed { key: KeyId(0), sent: Micros(0), window: Micros(0) };
const ALL_RIGHTS: Rights = Rights { trade: true, withdraw: true, deposit: true };
const NO_LIMITS: OrderLimits = OrderLimits { ten_seconds: u32::MAX, day: u32::MAX, open: 0 };
const ACCOUNTS: u32 = 4;
const MOST: usize = 400;

/// An engine, and the log of what it was given.
pub(crate) struct Venue {
    pub(crate) engine: Engine,
    time: Micros,
    log: Vec<Vec<u8>>,
    events: Vec<Event>,
}

impl Venue {
    pub(crate) fn of(engine: Engine) -> Self {
        let time = engine.time().max(START);
        Self { engine, time, log: Vec::new(), events: Vec::new() }
    }

    fn envelope(&self) -> Envelope {
        let sequence = Sequence(self.engine.sequence().0 + 1);
        Envelope { sequence, time: self.time, lane: Lane(0), number: 0, deadline: Micros(0) }
    }

    /// Applies a command as the operator's.
    pub(crate) fn run(&mut self, command: &Command) {
        self.apply(self.envelope(), command);
    }

    fn apply(&mut self, envelope: Envelope, command: &Command) {
        let mut record = Vec::new();
        encode_record(&envelope, command, &mut record);
        self.log.push(record);
        let told = match command {
            Command::Place(place) => Some(self.engine.check(place, envelope.time)),
            _ => None,
        };
        let before = self.events.len();
        self.engine.apply(&envelope, command, &mut self.events);
        let events = &self.events[before..];
        let violated = events.iter().find(|event| matches!(event, Event::Violated(_)));
        assert!(violated.is_none(), "{violated:?} after {command:?}");
        told::all(&self.engine, command, events);
        let passed = envelope.number == 0 && envelope.deadline == Micros(0);
        if let (Some(told), true) = (told, passed) {
            let refused = matches!(events, [Event::Rejected(_)]);
            assert_eq!(told.is_err(), refused, "a check says {told:?} of {command:?}, which gave {events:?}");
        }
    }

    /// The log, from the beginning: the same events, the same state. And a snapshot is the same state.
    fn replay(&self) {
        let mut engine = Engine::new();
        let mut events = Vec::new();
        for record in &self.log {
            let (envelope, command) = decode_record(record).expect("what was encoded");
            engine.apply(&envelope, &command, &mut events);
        }
        assert!(events == self.events, "a replay gives other events");
        assert_eq!(engine.hash(), self.engine.hash(), "a replay gives another state");
        let mut snapshot = Vec::new();
        self.engine.snapshot(&mut snapshot);
        let restored =
            Engine::restore(&snapshot).unwrap_or_else(|error| panic!("its own snapshot is refused: {error}"));
        assert_eq!(restored.hash(), engine.hash(), "a restart gives another state");
    }
}

/// An empty exchange or one with markets and customers, then any commands.
pub(crate) fn commands(data: &[u8]) {
    let mut input = Input::new(data);
    let mut venue = Venue::of(Engine::new());
    if input.u8() < 0xF0 {
        for command in setup(&mut input) {
            venue.run(&command);
        }
    }
    for number in 1..MOST {
        if input.is_empty() {
            break;
        }
        venue.time.0 = venue.time.0.max(time(&mut input, venue.time.0));
        let envelope = envelope(&mut input, venue.envelope());
        let command = command(&mut input, venue.time.0);
        venue.apply(envelope, &command);
        if number % 32 == 0 {
            venue.engine.audit().expect("the audit passes");
        }
    }
    venue.engine.audit().expect("the audit passes");
    venue.replay();
}

/// A little of everything, for an exchange of which nothing is known.
pub(crate) fn traffic() -> Vec<Command> {
    let account = FIRST_CUSTOMER;
    let mut commands: Vec<Command> = setup(&mut Input::new(&[])).collect();
    for number in 0..24_u8 {
        let mut input = [number; 24];
        input[0] = 0;
        input[3] = number.wrapping_mul(37);
        commands.push(place(&mut Input::new(&input), START.0).into());
    }
    commands.push(CancelAll { account, signed: OPERATOR, market: MarketId(0) }.into());
    commands
}

fn setup(input: &mut Input<'_>) -> impl Iterator<Item = Command> + use<> {
    let precision = 8 - input.u8() % 9;
    let rate = input.u32() % 1_000_000;
    let assets = ["A", "B", "C"].map(|name| ListAsset { name: name.to_owned(), precision }.into());
    let markets = [("AC", 0, 2), ("BC", 1, 2), ("BA", 1, 0)].map(|(symbol, base, quote)| {
        let (base, quote) = (AssetId(base), AssetId(quote));
        ListMarket { symbol: symbol.to_owned(), base, quote, filters: open_filters() }.into()
    });
    let customers = (0..ACCOUNTS).flat_map(move |number| {
        let account = AccountId(FIRST_CUSTOMER.0 + number);
        let rate = Rate(rate * number);
        let open: Command = OpenAccount { rights: ALL_RIGHTS, maker: rate, taker: rate, limits: NO_LIMITS }.into();
        let key = AddKey { account, permissions: Permissions { read: true, trade: true, withdraw: false } }.into();
        let amount = Amount(1 << 70);
        let money = (0..3).map(move |asset| Deposit { account, asset: AssetId(asset), amount }.into());
        [open, key].into_iter().chain(money)
    });
    assets.into_iter().chain(markets).chain(customers)
}

fn open_filters() -> Filters {
    let lot = LotFilter { min: Quantity(0), max: Quantity(0), step: Quantity(0) };
    let zero = Amount(0);
    let notional = NotionalFilter {
        form: NotionalForm::Off,
        min: zero,
        min_to_market: false,
        max: zero,
        max_to_market: false,
        minutes: 0,
    };
    let price = PriceFilter { min: Price(0), max: Price(0), tick: Price(0) };
    let prevention = Prevention::None;
    Filters { price, lot, market_lot: lot, notional, max_orders: 0, prevention, preventions: 0b11_1110 }
}

/// Any time that a log may have, mostly a little later.
fn time(input: &mut Input<'_>, now: u64) -> u64 {
    match input.u8() {
        0xFF => input.u64() >> 1,
        0xF8..=0xFE => now.saturating_add(u64::from(input.u32())),
        step => now + u64::from(step & 7) * 1_000,
    }
}

fn envelope(input: &mut Input<'_>, mut envelope: Envelope) -> Envelope {
    if input.seldom() {
        envelope.lane = Lane(input.u8().into());
        envelope.number = input.number(|input| u64::from(input.u8() & 7));
        envelope.deadline = Micros(input.number(|input| START.0 + u64::from(input.u16())));
    }
    envelope
}

fn command(input: &mut Input<'_>, now: u64) -> Command {
    match input.u8() {
        0..0xA0 => place(input, now).into(),
        0xA0..0xC8 => cancel(input, now).into(),
        0xC8..0xD0 => CancelAll { account: account(input), signed: signed(input, now), market: market(input) }.into(),
        0xD0..0xE0 => money(input),
        _ => administration(input),
    }
}

fn account(input: &mut Input<'_>) -> AccountId {
    AccountId(match input.u8() {
        0xFF => input.u32(),
        0xFE => u32::from(input.u8() & 7),
        other => FIRST_CUSTOMER.0 + u32::from(other) % ACCOUNTS,
    })
}

fn market(input: &mut Input<'_>) -> MarketId {
    MarketId(match input.u8() {
        0xFF => input.u32(),
        other => u32::from(other) % 3,
    })
}

fn asset(input: &mut Input<'_>) -> AssetId {
    AssetId(match input.u8() {
        0xFF => input.u32(),
        other => u32::from(other) % 3,
    })
}

fn signed(input: &mut Input<'_>, now: u64) -> Signed {
    if !input.seldom() {
        return OPERATOR;
    }
    let window = Micros(input.number(|_| 5_000_000));
    let sent = Micros(input.number(|input| now.saturating_sub(u64::from(input.u16()))));
    Signed { key: KeyId(u32::from(input.u8() & 7)), sent, window }
}

fn client_id(input: &mut Input<'_>) -> ClientId {
    if input.flag() { ClientId::NONE } else { ClientId::new(&[b'a' + (input.u8() & 15)]).unwrap_or_default() }
}

fn place(input: &mut Input<'_>, now: u64) -> Place {
    let (account, market) = (account(input), market(input));
    let (kind, life) = (input.pick(OrderKind::ALL), input.pick(TimeInForce::ALL));
    let life = if input.seldom() || kind == OrderKind::Limit { life } else { TimeInForce::Gtc };
    let price = input.number(|input| 1_000_000 + u64::from(input.u8()) * 1_000);
    let quantity = input.number(|input| u64::from(input.u16()) * 10_000 + 1);
    let by_budget = kind == OrderKind::Market && input.flag();
    let budget = if by_budget || input.seldom() { input.large(|input| u64::from(input.u32())) } else { 0 };
    let prevention = if input.flag() { Some(input.pick(Prevention::ALL)) } else { None };
    Place {
        account,
        signed: signed(input, now),
        market,
        side: input.pick(Side::ALL),
        kind,
        life,
        price: Price(if kind == OrderKind::Market && !input.seldom() { 0 } else { price }),
        quantity: Quantity(if by_budget { 0 } else { quantity }),
        budget: Amount(budget),
        client_id: client_id(input),
        prevention,
        strategy: input.seldom().then(|| input.u64() as i64),
        strategy_type: input.seldom().then(|| input.u32() as i32),
    }
}

fn cancel(input: &mut Input<'_>, now: u64) -> Cancel {
    let (account, market) = (account(input), market(input));
    let order = input.flag().then(|| OrderId(input.number(|input| u64::from(input.u8() & 31))));
    let (client_id, cancel_id) = (client_id(input), client_id(input));
    let restriction = input.pick(Restriction::ALL);
    Cancel { account, signed: signed(input, now), market, order, client_id, cancel_id, restriction }
}

fn money(input: &mut Input<'_>) -> Command {
    let (account, asset) = (account(input), asset(input));
    let amount = Amount(input.large(|input| u64::from(input.u32())));
    if input.flag() { Deposit { account, asset, amount }.into() } else { Withdraw { account, asset, amount }.into() }
}

fn administration(input: &mut Input<'_>) -> Command {
    let (account, market) = (account(input), market(input));
    match input.u8() % 16 {
        0 => SetRights { account, rights: rights(input) }.into(),
        1 => SetRights { account, rights: ALL_RIGHTS }.into(),
        2 => SetCommission { account, maker: rate(input), taker: rate(input) }.into(),
        3 => SetLimits { account, limits: limits(input) }.into(),
        4 => AddKey { account, permissions: permissions(input) }.into(),
        5 => RevokeKey { key: KeyId(input.number(|input| u64::from(input.u8() & 7)) as u32) }.into(),
        6 | 7 => SetFilters { market, filters: filters(input) }.into(),
        8 => SetMarketStatus { market, status: input.pick(MarketStatus::ALL) }.into(),
        9 => SetMarketStatus { market, status: MarketStatus::Trading }.into(),
        10 => {
            OpenAccount { rights: rights(input), maker: rate(input), taker: rate(input), limits: limits(input) }.into()
        }
        11 => ListAsset { name: name(input), precision: input.u8() & 15 }.into(),
        12 => {
            let (base, quote) = (asset(input), asset(input));
            ListMarket { symbol: name(input), base, quote, filters: filters(input) }.into()
        }
        13 => Epoch { previous: [input.u8(); 32] }.into(),
        14 => RetireLane { retired: Lane(input.u8().into()) }.into(),
        _ => strange(input),
    }
}

fn strange(input: &mut Input<'_>) -> Command {
    match input.u8() % 3 {
        0 => Activate { behaviour: input.u32() }.into(),
        1 => Remark { actor: name(input), reason: name(input), operation: name(input) }.into(),
        _ => Tick {}.into(),
    }
}

fn name(input: &mut Input<'_>) -> String {
    let length = usize::from(input.u8() & 31);
    String::from_utf8_lossy(input.bytes(length)).into_owned()
}

fn rights(input: &mut Input<'_>) -> Rights {
    Rights { trade: input.flag(), withdraw: input.flag(), deposit: input.flag() }
}

fn permissions(input: &mut Input<'_>) -> Permissions {
    Permissions { read: input.flag(), trade: input.flag(), withdraw: input.flag() }
}

fn rate(input: &mut Input<'_>) -> Rate {
    Rate(input.number(|input| u64::from(input.u16())) as u32)
}

fn limits(input: &mut Input<'_>) -> OrderLimits {
    let mut limit = || input.number(|input| u64::from(input.u8() & 15)) as u32;
    OrderLimits { ten_seconds: limit(), day: limit(), open: limit() }
}

fn filters(input: &mut Input<'_>) -> Filters {
    let mut filters = open_filters();
    let small = |input: &mut Input<'_>| u64::from(input.u8() & 3) * 1_000;
    filters.price.tick = Price(input.number(small));
    filters.price.max = Price(input.number(|_| 0));
    filters.lot =
        LotFilter { min: Quantity(input.number(small)), max: Quantity(0), step: Quantity(input.number(small)) };
    filters.market_lot.step = Quantity(input.number(small));
    filters.market_lot.max = Quantity(input.number(|_| 0));
    filters.notional.form = input.pick(NotionalForm::ALL);
    filters.notional.min = Amount(input.large(small));
    filters.notional.max = Amount(input.large(|_| 0));
    filters.notional.min_to_market = input.flag();
    filters.notional.max_to_market = input.flag();
    filters.notional.minutes = input.number(|input| u64::from(input.u8() & 7)) as u32;
    filters.max_orders = u32::from(input.u8() & 31);
    filters.prevention = input.pick(Prevention::ALL);
    filters.preventions = if input.seldom() { input.u8() } else { 0b11_1110 };
    filters
}
