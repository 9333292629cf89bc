//! Many messages in one call: the memory that a message will need is asked for several messages ahead.

use crate::book::Book;
use crate::index::hash;
use crate::slab::{NOBODY, Slot};
use crate::types::{BatchSink, Done, Error, Incoming, Message, Placed, Policy};

/// How many messages ahead the index is asked for; half as many, the order; a quarter as many, its level.
const AHEAD: usize = 16;

/// What is known of a message that is still to come.
#[derive(Clone, Copy, Default)]
struct Coming {
    hash: u32,
    slot: Slot,
    /// The price where it will rest, 0 if it names none.
    price: u64,
}

impl<P: Policy> Book<P> {
    /// Applies messages in order. What each one does and reports is what the single calls do and report.
    pub fn apply_batch<S: BatchSink<P>>(&mut self, messages: &[Message], sink: &mut S) {
        let mut coming = [Coming::default(); AHEAD];
        for step in 0..messages.len() + AHEAD {
            if let Some(message) = messages.get(step) {
                let first = Coming::of(message);
                self.index.warm(first.hash);
                self.ladder.warm(first.price);
                coming[step % AHEAD] = first;
            }
            self.warm_order(&mut coming[(step + AHEAD / 2) % AHEAD]);
            self.warm_level(coming[(step + AHEAD / 4) % AHEAD]);
            if let Some(index) = (step + 1).checked_sub(AHEAD).filter(|&index| index < messages.len()) {
                let (result, payload) = self.apply(index, &messages[index], sink);
                sink.done(index, result, payload);
            }
        }
    }

    /// Second step ahead: the order that it names.
    #[inline]
    fn warm_order(&self, coming: &mut Coming) {
        coming.slot = self.index.guess(coming.hash);
        self.slab.warm(coming.slot);
    }

    /// Third step ahead: that order's level and its neighbours. An order that is not there yet has none.
    #[inline]
    fn warm_level(&self, coming: Coming) {
        let Some(node) = self.slab.get(coming.slot) else { return };
        self.ladder.warm(node.price);
        self.slab.warm(node.prev);
        self.slab.warm(node.next);
    }

    #[inline]
    fn apply<S: BatchSink<P>>(
        &mut self,
        index: usize,
        message: &Message,
        sink: &mut S,
    ) -> (Result<Done, Error>, Option<P::Order>) {
        let result = match *message {
            Message::Place(ref order) => self.place_nth(index, order, sink).map(|placed| (Done::Placed(placed), None)),
            Message::Cancel { id } => self.cancel(id, sink).map(|(order, gone)| (Done::Cancelled(order), Some(gone))),
            Message::Reduce { id, left } => self.reduce(id, left, sink).map(|order| (Done::Reduced(order), None)),
            Message::Replace { id, price, quantity } => {
                let mut policy = sink.policy(index);
                let result = self.replace(id, price, quantity, &mut policy, sink);
                result.map(|(placed, gone)| (Done::Placed(placed), gone))
            }
        };
        match result {
            Ok((done, payload)) => (Ok(done), payload),
            Err(error) => (Err(error), None),
        }
    }

    #[inline]
    fn place_nth<S: BatchSink<P>>(&mut self, index: usize, order: &Incoming, sink: &mut S) -> Result<Placed, Error> {
        self.admit(order)?;
        let mut policy = sink.policy(index);
        Ok(self.enter(order, |placed, sink| sink.payload(index, placed), &mut policy, sink))
    }
}

impl Coming {
    #[inline]
    fn of(message: &Message) -> Self {
        let (id, price) = match *message {
            Message::Place(Incoming { id, limit, .. }) => (id, limit.unwrap_or(0)),
            Message::Cancel { id } | Message::Reduce { id, .. } => (id, 0),
            Message::Replace { id, price, .. } => (id, price),
        };
        Self { hash: hash(id), slot: NOBODY, price }
    }
}
