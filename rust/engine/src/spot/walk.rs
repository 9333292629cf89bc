//! What a market order would meet: the book is walked before anything changes, under the order's own prevention mode,
//! fill by fill as matching will do it.

use agio_book::{Book, Meeting, Policy, Side};

use super::order::Prevent;
use crate::units::{ONE, Price, Quantity};

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

/// Walks the other side of the book. Stops early where it is `unpaid` so far: the whole of a large book is not looked at
/// for who cannot pay.
pub(crate) fn walk(
    book: &Book<Prevent>,
    side: Side,
    mut policy: Prevent,
    mut want: Want,
    unpaid: impl Fn(&Walk) -> bool,
) -> Walk {
    let mut walk = Walk::default();
    let mut last = None;
    for (maker, order) in book.orders(side.opposite()) {
        let open = want.at(maker.price);
        if open == 0 || unpaid(&walk) {
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

#[cfg(test)]
mod tests {
    use agio_book::Resting;

    use super::*;
    use crate::accounts::MAX_SUPPLY;
    use crate::spot::order::Order;
    use crate::units::{AccountId, Amount, Micros, PreventedId};
    use crate::vocabulary::{OrderKind, Prevention};

    fn order() -> Order {
        Order {
            notional: Amount(0),
            quantity: Quantity(10),
            executed: Quantity(0),
            prevented: Quantity(0),
            prevented_match: PreventedId(0),
            opened: Micros(0),
            updated: Micros(0),
            strategy: None,
            strategy_type: None,
            account: AccountId(1),
            slot: 0,
            kind: OrderKind::Limit,
            prevention: Prevention::None,
        }
    }

    #[test]
    fn who_cannot_pay_does_not_see_the_whole_book() {
        let mut book: Book<Prevent> = Book::new();
        for id in 1..=1_000 {
            let resting = Resting { id, side: Side::Buy, price: ONE, quantity: 10 };
            book.restore(resting, order()).unwrap();
        }
        let policy = Prevent { account: AccountId(2), mode: Prevention::None };
        let want = || Want::Budget { rest: MAX_SUPPLY, step: 1, taken: 0 };
        let all = walk(&book, Side::Sell, policy, want(), |_| false);
        assert_eq!((all.executed, all.runs_out), (10_000, true));
        let some = walk(&book, Side::Sell, policy, want(), |walk| walk.executed > 25);
        assert_eq!((some.executed, some.runs_out), (30, false));
    }
}
