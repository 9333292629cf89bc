//! The volume-weighted average price, from sums per calendar minute.

use std::collections::VecDeque;

use crate::layout::records;
use crate::market::MAX_AVERAGE_MINUTES;
use crate::units::{Amount, Micros, Price, Quantity};

const MINUTE: u64 = 60_000_000;

records! {
    /// The trades of one minute.
    Minute {
        /// Which: minutes since 1970.
        number: u64,
        /// The sum of quantities.
        quantity: Amount,
        /// The exact sum of price × quantity, 10^-16.
        value: Amount,
    }
}

/// The last hour's minutes that had trades, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Averages {
    pub minutes: VecDeque<Minute>,
}

impl Averages {
    pub(crate) fn add(&mut self, now: Micros, price: Price, quantity: Quantity) {
        let number = now.0 / MINUTE;
        if self.minutes.back().is_none_or(|last| last.number != number) {
            while self.minutes.front().is_some_and(|first| first.number + u64::from(MAX_AVERAGE_MINUTES) <= number) {
                self.minutes.pop_front();
            }
            self.minutes.push_back(Minute { number, quantity: Amount(0), value: Amount(0) });
        }
        if let Some(minute) = self.minutes.back_mut() {
            // Saturating: sums that large are no market's, and no money depends on them.
            let value = u128::from(price.0) * u128::from(quantity.0);
            minute.quantity.0 = minute.quantity.0.saturating_add(quantity.0.into());
            minute.value.0 = minute.value.0.saturating_add(value);
        }
    }

    /// The average over the running minute and the `minutes` - 1 before it; `None` when nothing traded in them.
    pub(crate) fn price(&self, now: Micros, minutes: u32) -> Option<Price> {
        let first = (now.0 / MINUTE + 1).saturating_sub(minutes.into());
        let recent = self.minutes.iter().rev().take_while(|minute| minute.number >= first);
        let (value, quantity) = recent.fold((0_u128, 0_u128), |(value, quantity), minute| {
            (value.saturating_add(minute.value.0), quantity.saturating_add(minute.quantity.0))
        });
        value.checked_div(quantity).map(|price| Price(price as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_whole_minutes_up_to_now() {
        let mut averages = Averages::default();
        let at = |minute: u64| Micros(minute * MINUTE + 5);
        averages.add(at(10), Price(100), Quantity(1));
        averages.add(at(12), Price(200), Quantity(3));
        assert_eq!(averages.price(at(12), 1), Some(Price(200)));
        assert_eq!(averages.price(at(12), 3), Some(Price(175)));
        assert_eq!(averages.price(at(14), 3), Some(Price(200)));
        assert_eq!(averages.price(at(15), 3), None);
    }

    #[test]
    fn old_minutes_are_forgotten() {
        let mut averages = Averages::default();
        for minute in 0..1_000 {
            averages.add(Micros(minute * MINUTE), Price(1), Quantity(1));
        }
        assert_eq!(averages.minutes.len(), MAX_AVERAGE_MINUTES as usize);
    }
}
