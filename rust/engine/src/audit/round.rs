//! The audit in slices. Every [`SLICE_EVERY`] commands a part of the accounts and of the books is looked at, so that in a
//! round of [`AUDIT_EVERY`] commands everything has been, and trading never waits for all of it.
//!
//! What belongs to a slice follows from the sequence alone, so that replicas, whenever they were restored, look at the same
//! things in the same command. Accounts go by their number. A book goes by its prices, in one part or, when it is large,
//! in several; one that shrinks below half of its size may leave some levels to the next round.
//!
//! That all balances sum to what came in can only be said of all accounts at one moment. So the round keeps the sums of the
//! accounts that it has seen, and every later movement of theirs is added ([`Census`]).

use super::{Violation, audit_level, audit_order, not_backed};
use crate::accounts::{Account, Balance};
use crate::engine::{AUDIT_EVERY, Engine};
use crate::market::Market;
use crate::spot::hold::hold;
use crate::spot::order::Placement;
use crate::spot::report::Top;
use crate::spot::settle::paid_asset;
use crate::units::{AccountId, AssetId, Sequence};

/// Slices of a round.
const SLICES: u64 = 1 << 12;
/// Commands from one slice to the next.
pub(crate) const SLICE_EVERY: u64 = AUDIT_EVERY / SLICES;
/// Accounts that follow one another go together, so that the processor sees them coming.
const BLOCK: usize = 16;
/// So many accounts ahead the memory of what they have is asked for.
const AHEAD: usize = 6;
/// Every so many slices a market has its turn, so often in a round that a large book can be looked at in parts.
const TURN: u64 = 64;
/// Turns of a market in a round.
const TURNS: u64 = SLICES / TURN;
/// A book is looked at in parts of about so many orders, as far as there are turns.
const PART: usize = 512;

/// The sums of the balances of all accounts that the running round has seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// How many slices there were.
    seen: u64,
    /// By asset.
    sums: Vec<i128>,
}

impl Census {
    /// For a state after so many commands, which has so many assets, before its balances are known: they are told by
    /// [`Self::moved`]. What a round has summed up is in no snapshot.
    pub(crate) fn after(sequence: Sequence, assets: usize) -> Self {
        Self { seen: sequence.0 % AUDIT_EVERY / SLICE_EVERY, sums: vec![0; assets] }
    }

    /// The slice of an account, by its place.
    fn slice_of(place: usize) -> u64 {
        (place / BLOCK) as u64 % SLICES
    }

    /// One more asset.
    pub(crate) fn list(&mut self) {
        self.sums.push(0);
    }

    /// Adds movements, if the account was seen.
    #[inline]
    pub(crate) fn moved<const N: usize>(&mut self, place: usize, deltas: [(AssetId, i128); N]) {
        if Self::slice_of(place) < self.seen {
            for (asset, delta) in deltas {
                self.sums[asset.0 as usize] += delta;
            }
        }
    }

    fn add(&mut self, balance: &Balance) {
        self.sums[balance.asset.0 as usize] += (balance.free.0 + balance.locked.0) as i128;
    }

    /// The places of a slice's accounts, of so many.
    fn places(slice: u64, accounts: usize) -> impl Iterator<Item = usize> {
        let blocks = (slice as usize * BLOCK..accounts).step_by(SLICES as usize * BLOCK);
        blocks.flat_map(move |first| first..(first + BLOCK).min(accounts))
    }
}

impl Engine {
    /// The slice whose turn it is.
    pub(crate) fn audit_slice(&mut self) -> Result<(), Violation> {
        let slice = (self.sequence.0 - 1) % AUDIT_EVERY / SLICE_EVERY;
        let mut census = std::mem::take(&mut self.accounts.census);
        let found = self.look(slice, &mut census);
        self.accounts.census = census;
        found
    }

    /// Whatever is found, the sums go on: those of a replica that was restored since are whole, too.
    fn look(&self, slice: u64, census: &mut Census) -> Result<(), Violation> {
        let mut found = Ok(());
        for place in Census::places(slice, self.accounts.len()) {
            self.accounts.warm_place(place + AHEAD);
            let (id, account) = self.accounts.place(place);
            account.balances().for_each(|balance| census.add(balance));
            found = found.and_then(|()| self.audit_account(id, account));
        }
        for market in self.markets.iter().skip((slice % TURN) as usize).step_by(TURN as usize) {
            found = found.and_then(|()| self.audit_part(market, slice / TURN));
        }
        census.seen = slice + 1;
        if census.seen < SLICES {
            return found;
        }
        let sums = std::mem::replace(&mut census.sums, vec![0; self.assets.len()]);
        census.seen = 0;
        let sums: Vec<i128> = self.assets.iter().zip(sums).map(|(asset, sum)| asset.outside.0 + sum).collect();
        found.and_then(|()| self.audit_supply(&sums))
    }

    /// One account: its lists, its orders, and that what is locked is what they hold.
    fn audit_account(&self, id: AccountId, account: &Account) -> Result<(), Violation> {
        let mut holds: Vec<(AssetId, u128)> = Vec::new();
        self.audit_lists(id, account)?;
        for (number, list) in account.open_lists() {
            let market = &self.markets[number.0 as usize];
            for node in self.open.list(list) {
                let (symbol, order) = (&market.rules.symbol, node.order.0);
                let Some((resting, order)) = market.book.get(order) else {
                    return Err(Violation {
                        invariant: format!("order {order} of {symbol} is open and does not rest"),
                    });
                };
                audit_order(market, &resting, order)?;
                let at = Placement::from(resting);
                self.audit_index(market, &at, order.account, order.slot)?;
                let (asset, held) = (paid_asset(&market.rules, at.side), hold(at.side, at.price, order.remaining()).0);
                match holds.iter_mut().find(|(held, _)| *held == asset) {
                    Some((_, sum)) => *sum += held,
                    None => holds.push((asset, held)),
                }
            }
        }
        let held = |asset| holds.iter().find(|(held, _)| *held == asset).map_or(0, |(_, sum)| *sum);
        for Balance { asset, locked, .. } in account.balances().copied() {
            let (account, locked, held, number) = (id.0, locked.0, held(asset), asset.0);
            ensure!(locked == held, "account {account} has {locked} of asset {number} locked and holds {held}");
        }
        match holds.iter().find(|(asset, held)| *held > 0 && account.balance(*asset).locked.0 == 0) {
            Some((asset, held)) => Err(not_backed(id, *asset, *held)),
            None => Ok(()),
        }
    }

    /// The part of a market's book whose turn it is.
    fn audit_part(&self, market: &Market, turn: u64) -> Result<(), Violation> {
        let parts = (market.book.len() / PART).next_power_of_two().min(TURNS as usize) as u64;
        let step = TURNS / parts;
        if !turn.is_multiple_of(step) {
            return Ok(());
        }
        let symbol = &market.rules.symbol;
        let top = Top::of(&market.book);
        ensure!(!top.is_crossed(), "the book of {symbol} is crossed");
        ensure!(market.top == top, "the top of {symbol} is not the one that was last told");
        for side in [agio_book::Side::Buy, agio_book::Side::Sell] {
            for (price, total) in market.book.levels(side) {
                if scatter(price) / step == turn / step {
                    audit_level(market, side, price, total)?;
                    self.audit_owners(market, side, price)?;
                }
            }
        }
        Ok(())
    }

    /// The orders of a level are in turn, and each is in its owner's list.
    fn audit_owners(&self, market: &Market, side: agio_book::Side, price: u64) -> Result<(), Violation> {
        let (id, symbol) = (market.rules.id, &market.rules.symbol);
        let mut last = 0;
        for (resting, order) in market.book.level_orders(side, price) {
            ensure!(resting.id > last, "order {} of {symbol} is out of turn", resting.id);
            last = resting.id;
            let node = self.open.node(order.slot);
            let listed = node.order.0 == resting.id && node.account == order.account && node.market == id;
            let owned = self.accounts.at(order.account).open(id);
            ensure!(
                listed && self.open.is_linked(order.slot, owned),
                "order {} of {symbol} is not in the list of account {}",
                resting.id,
                order.account.0
            );
        }
        Ok(())
    }
}

/// Spreads prices evenly over a market's turns.
fn scatter(price: u64) -> u64 {
    price.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - TURNS.trailing_zeros())
}
