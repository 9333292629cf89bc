//! Reading a log that lies in a folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use agio_edge::errors::template;
use agio_engine::commands::{Command, Envelope};
use agio_engine::events::{Event, Rejected};
use agio_journal::{Disk, Storage, verify as verify_files};
use agio_runner::{Follower, StartError, Step};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::{ShardError, not_started};
use crate::rows::{Collector, Rows};

/// Rows of one step of a replay.
pub(crate) const STEP_ROWS: usize = 4_000;
/// Commands of one step of a replay.
const STEP_COMMANDS: usize = 10_000;

/// The next rows of a follower up to sequence `until`; `None` at the end.
pub(crate) fn next_rows(follower: &mut Follower, until: u64) -> Result<Option<Rows>, StartError> {
    let mut collector = Collector::default();
    let mut commands = 0;
    while collector.len() < STEP_ROWS && commands < STEP_COMMANDS && follower.sequence().0 < until {
        let Some(Step { envelope, events, .. }) = follower.advance()? else { break };
        collector.begin(envelope.sequence, envelope.time);
        for event in &events {
            collector.add(event.into());
        }
        collector.end();
        commands += 1;
    }
    Ok((!collector.is_empty()).then(|| collector.finish()))
}

#[pyclass(module = "agio._core")]
struct Replay(Mutex<Follower>);

#[pymethods]
impl Replay {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Rows>> {
        py.detach(|| next_rows(&mut self.0.lock(), u64::MAX)).map_err(|error| not_started(&error))
    }

    /// Bytes read, of all there are to read.
    fn progress(&self) -> (u64, u64) {
        let progress = self.0.lock().progress();
        (progress.done, progress.total)
    }
}

#[pyfunction]
fn replay(py: Python<'_>, folder: PathBuf, first: u64) -> PyResult<Replay> {
    let follower = py.detach(|| Follower::open(&folder, first)).map_err(|error| not_started(&error))?;
    Ok(Replay(Mutex::new(follower)))
}

#[pyclass(module = "agio._core")]
struct Inspect(Mutex<Follower>);

#[pymethods]
impl Inspect {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// The next command with its events, as JSON.
    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let step = py.detach(|| self.0.lock().advance()).map_err(|error| not_started(&error))?;
        let Some(Step { envelope, command, events }) = step else { return Ok(None) };
        let story = Story { envelope, command: &command, events: told(&events) };
        Ok(Some(PyBytes::new(py, &json_of(&story))))
    }
}

/// A command and what it caused.
#[derive(Serialize)]
struct Story<'a> {
    #[serde(flatten)]
    envelope: Envelope,
    command: &'a Command,
    events: Vec<Told<'a>>,
}

/// An event as an operator reads it.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Told<'a> {
    Plain(&'a Event),
    /// A rejection says why in words.
    Refusal {
        #[serde(rename = "Rejected")]
        rejected: Refused<'a>,
    },
}

#[derive(Serialize)]
pub(crate) struct Refused<'a> {
    #[serde(flatten)]
    rejected: &'a Rejected,
    words: &'static str,
    code: i32,
}

impl<'a> From<&'a Event> for Told<'a> {
    fn from(event: &'a Event) -> Self {
        let Event::Rejected(rejected) = event else { return Self::Plain(event) };
        let (words, code) = (rejected.reason.words(), template(rejected.reason).code);
        Self::Refusal { rejected: Refused { rejected, words, code } }
    }
}

/// Events as an operator reads them.
pub(crate) fn told(events: &[Event]) -> Vec<Told<'_>> {
    events.iter().map(Told::from).collect()
}

/// As JSON, without a `Value` in between: that one has no room for 128 bits.
pub(crate) fn json_of(told: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(told).expect("names are text, and bytes are written to memory")
}

#[pyfunction]
fn inspect(py: Python<'_>, folder: PathBuf, first: u64) -> PyResult<Inspect> {
    let follower = py.detach(|| Follower::open(&folder, first)).map_err(|error| not_started(&error))?;
    Ok(Inspect(Mutex::new(follower)))
}

/// Checks the files, replays all from the beginning, compares the state with each snapshot's on the way, and says what it
/// found, as JSON.
#[pyfunction]
fn verify(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyBytes>> {
    let found = py.detach(|| examine(&folder)).map_err(|error| not_started(&error))?;
    Ok(PyBytes::new(py, found.to_string().as_bytes()))
}

fn examine(folder: &std::path::Path) -> Result<Value, StartError> {
    let disk: Arc<dyn Storage> = Arc::new(Disk::read_only(folder)?);
    let report = verify_files(&disk)?;
    let mut damage: Vec<String> = report.damage.iter().map(ToString::to_string).collect();
    damage.extend(report.others.iter().map(|(file, problem)| format!("{file}: {problem}")));
    let mut state = Value::Null;
    if damage.is_empty() {
        let (mut follower, taken) = (Follower::from_zero(folder, 1)?, taken_states(&*disk)?);
        while let Some(step) = follower.advance()? {
            let reached = step.envelope.sequence.0;
            if let Some((file, hash)) = taken.get(&reached)
                && follower.engine().hash() != *hash
            {
                damage.push(format!(
                    "{file}: the log, with its skip list, replays to another state than this was taken from"
                ));
            }
            if reached >= report.last.sequence {
                break;
            }
        }
        damage.extend(follower.engine().audit().err().map(|violation| format!("{violation:?}")));
        state = blake3_hex(follower.engine().hash()).into();
    }
    Ok(json!({
        "log": report.log.to_string(), "segments": report.segments, "frames": report.frames, "records": report.records,
        "snapshots": report.snapshots, "last": report.last.sequence, "torn": report.torn.map(|torn| format!("{torn:?}")),
        "hash": state, "damage": damage,
    }))
}

/// By sequence, each snapshot's file and the hash of the state that it was taken from.
fn taken_states(disk: &dyn Storage) -> Result<BTreeMap<u64, (String, [u8; 32])>, StartError> {
    let snapshots = agio_journal::doctor::list(disk)?.snapshots.into_iter();
    let whole = snapshots.filter_map(|info| info.header.ok().map(|header| (info.name, header)));
    Ok(whole.map(|(name, header)| (header.mark.sequence, (name, header.state_hash.0))).collect())
}

pub(crate) fn blake3_hex(hash: [u8; 32]) -> String {
    use std::fmt::Write;
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What lies in a folder, as JSON.
#[pyfunction]
fn doctor(py: Python<'_>, folder: PathBuf) -> PyResult<Bound<'_, PyBytes>> {
    let found = py.detach(|| contents(&folder)).map_err(|error| ShardError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, found.to_string().as_bytes()))
}

fn contents(folder: &std::path::Path) -> Result<Value, agio_journal::Error> {
    let listing = agio_journal::doctor::list(&Disk::read_only(folder)?)?;
    let segments = listing
        .segments
        .iter()
        .map(|s| json!({ "name": s.name, "bytes": s.bytes, "first": s.first, "last": s.last, "problem": s.problem }));
    let snapshots = listing.snapshots.iter().map(|s| {
        let sequence = s.header.as_ref().ok().map(|header| header.mark.sequence);
        json!({ "name": s.name, "bytes": s.bytes, "sequence": sequence, "problem": s.header.as_ref().err() })
    });
    let names = |entries: &[agio_journal::Entry]| entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>();
    Ok(json!({
        "log": listing.log.map(|log| log.to_string()),
        "segments": segments.collect::<Vec<_>>(), "snapshots": snapshots.collect::<Vec<_>>(),
        "quarantined": listing.skips.as_ref().ok(), "skips_problem": listing.skips.as_ref().err(),
        "unfinished": names(&listing.unfinished), "strangers": names(&listing.strangers),
        "bytes": listing.bytes, "free": listing.free,
    }))
}

/// The layouts of commands and events, as JSON.
#[pyfunction]
fn layouts(py: Python<'_>) -> Bound<'_, PyBytes> {
    let layout = |doc: &agio_engine::layout::LayoutDoc| {
        let fields = doc.fields.iter().map(|f| json!({ "name": f.name, "type": f.kind, "doc": f.doc.trim() }));
        json!({
            "kind": doc.kind, "version": doc.version, "name": doc.name, "doc": doc.doc.trim(),
            "fields": fields.collect::<Vec<_>>(),
        })
    };
    let all = json!({
        "commands": Command::LAYOUTS.iter().map(layout).collect::<Vec<_>>(),
        "events": Event::LAYOUTS.iter().map(layout).collect::<Vec<_>>(),
    });
    PyBytes::new(py, all.to_string().as_bytes())
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Replay>()?;
    module.add_class::<Inspect>()?;
    module.add_function(wrap_pyfunction!(replay, module)?)?;
    module.add_function(wrap_pyfunction!(inspect, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(doctor, module)?)?;
    module.add_function(wrap_pyfunction!(layouts, module)?)
}
