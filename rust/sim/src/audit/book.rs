//! A market's book as anyone would write it first: a list of orders for each price. It says what must happen when an
//! order arrives; it shares no code with the real one.

use std::collections::{BTreeMap, VecDeque};

use agio_engine::commands::Place;
use agio_engine::units::ONE;
use agio_engine::vocabulary::{OrderKind, Prevention, Side, TimeInForce};

/// An order on the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting {
    pub order: u64,
    pub account: u32,
    pub left: u64,
}

/// What happens between the incoming order and one maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    Trade {
        maker: u64,
        owner: u32,
        price: u64,
        quantity: u64,
    },
    /// A self-trade that was prevented, and what each loses by it.
    Prevented {
        maker: u64,
        owner: u32,
        price: u64,
        taker_loses: u64,
        maker_loses: u64,
    },
}

/// All that happens to an incoming order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    pub meetings: Vec<Meeting>,
    pub executed: u64,
    pub prevented: u64,
    pub left: u64,
    /// Self-trade prevention took the last of it.
    pub ended_by_prevention: bool,
}

/// Price, then time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    bids: BTreeMap<u64, VecDeque<Resting>>,
    asks: BTreeMap<u64, VecDeque<Resting>>,
}

impl Book {
    fn side(&self, side: Side) -> &BTreeMap<u64, VecDeque<Resting>> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<u64, VecDeque<Resting>> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// The levels of a side as (price, total), best first.
    pub(crate) fn levels(&self, side: Side) -> Vec<(u64, u64)> {
        let level = |(price, queue): (&u64, &VecDeque<Resting>)| (*price, queue.iter().map(|order| order.left).sum());
        match side {
            Side::Buy => self.bids.iter().rev().map(level).collect(),
            Side::Sell => self.asks.iter().map(level).collect(),
        }
    }

    pub(crate) fn total(&self, side: Side, price: u64) -> u64 {
        self.side(side).get(&price).map_or(0, |queue| queue.iter().map(|order| order.left).sum())
    }

    pub(crate) fn best(&self, side: Side) -> Option<(u64, u64)> {
        let price = match side {
            Side::Buy => self.bids.last_key_value(),
            Side::Sell => self.asks.first_key_value(),
        };
        price.map(|(price, queue)| (*price, queue.iter().map(|order| order.left).sum()))
    }

    /// The orders of a side in the order in which they trade.
    fn makers(&self, side: Side) -> Box<dyn Iterator<Item = (u64, Resting)> + '_> {
        let of = |(price, queue): (&u64, &VecDeque<Resting>)| {
            let price = *price;
            queue.iter().map(move |order| (price, *order)).collect::<Vec<_>>()
        };
        match side {
            Side::Buy => Box::new(self.bids.iter().rev().flat_map(of)),
            Side::Sell => Box::new(self.asks.iter().flat_map(of)),
        }
    }

    pub(crate) fn append(&mut self, side: Side, price: u64, order: Resting) {
        self.side_mut(side).entry(price).or_default().push_back(order);
    }

    /// Takes `quantity` off an order; one with nothing left is gone.
    pub(crate) fn reduce(&mut self, side: Side, price: u64, order: u64, quantity: u64) {
        let levels = self.side_mut(side);
        let queue = levels.get_mut(&price).expect("the auditor knows its own levels");
        let place = queue.iter().position(|resting| resting.order == order).expect("and its own orders");
        queue[place].left -= quantity;
        if queue[place].left == 0 {
            queue.remove(place);
        }
        if queue.is_empty() {
            levels.remove(&price);
        }
    }

    /// Whether an order at this price would meet somebody.
    pub(crate) fn crosses(&self, side: Side, price: u64) -> bool {
        self.best(opposite(side)).is_some_and(|(best, _)| reaches(side, price, best))
    }

    /// What becomes of an order of `quantity`. Nothing changes.
    pub(crate) fn course(&self, place: &Place, mode: Prevention, quantity: u64) -> Course {
        let course = self.walk(place, mode, quantity);
        let whole = course.executed == quantity;
        if place.kind == OrderKind::Limit && place.life == TimeInForce::Fok && !whole {
            return Course { left: quantity, ..Course::default() };
        }
        course
    }

    fn walk(&self, place: &Place, mode: Prevention, quantity: u64) -> Course {
        let mut course = Course { left: quantity, ..Course::default() };
        for (price, maker) in self.makers(opposite(place.side)) {
            let within = place.kind == OrderKind::Market || reaches(place.side, place.price.0, price);
            if course.left == 0 || !within {
                break;
            }
            course.meet(place.account.0, mode, price, maker);
        }
        course
    }

    /// What a budget buys or sells for: (traded, all with what is prevented, whether the book ends first). Of a sum that
    /// is no multiple of the step, for what rests may be finer, the last is left.
    pub(crate) fn spend(&self, place: &Place, mode: Prevention, step: u64) -> (u64, u64, bool) {
        let (executed, prevented, runs_out) = self.spend_all(place, mode, step);
        let quantity = (executed + prevented) / step.max(1) * step.max(1);
        (self.course(place, mode, quantity).executed, quantity, runs_out)
    }

    /// Each price gives the largest multiple of the step, over all of the order, that the rest of the budget pays.
    fn spend_all(&self, place: &Place, mode: Prevention, step: u64) -> (u64, u64, bool) {
        let (mut rest, mut total, mut course) = (place.budget.0.min(1 << 96), 0, Course::default());
        for (price, maker) in self.makers(opposite(place.side)) {
            let affordable = affordable(rest, price, total, step);
            if affordable == 0 {
                return (course.executed, course.prevented, false);
            }
            course.left = affordable;
            let before = (course.executed, course.prevented);
            course.meet(place.account.0, mode, price, maker);
            if course.ended_by_prevention && matches!(mode, Prevention::ExpireTaker | Prevention::ExpireBoth) {
                return (course.executed, course.prevented, false);
            }
            let used = course.executed - before.0 + course.prevented - before.1;
            total += used;
            rest -= notional(price, used);
            if used > 0 && used < maker.left {
                return (course.executed, course.prevented, false); // this maker would be next, and is too dear
            }
        }
        let last = self.makers(opposite(place.side)).last().map(|(price, _)| price);
        let runs_out = last.is_none_or(|price| affordable(rest, price, total, step) > 0);
        (course.executed, course.prevented, runs_out)
    }
}

impl Course {
    fn meet(&mut self, account: u32, mode: Prevention, price: u64, maker: Resting) {
        let (owner, overlap) = (maker.account, self.left.min(maker.left));
        let (taker_loses, maker_loses) = match mode {
            _ if owner != account => (0, 0),
            Prevention::None => (0, 0),
            Prevention::ExpireTaker => (self.left, 0),
            Prevention::ExpireMaker => (0, maker.left),
            Prevention::ExpireBoth => (self.left, maker.left),
            Prevention::Decrement => (overlap, overlap),
        };
        if taker_loses == 0 && maker_loses == 0 {
            self.meetings.push(Meeting::Trade { maker: maker.order, owner, price, quantity: overlap });
            self.executed += overlap;
            self.left -= overlap;
            return;
        }
        self.meetings.push(Meeting::Prevented { maker: maker.order, owner, price, taker_loses, maker_loses });
        self.prevented += taker_loses;
        self.left -= taker_loses;
        self.ended_by_prevention = self.left == 0 && taker_loses > 0;
    }
}

/// Price × quantity, rounded down to 10^-8.
pub(crate) fn notional(price: u64, quantity: u64) -> u128 {
    u128::from(price) * u128::from(quantity) / u128::from(ONE)
}

/// What more of a budget's rest can be taken at a price, when `total` was taken already.
fn affordable(rest: u128, price: u64, total: u64, step: u64) -> u64 {
    if rest == 0 {
        return 0;
    }
    // The largest quantity whose rounded-down cost is at most the rest.
    let most = (rest * u128::from(ONE) + u128::from(ONE) - 1) / u128::from(price);
    let sum = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(total);
    (sum / step.max(1) * step.max(1)).saturating_sub(total)
}

pub(crate) fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

fn reaches(side: Side, limit: u64, price: u64) -> bool {
    match side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    }
}
