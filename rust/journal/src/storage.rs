//! The door to the disk: what the journal asks of a folder, and no more. Everything above it runs unchanged on
//! [`Disk`] and, in tests and simulations, on [`Memory`].
//!
//! What is assumed of the medium, and nothing else: after `sync_data` returns, the bytes of that file are durable; after
//! `sync_dir`, so are names; a write changes no byte outside its range; and each aligned sector of
//! [`SECTOR`] bytes is either as before the write or as after it.

mod disk;
mod memory;
mod tapped;

pub use disk::Disk;
pub use memory::{Fault, Memory};
pub use tapped::{Tap, Tapped};

use crate::types::Durability;
use std::fmt;
use std::io;

/// The unit that a medium writes whole or not at all, in bytes. Many write 4096; 512 is what all of them honour.
pub const SECTOR: u64 = 512;

/// A file in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Name, without the folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// One flat folder of files.
pub trait Storage: Send + Sync + fmt::Debug {
    /// All files, sorted by name.
    fn list(&self) -> io::Result<Vec<Entry>>;
    /// Opens a file that exists, to read and, if this storage is writable, to write.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Creates a file of `bytes` bytes, all zero and all allocated. An older one of that name loses the name, not its
    /// content: who has it open keeps it.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>>;
    /// Renames a file, replacing what has the new name, in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes all creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Bytes that can still be allocated.
    fn free_bytes(&self) -> io::Result<u64>;
    /// The best durability that a sync of this storage may be called.
    fn strongest(&self) -> Durability;
}

/// An open file. Offsets and sizes in bytes.
pub trait File: Send + Sync + fmt::Debug {
    /// Size now.
    fn size(&self) -> io::Result<u64>;
    /// Reads from `offset` until `into` is full or the file ends; returns how many bytes.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Returns once all that was written is durable.
    fn sync_data(&self) -> io::Result<()>;
}
