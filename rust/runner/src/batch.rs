//! The events of a group as they wait to be read: a column for each frequent kind, because as one list they would take four
//! kilobytes a command, all as large as the largest, and push the exchange out of the processor's caches.

use std::sync::Arc;

use agio_engine::events::{
    Aggregated, BalanceChanged, Event, Executed, LevelChanged, Posted, Rejected, TopChanged, Traded,
};
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
    /// How many events there are up to its last.
    end: u32,
}

/// A column for each of these kinds, and one list for all others.
macro_rules! columns {
    ($($kind:ident in $column:ident),* $(,)?) => {
        /// Where an event stands: its column, and its place there.
        #[derive(Clone, Copy, Debug)]
        enum Place {
            $($kind(u32),)*
            Other(u32),
        }

        #[derive(Debug, Default)]
        struct Columns {
            places: Vec<Place>,
            marks: Vec<Mark>,
            $($column: Vec<$kind>,)*
            others: Vec<Event>,
        }

        impl Columns {
            fn push(&mut self, event: &Event) {
                self.places.push(match event {
                    $(Event::$kind(value) => {
                        self.$column.push(value.clone());
                        Place::$kind(self.$column.len() as u32 - 1)
                    })*
                    other => {
                        self.others.push(other.clone());
                        Place::Other(self.others.len() as u32 - 1)
                    }
                });
            }

            fn event(&self, place: Place) -> Event {
                match place {
                    $(Place::$kind(at) => Event::$kind(self.$column[at as usize].clone()),)*
                    Place::Other(at) => self.others[at as usize].clone(),
                }
            }

            /// Forgets the events, and keeps the memory.
            fn clear(&mut self) {
                self.places.clear();
                self.marks.clear();
                $(self.$column.clear();)*
                self.others.clear();
            }
        }
    };
}

columns! {
    Executed in executed,
    Traded in traded,
    Aggregated in aggregated,
    LevelChanged in levels,
    TopChanged in tops,
    Posted in posted,
    BalanceChanged in balances,
    Rejected in rejected,
}

/// The events of commands that follow one another, durable as a whole.
#[derive(Debug, Default)]
pub struct Batch {
    columns: Columns,
    spares: Option<Arc<Spares>>,
}

impl Batch {
    /// An empty one, in memory that an earlier one has left behind, to which it goes back.
    pub(crate) fn in_spare(spares: &Arc<Spares>) -> Self {
        Self { columns: spares.take(), spares: Some(Arc::clone(spares)) }
    }

    /// Appends a command's events. Answers its executions.
    pub(crate) fn push(&mut self, sequence: Sequence, time: Micros, events: &[Event]) -> &[Executed] {
        let columns = &mut self.columns;
        let before = columns.executed.len();
        for event in events {
            columns.push(event);
        }
        columns.marks.push(Mark { sequence, time, events: events.len() as u32, end: columns.places.len() as u32 });
        &columns.executed[before..]
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.columns.places.len()
    }

    /// One mark a command.
    pub fn marks(&self) -> &[Mark] {
        &self.columns.marks
    }

    /// Whether an asset or a market is new or has changed.
    pub fn changes_listing(&self) -> bool {
        self.columns.others.iter().any(|event| matches!(event, Event::AssetListed(_) | Event::MarketChanged(_)))
    }

    /// The events of one command, by its place in [`Self::marks`]; none if there is no such place.
    pub fn events_of(&self, place: usize) -> Vec<Event> {
        let Some(Mark { events, end, .. }) = self.columns.marks.get(place) else { return Vec::new() };
        let places = &self.columns.places[(end - events) as usize..*end as usize];
        places.iter().map(|place| self.columns.event(*place)).collect()
    }

    /// Each command's mark and events.
    pub fn commands(&self) -> impl Iterator<Item = (Mark, Vec<Event>)> {
        self.columns.marks.iter().enumerate().map(|(place, mark)| (*mark, self.events_of(place)))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(spares) = self.spares.take() {
            spares.keep(std::mem::take(&mut self.columns));
        }
    }
}

/// Memory of batches that everybody has read. Taken anew from the system for each group, it would cost more than what is
/// written to it.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<Vec<Columns>>);

/// Batches that wait for readers at once when these keep up; what is more goes back to the system.
const KEPT: usize = 8;
/// A batch of more events than this is rare; its memory goes back to the system.
const LARGEST: usize = 32_768;

impl Spares {
    fn take(&self) -> Columns {
        self.0.lock().pop().unwrap_or_default()
    }

    fn keep(&self, mut columns: Columns) {
        if columns.places.capacity() > LARGEST {
            return;
        }
        columns.clear();
        let mut kept = self.0.lock();
        if kept.len() < KEPT {
            kept.push(columns);
        }
    }
}
