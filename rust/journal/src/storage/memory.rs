//! A folder in memory, for logs that need not survive, and for tests that want to see what survives.
//!
//! The simulated disk keeps a live image (what the process reads back: the page cache) and a durable one. [`Memory::crash`]
//! gives a new disk with what a power cut may have left: of each sector that was written and not synced any version
//! since the last sync, of each name that changed and was not synced any state since. Of what a failed sync leaves behind
//! later ones know nothing: it can be read until the power goes.

use super::{Entry, File, SECTOR, Storage};
use crate::types::Durability;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong at a call that was told to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The call fails without effect.
    Error,
    /// Half of a write is done, then it fails. Other calls fail without effect.
    Half,
    /// As `Half`, and the process dies there: every later call fails.
    Halt,
}

/// A folder in memory. Clones are the same folder.
#[derive(Clone)]
pub struct Memory(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    simulated: bool,
    /// The files that the process sees.
    names: BTreeMap<String, Shared>,
    /// What each changed name stood for at the last `sync_dir` and after each change since.
    unsynced_names: BTreeMap<String, Vec<Option<Shared>>>,
    calls: u64,
    fault: Option<(u64, Fault)>,
    free: u64,
}

/// A file that names and handles share; gone when neither is left.
type Shared = Arc<Mutex<Node>>;

fn lock(node: &Shared) -> MutexGuard<'_, Node> {
    node.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file's content, whatever its name.
#[derive(Clone, Default)]
struct Node {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync, in order.
    unsynced: Vec<(u64, Vec<u8>)>,
}

impl Memory {
    /// A folder that claims nothing: [`Durability::Memory`].
    pub fn volatile() -> Self {
        Self::with(World { free: u64::MAX, ..World::default() })
    }

    /// A disk that claims [`Durability::Fdatasync`] and keeps count of what it would lose.
    pub fn simulated() -> Self {
        Self::with(World { simulated: true, free: u64::MAX, ..World::default() })
    }

    fn with(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls were made so far.
    pub fn calls(&self) -> u64 {
        self.world().calls
    }

    /// Lets call number `nth` from now (0: the next) go wrong.
    pub fn fail(&self, nth: u64, fault: Fault) {
        let mut world = self.world();
        world.fault = Some((world.calls + nth, fault));
    }

    /// Sets how many bytes can still be allocated.
    pub fn set_free(&self, bytes: u64) {
        self.world().free = bytes;
    }

    /// Flips one bit of a file, in both images. Answers whether the file has that byte.
    pub fn flip(&self, name: &str, offset: u64, bit: u8) -> bool {
        let Some(node) = self.world().names.get(name).cloned() else { return false };
        let mut node = lock(&node);
        let Node { live, durable, .. } = &mut *node;
        let mask = 1 << (bit % 8);
        let mut found = false;
        for image in [live, durable] {
            if let Some(byte) = image.get_mut(offset as usize) {
                *byte ^= mask;
                found = true;
            }
        }
        found
    }

    /// The content of a file as the process sees it.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(name).map(|node| lock(node).live.clone())
    }

    /// Puts a file there, durably, replacing what had the name.
    pub fn put(&self, name: &str, content: &[u8]) {
        let mut world = self.world();
        let node = Node { live: content.to_vec(), durable: content.to_vec(), unsynced: Vec::new() };
        world.names.insert(name.to_owned(), Arc::new(Mutex::new(node)));
        world.unsynced_names.remove(name);
    }

    /// The folder after the process died and the machine went on: all that was written, unsynced as it was.
    #[must_use]
    pub fn killed(&self) -> Self {
        self.world().copied(&mut Node::clone)
    }

    /// The folder after a power cut; `seed` chooses what of the unsynced is left.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let after = self.world().copied(&mut |node| node.after_crash(&mut dice));
        let mut world = after.world();
        for (name, mut states) in std::mem::take(&mut world.unsynced_names) {
            match states.swap_remove(dice.below(states.len())) {
                Some(node) => world.names.insert(name, node),
                None => world.names.remove(&name),
            };
        }
        drop(world);
        after
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let world = self.world();
        f.debug_struct("Memory")
            .field("names", &world.names.keys())
            .field("calls", &world.calls)
            .finish_non_exhaustive()
    }
}

impl Node {
    fn write(&mut self, offset: u64, bytes: &[u8], remember: bool) {
        put(&mut self.live, offset, bytes);
        if remember {
            self.unsynced.push((offset, bytes.to_vec()));
        }
    }

    /// The first `most` of the writes become durable. If the sync fails the others do not, and no later one comes back to
    /// them: the system takes their pages for clean, and still shows them to whoever reads.
    fn sync(&mut self, most: usize) {
        for (offset, bytes) in self.unsynced.drain(..).take(most) {
            put(&mut self.durable, offset, &bytes);
        }
        self.durable.resize(self.live.len(), 0);
    }

    /// Each sector keeps a number of the writes that touched it, the earliest ones.
    fn after_crash(&self, dice: &mut Dice) -> Self {
        let mut image = self.durable.clone();
        if image.len() != self.live.len() && dice.below(2) == 0 {
            image.resize(self.live.len(), 0);
        }
        let mood = dice.below(4);
        for sector in self.touched() {
            let pieces: Vec<_> = self.unsynced.iter().filter_map(|(at, bytes)| clip(*at, bytes, sector)).collect();
            let kept = match mood {
                0 => 0,
                1 => pieces.len(),
                _ => dice.below(pieces.len() + 1),
            };
            for (at, bytes) in &pieces[..kept] {
                put(&mut image, *at, bytes);
            }
        }
        Self { live: image.clone(), durable: image, unsynced: Vec::new() }
    }

    fn touched(&self) -> BTreeSet<u64> {
        let sectors = |(at, bytes): &(u64, Vec<u8>)| at / SECTOR..(at + bytes.len() as u64).div_ceil(SECTOR);
        self.unsynced.iter().flat_map(sectors).collect()
    }
}

fn put(image: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + bytes.len());
    if image.len() < end {
        image.resize(end, 0);
    }
    image[start..end].copy_from_slice(bytes);
}

/// The part of a write that lies in one sector.
fn clip(at: u64, bytes: &[u8], sector: u64) -> Option<(u64, &[u8])> {
    let start = at.max(sector * SECTOR);
    let end = (at + bytes.len() as u64).min((sector + 1) * SECTOR);
    (start < end).then(|| (start, &bytes[(start - at) as usize..(end - at) as usize]))
}

impl World {
    /// The same folder with a copy of each file, and without a planned fault. Names that shared a file still do.
    fn copied(&self, copy: &mut dyn FnMut(&Node) -> Node) -> Memory {
        let mut copies = BTreeMap::new();
        let mut copy = |node: &Shared| {
            let again = copies.entry(Arc::as_ptr(node) as usize);
            Arc::clone(again.or_insert_with(|| Arc::new(Mutex::new(copy(&lock(node))))))
        };
        let names = self.names.iter().map(|(name, node)| (name.clone(), copy(node))).collect();
        let mut states =
            |states: &Vec<Option<Shared>>| states.iter().map(|node| node.as_ref().map(&mut copy)).collect();
        let unsynced_names = self.unsynced_names.iter().map(|(name, list)| (name.clone(), states(list))).collect();
        Memory::with(Self { simulated: self.simulated, names, unsynced_names, free: self.free, ..Self::default() })
    }

    /// Counts a call; tells how it goes wrong, if it does.
    fn call(&mut self) -> Result<(), Fault> {
        let now = self.calls;
        self.calls += 1;
        match self.fault {
            Some((at, fault)) if at == now => Err(fault),
            Some((at, Fault::Halt)) if at < now => Err(Fault::Error),
            _ => Ok(()),
        }
    }

    fn node(&self, name: &str) -> io::Result<Shared> {
        self.names.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&mut self, name: &str, to: Option<Shared>) {
        let before = self.names.get(name).cloned();
        if self.simulated {
            self.unsynced_names.entry(name.to_owned()).or_insert_with(|| vec![before]).push(to.clone());
        }
        match to {
            Some(node) => self.names.insert(name.to_owned(), node),
            None => self.names.remove(name),
        };
    }

    /// The room of what has a name comes back: it loses that name.
    fn release(&mut self, name: &str) {
        let bytes = self.names.get(name).map_or(0, |node| lock(node).live.len());
        self.free = self.free.saturating_add(bytes as u64);
    }

    fn allocate(&mut self, bytes: u64) -> io::Result<()> {
        self.free = self.free.checked_sub(bytes).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
}

fn failed(_: Fault) -> io::Error {
    io::Error::other("injected failure")
}

impl Storage for Memory {
    fn list(&self) -> io::Result<Vec<Entry>> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        let entry =
            |(name, node): (&String, &Shared)| Entry { name: name.clone(), bytes: lock(node).live.len() as u64 };
        Ok(world.names.iter().map(entry).collect())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        let node = world.node(name)?;
        Ok(Box::new(MemoryFile { folder: self.clone(), node }))
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Box<dyn File>> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        if world.names.contains_key(name) {
            world.release(name);
            world.rename(name, None);
        }
        world.allocate(bytes)?;
        let node = Arc::new(Mutex::new(Node { live: vec![0; bytes as usize], ..Node::default() }));
        world.rename(name, Some(Arc::clone(&node)));
        Ok(Box::new(MemoryFile { folder: self.clone(), node }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        let node = world.node(from)?;
        world.release(to);
        world.rename(to, Some(node));
        world.rename(from, None);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        world.node(name)?;
        world.release(name);
        world.rename(name, None);
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        world.unsynced_names.clear();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let mut world = self.world();
        world.call().map_err(failed)?;
        Ok(world.free)
    }

    fn strongest(&self) -> Durability {
        if self.world().simulated { Durability::Fdatasync } else { Durability::Memory }
    }
}

struct MemoryFile {
    folder: Memory,
    node: Shared,
}

impl MemoryFile {
    /// Counts the call, and tells whether writes are remembered until they are synced.
    fn call(&self) -> (bool, Result<(), Fault>) {
        let mut world = self.folder.world();
        (world.simulated, world.call())
    }
}

impl fmt::Debug for MemoryFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryFile")
    }
}

impl File for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        self.call().1.map_err(failed)?;
        Ok(lock(&self.node).live.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.call().1.map_err(failed)?;
        let node = lock(&self.node);
        let from = node.live.get(offset as usize..).unwrap_or_default();
        let length = from.len().min(into.len());
        into[..length].copy_from_slice(&from[..length]);
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut world = self.folder.world();
        let outcome = world.call();
        let done = match outcome {
            Ok(()) => bytes.len(),
            Err(Fault::Error) => 0,
            Err(Fault::Half | Fault::Halt) => bytes.len() / 2,
        };
        let mut node = lock(&self.node);
        let length = node.live.len() as u64;
        let grown = (offset + done as u64).saturating_sub(length);
        let given = grown.min(world.free);
        world.free -= given;
        node.write(offset, &bytes[..done - (grown - given) as usize], world.simulated);
        outcome.map_err(failed)?;
        if given < grown { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let (simulated, outcome) = self.call();
        let mut node = lock(&self.node);
        let all = node.unsynced.len();
        match outcome {
            Ok(()) if simulated => node.sync(all),
            Err(Fault::Error) => node.sync(0),
            Err(Fault::Half) => node.sync(all / 2),
            _ => {}
        }
        outcome.map_err(failed)
    }
}

/// splitmix64: the same seed gives the same crash.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
