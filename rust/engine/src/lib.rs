//! The exchange as a pure function of its commands: `(state, envelope, command) → (state', events)`.
//!
//! No clock, no randomness, no floats, no I/O, no threads, no iteration over unordered maps. Money is integers.

pub mod commands;
pub mod events;
pub mod layout;
pub mod reasons;
pub mod units;
pub mod vocabulary;
