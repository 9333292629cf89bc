//! The log's files: records, frames, segments, snapshots and recovery. Records are opaque bytes, numbered from 1.
//!
//! One thread may do everything with a [`Journal`]; or one builds frames while another writes and syncs them:
//!
//! ```
//! use agio_journal::{Disk, Frame, Hash, LogId, Mark, Options, Recovery, SnapshotHeader, Storage, create, identify, snapshot};
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! // The folder is ours until `disk` is dropped; a second process gets `Error::Locked` with our process id.
//! let disk: Arc<dyn Storage> = Arc::new(Disk::open(folder)?);
//! let options = Options { segment_bytes: 1 << 20, ..Options::default() };
//! if identify(&*disk)?.is_none() {
//!     create(&*disk, LogId { identity: [7; 16], epoch: 0 }, Mark::default(), &options)?;
//! }
//!
//! // Start: the newest snapshot, then the log after it. What recovery yields is durable.
//! let loaded = snapshot::load(&*disk, u64::MAX)?;
//! let header = loaded.snapshot.as_ref().map(|snapshot| &snapshot.header);
//! let mut recovery = Recovery::open(Arc::clone(&disk), &options, header)?.on_progress(|at| drop(at));
//! while let Some(record) = recovery.next_record()? {
//!     let _apply = (record.sequence, record.bytes);
//! }
//! let log = recovery.log();
//! let (mut builder, mut writer) = recovery.finish()?.split();
//! let preparer = writer.preparer(); // for a housekeeping thread: `if !preparer.is_ready() { preparer.prepare()? }`
//!
//! // Building side. `room` and `add` encode in place; frames travel to the writing side and come back as spare memory.
//! let sequence = builder.push(b"a command")?;
//! builder.room(7)[..7].copy_from_slice(b"another");
//! let second = builder.add(7)?;
//! let mut frame: Frame = builder.close(Frame::default()).expect("two records");
//!
//! // Writing side, which seals as well: after `sync` returns, replies up to `durable.sequence` may be seen.
//! let mark = writer.write(&mut frame)?;
//! let durable = writer.sync()?;
//! assert_eq!((sequence, second, durable), (1, 2, mark));
//!
//! // A snapshot stands at the end of a frame.
//! let header = SnapshotHeader { log, mark: durable, time: 0, state_format: 1, state_hash: Hash::NONE };
//! snapshot::write(&*disk, &header, b"state", options.snapshots)?;
//! # preparer.prepare()?;
//! # Ok(())
//! # }
//! ```

mod chain;
pub mod doctor;
mod error;
mod frame;
mod head;
mod reader;
mod recovery;
mod segment;
pub mod skips;
pub mod snapshot;
mod storage;
mod tail;
mod types;
mod walk;
mod writer;

pub use chain::Record;
pub use error::{Damage, Error, Result};
pub use frame::{FRAME_VERSION, Frame, FrameBuilder};
pub use reader::{Extent, Reader, Report, verify};
pub use recovery::{Recovery, create, identify};
pub use segment::{SEGMENT_VERSION, SegmentHeader};
pub use snapshot::{Loaded, Snapshot, SnapshotHeader};
pub use storage::{Disk, Entry, Fault, File, Memory, SECTOR, Storage, Tap, Tapped};
pub use tail::TornTail;
pub use types::{Durability, Hash, LogId, Mark, Options, Position, Progress};
pub use writer::{Journal, Preparer, Writer};
