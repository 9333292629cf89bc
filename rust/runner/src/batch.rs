//! The events of a group as they wait to be read: encoded one after the other, because a command's events as structs take
//! four kilobytes and would push the exchange out of the processor's caches.

use std::sync::Arc;

use agio_engine::events::Event;
use agio_engine::units::{Micros, Sequence};
use parking_lot::Mutex;

/// Where one command's events end in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The command.
    pub sequence: Sequence,
    /// Its time.
    pub time: Micros,
    /// How many events it has.
    pub events: u32,
    /// The byte after its last event.
    end: usize,
}

/// More than the largest event takes.
const SPACIOUS: usize = 4_096;

/// The events of commands that follow one another, durable as a whole.
#[derive(Debug, Default)]
pub struct Batch {
    /// Room for events; the first [`Self::used`] bytes hold some.
    room: Vec<u8>,
    used: usize,
    marks: Vec<Mark>,
    events: usize,
    listings: bool,
    spares: Option<Arc<Spares>>,
}

impl Batch {
    /// An empty one, in memory that an earlier one has left behind, to which it goes back.
    pub(crate) fn in_spare(spares: &Arc<Spares>) -> Self {
        let (room, marks) = spares.take();
        Self { room, marks, spares: Some(Arc::clone(spares)), ..Self::default() }
    }

    /// Appends a command's events.
    pub(crate) fn push(&mut self, sequence: Sequence, time: Micros, events: &[Event]) {
        for event in events {
            match event.encode_front(&mut self.room[self.used..]) {
                Some(length) => self.used += length,
                None => self.push_large(event),
            }
            self.listings |= matches!(event, Event::AssetListed(_) | Event::MarketChanged(_));
        }
        self.events += events.len();
        self.marks.push(Mark { sequence, time, events: events.len() as u32, end: self.used });
    }

    /// Appends an event that there is not room enough for, or that has no largest size.
    #[cold]
    fn push_large(&mut self, event: &Event) {
        let mut bytes = Vec::new();
        event.encode(&mut bytes);
        let end = self.used + bytes.len();
        if self.room.len() < end + SPACIOUS {
            self.room.resize((end + SPACIOUS).next_power_of_two(), 0);
        }
        self.room[self.used..end].copy_from_slice(&bytes);
        self.used = end;
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.events
    }

    /// One mark a command.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Whether an asset or a market is new or has changed.
    pub fn changes_listing(&self) -> bool {
        self.listings
    }

    /// The events of one command, by its place in [`Self::marks`]; none if there is no such place.
    pub fn events_of(&self, place: usize) -> Vec<Event> {
        let Some(mark) = self.marks.get(place) else { return Vec::new() };
        let start = place.checked_sub(1).map_or(0, |before| self.marks[before].end);
        let mut bytes = &self.room[start..mark.end];
        let mut next = || Event::take(&mut bytes).expect("what was encoded here can be read");
        (0..mark.events).map(|_| next()).collect()
    }

    /// Each command's mark and events.
    pub fn commands(&self) -> impl Iterator<Item = (Mark, Vec<Event>)> {
        self.marks.iter().enumerate().map(|(place, mark)| (*mark, self.events_of(place)))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(spares) = self.spares.take() {
            spares.keep(std::mem::take(&mut self.room), std::mem::take(&mut self.marks));
        }
    }
}

type Memory = (Vec<u8>, Vec<Mark>);

/// Memory of batches that everybody has read. Taken anew from the system for each group, it would cost more than what is
/// written to it.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<Vec<Memory>>);

/// Batches that wait for readers at once when these keep up; what is more goes back to the system.
const KEPT: usize = 8;
/// A batch larger than this is rare; its memory goes back to the system.
const LARGEST: usize = 4 << 20;

impl Spares {
    fn take(&self) -> Memory {
        self.0.lock().pop().unwrap_or_default()
    }

    fn keep(&self, room: Vec<u8>, mut marks: Vec<Mark>) {
        marks.clear();
        let mut kept = self.0.lock();
        if kept.len() < KEPT && room.len() <= LARGEST {
            kept.push((room, marks));
        }
    }
}
