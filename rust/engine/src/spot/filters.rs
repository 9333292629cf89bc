//! The limits of new orders. Resting orders are never judged again (decision 13).

use super::order::Prevent;
use crate::commands::Place;
use crate::market::{Market, Rules};
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::units::{Amount, Micros, ONE, Price, Quantity};
use crate::vocabulary::{Filters, LotFilter, NotionalForm, OrderKind, PriceFilter};

/// What of a market's filters is worth computing once: a division costs more than all that is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauge {
    price: Range,
    lot: Range,
    market_lot: Range,
    /// The limits of the exact notional, 10^-16.
    notional: (u128, u128),
    /// The step of a market order by budget: the smallest multiple of both lots' steps.
    pub budget_step: u64,
}

/// From least to most, in multiples of a step.
#[derive(Clone, Copy, Debug)]
struct Range {
    least: u64,
    most: u64,
    step: Step,
}

impl Range {
    /// A maximum or a step of 0 is off.
    fn new(least: u64, most: u64, step: u64) -> Self {
        Self { least, most: if most == 0 { u64::MAX } else { most }, step: Step::of(step) }
    }

    #[inline]
    fn holds(&self, number: u64) -> bool {
        (self.least..=self.most).contains(&number) && self.step.divides(number)
    }

    fn of_lot(lot: &LotFilter) -> Self {
        Self::new(lot.min.0, lot.max.0, lot.step.0)
    }
}

/// The part of a filter that a number does not pass.
#[cold]
fn broken(number: u64, least: u64, most: u64, step: u64) -> u64 {
    match number {
        _ if number < least => least,
        _ if most != 0 && number > most => most,
        _ => step,
    }
}

impl Gauge {
    pub(crate) fn of(filters: &Filters) -> Self {
        let scaled = |limit: Amount| limit.0.saturating_mul(ONE.into());
        let PriceFilter { min, max, tick } = filters.price;
        Self {
            price: Range::new(min.0, max.0, tick.0),
            lot: Range::of_lot(&filters.lot),
            market_lot: Range::of_lot(&filters.market_lot),
            notional: (scaled(filters.notional.min), scaled(filters.notional.max)),
            budget_step: common(filters.lot.step.0.max(1), filters.market_lot.step.0.max(1)),
        }
    }
}

/// The smallest multiple of both; past 64 bits the largest number, which neither lot takes.
fn common(one: u64, other: u64) -> u64 {
    let (mut divisor, mut rest) = (one, other);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (one / divisor).saturating_mul(other)
}

/// Recognises multiples by one multiplication. With `step = odd << shift`, a number is a multiple exactly if its product
/// with the inverse of `odd` (modulo 2^64), rotated right by `shift`, is at most `u64::MAX / step`.
#[derive(Clone, Copy, Debug)]
struct Step {
    inverse: u64,
    shift: u32,
    most: u64,
}

impl Step {
    /// Of 0 every number is a multiple: the filter is off.
    fn of(step: u64) -> Self {
        if step == 0 {
            return Self { inverse: 0, shift: 0, most: u64::MAX };
        }
        let shift = step.trailing_zeros();
        let odd = step >> shift;
        // Newton: each round doubles the number of right bits, from the 3 that `odd` itself has.
        let inverse = (0..5).fold(odd, |x, _| x.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(x))));
        Self { inverse, shift, most: u64::MAX / step }
    }

    #[inline]
    fn divides(self, number: u64) -> bool {
        number.wrapping_mul(self.inverse).rotate_right(self.shift) <= self.most
    }
}

/// `PRICE_FILTER`: each part is off when 0.
#[inline]
pub(crate) fn price(rules: &Rules, price: Price) -> Result<(), Refusal> {
    if rules.gauge.price.holds(price.0) {
        return Ok(());
    }
    let PriceFilter { min, max, tick } = rules.filters.price;
    Err(Refusal::of(Reason::PriceFilter, broken(price.0, min.0, max.0, tick.0)))
}

/// `LOT_SIZE`, and for market orders `MARKET_LOT_SIZE`: maximum and step are off when 0.
#[inline]
pub(crate) fn lots(rules: &Rules, kind: OrderKind, quantity: Quantity) -> Result<(), Refusal> {
    let Rules { gauge, filters, .. } = rules;
    if !gauge.lot.holds(quantity.0) {
        return Err(lot_refusal(&filters.lot, quantity, Reason::LotSize));
    }
    if kind == OrderKind::Market && !gauge.market_lot.holds(quantity.0) {
        return Err(lot_refusal(&filters.market_lot, quantity, Reason::MarketLotSize));
    }
    Ok(())
}

#[cold]
fn lot_refusal(filter: &LotFilter, quantity: Quantity, reason: Reason) -> Refusal {
    Refusal::of(reason, broken(quantity.0, filter.min.0, filter.max.0, filter.step.0))
}

/// `NOTIONAL` or `MIN_NOTIONAL`. A limit order is judged by its price; a market order by its budget, or by the average
/// price when it names a quantity, and passes while there is none.
#[inline]
pub(crate) fn notional(rules: &Rules, order: &Place, now: Micros) -> Result<(), Refusal> {
    let filter = &rules.filters.notional;
    let market = order.kind == OrderKind::Market;
    let (reason, capped) = match filter.form {
        NotionalForm::Off => return Ok(()),
        NotionalForm::Range => (Reason::Notional, filter.max.0 != 0 && (!market || filter.max_to_market)),
        NotionalForm::Minimum => (Reason::MinNotional, false),
    };
    let floored = !market || filter.min_to_market;
    if !floored && !capped {
        return Ok(());
    }
    let Some(value) = value(rules, order, now) else { return Ok(()) };
    let refuse = |limit: Amount| Refusal::of(reason, u64::try_from(limit.0).unwrap_or(u64::MAX));
    let (least, most) = rules.gauge.notional;
    require(!floored || value >= least, refuse(filter.min))?;
    require(!capped || value <= most, refuse(filter.max))
}

/// The exact notional of an order, 10^-16.
#[inline]
fn value(rules: &Rules, order: &Place, now: Micros) -> Option<u128> {
    let price = match order.kind {
        OrderKind::Market if order.budget.0 != 0 => return Some(order.budget.0.saturating_mul(ONE.into())),
        OrderKind::Market => average(rules, now)?.1,
        OrderKind::Limit | OrderKind::LimitMaker => order.price,
    };
    Some(u128::from(price.0) * u128::from(order.quantity.0))
}

/// The average price over the filter's minutes; the last price when it asks for none, or when nothing traded in them.
pub(crate) fn average(rules: &Rules, now: Micros) -> Option<(u32, Price)> {
    let minutes = rules.filters.notional.minutes;
    let average = if minutes == 0 { None } else { rules.averages.price(now, minutes) };
    average.or(rules.last_trade.map(|(price, _)| price)).map(|price| (minutes, price))
}

/// The level that a resting order would join has room for it, and the book has room for one more.
pub(crate) fn room(market: &Market, order: &Place) -> Result<(), Refusal> {
    let total = market.book.total(order.side.into(), order.price.0);
    let fits = total.checked_add(order.quantity.0).is_some() && market.book.len() < agio_book::MAX_ORDERS as usize;
    require(fits, Refusal::of(Reason::LevelFull, total))
}

/// The policy of this order in matching.
pub(crate) fn policy(rules: &Rules, order: &Place) -> Prevent {
    Prevent { account: order.account, mode: order.prevention.unwrap_or(rules.filters.prevention) }
}

#[cfg(test)]
mod tests {
    use super::{Step, common};

    #[test]
    fn steps_have_a_common_multiple() {
        let cases =
            [(1, 1, 1), (200, 500, 1_000), (1_000, 1, 1_000), (1 << 40, 3, 3 << 40), (u64::MAX, u64::MAX, u64::MAX)];
        for (one, other, both) in cases {
            assert_eq!((common(one, other), common(other, one)), (both, both), "{one} and {other}");
        }
        assert_eq!(common(u64::MAX, u64::MAX - 1), u64::MAX, "past 64 bits");
    }

    #[test]
    fn a_step_divides_its_multiples_and_nothing_else() {
        for size in [1, 2, 3, 5, 96, 1_000_000, 100_000_000, 1 << 40, (1 << 40) + 1, u64::MAX / 2, u64::MAX] {
            let step = Step::of(size);
            for times in [0, 1, 2, 63, 64, 1_000_003, u64::MAX / size - 1, u64::MAX / size] {
                let Some(number) = times.checked_mul(size) else { continue };
                for number in [number, number.wrapping_add(1), number.wrapping_sub(1), number ^ (1 << 20)] {
                    assert_eq!(step.divides(number), number % size == 0, "{number} / {size}");
                }
            }
        }
        assert!([0, 1, u64::MAX].into_iter().all(|number| Step::of(0).divides(number)), "0 is off");
    }
}
