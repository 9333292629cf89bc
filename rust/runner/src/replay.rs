//! A log's commands through an engine again, up to where it ends. If it is long, another thread reads and checks what comes
//! next.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Scope, scope};

use agio_engine::commands::{Command, Envelope, decode_record};
use agio_engine::engine::Engine;
use agio_engine::events::Event;
use agio_journal::{Record, Recovery, Storage, skips, skips::Skip};
use agio_planted::{Bug, planted};

use crate::sequencer::words_of;
use crate::start::{StartError, Tripwire};

/// Records that are read together.
const BATCH: usize = 256;
/// A log of more batches than this is worth a thread.
const SHORT: usize = 8;
/// Batches that may wait for the engine.
const WAITING: usize = 16;

/// A record of the log as a command.
pub(crate) struct Read {
    pub sequence: u64,
    pub envelope: Envelope,
    pub command: Command,
}

impl Read {
    /// # Errors
    /// [`StartError::Record`] if this release cannot read it.
    pub(crate) fn of(record: &Record<'_>) -> Result<Self, StartError> {
        let sequence = record.sequence;
        let (envelope, command) =
            decode_record(record.bytes).map_err(|source| StartError::Record { sequence, source })?;
        Ok(Self { sequence, envelope, command })
    }

    /// Applies it as it was applied when it was live; `skipped` are the commands that broke the engine. If it breaks the
    /// engine, which is of no use then, answers what the panic said.
    pub(crate) fn apply(
        &self,
        engine: &mut Engine,
        skipped: &[u64],
        tripwire: Option<Tripwire>,
        out: &mut Vec<Event>,
    ) -> Result<(), Skip> {
        catch_unwind(AssertUnwindSafe(|| self.try_apply(engine, skipped, tripwire, out))).map_err(|panic| {
            let reason = words_of(panic.as_ref());
            Skip { sequence: self.sequence, time: engine.time().0, reason }
        })
    }

    fn try_apply(&self, engine: &mut Engine, skipped: &[u64], tripwire: Option<Tripwire>, out: &mut Vec<Event>) {
        let Self { sequence, envelope, command } = self;
        if skipped.binary_search(sequence).is_ok() {
            engine.quarantine(envelope, command, out);
        } else {
            if let Some(trip) = tripwire {
                trip(command);
            }
            engine.apply(envelope, command, out);
        }
    }
}

/// Applies what is left of the log; answers the command that broke the engine, if one did.
///
/// # Errors
/// [`StartError`]; [`StartError::Broken`] if it is not the last command that broke the engine, or one that is skipped.
pub fn replay(
    recovery: &mut Recovery,
    engine: &mut Engine,
    storage: &dyn Storage,
    tripwire: Option<Tripwire>,
) -> Result<Option<Skip>, StartError> {
    let skipped: Vec<u64> = skips::read(storage, recovery.log())?.iter().map(|skip| skip.sequence).collect();
    if planted(Bug::FirstRecordLost) {
        recovery.next_record()?;
    }
    scope(|scope| {
        let (mut source, mut events) = (Source::Here { recovery, left: SHORT }, Vec::new());
        while let Some(batch) = source.next(scope)? {
            for (at, read) in batch.iter().enumerate() {
                events.clear();
                if let Err(skip) = read.apply(engine, &skipped, tripwire, &mut events) {
                    // Nothing follows a command that broke the engine when it was live, and what lived may have been seen.
                    let followed = at + 1 < batch.len() || source.next(scope)?.is_some();
                    let lived = skipped.contains(&skip.sequence) || followed;
                    return if lived { Err(StartError::broken(skip)) } else { Ok(Some(skip)) };
                }
            }
        }
        Ok(None)
    })
}

/// Where the next records come from.
enum Source<'a> {
    /// This thread reads them, so many batches more.
    Here { recovery: &'a mut Recovery, left: usize },
    /// Another reads ahead.
    There(Receiver<Result<Vec<Read>, StartError>>),
}

impl<'a> Source<'a> {
    /// Some records; `None` at the end of the log.
    fn next<'scope>(&mut self, scope: &'scope Scope<'scope, 'a>) -> Result<Option<Vec<Read>>, StartError>
    where
        'a: 'scope,
    {
        match self {
            Self::Here { recovery, left } if *left > 0 => {
                *left -= 1;
                read(recovery)
            }
            Self::Here { .. } => {
                let (sender, batches) = sync_channel(WAITING);
                if let Self::Here { recovery, .. } = std::mem::replace(self, Self::There(batches)) {
                    scope.spawn(move || {
                        while let Some(batch) = read(recovery).transpose() {
                            let ends = batch.is_err();
                            if sender.send(batch).is_err() || ends {
                                break; // the engine's side has ended, or this one has
                            }
                        }
                    });
                }
                self.next(scope)
            }
            Self::There(batches) => batches.recv().ok().transpose(),
        }
    }
}

fn read(recovery: &mut Recovery) -> Result<Option<Vec<Read>>, StartError> {
    let mut batch = Vec::with_capacity(BATCH);
    while batch.len() < BATCH
        && let Some(record) = recovery.next_record()?
    {
        batch.push(Read::of(&record)?);
    }
    Ok(Some(batch).filter(|batch| !batch.is_empty()))
}
