//! All levels of a book: a window around the best prices, and a sorted map for whatever lies outside of it.
//!
//! A level is in the window if and only if the window covers its price. Both sides share the window: a book is never
//! crossed, so all levels up to the best bid are bids and all others are asks.

use std::collections::BTreeMap;

use crate::slab::Slot;
use crate::types::Side;
use crate::window::{FEWEST_PAGES, Level, MOST_PAGES, PAGE, Seat, Step, Window};

/// How many levels a book keeps in the map before it thinks of a window: a quiet market needs none.
const BEFORE_WINDOW: usize = 16;

/// The levels of both sides.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    window: Window,
    outside: BTreeMap<u64, Level>,
    /// The best price of each side as [`rank`], 0 when the side is empty.
    best: [u64; 2],
    /// How many levels outside are not on the window's step.
    strays: usize,
    /// How many levels outside call for a window, and how many strays for a finer step; twice as many each time, for
    /// looking at all prices takes time and may be in vain.
    patience: usize,
}

/// A number that is the larger the better a price is for this side. It is its own inverse.
#[inline(always)]
pub(crate) const fn rank(side: Side, price: u64) -> u64 {
    price ^ (side as u64).wrapping_neg()
}

impl Ladder {
    pub(crate) fn new() -> Self {
        Self { window: Window::none(), outside: BTreeMap::new(), best: [0; 2], strays: 0, patience: BEFORE_WINDOW }
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.window.bytes()
    }

    /// The best price of a side; with none, the price that no order is worse than.
    #[inline(always)]
    pub(crate) const fn best(&self, side: Side) -> u64 {
        rank(side, self.best[side as usize])
    }

    /// Whether anything rests on a side.
    #[inline(always)]
    pub(crate) fn exists(&self, side: Side) -> bool {
        self.best[side as usize] != 0 || self.exists_at_the_end(side)
    }

    /// The price that stands for "no asks" is one that an ask may have.
    #[cold]
    fn exists_at_the_end(&self, side: Side) -> bool {
        side == Side::Sell && self.best(Side::Buy) != u64::MAX && self.level(u64::MAX).head != 0
    }

    /// The side of an order that rests at this price.
    #[inline(always)]
    pub(crate) const fn side_at(&self, price: u64) -> Side {
        if price <= self.best[0] { Side::Buy } else { Side::Sell }
    }

    /// Where the level of a price is to be found; true until a level is made or goes.
    #[inline(always)]
    pub(crate) fn seat(&self, price: u64) -> Seat {
        self.window.seat(price)
    }

    /// The level at a price; all zero when nothing rests there.
    #[inline(always)]
    pub(crate) fn level(&self, price: u64) -> Level {
        self.level_at(self.seat(price), price)
    }

    /// As [`Ladder::level`], when the seat is known.
    #[inline(always)]
    pub(crate) fn level_at(&self, seat: Seat, price: u64) -> Level {
        if seat.inside() { *self.window.level(seat) } else { self.level_outside(price) }
    }

    /// The total at a price, when the seat is known.
    #[inline(always)]
    pub(crate) fn total_at(&self, seat: Seat, price: u64) -> u64 {
        if seat.inside() { self.window.level(seat).total } else { self.level_outside(price).total }
    }

    #[cold]
    #[inline(never)]
    fn level_outside(&self, price: u64) -> Level {
        self.outside.get(&price).copied().unwrap_or_default()
    }

    /// The level at a price where something rests.
    #[inline(always)]
    pub(crate) fn level_mut(&mut self, seat: Seat, price: u64) -> &mut Level {
        if seat.inside() { self.window.level_mut(seat) } else { self.level_mut_outside(price) }
    }

    #[cold]
    #[inline(never)]
    fn level_mut_outside(&mut self, price: u64) -> &mut Level {
        self.outside.entry(price).or_default()
    }

    /// Adds an order to the end of the level at a price, which is made if need be. Returns the new total and the
    /// order before it.
    #[inline(always)]
    pub(crate) fn append(&mut self, side: Side, seat: Seat, price: u64, slot: Slot, quantity: u64) -> (u64, Slot) {
        let best = &mut self.best[side as usize];
        *best = rank(side, price).max(*best);
        let level = if seat.inside() { self.window.open(seat) } else { self.open_outside(side, price) };
        let before = level.gain(quantity, slot);
        (level.total, before)
    }

    #[cold]
    #[inline(never)]
    fn open_outside(&mut self, side: Side, price: u64) -> &mut Level {
        if !self.outside.contains_key(&price) {
            if self.adapt(side, price) {
                return self.window.open(self.window.seat(price));
            }
            self.strays += usize::from(self.is_stray(price));
        }
        self.outside.entry(price).or_default()
    }

    fn is_stray(&self, price: u64) -> bool {
        self.window.exists() && self.window.step.tick(price).is_none()
    }

    /// Takes an order from a level of its side where it stood between two others. Returns the level's new total; a level
    /// without orders goes.
    #[inline(always)]
    pub(crate) fn leave(&mut self, side: Side, price: u64, quantity: u64, (prev, next): (Slot, Slot)) -> u64 {
        let seat = self.seat(price);
        let level = self.level_mut(seat, price);
        level.lose(quantity, prev, next);
        let total = level.total;
        if total == 0 {
            if seat.inside() {
                self.window.settle(seat);
            } else {
                self.close_outside(price);
            }
            if price == self.best(side) {
                self.retreat(side, seat, price);
            }
        }
        total
    }

    /// Takes away a level where nothing rests any more, and finds the next best if it was the best.
    #[inline(always)]
    pub(crate) fn close(&mut self, side: Side, seat: Seat, price: u64) {
        if seat.inside() {
            self.window.close(seat);
        } else {
            self.close_outside(price);
        }
        if price == self.best(side) {
            self.retreat(side, seat, price);
        }
    }

    /// The best level of a side has gone: the next one becomes the best.
    #[inline(never)]
    fn retreat(&mut self, side: Side, seat: Seat, price: u64) {
        self.best[side as usize] = self.next_at(side, seat, price).map_or(0, |price| rank(side, price));
    }

    #[cold]
    #[inline(never)]
    fn close_outside(&mut self, price: u64) {
        self.outside.remove(&price);
        self.strays -= usize::from(self.is_stray(price));
    }

    /// The next worse price of a side where something rests.
    #[inline(always)]
    pub(crate) fn next(&self, side: Side, price: u64) -> Option<u64> {
        self.next_at(side, self.seat(price), price)
    }

    #[inline(always)]
    fn next_at(&self, side: Side, seat: Seat, price: u64) -> Option<u64> {
        if seat.inside() && self.outside.is_empty() {
            self.window.next(side, seat.tick).map(|tick| tick * self.window.step.size)
        } else {
            self.next_of_both(side, price)
        }
    }

    #[cold]
    #[inline(never)]
    fn next_of_both(&self, side: Side, price: u64) -> Option<u64> {
        let inside = self.window.next_from(side, price).map(|tick| tick * self.window.step.size);
        let outside = match side {
            Side::Buy => self.outside.range(..price).next_back(),
            Side::Sell => price.checked_add(1).and_then(|from| self.outside.range(from..).next()),
        };
        match (inside, outside.map(|(&price, _)| price)) {
            (Some(one), Some(other)) => Some(rank(side, rank(side, one).max(rank(side, other)))),
            (one, other) => one.or(other),
        }
    }

    /// The first orders of the best levels, as far as the window covers them.
    pub(crate) fn heads(&self, side: Side, heads: &mut [Slot]) {
        let best = self.window.tick(self.best(side));
        let ticks = std::iter::successors(best, |&tick| self.window.next(side, tick));
        for (head, tick) in heads.iter_mut().zip(ticks) {
            *head = self.window.level(self.window.seat_of(tick)).head;
        }
    }

    /// The window, to look ahead, if there is one.
    #[inline(always)]
    pub(crate) fn window(&self) -> Option<&Window> {
        self.window.exists().then_some(&self.window)
    }

    /// A level is about to be made at a price that the window does not cover. Moves the window there if that is
    /// worth it, and says whether it covers the price now.
    fn adapt(&mut self, side: Side, price: u64) -> bool {
        let (tick, waiting) = match self.window() {
            None => (None, self.outside.len()),
            Some(window) => (window.step.tick(price), self.strays),
        };
        let Some(tick) = tick else {
            if waiting < self.patience {
                return false;
            }
            self.patience = self.patience.saturating_mul(2);
            return self.rebuild(price);
        };
        let leads = price == self.best(side);
        let crowded = self.outside.len() > BEFORE_WINDOW + self.window.capacity() as usize / 16;
        let page = tick / PAGE;
        (leads || crowded || self.is_near(page)) && self.reach(page, leads) && self.window.tick(price).is_some()
    }

    /// Whether the window covers a page at little cost: it has the room, or more room costs little beside the levels.
    fn is_near(&self, page: u64) -> bool {
        let (low, high) = self.extremes_with(page);
        high - low < self.window.capacity().max(self.window.made() * 4)
    }

    /// The first and the last page that is not empty, when this one is not.
    fn extremes_with(&self, page: u64) -> (u64, u64) {
        self.window.extremes().map_or((page, page), |(low, high)| (low.min(page), high.max(page)))
    }

    /// Makes the window cover a page: by moving it, by growing it, and when that is not enough and `leads` by leaving
    /// behind what is far from it.
    fn reach(&mut self, page: u64, leads: bool) -> bool {
        let (low, high) = self.extremes_with(page);
        let need = high - low + 1;
        if need > MOST_PAGES && !leads {
            return false;
        }
        if need > self.window.capacity() {
            self.window.grow(need.saturating_mul(2).next_power_of_two().min(MOST_PAGES));
        }
        let spare = self.window.capacity().saturating_sub(need) / 2;
        let base = if need <= self.window.capacity() {
            low.saturating_sub(spare)
        } else {
            // Just far enough, and an eighth more, so that a price that runs does not move it at every step.
            let slack = MOST_PAGES / 8;
            if page == low { page.saturating_sub(slack) } else { page.saturating_sub(MOST_PAGES - 1 - slack) }
        };
        self.leave_behind(base);
        self.window.slide(base);
        self.absorb();
        true
    }

    /// Moves levels out of the window that it would not cover from `base` on.
    fn leave_behind(&mut self, base: u64) {
        let kept = base..base.saturating_add(self.window.capacity());
        let Some((low, high)) = self.window.extremes() else { return };
        if kept.contains(&low) && kept.contains(&high) {
            return;
        }
        for tick in self.window.ticks().into_iter().filter(|tick| !kept.contains(&(tick / PAGE))) {
            let seat = self.window.seat_of(tick);
            self.outside.insert(tick * self.window.step.size, *self.window.level(seat));
            self.window.close(seat);
        }
    }

    /// Moves levels into the window that it covers now.
    fn absorb(&mut self) {
        let (first, end) = self.window.range();
        let size = self.window.step.size;
        let edge = |page: u64| page.saturating_mul(PAGE).saturating_mul(size);
        let (low, high) = (edge(first), edge(end));
        let window = &self.window;
        let covered = |price: &u64| window.tick(*price).is_some();
        let prices: Vec<u64> = self.outside.range(low..=high).map(|(&price, _)| price).filter(covered).collect();
        for price in prices {
            let level = self.outside.remove(&price).expect("it was there a moment ago");
            *self.window.open(self.window.seat(price)) = level;
        }
    }

    /// Makes a new window whose step divides all prices, this one included, around the best ones; but keeps the one
    /// there is if the new one would cover fewer levels. Says whether the new one covers this price.
    fn rebuild(&mut self, price: u64) -> bool {
        let mut prices: Vec<u64> = self.outside.keys().copied().chain([price]).collect();
        prices.extend(self.window.ticks().iter().map(|tick| tick * self.window.step.size));
        prices.sort_unstable();
        let step = Step::new(prices.iter().fold(0, |a, &b| gcd(a, b)));
        let page = |price: u64| price / step.size / PAGE;
        let (low, high) = (page(prices[0]), page(prices[prices.len() - 1]));
        let pages = (high - low + 1).saturating_mul(2).checked_next_power_of_two().unwrap_or(MOST_PAGES);
        let pages = pages.clamp(FEWEST_PAGES, MOST_PAGES);
        let middle = if high - low < pages { low + (high - low) / 2 } else { page(self.middle(price)) };
        let window = Window::new(step, middle.saturating_sub(pages / 2), pages);
        if prices.iter().filter(|&&price| window.tick(price).is_some()).count() <= self.window.count() {
            return false;
        }
        for tick in self.window.ticks() {
            let level = *self.window.level(self.window.seat_of(tick));
            self.outside.insert(tick * self.window.step.size, level);
        }
        self.window = window;
        self.absorb();
        self.strays = 0;
        self.window.tick(price).is_some()
    }

    /// A price between the sides, or on the one there is.
    fn middle(&self, price: u64) -> u64 {
        match (self.best, self.best(Side::Buy), self.best(Side::Sell)) {
            ([0, 0], ..) => price,
            ([0, _], _, ask) => ask,
            ([_, 0], bid, _) => bid,
            (_, bid, ask) => bid + (ask - bid) / 2,
        }
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::Ladder;
    use crate::types::Side;
    use std::collections::BTreeMap;

    /// The ladder and two sorted maps; sellers above, buyers below a middle that wanders.
    struct Pair {
        ladder: Ladder,
        model: [BTreeMap<u64, u64>; 2],
    }

    fn append(ladder: &mut Ladder, side: Side, price: u64, quantity: u64) -> u64 {
        ladder.append(side, ladder.seat(price), price, 1, quantity).0
    }

    impl Pair {
        fn flip(&mut self, side: Side, price: u64) {
            let model = &mut self.model[side as usize];
            if model.remove(&price).is_some() {
                self.ladder.close(side, self.ladder.seat(price), price);
            } else {
                model.insert(price, price);
                assert_eq!(append(&mut self.ladder, side, price, price), price);
            }
        }

        fn compare(&self) {
            for side in [Side::Buy, Side::Sell] {
                let mut prices: Vec<u64> = self.model[side as usize].keys().copied().collect();
                if side == Side::Buy {
                    prices.reverse();
                }
                let best = self.ladder.exists(side).then(|| self.ladder.best(side));
                let walked: Vec<u64> = std::iter::successors(best, |&price| self.ladder.next(side, price)).collect();
                assert_eq!(walked, prices, "{side:?}");
                assert!(prices.iter().all(|&price| self.ladder.level(price).total == price));
            }
        }
    }

    /// Levels around a middle that moves by `speed` each time, `width` ticks deep, some of them off the step.
    fn wander(step: u64, speed: i64, width: u64, rounds: u64) -> Ladder {
        let mut pair = Pair { ladder: Ladder::new(), model: [BTreeMap::new(), BTreeMap::new()] };
        let (mut middle, mut state) = (50_000_000u64, 3u64);
        for round in 0..rounds {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            middle = middle.saturating_add_signed(if round % 3000 < 1500 { speed } else { -speed }).max(width + 1);
            let away = 1 + (state >> 33) % width;
            let (side, tick) = if state >> 63 == 0 { (Side::Buy, middle - away) } else { (Side::Sell, middle + away) };
            let price = tick * step + if round % 50 == 0 { state % step } else { 0 };
            // What would cross goes first.
            let crossed: Vec<u64> = match side {
                Side::Buy => pair.model[1].range(..=price).map(|(&price, _)| price).collect(),
                Side::Sell => pair.model[0].range(price..).map(|(&price, _)| price).collect(),
            };
            for price in crossed {
                pair.flip(side.opposite(), price);
            }
            pair.flip(side, price);
            if round % 250 == 0 {
                pair.compare();
            }
        }
        pair.compare();
        pair.ladder
    }

    #[test]
    fn agrees_with_sorted_maps() {
        for (step, speed, width) in
            [(1, 0, 10), (100, 1, 300), (1_000_000, 40, 2_000), (96, 3_000, 100_000), (7, 9_000, 6_000_000)]
        {
            wander(step, speed, width, 9_000);
        }
    }

    #[test]
    fn a_window_is_made_for_what_there_is() {
        let mut ladder = Ladder::new();
        for tick in 0..100 {
            append(&mut ladder, Side::Sell, 6_000_000_000_000 + tick * 1_000_000, 1);
        }
        assert_eq!((ladder.window.step.size, ladder.outside.len()), (1_000_000, 0));
        // One odd price stays outside; a finer tick that is in use becomes the step.
        append(&mut ladder, Side::Sell, 6_000_000_000_001, 1);
        assert_eq!((ladder.window.step.size, ladder.outside.len()), (1_000_000, 1));
        ladder.close(Side::Sell, ladder.seat(6_000_000_000_001), 6_000_000_000_001);
        assert_eq!(ladder.strays, 0);
        for tick in 0..100 {
            append(&mut ladder, Side::Sell, 6_000_000_000_000 + tick * 100_000, 1);
        }
        assert_eq!((ladder.window.step.size, ladder.outside.len()), (100_000, 0));
    }

    #[test]
    fn a_window_is_not_looked_for_in_vain_at_each_level() {
        let mut ladder = Ladder::new();
        for number in 0..1_000 {
            append(&mut ladder, Side::Sell, 1 << 60 | number << 40 | 1, 1);
            append(&mut ladder, Side::Buy, 1 << 50 | number << 40, 1);
        }
        assert!(!ladder.window.exists(), "these prices have no common step");
        assert_eq!((ladder.outside.len(), ladder.patience), (2_000, 2_048), "seven times");
    }

    #[test]
    fn the_window_grows_to_a_deep_book() {
        let mut ladder = Ladder::new();
        for tick in 0..100_000 {
            append(&mut ladder, Side::Sell, (1_000 + tick * 10) * 5_000, 1);
        }
        assert!(ladder.outside.len() < 10_000, "most levels are in the window: {} are not", ladder.outside.len());
    }

    #[test]
    fn the_window_follows_a_price_that_runs_and_leaves_the_rest_behind() {
        let ladder = wander(1_000, 10_000, 100_000, 1_400);
        let ahead = ladder.next(Side::Buy, ladder.best(Side::Buy)).expect("buyers were left behind");
        assert!(ladder.window.tick(ahead).is_some_and(|tick| tick > 60_000_000), "the window went along");
        assert!(ladder.outside.keys().next().is_some_and(|&price| price < 52_000_000_000), "what is far stays behind");
    }
}
