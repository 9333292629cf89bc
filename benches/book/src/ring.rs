//! Events as a venue would publish them: 32 bytes each, in groups, to a second thread, which sums them up.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, yield_now};

use agio_book::{BatchSink, Done, Error, Fill, Placed, Prevented, Side, Sink};

use crate::venue::Venue;
use crate::workload::TICK;

const GROUP: usize = 512;
const GROUPS: usize = 64;

/// One event: what it is, and three numbers.
type Event = [u64; 4];

/// Events that go together, and how many of them there are.
type Group = (Box<[Event; GROUP]>, usize);

/// An empty group. Not of zeros, for which the system would find memory only when the first events come, and it would be
/// taken for the book's.
fn group() -> Group {
    (Box::new([[1; 4]; GROUP]), 0)
}

/// Groups of events on their way; a group's lock is free whenever somebody wants it.
struct Shared {
    groups: Vec<Mutex<Group>>,
    written: AtomicUsize,
    read: AtomicUsize,
}

/// What came out of a run: how many events, their checksum, and the trades alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) events: u64,
    pub(crate) sum: u64,
    pub(crate) trades: Trades,
}

/// What every engine reports alike: how many fills, and the sums of their quantities and of price in ticks
/// times quantity, modulo 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trades {
    pub(crate) fills: u64,
    pub(crate) quantity: u64,
    pub(crate) notional: u64,
}

/// The matching thread's end: a sink that publishes.
pub(crate) struct Ring<V> {
    /// The number of the next batch's first message.
    pub(crate) base: u64,
    group: Box<[Event; GROUP]>,
    count: usize,
    written: usize,
    shared: Arc<Shared>,
    reader: JoinHandle<Sums>,
    venue: PhantomData<V>,
}

impl<V> Ring<V> {
    pub(crate) fn new() -> Self {
        let groups = (0..GROUPS).map(|_| Mutex::new(group())).collect();
        let shared = Arc::new(Shared { groups, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || read(&theirs));
        Self { base: 0, group: group().0, count: 0, written: 0, shared, reader, venue: PhantomData }
    }

    #[inline(always)]
    fn push(&mut self, event: Event) {
        let place = if self.count < GROUP {
            self.count
        } else {
            self.publish();
            0
        };
        self.group[place] = event;
        self.count = place + 1;
    }

    #[cold]
    #[inline(never)]
    fn publish(&mut self) {
        while self.written - self.shared.read.load(Ordering::Acquire) == GROUPS {
            yield_now();
        }
        let place = &self.shared.groups[self.written % GROUPS];
        let mut theirs = place.lock().expect("the reader does not panic");
        std::mem::swap(&mut theirs.0, &mut self.group);
        theirs.1 = std::mem::take(&mut self.count);
        drop(theirs);
        self.written += 1;
        self.shared.written.store(self.written, Ordering::Release);
    }

    /// Waits until everything is read.
    pub(crate) fn finish(mut self) -> Sums {
        if self.count > 0 {
            self.publish();
        }
        // An empty group ends the stream.
        self.publish();
        self.reader.join().expect("the reader does not panic")
    }

    #[inline(always)]
    pub(crate) fn result(&mut self, result: Result<Done, Error>) {
        self.push(match result {
            Ok(Done::Placed(placed)) => [3 + placed.end as u64, placed.executed, placed.left, placed.prevented],
            Ok(Done::Cancelled(order)) => [20 + order.side as u64, order.id, order.price, order.quantity],
            Ok(Done::Reduced(order)) => [22 + order.side as u64, order.id, order.price, order.quantity],
            Err(error) => [30 + error as u64, 0, 0, 0],
        });
    }
}

/// Sums up groups until an empty one comes.
fn read(shared: &Shared) -> Sums {
    let (mut all, mut sums) = (Sums::default(), [0u64; 4]);
    for at in 0.. {
        while shared.written.load(Ordering::Acquire) == at {
            yield_now();
        }
        let group = shared.groups[at % GROUPS].lock().expect("the writer does not panic");
        let events = &group.0[..group.1];
        if events.is_empty() {
            break;
        }
        all.events += events.len() as u64;
        sums = events.iter().fold(sums, add);
        events.iter().filter(|event| event[0] == 0).for_each(|event| all.trades.add(event[2], event[3]));
        drop(group);
        shared.read.store(at + 1, Ordering::Release);
    }
    all.sum = sums.iter().fold(0, |sum: u64, one| sum.rotate_left(17) ^ one);
    all
}

impl Trades {
    fn add(&mut self, price: u64, quantity: u64) {
        self.fills += 1;
        self.quantity = self.quantity.wrapping_add(quantity);
        self.notional = self.notional.wrapping_add((price / TICK).wrapping_mul(quantity));
    }
}

/// Four sums side by side, so that the reader is faster than any book.
fn add(sums: [u64; 4], event: &Event) -> [u64; 4] {
    std::array::from_fn(|at| (sums[at] ^ event[at]).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
}

impl<V: Venue> Sink<V::Order> for Ring<V> {
    #[inline(always)]
    fn fill(&mut self, fill: &Fill, _: &mut V::Order) {
        self.push([0, fill.maker_id, fill.price, fill.quantity]);
    }

    #[inline(always)]
    fn prevented(&mut self, prevented: &Prevented, _: &mut V::Order) {
        self.push([40, prevented.maker_id, prevented.price, prevented.quantity]);
    }

    #[inline(always)]
    fn level(&mut self, side: Side, price: u64, total: u64) {
        self.push([1 + side as u64, price, total, 0]);
    }
}

impl<V: Venue> BatchSink<V> for Ring<V> {
    #[inline(always)]
    fn policy(&mut self, index: usize) -> V {
        V::of(self.base.wrapping_add(index as u64))
    }

    #[inline(always)]
    fn payload(&mut self, index: usize, _: &Placed) -> V::Order {
        V::payload(self.base.wrapping_add(index as u64))
    }

    #[inline(always)]
    fn done(&mut self, _: usize, result: Result<Done, Error>, _: Option<V::Order>) {
        self.result(result);
    }
}
