//! Seeded commands of all kinds: mostly orders that meet each other, some that are wrong.

use agio_engine::commands::*;
use agio_engine::units::*;
use agio_engine::vocabulary::*;

use super::{NO_LIMITS, OPERATOR, World, limit, open_filters};

/// `SplitMix64`: the same numbers for the same seed, everywhere.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

pub(crate) const ACCOUNTS: u64 = 12;
pub(crate) const MARKETS: u64 = 3;
const BASES: [u64; 3] = [5_000_000, 3_333_333, 70_000];

/// Three assets, three markets among them, a dozen accounts with different commissions and keys.
pub(crate) fn setup() -> Vec<Command> {
    let list = |name: &&str| ListAsset { name: (*name).to_owned(), precision: 8 }.into();
    let mut commands: Vec<Command> = ["BTC", "ETH", "USDT"].iter().map(list).collect();
    let mut filters = open_filters();
    filters.notional.form = NotionalForm::Range;
    filters.notional.min = Amount(1_000);
    filters.notional.min_to_market = true;
    filters.notional.minutes = 5;
    filters.max_orders = 20;
    for (symbol, base, quote) in [("BTCUSDT", 0, 2), ("ETHUSDT", 1, 2), ("ETHBTC", 1, 0)] {
        let (base, quote) = (AssetId(base), AssetId(quote));
        commands.push(ListMarket { symbol: symbol.to_owned(), base, quote, filters }.into());
    }
    for number in 0..ACCOUNTS as u32 {
        let (account, rate) = (AccountId(FIRST_CUSTOMER.0 + number), Rate(number * 20_000));
        let rights = super::ALL_RIGHTS;
        commands.push(OpenAccount { rights, maker: rate, taker: rate, limits: NO_LIMITS }.into());
        for asset in 0..3 {
            commands.push(Deposit { account, asset: AssetId(asset), amount: Amount(100_000_000_000) }.into());
        }
        let permissions = Permissions { read: true, trade: number % 5 != 0, withdraw: false };
        commands.push(AddKey { account, permissions }.into());
    }
    commands
}

/// The venue that [`setup`] makes.
pub(crate) fn venue() -> World {
    let mut world = World::new();
    for command in setup() {
        world.must(command);
    }
    world
}

/// The next command. The time of the world moves on.
pub(crate) fn command(dice: &mut Dice, world: &mut World) -> Command {
    world.time.0 += dice.pick(&[0, 0, 1, 500, 20_000, 700_000]);
    match dice.below(1_000) {
        0..760 => place(dice, world).into(),
        760..880 => cancel(dice, world).into(),
        880..890 => CancelAll { account: account(dice), signed: OPERATOR, market: market(dice) }.into(),
        890..960 => money(dice),
        _ => administration(dice),
    }
}

fn account(dice: &mut Dice) -> AccountId {
    let stray = dice.one_in(200);
    AccountId(if stray { dice.below(2_000) as u32 } else { FIRST_CUSTOMER.0 + dice.below(ACCOUNTS) as u32 })
}

fn market(dice: &mut Dice) -> MarketId {
    let stray = u64::from(dice.one_in(100));
    MarketId(dice.below(MARKETS + stray) as u32)
}

fn signed(dice: &mut Dice, account: AccountId, now: Micros) -> Signed {
    if !dice.one_in(8) {
        return OPERATOR;
    }
    let key = KeyId(account.0.saturating_sub(FIRST_CUSTOMER.0) + 1 + u32::from(dice.one_in(20)));
    let ahead = if dice.one_in(20) { 1_500_000 } else { 0 };
    let sent = Micros(now.0 + ahead - dice.below(5_100_000));
    Signed { key, sent, window: Micros(5_000_000) }
}

fn place(dice: &mut Dice, world: &World) -> Place {
    let (account, market) = (account(dice), market(dice));
    let base = BASES[market.0 as usize % BASES.len()];
    let side = dice.pick(Side::ALL);
    // Mostly apart, close enough to meet, with products finer than 10^-8.
    let mut price = base + dice.below(base / 50);
    price -= if side == Side::Buy { base * 3 / 200 } else { base / 200 };
    let mut quantity = 1_000_000 + dice.below(300_000_000);
    if let (Some(view), false) = (world.engine.market(market), dice.one_in(10)) {
        price -= price % view.filters.price.tick.0.max(1);
        quantity -= quantity % view.filters.lot.step.0.max(1);
    }
    let mut order = limit(account, market, side, quantity, price);
    order.signed = signed(dice, account, world.time);
    order.life = dice.pick(&[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok]);
    let mode = dice.pick(Prevention::ALL);
    order.prevention = dice.pick(&[None, None, Some(mode)]);
    if dice.one_in(3) {
        order.client_id = client_id(dice);
    }
    if dice.one_in(5) {
        (order.strategy, order.strategy_type) = (Some(dice.next() as i64), Some(1_000_000));
    }
    match dice.below(20) {
        0..3 => (order.kind, order.life) = (OrderKind::LimitMaker, TimeInForce::Gtc),
        3..6 => (order.kind, order.life, order.price) = (OrderKind::Market, TimeInForce::Gtc, Price(0)),
        6..9 => {
            (order.kind, order.life, order.price) = (OrderKind::Market, TimeInForce::Gtc, Price(0));
            order.quantity = Quantity(0);
            order.budget = Amount(u128::from(quantity) * u128::from(price) / 100_000_000);
        }
        9 if dice.one_in(8) => order.quantity = Quantity(dice.next()),
        10 if dice.one_in(8) => order.price = Price(dice.next()),
        12 if dice.one_in(8) => order.quantity = Quantity(0),
        11 if dice.one_in(8) => order.budget = Amount(u128::MAX - u128::from(dice.below(3))),
        _ => {}
    }
    order
}

fn client_id(dice: &mut Dice) -> ClientId {
    ClientId::new(format!("id-{}", dice.below(40)).as_bytes()).unwrap_or_default()
}

/// Mostly an order that is open.
fn cancel(dice: &mut Dice, world: &World) -> Cancel {
    let (account, market) = (account(dice), market(dice));
    let open: Vec<_> = world.engine.open_orders(account, None).collect();
    let chosen = (!open.is_empty() && !dice.one_in(20)).then(|| dice.pick(&open));
    let market = chosen.map_or(market, |order| order.market);
    let number = chosen.map_or(OrderId(dice.below(10_000)), |order| order.order);
    let (order, client_id) = match dice.below(3) {
        0 => (None, chosen.map_or_else(|| client_id(dice), |order| order.client_id)),
        1 if dice.one_in(8) => (Some(number), self::client_id(dice)),
        1 => (Some(number), chosen.map_or(ClientId::NONE, |order| order.client_id)),
        _ => (Some(number), ClientId::NONE),
    };
    let restriction = if dice.one_in(5) { dice.pick(Restriction::ALL) } else { Restriction::None };
    let cancel_id = if dice.one_in(2) { ClientId::NONE } else { self::client_id(dice) };
    let signed = signed(dice, account, world.time);
    Cancel { account, signed, market, order, client_id, cancel_id, restriction }
}

fn money(dice: &mut Dice) -> Command {
    let (account, asset) = (account(dice), AssetId(dice.below(3) as u32 + u32::from(dice.one_in(50))));
    let amount = match dice.below(30) {
        0 => Amount(0),
        1 => Amount(u128::MAX),
        _ => Amount(u128::from(dice.below(3_000_000_000))),
    };
    if dice.one_in(2) { Deposit { account, asset, amount }.into() } else { Withdraw { account, asset, amount }.into() }
}

fn administration(dice: &mut Dice) -> Command {
    let (account, market) = (account(dice), market(dice));
    let rate = |dice: &mut Dice| Rate(dice.below(300_000) as u32);
    match dice.below(16) {
        0 if dice.one_in(3) => {
            let rights = Rights { trade: !dice.one_in(2), withdraw: !dice.one_in(4), deposit: !dice.one_in(4) };
            SetRights { account, rights }.into()
        }
        1 | 15 => SetRights { account, rights: super::ALL_RIGHTS }.into(),
        2 => SetCommission { account, maker: rate(dice), taker: rate(dice) }.into(),
        3 => SetLimits { account, limits: OrderLimits { ten_seconds: 2, day: 0, open: dice.below(30) as u32 } }.into(),
        4 => SetLimits { account, limits: NO_LIMITS }.into(),
        5 if dice.one_in(30) => RevokeKey { key: KeyId(dice.below(14) as u32) }.into(),
        6 => AddKey { account, permissions: Permissions { read: true, trade: true, withdraw: true } }.into(),
        7 => filters(dice, market).into(),
        8 if dice.one_in(3) => SetMarketStatus { market, status: dice.pick(MarketStatus::ALL) }.into(),
        9..13 => SetMarketStatus { market, status: MarketStatus::Trading }.into(),
        13 => OpenAccount { rights: super::ALL_RIGHTS, maker: rate(dice), taker: rate(dice), limits: NO_LIMITS }.into(),
        14 => Epoch { previous: [dice.next() as u8; 32] }.into(),
        _ => Tick {}.into(),
    }
}

fn filters(dice: &mut Dice, market: MarketId) -> SetFilters {
    let mut filters = open_filters();
    filters.price.tick = Price(dice.pick(&[1, 1, 10, 1_000]));
    filters.lot.step = Quantity(dice.pick(&[0, 1, 100, 10_000]));
    filters.lot.min = Quantity(dice.pick(&[0, 1_000_000, 2_000_000]));
    filters.market_lot.min = Quantity(dice.pick(&[0, 0, 3_000_000]));
    filters.notional.form = dice.pick(NotionalForm::ALL);
    filters.notional.min = Amount(dice.below(2_000_000).into());
    filters.notional.max = Amount(dice.pick(&[0, 10_000_000]));
    filters.notional.min_to_market = dice.one_in(2);
    filters.notional.max_to_market = dice.one_in(2);
    filters.notional.minutes = dice.below(4) as u32;
    filters.max_orders = dice.pick(&[0, 10, 20, 200]);
    filters.prevention = dice.pick(Prevention::ALL);
    filters.preventions = dice.pick(&[0b11_1110, 0b11_1110, 0b11_1010, 0b1110]);
    SetFilters { market, filters }
}
