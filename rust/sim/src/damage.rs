//! What bad disks, hands and backups do to files, tried on a copy: it is refused, with its place, or it changes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use agio_journal::{Memory, SECTOR, Storage, verify};
use agio_runner::{Options, recover};

use crate::audit::{Finding, holds, same};
use crate::dice::Dice;
use crate::disk::{Disk, PART, SEGMENT};
use crate::process::Process;

const CHECK: &str = "damage is refused, never served";

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// A bit is another one.
    Flip,
    /// A sector lies where it does not belong.
    Misdirected,
    /// A file is shorter.
    Truncated,
    /// Two files have each other's content.
    Swapped,
    /// A file is gone.
    Missing,
}

/// How it went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// The start was refused.
    Refused,
    /// The start did not need the place, and `verify` names it.
    Reported,
    /// Nothing that matters was hit.
    Harmless,
}

/// Where it was done.
struct Place {
    kind: Kind,
    /// Every check must notice it: bytes of a segment's frames or header have changed.
    must_show: bool,
    text: String,
}

/// Damages a copy of the disk and starts on it.
pub(crate) fn inflict(
    disk: &Disk,
    options: &Options,
    process: &Process,
    dice: &mut Dice,
) -> Result<Option<(Kind, Outcome)>, Finding> {
    let copy = disk.memory().killed();
    copy.set_free(u64::MAX);
    let Some(place) = damage(&copy, process, dice) else { return Ok(None) };
    let storage: Arc<dyn Storage> = Arc::new(copy.clone());
    let report = verify(&storage);
    let noticed = report.as_ref().map_or(true, |report| !report.is_clean());
    holds(CHECK, noticed || !place.must_show, || format!("verify finds nothing wrong with {}", place.text))?;
    let started = catch_unwind(AssertUnwindSafe(|| recover(&storage, options)));
    let started = started.map_err(|_| Finding { check: CHECK, what: format!("a panic at {}", place.text) })?;
    let outcome = match started {
        Ok(recovered) => {
            let what = format!("the state served after {}", place.text);
            same(CHECK, &what, &process.engine().hash(), &recovered.engine.hash())?;
            if noticed { Outcome::Reported } else { Outcome::Harmless }
        }
        Err(error) => {
            let text = error.to_string();
            let names =
                text.contains(".seg") || text.contains("head") || text.contains("skips") || text.contains("log");
            holds(CHECK, names, || format!("the refusal of {} names no place: {text}", place.text))?;
            Outcome::Refused
        }
    };
    Ok(Some((place.kind, outcome)))
}

fn damage(copy: &Memory, process: &Process, dice: &mut Dice) -> Option<Place> {
    let files = copy.list().ok()?;
    let names: Vec<String> = files.into_iter().map(|entry| entry.name).filter(|name| !name.ends_with(PART)).collect();
    let name = &names[dice.below(names.len() as u64) as usize];
    let segments: Vec<&String> = names.iter().filter(|name| name.ends_with(SEGMENT)).collect();
    let other = segments[dice.below(segments.len() as u64) as usize];
    match dice.below(8) {
        0..4 => flip(copy, name, dice),
        4 => misdirect(copy, name, other, process, dice),
        5 => truncate(copy, name, process, dice),
        6 => swap(copy, name, other),
        _ => remove(copy, name, &segments),
    }
}

/// A bit of what was written; zeros behind the end are nobody's.
fn flip(copy: &Memory, name: &str, dice: &mut Dice) -> Option<Place> {
    let content = copy.content(name)?;
    let offset = dice.below(content.len().max(1) as u64) as usize;
    let offset = content.iter().take(offset + 1).rposition(|byte| *byte != 0)?;
    let bit = dice.below(8) as u8;
    copy.flip(name, offset as u64, bit);
    let must_show = name.ends_with(SEGMENT);
    Some(Place { kind: Kind::Flip, must_show, text: format!("bit {bit} of byte {offset} of {name}") })
}

/// A sector with something in it, written over another that held something too. The last frame is left alone: one whose
/// end is gone looks as if it had never been written, and on one disk nothing can tell.
fn misdirect(copy: &Memory, from: &str, to: &str, process: &Process, dice: &mut Dice) -> Option<Place> {
    let sector = SECTOR as usize;
    let mut target = copy.content(to)?;
    let last = process.durable().position;
    let limit = if to == format!("{:020}.seg", last.segment) { last.offset as usize } else { target.len() };
    let written = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
    let pick = |content: &[u8], dice: &mut Dice| {
        let places: Vec<usize> =
            content.chunks(sector).enumerate().filter(|(_, bytes)| written(bytes)).map(|(at, _)| at).collect();
        (!places.is_empty()).then(|| places[dice.below(places.len() as u64) as usize] * sector)
    };
    let source = copy.content(from)?;
    let (source_at, target_at) = (pick(&source, dice)?, pick(&target[..limit], dice)?);
    let piece = source.get(source_at..source_at + sector)?;
    if target_at + sector > limit || target[target_at..target_at + sector] == *piece {
        return None;
    }
    target[target_at..target_at + sector].copy_from_slice(piece);
    copy.put(to, &target);
    let text = format!("the sector at {source_at} of {from} written to {target_at} of {to}");
    Some(Place { kind: Kind::Misdirected, must_show: true, text })
}

fn truncate(copy: &Memory, name: &str, _: &Process, dice: &mut Dice) -> Option<Place> {
    let content = copy.content(name)?;
    let length = dice.below(content.len().max(1) as u64) as usize;
    copy.put(name, &content[..length]);
    let must_show = name.ends_with(SEGMENT);
    Some(Place { kind: Kind::Truncated, must_show, text: format!("{name} cut to {length} bytes") })
}

fn swap(copy: &Memory, one: &str, other: &str) -> Option<Place> {
    let (first, second) = (copy.content(one)?, copy.content(other)?);
    if one == other {
        return None;
    }
    copy.put(one, &second);
    copy.put(other, &first);
    Some(Place { kind: Kind::Swapped, must_show: true, text: format!("{one} and {other} swapped") })
}

/// A segment in the middle is missed; the oldest ones may have been archived, and the others make up for each other.
fn remove(copy: &Memory, name: &str, segments: &[&String]) -> Option<Place> {
    copy.remove(name).ok()?;
    let must_show = segments.iter().position(|segment| *segment == name).is_some_and(|place| place > 0);
    Some(Place { kind: Kind::Missing, must_show, text: format!("{name} gone") })
}
