//! One market's order book: price levels, matching, and a policy that a venue adds at compile time.
//!
//! It knows orders, prices and quantities, and nothing of accounts, money, clocks or threads: the same calls always
//! give the same reports. Prices and quantities are `u64` in units of the caller's choosing; ids are any `u64`.
//!
//! ```
//! use agio_book::{Bare, Book, End, Ignore, Incoming, Lifetime, Side};
//!
//! let mut book = Book::<Bare>::new();
//! let ask = Incoming { id: 1, side: Side::Sell, limit: Some(101), quantity: 5, lifetime: Lifetime::Rest };
//! let bid = Incoming { id: 2, side: Side::Buy, limit: Some(102), quantity: 3, lifetime: Lifetime::Immediate };
//! book.place(&ask, |_| (), &mut Bare, &mut Ignore)?;
//! let placed = book.place(&bid, |_| (), &mut Bare, &mut Ignore)?;
//! assert_eq!((placed.executed, placed.end), (3, End::Filled));
//! assert_eq!(book.best(Side::Sell), Some((101, 2)));
//! # Ok::<(), agio_book::Error>(())
//! ```
//!
//! # What a venue adds
//! - A [`Policy`]: the payload kept beside each resting order, a quota (price limits, budgets), and what happens when
//!   an order meets one that it must not trade with. [`Bare`] adds nothing and costs nothing.
//! - A [`Sink`]: gets each fill, each prevented trade and each level that changed, in order, while the call runs.
//! - For many messages at once, a [`BatchSink`] and [`Book::apply_batch`], which asks for memory ahead of its use. An
//!   engine that has a queue of its own can do so itself: [`Book::warm`], [`Book::warm_order`], [`Book::warm_price`].
//!
//! # How it is made
//! - `window`, `ladder`: levels stand in a direct array of ticks, in pages of 32, with bitmaps of what is occupied.
//!   Both sides share it. It lies around the best prices, moves and grows with them without moving levels, and covers
//!   up to 4 million ticks; whatever is further away, or not a multiple of the step, is kept in a sorted map. The step
//!   is the greatest common divisor of the prices there are; no tick size has to be told.
//! - `slab`: 32 bytes an order, linked by 32-bit slots; payloads in a parallel slab.
//! - `index`: from id to slot by open addressing in cache lines. It grows line by line, one with each insertion; the larger
//!   table is made, and the smaller one freed, a little at a time, so that no call pays for all of it.
//! - `batch`: what a message needs is asked of memory three times 16 messages ahead, each time as far as is known then;
//!   and who trades next, when the best price has moved.
//! - `memory`: slab, index and levels lie in rows that grow without being copied, in huge pages. All `unsafe` code is
//!   here: mappings, access without a second bounds check, a prefetch, and why they are sound.
//! - [`naive`]: the same interface in a few hundred plain lines; the tests compare both on random commands, and the
//!   benchmark (`benches/book`) compares the checksum of every report of every timed run.
//!
//! # Limits, and what costs more
//! - At most [`MAX_ORDERS`] orders; a level's total is at most `u64::MAX`. Both are refused before anything changes.
//! - Fill-or-kill walks the makers twice: once on a clone of the policy, once for real.
//! - A finer step (a market's tick changed, and dozens of levels use it) rebuilds the window once: time in proportion
//!   to the number of levels. A price that jumps by millions of ticks moves levels between window and map.
//! - Prices without a common step are served by the sorted map alone.
//! - Memory is kept for reuse, not returned, when orders leave. When the system has no more, the process ends, as with
//!   the standard library's collections. On Linux a book has up to seven mappings; a process may have 65,530
//!   (`vm.max_map_count`).
//! - A panic of a policy, a sink or a payload, if the caller catches it, leaves a book that is safe to drop, but perhaps
//!   damaged: [`Book::check`] tells. A call on a damaged one may never return.
//! - Ids are hashed without a secret: whoever may choose any ids can choose them so that each question for one looks at
//!   all of them. Let numbers that clients choose be looked up elsewhere.

// What each message runs through is one piece of code: calls between its parts would cost as much as the parts.
#![allow(clippy::inline_always)]

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
pub use memory::{prefetch, prefetch_whole};
pub use types::{
    Bare, BatchSink, Done, End, Error, Fill, Ignore, Incoming, Lifetime, Meeting, Message, Placed, Policy, Prevented,
    Resting, Side, Sink,
};

/// The most orders that one book can hold: links are 32-bit, and the index is at most 5/7 full.
pub const MAX_ORDERS: u32 = 1 << 31;
