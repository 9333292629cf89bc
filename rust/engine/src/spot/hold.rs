//! What an open order holds: one function of what remains of it, documented case by case in `docs/concepts/holds.md`.

use crate::units::{Amount, Price, Quantity};
use crate::vocabulary::Side;

/// What `remaining` of an order with this limit holds: quote for a buy, base for a sell.
///
/// A buy's hold is rounded down like each payment, and a sum of rounded-down parts never exceeds the rounded-down
/// whole: what is held always suffices for what will be paid.
pub fn hold(side: Side, price: Price, remaining: Quantity) -> Amount {
    match side {
        Side::Buy => price.notional(remaining),
        Side::Sell => Amount(remaining.0.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_held_covers_every_fill_and_what_remains(price: u64, fill: u32, rest: u32) {
            let (fill, rest) = (Quantity(fill.into()), Quantity(rest.into()));
            let whole = hold(Side::Buy, Price(price), Quantity(fill.0 + rest.0));
            let paid = Price(price).notional(fill);
            prop_assert!(paid.0 + hold(Side::Buy, Price(price), rest).0 <= whole.0);
        }
    }
}
