//! From an order's id to its slot: open addressing, growing a little with each insertion.
//!
//! An entry is 8 bytes: 32 bits of the id's hash and the slot; the id itself stands in the slab. The position of an
//! entry follows from its hash bits, so that neither growing nor closing a gap after a removal looks at the slab.

use crate::memory::prefetch;
use crate::slab::Slot;

const EMPTY: u64 = 0;
/// In the table that is being left: an entry that has moved or gone. No order has this slot.
const GONE: u64 = u32::MAX as u64;
const FIRST_BITS: u32 = 6;
/// How many places of the old table move with each insertion. The new table, twice as large and 5/16 full, takes
/// 5/8 of the old size in insertions before it is full, so 2 would do.
const MOVED_AT_ONCE: usize = 16;

/// 32 bits of hash: the halves of a 128-bit product, folded. Deterministic, and spreads ids of any pattern.
#[inline]
fn hash(id: u64) -> u32 {
    let product = u128::from(id ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93_u128;
    (((product >> 64) as u64 ^ product as u64) >> 32) as u32
}

#[inline]
const fn slot_of(entry: u64) -> Slot {
    entry as u32
}

#[inline]
const fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

/// Where an entry was found: the table and its place there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) slot: Slot,
    place: usize,
    old: bool,
}

/// The index. It does not know ids; whoever asks brings `same`, which compares the id in the slab.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    table: Vec<u64>,
    /// `32 - log2(table.len())`: a place is the top bits of a hash.
    shift: u32,
    used: usize,
    old: Vec<u64>,
    old_shift: u32,
    moved: usize,
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self { table: Vec::new(), shift: 32, used: 0, old: Vec::new(), old_shift: 32, moved: 0 }
    }

    /// Finds an id.
    #[inline]
    pub(crate) fn find(&self, id: u64, same: impl Fn(Slot) -> bool) -> Option<Found> {
        let hash = hash(id);
        if self.table.is_empty() {
            return None;
        }
        match probe(&self.table, self.shift, hash, &same) {
            Some((place, slot)) => Some(Found { slot, place, old: false }),
            None if self.old.is_empty() => None,
            None => self.find_old(hash, &same),
        }
    }

    #[cold]
    fn find_old(&self, hash: u32, same: &impl Fn(Slot) -> bool) -> Option<Found> {
        let (place, slot) = probe(&self.old, self.old_shift, hash, same)?;
        Some(Found { slot, place, old: true })
    }

    /// Adds an id that is not there.
    #[inline]
    pub(crate) fn insert(&mut self, id: u64, slot: Slot) {
        if !self.old.is_empty() {
            self.move_some();
        }
        if self.used >= self.table.len() / 8 * 5 {
            self.grow();
        }
        self.used += 1;
        put(&mut self.table, self.shift, u64::from(hash(id)) << 32 | u64::from(slot));
    }

    /// Removes what [`Index::find`] found, before anything else changes.
    #[inline]
    pub(crate) fn remove(&mut self, found: Found) {
        self.used -= 1;
        if found.old {
            self.old[found.place] = GONE;
            return;
        }
        let mask = self.table.len() - 1;
        let table = &mut self.table;
        let (mut gap, mut place) = (found.place, found.place);
        loop {
            place = (place + 1) & mask;
            let entry = table[place];
            if entry == EMPTY {
                break;
            }
            let home = (u64::from(hash_of(entry)) >> self.shift) as usize;
            if place.wrapping_sub(home) & mask >= place.wrapping_sub(gap) & mask {
                table[gap] = entry;
                gap = place;
            }
        }
        table[gap] = EMPTY;
    }

    /// Starts a table of twice the size; the old one's entries follow bit by bit.
    #[cold]
    fn grow(&mut self) {
        debug_assert!(self.old.is_empty(), "the old table is empty long before the new one is full");
        let bits = if self.table.is_empty() { FIRST_BITS } else { 33 - self.shift };
        self.old = std::mem::replace(&mut self.table, vec![EMPTY; 1 << bits]);
        self.old_shift = std::mem::replace(&mut self.shift, 32 - bits);
        self.moved = 0;
    }

    #[cold]
    fn move_some(&mut self) {
        let end = (self.moved + MOVED_AT_ONCE).min(self.old.len());
        for place in self.moved..end {
            let entry = self.old[place];
            if entry != EMPTY && entry != GONE {
                self.old[place] = GONE;
                put(&mut self.table, self.shift, entry);
            }
        }
        self.moved = end;
        if end == self.old.len() {
            self.old = Vec::new();
        }
    }

    /// Asks for the line where an id would be found.
    #[inline]
    pub(crate) fn warm(&self, id: u64) {
        prefetch(&self.table, (u64::from(hash(id)) >> self.shift) as usize);
    }

    /// The slot that an id has in all likelihood, for prefetching: it is not compared with the slab.
    #[inline]
    pub(crate) fn guess(&self, id: u64) -> Slot {
        let hash = hash(id);
        if self.table.is_empty() {
            return 0;
        }
        probe(&self.table, self.shift, hash, &|_| true).map_or(0, |(_, slot)| slot)
    }
}

#[inline]
fn probe(table: &[u64], shift: u32, hash: u32, same: &impl Fn(Slot) -> bool) -> Option<(usize, Slot)> {
    let mask = table.len() - 1;
    let mut place = (u64::from(hash) >> shift) as usize & mask;
    loop {
        let entry = table[place];
        if hash_of(entry) == hash && entry != EMPTY && entry != GONE && same(slot_of(entry)) {
            return Some((place, slot_of(entry)));
        }
        if entry == EMPTY {
            return None;
        }
        place = (place + 1) & mask;
    }
}

#[inline]
fn put(table: &mut [u64], shift: u32, entry: u64) {
    let mask = table.len() - 1;
    let mut place = (u64::from(hash_of(entry)) >> shift) as usize & mask;
    while table[place] != EMPTY {
        place = (place + 1) & mask;
    }
    table[place] = entry;
}
