//! Many messages in one call: the memory that a message will need is asked for several messages ahead.

use crate::book::Book;
use crate::types::{BatchSink, Done, Error, Incoming, Message, Placed, Policy};

/// How many messages ahead the index is asked for, and the order and its level once the index is there.
const INDEX_AHEAD: usize = 16;
const ORDER_AHEAD: usize = 8;
const LEVEL_AHEAD: usize = 4;

impl<P: Policy> Book<P> {
    /// Applies messages in order. What each one does and reports is what the single calls do and report.
    pub fn apply_batch<S: BatchSink<P>>(&mut self, messages: &[Message], sink: &mut S) {
        for message in messages.iter().take(INDEX_AHEAD) {
            self.warm_index(message);
        }
        for message in messages.iter().take(ORDER_AHEAD) {
            self.warm_order(message);
        }
        for (index, message) in messages.iter().enumerate() {
            if let Some(later) = messages.get(index + INDEX_AHEAD) {
                self.warm_index(later);
            }
            if let Some(later) = messages.get(index + ORDER_AHEAD) {
                self.warm_order(later);
            }
            if let Some(later) = messages.get(index + LEVEL_AHEAD) {
                self.warm_level(later);
            }
            let (result, payload) = self.apply(index, message, sink);
            sink.done(index, result, payload);
        }
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

    /// First step ahead: where the id stands in the index, and for a new order its level.
    #[inline]
    fn warm_index(&self, message: &Message) {
        match *message {
            Message::Place(Incoming { id, limit, .. }) => {
                self.index.warm(id);
                if let Some(price) = limit {
                    self.ladder.warm(price);
                }
            }
            Message::Cancel { id } | Message::Reduce { id, .. } => self.index.warm(id),
            Message::Replace { id, price, .. } => {
                self.index.warm(id);
                self.ladder.warm(price);
            }
        }
    }

    /// Second step ahead: the order itself.
    #[inline]
    fn warm_order(&self, message: &Message) {
        if let Message::Cancel { id } | Message::Reduce { id, .. } | Message::Replace { id, .. } = *message {
            self.slab.warm(self.index.guess(id));
        }
    }

    /// Third step ahead: its level and its neighbours.
    #[inline]
    fn warm_level(&self, message: &Message) {
        if let Message::Cancel { id } | Message::Reduce { id, .. } | Message::Replace { id, .. } = *message {
            if let Some(node) = self.slab.get(self.index.guess(id)) {
                self.ladder.warm(node.price);
                self.slab.warm(node.prev);
                self.slab.warm(node.next);
            }
        }
    }
}
