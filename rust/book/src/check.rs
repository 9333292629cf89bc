//! The full check of a book against its own rules.

use crate::book::Book;
use crate::slab::NOBODY;
use crate::types::{Policy, Side};

impl<P: Policy> Book<P> {
    /// Checks everything that must hold between two calls: not crossed; levels in order, none empty, each total the
    /// sum of its orders; the queue linked both ways; each order found by its id; nothing lost. Takes time in
    /// proportion to the number of orders.
    ///
    /// # Errors
    /// What does not hold, and where. A book never fails this, unless a caller's panic came out of one of its calls; one
    /// that does must not be used any more, only dropped.
    pub fn check(&self) -> Result<(), String> {
        if let (Some((bid, _)), Some((ask, _))) = (self.best(Side::Buy), self.best(Side::Sell))
            && bid >= ask
        {
            return Err(format!("crossed: the best bid is {bid}, the best ask {ask}"));
        }
        let mut count = 0;
        for side in [Side::Buy, Side::Sell] {
            let mut last = None;
            for (price, _) in self.levels(side) {
                if last.is_some_and(|last| if side == Side::Buy { last <= price } else { last >= price }) {
                    return Err(format!("the {side:?} level at {price} is out of order"));
                }
                last = Some(price);
                count += self.check_level(side, price)?;
            }
        }
        if count == self.len() { Ok(()) } else { Err(format!("{} orders rest, {count} on levels", self.len())) }
    }

    fn check_level(&self, side: Side, price: u64) -> Result<usize, String> {
        let level = self.ladder.level(price);
        let (mut count, mut sum, mut before, mut slot) = (0, 0u64, NOBODY, level.head);
        while slot != NOBODY {
            let node = self.slab.node(slot);
            let found = self.find(node.id) == Some(slot);
            if !found || node.price != price || node.prev != before || node.quantity == 0 {
                return Err(format!("order {} at {price} ({side:?}) is damaged", node.id));
            }
            sum = sum.checked_add(node.quantity).ok_or_else(|| format!("the sum at {price} is too large"))?;
            (count, before, slot) = (count + 1, slot, node.next);
        }
        if count == 0 || level.tail != before || level.total != sum {
            return Err(format!("the {side:?} level at {price} says {}, its {count} orders sum to {sum}", level.total));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Node;
    use crate::types::{Bare, Resting};
    use crate::window::Level;

    /// Three bids at 10 with the slots 1 to 3, one at 9, and an ask.
    fn book() -> Book<Bare> {
        let mut book = Book::new();
        for (id, side, price) in
            [(7, Side::Buy, 10), (8, Side::Buy, 10), (9, Side::Buy, 10), (10, Side::Buy, 9), (11, Side::Sell, 11)]
        {
            book.restore(Resting { id, side, price, quantity: 5 }, ()).expect("it may rest");
        }
        assert_eq!(book.check(), Ok(()));
        book
    }

    #[test]
    fn every_damage_of_an_order_is_found() {
        let damages: [fn(&mut Node); 6] = [
            |node| node.id = 99,
            |node| node.price = 12,
            |node| node.prev = 3,
            |node| node.quantity = 0,
            |node| node.quantity = 6,
            |node| node.next = NOBODY,
        ];
        for (number, damage) in damages.into_iter().enumerate() {
            let mut book = book();
            damage(book.slab.node_mut(2));
            assert!(book.check().is_err(), "damage {number}");
        }
    }

    #[test]
    fn every_damage_of_a_level_is_found() {
        let damages: [fn(&mut Level); 4] =
            [|level| level.total += 1, |level| level.head = NOBODY, |level| level.head = 2, |level| level.tail = 2];
        for (number, damage) in damages.into_iter().enumerate() {
            let mut book = book();
            let seat = book.ladder.seat(10);
            damage(book.ladder.level_mut(seat, 10));
            assert!(book.check().is_err(), "damage {number}");
        }
    }
}
