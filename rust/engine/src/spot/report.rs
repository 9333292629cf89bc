//! What one command reports beside executions and trades, gathered while it is applied and written in the order that
//! `events.rs` promises: aggregates, levels, the top of the book, postings, balances.

use agio_book::Book;
use agio_planted::{Bug, planted};

use super::order::Prevent;
use crate::accounts::Accounts;
use crate::events::{Aggregated, BalanceChanged, Event, LevelChanged, Posted, TopChanged};
use crate::market::Rules;
use crate::units::{AccountId, AssetId, Delta, MarketId, Micros, Price, Quantity, TradeId, UpdateId};
use crate::vocabulary::{Cause, Side};

/// A level and its new total.
type Level = (Side, Price, Quantity);

/// Gathers; empty between commands, kept for its memory.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub aggregates: Vec<Aggregated>,
    pub levels: Vec<Level>,
    postings: Vec<Posted>,
    /// Account and asset of balances that may have changed, in one number that sorts as they do.
    touched: Vec<u64>,
}

/// Appends an event where it will stay. A push would make it on the stack and then copy the bytes of the largest event
/// there is, whatever its own size.
#[inline(always)]
#[allow(clippy::inline_always)]
pub(crate) fn put<E: Into<Event>>(out: &mut Vec<Event>, event: impl FnOnce() -> E) {
    out.extend(std::iter::once_with(|| event().into()));
}

/// Best bid and ask with their totals, zeros for an empty side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    bid: (u64, u64),
    ask: (u64, u64),
}

impl Top {
    pub(crate) fn of(book: &Book<Prevent>) -> Self {
        let best = |side| book.best(side).unwrap_or_default();
        Self { bid: best(agio_book::Side::Buy), ask: best(agio_book::Side::Sell) }
    }

    /// A book must never be crossed after a command (invariant 3).
    pub(crate) fn is_crossed(&self) -> bool {
        self.bid.0 != 0 && self.ask.0 != 0 && self.bid.0 >= self.ask.0
    }
}

/// Of what a posting is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Why {
    pub cause: Cause,
    pub market: Option<MarketId>,
    pub trade: Option<TradeId>,
}

impl Scratch {
    /// Notes that a balance may have changed.
    pub(crate) fn touch(&mut self, account: AccountId, asset: AssetId) {
        self.touched.push(u64::from(account.0) << 32 | u64::from(asset.0));
    }

    /// Notes a line of the ledger; nothing for an amount of 0. The balance must be touched, too.
    pub(crate) fn post(&mut self, account: AccountId, asset: AssetId, delta: i128, why: &Why, time: Micros) {
        if delta != 0 {
            let Why { cause, market, trade } = *why;
            self.postings.push(Posted { account, asset, delta: Delta(delta), cause, market, trade, time });
        }
    }

    /// Writes what happened to a market's levels, one event per level, and to its top.
    pub(crate) fn flush_market(
        &mut self,
        rules: &mut Rules,
        (before, after): (Top, Top),
        time: Micros,
        out: &mut Vec<Event>,
    ) {
        out.extend(self.aggregates.drain(..).map(Event::Aggregated));
        let market = rules.id;
        out.extend(self.levels.drain(..).map(|(side, price, total)| {
            let update = rules.counters.update();
            Event::from(LevelChanged { market, update, side, price, total, time })
        }));
        if before != after {
            let update = UpdateId(rules.counters.updates);
            let (bid, bid_total) = (Price(after.bid.0), Quantity(after.bid.1));
            let (ask, ask_total) = (Price(after.ask.0), Quantity(after.ask.1));
            put(out, || TopChanged { market, update, bid, bid_total, ask, ask_total, time });
        }
    }

    /// Writes the ledger's lines and the balances that they touched.
    pub(crate) fn flush_ledger(&mut self, accounts: &mut Accounts, time: Micros, out: &mut Vec<Event>) {
        out.extend(self.postings.drain(..).map(Event::Posted));
        self.touched.sort_unstable();
        self.touched.dedup();
        out.extend(self.touched.drain(..).map(|key| {
            let (account, asset) = (AccountId((key >> 32) as u32), AssetId(key as u32));
            let state = accounts.at_mut(account);
            state.updated = time;
            let balance = state.balance(asset);
            Event::from(BalanceChanged { account, asset, free: balance.free, locked: balance.locked, time })
        }));
    }

    /// Keeps the last total of each level, by side and price: a cancel-all may touch one level many times.
    pub(crate) fn merge_levels(&mut self) {
        self.levels.reverse();
        self.levels.sort_by_key(|(side, price, _)| (*side as u8, *price));
        self.levels.dedup_by_key(|(side, price, _)| (*side, *price));
    }
}

/// A sink for cancels: only levels are of interest.
pub(crate) struct Levels<'a>(pub &'a mut Vec<Level>);

impl<Order> agio_book::Sink<Order> for Levels<'_> {
    fn fill(&mut self, _: &agio_book::Fill, _: &mut Order) {}

    fn prevented(&mut self, _: &agio_book::Prevented, _: &mut Order) {}

    fn level(&mut self, side: agio_book::Side, price: u64, total: u64) {
        let total = total + u64::from(planted(Bug::LevelKeepsCancelled));
        self.0.push((side.into(), Price(price), Quantity(total)));
    }
}
