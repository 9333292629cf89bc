//! The invariants, checked in full: every order, every balance, every index. While commands run it goes in slices: `round`.

use std::collections::BTreeMap;
use std::collections::btree_map::IntoIter;
use std::iter::Peekable;

use agio_book::Resting;

use crate::accounts::{Account, Balance};
use crate::engine::Engine;
use crate::market::Market;
use crate::spot::hold::hold;
use crate::spot::order::{Order, Placement};
use crate::spot::report::Top;
use crate::spot::settle::paid_asset;
use crate::units::{AccountId, AssetId, Delta};

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}")]
pub struct Violation {
    /// Which, with the figures.
    pub invariant: String,
}

/// A balance: whose, and of what.
pub(crate) type Place = (AccountId, AssetId);
type Holds = BTreeMap<Place, u128>;

/// `Err` with the sentence unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($sentence:tt)+) => {
        if !$condition {
            return Err(Violation { invariant: format!($($sentence)+) });
        }
    };
}

impl Engine {
    /// Checks all invariants of the state; the cost grows with the number of orders and accounts.
    ///
    /// # Errors
    /// The first violation found, in words.
    pub fn audit(&self) -> Result<(), Violation> {
        self.audit_accounts(self.audit_markets()?)
    }

    /// As [`Self::audit`], of a state that has just been restored: all that is locked, by account and asset, and the sums
    /// of all balances have been seen on the way, and lists have been made of what was checked.
    pub(crate) fn audit_restored(&self, locked: &[(Place, u128)], mut sums: Vec<i128>) -> Result<(), Violation> {
        let mut backing = Backing::of(self.audit_markets()?);
        for (place, locked) in locked {
            backing.check(*place, *locked)?;
        }
        backing.finish()?;
        sums.iter_mut().zip(&self.assets).for_each(|(sum, asset)| *sum += asset.outside.0);
        self.audit_supply(&sums)
    }

    /// All books. Returns what their orders hold.
    fn audit_markets(&self) -> Result<Holds, Violation> {
        let mut holds = Holds::new();
        let mut orders = 0;
        for market in &self.markets {
            self.audit_market(market, &mut holds)?;
            orders += market.book.len();
        }
        ensure!(orders == self.open.len(), "{orders} orders rest and {} are indexed", self.open.len());
        Ok(holds)
    }

    fn audit_market(&self, market: &Market, holds: &mut Holds) -> Result<(), Violation> {
        let symbol = &market.rules.symbol;
        ensure!(!Top::of(&market.book).is_crossed(), "the book of {symbol} is crossed");
        ensure!(market.top == Top::of(&market.book), "the top of {symbol} is not the one that was last told");
        for side in [agio_book::Side::Buy, agio_book::Side::Sell] {
            let mut last = None;
            for (resting, order) in market.book.orders(side) {
                ensure!(in_turn(side, last, &resting), "order {} of {symbol} is out of turn", resting.id);
                last = Some((resting.price, resting.id));
                audit_order(market, &resting, order)?;
                let at = Placement::from(resting);
                self.audit_index(market, &at, order.account, order.slot)?;
                let held = hold(at.side, at.price, order.remaining());
                *holds.entry((order.account, paid_asset(&market.rules, at.side))).or_default() += held.0;
            }
            audit_levels(market, side)?;
        }
        Ok(())
    }

    fn audit_index(&self, market: &Market, at: &Placement, account: AccountId, slot: u32) -> Result<(), Violation> {
        let (symbol, order) = (&market.rules.symbol, at.order.0);
        let node = self.open.node(slot);
        let found = self.open.find(account, market.rules.id, &node.client_id);
        ensure!(
            node.order == at.order && found.is_some_and(|found| found.order == at.order),
            "order {order} of {symbol} is not found by its client id"
        );
        Ok(())
    }

    /// One walk over all accounts, beside the holds, which are in the same order.
    fn audit_accounts(&self, holds: Holds) -> Result<(), Violation> {
        let mut backing = Backing::of(holds);
        let mut sums: Vec<i128> = self.assets.iter().map(|asset| asset.outside.0).collect();
        let mut listed = 0;
        for (id, account) in self.accounts.iter() {
            listed += self.audit_lists(id, account)?;
            for Balance { asset, free, locked } in account.balances().copied() {
                backing.check((id, asset), locked.0)?;
                sums[asset.0 as usize] += (free.0 + locked.0) as i128;
            }
        }
        backing.finish()?;
        ensure!(listed == self.open.len(), "accounts list {listed} orders, {} are indexed", self.open.len());
        self.audit_supply(&sums)
    }

    /// The lists of one account's open orders; returns how many there are.
    fn audit_lists(&self, id: AccountId, account: &Account) -> Result<usize, Violation> {
        let mut total = 0;
        for (market, list) in account.open_lists() {
            let mut last = 0;
            let mut count = 0;
            for node in self.open.list(list) {
                let owned = node.account == id && node.market == market && node.order.0 > last;
                ensure!(owned, "order {} is misplaced in the list of account {}", node.order.0, id.0);
                last = node.order.0;
                count += 1;
            }
            ensure!(count == list.count, "account {} lists {count} orders, not {}", id.0, list.count);
            total += count as usize;
        }
        Ok(total)
    }

    fn audit_supply(&self, sums: &[i128]) -> Result<(), Violation> {
        for (asset, sum) in self.assets.iter().zip(sums) {
            let Delta(outside) = asset.outside;
            ensure!(*sum == 0, "all balances of {} sum to {sum}, not 0 (outside: {outside})", asset.name);
        }
        Ok(())
    }
}

/// What orders hold, beside what is locked: both come in the same order.
struct Backing {
    holds: Peekable<IntoIter<Place, u128>>,
}

impl Backing {
    fn of(mut holds: Holds) -> Self {
        holds.retain(|_, held| *held > 0);
        Self { holds: holds.into_iter().peekable() }
    }

    /// The next balance, of those that have something locked at least.
    fn check(&mut self, place: Place, locked: u128) -> Result<(), Violation> {
        if let Some(((owner, lost), held)) = self.holds.next_if(|(other, _)| *other < place) {
            return Err(not_backed(owner, lost, held));
        }
        let held = self.holds.next_if(|(other, _)| *other == place).map_or(0, |(_, held)| held);
        let (account, number) = (place.0.0, place.1.0);
        ensure!(locked == held, "account {account} has {locked} of asset {number} locked and holds {held}");
        Ok(())
    }

    /// Nothing is held that is not locked.
    fn finish(mut self) -> Result<(), Violation> {
        self.holds.next().map_or(Ok(()), |((owner, lost), held)| Err(not_backed(owner, lost, held)))
    }
}

fn not_backed(account: AccountId, asset: AssetId, held: u128) -> Violation {
    let (account, asset) = (account.0, asset.0);
    Violation { invariant: format!("account {account} holds {held} of asset {asset}, not backed by a balance") }
}

/// Price, then time: behind (price, id) of the order before it.
fn in_turn(side: agio_book::Side, last: Option<(u64, u64)>, resting: &Resting) -> bool {
    last.is_none_or(|(price, id)| match side {
        _ if resting.price == price => id < resting.id,
        agio_book::Side::Buy => resting.price < price,
        agio_book::Side::Sell => resting.price > price,
    })
}

fn audit_order(market: &Market, resting: &Resting, order: &Order) -> Result<(), Violation> {
    let (symbol, id) = (&market.rules.symbol, resting.id);
    let spent = order.executed.0.checked_add(order.prevented.0);
    let sum = spent.and_then(|spent| spent.checked_add(resting.quantity));
    ensure!(
        sum == Some(order.quantity.0) && resting.quantity > 0,
        "executed + prevented + remaining is not the quantity of order {id} of {symbol}"
    );
    ensure!(id <= market.rules.counters.orders, "order {id} of {symbol} was never issued");
    Ok(())
}

fn audit_levels(market: &Market, side: agio_book::Side) -> Result<(), Violation> {
    market.book.levels(side).try_for_each(|(price, total)| audit_level(market, side, price, total))
}

fn audit_level(market: &Market, side: agio_book::Side, price: u64, total: u64) -> Result<(), Violation> {
    let sum: u64 = market.book.level_orders(side, price).map(|(resting, _)| resting.quantity).sum();
    ensure!(total == sum && sum > 0, "level {price} of {} totals {total}, not {sum}", market.rules.symbol);
    Ok(())
}

pub(crate) mod round;
#[cfg(test)]
mod tests;
