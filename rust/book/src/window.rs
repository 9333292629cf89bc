//! A direct array of price levels: a window of ticks, in pages of 32, with a bitmap of what is occupied.
//!
//! The window covers `span` pages from page `base`. A page's place in the directory is its number modulo the
//! directory's size, so moving the window moves nothing, and growing it copies 4 bytes per page.

use crate::bitmap::Bitmap;
use crate::memory::Row;
use crate::slab::{NOBODY, Slot};
use crate::types::Side;

/// Ticks in a page. With more of them, a price that runs leaves pages behind where one or two orders rest: memory that
/// the system has to find.
pub(crate) const PAGE: u64 = 32;
/// Pages in the smallest window and in the largest one (4 million ticks).
pub(crate) const FEWEST_PAGES: u64 = 128;
pub(crate) const MOST_PAGES: u64 = 131_072;
/// With so many pages (half a megabyte) the levels move into huge pages of memory: a price that runs makes more and more.
const HUGE_FROM: u64 = 1024;

/// The orders at one price: first, last, and the sum of what is left of all. All zero when nothing rests there.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Level {
    pub(crate) head: Slot,
    pub(crate) tail: Slot,
    pub(crate) total: u64,
}

impl Level {
    /// An order that stood between these two is gone, with its quantity.
    #[inline(always)]
    pub(crate) fn lose(&mut self, quantity: u64, prev: Slot, next: Slot) {
        self.head = if prev == NOBODY { next } else { self.head };
        self.tail = if next == NOBODY { prev } else { self.tail };
        self.total = self.total.wrapping_sub(quantity);
    }

    /// An order stands at the end now. Returns the one before it.
    #[inline(always)]
    pub(crate) fn gain(&mut self, quantity: u64, slot: Slot) -> Slot {
        let before = std::mem::replace(&mut self.tail, slot);
        self.head = if before == NOBODY { slot } else { self.head };
        self.total = self.total.wrapping_add(quantity);
        before
    }
}

/// Multiples of a step, recognised and divided by one multiplication.
///
/// With `step = odd << shift`, a price is a multiple exactly if its product with the inverse of `odd` (modulo 2^64),
/// rotated right by `shift`, is at most `u64::MAX / step`; and then that is the quotient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) size: u64,
    inverse: u64,
    shift: u32,
    most: u64,
}

impl Step {
    pub(crate) fn new(size: u64) -> Self {
        let shift = size.trailing_zeros();
        let odd = size >> shift;
        // Newton: each round doubles the number of right bits, from the 3 that `odd` itself has.
        let inverse = (0..5).fold(odd, |x, _| x.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(x))));
        Self { size, inverse, shift, most: u64::MAX / size }
    }

    #[inline(always)]
    const fn quotient(&self, price: u64) -> u64 {
        price.wrapping_mul(self.inverse).rotate_right(self.shift)
    }

    /// Which multiple of the step a price is, if it is one.
    #[inline(always)]
    pub(crate) const fn tick(&self, price: u64) -> Option<u64> {
        let tick = self.quotient(price);
        if tick <= self.most { Some(tick) } else { None }
    }
}

/// Where a price's level is to be found in the window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// The price's tick.
    pub(crate) tick: u64,
    /// The place of its level: its page, and the tick's place there. On page 0 if it has no page yet, [`OUTSIDE`] if
    /// the window does not cover the tick.
    place: usize,
}

const NO_PAGE: u32 = 0;
const OUTSIDE: usize = usize::MAX;

impl Seat {
    #[inline(always)]
    const fn new(tick: u64, page: u32) -> Self {
        Self { tick, place: (page as usize) << PAGE.trailing_zeros() | (tick % PAGE) as usize }
    }

    /// Whether the window covers it.
    #[inline(always)]
    pub(crate) const fn inside(self) -> bool {
        self.place != OUTSIDE
    }

    #[inline(always)]
    const fn page(self) -> usize {
        self.place / PAGE as usize
    }

    /// Its bit in its page's word.
    #[inline(always)]
    const fn bit(self) -> u32 {
        1 << (self.tick % PAGE)
    }
}

/// The window. Ticks that are passed to it lie in it.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    pub(crate) step: Step,
    base: u64,
    span: u64,
    directory: Row<u32>,
    /// One less than the directory's size, which is a power of two.
    mask: u64,
    /// Which places of the directory have a page.
    pages: Bitmap,
    /// The levels of all pages. Page 0 stays empty: it stands for all that are not there.
    levels: Row<Level>,
    /// One bit for each level of each page that is not empty.
    occupied: Row<u32>,
    free: Vec<u32>,
}

impl Window {
    /// A window that covers nothing and owns no memory.
    pub(crate) fn none() -> Self {
        Self {
            step: Step::new(1),
            base: 0,
            span: 0,
            directory: Row::new(),
            mask: 0,
            pages: Bitmap::new(0),
            levels: Row::new(),
            occupied: Row::new(),
            free: Vec::new(),
        }
    }

    /// An empty window of `pages` pages (a power of two) from page `base`.
    pub(crate) fn new(step: Step, base: u64, pages: u64) -> Self {
        let mut window = Self {
            step,
            directory: Row::of(pages as usize, 0),
            mask: pages - 1,
            pages: Bitmap::new(pages as usize),
            occupied: Row::of(1, 0),
            ..Self::none()
        };
        window.levels.make(PAGE as usize, Level::default);
        window.slide(base);
        window
    }

    pub(crate) fn exists(&self) -> bool {
        self.directory.made() != 0
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.directory.bytes() + self.levels.bytes() + self.occupied.bytes()
    }

    /// How many levels are not empty.
    pub(crate) fn count(&self) -> usize {
        self.occupied.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// How many pages of levels were made.
    pub(crate) fn made(&self) -> u64 {
        self.occupied.made() as u64
    }

    /// How many pages it can cover.
    pub(crate) fn capacity(&self) -> u64 {
        self.directory.made() as u64
    }

    /// The pages it covers: first, and the one behind the last.
    pub(crate) fn range(&self) -> (u64, u64) {
        (self.base, self.base + self.span)
    }

    /// The first and the last page that is not empty.
    pub(crate) fn extremes(&self) -> Option<(u64, u64)> {
        let first = self.slot(self.base);
        let low = self.pages.next(first).or_else(|| self.pages.next(0))?;
        let high = first.checked_sub(1).and_then(|last| self.pages.prev(last));
        let high = high.or_else(|| self.pages.prev(self.directory.made() - 1))?;
        Some((self.page_at(low), self.page_at(high)))
    }

    /// Moves the window to start at page `base`, or below, where prices end. What it no longer covers must be empty.
    pub(crate) fn slide(&mut self, base: u64) {
        let ticks = self.step.most / PAGE;
        self.base = base.min(ticks.saturating_sub(self.capacity()));
        self.span = self.capacity().min(ticks);
    }

    /// Enlarges the window to `pages` pages (a power of two).
    pub(crate) fn grow(&mut self, pages: u64) {
        let mut directory = Row::of(pages as usize, 0);
        let mut bitmap = Bitmap::new(pages as usize);
        for (slot, &page) in self.directory.iter().enumerate().filter(|(_, page)| **page != 0) {
            let moved = (self.page_at(slot) % pages) as usize;
            *directory.at_mut(moved) = page;
            bitmap.set(moved);
        }
        (self.directory, self.mask) = (directory, pages - 1);
        self.pages = bitmap;
        self.slide(self.base);
    }

    #[inline(always)]
    fn slot(&self, page: u64) -> usize {
        (page & self.mask) as usize
    }

    /// The page that has this place in the directory.
    fn page_at(&self, slot: usize) -> u64 {
        self.base + ((slot as u64).wrapping_sub(self.base) & self.mask)
    }

    /// The tick of a price that the window covers.
    #[inline(always)]
    pub(crate) fn tick(&self, price: u64) -> Option<u64> {
        let tick = self.step.quotient(price);
        if (tick / PAGE).wrapping_sub(self.base) < self.span { Some(tick) } else { None }
    }

    /// Where the level of a price is to be found.
    #[inline(always)]
    pub(crate) fn seat(&self, price: u64) -> Seat {
        match self.tick(price) {
            Some(tick) => self.seat_of(tick),
            None => Seat { tick: 0, place: OUTSIDE },
        }
    }

    /// The seat of a tick that the window covers.
    #[inline(always)]
    pub(crate) fn seat_of(&self, tick: u64) -> Seat {
        Seat::new(tick, *self.directory.at(self.slot(tick / PAGE)))
    }

    /// The level at a seat inside.
    #[inline(always)]
    pub(crate) fn level(&self, seat: Seat) -> &Level {
        self.levels.at(seat.place)
    }

    /// The level at a seat inside where something rests.
    #[inline(always)]
    pub(crate) fn level_mut(&mut self, seat: Seat) -> &mut Level {
        self.levels.at_mut(seat.place)
    }

    /// Where the level of a price stands in all likelihood: somewhere in the window, which must exist, even if the
    /// window does not cover the price. For looks ahead, which must not have to guess a branch.
    #[inline(always)]
    pub(crate) fn guess(&self, price: u64) -> usize {
        self.seat_of(self.step.quotient(price)).place
    }

    /// The last order at a place that was guessed, of this window or of one that it has replaced.
    #[inline(always)]
    pub(crate) fn tail(&self, place: usize) -> Slot {
        if place < self.levels.made() { self.levels.at(place).tail } else { NOBODY }
    }

    /// Asks for the line of a level.
    #[inline(always)]
    pub(crate) fn warm(&self, place: usize) {
        self.levels.warm(place);
    }

    /// The level at a seat inside where something is about to rest.
    #[inline(always)]
    pub(crate) fn open(&mut self, mut seat: Seat) -> &mut Level {
        if seat.page() == NO_PAGE as usize {
            seat = Seat::new(seat.tick, self.new_page(self.slot(seat.tick / PAGE)));
        }
        *self.occupied.at_mut(seat.page()) |= seat.bit();
        self.levels.at_mut(seat.place)
    }

    #[cold]
    #[inline(never)]
    fn new_page(&mut self, slot: usize) -> u32 {
        let page = self.free.pop().unwrap_or_else(|| {
            self.levels.make(PAGE as usize, Level::default);
            self.occupied.make(1, || 0);
            if self.made() == HUGE_FROM {
                self.levels.use_huge_pages();
            }
            (self.occupied.made() - 1) as u32
        });
        *self.directory.at_mut(slot) = page;
        self.pages.set(slot);
        page
    }

    /// Empties the level at a seat inside where something rests.
    #[inline(always)]
    pub(crate) fn close(&mut self, seat: Seat) {
        *self.levels.at_mut(seat.place) = Level::default();
        self.settle(seat);
    }

    /// Notes that the level at a seat inside is empty now.
    #[inline(always)]
    pub(crate) fn settle(&mut self, seat: Seat) {
        let word = self.occupied.at_mut(seat.page());
        *word &= !seat.bit();
        if *word == 0 {
            self.close_page(seat);
        }
    }

    #[cold]
    #[inline(never)]
    fn close_page(&mut self, seat: Seat) {
        let slot = self.slot(seat.tick / PAGE);
        *self.directory.at_mut(slot) = NO_PAGE;
        self.pages.clear(slot);
        self.free.push(seat.page() as u32);
    }

    /// The next worse tick of a side where something rests: below for buyers, above for sellers.
    #[inline(always)]
    pub(crate) fn next(&self, side: Side, tick: u64) -> Option<u64> {
        let (page, bit) = (tick / PAGE, tick % PAGE);
        let word = *self.occupied.at(*self.directory.at(self.slot(page)) as usize);
        let word = match side {
            Side::Sell => word & (!0 << bit) << 1,
            Side::Buy => word & !(!0 << bit),
        };
        if word == 0 { self.next_page(side, page) } else { Some(page * PAGE + nearest(side, word)) }
    }

    #[inline(never)]
    fn next_page(&self, side: Side, page: u64) -> Option<u64> {
        let (slot, last) = (self.slot(page), self.directory.made() - 1);
        let found = match side {
            Side::Sell => self.pages.next(slot + 1).or_else(|| self.pages.next(0))?,
            Side::Buy => slot.checked_sub(1).and_then(|at| self.pages.prev(at)).or_else(|| self.pages.prev(last))?,
        };
        // The search goes round: a page on the wrong side of where it began is no find.
        let next = self.page_at(found);
        let right = match side {
            Side::Sell => next > page,
            Side::Buy => next < page,
        };
        right.then(|| next * PAGE + nearest(side, *self.occupied.at(*self.directory.at(found) as usize)))
    }

    /// As [`Window::next`], from any price: also from one that the window does not cover.
    pub(crate) fn next_from(&self, side: Side, price: u64) -> Option<u64> {
        if let Some(tick) = self.tick(price) {
            return self.next(side, tick);
        }
        let (low, high) = self.extremes()?;
        let edge = (price / self.step.size).clamp(low * PAGE, high * PAGE + PAGE - 1);
        // The edge itself counts when it lies beyond the price, and not when it lies before it.
        let own = edge * self.step.size;
        let beyond = match side {
            Side::Sell => own > price,
            Side::Buy => own < price,
        };
        if beyond && self.level(self.seat_of(edge)).head != 0 { Some(edge) } else { self.next(side, edge) }
    }

    /// All ticks where something rests, upwards.
    pub(crate) fn ticks(&self) -> Vec<u64> {
        let first = self.extremes().map(|(low, _)| low * PAGE);
        let first =
            first.filter(|&tick| self.level(self.seat_of(tick)).head != 0).or_else(|| self.next(Side::Sell, first?));
        std::iter::successors(first, |&tick| self.next(Side::Sell, tick)).collect()
    }
}

/// The best of a page's occupied levels.
#[inline(always)]
const fn nearest(side: Side, word: u32) -> u64 {
    match side {
        Side::Sell => word.trailing_zeros() as u64,
        Side::Buy => 31 - word.leading_zeros() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::{FEWEST_PAGES, PAGE, Step, Window};
    use crate::types::Side;

    #[test]
    fn pages_are_used_again() {
        let mut window = Window::new(Step::new(1), 0, FEWEST_PAGES);
        for tick in (0..FEWEST_PAGES * PAGE).step_by(10) {
            window.open(window.seat_of(tick)).head = 1;
            window.close(window.seat_of(tick));
        }
        assert_eq!(window.occupied.made(), 2, "the empty page, and one that went along");
    }

    /// The last page's neighbour is the first one, when the window is full.
    #[test]
    fn the_next_from_beyond_the_window_is_its_last() {
        let top = FEWEST_PAGES * PAGE - 1;
        let mut window = Window::new(Step::new(10), 0, FEWEST_PAGES);
        for tick in [0, top] {
            window.open(window.seat_of(tick)).head = 1;
        }
        for beyond in [top * 10 + 1, top * 10 + 10, top * 10 + 15, u64::MAX] {
            assert_eq!(window.next_from(Side::Buy, beyond), Some(top), "from {beyond}");
            assert_eq!(window.next_from(Side::Sell, beyond), None, "from {beyond}");
        }
    }

    #[test]
    fn a_step_divides_its_multiples_and_nothing_else() {
        for size in [1, 2, 3, 5, 96, 1_000_000, 100_000_000, 1 << 40, (1 << 40) + 1, u64::MAX / 2, u64::MAX] {
            let step = Step::new(size);
            for tick in [0, 1, 2, 63, 64, 1_000_003, u64::MAX / size - 1, u64::MAX / size] {
                let Some(price) = tick.checked_mul(size) else { continue };
                assert_eq!(step.tick(price), Some(tick), "{price} / {size}");
                for odd in [price.wrapping_add(1), price.wrapping_sub(1), price ^ (1 << 20)] {
                    assert_eq!(step.tick(odd), (odd % size == 0).then_some(odd / size), "{odd} / {size}");
                }
            }
        }
    }
}
