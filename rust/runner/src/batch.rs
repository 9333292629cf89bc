//! The events of a group as they wait to be read: a column for each frequent kind, because as one list they would take four
//! kilobytes a command, all as large as the largest, and push the exchange out of the processor's caches. Executions stand in
//! a shorter form, and for a trade's lines in the ledger stands what they are made of.

use std::sync::Arc;

use agio_engine::events::{
    Aggregated, BalanceChanged, Event, Executed, LevelChanged, Posted, Rejected, TopChanged, Traded,
};
use agio_engine::sink::{Events, Fact, Moved, Told};
use agio_engine::units::{Micros, Sequence};
use agio_engine::vocabulary::{Execution, OrderView};
use agio_planted::{Bug, planted};
use parking_lot::Mutex;

use crate::brief::Briefs;
use crate::recent::Recent;

/// Where one command's events end in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The command.
    pub sequence: Sequence,
    /// Its time.
    pub time: Micros,
    /// How many events it has.
    pub events: u32,
    /// Its places.
    begin: u32,
    end: u32,
}

/// A column for each of these kinds, besides those of executions and of trades' lines, and one list for all others.
macro_rules! columns {
    ($($kind:ident in $column:ident),* $(,)?) => {
        /// Where an event stands: its column, and its place there.
        #[derive(Clone, Copy, Debug)]
        enum Place {
            $($kind(u32),)*
            Brief(u32),
            Whole(u32),
            /// All lines of a trade.
            Lines(u32),
            Other(u32),
        }

        /// An event where it stands.
        #[derive(Clone, Copy, Debug)]
        pub enum EventRef<'a> {
            $(
                /// One of this kind.
                $kind(&'a $kind),
            )*
            /// An execution.
            Executed(&'a Executed),
            /// One of the kinds that are rare.
            Other(&'a Event),
        }

        impl<'a> From<&'a Event> for EventRef<'a> {
            fn from(event: &'a Event) -> Self {
                match event {
                    $(Event::$kind(value) => Self::$kind(value),)*
                    Event::Executed(value) => Self::Executed(value),
                    other => Self::Other(other),
                }
            }
        }

        impl From<EventRef<'_>> for Event {
            fn from(event: EventRef<'_>) -> Self {
                match event {
                    $(EventRef::$kind(value) => value.clone().into(),)*
                    EventRef::Executed(value) => value.clone().into(),
                    EventRef::Other(event) => event.clone(),
                }
            }
        }

        #[derive(Debug, Default)]
        struct Columns {
            places: Vec<Place>,
            marks: Vec<Mark>,
            $($column: Vec<$kind>,)*
            briefs: Briefs,
            /// Executions that do not fit there.
            whole: Vec<Executed>,
            moved: Vec<Moved>,
            others: Vec<Event>,
        }

        impl Columns {
            /// Of the kind that `event` has where this is inlined, all but its own line falls away.
            #[inline(always)]
            #[allow(clippy::inline_always)]
            fn push(&mut self, event: Event) {
                let place = match event {
                    $(Event::$kind(value) => {
                        self.$column.push(value);
                        Place::$kind(self.$column.len() as u32 - 1)
                    })*
                    other => {
                        self.others.push(other);
                        Place::Other(self.others.len() as u32 - 1)
                    }
                };
                self.places.push(place);
            }

            /// Forgets the last events, down to so many places.
            fn truncate(&mut self, places: usize) {
                for place in self.places.drain(places..).rev() {
                    match place {
                        $(Place::$kind(at) => self.$column.truncate(at as usize),)*
                        Place::Brief(_) => self.briefs.pop(),
                        Place::Whole(at) => self.whole.truncate(at as usize),
                        Place::Lines(at) => self.moved.truncate(at as usize),
                        Place::Other(at) => self.others.truncate(at as usize),
                    }
                }
            }

            /// Shows what stands at a place.
            #[inline]
            fn show(&self, place: Place, mut see: impl FnMut(EventRef<'_>)) {
                match place {
                    $(Place::$kind(at) => see(EventRef::$kind(&self.$column[at as usize])),)*
                    Place::Brief(at) => see(EventRef::Executed(&Executed { execution: self.briefs.whole(at as usize) })),
                    Place::Whole(at) => see(EventRef::Executed(&self.whole[at as usize])),
                    Place::Lines(at) => self.moved[at as usize].lines(|line| see(EventRef::Posted(&line))),
                    Place::Other(at) => see(EventRef::Other(&self.others[at as usize])),
                }
            }

            /// Forgets the events, and keeps the memory.
            fn clear(&mut self) {
                self.places.clear();
                self.marks.clear();
                $(self.$column.clear();)*
                self.briefs.clear();
                self.whole.clear();
                self.moved.clear();
                self.others.clear();
            }
        }
    };
}

columns! {
    Traded in traded,
    Aggregated in aggregated,
    LevelChanged in levels,
    TopChanged in tops,
    Posted in posted,
    BalanceChanged in balances,
    Rejected in rejected,
}

impl Columns {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn push_execution(&mut self, told: &Told<'_>) {
        if self.briefs.push(told) {
            self.places.push(Place::Brief(self.briefs.len() as u32 - 1));
        } else {
            self.push_whole(told.whole());
        }
    }

    #[cold]
    #[allow(clippy::large_types_passed_by_value, reason = "a reference would keep what is hot in memory")]
    fn push_whole(&mut self, execution: Execution) {
        self.whole.push(Executed { execution });
        self.places.push(Place::Whole(self.whole.len() as u32 - 1));
    }
}

/// How much there was of each when a command began.
#[derive(Clone, Copy, Debug, Default)]
struct Begun {
    places: usize,
    more: usize,
    briefs: usize,
    whole: usize,
    rejected: usize,
}

/// The events of commands that follow one another, durable as a whole. The engine writes them here.
#[derive(Debug, Default)]
pub struct Batch {
    columns: Columns,
    /// How many events there are besides one for each place.
    more: usize,
    begun: Begun,
    spares: Option<Arc<Spares>>,
}

impl Events for Batch {
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put<F: Fact>(&mut self, fact: impl FnOnce() -> F) {
        self.columns.push(fact().into());
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn put_execution(&mut self, told: &Told<'_>) {
        self.columns.push_execution(told);
    }

    #[inline]
    fn put_lines(&mut self, moved: &Moved) {
        let Columns { places, moved: column, .. } = &mut self.columns;
        places.push(Place::Lines(column.len() as u32));
        column.push(*moved);
        self.more += moved.count() - 1;
    }
}

/// What a command has caused: what its reply may tell of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome<'a> {
    batch: Option<&'a Batch>,
    /// Why it was refused, if it was.
    pub rejected: Option<&'a Rejected>,
}

impl Outcome<'_> {
    /// The first order that it has changed, as it has left it.
    pub fn order(&self) -> Option<OrderView> {
        let columns = &self.batch?.columns;
        let name = |place: &Place| match *place {
            Place::Brief(at) => Some(columns.briefs.order(at as usize)).map(|order| (order.market, order.order)),
            Place::Whole(at) => {
                Some(columns.whole[at as usize].execution.order).map(|order| (order.market, order.order))
            }
            _ => None,
        };
        let first = self.places().iter().find_map(name)?;
        let last = self.places().iter().rfind(|place| name(place) == Some(first))?;
        match *last {
            Place::Brief(at) => Some(columns.briefs.order(at as usize).whole()),
            Place::Whole(at) => Some(columns.whole[at as usize].execution.order),
            _ => None,
        }
    }

    /// Its executions and its refusal, as events.
    pub fn told(&self) -> Vec<Event> {
        let told = |place: &&Place| matches!(place, Place::Brief(_) | Place::Whole(_) | Place::Rejected(_));
        self.tell(self.places().iter().filter(told))
    }

    /// All its events.
    pub fn events(&self) -> Vec<Event> {
        self.tell(self.places().iter())
    }

    fn places(&self) -> &[Place] {
        self.batch.map_or(&[], |batch| &batch.columns.places[batch.begun.places..])
    }

    fn tell<'a>(&self, places: impl Iterator<Item = &'a Place>) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(batch) = self.batch {
            places.for_each(|place| batch.columns.show(*place, |event| events.push(event.into())));
        }
        events
    }
}

impl Batch {
    /// An empty one, in memory that an earlier one has left behind, to which it goes back.
    pub(crate) fn in_spare(spares: &Arc<Spares>) -> Self {
        Self { columns: spares.take(), spares: Some(Arc::clone(spares)), ..Self::default() }
    }

    /// What comes from here on is of the next command.
    pub(crate) fn begin(&mut self) {
        let Columns { places, briefs, whole, rejected, .. } = &self.columns;
        let (places, briefs, whole, rejected) = (places.len(), briefs.len(), whole.len(), rejected.len());
        self.begun = Begun { places, more: self.more, briefs, whole, rejected };
    }

    /// Ends the command that has begun, and lets `recent` see which orders it has finished. Answers what it has caused.
    pub(crate) fn finish(&mut self, sequence: Sequence, time: Micros, recent: &mut Recent) -> Outcome<'_> {
        let Begun { places, more, briefs, whole, rejected } = self.begun;
        self.columns.briefs.since(briefs).iter().for_each(|brief| recent.learn(&brief.order));
        self.columns.whole[whole..].iter().for_each(|told| recent.learn_whole(&told.execution.order));
        let (mut begin, end) = (places as u32, self.columns.places.len() as u32);
        let mut events = end - begin + (self.more - more) as u32;
        if let Some(last) = self.columns.marks.last().filter(|_| planted(Bug::EventsOfTheLast)) {
            (begin, events) = (last.begin, events + last.events);
        }
        self.columns.marks.push(Mark { sequence, time, events, begin, end });
        Outcome { batch: Some(self), rejected: self.columns.rejected.get(rejected) }
    }

    /// Forgets what a command has left that broke in its middle.
    pub(crate) fn undo(&mut self) {
        self.columns.truncate(self.begun.places);
        self.more = self.begun.more;
    }

    /// How many events there are.
    pub fn events(&self) -> usize {
        self.columns.places.len() + self.more
    }

    /// One mark a command.
    pub fn marks(&self) -> &[Mark] {
        &self.columns.marks
    }

    /// Whether an asset or a market is new or has changed.
    pub fn changes_listing(&self) -> bool {
        self.columns.others.iter().any(|event| matches!(event, Event::AssetListed(_) | Event::MarketChanged(_)))
    }

    /// The first invariant that was found not to hold.
    pub(crate) fn violated(&self) -> Option<&str> {
        self.columns.others.iter().find_map(|event| match event {
            Event::Violated(violated) => Some(violated.invariant.as_str()),
            _ => None,
        })
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
        let Some(mark) = self.columns.marks.get(place) else { return Vec::new() };
        let mut events = Vec::with_capacity(mark.events as usize);
        self.show(mark, |event| events.push(event.into()));
        events
    }

    /// Shows the events of the command of one of [`Self::marks`], in their order: for who needs few of them, or needs them
    /// but once.
    #[inline]
    pub fn show(&self, mark: &Mark, mut see: impl FnMut(EventRef<'_>)) {
        for place in &self.columns.places[mark.begin as usize..mark.end as usize] {
            self.columns.show(*place, &mut see);
        }
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
    use crate::brief::tests::{placed, told};
    use agio_engine::events::{AssetListed, KeyRevoked};
    use agio_engine::reasons::Reason;
    use agio_engine::units::{AccountId, AssetId, KeyId, MarketId, OrderId, Quantity, TradeId};

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
        batch.finish(Sequence(sequence), Micros(sequence), &mut Recent::new(0));
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

    fn moved(quote_fee: u128) -> Moved {
        let (trade, market, time) = (TradeId(3), MarketId(1), Micros(5));
        let (base, quote, buyer, seller) = (AssetId(0), AssetId(1), AccountId(1_000), AccountId(1_001));
        Moved {
            trade,
            market,
            base,
            quote,
            buyer,
            seller,
            quantity: 7,
            paid: 9,
            received: 9,
            base_fee: 0,
            quote_fee,
            time,
        }
    }

    #[test]
    fn executions_and_lines_come_back_as_the_engine_told_them() {
        let placed = |strategy| {
            let execution = placed();
            Execution { order: OrderView { strategy, ..execution.order }, ..execution }
        };
        let (mut batch, mut list, mut recent) = (Batch::default(), Vec::new(), Recent::new(0));
        batch.begin();
        for strategy in [None, Some(4), None] {
            batch.put_execution(&told(&placed(strategy)));
            list.put_execution(&told(&placed(strategy)));
        }
        for fee in [1, 0] {
            batch.put_lines(&moved(fee));
            list.put_lines(&moved(fee));
        }
        let outcome = batch.finish(Sequence(1), Micros(1), &mut recent);
        assert_eq!((outcome.told(), outcome.events()), (list[..3].to_vec(), list.clone()));
        assert_eq!(outcome.order(), Some(placed(None).order));
        assert_eq!((batch.events(), batch.marks()[0].events, list.len()), (13, 13, 13));
        assert_eq!((batch.events_of(0), batch.columns.whole.len()), (list, 1));
        batch.begin();
        batch.put_lines(&moved(1));
        batch.put_execution(&told(&placed(Some(1))));
        batch.put_execution(&told(&placed(None)));
        batch.undo();
        assert_eq!((batch.events(), batch.columns.whole.len(), batch.columns.moved.len()), (13, 1, 2));
    }

    #[test]
    fn of_several_orders_the_first_is_told_as_it_was_left() {
        let with = |order, strategy, executed| {
            let execution = placed();
            let executed = Quantity(executed);
            Execution { order: OrderView { order: OrderId(order), strategy, executed, ..execution.order }, ..execution }
        };
        for [first, second] in [[None, Some(1)], [Some(1), None]] {
            let (mut batch, mut recent) = (Batch::default(), Recent::new(0));
            command(&mut batch, 1, &[refusal(1).into()]);
            batch.begin();
            let executions = [with(7, first, 0), with(5, second, 9), with(7, second, 4), with(6, first, 1)];
            for execution in &executions {
                batch.put_execution(&told(execution));
            }
            batch.put(|| refusal(2));
            let outcome = batch.finish(Sequence(2), Micros(2), &mut recent);
            assert_eq!(outcome.order(), Some(executions[2].order));
        }
        assert_eq!(Outcome::default().order(), None);
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
        let mut recent = Recent::new(0);
        let outcome = batch.finish(Sequence(2), Micros(2), &mut recent);
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
