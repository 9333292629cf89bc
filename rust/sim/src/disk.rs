//! The disk under a simulated process: [`Memory`], with every call counted by its place in the code, and a process that
//! can die before, during or after any of them.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agio_journal::{Durability, Entry, Fault, File, Memory, Storage};
use rustc_hash::FxHasher;

use crate::sites::Site;

/// When the process dies, seen from the call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Moment {
    /// The call was not made.
    Before,
    /// Half of a write was done; for other calls the power cut decides.
    During,
    /// The call was made, and nobody learns of it.
    After,
}

impl Moment {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

/// What is to happen at a call that has yet to come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// The process dies at this place.
    CrashAt(Site, Moment),
    /// The process dies, so many calls from now.
    CrashIn(u64, Moment),
    /// A call fails, so many calls from now; a write is half done.
    FailIn(u64),
}

/// How often a place was passed, and how often the process died there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls.
    pub calls: u64,
    /// Deaths before, during and after.
    pub deaths: [u64; 3],
}

/// Calls and deaths of each place.
pub type Tallies = BTreeMap<Site, Tally>;

#[derive(Default)]
struct State {
    phase: &'static str,
    /// What the last name that changed stood for: a sync of the folder is called after that.
    named: &'static str,
    kinds: BTreeMap<String, Kind>,
    trouble: Option<Trouble>,
    dead: bool,
    failed: bool,
    tallies: Tallies,
    fingerprint: FxHasher,
}

/// What a file is; it changes when the file is renamed.
type Kind = Arc<Mutex<&'static str>>;

/// The disk of a process. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct Disk {
    memory: Arc<Mutex<Memory>>,
    state: Arc<Mutex<State>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the names of segments, snapshots and unfinished files end.
pub(crate) const SEGMENT: &str = ".seg";
const SNAPSHOT: &str = ".snap";
pub(crate) const PART: &str = ".part";

fn kind_of(name: &str) -> &'static str {
    const WHOLE: [&str; 7] = ["head", "head.part", "skips", "skips.part", "next.part", "tail.part", "snapshot.part"];
    let whole = WHOLE.iter().find(|known| **known == name);
    match whole {
        Some(known) => known,
        None if name.ends_with(SEGMENT) => "segment",
        None if name.ends_with(SNAPSHOT) => "snapshot",
        None => "another file",
    }
}

impl Disk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { memory: Arc::new(Mutex::new(Memory::simulated())), state: Arc::default() }
    }

    /// The medium as it is now.
    pub(crate) fn memory(&self) -> Memory {
        lock(&self.memory).clone()
    }

    /// What the process does from here on, for the names of places.
    pub(crate) fn enter(&self, phase: &'static str) {
        lock(&self.state).phase = phase;
    }

    /// Plans trouble, instead of what was planned before.
    pub(crate) fn plan(&self, trouble: Option<Trouble>) {
        lock(&self.state).trouble = trouble;
    }

    /// Whether the process has died at a call.
    pub(crate) fn is_dead(&self) -> bool {
        lock(&self.state).dead
    }

    /// Whether a planned failure has happened since this was last asked.
    pub(crate) fn has_failed(&self) -> bool {
        std::mem::take(&mut lock(&self.state).failed)
    }

    /// Gives the next process what is left: after a power cut as `power_cut` chooses, else all that was written.
    pub(crate) fn restart(&self, power_cut: Option<u64>) {
        let mut memory = lock(&self.memory);
        let left = match power_cut {
            Some(seed) => memory.crash(seed),
            None => memory.killed(),
        };
        *memory = left;
        let mut state = lock(&self.state);
        state.dead = false;
        state.trouble = None;
        state.kinds.clear();
        state.named = "a start";
    }

    /// A power cut now, without a call under way.
    pub(crate) fn pull_the_plug(&self) {
        lock(&self.state).dead = true;
    }

    /// Calls and deaths so far.
    pub(crate) fn tallies(&self) -> Tallies {
        lock(&self.state).tallies.clone()
    }

    /// A number that two runs share only if they made the same calls.
    pub(crate) fn fingerprint(&self) -> u64 {
        lock(&self.state).fingerprint.finish()
    }

    fn kind(&self, name: &str) -> Kind {
        let mut state = lock(&self.state);
        let kind = state.kinds.entry(name.to_owned()).or_insert_with(|| Arc::new(Mutex::new(kind_of(name))));
        Arc::clone(kind)
    }

    /// Makes a call, unless the process dies first.
    fn call<T>(&self, call: &'static str, file: &'static str, size: u64, run: impl FnOnce() -> T) -> io::Result<T> {
        let verdict = lock(&self.state).verdict(call, file, size);
        match verdict {
            Verdict::Dead => return Err(died()),
            Verdict::Go => return Ok(run()),
            Verdict::Die(Moment::Before) => {}
            Verdict::Die(Moment::During) => {
                self.memory().fail(0, Fault::Halt);
                drop(run());
            }
            Verdict::Die(Moment::After) => drop(run()),
            Verdict::Fail => {
                self.memory().fail(0, Fault::Half);
                return Ok(run());
            }
        }
        Err(died())
    }

    fn wrap(&self, inner: Box<dyn File>, name: &str) -> Box<dyn File> {
        Box::new(Handle { disk: self.clone(), inner, kind: self.kind(name) })
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("phase", &lock(&self.state).phase).finish_non_exhaustive()
    }
}

fn died() -> io::Error {
    io::Error::other("the process has died")
}

enum Verdict {
    Go,
    Fail,
    Die(Moment),
    Dead,
}

impl State {
    fn verdict(&mut self, call: &'static str, file: &'static str, size: u64) -> Verdict {
        if self.dead {
            return Verdict::Dead;
        }
        let place = Site { phase: self.phase, call, file };
        for part in [place.phase, call, file] {
            self.fingerprint.write(part.as_bytes());
        }
        self.fingerprint.write_u64(size);
        let tally = self.tallies.entry(place).or_default();
        tally.calls += 1;
        let Some(trouble) = &mut self.trouble else { return Verdict::Go };
        let moment = match trouble {
            Trouble::CrashAt(at, moment) if *at == place => *moment,
            Trouble::CrashIn(0, moment) => *moment,
            Trouble::FailIn(0) => {
                (self.trouble, self.failed) = (None, true);
                return Verdict::Fail;
            }
            Trouble::CrashIn(left, _) | Trouble::FailIn(left) => {
                *left -= 1;
                return Verdict::Go;
            }
            Trouble::CrashAt(..) => return Verdict::Go,
        };
        tally.deaths[moment as usize] += 1;
        (self.trouble, self.dead) = (None, true);
        Verdict::Die(moment)
    }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<Entry>> {
        self.call("list", "folder", 0, || self.memory().list())?
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = self.call("open", kind_of(name), 0, || self.memory().open(name))??;
        Ok(self.wrap(file, name))
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>> {
        let file = self.call("create", kind_of(name), bytes, || self.memory().create(name, bytes))??;
        let mut state = lock(&self.state);
        state.named = kind_of(name);
        state.kinds.remove(name);
        drop(state);
        Ok(self.wrap(file, name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.call("rename to", kind_of(to), 0, || self.memory().rename(from, to))??;
        let kind = self.kind(from);
        *lock(&kind) = kind_of(to);
        let mut state = lock(&self.state);
        state.named = kind_of(to);
        state.kinds.remove(from);
        state.kinds.insert(to.to_owned(), kind);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let kind = if name.ends_with(PART) { "unfinished file" } else { kind_of(name) };
        self.call("remove", kind, 0, || self.memory().remove(name))??;
        lock(&self.state).named = kind;
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let named = lock(&self.state).named;
        self.call("sync the folder after", named, 0, || self.memory().sync_dir())?
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.call("measure", "folder", 0, || self.memory().free_bytes())?
    }

    fn strongest(&self) -> Durability {
        self.memory().strongest()
    }
}

struct Handle {
    disk: Disk,
    inner: Box<dyn File>,
    kind: Kind,
}

impl Handle {
    fn call<T>(&self, call: &'static str, size: u64, run: impl FnOnce() -> T) -> io::Result<T> {
        let kind = *lock(&self.kind);
        self.disk.call(call, kind, size, run)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl File for Handle {
    fn size(&self) -> io::Result<u64> {
        self.call("measure", 0, || self.inner.size())?
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.call("read", offset, || self.inner.read_at(offset, into))?
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.call("write", offset << 32 | bytes.len() as u64, || self.inner.write_at(offset, bytes))?
    }

    fn sync_data(&self) -> io::Result<()> {
        self.call("sync", 0, || self.inner.sync_data())?
    }
}
