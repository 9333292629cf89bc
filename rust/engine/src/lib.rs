//! The exchange as a pure function of its commands: `(state, envelope, command) → (state', events)`.
//!
//! No clock, no randomness, no floats, no I/O, no threads, no iteration over unordered maps. Money is integers.
//!
//! [`engine::Engine`] is the door: `apply` changes, the queries read, `snapshot` and `restore` carry it over.
//! Events go into a list, or to whatever else takes them: [`sink`].
//! Inside: `accounts` (rights, balances), `limits` (order counts), `open` (open orders by account and client id),
//! `market` (listings and numbers), `spot` (placing, matching, settling, cancelling), `administration` (all other
//! commands), `audit` (the invariants) and `snapshot` (the canonical bytes).

mod accounts;
mod administration;
mod audit;
mod client_ids;
mod lookahead;
mod market;
mod open;
mod queries;
mod refusal;
mod snapshot;
mod spot;

pub mod commands;
pub mod engine;
pub mod events;
pub mod layout;
pub mod limits;
pub mod reasons;
pub mod sink;
pub mod units;
pub mod vocabulary;

pub use accounts::MAX_SUPPLY;
/// For who reads a queue of commands that other threads have written.
pub use agio_book::prefetch_whole;
pub use audit::Violation;
pub use engine::{AUDIT_EVERY, Engine};
pub use limits::OrderCounts;
pub use lookahead::Look;
pub use market::{MAX_AVERAGE_MINUTES, MAX_NAME};
pub use queries::{AccountView, AssetView, KeyView, MarketView};
pub use snapshot::{RestoreError, SNAPSHOT_LAYOUTS};
pub use spot::hold::hold;
#[doc(hidden)]
pub use spot::order::{Order as BookOrder, Prevent};
