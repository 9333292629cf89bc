//! The exchange and the order commands that benches run: 55 % limit orders around a walking price, 33 % cancels, 12 %
//! market orders; a thousand accounts on two markets.

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

/// How large the exchange is.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) markets: u64,
    pub(crate) accounts: u64,
}

/// Two markets and a thousand customers.
pub(crate) const SMALL: Scale = Scale { markets: 2, accounts: 1_000 };
const OPERATOR: Signed = Signed { key: KeyId(0), sent: Micros(0), window: Micros(0) };

/// Seeded random numbers.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// From 0 to below the bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 27)) % bound
    }
}

/// The circumstances of the command with that number.
pub(crate) fn envelope(sequence: u64) -> Envelope {
    let time = Micros(1_700_000_000_000_000 + sequence * 10);
    Envelope { sequence: Sequence(sequence), time, lane: Lane(1), number: 0, deadline: Micros(u64::MAX) }
}

/// Lists, opens and funds.
pub(crate) fn setup(scale: Scale) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for name in ["BTC", "ETH", "USDT"] {
        commands.push(ListAsset { name: name.to_owned(), precision: 8 }.into());
    }
    for number in 0..scale.markets {
        let (symbol, base) = (format!("M{number}USDT"), AssetId((number % 2) as u32));
        commands.push(ListMarket { symbol, base, quote: AssetId(2), filters: filters() }.into());
    }
    let rights = Rights { trade: true, withdraw: true, deposit: true };
    let limits = OrderLimits { ten_seconds: u32::MAX, day: u32::MAX, open: u32::MAX };
    for number in 0..scale.accounts {
        commands.push(OpenAccount { rights, maker: Rate(75_000), taker: Rate(100_000), limits }.into());
        let account = AccountId(FIRST_CUSTOMER.0 + number as u32);
        commands.push(SetLimits { account, limits }.into());
        for asset in 0..3 {
            commands.push(Deposit { account, asset: AssetId(asset), amount: Amount(1 << 60) }.into());
        }
    }
    commands
}

/// An exchange after [`setup`].
pub(crate) fn venue(scale: Scale) -> Engine {
    let mut engine = Engine::new();
    let mut events = Vec::new();
    for command in setup(scale) {
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
pub(crate) fn workload(count: u64, scale: Scale) -> Vec<(Envelope, Command)> {
    let mut engine = venue(scale);
    let mut dice = Dice(42);
    let mut open: Vec<(AccountId, MarketId, OrderId)> = Vec::new();
    let mut middle: Vec<u64> =
        (0..scale.markets).map(|number| [6_000_000_000_000, 300_000_000_000][number as usize % 2]).collect();
    let mut events = Vec::new();
    let mut log = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let number = dice.below(scale.markets) as usize;
        middle[number] = middle[number] + dice.below(3) * 1_000_000 - 1_000_000;
        let account = AccountId(FIRST_CUSTOMER.0 + dice.below(scale.accounts) as u32);
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

/// A random order: LIMIT around the middle price, MARKET without one.
pub(crate) fn order(dice: &mut Dice, account: AccountId, market: MarketId, middle: Option<u64>) -> Command {
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
