//! Where a command's events go: into a list, or wherever else they are wanted.

use crate::events::{Event, Executed, Posted};
use crate::units::{AccountId, AssetId, ClientId, Delta, ExecutionId, FEES, MarketId, Micros, TradeId};
use crate::vocabulary::{Cause, Execution, ExecutionKind, Fill, OrderView, PreventedFill};

/// One kind of event.
pub trait Fact: Into<Event> {}

impl<K: Into<Event>> Fact for K {}

/// Takes the events of a command in their order.
pub trait Events {
    /// Takes the next one. It is made where it will stay, so that nothing is copied.
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F);

    /// Takes an execution. Who keeps it in another form reads it where it stands.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put_execution(&mut self, told: &Told<'_>) {
        self.put(|| Executed { execution: told.whole() });
    }

    /// Takes the ledger's lines of a trade. Who has few readers of them may keep what they are made of.
    #[inline]
    fn put_lines(&mut self, moved: &Moved) {
        moved.lines(|line| self.put(|| line));
    }
}

/// An execution, of an order that stands somewhere already.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// What happened.
    pub kind: ExecutionKind,
    /// Its number.
    pub execution: ExecutionId,
    /// When.
    pub time: Micros,
    /// The order afterwards.
    pub order: &'a OrderView,
    /// The fill, of a trade.
    pub fill: Option<Fill>,
    /// The prevented match, of a prevention.
    pub prevention: Option<PreventedFill>,
    /// The cancel request's own id, of a cancel.
    pub cancel_id: ClientId,
}

impl Told<'_> {
    /// With the order.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub fn whole(&self) -> Execution {
        let &Self { kind, execution, time, order, fill, prevention, cancel_id } = self;
        Execution { kind, execution, time, order: *order, fill, prevention, cancel_id }
    }
}

/// The money that one trade moved: all of its lines in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The trade.
    pub trade: TradeId,
    /// Where.
    pub market: MarketId,
    /// What was bought and sold.
    pub base: AssetId,
    /// What was paid.
    pub quote: AssetId,
    /// The buyer.
    pub buyer: AccountId,
    /// The seller.
    pub seller: AccountId,
    /// What the buyer got and the seller gave, of the base asset.
    pub quantity: u128,
    /// What the buyer gave, of the quote asset.
    pub paid: u128,
    /// What the seller got of it.
    pub received: u128,
    /// The buyer's commission, of the base asset.
    pub base_fee: u128,
    /// The seller's commission, of the quote asset.
    pub quote_fee: u128,
    /// When.
    pub time: Micros,
}

impl Moved {
    /// What each side pays and gets, and the commissions. A line of 0 is none.
    #[inline]
    pub fn lines(&self, mut line: impl FnMut(Posted)) {
        let &Self { trade, market, base, quote, buyer, seller, quantity, paid, received, base_fee, quote_fee, time } =
            self;
        let mut put = |account, asset, delta, cause| {
            let (market, trade) = (Some(market), Some(trade));
            line(Posted { account, asset, delta: Delta(delta), cause, market, trade, time });
        };
        if paid > 0 {
            put(buyer, quote, -(paid as i128), Cause::Trade);
        }
        put(seller, base, -(quantity as i128), Cause::Trade);
        put(buyer, base, quantity as i128, Cause::Trade);
        if base_fee > 0 {
            put(buyer, base, -(base_fee as i128), Cause::Commission);
            put(FEES, base, base_fee as i128, Cause::Commission);
        }
        if received > 0 {
            put(seller, quote, received as i128, Cause::Trade);
        }
        if quote_fee > 0 {
            put(seller, quote, -(quote_fee as i128), Cause::Commission);
            put(FEES, quote, quote_fee as i128, Cause::Commission);
        }
    }

    /// How many lines there are.
    #[inline]
    pub fn count(&self) -> usize {
        let there = |amount: u128| usize::from(amount > 0);
        2 + there(self.paid) + there(self.received) + 2 * (there(self.base_fee) + there(self.quote_fee))
    }
}

impl Events for Vec<Event> {
    /// A push would make it on the stack and then copy the bytes of the largest event there is, whatever its own size.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F) {
        self.extend(std::iter::once_with(|| fact().into()));
    }
}
