//! Questions to the live state. They change nothing; `now` is the time that the answer is given at.

use crate::accounts::Account;
use crate::commands::Place;
use crate::engine::Engine;
use crate::limits::{OrderCounts, Running};
use crate::market::{Asset, Market, Rules};
use crate::open::{Node, OpenList};
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::spot::filters;
use crate::units::{
    AccountId, Amount, AssetId, ClientId, Delta, KeyId, Lane, MarketId, Micros, OUTSIDE, OrderId, Price, Quantity,
    Rate, Sequence, TradeId, UpdateId,
};
use crate::vocabulary::{Filters, MarketStatus, OrderLimits, OrderView, Permissions, Rights, Side};

/// A listed market.
#[derive(Clone, Copy, Debug)]
pub struct MarketView<'a> {
    /// Its number.
    pub id: MarketId,
    /// Its name.
    pub symbol: &'a str,
    /// What is bought and sold.
    pub base: AssetId,
    /// What is paid.
    pub quote: AssetId,
    /// Its status.
    pub status: MarketStatus,
    /// The limits of new orders.
    pub filters: &'a Filters,
    /// The last change of a level; 0 before the first.
    pub last_update: UpdateId,
    /// The last trade's price.
    pub last_price: Option<Price>,
    /// The last trade's time.
    pub last_time: Option<Micros>,
    /// The number that the next trade will get.
    pub next_trade: TradeId,
}

/// A listed asset.
#[derive(Clone, Copy, Debug)]
pub struct AssetView<'a> {
    /// Its number.
    pub id: AssetId,
    /// Its name.
    pub name: &'a str,
    /// Decimal places of its commissions.
    pub precision: u8,
}

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Its number.
    pub id: AccountId,
    /// What it may do.
    pub rights: Rights,
    /// Commission as a maker.
    pub maker: Rate,
    /// Commission as a taker.
    pub taker: Rate,
    /// Its order limits.
    pub limits: OrderLimits,
    /// When it or one of its balances last changed.
    pub updated: Micros,
}

/// An API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyView {
    /// Its number.
    pub id: KeyId,
    /// Whose.
    pub account: AccountId,
    /// What it may do.
    pub permissions: Permissions,
    /// Whether it is revoked.
    pub revoked: bool,
}

impl Engine {
    /// The count of commands so far.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The time of the last command.
    pub fn time(&self) -> Micros {
        self.time
    }

    /// When something is due next. Nothing in this release waits for a time.
    pub fn deadline(&self) -> Option<Micros> {
        None
    }

    /// Whether the shard takes cancels only, after a violated invariant.
    pub fn halted(&self) -> bool {
        self.halted
    }

    /// The last number that was let in from a source; 0 for an unknown one.
    pub fn lane_number(&self, lane: Lane) -> u64 {
        self.lane(lane).map_or(0, |at| self.lanes[at].1)
    }

    /// A market by its name.
    pub fn market_by_symbol(&self, symbol: &str) -> Option<MarketId> {
        self.symbols.get(symbol).copied()
    }

    /// All markets, by number.
    pub fn markets(&self) -> impl Iterator<Item = MarketView<'_>> {
        self.markets.iter().map(|market| view_market(&market.rules))
    }

    /// One market.
    pub fn market(&self, id: MarketId) -> Option<MarketView<'_>> {
        self.markets.get(id.0 as usize).map(|market| view_market(&market.rules))
    }

    /// All assets, by number.
    pub fn assets(&self) -> impl Iterator<Item = AssetView<'_>> {
        let assets = self.assets.iter().enumerate();
        assets.map(|(id, Asset { name, precision, .. })| AssetView {
            id: AssetId(id as u32),
            name,
            precision: *precision,
        })
    }

    /// What the outside world has of an asset: minus all that is in the exchange; 0 for an unknown asset.
    pub fn outside(&self, asset: AssetId) -> Delta {
        self.assets.get(asset.0 as usize).map_or(Delta(0), |asset| asset.outside)
    }

    /// One account; the venue's own have numbers below [`crate::units::FIRST_CUSTOMER`].
    pub fn account(&self, id: AccountId) -> Option<AccountView> {
        let Account { rights, maker, taker, limits, updated, .. } = *self.accounts.get(id)?;
        Some(AccountView { id, rights, maker, taker, limits, updated })
    }

    /// All accounts, by number.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.accounts.iter().map(|(id, _)| id)
    }

    /// What an account has, as (asset, free, locked), by asset, without zeros. For the outside world see
    /// [`Self::outside`].
    pub fn balances(&self, id: AccountId) -> impl Iterator<Item = (AssetId, Amount, Amount)> {
        let account = self.accounts.get(id).filter(|_| id != OUTSIDE);
        account.into_iter().flat_map(Account::balances).map(|balance| (balance.asset, balance.free, balance.locked))
    }

    /// One key.
    pub fn key(&self, id: KeyId) -> Option<KeyView> {
        let key = self.keys.get((id.0 as usize).checked_sub(1)?)?;
        Some(KeyView { id, account: key.account, permissions: key.permissions, revoked: key.revoked })
    }

    /// All keys that are not revoked, oldest first.
    pub fn live_keys(&self) -> impl Iterator<Item = KeyView> {
        let all = (1..=self.keys.len()).filter_map(|id| self.key(KeyId(id as u32)));
        all.filter(|key| !key.revoked)
    }

    /// How many orders are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// An open order of this account.
    pub fn order(&self, market: MarketId, account: AccountId, id: OrderId) -> Option<OrderView> {
        let (resting, order) = self.markets.get(market.0 as usize)?.book.get(id.0)?;
        (order.account == account).then(|| order.view(&self.open, market, &resting.into(), None))
    }

    /// An open order of this account by its client id.
    pub fn order_by_client(&self, market: MarketId, account: AccountId, id: &ClientId) -> Option<OrderView> {
        let node = self.open.find(account, market, id)?;
        self.order(market, account, node.order)
    }

    /// The open orders of an account, in one market or in all, by market and then by number.
    pub fn open_orders(&self, account: AccountId, market: Option<MarketId>) -> impl Iterator<Item = OrderView> {
        let lists = self.accounts.get(account).into_iter().flat_map(Account::open_lists);
        let wanted = lists.filter(move |(id, _)| market.is_none_or(|market| market == *id));
        let nodes = wanted.flat_map(|(_, list): (_, OpenList)| self.open.list(list));
        nodes.filter_map(|node: &Node| self.order(node.market, node.account, node.order))
    }

    /// The levels of one side, best first.
    pub fn depth(&self, market: MarketId, side: Side) -> impl Iterator<Item = (Price, Quantity)> {
        let market = self.markets.get(market.0 as usize).into_iter();
        let levels = market.flat_map(move |market: &Market| market.book.levels(side.into()));
        levels.map(|(price, total)| (Price(price), Quantity(total)))
    }

    /// The volume-weighted average price over the notional filter's minutes (the running one included), with that number
    /// of minutes; the last price if nothing traded in them or the filter names none; `None` before the first trade.
    pub fn average_price(&self, market: MarketId, now: Micros) -> Option<(u32, Price)> {
        filters::average(&self.markets.get(market.0 as usize)?.rules, now)
    }

    /// An account's unfilled-order counts and limits; zeros for an unknown account.
    pub fn order_counts(&self, account: AccountId, now: Micros) -> OrderCounts {
        let none = OrderCounts { ten_seconds: 0, day: 0, limit_ten_seconds: 0, limit_day: 0 };
        self.accounts.get(account).map_or(none, |account| account.counts.read(&account.limits, Running::at(now)))
    }

    /// What a `Place` that is not to be matched is refused for now, and the figure of the limit: `order/test` of
    /// rest-api.md validates an order and "does not send it into the matching engine". So it asks for no money, looks
    /// for nobody to trade with, and is none of the account's unfilled orders.
    pub fn test(&self, command: &Place, now: Micros) -> Result<(), (Reason, u64)> {
        let refused = |Refusal { reason, detail }| (reason, detail);
        require(!self.halted, Reason::Halted).and_then(|()| self.check_alone(command, now)).map_err(refused)
    }

    /// What a `Place` would be refused for now, and the figure of the limit; changes and counts nothing.
    pub fn check(&self, command: &Place, now: Micros) -> Result<(), (Reason, u64)> {
        let refused = |Refusal { reason, detail }| (reason, detail);
        if self.halted {
            return Err(refused(Reason::Halted.into()));
        }
        self.plan(command, now, Running::at(now)).map(|_| ()).map_err(refused)
    }
}

fn view_market(rules: &Rules) -> MarketView<'_> {
    MarketView {
        id: rules.id,
        symbol: &rules.symbol,
        base: rules.base,
        quote: rules.quote,
        status: rules.status,
        filters: &rules.filters,
        last_update: UpdateId(rules.counters.updates),
        last_price: rules.last_trade.map(|(price, _)| price),
        last_time: rules.last_trade.map(|(_, time)| time),
        next_trade: TradeId(rules.counters.trades),
    }
}
