//! Resting orders in a slab: 32 bytes each, 32-bit links, payloads in a parallel slab under the same slot.

use crate::memory::prefetch;

/// The place of an order in the slab. 0 is nobody.
pub(crate) type Slot = u32;

/// No order.
pub(crate) const NOBODY: Slot = 0;

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

/// All resting orders of a book and their payloads.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    nodes: Vec<Node>,
    payloads: Payloads<T>,
    free: Slot,
    len: u32,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { nodes: Vec::new(), payloads: Payloads::new(), free: NOBODY, len: 0 }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(crate) fn node(&self, slot: Slot) -> &Node {
        &self.nodes[slot as usize]
    }

    /// The node of a slot that may not exist.
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> Option<&Node> {
        self.nodes.get(slot as usize)
    }

    #[inline]
    pub(crate) fn node_mut(&mut self, slot: Slot) -> &mut Node {
        &mut self.nodes[slot as usize]
    }

    #[inline]
    pub(crate) fn payload(&self, slot: Slot) -> &T {
        self.payloads.get(slot)
    }

    #[inline]
    pub(crate) fn payload_mut(&mut self, slot: Slot) -> &mut T {
        self.payloads.get_mut(slot)
    }

    /// Both at once, for a sink that may change the payload.
    #[inline]
    pub(crate) fn both_mut(&mut self, slot: Slot) -> (&mut Node, &mut T) {
        (&mut self.nodes[slot as usize], self.payloads.get_mut(slot))
    }

    /// Keeps an order; the caller has checked that there is room.
    #[inline]
    pub(crate) fn insert(&mut self, node: Node, payload: T) -> Slot {
        let slot = if self.free == NOBODY { self.grow() } else { self.free };
        self.free = self.nodes[slot as usize].next;
        self.nodes[slot as usize] = node;
        self.payloads.insert(slot, payload);
        self.len += 1;
        slot
    }

    #[cold]
    fn grow(&mut self) -> Slot {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        self.nodes.push(Node::default());
        (self.nodes.len() - 1) as Slot
    }

    /// Frees a slot. The most recently freed one is the next to be used: it is the warmest.
    #[inline]
    pub(crate) fn remove(&mut self, slot: Slot) -> T {
        self.nodes[slot as usize].next = self.free;
        self.free = slot;
        self.len -= 1;
        self.payloads.remove(slot)
    }

    #[inline]
    pub(crate) fn warm(&self, slot: Slot) {
        prefetch(&self.nodes, slot as usize);
        self.payloads.warm(slot);
    }
}

/// One payload per slot. Values of a type without size are all alike, so these go into a bag whatever their slot:
/// a vector of them is a mere count, and bare matching pays nothing for payloads.
#[derive(Clone, Debug)]
struct Payloads<T> {
    slots: Vec<Option<T>>,
    bag: Vec<T>,
}

const LIVE: &str = "a slot in use has a payload";

impl<T> Payloads<T> {
    const SIZELESS: bool = size_of::<T>() == 0;

    const fn new() -> Self {
        Self { slots: Vec::new(), bag: Vec::new() }
    }

    #[inline]
    fn get(&self, slot: Slot) -> &T {
        if Self::SIZELESS { &self.bag[0] } else { self.slots[slot as usize].as_ref().expect(LIVE) }
    }

    #[inline]
    fn get_mut(&mut self, slot: Slot) -> &mut T {
        if Self::SIZELESS { &mut self.bag[0] } else { self.slots[slot as usize].as_mut().expect(LIVE) }
    }

    #[inline]
    fn insert(&mut self, slot: Slot, payload: T) {
        if Self::SIZELESS {
            self.bag.push(payload);
        } else if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(payload);
        } else {
            self.slots.resize_with(slot as usize, || None);
            self.slots.push(Some(payload));
        }
    }

    #[inline]
    fn remove(&mut self, slot: Slot) -> T {
        if Self::SIZELESS { self.bag.pop().expect(LIVE) } else { self.slots[slot as usize].take().expect(LIVE) }
    }

    #[inline]
    fn warm(&self, slot: Slot) {
        if !Self::SIZELESS {
            prefetch(&self.slots, slot as usize);
        }
    }
}
