//! Events as a venue would publish them: 32 bytes each, in groups, to a second thread, which sums them up.
#![allow(unreachable_pub)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, yield_now};

use agio_book::{Bare, BatchSink, Done, Error, Fill, Placed, Prevented, Side, Sink};

const GROUP: usize = 512;
const GROUPS: usize = 64;

/// One event: what it is, and three numbers.
pub type Event = [u64; 4];

/// Groups of events on their way; a group's lock is free whenever somebody wants it.
struct Shared {
    groups: Vec<Mutex<Vec<Event>>>,
    written: AtomicUsize,
    read: AtomicUsize,
}

/// The matching thread's end: a sink that publishes.
pub struct Ring {
    group: Vec<Event>,
    written: usize,
    shared: Arc<Shared>,
    reader: JoinHandle<(u64, u64)>,
}

impl Ring {
    pub fn new() -> Self {
        let groups = (0..GROUPS).map(|_| Mutex::new(Vec::with_capacity(GROUP))).collect();
        let shared = Arc::new(Shared { groups, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || read(&theirs));
        Self { group: Vec::with_capacity(GROUP), written: 0, shared, reader }
    }

    #[inline]
    pub fn push(&mut self, event: Event) {
        if self.group.len() == GROUP {
            self.publish();
        }
        self.group.push(event);
    }

    #[cold]
    fn publish(&mut self) {
        while self.written - self.shared.read.load(Ordering::Acquire) == GROUPS {
            yield_now();
        }
        let place = &self.shared.groups[self.written % GROUPS];
        std::mem::swap(&mut *place.lock().expect("the reader does not panic"), &mut self.group);
        self.group.clear();
        self.written += 1;
        self.shared.written.store(self.written, Ordering::Release);
    }

    /// How many events there were, and their checksum.
    pub fn finish(mut self) -> (u64, u64) {
        if !self.group.is_empty() {
            self.publish();
        }
        // An empty group ends the stream.
        self.publish();
        self.reader.join().expect("the reader does not panic")
    }

    #[inline]
    pub fn result(&mut self, result: &Result<Done, Error>) {
        self.push(match *result {
            Ok(Done::Placed(placed)) => [3 + placed.end as u64, placed.executed, placed.left, placed.prevented],
            Ok(Done::Cancelled(order)) => [20 + order.side as u64, order.id, order.price, order.quantity],
            Ok(Done::Reduced(order)) => [22 + order.side as u64, order.id, order.price, order.quantity],
            Err(error) => [30 + error as u64, 0, 0, 0],
        });
    }
}

/// Sums up groups until an empty one comes.
fn read(shared: &Shared) -> (u64, u64) {
    let (mut count, mut sums) = (0, [0u64; 4]);
    for at in 0.. {
        while shared.written.load(Ordering::Acquire) == at {
            yield_now();
        }
        let group = shared.groups[at % GROUPS].lock().expect("the writer does not panic");
        if group.is_empty() {
            break;
        }
        count += group.len() as u64;
        sums = group.iter().fold(sums, add);
        drop(group);
        shared.read.store(at + 1, Ordering::Release);
    }
    (count, sums.iter().fold(0, |sum: u64, one| sum.rotate_left(17) ^ one))
}

/// Four sums side by side, so that the reader is faster than any book.
fn add(sums: [u64; 4], event: &Event) -> [u64; 4] {
    std::array::from_fn(|at| (sums[at] ^ event[at]).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
}

impl Sink<()> for Ring {
    #[inline]
    fn fill(&mut self, fill: &Fill, (): &mut ()) {
        self.push([0, fill.maker_id, fill.price, fill.quantity]);
    }

    #[inline]
    fn prevented(&mut self, _: &Prevented, (): &mut ()) {}

    #[inline]
    fn level(&mut self, side: Side, price: u64, total: u64) {
        self.push([1 + side as u64, price, total, 0]);
    }
}

impl BatchSink<Bare> for Ring {
    #[inline]
    fn policy(&mut self, _: usize) -> Bare {
        Bare
    }

    #[inline]
    fn payload(&mut self, _: usize, _: &Placed) {}

    #[inline]
    fn done(&mut self, _: usize, result: Result<Done, Error>, _: Option<()>) {
        self.result(&result);
    }
}
