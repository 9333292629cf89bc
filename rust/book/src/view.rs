//! What can be read from a book.

use crate::book::Book;
use crate::slab::{NOBODY, Slot};
use crate::types::{Policy, Resting, Side};

impl<P: Policy> Book<P> {
    /// A resting order and its payload.
    pub fn get(&self, id: u64) -> Option<(Resting, &P::Order)> {
        let slot = self.find(id)?;
        Some((self.resting(self.slab.node(slot)), self.slab.payload(slot)))
    }

    /// A resting order and its payload, to change the payload.
    pub fn get_mut(&mut self, id: u64) -> Option<(Resting, &mut P::Order)> {
        let slot = self.find(id)?;
        let order = self.resting(self.slab.node(slot));
        Some((order, self.slab.payload_mut(slot)))
    }

    /// The best price of a side and the total there.
    #[inline]
    pub fn best(&self, side: Side) -> Option<(u64, u64)> {
        let price = self.ladder.best(side);
        self.ladder.exists(side).then(|| (price, self.ladder.level(price).total))
    }

    /// The total that rests at a price, 0 when nothing does.
    #[inline]
    pub fn total(&self, side: Side, price: u64) -> u64 {
        if self.ladder.side_at(price) == side { self.ladder.level(price).total } else { 0 }
    }

    /// The levels of a side as (price, total), best first. Take as many as you want: nothing is computed ahead.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = (u64, u64)> {
        self.prices(side).map(|price| (price, self.ladder.level(price).total))
    }

    fn prices(&self, side: Side) -> impl Iterator<Item = u64> {
        let best = self.best(side).map(|(price, _)| price);
        std::iter::successors(best, move |&price| self.ladder.next(side, price))
    }

    /// The orders of a side in the order in which they trade.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = (Resting, &P::Order)> {
        self.prices(side).flat_map(move |price| self.queue(side, self.ladder.level(price).head))
    }

    /// The orders of a side at one price in the order in which they trade.
    pub fn level_orders(&self, side: Side, price: u64) -> impl Iterator<Item = (Resting, &P::Order)> {
        let head = if self.ladder.side_at(price) == side { self.ladder.level(price).head } else { NOBODY };
        self.queue(side, head)
    }

    fn queue(&self, side: Side, head: Slot) -> impl Iterator<Item = (Resting, &P::Order)> {
        let some = |slot: Slot| (slot != NOBODY).then_some(slot);
        std::iter::successors(some(head), move |&slot| some(self.slab.node(slot).next)).map(move |slot| {
            let node = self.slab.node(slot);
            let order = Resting { id: node.id, side, price: node.price, quantity: node.quantity };
            (order, self.slab.payload(slot))
        })
    }

    /// How many orders rest.
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// How many bytes of memory orders, payloads, index and levels take; only levels far from all others, in the sorted
    /// map, are not counted. From 64 KB on each of them is a mapping of its own, which an allocator does not see.
    pub fn memory(&self) -> usize {
        self.slab.bytes() + self.index.bytes() + self.ladder.bytes()
    }

    /// Whether nothing rests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
