//! The log, read from its beginning into an empty exchange: each command is the one that was seen there, has the same
//! effect once more, and the state at the end is the same to the bit.

use std::sync::Arc;

use agio_engine::Engine;
use agio_engine::commands::decode_record;
use agio_journal::{Extent, Reader, Storage, skips};

use crate::audit::{Checked, Finding, Known, crc, same};
use crate::disk::Disk;

const CHECK: &str = "replay from the beginning";

#[allow(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn failed<E: ToString>(error: E) -> Finding {
    Finding { check: CHECK, what: error.to_string() }
}

pub(crate) fn check(disk: &Disk, known: &[Known], live: &Engine) -> Checked {
    disk.enter("replay");
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let mut reader = Reader::open(Arc::clone(&storage), 1, Extent::All).map_err(failed)?;
    let skipped = skips::read(disk, reader.log()).map_err(failed)?;
    let (mut engine, mut events, mut bytes) = (Engine::new(), Vec::new(), Vec::new());
    let mut count = 0;
    while let Some(record) = reader.next_record().map_err(failed)? {
        let (envelope, command) = decode_record(record.bytes).map_err(failed)?;
        let expected = known.get(count).ok_or_else(|| failed("the log holds more than was seen"))?;
        count += 1;
        bytes.clear();
        command.encode(&mut bytes);
        same(CHECK, &format!("command {count}"), &expected.command, &crc(&bytes))?;
        events.clear();
        if skipped.iter().any(|skip| skip.sequence == record.sequence) {
            same(CHECK, "a skipped command's events", &None, &expected.events)?;
            engine.quarantine(&envelope, &command, &mut events);
            continue;
        }
        engine.apply(&envelope, &command, &mut events);
        let found = crate::audit::fingerprint(&events, &mut bytes);
        same(CHECK, &format!("events of command {count}"), &expected.events, &Some(found))?;
    }
    same(CHECK, "commands", &known.len(), &count)?;
    same(CHECK, "the state's hash", &live.hash(), &engine.hash())?;
    restored(live)
}

/// A snapshot gives the same state back.
fn restored(live: &Engine) -> Checked {
    let mut bytes = Vec::new();
    live.snapshot(&mut bytes);
    let again = Engine::restore(&bytes).map_err(failed)?;
    same("snapshots", "the state's hash", &live.hash(), &again.hash())
}
