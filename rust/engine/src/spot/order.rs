//! An open order as the book carries it, and the exchange's policy in matching.

use agio_book::{Book, Meeting, Policy};

use crate::open::OpenOrders;
use crate::units::{AccountId, Amount, MarketId, Micros, OrderId, PreventedId, Price, Quantity};
use crate::vocabulary::{Expiry, OrderKind, OrderStatus, OrderView, Prevention, Side, TimeInForce};

/// What the book keeps beside each resting order. Its number, side, price and rest are the book's; its client id is in
/// its node (`slot`) of [`OpenOrders`].
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The sum of its fills' notionals.
    pub notional: Amount,
    /// What it was placed with.
    pub quantity: Quantity,
    /// What has traded.
    pub executed: Quantity,
    /// What self-trade prevention has taken.
    pub prevented: Quantity,
    /// The last prevented match, 0 for none.
    pub prevented_match: PreventedId,
    /// When it was placed.
    pub opened: Micros,
    /// When it changed last.
    pub updated: Micros,
    /// The client's own number for its strategy.
    pub strategy: Option<i64>,
    /// The client's own kind of strategy.
    pub strategy_type: Option<i32>,
    /// Whose it is.
    pub account: AccountId,
    /// Its node among the open orders.
    pub slot: u32,
    /// What was placed.
    pub kind: OrderKind,
    /// Its mode of self-trade prevention.
    pub prevention: Prevention,
}

/// With the book's own record, its indexes and the node, an open order stays within 256 bytes.
const _: () = assert!(size_of::<Order>() <= 112);

impl Order {
    /// The resting part of an order that has just been placed.
    pub(crate) fn resting(view: &OrderView, slot: u32) -> Self {
        Self {
            notional: view.notional,
            quantity: view.quantity,
            executed: view.executed,
            prevented: view.prevented,
            prevented_match: view.prevented_match.unwrap_or_default(),
            opened: view.opened,
            updated: view.updated,
            strategy: view.strategy,
            strategy_type: view.strategy_type,
            account: view.account,
            slot,
            kind: view.kind,
            prevention: view.prevention,
        }
    }

    /// What is left to trade.
    pub(crate) fn remaining(&self) -> Quantity {
        Quantity(self.quantity.0 - self.executed.0 - self.prevented.0)
    }

    pub(crate) fn status(&self) -> OrderStatus {
        if self.executed.0 == 0 { OrderStatus::New } else { OrderStatus::PartiallyFilled }
    }

    /// The order as it stands on the book, or as it has left it: with its last status.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    pub(crate) fn view(
        &self,
        open: &OpenOrders,
        market: MarketId,
        at: &Placement,
        last: Option<OrderStatus>,
    ) -> OrderView {
        OrderView {
            market,
            account: self.account,
            order: at.order,
            client_id: open.node(self.slot).client_id,
            side: at.side,
            kind: self.kind,
            life: TimeInForce::Gtc,
            price: at.price,
            quantity: self.quantity,
            budget: Amount(0),
            executed: self.executed,
            notional: self.notional,
            prevented: self.prevented,
            status: last.unwrap_or(self.status()),
            expiry: Expiry::None,
            prevention: self.prevention,
            prevented_match: (self.prevented_match.0 != 0).then_some(self.prevented_match),
            strategy: self.strategy,
            strategy_type: self.strategy_type,
            on_book: last.is_none(),
            opened: self.opened,
            updated: self.updated,
        }
    }
}

/// Where an order stands in the book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub order: OrderId,
    pub side: Side,
    pub price: Price,
}

impl From<agio_book::Resting> for Placement {
    fn from(resting: agio_book::Resting) -> Self {
        Self { order: OrderId(resting.id), side: resting.side.into(), price: Price(resting.price) }
    }
}

impl From<Side> for agio_book::Side {
    fn from(side: Side) -> Self {
        match side {
            Side::Buy => Self::Buy,
            Side::Sell => Self::Sell,
        }
    }
}

impl From<agio_book::Side> for Side {
    fn from(side: agio_book::Side) -> Self {
        match side {
            agio_book::Side::Buy => Self::Buy,
            agio_book::Side::Sell => Self::Sell,
        }
    }
}

/// What the exchange adds to bare matching: self-trade prevention by the taker's mode.
#[derive(Clone, Copy, Debug)]
pub struct Prevent {
    /// The taker's account.
    pub account: AccountId,
    /// The taker's mode.
    pub mode: Prevention,
}

impl Policy for Prevent {
    type Order = Order;

    fn meet(&mut self, maker: &Order) -> Meeting {
        if maker.account != self.account {
            return Meeting::Trade;
        }
        match self.mode {
            Prevention::None => Meeting::Trade,
            Prevention::ExpireTaker => Meeting::CancelTaker,
            Prevention::ExpireMaker => Meeting::CancelMaker,
            Prevention::ExpireBoth => Meeting::CancelBoth,
            Prevention::Decrement => Meeting::Decrement,
        }
    }
}

/// Sends the first order of a side to the end of its level: only a planted bug does that.
pub(crate) fn lose_priority(book: &mut Book<Prevent>, side: agio_book::Side) {
    let Some((first, order)) = book.orders(side).next() else { return };
    let mut nobody = Prevent { account: order.account, mode: Prevention::None };
    let replaced = book.replace(first.id, first.price, first.quantity, &mut nobody, &mut agio_book::Ignore);
    debug_assert!(replaced.is_ok(), "it rests");
}
