//! A folder whose files are used through something else: a gate, a clock, a fault. For tests and measurements.

use super::{Entry, File, Storage};
use crate::types::Durability;
use std::fmt;
use std::io;
use std::sync::Arc;

/// What stands between the files of a folder and whoever uses them. What it does not define goes straight to the file.
pub trait Tap: Send + Sync + fmt::Debug {
    /// Instead of [`File::read_at`].
    ///
    /// # Errors
    /// The file's, or its own.
    fn read_at(&self, file: &dyn File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        file.read_at(offset, into)
    }

    /// Instead of [`File::write_at`].
    ///
    /// # Errors
    /// The file's, or its own.
    fn write_at(&self, file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        file.write_at(offset, bytes)
    }

    /// Instead of [`File::sync_data`].
    ///
    /// # Errors
    /// The file's, or its own.
    fn sync_data(&self, file: &dyn File) -> io::Result<()> {
        file.sync_data()
    }
}

/// A folder with a tap: all that it opens or creates is used through that one.
#[derive(Debug)]
pub struct Tapped<S, T> {
    storage: S,
    tap: Arc<T>,
}

impl<S: Storage, T: Tap + 'static> Tapped<S, T> {
    /// Puts a tap on a folder.
    pub const fn new(storage: S, tap: Arc<T>) -> Self {
        Self { storage, tap }
    }

    fn file(&self, file: Box<dyn File>) -> Box<dyn File> {
        Box::new(TappedFile { file, tap: Arc::clone(&self.tap) })
    }
}

impl<S: Storage, T: Tap + 'static> Storage for Tapped<S, T> {
    fn list(&self) -> io::Result<Vec<Entry>> {
        self.storage.list()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.storage.open(name).map(|file| self.file(file))
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>> {
        self.storage.create(name, bytes).map(|file| self.file(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.storage.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.storage.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.storage.sync_dir()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.storage.free_bytes()
    }

    fn strongest(&self) -> Durability {
        self.storage.strongest()
    }
}

#[derive(Debug)]
struct TappedFile<T> {
    file: Box<dyn File>,
    tap: Arc<T>,
}

impl<T: Tap> File for TappedFile<T> {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.tap.read_at(&*self.file, offset, into)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.tap.write_at(&*self.file, offset, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.tap.sync_data(&*self.file)
    }
}
