//! What one command reports beside executions and trades, gathered while it is applied and written in the order that
//! `events.rs` promises: aggregates, levels, the top of the book, postings, balances.

use agio_book::Book;
use agio_planted::{Bug, planted};

use super::order::Prevent;
use crate::accounts::Accounts;
use crate::events::{Aggregated, BalanceChanged, LevelChanged, TopChanged};
use crate::market::Rules;
use crate::sink::{Events, Moved};
use crate::units::{AccountId, AssetId, FEES, Micros, Price, Quantity, UpdateId};
use crate::vocabulary::Side;

/// A level and its new total.
type Level = (Side, Price, Quantity);

/// Gathers; empty between commands, kept for its memory.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub aggregates: Vec<Aggregated>,
    pub levels: Vec<Level>,
    pub trades: Vec<Moved>,
    /// Accounts whose balances may have changed, each with the assets of the market (see [`Touch`]) in one number that
    /// sorts by account.
    touched: Vec<u64>,
}

/// Which of a market's assets.
pub(crate) struct Touch;

impl Touch {
    pub(crate) const BASE: u64 = 1;
    pub(crate) const QUOTE: u64 = 2;
    pub(crate) const BOTH: u64 = 3;
}

/// Best bid and ask with their totals, zeros for an empty side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Top {
    bid: (u64, u64),
    ask: (u64, u64),
}

impl Top {
    #[inline]
    pub(crate) fn of(book: &Book<Prevent>) -> Self {
        let best = |side| book.best(side).unwrap_or_default();
        Self { bid: best(agio_book::Side::Buy), ask: best(agio_book::Side::Sell) }
    }

    /// The top after some levels have new totals. The book is only asked for what comes after a best level that is gone.
    #[inline]
    pub(crate) fn after(mut self, levels: &[Level], book: &Book<Prevent>) -> Self {
        let mut gone = false;
        for &(side, Price(price), Quantity(total)) in levels {
            let best = if side == Side::Buy { &mut self.bid } else { &mut self.ask };
            let reached = if side == Side::Buy { price >= best.0 } else { price <= best.0 || best.0 == 0 };
            if reached {
                gone |= total == 0;
                *best = (price, total);
            }
        }
        if gone { Self::of(book) } else { self }
    }

    /// A book must never be crossed after a command (invariant 3).
    pub(crate) fn is_crossed(&self) -> bool {
        self.meets(Side::Buy, Price(self.bid.0)) && self.bid.0 != 0
    }

    /// Whether an order of this side and price would meet the other side.
    pub(crate) fn meets(&self, side: Side, price: Price) -> bool {
        match side {
            Side::Buy => self.ask.0 != 0 && self.ask.0 <= price.0,
            Side::Sell => self.bid.0 >= price.0,
        }
    }
}

impl Scratch {
    /// Notes that what an account has of a market's assets may have changed.
    #[inline]
    pub(crate) fn touch(&mut self, account: AccountId, assets: u64) {
        let key = u64::from(account.0) << 2 | assets;
        if self.touched.last() != Some(&key) {
            self.touched.push(key);
        }
    }

    /// Writes what happened to a market's levels, one event per level, and to its top.
    #[inline]
    pub(crate) fn flush_market(
        &mut self,
        rules: &mut Rules,
        (before, after): (Top, Top),
        time: Micros,
        out: &mut impl Events,
    ) {
        for aggregate in &self.aggregates {
            out.put(|| aggregate.clone());
        }
        self.aggregates.clear();
        let market = rules.id;
        for &(side, price, total) in &self.levels {
            let update = rules.counters.update();
            out.put(|| LevelChanged { market, update, side, price, total, time });
        }
        self.levels.clear();
        if before != after {
            let update = UpdateId(rules.counters.updates);
            let (bid, bid_total) = (Price(after.bid.0), Quantity(after.bid.1));
            let (ask, ask_total) = (Price(after.ask.0), Quantity(after.ask.1));
            out.put(|| TopChanged { market, update, bid, bid_total, ask, ask_total, time });
        }
    }

    /// Credits the commissions, and writes the ledger's lines and the balances that they touched.
    #[inline]
    pub(crate) fn flush_ledger(&mut self, rules: &Rules, accounts: &mut Accounts, time: Micros, out: &mut impl Events) {
        if !self.trades.is_empty() {
            self.settle_fees(rules, accounts);
            self.trades.iter().for_each(|moved| out.put_lines(moved));
            self.trades.clear();
        }
        if self.touched.len() > 1 {
            self.touched.sort_unstable();
        }
        let mut rest = &self.touched[..];
        while let Some((&first, after)) = rest.split_first() {
            let (account, mut assets) = (first >> 2, first & Touch::BOTH);
            rest = after;
            while let Some((&next, after)) = rest.split_first() {
                if next >> 2 != account {
                    break;
                }
                assets |= next;
                rest = after;
            }
            put_balances(accounts, AccountId(account as u32), assets, rules, time, out);
        }
        self.touched.clear();
    }

    /// Credits the commissions of all trades at once: they all go to one account.
    fn settle_fees(&mut self, rules: &Rules, accounts: &mut Accounts) {
        let sum = |(base, quote): (u128, u128), moved: &Moved| (base + moved.base_fee, quote + moved.quote_fee);
        let (base, quote) = self.trades.iter().fold((0, 0), sum);
        let fees = accounts.at_mut(FEES);
        let mut touched = 0;
        for (asset, sum, touch) in [(rules.base, base, Touch::BASE), (rules.quote, quote, Touch::QUOTE)] {
            if sum > 0 {
                fees.balance_mut(asset).free.0 += sum;
                touched |= touch;
            }
        }
        if touched != 0 {
            self.touch(FEES, touched);
            accounts.moved(FEES, [(rules.base, base as i128), (rules.quote, quote as i128)]);
        }
    }

    /// Keeps the last total of each level, by side and price: a cancel-all may touch one level many times.
    pub(crate) fn merge_levels(&mut self) {
        self.levels.reverse();
        self.levels.sort_by_key(|(side, price, _)| (*side as u8, *price));
        self.levels.dedup_by_key(|(side, price, _)| (*side, *price));
    }
}

/// What an account has of a market's assets after the command, by asset.
#[inline]
fn put_balances(
    accounts: &mut Accounts,
    account: AccountId,
    assets: u64,
    rules: &Rules,
    time: Micros,
    out: &mut impl Events,
) {
    let (base, quote) = ((rules.base, Touch::BASE), (rules.quote, Touch::QUOTE));
    let order = if rules.base < rules.quote { [base, quote] } else { [quote, base] };
    let state = accounts.at_mut(account);
    state.updated = time;
    for (asset, touch) in order {
        if assets & touch != 0 {
            let balance = state.balance(asset);
            out.put(|| BalanceChanged { account, asset, free: balance.free, locked: balance.locked, time });
        }
    }
}

/// What an account has of an asset after the command.
#[inline]
pub(crate) fn put_balance(
    accounts: &mut Accounts,
    account: AccountId,
    asset: AssetId,
    time: Micros,
    out: &mut impl Events,
) {
    let state = accounts.at_mut(account);
    state.updated = time;
    let balance = state.balance(asset);
    out.put(|| BalanceChanged { account, asset, free: balance.free, locked: balance.locked, time });
}

/// A sink for cancels: only levels are of interest.
pub(crate) struct Levels<'a>(pub &'a mut Vec<Level>);

impl<Order> agio_book::Sink<Order> for Levels<'_> {
    fn fill(&mut self, _: &agio_book::Fill, _: &mut Order) {}

    fn prevented(&mut self, _: &agio_book::Prevented, _: &mut Order) {}

    #[inline]
    fn level(&mut self, side: agio_book::Side, price: u64, total: u64) {
        let total = total + u64::from(planted(Bug::LevelKeepsCancelled));
        self.0.push((side.into(), Price(price), Quantity(total)));
    }
}
