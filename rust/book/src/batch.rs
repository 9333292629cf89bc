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
    /// The order that it concerns, or the last one at the level where it will rest.
    slot: Slot,
    /// Where that level is, if it names a price.
    place: usize,
}

impl<P: Policy> Book<P> {
    /// Applies messages in order. What each one does and reports is what the single calls do and report.
    pub fn apply_batch<S: BatchSink<P>>(&mut self, messages: &[Message], sink: &mut S) {
        let large = self.len() >= SMALL && self.ladder.window().is_some();
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
                if let Some(later) = messages.get(index + AHEAD) {
                    coming[index % AHEAD] = self.first_look(later);
                }
            }
            self.apply(index, message, sink);
        }
    }

    /// Where the id stands in the index, and the level of a new order.
    #[inline]
    fn first_look(&self, message: &Message) -> Coming {
        let hash = hash(message.id());
        self.index.warm(hash);
        let Some(window) = self.ladder.window() else { return Coming::default() };
        let place = window.guess(message.price());
        window.warm(place);
        Coming { hash, slot: NOBODY, place }
    }

    /// The order with that id, or the one that a new order will stand behind.
    #[inline]
    fn second_look(&self, coming: &mut Coming) {
        let Some(window) = self.ladder.window() else { return };
        let (slot, tail) = (self.index.guess(coming.hash), window.tail(coming.place));
        coming.slot = if slot == NOBODY { tail } else { slot };
        self.slab.warm(coming.slot);
    }

    /// That order's neighbours and level.
    #[inline]
    fn third_look(&self, coming: Coming) {
        let Some(window) = self.ladder.window() else { return };
        let node = self.slab.node(coming.slot);
        self.slab.warm_node(node.prev);
        self.slab.warm_node(node.next);
        window.warm(window.guess(node.price));
    }

    #[inline]
    fn apply<S: BatchSink<P>>(&mut self, index: usize, message: &Message, sink: &mut S) {
        match *message {
            Message::Place(ref order) => {
                let placed = self.place_nth(index, order, sink);
                sink.done(index, placed.map(Done::Placed), None);
            }
            Message::Cancel { id } => match self.cancel(id, sink) {
                Ok((order, payload)) => sink.done(index, Ok(Done::Cancelled(order)), Some(payload)),
                Err(error) => sink.done(index, Err(error), None),
            },
            Message::Reduce { id, left } => {
                let reduced = self.reduce(id, left, sink);
                sink.done(index, reduced.map(Done::Reduced), None);
            }
            Message::Replace { id, price, quantity } => {
                let mut policy = sink.policy(index);
                match self.replace(id, price, quantity, &mut policy, sink) {
                    Ok((placed, payload)) => sink.done(index, Ok(Done::Placed(placed)), payload),
                    Err(error) => sink.done(index, Err(error), None),
                }
            }
        }
    }

    #[inline]
    fn place_nth<S: BatchSink<P>>(&mut self, index: usize, order: &Incoming, sink: &mut S) -> Result<Placed, Error> {
        let hash = hash(order.id);
        let way = self.admit(hash, order)?;
        let mut policy = sink.policy(index);
        Ok(self.enter(hash, order, way, |placed, sink| sink.payload(index, placed), &mut policy, sink))
    }
}

impl Message {
    /// Whom it concerns.
    #[inline]
    const fn id(&self) -> u64 {
        match *self {
            Self::Place(Incoming { id, .. }) | Self::Cancel { id } => id,
            Self::Reduce { id, .. } | Self::Replace { id, .. } => id,
        }
    }

    /// The price where it will rest, 0 if it names none.
    #[inline]
    const fn price(&self) -> u64 {
        match *self {
            Self::Place(Incoming { limit: Some(price), .. }) | Self::Replace { price, .. } => price,
            _ => 0,
        }
    }
}
