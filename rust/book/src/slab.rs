//! Resting orders in a slab: 32 bytes each, 32-bit links, payloads in a parallel slab under the same slot.

use crate::memory::Row;

/// The place of an order in the slab. 0 is nobody.
pub(crate) type Slot = u32;

/// No order.
pub(crate) const NOBODY: Slot = 0;

/// Slots that are made at once: their orders fill a page of memory.
const AT_ONCE: usize = 128;

/// A resting order. Half a cache line, and never across two.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(32))]
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) price: u64,
    pub(crate) quantity: u64,
    /// The order before it at its level.
    pub(crate) prev: Slot,
    /// The order behind it at its level; of a free slot, the next free slot.
    pub(crate) next: Slot,
}

/// All resting orders of a book and their payloads. Slot 0 is nobody's: what is written to it means nothing, so that
/// orders can be linked and unlinked without asking whether they have neighbours.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    nodes: Row<Node>,
    payloads: Payloads<T>,
    free: Slot,
    /// The first slot that was never used.
    unused: Slot,
    /// How many orders there are.
    live: usize,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Row::new(), payloads: Payloads::new(), free: NOBODY, unused: 1, live: 0 }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.nodes.bytes() + self.payloads.slots.bytes()
    }

    #[inline(always)]
    pub(crate) fn node(&self, slot: Slot) -> &Node {
        self.nodes.at(slot as usize)
    }

    #[inline(always)]
    pub(crate) fn node_mut(&mut self, slot: Slot) -> &mut Node {
        self.nodes.at_mut(slot as usize)
    }

    #[inline(always)]
    pub(crate) fn payload(&self, slot: Slot) -> &T {
        self.payloads.get(slot)
    }

    #[inline(always)]
    pub(crate) fn payload_mut(&mut self, slot: Slot) -> &mut T {
        self.payloads.get_mut(slot)
    }

    /// Both at once, for a sink that may change the payload.
    #[inline(always)]
    pub(crate) fn both_mut(&mut self, slot: Slot) -> (&mut Node, &mut T) {
        (self.nodes.at_mut(slot as usize), self.payloads.get_mut(slot))
    }

    /// How many orders there are.
    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    /// The most orders that there have been, and so the number of slots that were used.
    pub(crate) const fn most(&self) -> usize {
        self.unused as usize - 1
    }

    /// The slot that the next order gets, if one is free.
    #[inline(always)]
    pub(crate) const fn free(&self) -> Slot {
        self.free
    }

    /// Frees a slot that was never used; when none is free.
    pub(crate) fn grow(&mut self) {
        if self.unused as usize >= self.nodes.made() {
            self.make(AT_ONCE);
        }
        self.free = self.unused;
        self.unused += 1;
    }

    /// Payloads first: should there be no room for them, there are no slots without one afterwards.
    fn make(&mut self, slots: usize) {
        self.payloads.make(slots);
        self.nodes.make(slots, Node::default);
    }

    /// Makes the slots for so many orders, and for nobody.
    pub(crate) fn reserve(&mut self, orders: usize) {
        self.make((orders + 1).saturating_sub(self.nodes.made()));
    }

    /// Keeps an order in the slot that is [`Slab::free`], and links it behind the one before it, if there is one.
    #[inline(always)]
    pub(crate) fn insert(&mut self, node: Node, payload: T) {
        let slot = self.free;
        self.live = self.live.wrapping_add(1);
        let place = self.nodes.at_mut(slot as usize);
        self.free = place.next;
        *place = node;
        self.nodes.at_mut(node.prev as usize).next = slot;
        self.payloads.insert(slot, payload);
    }

    /// Takes an order out of its queue and frees its slot, which is the next to be used: it is the warmest.
    #[inline(always)]
    pub(crate) fn remove(&mut self, slot: Slot) -> (Node, T) {
        let place = self.nodes.at_mut(slot as usize);
        let node = *place;
        self.live = self.live.wrapping_sub(1);
        place.next = self.free;
        self.free = slot;
        self.node_mut(node.prev).next = node.next;
        self.node_mut(node.next).prev = node.prev;
        (node, self.payloads.remove(slot))
    }

    /// Asks for the line of an order.
    #[inline(always)]
    pub(crate) fn warm_node(&self, slot: Slot) {
        self.nodes.warm(slot as usize);
    }

    /// Asks for the lines of an order and of its payload.
    #[inline(always)]
    pub(crate) fn warm(&self, slot: Slot) {
        self.warm_node(slot);
        if !Payloads::<T>::SIZELESS {
            self.payloads.slots.warm(slot as usize);
        }
    }
}

/// One payload per slot. Values of a type without size are all alike, so these go into a bag whatever their slot:
/// a vector of them is a mere count, and bare matching pays nothing for payloads.
#[derive(Clone, Debug)]
struct Payloads<T> {
    slots: Row<Option<T>>,
    bag: Vec<T>,
}

const LIVE: &str = "a slot in use has a payload";

impl<T> Payloads<T> {
    const SIZELESS: bool = size_of::<T>() == 0;

    const fn new() -> Self {
        Self { slots: Row::new(), bag: Vec::new() }
    }

    fn make(&mut self, count: usize) {
        if !Self::SIZELESS {
            self.slots.make(count, || None);
        }
    }

    #[inline(always)]
    fn get(&self, slot: Slot) -> &T {
        if Self::SIZELESS { &self.bag[0] } else { self.slots.at(slot as usize).as_ref().expect(LIVE) }
    }

    #[inline(always)]
    fn get_mut(&mut self, slot: Slot) -> &mut T {
        if Self::SIZELESS { &mut self.bag[0] } else { self.slots.at_mut(slot as usize).as_mut().expect(LIVE) }
    }

    #[inline(always)]
    fn insert(&mut self, slot: Slot, payload: T) {
        if Self::SIZELESS {
            self.bag.push(payload);
        } else {
            *self.slots.at_mut(slot as usize) = Some(payload);
        }
    }

    #[inline(always)]
    fn remove(&mut self, slot: Slot) -> T {
        let payload = if Self::SIZELESS { self.bag.pop() } else { self.slots.at_mut(slot as usize).take() };
        payload.expect(LIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_slot_without_room_for_its_payload_is_never_given() {
        let mut slab = Slab::<[u64; 1 << 54]>::new();
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| slab.grow())).is_err());
        }
    }
}
