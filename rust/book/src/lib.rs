//! One market's order book: levels, matching and a compile-time policy.

pub mod naive;
mod types;

pub use naive::Book;
pub use types::{
    Bare, BatchSink, Done, End, Error, Fill, Ignore, Incoming, Lifetime, Meeting, Message, Placed, Policy, Prevented,
    Resting, Side, Sink,
};

/// The most orders that one book can hold: links are 32-bit.
pub const MAX_ORDERS: u32 = u32::MAX - 1;
