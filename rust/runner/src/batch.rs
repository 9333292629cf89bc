//! The events of a group as they wait to be read: a column for each frequent kind, because as one list they would take four
//! kilobytes a command, all as large as the largest, and push the exchange out of the processor's caches.

use std::sync::Arc;

use agio_engine::events::{
    Aggregated, BalanceChanged, Event, Executed, LevelChanged, Posted, Rejected, TopChanged, Traded,
};
use agio_engine::sink::{Events, Fact};
use agio_engine::units::{Micros, Sequence};
use agio_planted::{Bug, planted};
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
            /// Of the kind that `event` has where this is inlined, all but its own line falls away.
            #[inline(always)]
            #[allow(clippy::inline_always)]
            fn push(&mut self, event: Event) {
                self.places.push(match event {
                    $(Event::$kind(value) => {
                        self.$column.push(value);
                        Place::$kind(self.$column.len() as u32 - 1)
                    })*
                    other => {
                        self.others.push(other);
                        Place::Other(self.others.len() as u32 - 1)
                    }
                });
            }

            /// Forgets the last events, down to so many.
            fn truncate(&mut self, events: usize) {
                for place in self.places.drain(events..).rev() {
                    match place {
                        $(Place::$kind(at) => self.$column.truncate(at as usize),)*
                        Place::Other(at) => self.others.truncate(at as usize),
                    }
                }
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

/// The events of commands that follow one another, durable as a whole. The engine writes them here.
#[derive(Debug, Default)]
pub struct Batch {
    columns: Columns,
    /// How many events, executions and refusals there were when the command began.
    begun: (usize, usize, usize),
    spares: Option<Arc<Spares>>,
}

impl Events for Batch {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F) {
        self.columns.push(fact().into());
    }
}

/// What a command has caused: what its reply may tell of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    batch: Option<&'a Batch>,
    /// Its executions, in their order.
    pub executed: &'a [Executed],
    /// Why it was refused, if it was.
    pub rejected: Option<&'a Rejected>,
}

impl Outcome<'_> {
    /// Its executions and its refusal, as events.
    pub fn told(&self) -> Vec<Event> {
        let executed = self.executed.iter().cloned().map(Event::from);
        executed.chain(self.rejected.cloned().map(Event::from)).collect()
    }

    /// All its events.
    pub fn events(&self) -> Vec<Event> {
        self.batch.map_or_else(Vec::new, |batch| batch.events_of(batch.marks().len().wrapping_sub(1)))
    }
}

impl Batch {
    /// An empty one, in memory that an earlier one has left behind, to which it goes back.
    pub(crate) fn in_spare(spares: &Arc<Spares>) -> Self {
        Self { columns: spares.take(), begun: (0, 0, 0), spares: Some(Arc::clone(spares)) }
    }

    /// What comes from here on is of the next command.
    pub(crate) fn begin(&mut self) {
        let Columns { places, executed, rejected, .. } = &self.columns;
        self.begun = (places.len(), executed.len(), rejected.len());
    }

    /// Ends the command that has begun. Answers what it has caused.
    pub(crate) fn finish(&mut self, sequence: Sequence, time: Micros) -> Outcome<'_> {
        let (events, executed, rejected) = self.begun;
        let end = self.columns.places.len();
        let last = self.columns.marks.last().filter(|_| planted(Bug::EventsOfTheLast)).map_or(0, |mark| mark.events);
        let events = (end - events) as u32 + last;
        self.columns.marks.push(Mark { sequence, time, events, end: end as u32 });
        let Columns { executed: all, rejected: refusals, .. } = &self.columns;
        Outcome { batch: Some(self), executed: &all[executed..], rejected: refusals.get(rejected) }
    }

    /// Forgets what a command has left that broke in its middle.
    pub(crate) fn undo(&mut self) {
        self.columns.truncate(self.begun.0);
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

    /// The trades of all commands, in their order.
    pub fn traded(&self) -> &[Traded] {
        &self.columns.traded
    }

    /// What became of the best prices, in order.
    pub fn tops(&self) -> &[TopChanged] {
        &self.columns.tops
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

#[cfg(test)]
mod tests {
    use super::*;
    use agio_engine::events::{AssetListed, KeyRevoked};
    use agio_engine::reasons::Reason;
    use agio_engine::units::{AccountId, AssetId, KeyId};

    fn refusal(detail: u64) -> Rejected {
        Rejected { account: AccountId(1), reason: Reason::Halted, detail }
    }

    fn put(batch: &mut Batch, events: &[Event]) {
        for event in events {
            batch.columns.push(event.clone());
        }
    }

    fn command(batch: &mut Batch, sequence: u64, events: &[Event]) {
        batch.begin();
        put(batch, events);
        batch.finish(Sequence(sequence), Micros(sequence));
    }

    fn listed(number: u32) -> Event {
        AssetListed { asset: AssetId(number), name: "A".into(), precision: 8 }.into()
    }

    #[test]
    fn each_command_has_its_events_in_their_order() {
        let commands = [
            vec![refusal(1).into(), KeyRevoked { key: KeyId(1) }.into(), refusal(2).into()],
            vec![],
            vec![KeyRevoked { key: KeyId(2) }.into(), refusal(3).into()],
        ];
        let mut batch = Batch::default();
        commands.iter().zip(1..).for_each(|(events, sequence)| command(&mut batch, sequence, events));
        let told: Vec<_> = batch.commands().map(|(mark, events)| (mark.sequence.0, events)).collect();
        assert_eq!(told, (1..).zip(commands).collect::<Vec<_>>());
        assert_eq!((batch.events(), batch.changes_listing(), batch.events_of(3)), (5, false, vec![]));
    }

    #[test]
    fn nothing_is_left_of_a_command_that_breaks_in_its_middle() {
        let mut batch = Batch::default();
        command(&mut batch, 1, &[refusal(1).into()]);
        batch.begin();
        put(&mut batch, &[refusal(2).into(), listed(1), refusal(3).into(), listed(2)]);
        batch.undo();
        assert_eq!((batch.events(), batch.marks().len(), batch.changes_listing()), (1, 1, false));
        command(&mut batch, 2, &[refusal(4).into(), listed(3)]);
        assert_eq!(batch.events_of(1), [refusal(4).into(), listed(3)]);
    }

    #[test]
    fn a_reply_is_told_of_its_own_command() {
        let mut batch = Batch::default();
        command(&mut batch, 1, &[refusal(1).into()]);
        batch.begin();
        batch.put(|| refusal(2));
        let outcome = batch.finish(Sequence(2), Micros(2));
        assert_eq!(
            (outcome.rejected, outcome.told(), outcome.events()),
            (Some(&refusal(2)), vec![refusal(2).into()], vec![refusal(2).into()])
        );
        assert_eq!(Outcome::default().events(), []);
    }

    #[test]
    fn memory_goes_round_and_holds_nothing_of_before() {
        let spares = Arc::default();
        let mut first = Batch::in_spare(&spares);
        command(&mut first, 1, &[refusal(1).into(), listed(1)]);
        drop(first);
        let mut second = Batch::in_spare(&spares);
        assert!(second.columns.places.capacity() > 0 && second.marks().is_empty() && !second.changes_listing());
        command(&mut second, 2, &[refusal(2).into()]);
        assert_eq!(second.events_of(0), [refusal(2).into()]);
    }
}
