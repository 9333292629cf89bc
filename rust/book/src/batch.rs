//! Many messages in one call: the memory that a message will need is asked for several messages ahead.

use crate::book::{Book, Way};
use crate::index::Key;
use crate::slab::{NOBODY, Slot};
use crate::types::{BatchSink, Done, Incoming, Message, Placed, Policy, Side};

/// How many messages are looked at together. Each block is looked at three times, a block's time apart, before it is
/// applied: so long does memory take.
const BLOCK: usize = 16;
const LOOKS: usize = 3;

/// A book of fewer orders stays in the processor's caches, and looking ahead would only cost. Where every access is
/// checked, nearly all books look ahead: those of tests and fuzzers are small.
const SMALL: usize = if cfg!(debug_assertions) { 16 } else { 4096 };

/// Some of a block's messages, or of what they concern. Two lists instead of one with gaps: what is looked at has no
/// branch on whether there is anything to look at, which nobody could predict.
#[derive(Clone, Copy, Default)]
struct Few<T> {
    items: [T; BLOCK],
    count: usize,
}

impl<T> Few<T> {
    #[inline(always)]
    fn push(&mut self, item: T) {
        self.items[self.count % BLOCK] = item;
        self.count += 1;
    }

    #[inline(always)]
    fn items(&mut self) -> &mut [T] {
        &mut self.items[..self.count]
    }
}

/// What is known of a block of messages that are still to come; before anything is, of none.
#[derive(Clone, Copy, Default)]
struct Coming {
    /// The orders that rest already: hashes of their ids, and after the second look their slots.
    orders: Few<u32>,
    /// Where the levels are where others will rest; in a window that may be replaced before their turn comes.
    places: Few<usize>,
}

/// How many levels of a side are looked at when its best price has changed.
const MAKERS: usize = 4;

/// The orders that trade next on a side, as the last look found them.
#[derive(Clone, Copy, Default)]
struct Makers {
    best: u64,
    slots: [Slot; MAKERS],
    /// Whether their ids are still to be looked at.
    fresh: bool,
}

impl<P: Policy> Book<P> {
    /// Applies messages in order. What each one does and reports is what the single calls do and report.
    pub fn apply_batch<S: BatchSink<P>>(&mut self, messages: &[Message], sink: &mut S) {
        if self.len() < SMALL {
            messages.iter().zip(0..).for_each(|(message, index)| self.apply(index, message, sink));
            return;
        }
        let ahead = LOOKS * BLOCK;
        let (mut coming, mut turn) = ([Coming::default(); LOOKS], [0, 1, 2]);
        let mut makers = [Makers::default(); 2];
        for start in (0..messages.len() + ahead).step_by(BLOCK) {
            self.look_at_makers(Side::Buy, &mut makers[0]);
            self.look_at_makers(Side::Sell, &mut makers[1]);
            self.third_look(&mut coming[turn[2]]);
            self.second_look(&mut coming[turn[1]]);
            self.first_look(block(messages, start), &mut coming[turn[0]]);
            turn.rotate_right(1);
            if start >= ahead {
                for (index, message) in block(messages, start - ahead).iter().enumerate() {
                    self.apply(start - ahead + index, message, sink);
                }
            }
        }
    }

    /// Where the id stands in the index, and the level where an order will rest.
    #[inline(always)]
    fn first_look(&self, messages: &[Message], coming: &mut Coming) {
        let Some(window) = self.ladder.window() else { return };
        (coming.orders.count, coming.places.count) = (0, 0);
        for message in messages {
            let key = self.index.key(message.id());
            self.index.warm(key);
            if let Some(price) = message.price() {
                let place = window.guess(price);
                window.warm(place);
                coming.places.push(place);
            }
            if !matches!(message, Message::Place(_)) {
                coming.orders.push(key.hash);
            }
        }
    }

    /// The order with that id, or the last one of that level, behind which the new one will stand.
    #[inline(always)]
    fn second_look(&self, coming: &mut Coming) {
        let Some(window) = self.ladder.window() else { return };
        for order in coming.orders.items() {
            *order = self.index.guess(*order);
            self.slab.warm(*order);
        }
        for &mut place in coming.places.items() {
            self.slab.warm_node(window.tail(place));
        }
    }

    /// The level of the order with that id, and its neighbours.
    #[inline(always)]
    fn third_look(&self, coming: &mut Coming) {
        let Some(window) = self.ladder.window() else { return };
        for &mut slot in coming.orders.items() {
            let node = self.slab.node(slot);
            window.warm(window.guess(node.price));
            self.slab.warm_node(node.prev);
            self.slab.warm_node(node.next);
        }
    }

    /// Who trades next when the market has moved: first these orders, and a block's time later where their ids stand.
    #[inline(always)]
    fn look_at_makers(&self, side: Side, makers: &mut Makers) {
        if makers.fresh || self.ladder.best(side) != makers.best {
            self.look_at_new_makers(side, makers);
        }
    }

    #[inline(never)]
    fn look_at_new_makers(&self, side: Side, makers: &mut Makers) {
        if makers.fresh {
            for &slot in &makers.slots {
                let node = self.slab.node(slot);
                self.index.warm(self.index.key(node.id));
                self.slab.warm_node(node.next);
            }
        }
        makers.fresh = self.ladder.best(side) != makers.best;
        if makers.fresh {
            makers.best = self.ladder.best(side);
            self.ladder.heads(side, &mut makers.slots);
            makers.slots.iter().for_each(|&slot| self.slab.warm(slot));
        }
    }

    /// Asks the processor for the memory where an id is looked up. For engines that look ahead themselves: first this,
    /// then [`Book::warm_order`], then the call itself, each a few messages (some hundred nanoseconds) later. Changes
    /// nothing; on a small book it is not worth its time.
    #[inline]
    pub fn warm(&self, id: u64) {
        self.index.warm(self.index.key(id));
    }

    /// Asks for the memory of an order that probably rests under this id, and of its payload.
    #[inline]
    pub fn warm_order(&self, id: u64) {
        let slot = self.index.guess(self.index.key(id).hash);
        if slot != NOBODY {
            self.slab.warm(slot);
        }
    }

    /// Asks for the memory of the level at a price.
    #[inline]
    pub fn warm_price(&self, price: u64) {
        if let Some(window) = self.ladder.window() {
            window.warm(window.guess(price));
        }
    }

    #[inline(always)]
    fn apply<S: BatchSink<P>>(&mut self, index: usize, message: &Message, sink: &mut S) {
        match *message {
            Message::Place(ref order) => {
                let key = self.index.key(order.id);
                match self.admit(key, order) {
                    Ok(way) => {
                        let placed = self.place_nth(index, key, order, way, sink);
                        sink.done(index, Ok(Done::Placed(placed)), None);
                    }
                    Err(error) => sink.done(index, Err(error), None),
                }
            }
            Message::Cancel { id } => match self.take_out(id, sink) {
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

    #[inline(always)]
    fn place_nth<S: BatchSink<P>>(
        &mut self,
        index: usize,
        key: Key,
        order: &Incoming,
        way: Way,
        sink: &mut S,
    ) -> Placed {
        let mut policy = sink.policy(index);
        self.enter(key, order, way, |placed, sink| sink.payload(index, placed), &mut policy, sink)
    }
}

/// The block of messages that starts there; a short one at the end, and empty ones behind it.
fn block(messages: &[Message], start: usize) -> &[Message] {
    let rest = messages.get(start..).unwrap_or_default();
    &rest[..rest.len().min(BLOCK)]
}

impl Message {
    /// Whom it concerns.
    #[inline(always)]
    const fn id(&self) -> u64 {
        match *self {
            Self::Place(Incoming { id, .. })
            | Self::Cancel { id }
            | Self::Reduce { id, .. }
            | Self::Replace { id, .. } => id,
        }
    }

    /// The price where it will rest, if it names one.
    #[inline(always)]
    const fn price(&self) -> Option<u64> {
        match *self {
            Self::Place(Incoming { limit, .. }) => limit,
            Self::Replace { price, .. } => Some(price),
            _ => None,
        }
    }
}
