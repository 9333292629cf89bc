//! The canonical bytes of a state: equal states give equal bytes, whatever way they came about.
//!
//! Everything stands in the order of its number or name, orders by market, side, price and time; memory layout (slots,
//! capacities, hash tables) and entries of zeros do not appear. What can be derived is not stored.

use agio_planted::{Bug, planted};

use crate::accounts::{Account, Accounts, Balance, HOUSE, MAX_SUPPLY};
use crate::audit::round::Census;
use crate::audit::{Place, Violation};
use crate::client_ids;
use crate::engine::{Engine, Key};
use crate::layout::{DecodeError, Field, LayoutDoc, records};
use crate::limits::{Counts, Window};
use crate::market::{Asset, Counters, MAX_AVERAGE_MINUTES, Market, Rules, check_filters, check_name, is_possible};
use crate::open;
use crate::spot::average::{Averages, Minute};
use crate::spot::order::{Order, lose_priority};
use crate::units::{
    AccountId, Amount, AssetId, ClientId, FIRST_CUSTOMER, Lane, MarketId, Micros, ONE, OUTSIDE, OrderId, PreventedId,
    Price, Quantity, Rate, SCALE,
};
use crate::vocabulary::{Filters, MarketStatus, OrderKind, OrderLimits, Permissions, Prevention, Rights};

/// The first bytes of every snapshot.
const MAGIC: [u8; 8] = *b"agioengn";
/// Grows with every change of the layout.
const VERSION: u16 = 1;

/// Why bytes are not a state. Nothing is kept of a snapshot that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Not a snapshot at all.
    #[error("these bytes are not a snapshot of the engine")]
    Foreign,
    /// A snapshot of another release.
    #[error("snapshot version {0} is not known to this release (it knows {VERSION}); restore it with its own release")]
    Version(u16),
    /// The bytes do not follow the layout.
    #[error("damaged snapshot: {0}")]
    Layout(#[from] DecodeError),
    /// A value that no state can have.
    #[error("impossible value in the snapshot: {0}")]
    Value(&'static str),
    /// The values do not fit together.
    #[error("the snapshot violates an invariant: {0}")]
    Invariant(#[from] Violation),
}

type Restored<T> = Result<T, RestoreError>;

records! {
    /// An account without its balances.
    SavedAccount {
        /// What it may do.
        rights: Rights,
        /// Commission as a maker.
        maker: Rate,
        /// Commission as a taker.
        taker: Rate,
        /// Its order limits.
        limits: OrderLimits,
        /// Its order counts.
        counts: Counts,
        /// When it last changed.
        updated: Micros,
    }
    /// A key.
    SavedKey {
        /// Whose.
        account: AccountId,
        /// What it may do.
        permissions: Permissions,
        /// Whether it is revoked.
        revoked: bool,
    }
    /// A market without its name, minutes and orders.
    SavedMarket {
        /// What is bought and sold.
        base: AssetId,
        /// What is paid.
        quote: AssetId,
        /// Its status.
        status: MarketStatus,
        /// The limits of new orders.
        filters: Filters,
        /// Its numbers.
        counters: Counters,
        /// The last trade's price.
        last_price: Option<Price>,
        /// The last trade's time.
        last_time: Option<Micros>,
    }
    /// An open order.
    SavedOrder {
        /// Its number.
        order: OrderId,
        /// Its limit.
        price: Price,
        /// Its original quantity.
        quantity: Quantity,
        /// Executed so far.
        executed: Quantity,
        /// Prevented so far.
        prevented: Quantity,
        /// Quote paid or got so far.
        notional: Amount,
        /// Its last prevented match, 0 for none.
        prevented_match: PreventedId,
        /// When it was accepted.
        opened: Micros,
        /// When it last changed.
        updated: Micros,
        /// The client's strategy number.
        strategy: Option<i64>,
        /// The client's strategy type.
        strategy_type: Option<i32>,
        /// Its owner.
        account: AccountId,
        /// Its type.
        kind: OrderKind,
        /// Its self-trade prevention.
        prevention: Prevention,
        /// Its client's id; empty when it is the one that the engine makes.
        client_id: ClientId,
    }
}

/// The parts of a snapshot, for documentation.
pub const SNAPSHOT_LAYOUTS: &[LayoutDoc] = &[
    SavedAccount::LAYOUT,
    Balance::LAYOUT,
    Counts::LAYOUT,
    Window::LAYOUT,
    SavedKey::LAYOUT,
    SavedMarket::LAYOUT,
    Counters::LAYOUT,
    Minute::LAYOUT,
    SavedOrder::LAYOUT,
];

impl Engine {
    /// Appends the canonical bytes of this state.
    pub fn snapshot(&self, out: &mut Vec<u8>) {
        MAGIC.put(out);
        VERSION.put(out);
        self.sequence.put(out);
        self.time.put(out);
        self.epoch.put(out);
        self.previous_log.put(out);
        self.halted.put(out);
        count(self.lanes.len(), out);
        for (lane, number) in &self.lanes {
            lane.put(out);
            number.put(out);
        }
        count(self.assets.len(), out);
        for Asset { name, precision, outside } in &self.assets {
            name.put(out);
            precision.put(out);
            outside.put(out);
        }
        count(self.accounts.len(), out);
        for (_, account) in self.accounts.iter() {
            put_account(account, out);
        }
        count(self.keys.len(), out);
        for Key { account, permissions, revoked } in self.keys.iter().copied() {
            SavedKey { account, permissions, revoked }.put(out);
        }
        count(self.markets.len(), out);
        for market in &self.markets {
            self.put_market(market, out);
        }
    }

    /// The state that these bytes describe. Every length and value is checked, and at the end all invariants (of a
    /// halted shard they are known not to hold).
    pub fn restore(mut bytes: &[u8]) -> Restored<Engine> {
        let input = &mut bytes;
        let mut engine = Engine::new();
        take_header(&mut engine, input)?;
        take_lanes(&mut engine, input)?;
        take_assets(&mut engine, input)?;
        engine.accounts.census = Census::after(engine.sequence, engine.assets.len());
        let mut tally = Tally { locked: Vec::new(), sums: vec![0; engine.assets.len()] };
        take_accounts(&mut engine, &mut tally, input)?;
        take_keys(&mut engine, input)?;
        for id in 0..take_count(input)? {
            take_market(&mut engine, MarketId(id), input)?;
        }
        if !input.is_empty() {
            return Err(DecodeError::Trailing(input.len()).into());
        }
        if !engine.halted {
            engine.audit_restored(&tally.locked, tally.sums)?;
        }
        Ok(engine)
    }

    /// The BLAKE3 hash of the canonical bytes: equal on every replica at the same sequence.
    pub fn hash(&self) -> [u8; 32] {
        let mut bytes = Vec::new();
        self.snapshot(&mut bytes);
        *blake3::hash(&bytes).as_bytes()
    }

    fn put_market(&self, market: &Market, out: &mut Vec<u8>) {
        let Rules { id, symbol, base, quote, status, filters, counters, last_trade, averages, .. } = &market.rules;
        let (base, quote, status, filters) = (*base, *quote, *status, *filters);
        symbol.put(out);
        let (last_price, last_time) = last_trade.unzip();
        SavedMarket { base, quote, status, filters, counters: *counters, last_price, last_time }.put(out);
        count(averages.minutes.len(), out);
        averages.minutes.iter().for_each(|minute| minute.put(out));
        for side in [agio_book::Side::Buy, agio_book::Side::Sell] {
            let at = out.len();
            count(0, out);
            let mut orders = 0_u32;
            for (resting, order) in market.book.orders(side) {
                self.save(*id, resting.id, resting.price, order).put(out);
                orders += 1;
            }
            out[at..at + 4].copy_from_slice(&orders.to_le_bytes());
        }
    }

    fn save(&self, market: MarketId, id: u64, price: u64, order: &Order) -> SavedOrder {
        let given = self.open.node(order.slot).client_id;
        let made = client_ids::of_order(order.account, market, id);
        SavedOrder {
            order: OrderId(id),
            price: Price(price),
            quantity: order.quantity,
            executed: order.executed,
            prevented: order.prevented,
            notional: order.notional,
            prevented_match: order.prevented_match,
            opened: order.opened,
            updated: order.updated,
            strategy: order.strategy,
            strategy_type: order.strategy_type,
            account: order.account,
            kind: order.kind,
            prevention: order.prevention,
            client_id: if given == made { ClientId::NONE } else { given },
        }
    }
}

fn count(length: usize, out: &mut Vec<u8>) {
    (length as u32).put(out);
}

/// Counts are not trusted: nothing is reserved by them, and each item must follow.
fn take_count(input: &mut &[u8]) -> Restored<u32> {
    Ok(u32::take(input)?)
}

fn check(holds: bool, what: &'static str) -> Restored<()> {
    if holds { Ok(()) } else { Err(RestoreError::Value(what)) }
}

fn put_account(account: &Account, out: &mut Vec<u8>) {
    let Account { rights, maker, taker, limits, counts, updated, .. } = *account;
    let counts = if planted(Bug::CountsForgotten) { Counts::EMPTY } else { counts };
    SavedAccount { rights, maker, taker, limits, counts, updated }.put(out);
    count(account.balances().count(), out);
    account.balances().for_each(|balance| balance.put(out));
}

fn take_header(engine: &mut Engine, input: &mut &[u8]) -> Restored<()> {
    if <[u8; 8]>::take(input) != Ok(MAGIC) {
        return Err(RestoreError::Foreign);
    }
    let version = u16::take(input)?;
    if version != VERSION {
        return Err(RestoreError::Version(version));
    }
    engine.sequence = Field::take(input)?;
    engine.time = Field::take(input)?;
    engine.epoch = Field::take(input)?;
    engine.previous_log = Field::take(input)?;
    engine.halted = Field::take(input)?;
    check(is_possible(engine.sequence.0), "the sequence")?;
    Ok(())
}

fn take_lanes(engine: &mut Engine, input: &mut &[u8]) -> Restored<()> {
    for _ in 0..take_count(input)? {
        let lane = Lane::take(input)?;
        let number = u64::take(input)?;
        let next = engine.lanes.last().is_none_or(|(last, _)| *last < lane);
        check(next && number > 0, "the sources are out of order")?;
        check(is_possible(number), "a source's number")?;
        engine.lanes.push((lane, number));
    }
    Ok(())
}

fn take_assets(engine: &mut Engine, input: &mut &[u8]) -> Restored<()> {
    for _ in 0..take_count(input)? {
        let asset = Asset { name: Field::take(input)?, precision: Field::take(input)?, outside: Field::take(input)? };
        check(check_name(&asset.name).is_ok(), "an asset's name")?;
        check(engine.assets.iter().all(|other| other.name != asset.name), "an asset's name is taken")?;
        check(u32::from(asset.precision) <= SCALE, "an asset's precision")?;
        check(asset.outside.0 <= 0 && asset.outside.0.unsigned_abs() <= MAX_SUPPLY, "an asset's supply")?;
        engine.assets.push(asset);
    }
    Ok(())
}

/// What is learned of balances while they are read, so that nobody has to walk them again.
struct Tally {
    /// All that is locked, by account and asset.
    locked: Vec<(Place, u128)>,
    /// The sums of all balances, by asset.
    sums: Vec<i128>,
}

fn take_accounts(engine: &mut Engine, tally: &mut Tally, input: &mut &[u8]) -> Restored<()> {
    let accounts = take_count(input)?;
    check((HOUSE..=u32::MAX - FIRST_CUSTOMER.0).contains(&accounts), "the number of accounts")?;
    engine.accounts.reserve((accounts as usize).min(input.len() / SavedAccount::SIZE));
    for number in 0..accounts {
        let saved = SavedAccount::take(input)?;
        let SavedAccount { rights, maker, taker, limits, counts, updated } = saved;
        check(u64::from(maker.0.max(taker.0)) <= ONE, "an account's commission")?;
        let balances = take_balances(engine.assets.len(), number == OUTSIDE.0, input)?;
        let place = number as usize;
        for &Balance { asset, free, locked } in &balances {
            let sum = (free.0 + locked.0) as i128;
            tally.sums[asset.0 as usize] += sum;
            engine.accounts.census.moved(place, [(asset, sum)]);
            if locked.0 > 0 {
                tally.locked.push(((Accounts::id(place), asset), locked.0));
            }
        }
        let mut fresh = Account::restored(rights, maker, taker, limits, updated, balances);
        fresh.counts = counts;
        if number < HOUSE {
            engine.accounts.replace_house(number, fresh);
        } else {
            engine.accounts.push(fresh);
        }
    }
    Ok(())
}

fn take_balances(assets: usize, outside: bool, input: &mut &[u8]) -> Restored<Vec<Balance>> {
    let count = take_count(input)? as usize;
    check(count <= assets && (count == 0 || !outside), "a balance's asset")?;
    let mut balances = Vec::with_capacity(count);
    let mut next = 0;
    for _ in 0..count {
        let balance = Balance::take(input)?;
        let number = balance.asset.0 as usize;
        check((next..assets).contains(&number), "a balance's asset")?;
        let sum = balance.free.0.checked_add(balance.locked.0);
        check(sum.is_some_and(|sum| (1..=MAX_SUPPLY).contains(&sum)), "a balance")?;
        next = number + 1;
        balances.push(balance);
    }
    Ok(balances)
}

fn take_keys(engine: &mut Engine, input: &mut &[u8]) -> Restored<()> {
    for _ in 0..take_count(input)? {
        let SavedKey { account, permissions, revoked } = Field::take(input)?;
        check(is_customer(engine, account), "a key's account")?;
        engine.keys.push(Key { account, permissions, revoked });
    }
    Ok(())
}

fn is_customer(engine: &Engine, account: AccountId) -> bool {
    account >= FIRST_CUSTOMER && engine.accounts.get(account).is_some()
}

fn take_market(engine: &mut Engine, id: MarketId, input: &mut &[u8]) -> Restored<()> {
    let symbol = String::take(input)?;
    let SavedMarket { base, quote, status, filters, mut counters, last_price, last_time } = Field::take(input)?;
    counters.trades -= u64::from(planted(Bug::TradeNumberForgotten) && counters.trades > 0);
    check(counters.are_possible(), "a market's numbers")?;
    check(last_price.is_some() == last_time.is_some(), "a market's last trade")?;
    let last_trade = last_price.zip(last_time);
    check(check_name(&symbol).is_ok() && !engine.symbols.contains_key(&symbol), "a market's name")?;
    check(check_filters(&filters).is_ok(), "a market's filters")?;
    let unit = |asset: AssetId| engine.assets.get(asset.0 as usize).map(Asset::unit);
    let (Some(base_unit), Some(quote_unit)) = (unit(base), unit(quote)) else {
        return Err(RestoreError::Value("a market's assets"));
    };
    check(base != quote, "a market's assets")?;
    let averages = take_minutes(input)?;
    engine.symbols.insert(symbol.clone(), id);
    let rules = Rules::new(id, symbol, (base, base_unit), (quote, quote_unit), filters);
    let rules = Rules { status, counters, last_trade, averages, ..rules };
    let mut market = Market::new(rules, agio_book::Book::new());
    let mut joining = Vec::new();
    for side in [agio_book::Side::Buy, agio_book::Side::Sell] {
        take_orders(engine, &mut market, side, &mut joining, input)?;
        if planted(Bug::PriorityLostOnRestore) {
            lose_priority(&mut market.book, side);
        }
    }
    engine.markets.push(Market::new(market.rules, market.book));
    join(engine, id, joining)
}

fn take_minutes(input: &mut &[u8]) -> Restored<Averages> {
    let mut averages = Averages::default();
    for _ in 0..take_count(input)? {
        let minute = Minute::take(input)?;
        let next = averages.minutes.back().is_none_or(|last| last.number < minute.number);
        let few = averages.minutes.len() < MAX_AVERAGE_MINUTES as usize;
        check(next && few && minute.quantity.0 > 0, "a market's minutes")?;
        averages.minutes.push_back(minute);
    }
    Ok(averages)
}

/// An order that has yet to join its owner's list, by number.
type Joining = (OrderId, AccountId, u32, ClientId);

fn take_orders(
    engine: &mut Engine,
    market: &mut Market,
    side: agio_book::Side,
    joining: &mut Vec<Joining>,
    input: &mut &[u8],
) -> Restored<()> {
    let mut last = None;
    for _ in 0..take_count(input)? {
        let saved = SavedOrder::take(input)?;
        let turn = match side {
            agio_book::Side::Buy => (u64::MAX - saved.price.0, saved.order),
            agio_book::Side::Sell => (saved.price.0, saved.order),
        };
        check(last.is_none_or(|last| last < turn), "orders are not in the order of price and time")?;
        last = Some(turn);
        let remaining = check_order(engine, &market.rules, &saved)?;
        let slot = engine.open.reserve();
        let id = saved.order.0;
        let resting = agio_book::Resting { id, side, price: saved.price.0, quantity: remaining };
        let restored = market.book.restore(resting, saved.payload(slot));
        check(restored.is_ok(), "an order does not fit into its book")?;
        let (account, rules) = (saved.account, &market.rules);
        let made = client_ids::of_order(account, rules.id, id);
        let to_come = client_ids::is_to_come(account, rules.id, rules.counters.orders, &saved.client_id);
        check(saved.client_id != made && !to_come, "a client id that the engine makes is stored")?;
        let client_id = if saved.client_id.is_empty() { made } else { saved.client_id };
        joining.push((saved.order, saved.account, slot, client_id));
    }
    Ok(())
}

/// Checks the values of one order; returns what remains of it.
fn check_order(engine: &Engine, rules: &Rules, saved: &SavedOrder) -> Restored<u64> {
    let spent = saved.executed.0.checked_add(saved.prevented.0);
    let remaining = spent.and_then(|spent| saved.quantity.0.checked_sub(spent)).unwrap_or(0);
    check(remaining > 0, "an order's quantities")?;
    check(saved.notional.0 <= saved.price_bound(), "an order's notional")?;
    check(is_customer(engine, saved.account), "an order's account")?;
    check(saved.kind != OrderKind::Market, "a market order rests")?;
    check((1..=rules.counters.orders).contains(&saved.order.0), "an order's number")?;
    check(saved.prevented_match.0 <= rules.counters.prevented, "an order's prevented match")?;
    Ok(remaining)
}

impl SavedOrder {
    /// No fill's price × quantity exceeds this, nor does their sum over one order.
    fn price_bound(&self) -> u128 {
        u128::from(u64::MAX) * u128::from(self.executed.0)
    }

    fn payload(&self, slot: u32) -> Order {
        Order {
            notional: self.notional,
            quantity: self.quantity,
            executed: self.executed,
            prevented: self.prevented,
            prevented_match: self.prevented_match,
            opened: self.opened,
            updated: self.updated,
            strategy: self.strategy,
            strategy_type: self.strategy_type,
            account: self.account,
            slot,
            kind: self.kind,
            prevention: self.prevention,
        }
    }
}

/// Lists and indexes a market's orders by number, as they came.
fn join(engine: &mut Engine, market: MarketId, mut joining: Vec<Joining>) -> Restored<()> {
    joining.sort_unstable_by_key(|(order, ..)| *order);
    for (order, account, slot, client_id) in joining {
        let hash = open::hash(account, market, &client_id);
        let taken = engine.open.find_hashed(hash, account, market, &client_id).is_some();
        check(!taken, "two open orders have one client id")?;
        let list = engine.accounts.at_mut(account).open_mut(market);
        engine.open.insert(slot, (account, market), order, (client_id, hash), list);
    }
    Ok(())
}
