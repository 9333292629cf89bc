//! The limits of new orders. Resting orders are never judged again (decision 13).

use super::order::Prevent;
use crate::commands::Place;
use crate::market::{Market, Rules};
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::units::{Amount, Micros, ONE, Price, Quantity};
use crate::vocabulary::{LotFilter, NotionalForm, OrderKind};

/// `PRICE_FILTER`: each part is off when 0.
pub(crate) fn price(rules: &Rules, price: Price) -> Result<(), Refusal> {
    let filter = &rules.filters.price;
    let refuse = |limit: Price| Refusal::of(Reason::PriceFilter, limit.0);
    require(price >= filter.min, refuse(filter.min))?;
    require(filter.max.0 == 0 || price <= filter.max, refuse(filter.max))?;
    require(filter.tick.0 == 0 || price.0 % filter.tick.0 == 0, refuse(filter.tick))
}

/// `LOT_SIZE`, and for market orders `MARKET_LOT_SIZE`: maximum and step are off when 0.
pub(crate) fn lots(rules: &Rules, kind: OrderKind, quantity: Quantity) -> Result<(), Refusal> {
    lot(&rules.filters.lot, quantity, Reason::LotSize)?;
    if kind == OrderKind::Market { lot(&rules.filters.market_lot, quantity, Reason::MarketLotSize) } else { Ok(()) }
}

fn lot(filter: &LotFilter, quantity: Quantity, reason: Reason) -> Result<(), Refusal> {
    let refuse = |limit: Quantity| Refusal::of(reason, limit.0);
    require(quantity >= filter.min, refuse(filter.min))?;
    require(filter.max.0 == 0 || quantity <= filter.max, refuse(filter.max))?;
    require(filter.step.0 == 0 || quantity.0 % filter.step.0 == 0, refuse(filter.step))
}

/// `NOTIONAL` or `MIN_NOTIONAL`. A limit order is judged by its price; a market order by its budget, or by the average
/// price when it names a quantity, and passes while there is none.
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
    let scaled = |limit: Amount| limit.0.saturating_mul(ONE.into());
    require(!floored || value >= scaled(filter.min), refuse(filter.min))?;
    require(!capped || value <= scaled(filter.max), refuse(filter.max))
}

/// The exact notional of an order, 10^-16.
fn value(rules: &Rules, order: &Place, now: Micros) -> Option<u128> {
    if order.budget.0 != 0 {
        return Some(order.budget.0.saturating_mul(ONE.into()));
    }
    let price = match order.kind {
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

/// The largest multiple that both lot filters ask for: the step of a market order by budget.
pub(crate) fn budget_step(rules: &Rules) -> u64 {
    rules.filters.lot.step.0.max(rules.filters.market_lot.step.0)
}

/// The level that a resting order would join has room for it, and the book has room for one more.
pub(crate) fn room(market: &Market, order: &Place) -> Result<(), Refusal> {
    let total = market.book.total(order.side.into(), order.price.0);
    let fits = total.checked_add(order.quantity.0).is_some() && market.book.len() < agio_book::MAX_ORDERS as usize;
    require(fits, Refusal::of(Reason::LevelFull, total))
}

/// Whether a limit order would meet the other side.
pub(crate) fn crosses(market: &Market, order: &Place) -> bool {
    let side: agio_book::Side = order.side.into();
    market.book.best(side.opposite()).is_some_and(|(best, _)| match side {
        agio_book::Side::Buy => best <= order.price.0,
        agio_book::Side::Sell => best >= order.price.0,
    })
}

/// The policy of this order in matching.
pub(crate) fn policy(rules: &Rules, order: &Place) -> Prevent {
    Prevent { account: order.account, mode: order.prevention.unwrap_or(rules.filters.prevention) }
}
