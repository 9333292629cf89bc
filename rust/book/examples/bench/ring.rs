//! Events as a venue would publish them: 32 bytes each, in groups, to a second thread, which sums them up.
#![allow(unreachable_pub, clippy::inline_always)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, yield_now};

use agio_book::{Bare, BatchSink, Done, Error, Fill, Placed, Prevented, Side, Sink};

const GROUP: usize = 512;
const GROUPS: usize = 64;

/// One event: what it is, and three numbers.
pub type Event = [u64; 4];

/// Events that go together, and how many of them there are.
type Group = (Box<[Event; GROUP]>, usize);

fn group() -> Group {
    (Box::new([[0; 4]; GROUP]), 0)
}

/// Groups of events on their way; a group's lock is free whenever somebody wants it.
struct Shared {
    groups: Vec<Mutex<Group>>,
    written: AtomicUsize,
    read: AtomicUsize,
}

/// The matching thread's end: a sink that publishes.
pub struct Ring {
    group: Box<[Event; GROUP]>,
    count: usize,
    written: usize,
    shared: Arc<Shared>,
    reader: JoinHandle<(u64, u64)>,
}

impl Ring {
    pub fn new() -> Self {
        let groups = (0..GROUPS).map(|_| Mutex::new(group())).collect();
        let shared = Arc::new(Shared { groups, written: AtomicUsize::new(0), read: AtomicUsize::new(0) });
        let theirs = Arc::clone(&shared);
        let reader = std::thread::spawn(move || read(&theirs));
        Self { group: group().0, count: 0, written: 0, shared, reader }
    }

    #[inline(always)]
    pub fn push(&mut self, event: Event) {
        self.group[self.count % GROUP] = event;
        self.count += 1;
        if self.count == GROUP {
            self.publish();
        }
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

    /// How many events there were, and their checksum.
    pub fn finish(mut self) -> (u64, u64) {
        if self.count > 0 {
            self.publish();
        }
        // An empty group ends the stream.
        self.publish();
        self.reader.join().expect("the reader does not panic")
    }

    #[inline(always)]
    pub fn result(&mut self, result: Result<Done, Error>) {
        self.push(match result {
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
        let events = &group.0[..group.1];
        if events.is_empty() {
            break;
        }
        count += events.len() as u64;
        sums = events.iter().fold(sums, add);
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
        self.result(result);
    }
}
