//! The two policies under measurement: none, and the exchange's own with its payload.

use agio_book::{Bare, Policy};
use agio_engine::units::{AccountId, Amount, Micros, PreventedId, Quantity};
use agio_engine::vocabulary::{OrderKind, Prevention};
use agio_engine::{BookOrder, Prevent};

/// A policy of which one can be made for each message, by its number.
pub(crate) trait Venue: Policy {
    /// What the table calls it.
    const NAME: &str;

    /// The policy for the incoming order of a message.
    fn of(number: u64) -> Self;

    /// What is kept beside the order of a message when it rests.
    fn payload(number: u64) -> Self::Order;
}

impl Venue for Bare {
    const NAME: &str = "bare";

    #[inline(always)]
    fn of(_: u64) -> Self {
        Self
    }

    #[inline(always)]
    fn payload(_: u64) {}
}

/// A thousand accounts take turns; who meets himself cancels his maker.
fn account(number: u64) -> AccountId {
    AccountId((number % 1_000) as u32)
}

impl Venue for Prevent {
    const NAME: &str = "spot";

    #[inline(always)]
    fn of(number: u64) -> Self {
        Self { account: account(number), mode: Prevention::ExpireMaker }
    }

    #[inline(always)]
    fn payload(number: u64) -> BookOrder {
        BookOrder {
            notional: Amount(0),
            quantity: Quantity(number),
            executed: Quantity(0),
            prevented: Quantity(0),
            prevented_match: PreventedId(0),
            opened: Micros(number),
            updated: Micros(number),
            strategy: None,
            strategy_type: None,
            account: account(number),
            slot: number as u32,
            kind: OrderKind::Limit,
            prevention: Prevention::ExpireMaker,
        }
    }
}
