//! The slow twin: the same interface, as plain as it can be, to compare the fast book with.
//!
//! Each level is a list of orders in the order in which they came; each side is a sorted map of such lists. Totals are
//! summed and orders searched for whenever somebody asks.

use std::collections::BTreeMap;

use crate::{
    BatchSink, Done, End, Error, Fill, Incoming, Lifetime, Meeting, Message, Placed, Policy, Prevented, Resting, Side,
    Sink,
};

/// The orders at one price, in the order in which they trade, with their payloads.
type Queue<P> = Vec<(Resting, <P as Policy>::Order)>;

/// One market's order book, obviously right and slow.
#[derive(Clone, Debug)]
pub struct Book<P: Policy> {
    bids: BTreeMap<u64, Vec<(Resting, P::Order)>>,
    asks: BTreeMap<u64, Vec<(Resting, P::Order)>>,
    places: BTreeMap<u64, (Side, u64)>,
    limit: usize,
}

impl<P: Policy> Default for Book<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy> Book<P> {
    /// An empty book.
    pub fn new() -> Self {
        Self::with_limit(crate::MAX_ORDERS)
    }

    /// An empty book that refuses to hold more than `orders` orders.
    pub fn with_limit(orders: u32) -> Self {
        let limit = orders.min(crate::MAX_ORDERS) as usize;
        Self { bids: BTreeMap::new(), asks: BTreeMap::new(), places: BTreeMap::new(), limit }
    }

    fn side(&self, side: Side) -> &BTreeMap<u64, Queue<P>> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<u64, Queue<P>> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn queue(&self, side: Side, price: u64) -> &[(Resting, P::Order)] {
        self.side(side).get(&price).map_or(&[], Vec::as_slice)
    }

    /// Where an order is: its side, its price, its place in the queue.
    fn find(&self, id: u64) -> Result<(Side, u64, usize), Error> {
        let &(side, price) = self.places.get(&id).ok_or(Error::Unknown)?;
        let at = self.queue(side, price).iter().position(|(order, _)| order.id == id);
        Ok((side, price, at.expect("an order is where its place says")))
    }

    fn queue_mut(&mut self, side: Side, price: u64) -> &mut Queue<P> {
        self.side_mut(side).entry(price).or_default()
    }

    fn remove(&mut self, side: Side, price: u64, at: usize) -> (Resting, P::Order) {
        let gone = self.queue_mut(side, price).remove(at);
        if self.queue(side, price).is_empty() {
            self.side_mut(side).remove(&price);
        }
        self.places.remove(&gone.0.id);
        gone
    }

    /// Places an order: checks, matches, and lets the rest rest. `payload` is called only when something rests.
    pub fn place<S: Sink<P::Order>>(
        &mut self,
        order: &Incoming,
        payload: impl FnOnce(&Placed) -> P::Order,
        policy: &mut P,
        sink: &mut S,
    ) -> Result<Placed, Error> {
        self.admit(order)?;
        Ok(self.enter(order, |placed, _| payload(placed), policy, sink))
    }

    fn admit(&self, order: &Incoming) -> Result<(), Error> {
        if order.limit == Some(0) {
            return Err(Error::ZeroPrice);
        }
        if order.quantity == 0 {
            return Err(Error::ZeroQuantity);
        }
        if self.find(order.id).is_ok() {
            return Err(Error::Duplicate);
        }
        let Some(limit) = order.limit else { return Ok(()) };
        let rests = matches!(order.lifetime, Lifetime::Rest | Lifetime::PostOnly);
        if rests && !self.crosses(order.side, Some(limit)) {
            self.room(order.side, limit, order.quantity)?;
        }
        Ok(())
    }

    fn room(&self, side: Side, price: u64, quantity: u64) -> Result<(), Error> {
        if self.total(side, price).checked_add(quantity).is_none() {
            return Err(Error::LevelFull);
        }
        if self.len() >= self.limit { Err(Error::Full) } else { Ok(()) }
    }

    fn crosses(&self, side: Side, limit: Option<u64>) -> bool {
        let Some((best, _)) = self.best(side.opposite()) else { return false };
        match (side, limit) {
            (_, None) => true,
            (Side::Buy, Some(limit)) => best <= limit,
            (Side::Sell, Some(limit)) => best >= limit,
        }
    }

    fn enter<S: Sink<P::Order>>(
        &mut self,
        order: &Incoming,
        payload: impl FnOnce(&Placed, &mut S) -> P::Order,
        policy: &mut P,
        sink: &mut S,
    ) -> Placed {
        let untouched = |end| Placed { executed: 0, prevented: 0, left: order.quantity, end };
        if order.lifetime == Lifetime::PostOnly && self.crosses(order.side, order.limit) {
            return untouched(End::WouldTake);
        }
        if order.lifetime == Lifetime::FillOrKill && !self.fills_whole(order, policy.clone()) {
            return untouched(End::Killed);
        }
        let mut placed = self.take(order, policy, sink);
        if placed.end == End::Rested {
            match (order.lifetime, order.limit) {
                (Lifetime::Rest | Lifetime::PostOnly, Some(price)) => {
                    let data = payload(&placed, sink);
                    self.append(Resting { id: order.id, side: order.side, price, quantity: placed.left }, data);
                    sink.level(order.side, price, self.total(order.side, price));
                }
                _ => placed.end = End::Remainder,
            }
        }
        placed
    }

    /// The dry run of fill-or-kill: does all of it trade, under this policy?
    fn fills_whole(&self, order: &Incoming, mut policy: P) -> bool {
        let mut left = order.quantity;
        for (maker, data) in self.orders(order.side.opposite()) {
            let mut maker_left = maker.quantity;
            while left > 0 && maker_left > 0 {
                let quota = if reaches(order, maker.price) { policy.quota(maker.price, left) } else { 0 };
                if quota == 0 {
                    return false;
                }
                match policy.meet(data) {
                    Meeting::Trade => {
                        let quantity = left.min(quota).min(maker_left);
                        left -= quantity;
                        maker_left -= quantity;
                        policy.took(maker.price, quantity);
                    }
                    Meeting::CancelMaker => maker_left = 0,
                    Meeting::CancelTaker | Meeting::CancelBoth | Meeting::Decrement => return false,
                }
            }
        }
        left == 0
    }

    /// Matches against the other side; [`End::Rested`] stands for "something is left and may rest".
    fn take<S: Sink<P::Order>>(&mut self, order: &Incoming, policy: &mut P, sink: &mut S) -> Placed {
        let mut placed = Placed { executed: 0, prevented: 0, left: order.quantity, end: End::Rested };
        let side = order.side.opposite();
        while placed.end == End::Rested && self.crosses(order.side, order.limit) {
            let (price, before) = self.best(side).expect("a book that is crossed has a best level");
            while placed.end == End::Rested && self.best(side).is_some_and(|(best, _)| best == price) {
                let quota = policy.quota(price, placed.left);
                if quota == 0 {
                    placed.end = End::Remainder;
                } else {
                    self.meet_first(side, price, quota, &mut placed, policy, sink);
                }
            }
            let total = self.total(side, price);
            if total != before {
                sink.level(side, price, total);
            }
        }
        placed
    }

    /// One meeting with the first maker of the other side.
    fn meet_first<S: Sink<P::Order>>(
        &mut self,
        side: Side,
        price: u64,
        quota: u64,
        placed: &mut Placed,
        policy: &mut P,
        sink: &mut S,
    ) {
        let (maker, data) = &mut self.queue_mut(side, price)[0];
        let overlap = placed.left.min(maker.quantity);
        let meeting = policy.meet(data);
        if meeting == Meeting::Trade {
            let quantity = overlap.min(quota);
            maker.quantity -= quantity;
            placed.executed += quantity;
            placed.left -= quantity;
            let fill = Fill { maker_id: maker.id, price: maker.price, quantity, maker_left: maker.quantity };
            sink.fill(&fill, data);
            policy.took(fill.price, quantity);
        } else {
            let lost = match meeting {
                Meeting::CancelTaker | Meeting::CancelBoth => placed.left,
                Meeting::Decrement => overlap,
                Meeting::CancelMaker | Meeting::Trade => 0,
            };
            placed.prevented += lost;
            placed.left -= lost;
            let cancelled = matches!(meeting, Meeting::CancelMaker | Meeting::CancelBoth);
            if meeting == Meeting::Decrement {
                maker.quantity -= overlap;
            }
            let prevented = Prevented {
                maker_id: maker.id,
                price: maker.price,
                quantity: overlap,
                maker_left: maker.quantity,
                maker_removed: cancelled || maker.quantity == 0,
                taker_reduced_by: lost,
            };
            sink.prevented(&prevented, data);
            if cancelled {
                maker.quantity = 0;
            }
        }
        if maker.quantity == 0 {
            self.remove(side, price, 0);
        }
        if placed.left == 0 {
            placed.end = if meeting == Meeting::Trade { End::Filled } else { End::Prevented };
        }
    }

    fn append(&mut self, order: Resting, payload: P::Order) {
        self.places.insert(order.id, (order.side, order.price));
        self.queue_mut(order.side, order.price).push((order, payload));
    }

    /// Takes an order out of the book.
    pub fn cancel<S: Sink<P::Order>>(&mut self, id: u64, sink: &mut S) -> Result<(Resting, P::Order), Error> {
        let (side, price, at) = self.find(id)?;
        let (order, payload) = self.remove(side, price, at);
        sink.level(side, order.price, self.total(side, order.price));
        Ok((order, payload))
    }

    /// Leaves less of an order; it keeps its place in the queue.
    pub fn reduce<S: Sink<P::Order>>(&mut self, id: u64, left: u64, sink: &mut S) -> Result<Resting, Error> {
        if left == 0 {
            return Err(Error::ZeroQuantity);
        }
        let (side, price, at) = self.find(id)?;
        let order = &mut self.queue_mut(side, price)[at].0;
        if left >= order.quantity {
            return Err(Error::NotLess);
        }
        order.quantity = left;
        let order = *order;
        sink.level(side, order.price, self.total(side, order.price));
        Ok(order)
    }

    /// Cancels an order and places it anew, with the same id, side and payload. The payload comes back unless it rests.
    pub fn replace<S: Sink<P::Order>>(
        &mut self,
        id: u64,
        price: u64,
        quantity: u64,
        policy: &mut P,
        sink: &mut S,
    ) -> Result<(Placed, Option<P::Order>), Error> {
        if price == 0 {
            return Err(Error::ZeroPrice);
        }
        if quantity == 0 {
            return Err(Error::ZeroQuantity);
        }
        let (side, old_price, at) = self.find(id)?;
        let old = self.queue(side, old_price)[at].0;
        let own = if old.price == price { old.quantity } else { 0 };
        if (self.total(side, price) - own).checked_add(quantity).is_none() {
            return Err(Error::LevelFull);
        }
        let (_, payload) = self.cancel(id, sink)?;
        let mut payload = Some(payload);
        let order = Incoming { id, side, limit: Some(price), quantity, lifetime: Lifetime::Rest };
        let placed = self.enter(&order, |_, _| payload.take().expect("taken once"), policy, sink);
        Ok((placed, payload))
    }

    /// Applies messages in order.
    pub fn apply_batch<S: BatchSink<P>>(&mut self, messages: &[Message], sink: &mut S) {
        for (index, message) in messages.iter().enumerate() {
            let (result, payload) = match *message {
                Message::Place(ref order) => (self.batch_place(index, order, sink).map(Done::Placed), None),
                Message::Cancel { id } => split(self.cancel(id, sink).map(|(o, p)| (Done::Cancelled(o), Some(p)))),
                Message::Reduce { id, left } => (self.reduce(id, left, sink).map(Done::Reduced), None),
                Message::Replace { id, price, quantity } => {
                    let mut policy = sink.policy(index);
                    let result = self.replace(id, price, quantity, &mut policy, sink);
                    split(result.map(|(placed, payload)| (Done::Placed(placed), payload)))
                }
            };
            sink.done(index, result, payload);
        }
    }

    fn batch_place<S: BatchSink<P>>(&mut self, index: usize, order: &Incoming, sink: &mut S) -> Result<Placed, Error> {
        self.admit(order)?;
        let mut policy = sink.policy(index);
        Ok(self.enter(order, |placed, sink| sink.payload(index, placed), &mut policy, sink))
    }

    /// Puts an order that rested before at the end of its level, without matching.
    pub fn restore(&mut self, order: Resting, payload: P::Order) -> Result<(), Error> {
        if order.price == 0 {
            return Err(Error::ZeroPrice);
        }
        if order.quantity == 0 {
            return Err(Error::ZeroQuantity);
        }
        if self.find(order.id).is_ok() {
            return Err(Error::Duplicate);
        }
        if self.crosses(order.side, Some(order.price)) {
            return Err(Error::Crossed);
        }
        self.room(order.side, order.price, order.quantity)?;
        self.append(order, payload);
        Ok(())
    }

    /// A resting order and its payload.
    pub fn get(&self, id: u64) -> Option<(Resting, &P::Order)> {
        let (side, price, at) = self.find(id).ok()?;
        let (order, payload) = &self.queue(side, price)[at];
        Some((*order, payload))
    }

    /// A resting order and its payload, to change the payload.
    pub fn get_mut(&mut self, id: u64) -> Option<(Resting, &mut P::Order)> {
        let (side, price, at) = self.find(id).ok()?;
        let (order, payload) = &mut self.queue_mut(side, price)[at];
        Some((*order, payload))
    }

    /// The best price of a side and the total there.
    pub fn best(&self, side: Side) -> Option<(u64, u64)> {
        self.levels(side).next()
    }

    /// The total at a price, 0 when nothing rests there.
    pub fn total(&self, side: Side, price: u64) -> u64 {
        self.level_orders(side, price).map(|(order, _)| order.quantity).sum()
    }

    fn prices(&self, side: Side) -> Box<dyn Iterator<Item = u64> + '_> {
        match side {
            Side::Buy => Box::new(self.bids.keys().rev().copied()),
            Side::Sell => Box::new(self.asks.keys().copied()),
        }
    }

    /// The levels of a side as (price, total), best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (u64, u64)> {
        self.prices(side).map(move |price| (price, self.total(side, price)))
    }

    /// The orders of a side in the order in which they trade.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = (Resting, &P::Order)> {
        self.prices(side).flat_map(move |price| self.level_orders(side, price))
    }

    /// The orders at one price in the order in which they trade.
    pub fn level_orders(&self, side: Side, price: u64) -> impl Iterator<Item = (Resting, &P::Order)> {
        self.queue(side, price).iter().map(|(order, payload)| (*order, payload))
    }

    /// How many orders rest.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn reaches(order: &Incoming, price: u64) -> bool {
    match order.side {
        Side::Buy => order.limit.is_none_or(|limit| price <= limit),
        Side::Sell => order.limit.is_none_or(|limit| price >= limit),
    }
}

fn split<T, O>(result: Result<(T, Option<O>), Error>) -> (Result<T, Error>, Option<O>) {
    match result {
        Ok((value, payload)) => (Ok(value), payload),
        Err(error) => (Err(error), None),
    }
}
