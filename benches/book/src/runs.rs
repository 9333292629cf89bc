//! One run: a book is filled, then the messages are timed, and the book is checked.

use std::time::Instant;

use agio_book::{Book, Done, Message, naive};

use crate::ring::{Ring, Sums};
use crate::venue::Venue;

/// Messages in a batch.
pub(crate) const BATCH: usize = 1_024;

/// Applies one message by the book's single calls.
#[macro_export]
macro_rules! apply_one {
    ($venue:ty, $book:expr, $number:expr, $message:expr, $ring:expr) => {
        match *$message {
            Message::Place(ref order) => {
                let mut policy = <$venue>::of($number);
                let placed = $book.place(order, |_| <$venue>::payload($number), &mut policy, $ring);
                $ring.result(placed.map(Done::Placed));
            }
            Message::Cancel { id } => {
                let cancelled = $book.cancel(id, $ring);
                $ring.result(cancelled.map(|(order, _)| Done::Cancelled(order)));
            }
            Message::Reduce { id, left } => {
                let reduced = $book.reduce(id, left, $ring);
                $ring.result(reduced.map(Done::Reduced));
            }
            Message::Replace { id, price, quantity } => {
                let placed = $book.replace(id, price, quantity, &mut <$venue>::of($number), $ring);
                $ring.result(placed.map(|(placed, _)| Done::Placed(placed)));
            }
        }
    };
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) seconds: f64,
    /// Time on the processor, of the matching thread alone: what the rest of the machine does weighs less on it.
    pub(crate) busy: f64,
    pub(crate) sums: Sums,
}

/// Seconds that this thread has been on a processor.
pub(crate) fn busy() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9
}

/// All messages in batches. Of its own, so that profilers can tell it from the rest.
#[inline(never)]
pub(crate) fn in_batches<V: Venue>(book: &mut Book<V>, messages: &[Message], ring: &mut Ring<V>) {
    for chunk in messages.chunks(BATCH) {
        book.apply_batch(chunk, ring);
        ring.base += chunk.len() as u64;
    }
}

/// All messages by single calls.
#[inline(never)]
pub(crate) fn one_by_one<V: Venue>(book: &mut Book<V>, messages: &[Message], ring: &mut Ring<V>) {
    for (number, message) in (ring.base..).zip(messages) {
        apply_one!(V, book, number, message, ring);
    }
}

/// The fast book, in batches or one by one.
pub(crate) fn run<V: Venue>(filling: &[Message], messages: &[Message], batch: bool) -> Run {
    let (mut book, mut before) = (Book::<V>::new(), Ring::new());
    for chunk in filling.chunks(BATCH) {
        book.apply_batch(chunk, &mut before);
        before.base += chunk.len() as u64;
    }
    before.finish();
    let mut ring = Ring::new();
    let (start, busy) = (Instant::now(), busy());
    if batch {
        in_batches(&mut book, messages, &mut ring);
    } else {
        one_by_one(&mut book, messages, &mut ring);
    }
    let (seconds, busy) = (start.elapsed().as_secs_f64(), self::busy() - busy);
    book.check().expect("the book is sound");
    Run { seconds, busy, sums: ring.finish() }
}

/// The naive twin, one by one.
pub(crate) fn run_naive<V: Venue>(filling: &[Message], messages: &[Message]) -> Run {
    let (mut book, mut before) = (naive::Book::<V>::new(), Ring::<V>::new());
    for (number, message) in (0..).zip(filling) {
        apply_one!(V, book, number, message, &mut before);
    }
    before.finish();
    let mut ring = Ring::<V>::new();
    let (start, busy) = (Instant::now(), busy());
    for (number, message) in (0..).zip(messages) {
        apply_one!(V, book, number, message, &mut ring);
    }
    let (seconds, busy) = (start.elapsed().as_secs_f64(), self::busy() - busy);
    Run { seconds, busy, sums: ring.finish() }
}
