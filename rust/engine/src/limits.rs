//! Unfilled-order counts, per account over all its markets, in windows of the calendar (10 s and the UTC day).
//!
//! A new order adds one; an order's first fill takes one off as a taker and [`MAKER_CREDIT`] as a maker, never below 0;
//! cancels and expiries change nothing. Rules: Binance's "Spot Unfilled Order Count Rules".

use agio_planted::{Bug, planted};

use crate::layout::records;
use crate::reasons::Reason;
use crate::refusal::Refusal;
use crate::units::Micros;
use crate::vocabulary::OrderLimits;

/// Unfilled orders in ten seconds, unless the account has its own figure.
pub const DEFAULT_TEN_SECONDS: u32 = 100;
/// Unfilled orders in a day, unless the account has its own figure.
pub const DEFAULT_DAY: u32 = 200_000;
/// What a first fill as a maker takes off the counts.
pub const MAKER_CREDIT: u32 = 5;
/// What a first fill as a taker takes off the counts.
pub const TAKER_CREDIT: u32 = 1;

const TEN_SECONDS: u64 = 10_000_000;
const DAY: u64 = 86_400_000_000;

/// The windows that run at a moment, by number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Running {
    ten_seconds: u64,
    day: u64,
}

impl Running {
    pub(crate) fn at(now: Micros) -> Self {
        Self { ten_seconds: now.0 / TEN_SECONDS, day: now.0 / DAY }
    }
}

/// An account's counts and limits at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCounts {
    /// Unfilled orders in the running ten seconds.
    pub ten_seconds: u32,
    /// Unfilled orders in the running UTC day.
    pub day: u32,
    /// The limit of the ten seconds.
    pub limit_ten_seconds: u32,
    /// The limit of the day.
    pub limit_day: u32,
}

records! {
    /// The count of one running window.
    Window {
        /// Which window: time ÷ length.
        number: u64,
        /// How many in it.
        count: u32,
    }
    /// The counts of one account.
    Counts {
        /// The last ten-second window that was counted in.
        ten_seconds: Window,
        /// The last day that was counted in.
        day: Window,
    }
}

impl Window {
    const EMPTY: Self = Self { number: 0, count: 0 };

    fn at(self, number: u64) -> u32 {
        if self.number == number { self.count } else { 0 }
    }

    fn add(&mut self, number: u64) {
        *self = Self { number, count: self.at(number).saturating_add(1) };
    }

    fn take(&mut self, number: u64, credit: u32) {
        *self = Self { number, count: self.at(number).saturating_sub(credit) };
    }
}

impl Counts {
    pub(crate) const EMPTY: Self = Self { ten_seconds: Window::EMPTY, day: Window::EMPTY };

    #[inline]
    pub(crate) fn read(&self, limits: &OrderLimits, now: Running) -> OrderCounts {
        let or = |own: u32, default: u32| if own == 0 { default } else { own };
        OrderCounts {
            ten_seconds: self.ten_seconds.at(now.ten_seconds),
            day: self.day.at(now.day),
            limit_ten_seconds: or(limits.ten_seconds, DEFAULT_TEN_SECONDS),
            limit_day: or(limits.day, DEFAULT_DAY),
        }
    }

    /// Whether one more order is allowed.
    #[inline]
    pub(crate) fn check(&self, limits: &OrderLimits, now: Running) -> Result<(), Refusal> {
        let read = self.read(limits, now);
        if read.ten_seconds >= read.limit_ten_seconds {
            return Err(Refusal::of(Reason::TooManyOrdersTenSeconds, read.limit_ten_seconds));
        }
        if read.day >= read.limit_day {
            return Err(Refusal::of(Reason::TooManyOrdersDay, read.limit_day));
        }
        Ok(())
    }

    /// Counts one order. Past the day's limit the ten seconds no longer grow.
    #[inline]
    pub(crate) fn add(&mut self, limits: &OrderLimits, now: Running) {
        let read = self.read(limits, now);
        if read.day < read.limit_day {
            self.ten_seconds.add(now.ten_seconds);
        }
        self.day.add(now.day);
    }

    /// An order's first fill, whenever it was placed, lowers the running windows.
    #[inline]
    pub(crate) fn first_fill(&mut self, now: Running, maker: bool) {
        let credit = if maker { MAKER_CREDIT } else { TAKER_CREDIT };
        let credit = credit - u32::from(maker && planted(Bug::MakerCreditWrong));
        self.ten_seconds.take(now.ten_seconds, credit);
        self.day.take(now.day, credit);
    }
}
