//! A second engine that reads a log: to recover, to catch a projection up, to verify, to tell an order's story.

use std::path::Path;
use std::sync::Arc;

use agio_engine::commands::{Command, Envelope};
use agio_engine::engine::Engine;
use agio_engine::events::Event;
use agio_engine::units::Sequence;
use agio_journal::{Disk, Extent, Progress, Reader, Storage, skips, snapshot};

use crate::replay::Read;
use crate::start::{StartError, Tripwire};

/// One command of the log with what it caused.
#[derive(Debug)]
pub struct Step {
    /// What the log added.
    pub envelope: Envelope,
    /// The command.
    pub command: Command,
    /// Its events.
    pub events: Vec<Event>,
}

/// Reads a log beside whoever writes it.
pub struct Follower {
    reader: Reader,
    engine: Engine,
    skipped: Vec<u64>,
    first: u64,
    tripwire: Option<Tripwire>,
}

impl Follower {
    /// Stands before sequence `first`, from the newest snapshot that lies before it, or from the beginning.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn open(folder: &Path, first: u64) -> Result<Self, StartError> {
        let disk: Arc<dyn Storage> = Arc::new(Disk::read_only(folder)?);
        let loaded = snapshot::load(&*disk, first.saturating_sub(1))?;
        let engine = match &loaded.snapshot {
            Some(snapshot) => Engine::restore(&snapshot.body)?,
            None => Engine::new(),
        };
        Self::begin(&disk, engine, first)
    }

    /// Stands before sequence `first` and replays everything from the log's beginning, snapshots or not.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn from_zero(folder: &Path, first: u64) -> Result<Self, StartError> {
        let disk: Arc<dyn Storage> = Arc::new(Disk::read_only(folder)?);
        Self::begin(&disk, Engine::new(), first)
    }

    pub(crate) fn begin(disk: &Arc<dyn Storage>, engine: Engine, first: u64) -> Result<Self, StartError> {
        let reader = Reader::open(Arc::clone(disk), engine.sequence().0 + 1, Extent::All)?;
        let skipped = skips::read(&**disk, reader.log())?.iter().map(|skip| skip.sequence).collect();
        Ok(Self { reader, engine, skipped, first, tripwire: None })
    }

    /// The same, with a command that breaks the engine.
    #[cfg(test)]
    pub(crate) fn tripping(self, tripwire: Tripwire) -> Self {
        Self { tripwire: Some(tripwire), ..self }
    }

    /// The next command from `first` on; `None` at the end as it is now.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn advance(&mut self) -> Result<Option<Step>, StartError> {
        loop {
            let Some(record) = self.reader.next_record()? else { return Ok(None) };
            let mut events = Vec::new();
            let read = Read::of(&record)?;
            if let Err(skip) = read.apply(&mut self.engine, &self.skipped, self.tripwire, &mut events) {
                let lived = self.skipped.contains(&skip.sequence) || self.reader.next_record()?.is_some();
                return Err(if lived { StartError::broken(skip) } else { StartError::breaking(skip) });
            }
            if read.sequence >= self.first {
                return Ok(Some(Step { envelope: read.envelope, command: read.command, events }));
            }
        }
    }

    /// The state after the last command read.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The last sequence applied.
    pub fn sequence(&self) -> Sequence {
        self.engine.sequence()
    }

    /// Bytes read, of all there are to read.
    pub fn progress(&self) -> Progress {
        self.reader.progress()
    }
}
