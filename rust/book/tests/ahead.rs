//! Batches look ahead in memory: what they have seen may be gone when its turn comes.

mod common;

use agio_book::{Book, Lifetime, Message, Side, naive};
use common::{AnyBook, Tape, Venue, limit};

const STEP: u64 = 1_000;
/// Levels far apart: each has a page of the window for itself.
const PAGES: u64 = 300;

/// Many orders on one level, whose page is the last of many that were made; a few levels beside it off the step.
fn late_page<B: AnyBook>() -> B {
    let (mut book, mut tape) = (B::with_limit(u32::MAX), Tape::default());
    let mut place = |book: &mut B, id: u64, price: u64| {
        book.place(&limit(id, Side::Buy, price, 1, Lifetime::Rest), &mut Venue::of(1), &mut tape).expect("it rests");
    };
    (1..=PAGES).for_each(|page| place(&mut book, page, page * 64 * STEP));
    (1..=5_000).for_each(|number| place(&mut book, PAGES + number, PAGES * 64 * STEP));
    (1..PAGES).for_each(|id| assert!(book.cancel(id, &mut Tape::default()).is_ok()));
    book
}

/// Levels of a finer step, which make a new window, and orders behind them at the old level.
fn finer() -> Vec<Message> {
    let price = |number: u64| PAGES * 64 * STEP - if number < 40 { number * 10 } else { 0 };
    (1..100u64)
        .map(|number| Message::Place(limit(1 << 32 | number, Side::Buy, price(number), 1, Lifetime::Rest)))
        .collect()
}

#[test]
fn a_window_that_is_made_anew_is_not_asked_for_what_the_old_one_had() {
    let messages = finer();
    let (mut fast, mut slow): (Book<Venue>, naive::Book<Venue>) = (late_page(), late_page());
    let tape = Tape { policies: vec![Venue::of(1); messages.len()], ..Tape::default() };
    let (mut one, mut other) = (tape.clone(), tape);
    fast.apply_batch(&messages, &mut one);
    slow.apply_batch(&messages, &mut other);
    assert_eq!(one.events, other.events);
    fast.check().expect("it is sound");
}
