//! What a market order would meet: the book is walked before anything changes, under the order's own prevention mode,
//! fill by fill as matching will do it.

use agio_book::{Book, Meeting, Policy, Side};

use super::order::Prevent;
use crate::units::{Amount, ONE, Price, Quantity};

/// How much a market order wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    /// So much of the base asset.
    Quantity(u64),
    /// What the rest of a budget of the quote asset pays, in multiples of the lot step.
    Budget { rest: u128, step: u64, taken: u64 },
}

impl Want {
    /// What may be taken at this price: of a budget the largest multiple of the step whose rounded-down cost it pays.
    fn at(&self, price: u64) -> u64 {
        match *self {
            Self::Quantity(left) => left,
            // What costs less than 10^-8 would be free.
            Self::Budget { rest: 0, .. } => 0,
            Self::Budget { rest, step, taken } => {
                let most = ((rest + 1) * u128::from(ONE) - 1) / u128::from(price);
                let total = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(taken);
                (total - total % step.max(1)).saturating_sub(taken)
            }
        }
    }

    fn take(&mut self, price: u64, quantity: u64) {
        match self {
            Self::Quantity(left) => *left -= quantity,
            Self::Budget { rest, taken, .. } => {
                *rest -= Price(price).notional(Quantity(quantity)).0;
                *taken += quantity;
            }
        }
    }
}

/// What a walk found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// What would trade.
    pub executed: u64,
    /// What self-trade prevention would take away.
    pub prevented: u64,
    /// The sum of the fills' notionals.
    pub cost: u128,
    /// Whether the book ends before the order has what it wants.
    pub runs_out: bool,
}

/// Walks the other side of the book. Stops early once the cost is above `cap`.
pub(crate) fn walk(book: &Book<Prevent>, side: Side, mut policy: Prevent, mut want: Want, cap: Amount) -> Walk {
    let mut walk = Walk::default();
    let mut last = None;
    for (maker, order) in book.orders(side.opposite()) {
        let open = want.at(maker.price);
        if open == 0 || walk.cost > cap.0 {
            return walk;
        }
        last = Some(maker.price);
        let overlap = open.min(maker.quantity);
        match policy.meet(order) {
            Meeting::Trade => {
                walk.executed += overlap;
                walk.cost += Price(maker.price).notional(Quantity(overlap)).0;
            }
            Meeting::Decrement => walk.prevented += overlap,
            Meeting::CancelMaker => continue,
            Meeting::CancelTaker | Meeting::CancelBoth => {
                walk.prevented += open;
                return walk;
            }
        }
        if open < maker.quantity {
            // More would come from this maker, not from the next: what rounding has left over pays for no further fill.
            return walk;
        }
        want.take(maker.price, overlap);
    }
    walk.runs_out = last.is_none_or(|price| want.at(price) > 0);
    walk
}
