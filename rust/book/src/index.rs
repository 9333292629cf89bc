//! From an order's id to its slot: open addressing by cache lines, growing a little with each insertion.
//!
//! A line is eight words: seven entries, each 32 bits of the id's hash and the slot (the id itself stands in the slab),
//! and behind them a tag for each, seven bits of its hash, so that all seven are compared at once. Nearly every question
//! is answered by one line.
//!
//! The last byte of the last word counts the entries that found this line full and went on to the next: a search
//! goes on only past such a line, and removing an entry lowers the counts that it raised. So entries that are gone
//! leave nothing behind.
//!
//! An entry's home is the line that the top bits of its hash name, so line `n` of a table becomes lines `2n` and
//! `2n + 1` of the next one. While a table grows, all homes below a mark have moved and all others have not: every
//! question concerns one of both tables, the new one is made and the old one freed a little at a time.

use std::hint::black_box;

use crate::memory::{Line, Lines};
use crate::slab::Slot;

/// The lowest bit of each of the seven tags, and the word of a line where they stand.
const LOW: u64 = 0x0001_0101_0101_0101;
const TAGS: usize = 7;
/// The bit of a hash, and so of a tag, that is always set: a tag of 0 is no entry's.
const USED: u32 = 0x40;
const ALL_USED: u64 = LOW * USED as u64;
/// Where the count stands in the word of tags.
const COUNT: u32 = 56;

/// 32 bits of hash: of a product's upper half, which all lower bits of an id have a part in.
#[inline(always)]
const fn hash(id: u64) -> u32 {
    (id.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32) as u32 | USED
}

/// The tag of a hash.
#[inline(always)]
const fn tag(hash: u32) -> u64 {
    hash as u64 & 0x7F
}

/// The high bit of each byte where this hash's tag stands. Tags have seven bits, so no difference borrows from the next.
#[inline(always)]
const fn matching(tags: u64, hash: u32) -> u64 {
    const HIGH: u64 = LOW << 7;
    HIGH.wrapping_sub(tags ^ tag(hash).wrapping_mul(LOW)) & HIGH
}

/// The number of the entry whose bit is the lowest of a mask; of none, any one.
#[inline(always)]
const fn first(mask: u64) -> usize {
    (mask.trailing_zeros() / 8) as usize % 8
}

/// Raises the count of a line. A count of 255 stays: it no longer knows how many there are.
#[inline(always)]
const fn raised(bytes: u64) -> u64 {
    if bytes >> COUNT == 255 { bytes } else { bytes + (1 << COUNT) }
}

#[inline(always)]
const fn lowered(bytes: u64) -> u64 {
    if bytes >> COUNT == 255 { bytes } else { bytes - (1 << COUNT) }
}

/// An id's hash, and its home in the table. Good until the next insertion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) hash: u32,
    home: usize,
}

/// Where an entry was found: so many lines past its home.
#[derive(Clone, Copy, Debug)]
struct Found {
    slot: Slot,
    entry: usize,
    past: usize,
}

/// One table of lines.
#[derive(Clone, Debug)]
struct Table {
    lines: Lines,
    /// Lines behind the last one, for entries that go past it.
    behind: Vec<Line>,
    /// `32 - log2(lines)`: the home of an entry is the top bits of its hash.
    shift: u32,
}

impl Table {
    fn new(lines: usize) -> Self {
        Self { lines: Lines::new(lines), behind: Vec::new(), shift: 32 - lines.trailing_zeros() }
    }

    #[inline(always)]
    fn home(&self, hash: u32) -> usize {
        u64::from(hash).wrapping_shr(self.shift) as usize
    }

    /// A line at or past a home; an empty one if it was not made.
    fn past(&self, number: usize) -> &[u64; 8] {
        match number.checked_sub(self.lines.len()) {
            None if number < self.lines.ready() => self.lines.at(number),
            None => &Line::EMPTY.0,
            Some(behind) => self.behind.get(behind).map_or(&Line::EMPTY.0, |line| &line.0),
        }
    }

    /// A line at or past a home, made if need be.
    fn past_mut(&mut self, number: usize) -> &mut [u64; 8] {
        let Some(behind) = number.checked_sub(self.lines.len()) else {
            while number >= self.lines.ready() {
                self.lines.grow();
            }
            return self.lines.at_mut(number);
        };
        if behind >= self.behind.len() {
            self.behind.resize(behind + 1, Line::EMPTY);
        }
        &mut self.behind[behind].0
    }

    /// The first line nearly always decides.
    #[inline(always)]
    fn find(&self, home: usize, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Found> {
        let line = self.lines.at(home);
        match find_in(line, hash, &same) {
            Some((slot, entry)) => Some(Found { slot, entry, past: 0 }),
            None if line[TAGS] >> COUNT == 0 => None,
            None => self.find_past(home, hash, same),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_past(&self, home: usize, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Found> {
        for past in 1.. {
            let line = self.past(home + past);
            if let Some((slot, entry)) = find_in(line, hash, &same) {
                return Some(Found { slot, entry, past });
            }
            if line[TAGS] >> COUNT == 0 {
                break;
            }
        }
        None
    }

    #[inline(always)]
    fn insert(&mut self, home: usize, hash: u32, slot: Slot) {
        if !put(self.lines.at_mut(home), hash, slot) {
            self.insert_past(home, hash, slot);
        }
    }

    #[cold]
    #[inline(never)]
    fn insert_past(&mut self, home: usize, hash: u32, slot: Slot) {
        for number in home.. {
            let line = self.past_mut(number);
            if put(line, hash, slot) {
                return;
            }
            line[TAGS] = raised(line[TAGS]);
        }
    }

    #[inline(always)]
    fn remove(&mut self, home: usize, Found { entry, past, .. }: Found) {
        if past == 0 {
            clear(self.lines.at_mut(home), entry);
        } else {
            self.remove_past(home, entry, past);
        }
    }

    #[inline(always)]
    fn take(&mut self, home: usize, hash: u32, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        let found = self.find(home, hash, same)?;
        self.remove(home, found);
        Some(found.slot)
    }

    #[cold]
    #[inline(never)]
    fn remove_past(&mut self, home: usize, entry: usize, past: usize) {
        for number in home..home + past {
            let line = self.past_mut(number);
            line[TAGS] = lowered(line[TAGS]);
        }
        clear(self.past_mut(home + past), entry);
    }

    /// Moves all entries of a home to another table, wherever they stand.
    fn hand_over(&mut self, home: usize, to: &mut Self) {
        for past in 0.. {
            let line = *self.past(home + past);
            let mut used = line[TAGS] & ALL_USED;
            while used != 0 {
                let (entry, value) = (first(used), line[first(used)]);
                let (hash, slot) = ((value >> 32) as u32, value as Slot);
                if self.home(hash) == home {
                    self.remove(home, Found { slot, entry, past });
                    to.insert(to.home(hash), hash, slot);
                }
                used &= used - 1;
            }
            if line[TAGS] >> COUNT == 0 {
                break;
            }
        }
    }
}

/// The slot and the number of an entry in a line.
#[inline(always)]
fn find_in(line: &[u64; 8], hash: u32, same: impl Fn(Slot) -> bool) -> Option<(Slot, usize)> {
    let mut mask = matching(line[TAGS], hash);
    while mask != 0 {
        let entry = line[first(mask)];
        if entry >> 32 == u64::from(hash) && same(entry as Slot) {
            return Some((entry as Slot, first(mask)));
        }
        mask &= mask - 1;
    }
    None
}

/// Puts an entry into a line that is not full.
#[inline(always)]
fn put(line: &mut [u64; 8], hash: u32, slot: Slot) -> bool {
    let free = !line[TAGS] & ALL_USED;
    if free == 0 {
        return false;
    }
    line[TAGS] |= tag(hash) << (first(free) * 8);
    line[first(free)] = u64::from(hash) << 32 | u64::from(slot);
    true
}

/// Empties an entry of a line.
#[inline(always)]
fn clear(line: &mut [u64; 8], entry: usize) {
    line[TAGS] &= !(0xFF << (entry * 8));
}

/// The index. It does not know ids; whoever asks brings `same`, which compares the id in the slab.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    table: Table,
    /// How many homes of the table have moved to the next one.
    moved: usize,
    /// A table of twice the size, while the index grows.
    next: Option<Box<Table>>,
}

/// Five of seven entries: few lines pass entries on.
const fn room(lines: usize) -> usize {
    lines * 5
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut table = Table::new(1);
        table.lines.grow();
        Self { table, moved: 0, next: None }
    }

    /// Where to ask for an id.
    #[inline(always)]
    pub(crate) fn key(&self, id: u64) -> Key {
        self.key_of(hash(id))
    }

    #[inline(always)]
    fn key_of(&self, hash: u32) -> Key {
        Key { hash, home: self.table.home(hash) }
    }

    /// The table that holds an id, if it is there, and its home: homes that have moved are in the next table, which has
    /// made lines for just these.
    #[inline(always)]
    fn table(&self, key: Key) -> (&Table, usize) {
        if key.home >= self.moved { (&self.table, key.home) } else { self.next_table(key.hash) }
    }

    #[cold]
    fn next_table(&self, hash: u32) -> (&Table, usize) {
        let table = self.next.as_deref().unwrap_or(&self.table);
        (table, table.home(hash))
    }

    #[inline(always)]
    fn table_mut(&mut self, key: Key) -> (&mut Table, usize) {
        if key.home >= self.moved { (&mut self.table, key.home) } else { self.next_table_mut(key.hash) }
    }

    #[cold]
    fn next_table_mut(&mut self, hash: u32) -> (&mut Table, usize) {
        let table = self.next.as_deref_mut().unwrap_or(&mut self.table);
        let home = table.home(hash);
        (table, home)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.lines.bytes(self.moved) + self.next.as_ref().map_or(0, |next| next.lines.bytes(0))
    }

    /// Finds an id's slot by its key.
    #[inline(always)]
    pub(crate) fn find(&self, key: Key, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        if key.home < self.moved {
            return self.find_in_next(key, same);
        }
        self.table.find(key.home, key.hash, same).map(|found| found.slot)
    }

    #[cold]
    #[inline(never)]
    fn find_in_next(&self, key: Key, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        let (table, home) = self.table(key);
        table.find(home, key.hash, same).map(|found| found.slot)
    }

    /// Removes an id, and returns its slot.
    #[inline(always)]
    pub(crate) fn take(&mut self, key: Key, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        if key.home < self.moved {
            return self.take_from_next(key, same);
        }
        self.table.take(key.home, key.hash, same)
    }

    #[cold]
    #[inline(never)]
    fn take_from_next(&mut self, key: Key, same: impl Fn(Slot) -> bool) -> Option<Slot> {
        let (table, home) = self.table_mut(key);
        table.take(home, key.hash, same)
    }

    /// Adds an id that is not there. There never are more than [`Index::make_room`] was told.
    #[inline(always)]
    pub(crate) fn insert(&mut self, key: Key, slot: Slot) {
        if self.next.is_some() {
            return self.insert_and_grow(key, slot);
        }
        self.table.insert(key.home, key.hash, slot);
    }

    #[cold]
    #[inline(never)]
    fn insert_and_grow(&mut self, key: Key, slot: Slot) {
        let (table, home) = self.table_mut(key);
        table.insert(home, key.hash, slot);
        self.grow();
    }

    /// There may be so many ids now: begins to grow if that is too many. From then on each insertion moves a line, so
    /// that the table fills up no sooner than it has moved.
    pub(crate) fn make_room(&mut self, ids: usize) {
        let lines = self.table.lines.len();
        if ids > room(lines) && self.next.is_none() {
            self.next = Some(Box::new(Table::new(lines * 2)));
        }
    }

    /// Moves one line to the next table, and when it was the last one has that take the place of this one.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let Some(next) = self.next.as_deref_mut() else { return };
        while next.lines.ready() < self.moved * 2 + 2 {
            next.lines.grow();
        }
        self.table.hand_over(self.moved, next);
        self.moved += 1;
        self.table.lines.free_before(self.moved);
        if self.moved == self.table.lines.len() {
            (self.table, self.moved) = (*self.next.take().expect("it has moved to it"), 0);
        }
    }

    /// Grows until there is room for so many ids.
    pub(crate) fn reserve(&mut self, ids: usize) {
        self.make_room(ids);
        while self.next.is_some() {
            self.grow();
            self.make_room(ids);
        }
    }

    /// Asks for the line where an id would be found.
    #[inline(always)]
    pub(crate) fn warm(&self, key: Key) {
        let (table, home) = self.table(key);
        table.lines.warm(home);
    }

    /// The slot that an id has in all likelihood, or 0: a look at one line, and the id is not compared.
    #[inline(always)]
    pub(crate) fn guess(&self, hash: u32) -> Slot {
        let (table, home) = self.table(self.key_of(hash));
        let line = table.lines.at(home);
        let mask = matching(line[TAGS], hash);
        // The black box keeps the compiler from making a branch of it, which nobody could predict.
        line[first(mask)] as Slot & black_box(Slot::from(mask != 0)).wrapping_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, TAGS, Table, hash};
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
            self.index.find(self.index.key(id), |slot| self.ids[slot as usize] == id)
        }

        fn flip(&mut self, id: u64) {
            assert_eq!(self.find(id), self.model.get(&id).copied());
            if self.model.remove(&id).is_some() {
                let key = self.index.key(id);
                self.index.take(key, |slot| self.ids[slot as usize] == id).expect("just found");
            } else {
                let slot = self.ids.len() as u32;
                self.ids.push(id);
                self.model.insert(id, slot);
                self.index.make_room(self.model.len());
                self.index.insert(self.index.key(id), slot);
            }
        }
    }

    #[test]
    fn lines_that_are_not_made_yet_are_empty() {
        let mut table = Table::new(1 << 16);
        let _ = table.past_mut(0);
        assert!(table.lines.ready() < table.lines.len(), "some are not made yet");
        for number in 0..table.lines.len() + 9 {
            assert_eq!(table.past(number)[TAGS], 0);
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
            let tables = [Some(&pair.index.table), pair.index.next.as_deref()];
            let lines =
                tables.iter().flatten().flat_map(|table| (0..table.lines.len() + 9).map(|at| table.past(at)[TAGS]));
            assert_eq!(lines.max(), Some(0), "entries that are gone leave nothing behind");
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
