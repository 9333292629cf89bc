//! What the auditor knows: money, orders and rules, each in the plainest form that can be read.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use agio_engine::units::{AccountId, AssetId, FIRST_CUSTOMER, MarketId, OrderId, Quantity};
use agio_engine::vocabulary::{Filters, MarketStatus, OrderLimits, Rights, Side};

use super::book::{Book, Resting, notional};

pub(crate) const OUTSIDE: u32 = 0;
pub(crate) const FEES: u32 = 1;
const TEN_SECONDS: u64 = 10_000_000;
const MINUTE: u64 = 60_000_000;
const DAY: u64 = 86_400_000_000;

/// One account's rules and counts.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub rights: Rights,
    pub maker: u32,
    pub taker: u32,
    pub limits: OrderLimits,
    /// (window, unfilled orders in it) of ten seconds and of a day.
    ten_seconds: (u64, u32),
    day: (u64, u32),
}

impl Account {
    pub(crate) fn new(rights: Rights, (maker, taker): (u32, u32), limits: OrderLimits) -> Self {
        Self { rights, maker, taker, limits, ten_seconds: (0, 0), day: (0, 0) }
    }

    /// Unfilled orders now, in ten seconds and in the day, each with its limit.
    pub(crate) fn counts(&self, now: u64) -> [(u32, u32); 2] {
        let at = |window: (u64, u32), number| if window.0 == number { window.1 } else { 0 };
        let or = |own: u32, usual| if own == 0 { usual } else { own };
        [
            (at(self.ten_seconds, now / TEN_SECONDS), or(self.limits.ten_seconds, 100)),
            (at(self.day, now / DAY), or(self.limits.day, 200_000)),
        ]
    }

    /// One more order. Past the day's limit the ten seconds stand still.
    pub(crate) fn count(&mut self, now: u64) {
        let [(ten, _), (day, most)] = self.counts(now);
        if day < most {
            self.ten_seconds = (now / TEN_SECONDS, ten + 1);
        }
        self.day = (now / DAY, day + 1);
    }

    /// An order's first fill.
    pub(crate) fn credit(&mut self, now: u64, credit: u32) {
        let [(ten, _), (day, _)] = self.counts(now);
        self.ten_seconds = (now / TEN_SECONDS, ten.saturating_sub(credit));
        self.day = (now / DAY, day.saturating_sub(credit));
    }
}

/// An open order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    pub account: u32,
    pub side: Side,
    pub price: u64,
    pub quantity: u64,
    pub executed: u64,
    pub prevented: u64,
    pub notional: u128,
    pub client_id: String,
}

impl Open {
    pub(crate) fn left(&self) -> u64 {
        self.quantity - self.executed - self.prevented
    }

    /// What it holds: a buyer what the rest would cost, a seller the rest.
    pub(crate) fn hold(&self) -> u128 {
        match self.side {
            Side::Buy => notional(self.price, self.left()),
            Side::Sell => self.left().into(),
        }
    }
}

/// How many numbers of each kind a market has given out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    pub orders: u64,
    pub trades: u64,
    pub aggregates: u64,
    pub updates: u64,
    pub executions: u64,
    pub prevented: u64,
}

/// One market.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub symbol: String,
    pub base: u32,
    pub quote: u32,
    pub status: MarketStatus,
    pub filters: Filters,
    pub numbers: Numbers,
    pub book: Book,
    pub orders: BTreeMap<u64, Open>,
    pub last_price: Option<u64>,
    /// (minute, quantity, value 10^-16) of the minutes with trades.
    minutes: VecDeque<(u64, u128, u128)>,
}

impl Market {
    pub(crate) fn new(symbol: &str, base: u32, quote: u32, filters: Filters) -> Self {
        Self {
            symbol: symbol.to_owned(),
            base,
            quote,
            status: MarketStatus::Trading,
            filters,
            numbers: Numbers::default(),
            book: Book::default(),
            orders: BTreeMap::new(),
            last_price: None,
            minutes: VecDeque::new(),
        }
    }

    /// What an order of a side pays with.
    pub(crate) fn paid(&self, side: Side) -> u32 {
        match side {
            Side::Buy => self.quote,
            Side::Sell => self.base,
        }
    }

    pub(crate) fn traded(&mut self, now: u64, price: u64, quantity: u64) {
        self.last_price = Some(price);
        let number = now / MINUTE;
        self.minutes.retain(|minute| minute.0 + 60 > number);
        if self.minutes.back().is_none_or(|last| last.0 != number) {
            self.minutes.push_back((number, 0, 0));
        }
        if let Some(minute) = self.minutes.back_mut() {
            minute.1 += u128::from(quantity);
            minute.2 += u128::from(price) * u128::from(quantity);
        }
    }

    /// The price that a market order's notional is judged by.
    pub(crate) fn average(&self, now: u64) -> Option<u64> {
        let minutes = u64::from(self.filters.notional.minutes);
        let within = self.minutes.iter().filter(|minute| minute.0 + minutes > now / MINUTE);
        let (quantity, value) = within.fold((0, 0), |sum, minute| (sum.0 + minute.1, sum.1 + minute.2));
        let average = (quantity > 0).then(|| (value / quantity) as u64);
        average.or(self.last_price)
    }
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub accounts: BTreeMap<u32, Account>,
    /// All money, what orders hold included; the outside world's is what it is owed.
    pub money: BTreeMap<(u32, u32), i128>,
    /// What orders hold: of (account, asset) by (market, order).
    holds: BTreeMap<(u32, u32), BTreeMap<(u32, u64), u128>>,
    /// Open orders of (account, market).
    pub owned: BTreeMap<(u32, u32), BTreeSet<u64>>,
    pub keys: Vec<(u32, bool, bool)>,
    /// Name and decimal places.
    pub assets: Vec<(String, u32)>,
    pub markets: Vec<Market>,
    pub epochs: u64,
}

impl Ledger {
    /// Nothing but the venue's own accounts.
    pub(crate) fn new() -> Self {
        let mut ledger = Self::default();
        for id in 0..4 {
            let money = [1, 3].contains(&id);
            let rights = Rights { trade: false, withdraw: money, deposit: money };
            let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
            ledger.accounts.insert(id, Account::new(rights, (0, 0), limits));
        }
        ledger
    }

    pub(crate) fn next_account(&self) -> u32 {
        self.accounts.last_key_value().map_or(0, |(id, _)| *id + 1).max(FIRST_CUSTOMER.0)
    }

    pub(crate) fn customer(&mut self, id: AccountId) -> Option<&mut Account> {
        self.accounts.get_mut(&id.0).filter(|_| id >= FIRST_CUSTOMER)
    }

    pub(crate) fn market(&self, id: MarketId) -> Option<&Market> {
        self.markets.get(id.0 as usize)
    }

    pub(crate) fn locked(&self, account: u32, asset: u32) -> u128 {
        self.holds.get(&(account, asset)).map_or(0, |holds| holds.values().sum())
    }

    /// Free money; below 0 if the exchange has let somebody overspend.
    pub(crate) fn free(&self, account: u32, asset: u32) -> i128 {
        let all = self.money.get(&(account, asset)).copied().unwrap_or(0);
        all - self.locked(account, asset) as i128
    }

    pub(crate) fn add(&mut self, account: u32, asset: u32, delta: i128) {
        *self.money.entry((account, asset)).or_default() += delta;
    }

    pub(crate) fn open_count(&self, account: u32, market: MarketId) -> usize {
        self.owned.get(&(account, market.0)).map_or(0, BTreeSet::len)
    }

    pub(crate) fn by_client(&self, account: u32, market: MarketId, client_id: &str) -> Option<u64> {
        let orders = &self.market(market)?.orders;
        let owned = self.owned.get(&(account, market.0))?;
        owned.iter().copied().find(|order| orders[order].client_id == client_id)
    }

    /// Lets an order rest.
    pub(crate) fn open(&mut self, market: MarketId, order: OrderId, open: Open) {
        let at = &mut self.markets[market.0 as usize];
        let resting = Resting { order: order.0, account: open.account, left: open.left() };
        at.book.append(open.side, open.price, resting);
        self.owned.entry((open.account, market.0)).or_default().insert(order.0);
        let holds = self.holds.entry((open.account, at.paid(open.side))).or_default();
        holds.insert((market.0, order.0), open.hold());
        at.orders.insert(order.0, open);
    }

    /// Takes `quantity` off an open order, executed or prevented, or simply gone. Answers the order as it was left.
    pub(crate) fn reduce(&mut self, market: MarketId, order: u64, quantity: u64, how: Loss) -> Open {
        let at = &mut self.markets[market.0 as usize];
        let open = at.orders.get_mut(&order).expect("an open order");
        at.book.reduce(open.side, open.price, order, quantity);
        match how {
            Loss::Executed => {
                open.executed += quantity;
                open.notional += notional(open.price, quantity);
            }
            Loss::Prevented => open.prevented += quantity,
            Loss::Cancelled => {}
        }
        let open = open.clone();
        let holds = self.holds.entry((open.account, at.paid(open.side))).or_default();
        if how == Loss::Cancelled || open.left() == 0 {
            at.orders.remove(&order);
            holds.remove(&(market.0, order));
            self.owned.entry((open.account, market.0)).or_default().remove(&order);
        } else {
            holds.insert((market.0, order), open.hold());
        }
        open
    }

    /// The smallest commission of an asset, 10^-8.
    pub(crate) fn unit(&self, asset: u32) -> u128 {
        10_u128.pow(8 - self.assets[asset as usize].1)
    }

    /// The sum of an asset over everybody, the outside world included.
    pub(crate) fn sum(&self, asset: u32) -> i128 {
        self.money.iter().filter(|((_, of), _)| *of == asset).map(|(_, money)| money).sum()
    }

    /// All balances that are not zero, as (account, asset, free, locked).
    pub(crate) fn balances(&self) -> impl Iterator<Item = (AccountId, AssetId, i128, u128)> {
        let all = self.money.keys().filter(|(account, _)| *account != OUTSIDE);
        all.map(|&(account, asset)| {
            (AccountId(account), AssetId(asset), self.free(account, asset), self.locked(account, asset))
        })
        .filter(|(_, _, free, locked)| *free != 0 || *locked != 0)
    }

    /// The levels of a side, in the engine's units.
    pub(crate) fn levels(&self, market: usize, side: Side) -> Vec<(u64, Quantity)> {
        self.markets[market].book.levels(side).into_iter().map(|(price, total)| (price, Quantity(total))).collect()
    }
}

/// How an order loses a part of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Executed,
    Prevented,
    Cancelled,
}
