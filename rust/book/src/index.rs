//! From an order's id to its slot: open addressing by cache lines, growing a little with each insertion.
//!
//! A line is eight words: seven entries, each 32 bits of the id's hash and the slot (the id itself stands in the slab),
//! and before them one byte of hash for each, so that all seven are compared at once. Nearly every question is answered
//! by one line. The line where an entry belongs follows from its hash bits, so that growing does not look at the slab.
//!
//! The last byte of the first word counts the entries that found this line full and went on to the next: a search
//! goes on only past such a line, and removing an entry lowers the counts that it raised. So entries that are gone
//! leave nothing behind.

use crate::memory::Lines;
use crate::slab::Slot;

/// The lowest and the highest bit of the bytes that stand for the seven entries.
const LOW: u64 = 0x0001_0101_0101_0101;
const HIGH: u64 = LOW << 7;
/// Where the count stands in the first word.
const COUNT: u32 = 56;

/// How many lines of the old table move with each insertion. The new table, twice as large, fills up no sooner than
/// after 2.5 insertions for each old line, so 1 would do.
const MOVED_AT_ONCE: usize = 2;

/// 32 bits of hash: the halves of a 128-bit product, folded. Deterministic, and spreads ids of any pattern.
#[inline]
pub(crate) fn hash(id: u64) -> u32 {
    let product = u128::from(id ^ 0x9E37_79B9_7F4A_7C15) * 0xD6E8_FEB8_6659_FD93_u128;
    (((product >> 64) as u64 ^ product as u64) >> 32) as u32
}

/// The byte that stands for a hash: its low bits, and the highest one for "in use".
#[inline]
const fn byte(hash: u32) -> u64 {
    (hash | 0x80) as u64 & 0xFF
}

/// The high bit of each byte that is this hash's; now and then of another one behind it, too.
#[inline]
const fn matching(bytes: u64, hash: u32) -> u64 {
    let differing = bytes ^ byte(hash).wrapping_mul(LOW);
    differing.wrapping_sub(LOW) & !differing & HIGH
}

/// The number of the entry whose bit is the lowest of a mask.
#[inline]
const fn first(mask: u64) -> usize {
    (mask.trailing_zeros() / 8) as usize
}

/// The entry's word in its line.
#[inline]
const fn word(entry: usize) -> usize {
    (1 + entry) % 8
}

/// Raises the count of a line. A count of 255 stays: it no longer knows how many there are.
#[inline]
const fn raised(bytes: u64) -> u64 {
    if bytes >> COUNT == 255 { bytes } else { bytes + (1 << COUNT) }
}

#[inline]
const fn lowered(bytes: u64) -> u64 {
    if bytes >> COUNT == 255 { bytes } else { bytes - (1 << COUNT) }
}

/// Where an entry was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) slot: Slot,
    entry: u8,
    old: bool,
    /// How many lines past its home.
    past: u32,
}

/// One table of lines.
#[derive(Clone, Debug)]
struct Table {
    lines: Lines,
    /// `32 - log2(lines)`: the line of an entry is the top bits of its hash.
    shift: u32,
}

impl Table {
    fn new(lines: usize) -> Self {
        Self { lines: Lines::new(lines), shift: 32 - lines.trailing_zeros() }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        u64::from(hash).wrapping_shr(self.shift) as usize
    }

    /// The first line nearly always decides: the first entry that looks right is, or none does and nothing went past.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn find(&self, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Found> {
        let line = self.lines.at(self.home(hash));
        let mask = matching(line[0], hash);
        let entry = line[word(first(mask))];
        if mask != 0 && entry >> 32 == u64::from(hash) && same(entry as Slot) {
            return Some(Found { slot: entry as Slot, entry: first(mask) as u8, old: false, past: 0 });
        }
        if mask == 0 && line[0] >> COUNT == 0 { None } else { self.search(hash, same) }
    }

    #[cold]
    #[inline(never)]
    fn search(&self, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Found> {
        for past in 0..self.lines.len() {
            let line = self.lines.at(self.home(hash) + past);
            let mut mask = matching(line[0], hash);
            while mask != 0 {
                let entry = line[word(first(mask))];
                if entry >> 32 == u64::from(hash) && same(entry as Slot) {
                    let (at, past) = (first(mask) as u8, past as u32);
                    return Some(Found { slot: entry as Slot, entry: at, old: false, past });
                }
                mask &= mask - 1;
            }
            if line[0] >> COUNT == 0 {
                break;
            }
        }
        None
    }

    #[inline]
    fn insert(&mut self, hash: u32, slot: Slot) {
        let mut number = self.home(hash);
        loop {
            let line = self.lines.at_mut(number);
            let free = !line[0] & HIGH;
            if free != 0 {
                line[0] |= byte(hash) << (free.trailing_zeros() - 7);
                line[word(first(free))] = u64::from(hash) << 32 | u64::from(slot);
                return;
            }
            line[0] = raised(line[0]);
            number += 1;
        }
    }

    #[inline]
    fn remove(&mut self, hash: u32, found: Found) {
        let home = self.home(hash);
        self.lines.at_mut(home + found.past as usize)[0] &= !(0xFF << (found.entry % 8 * 8));
        for past in 0..found.past {
            let line = self.lines.at_mut(home + past as usize);
            line[0] = lowered(line[0]);
        }
    }

    /// Takes all entries out of a line. Its count stays: entries further on are still found past it.
    fn take(&mut self, number: usize) -> impl Iterator<Item = (u32, Slot)> {
        let line = self.lines.at_mut(number);
        let taken = *line;
        line[0] &= 0xFF << COUNT;
        let used = (0..7).filter(move |entry| taken[0] >> (entry * 8) & 0x80 != 0);
        used.map(move |entry| ((taken[word(entry)] >> 32) as u32, taken[word(entry)] as Slot))
    }
}

/// The index. It does not know ids; whoever asks brings `same`, which compares the id in the slab.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    table: Table,
    used: usize,
    room: usize,
    /// The table that is being left, and how many of its lines have moved.
    old: Option<(Table, usize)>,
}

/// Five of seven entries: few lines pass entries on.
const fn room(lines: usize) -> usize {
    lines * 5
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { table: Table::new(1), used: 0, room: room(1), old: None }
    }

    /// Finds an entry by the hash of its id.
    #[inline]
    pub(crate) fn find(&self, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Found> {
        let found = self.table.find(hash, &same);
        if found.is_some() || self.old.is_none() { found } else { self.find_old(hash, &same) }
    }

    #[cold]
    fn find_old(&self, hash: u32, same: &impl Fn(Slot) -> bool) -> Option<Found> {
        self.old.as_ref()?.0.search(hash, same).map(|found| Found { old: true, ..found })
    }

    /// Adds an id that is not there.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, slot: Slot) {
        if self.old.is_some() {
            self.move_some();
        }
        if self.used >= self.room {
            self.grow();
        }
        self.used += 1;
        self.table.insert(hash, slot);
    }

    /// Removes what [`Index::find`] found for this hash, before anything else changes.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u32, found: Found) {
        self.used -= 1;
        match &mut self.old {
            Some((old, _)) if found.old => old.remove(hash, found),
            _ => self.table.remove(hash, found),
        }
    }

    /// Starts a table of twice the size; the old one's entries follow bit by bit.
    #[cold]
    fn grow(&mut self) {
        debug_assert!(self.old.is_none(), "the old table is empty long before the new one is full");
        let lines = self.table.lines.len() * 2;
        self.old = Some((std::mem::replace(&mut self.table, Table::new(lines)), 0));
        self.room = room(lines);
    }

    #[cold]
    fn move_some(&mut self) {
        let Some((old, moved)) = &mut self.old else { return };
        let end = (*moved + MOVED_AT_ONCE).min(old.lines.len());
        for number in *moved..end {
            old.take(number).for_each(|(hash, slot)| self.table.insert(hash, slot));
        }
        *moved = end;
        if end == old.lines.len() {
            self.old = None;
        }
    }

    /// Asks for the line where an id would be found.
    #[inline]
    pub(crate) fn warm(&self, hash: u32) {
        self.table.lines.warm(self.table.home(hash));
    }

    /// The slot that an id has in all likelihood, or 0: a look at one line, and the id is not compared.
    #[inline]
    pub(crate) fn guess(&self, hash: u32) -> Slot {
        let line = self.table.lines.at(self.table.home(hash));
        let mask = matching(line[0], hash);
        line[word(first(mask))] as Slot * Slot::from(mask != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, hash};
    use std::collections::BTreeMap;

    /// A model and the index, with ids by slot as the slab would have them.
    struct Pair {
        index: Index,
        ids: Vec<u64>,
        model: BTreeMap<u64, u32>,
    }

    impl Pair {
        fn new() -> Self {
            Self { index: Index::new(), ids: vec![0], model: BTreeMap::new() }
        }

        fn find(&self, id: u64) -> Option<u32> {
            self.index.find(hash(id), |slot| self.ids[slot as usize] == id).map(|found| found.slot)
        }

        fn flip(&mut self, id: u64) {
            assert_eq!(self.find(id), self.model.get(&id).copied());
            if self.model.remove(&id).is_some() {
                let found = self.index.find(hash(id), |slot| self.ids[slot as usize] == id).expect("just found");
                self.index.remove(hash(id), found);
            } else {
                let slot = self.ids.len() as u32;
                self.ids.push(id);
                self.model.insert(id, slot);
                self.index.insert(hash(id), slot);
            }
        }
    }

    #[test]
    fn agrees_with_a_map_while_it_grows_and_empties() {
        for spread in [1, 64, 0x9E37_79B9_7F4A_7C15, 1 << 32] {
            let (mut pair, mut state) = (Pair::new(), 1u64);
            for round in 0..120_000u64 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let id = if round < 30_000 { round } else { (state >> 40) % 40_000 };
                pair.flip(id.wrapping_mul(spread));
            }
            for (id, slot) in pair.model.clone() {
                assert_eq!(pair.find(id), Some(slot));
                pair.flip(id);
            }
            assert_eq!(pair.index.used, 0);
            let lines = &pair.index.table.lines;
            assert!((0..lines.len()).all(|line| lines.at(line)[0] == 0), "entries that are gone leave nothing behind");
        }
    }

    #[test]
    fn ids_of_one_line_and_more_of_one_than_it_counts() {
        // Ids whose hashes share the top 12 bits stay in one line's neighbourhood until the table has 4096 lines.
        let crowd: Vec<u64> = (0..).filter(|&id| hash(id) >> 20 == 77).take(2_500).collect();
        let mut pair = Pair::new();
        for &id in &crowd {
            pair.flip(id);
        }
        assert!(crowd.iter().all(|&id| pair.find(id).is_some()));
        crowd.iter().step_by(2).for_each(|&id| pair.flip(id));
        assert!(crowd.iter().enumerate().all(|(at, &id)| pair.find(id).is_some() == (at % 2 == 1)));
        crowd.iter().step_by(2).for_each(|&id| pair.flip(id));
        assert!(crowd.iter().all(|&id| pair.find(id).is_some()));
    }
}
