//! The benchmark's workloads on books that are large enough for batches to look ahead, against the naive twin.

mod common;
#[path = "../../../benches/book/src/workload.rs"]
mod workload;

use agio_book::{Book, Message, naive};
use common::{AnyBook, Event, Tape, Venue};
use workload::{Lives, REGIMES, Spec};

const BATCH: usize = 256;

fn reports<B: AnyBook>(filling: &[Message], messages: &[Message]) -> Vec<Event> {
    let mut book = B::default();
    let mut all = Vec::new();
    for chunk in filling.chunks(BATCH).chain(messages.chunks(BATCH)) {
        let policies = (0..chunk.len() as u32).map(Venue::of).collect();
        let mut tape = Tape { policies, ..Tape::default() };
        book.apply_batch(chunk, &mut tape);
        all.append(&mut tape.events);
    }
    all
}

#[test]
fn batches_on_large_books_report_what_the_naive_book_reports() {
    for regime in REGIMES {
        for lives in [Lives::Short, Lives::Overlapping] {
            let spec = Spec { regime, lives, messages: 20_000, resting: 8_000, depth: 1_000, seed: 7 };
            let (filling, messages) = workload::make(&spec);
            let fast = reports::<Book<Venue>>(&filling, &messages);
            let slow = reports::<naive::Book<Venue>>(&filling, &messages);
            let differs = fast.iter().zip(&slow).position(|(fast, slow)| fast != slow);
            assert_eq!(differs.map(|at| (&fast[at], &slow[at])), None, "{spec:?}");
            assert_eq!(fast.len(), slow.len(), "{spec:?}");
        }
    }
}
