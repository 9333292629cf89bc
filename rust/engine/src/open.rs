//! Open orders by account and by client id.
//!
//! Each open order has one node of 64 bytes in a slab: its number, its owner, its client id, and its neighbours in the
//! owner's list of that market (in order of numbers, since new orders join at the end). An open-addressing table finds
//! nodes by (account, market, client id). Slots are not state: snapshots and answers never show them.

use agio_book::prefetch;

use crate::units::{AccountId, ClientId, MarketId, OrderId};

/// No node.
pub(crate) const NONE: u32 = u32::MAX;

/// The ends of one account's list in one market.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenList {
    pub head: u32,
    pub tail: u32,
    pub count: u32,
}

impl OpenList {
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE, count: 0 };
}

/// One open order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub order: OrderId,
    pub account: AccountId,
    pub market: MarketId,
    previous: u32,
    next: u32,
    pub client_id: ClientId,
}

/// A place in the table. The hash beside the slot keeps most look-ups away from the nodes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    slot: u32,
}

impl Entry {
    const EMPTY: Self = Self { hash: 0, slot: NONE };
}

/// Nodes to a chunk.
const CHUNK: usize = 1 << 10;

/// Nodes in chunks that never move: growing costs the same at any size, and no more than a chunk lies idle.
#[derive(Clone, Debug, Default)]
struct Nodes {
    chunks: Vec<Vec<Node>>,
}

impl Nodes {
    /// Adds one; returns its slot.
    fn push(&mut self, node: Node) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let whole = (self.chunks.len() - 1) * CHUNK;
        let last = self.chunks.last_mut().expect("there is one now");
        last.push(node);
        (whole + last.len() - 1) as u32
    }

    #[inline]
    fn at(&self, slot: u32) -> &Node {
        &self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }

    #[inline]
    fn at_mut(&mut self, slot: u32) -> &mut Node {
        &mut self.chunks[slot as usize / CHUNK][slot as usize % CHUNK]
    }
}

/// All open orders of all markets.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenOrders {
    nodes: Nodes,
    free: Vec<u32>,
    /// Slots by hash of (account, market, client id), at most half full: the length is a power of two.
    table: Vec<Entry>,
    used: usize,
}

impl OpenOrders {
    /// A slot for an order that may rest; [`Self::insert`] or [`Self::release`] follows.
    pub(crate) fn reserve(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            let none = Node {
                order: OrderId(0),
                account: AccountId(0),
                market: MarketId(0),
                previous: NONE,
                next: NONE,
                client_id: ClientId::NONE,
            };
            self.nodes.push(none)
        })
    }

    /// Gives back a slot that was not used.
    pub(crate) fn release(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// Puts an order at the end of its owner's list and into the index, by the [`hash`] of its client id.
    pub(crate) fn insert(
        &mut self,
        slot: u32,
        (account, market): (AccountId, MarketId),
        order: OrderId,
        (client_id, hash): (ClientId, u32),
        list: &mut OpenList,
    ) {
        *self.nodes.at_mut(slot) = Node { order, account, market, previous: list.tail, next: NONE, client_id };
        match list.tail {
            NONE => list.head = slot,
            tail => self.nodes.at_mut(tail).next = slot,
        }
        list.tail = slot;
        list.count += 1;
        self.index(hash, slot);
    }

    /// Takes an order out of its owner's list and the index.
    pub(crate) fn remove(&mut self, slot: u32, list: &mut OpenList) {
        self.unindex(slot);
        let &Node { previous, next, .. } = self.nodes.at(slot);
        match previous {
            NONE => list.head = next,
            previous => self.nodes.at_mut(previous).next = next,
        }
        match next {
            NONE => list.tail = previous,
            next => self.nodes.at_mut(next).previous = previous,
        }
        list.count -= 1;
        self.free.push(slot);
    }

    /// Asks for the memory of an order's node.
    #[inline]
    pub(crate) fn warm_node(&self, slot: u32) {
        prefetch(self.nodes.at(slot));
    }

    pub(crate) fn node(&self, slot: u32) -> &Node {
        self.nodes.at(slot)
    }

    /// The orders of one list, by number.
    pub(crate) fn list(&self, list: OpenList) -> impl Iterator<Item = &Node> {
        let at = |slot: u32| if slot == NONE { None } else { Some(self.nodes.at(slot)) };
        std::iter::successors(at(list.head), move |node| at(node.next))
    }

    /// Asks for the memory where a client id with this [`hash`] is looked up.
    #[inline]
    pub(crate) fn warm(&self, hash: u32) {
        if !self.table.is_empty() {
            prefetch(&self.table[self.home(hash)]);
        }
    }

    /// Whether an order's neighbours in its owner's list know it.
    pub(crate) fn is_linked(&self, slot: u32, list: OpenList) -> bool {
        let &Node { previous, next, .. } = self.nodes.at(slot);
        let before = if previous == NONE { list.head } else { self.nodes.at(previous).next };
        let after = if next == NONE { list.tail } else { self.nodes.at(next).previous };
        before == slot && after == slot
    }

    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// The open order with this client id.
    pub(crate) fn find(&self, account: AccountId, market: MarketId, client_id: &ClientId) -> Option<&Node> {
        self.find_hashed(hash(account, market, client_id), account, market, client_id)
    }

    /// The same, when the [`hash`] is known.
    #[inline]
    pub(crate) fn find_hashed(
        &self,
        hash: u32,
        account: AccountId,
        market: MarketId,
        client_id: &ClientId,
    ) -> Option<&Node> {
        if self.used == 0 {
            return None;
        }
        let mut at = self.home(hash);
        loop {
            let entry = self.table[at];
            if entry.slot == NONE {
                return None;
            }
            if entry.hash == hash {
                let node = self.nodes.at(entry.slot);
                if node.client_id == *client_id && node.account == account && node.market == market {
                    return Some(node);
                }
            }
            at = self.after(at);
        }
    }

    fn home(&self, hash: u32) -> usize {
        hash as usize & (self.table.len() - 1)
    }

    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.table.len() - 1)
    }

    fn hash_of(&self, slot: u32) -> u32 {
        let node = self.nodes.at(slot);
        hash(node.account, node.market, &node.client_id)
    }

    fn index(&mut self, hash: u32, slot: u32) {
        if (self.used + 1) * 2 > self.table.len() {
            self.grow();
        }
        self.used += 1;
        self.put(Entry { hash, slot });
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.table[at].slot != NONE {
            at = self.after(at);
        }
        self.table[at] = entry;
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.table);
        self.table = vec![Entry::EMPTY; (old.len() * 2).max(16)];
        for entry in old.into_iter().filter(|entry| entry.slot != NONE) {
            self.put(entry);
        }
    }

    /// Removes by shifting back what was displaced: no tombstones, so the table stays as if never used.
    fn unindex(&mut self, slot: u32) {
        let mask = self.table.len() - 1;
        let mut hole = self.home(self.hash_of(slot));
        while self.table[hole].slot != slot {
            hole = self.after(hole);
        }
        let mut at = self.after(hole);
        while self.table[at].slot != NONE {
            let wanted = self.home(self.table[at].hash);
            if (at.wrapping_sub(wanted) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.table[hole] = self.table[at];
                hole = at;
            }
            at = self.after(at);
        }
        self.table[hole] = Entry::EMPTY;
        self.used -= 1;
    }
}

/// A fixed hash: the same in every process. An account can only collide with itself on purpose, and its open orders
/// are limited.
#[inline]
pub(crate) fn hash(account: AccountId, market: MarketId, client_id: &ClientId) -> u32 {
    let (text, length) = client_id.padded();
    let word = |at: usize| text[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let tail = text.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    let owner = u64::from(account.0) << 32 | u64::from(market.0);
    let head = fold(word(0) ^ 0x9E37_79B9_7F4A_7C15, word(8) ^ 0xD6E8_FEB8_6659_FD93);
    let rest = fold(word(16) ^ 0xC2B2_AE3D_27D4_EB4F, word(24) ^ 0x1656_67B1_9E37_79F9);
    let state = fold(head ^ rest ^ u64::from(tail), owner ^ (length as u64) << 56 ^ 0xA076_1D64_78BD_642F);
    (state ^ state >> 32) as u32
}

/// Multiplies to 128 bits and folds the halves.
fn fold(left: u64, right: u64) -> u64 {
    let wide = u128::from(left) * u128::from(right);
    wide as u64 ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const OWNER: (AccountId, MarketId) = (AccountId(1_000), MarketId(3));

    fn hash_of(text: &str) -> u32 {
        hash(OWNER.0, OWNER.1, &ClientId::new(text.as_bytes()).expect("a client id"))
    }

    #[test]
    fn a_slot_that_was_not_used_is_the_next_one() {
        let mut open = OpenOrders::default();
        let first = open.reserve();
        open.release(first);
        assert_eq!(open.reserve(), first);
    }

    #[test]
    fn ids_of_one_hash_are_told_apart() {
        let texts = |number: u32| format!("id-{number}");
        let mut seen = BTreeMap::new();
        let pair = (0..1_000_000).find_map(|number| Some((seen.insert(hash_of(&texts(number)), number)?, number)));
        let (one, two) = pair.expect("a million ids share some hash of 32 bits");
        let (mut open, mut list) = (OpenOrders::default(), OpenList::EMPTY);
        for number in [one, two] {
            let id = ClientId::new(texts(number).as_bytes()).expect("a client id");
            assert!(open.find(OWNER.0, OWNER.1, &id).is_none(), "{one} and {two} are not the same");
            let slot = open.reserve();
            open.insert(slot, OWNER, OrderId(number.into()), (id, hash_of(&texts(number))), &mut list);
            assert_eq!(open.find(OWNER.0, OWNER.1, &id).map(|node| node.order), Some(OrderId(number.into())));
        }
    }

    /// Whoever makes ids from a counter, wherever in the id it stands.
    #[test]
    fn every_character_counts() {
        let mut hashes = Vec::new();
        for place in 0..ClientId::MAX {
            for character in '!'..='~' {
                let mut text = ["x"; ClientId::MAX].concat();
                text.replace_range(place..=place, &character.to_string());
                hashes.push(hash_of(&text));
            }
        }
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), ClientId::MAX * 93 + 1, "one of each place is the same text");
    }
}
