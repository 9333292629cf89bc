//! The book: matching, and all that can be done to a resting order.

use crate::index::{Index, Key};
use crate::ladder::{Ladder, rank};
use crate::slab::{NOBODY, Node, Slab, Slot};
use crate::types::{End, Error, Fill, Incoming, Lifetime, Meeting, Placed, Policy, Prevented, Resting, Side, Sink};
use crate::window::{Level, Seat};

/// One market's order book.
///
/// Orders trade by price, then by time. All that a call reports goes to the sink that is passed in, before it returns.
/// A call that is refused has changed nothing.
#[derive(Clone, Debug)]
pub struct Book<P: Policy> {
    pub(crate) ladder: Ladder,
    pub(crate) slab: Slab<P::Order>,
    pub(crate) index: Index,
    limit: u32,
}

/// Which way an order goes that was admitted.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// It crosses the other side.
    Meets,
    /// It rests as it is, at this price.
    Rests(u64, Seat),
    /// It trades with nobody, and does not rest.
    Ends,
}

/// The worst price that an order accepts.
#[inline]
fn worst(order: &Incoming) -> u64 {
    order.limit.unwrap_or(match order.side {
        Side::Buy => u64::MAX,
        Side::Sell => 0,
    })
}

impl<P: Policy> Default for Book<P> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Policy> Book<P> {
    /// An empty book. It owns less than a kilobyte until it is used.
    pub fn new() -> Self {
        Self::with_limit(crate::MAX_ORDERS)
    }

    /// An empty book that refuses to hold more than `orders` orders, and never more than [`crate::MAX_ORDERS`].
    pub fn with_limit(orders: u32) -> Self {
        Self { ladder: Ladder::new(), slab: Slab::new(), index: Index::new(), limit: orders.min(crate::MAX_ORDERS) }
    }

    /// Takes the memory for so many orders, and payloads, now. Without it a book takes memory as it grows, and some
    /// calls wait until the system has found a huge page: a tenth of a millisecond, many times that on a busy host.
    pub fn reserve(&mut self, orders: u32) {
        let orders = orders.min(self.limit) as usize;
        self.slab.reserve(orders);
        self.index.reserve(orders);
    }

    /// Places an order: checks, matches, and lets the rest rest. `payload` is called only when something rests.
    ///
    /// # Errors
    /// [`Error::ZeroPrice`], [`Error::ZeroQuantity`], [`Error::Duplicate`], [`Error::LevelFull`], [`Error::Full`], in
    /// this order.
    #[inline]
    pub fn place<S: Sink<P::Order>>(
        &mut self,
        order: &Incoming,
        payload: impl FnOnce(&Placed) -> P::Order,
        policy: &mut P,
        sink: &mut S,
    ) -> Result<Placed, Error> {
        let key = self.index.key(order.id);
        let way = self.admit(key, order)?;
        Ok(self.enter(key, order, way, |placed, _| payload(placed), policy, sink))
    }

    /// Checks an order on its way in, and says which way it will go.
    #[inline(always)]
    pub(crate) fn admit(&self, key: Key, order: &Incoming) -> Result<Way, Error> {
        if matches!(order.limit, Some(0)) {
            return Err(Error::ZeroPrice);
        }
        if order.quantity == 0 {
            return Err(Error::ZeroQuantity);
        }
        if self.find_key(key, order.id).is_some() {
            return Err(Error::Duplicate);
        }
        if self.crosses(order.side, worst(order)) {
            // An order that trades first rests on a new level, in place of a maker that it has used up.
            return Ok(Way::Meets);
        }
        match (order.lifetime, order.limit) {
            (Lifetime::Rest | Lifetime::PostOnly, Some(price)) => {
                let seat = self.ladder.seat(price);
                self.room(seat, price, order.quantity)?;
                Ok(Way::Rests(price, seat))
            }
            _ => Ok(Way::Ends),
        }
    }

    /// Whether an order that crosses nothing has room to rest at a price: what rests there is on its own side.
    #[inline(always)]
    fn room(&self, seat: Seat, price: u64, quantity: u64) -> Result<(), Error> {
        if self.ladder.total_at(seat, price).checked_add(quantity).is_none() {
            return Err(Error::LevelFull);
        }
        if self.slab.free() == NOBODY && self.slab.most() >= self.limit as usize {
            return Err(Error::Full);
        }
        Ok(())
    }

    #[inline(always)]
    fn crosses(&self, side: Side, limit: u64) -> bool {
        let best = self.ladder.best(side.opposite());
        rank(side, limit) >= rank(side, best) && self.ladder.exists(side.opposite())
    }

    /// Lets an order in that was admitted.
    #[inline(always)]
    pub(crate) fn enter<S: Sink<P::Order>>(
        &mut self,
        key: Key,
        order: &Incoming,
        way: Way,
        payload: impl FnOnce(&Placed, &mut S) -> P::Order,
        policy: &mut P,
        sink: &mut S,
    ) -> Placed {
        let mut placed = Placed { executed: 0, prevented: 0, left: order.quantity, end: End::Rested };
        match way {
            Way::Rests(price, seat) => {
                let payload = payload(&placed, sink);
                let resting = Resting { id: order.id, side: order.side, price, quantity: order.quantity };
                let total = self.append(key, &resting, seat, payload);
                sink.level(order.side, price, total);
            }
            Way::Ends if order.lifetime == Lifetime::FillOrKill => placed.end = End::Killed,
            Way::Ends => placed.end = End::Remainder,
            Way::Meets => self.meet(key, order, &mut placed, payload, policy, sink),
        }
        placed
    }

    /// Lets an order in that crosses the other side.
    #[inline(never)]
    fn meet<S: Sink<P::Order>>(
        &mut self,
        key: Key,
        order: &Incoming,
        placed: &mut Placed,
        payload: impl FnOnce(&Placed, &mut S) -> P::Order,
        policy: &mut P,
        sink: &mut S,
    ) {
        let limit = worst(order);
        match order.lifetime {
            Lifetime::PostOnly => placed.end = End::WouldTake,
            Lifetime::FillOrKill if !self.fills_whole(order, limit, policy.clone()) => placed.end = End::Killed,
            _ => self.take(order.side, limit, placed, policy, sink),
        }
        if placed.end != End::Rested {
            return;
        }
        match (order.lifetime, order.limit) {
            (Lifetime::Rest, Some(price)) => {
                let payload = payload(placed, sink);
                let resting = Resting { id: order.id, side: order.side, price, quantity: placed.left };
                let total = self.append_rest(key, &resting, payload);
                sink.level(order.side, price, total);
            }
            _ => placed.end = End::Remainder,
        }
    }

    /// Puts an order at the end of its level. Returns the level's total.
    #[inline(always)]
    fn append(&mut self, key: Key, order: &Resting, seat: Seat, payload: P::Order) -> u64 {
        let &Resting { id, side, price, quantity } = order;
        if self.slab.free() == NOBODY {
            self.grow();
        }
        let slot = self.slab.free();
        self.index.insert(key, slot);
        let (total, before) = self.ladder.append(side, seat, price, slot, quantity);
        self.slab.insert(Node { id, price, quantity, prev: before, next: NOBODY }, payload);
        total
    }

    /// Makes room for one more order than there ever were.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.slab.grow();
        self.index.make_room(self.slab.most());
    }

    /// As [`Book::append`], after matching.
    #[inline(never)]
    fn append_rest(&mut self, key: Key, order: &Resting, payload: P::Order) -> u64 {
        self.append(key, order, self.ladder.seat(order.price), payload)
    }

    /// Matches against the other side, level by level; [`End::Rested`] stands for "something is left and may rest".
    #[inline(always)]
    fn take<S: Sink<P::Order>>(&mut self, side: Side, limit: u64, placed: &mut Placed, policy: &mut P, sink: &mut S) {
        let makers = side.opposite();
        while placed.end == End::Rested && self.crosses(side, limit) {
            let price = self.ladder.best(makers);
            let seat = self.ladder.seat(price);
            let before = self.ladder.level_at(seat, price);
            let after = self.take_level(price, before, placed, policy, sink);
            if after.head == NOBODY {
                self.ladder.close(makers, seat, price);
            } else {
                *self.ladder.level_mut(seat, price) = after;
            }
            if after.total != before.total {
                sink.level(makers, price, after.total);
            }
        }
    }

    /// Matches at one level. Returns what becomes of the level.
    #[inline(always)]
    fn take_level<S: Sink<P::Order>>(
        &mut self,
        price: u64,
        mut level: Level,
        placed: &mut Placed,
        policy: &mut P,
        sink: &mut S,
    ) -> Level {
        while level.head != NOBODY && placed.end == End::Rested {
            let quota = policy.quota(price, placed.left);
            if quota == 0 {
                placed.end = End::Remainder;
                break;
            }
            let slot = level.head;
            let meeting = policy.meet(self.slab.payload(slot));
            let gone = if meeting == Meeting::Trade {
                self.trade(slot, quota, placed, policy, sink)
            } else {
                self.prevent(slot, meeting, placed, sink)
            };
            level.total -= gone;
            self.drop_used_up(slot, &mut level);
            if placed.left == 0 {
                placed.end = if meeting == Meeting::Trade { End::Filled } else { End::Prevented };
            }
        }
        level
    }

    /// Trades with one maker. Returns what the level lost.
    #[inline(always)]
    fn trade<S: Sink<P::Order>>(
        &mut self,
        slot: Slot,
        quota: u64,
        placed: &mut Placed,
        policy: &mut P,
        sink: &mut S,
    ) -> u64 {
        let (maker, payload) = self.slab.both_mut(slot);
        let quantity = placed.left.min(quota).min(maker.quantity);
        maker.quantity -= quantity;
        placed.executed += quantity;
        placed.left -= quantity;
        let fill = Fill { maker_id: maker.id, price: maker.price, quantity, maker_left: maker.quantity };
        sink.fill(&fill, payload);
        policy.took(fill.price, quantity);
        quantity
    }

    /// Prevents a trade with one maker. Returns what the level lost.
    #[cold]
    fn prevent<S: Sink<P::Order>>(&mut self, slot: Slot, meeting: Meeting, placed: &mut Placed, sink: &mut S) -> u64 {
        let (maker, payload) = self.slab.both_mut(slot);
        let overlap = placed.left.min(maker.quantity);
        let (maker_loses, taker_loses) = match meeting {
            Meeting::Trade => (0, 0),
            Meeting::CancelMaker => (maker.quantity, 0),
            Meeting::CancelTaker => (0, placed.left),
            Meeting::CancelBoth => (maker.quantity, placed.left),
            Meeting::Decrement => (overlap, overlap),
        };
        let cancelled = matches!(meeting, Meeting::CancelMaker | Meeting::CancelBoth);
        let left = maker.quantity - maker_loses;
        let prevented = Prevented {
            maker_id: maker.id,
            price: maker.price,
            quantity: overlap,
            maker_left: if cancelled { maker.quantity } else { left },
            maker_removed: left == 0,
            taker_reduced_by: taker_loses,
        };
        maker.quantity = left;
        placed.prevented += taker_loses;
        placed.left -= taker_loses;
        sink.prevented(&prevented, payload);
        maker_loses
    }

    /// Takes the first order of a level out of the book if nothing is left of it.
    #[inline(always)]
    fn drop_used_up(&mut self, slot: Slot, level: &mut Level) {
        let &Node { id, quantity, next, .. } = self.slab.node(slot);
        if quantity > 0 {
            return;
        }
        level.head = next;
        level.tail = if next == NOBODY { NOBODY } else { level.tail };
        self.index.take(self.index.key(id), |found| found == slot).expect("every resting order is in the index");
        self.slab.remove(slot);
        self.warm_maker(next);
    }

    /// Asks for what the next order of a level needs when it is used up, too: probably soon.
    #[inline(always)]
    fn warm_maker(&self, slot: Slot) {
        let node = self.slab.node(slot);
        self.index.warm(self.index.key(node.id));
        self.slab.warm_node(node.next);
    }

    /// The dry run of fill-or-kill: does all of it trade, under this policy?
    fn fills_whole(&self, order: &Incoming, limit: u64, mut policy: P) -> bool {
        let mut left = order.quantity;
        for (maker, payload) in self.orders(order.side.opposite()) {
            let reached = match order.side {
                Side::Buy => maker.price <= limit,
                Side::Sell => maker.price >= limit,
            };
            let mut maker_left = maker.quantity;
            while left > 0 && maker_left > 0 {
                let quota = if reached { policy.quota(maker.price, left) } else { 0 };
                if quota == 0 {
                    return false;
                }
                match policy.meet(payload) {
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
            if left == 0 {
                return true;
            }
        }
        false
    }

    #[inline(always)]
    pub(crate) fn find(&self, id: u64) -> Option<Slot> {
        self.find_key(self.index.key(id), id)
    }

    #[inline(always)]
    fn find_key(&self, key: Key, id: u64) -> Option<Slot> {
        self.index.find(key, |slot| self.slab.node(slot).id == id)
    }

    #[inline(always)]
    pub(crate) fn resting(&self, node: &Node) -> Resting {
        Resting { id: node.id, side: self.ladder.side_at(node.price), price: node.price, quantity: node.quantity }
    }

    /// Takes an order out of the book.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    #[inline]
    pub fn cancel<S: Sink<P::Order>>(&mut self, id: u64, sink: &mut S) -> Result<(Resting, P::Order), Error> {
        self.take_out(id, sink)
    }

    #[inline(always)]
    pub(crate) fn take_out<S: Sink<P::Order>>(&mut self, id: u64, sink: &mut S) -> Result<(Resting, P::Order), Error> {
        let slot = self.index.take(self.index.key(id), |slot| self.slab.node(slot).id == id).ok_or(Error::Unknown)?;
        let (order, total, payload) = self.remove(slot);
        sink.level(order.side, order.price, total);
        Ok((order, payload))
    }

    /// Takes an order that the index no longer has out of the book. Returns it, what its level has left, and its payload.
    #[inline(always)]
    fn remove(&mut self, slot: Slot) -> (Resting, u64, P::Order) {
        let (node, payload) = self.slab.remove(slot);
        let Node { price, quantity, prev, next, .. } = node;
        let order = self.resting(&node);
        let total = self.ladder.leave(order.side, price, quantity, (prev, next));
        (order, total, payload)
    }

    /// Leaves less of an order; it keeps its place in the queue. Returns the order as it is then.
    ///
    /// # Errors
    /// [`Error::ZeroQuantity`], [`Error::Unknown`], [`Error::NotLess`], in this order.
    #[inline]
    pub fn reduce<S: Sink<P::Order>>(&mut self, id: u64, left: u64, sink: &mut S) -> Result<Resting, Error> {
        if left == 0 {
            return Err(Error::ZeroQuantity);
        }
        let slot = self.find(id).ok_or(Error::Unknown)?;
        let node = self.slab.node_mut(slot);
        if left >= node.quantity {
            return Err(Error::NotLess);
        }
        let less = node.quantity - left;
        node.quantity = left;
        let order = self.resting(self.slab.node(slot));
        let level = self.ladder.level_mut(self.ladder.seat(order.price), order.price);
        level.total -= less;
        sink.level(order.side, order.price, level.total);
        Ok(order)
    }

    /// Cancels an order and places it anew, at the back, with the same id, side and payload, to rest. The payload comes
    /// back unless it rests again.
    ///
    /// # Errors
    /// [`Error::ZeroPrice`], [`Error::ZeroQuantity`], [`Error::Unknown`], [`Error::LevelFull`], in this order.
    #[inline]
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
        let key = self.index.key(id);
        let slot = self.find_key(key, id).ok_or(Error::Unknown)?;
        let old = self.resting(self.slab.node(slot));
        let crosses = self.crosses(old.side, price);
        if !crosses {
            let own = if old.price == price { old.quantity } else { 0 };
            let others = self.ladder.level(price).total - own;
            others.checked_add(quantity).ok_or(Error::LevelFull)?;
        }
        self.index.take(key, |found| found == slot);
        let (_, total, payload) = self.remove(slot);
        sink.level(old.side, old.price, total);
        let order = Incoming { id, side: old.side, limit: Some(price), quantity, lifetime: Lifetime::Rest };
        let way = if crosses { Way::Meets } else { Way::Rests(price, self.ladder.seat(price)) };
        let mut payload = Some(payload);
        let placed = self.enter(key, &order, way, |_, _| payload.take().expect("an order rests once"), policy, sink);
        Ok((placed, payload))
    }

    /// Puts an order that rested before at the end of its level, without matching and without a report.
    ///
    /// # Errors
    /// [`Error::ZeroPrice`], [`Error::ZeroQuantity`], [`Error::Duplicate`], [`Error::Crossed`], [`Error::LevelFull`],
    /// [`Error::Full`], in this order.
    pub fn restore(&mut self, order: Resting, payload: P::Order) -> Result<(), Error> {
        if order.price == 0 {
            return Err(Error::ZeroPrice);
        }
        if order.quantity == 0 {
            return Err(Error::ZeroQuantity);
        }
        if self.find(order.id).is_some() {
            return Err(Error::Duplicate);
        }
        if self.crosses(order.side, order.price) {
            return Err(Error::Crossed);
        }
        self.room(self.ladder.seat(order.price), order.price, order.quantity)?;
        self.append_rest(self.index.key(order.id), &order, payload);
        Ok(())
    }
}
