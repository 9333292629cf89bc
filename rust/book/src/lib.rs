//! One market's order book: levels, matching and a compile-time policy.

mod batch;
mod bitmap;
mod book;
mod check;
mod index;
mod ladder;
mod memory;
pub mod naive;
mod slab;
mod types;
mod view;
mod window;

pub use book::Book;
pub use types::{
    Bare, BatchSink, Done, End, Error, Fill, Ignore, Incoming, Lifetime, Meeting, Message, Placed, Policy, Prevented,
    Resting, Side, Sink,
};

/// The most orders that one book can hold: links are 32-bit, and the index is at most 5/8 full.
pub const MAX_ORDERS: u32 = 1 << 31;
