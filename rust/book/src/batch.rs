//! Many messages in one call: the memory that a message will need is asked for several messages ahead.

use crate::book::Book;
use crate::index::hash;
use crate::slab::{NOBODY, Slot};
use crate::types::{BatchSink, Done, Error, Incoming, Message, Placed, Policy};

/// How many messages ahead the index is asked for; half as many, the order; a quarter as many, its level.
const AHEAD: usize = 16;

/// A book of fewer orders stays in the processor's caches, and looking ahead would only cost.
const SMALL: usize = 4096;

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
        let large = self.len() >= SMALL;
        let mut coming = [Coming::default(); AHEAD];
        if large {
            for (coming, message) in coming.iter_mut().zip(messages) {
                *coming = self.first_look(message);
            }
        }
        for (index, message) in messages.iter().enumerate() {
            if large {
                self.second_look(&mut coming[(index + AHEAD / 2) % AHEAD]);
                self.third_look(coming[(index + AHEAD / 4) % AHEAD]);
            }
            let (result, payload) = self.apply(index, message, sink);
            sink.done(index, result, payload);
            if let Some(later) = messages.get(index + AHEAD).filter(|_| large) {
                coming[index % AHEAD] = self.first_look(later);
            }
        }
    }

    /// Where the id stands in the index.
    #[inline]
    fn first_look(&self, message: &Message) -> Coming {
        let (id, price) = match *message {
            Message::Place(Incoming { id, limit, .. }) => (id, limit.unwrap_or(0)),
            Message::Cancel { id } | Message::Reduce { id, .. } => (id, 0),
            Message::Replace { id, price, .. } => (id, price),
        };
        let hash = hash(id);
        self.index.warm(hash);
        Coming { hash, slot: NOBODY, price }
    }

    /// The order with that id.
    #[inline]
    fn second_look(&self, coming: &mut Coming) {
        coming.slot = self.index.guess(coming.hash);
        self.slab.warm(coming.slot);
    }

    /// That order's neighbours and level, or the level of the new one.
    #[inline]
    fn third_look(&self, coming: Coming) {
        let Some(node) = self.slab.get(coming.slot) else { return };
        self.slab.warm(node.prev);
        self.slab.warm(node.next);
        self.ladder.warm(if coming.price == 0 { node.price } else { coming.price });
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
        let hash = hash(order.id);
        self.admit(hash, order)?;
        let mut policy = sink.policy(index);
        Ok(self.enter(hash, order, |placed, sink| sink.payload(index, placed), &mut policy, sink))
    }
}
