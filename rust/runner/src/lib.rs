//! A shard alive: intake → engine → journal → publication.
//!
//! Requests come to the [`Desk`]; the engine's thread gives each command its sequence and time, applies it and makes its
//! answer; the journal's thread makes the group durable, and only then are its answers and events seen. While one group is
//! synced the next is applied: nothing waits when idle, and groups grow when the disk is busy.

mod batch;
mod brief;
pub mod clock;
mod commit;
mod desk;
mod follower;
mod intake;
#[cfg(test)]
mod interleavings;
mod outbox;
mod recent;
mod replay;
mod request;
mod sequencer;
mod shard;
mod start;
mod sync;
#[cfg(test)]
mod tests;

pub use agio_journal::Durability;
pub use batch::{Batch, EventRef, Mark, Outcome};
pub use commit::{Commit, Load};
pub use desk::{Desk, Refusal, State};
pub use follower::{Follower, Step};
pub use outbox::{Backlog, Outbox, Published};
pub use recent::Recent;
pub use replay::replay;
pub use request::{Answer, Reply, Request, View};
pub use sequencer::{Group, OWN_LANE, Poisoned, Sequencer};
pub use shard::{Shard, TURN};
pub use start::{LONG_TAIL, Options, Reading, Recovered, StartError, Tripwire, recover, take_snapshot};
