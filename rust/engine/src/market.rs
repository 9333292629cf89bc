//! Assets and markets: what is listed, under which rules, with which numbers handed out so far.

use agio_book::Book;

use crate::layout::records;
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::spot::average::Averages;
use crate::spot::filters::Gauge;
use crate::spot::order::Prevent;
use crate::spot::report::Top;
use crate::units::{AssetId, Delta, ExecutionId, MarketId, Micros, OrderId, PreventedId, Price, SCALE, UpdateId};
use crate::vocabulary::{Filters, LotFilter, MarketStatus, NotionalForm, Prevention};

/// The longest average that a filter may ask for, in minutes.
pub const MAX_AVERAGE_MINUTES: u32 = 60;
/// The longest name of an asset or a market.
pub const MAX_NAME: usize = 20;

/// One asset.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub name: String,
    /// Decimal places of its commissions.
    pub precision: u8,
    /// What the outside world has of it: minus all that is in the exchange.
    pub outside: Delta,
}

impl Asset {
    /// The smallest commission, in 10^-8.
    pub(crate) fn unit(&self) -> u64 {
        10_u64.pow(SCALE - u32::from(self.precision))
    }
}

records! {
    /// How many numbers of each kind a market has handed out.
    Counters {
        /// Orders.
        orders: u64,
        /// Trades.
        trades: u64,
        /// Aggregates.
        aggregates: u64,
        /// Changes of levels.
        updates: u64,
        /// Changes of orders.
        executions: u64,
        /// Prevented self-trades.
        prevented: u64,
    }
}

/// Whether something that is counted by ones can have come so far: what clients are told stays below 2^53, which JSON
/// readers hold exactly.
pub(crate) fn is_possible(number: u64) -> bool {
    number < 1 << 53
}

impl Counters {
    pub(crate) const NONE: Self = Self { orders: 0, trades: 0, aggregates: 0, updates: 0, executions: 0, prevented: 0 };

    /// Whether they can have come about.
    pub(crate) fn are_possible(&self) -> bool {
        let Self { orders, trades, aggregates, updates, executions, prevented } = *self;
        [orders, trades, aggregates, updates, executions, prevented].into_iter().all(is_possible)
    }

    pub(crate) fn order(&mut self) -> OrderId {
        self.orders += 1;
        OrderId(self.orders)
    }

    pub(crate) fn update(&mut self) -> UpdateId {
        self.updates += 1;
        UpdateId(self.updates)
    }

    pub(crate) fn execution(&mut self) -> ExecutionId {
        self.executions += 1;
        ExecutionId(self.executions)
    }

    pub(crate) fn prevented(&mut self) -> PreventedId {
        self.prevented += 1;
        PreventedId(self.prevented)
    }
}

/// All of a market but its book.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub id: MarketId,
    pub symbol: String,
    pub base: AssetId,
    pub quote: AssetId,
    /// The smallest commissions, in 10^-8.
    pub base_unit: u64,
    pub quote_unit: u64,
    pub status: MarketStatus,
    /// To be changed by [`Rules::set_filters`] only: the gauge is made of them.
    pub filters: Filters,
    pub gauge: Gauge,
    pub counters: Counters,
    /// The last trade's price and time.
    pub last_trade: Option<(Price, Micros)>,
    pub averages: Averages,
}

impl Rules {
    /// A market that has just been listed. Assets come with their smallest commissions, in 10^-8.
    pub(crate) fn new(
        id: MarketId,
        symbol: String,
        (base, base_unit): (AssetId, u64),
        (quote, quote_unit): (AssetId, u64),
        filters: Filters,
    ) -> Self {
        let (status, counters, averages) = (MarketStatus::Trading, Counters::NONE, Averages::default());
        let (gauge, last_trade) = (Gauge::of(&filters), None);
        Self { id, symbol, base, quote, base_unit, quote_unit, status, filters, gauge, counters, last_trade, averages }
    }

    pub(crate) fn set_filters(&mut self, filters: Filters) {
        (self.filters, self.gauge) = (filters, Gauge::of(&filters));
    }
}

/// One market.
pub(crate) struct Market {
    pub rules: Rules,
    pub book: Book<Prevent>,
    /// The top of the book after the last command.
    pub top: Top,
}

impl Market {
    /// A market that goes on with this book.
    pub(crate) fn new(rules: Rules, book: Book<Prevent>) -> Self {
        let top = Top::of(&book);
        Self { rules, book, top }
    }
}

/// Names are 1 to [`MAX_NAME`] upper-case letters and digits.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    require(legal && (1..=MAX_NAME).contains(&name.len()), Reason::BadName)
}

/// Filters that no order could ever pass, or whose default prevention is not allowed, are refused.
pub(crate) fn check_filters(filters: &Filters) -> Result<(), Refusal> {
    let ordered = |min: u128, max: u128| max == 0 || min <= max;
    let lot = |lot: &LotFilter| ordered(lot.min.0.into(), lot.max.0.into());
    let notional = &filters.notional;
    let known = Prevention::ALL.iter().fold(0, |bits, mode| bits | bit(*mode));
    let good = ordered(filters.price.min.0.into(), filters.price.max.0.into())
        && lot(&filters.lot)
        && lot(&filters.market_lot)
        && (notional.form != NotionalForm::Range || ordered(notional.min.0, notional.max.0))
        && notional.minutes <= MAX_AVERAGE_MINUTES
        && filters.preventions & !known == 0
        && filters.preventions & bit(filters.prevention) != 0;
    require(good, Reason::BadFilters)
}

/// A prevention mode's bit in [`Filters::preventions`].
pub(crate) fn bit(mode: Prevention) -> u8 {
    1 << mode as u8
}
