//! A policy, a sink or a payload that panics in the middle of a call: what is left of the book.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use agio_book::{Book, Fill, Incoming, Lifetime, Meeting, Message, Placed, Policy, Prevented, Side, Sink};
use common::Random;

thread_local! {
    /// After so many more calls of the venue's the next one panics; not if it is less than 0.
    static FUSE: Cell<i64> = const { Cell::new(-1) };
    /// How many payloads there are.
    static PAYLOADS: Cell<i64> = const { Cell::new(0) };
}

struct Blown;

fn burn() {
    let left = FUSE.get();
    FUSE.set(left - 1);
    if left == 0 {
        std::panic::resume_unwind(Box::new(Blown));
    }
}

struct Payload(Box<u64>);

impl Payload {
    fn new(number: u64) -> Self {
        burn();
        PAYLOADS.set(PAYLOADS.get() + 1);
        Self(Box::new(number))
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        PAYLOADS.set(PAYLOADS.get() - 1);
        if !std::thread::panicking() {
            burn();
        }
    }
}

struct Venue(u64);

impl Clone for Venue {
    fn clone(&self) -> Self {
        burn();
        Self(self.0)
    }
}

impl Policy for Venue {
    type Order = Payload;

    fn quota(&mut self, _: u64, remaining: u64) -> u64 {
        burn();
        remaining
    }

    fn meet(&mut self, maker: &Payload) -> Meeting {
        burn();
        match (self.0 + *maker.0) % 9 {
            0 => Meeting::CancelMaker,
            1 => Meeting::CancelBoth,
            2 => Meeting::Decrement,
            3 => Meeting::CancelTaker,
            _ => Meeting::Trade,
        }
    }

    fn took(&mut self, _: u64, _: u64) {
        burn();
    }
}

impl Sink<Payload> for Venue {
    fn fill(&mut self, _: &Fill, maker: &mut Payload) {
        burn();
        *maker.0 += 1;
    }

    fn prevented(&mut self, _: &Prevented, maker: &mut Payload) {
        burn();
        *maker.0 += 1;
    }

    fn level(&mut self, _: Side, _: u64, _: u64) {
        burn();
    }
}

fn message(random: &mut Random) -> Message {
    let (id, price, quantity) = (random.below(120), 1_000 + random.below(60) * 5, 1 + random.below(30));
    let price = if random.one_in(30) { 1 + random.below(100_000) } else { price };
    let side = if random.one_in(2) { Side::Buy } else { Side::Sell };
    let lifetime = if random.one_in(6) { Lifetime::FillOrKill } else { Lifetime::Rest };
    match random.below(10) {
        0..=5 => Message::Place(Incoming { id, limit: Some(price), quantity, side, lifetime }),
        6..=7 => Message::Cancel { id },
        8 => Message::Reduce { id, left: quantity },
        _ => Message::Replace { id, price, quantity },
    }
}

fn apply(book: &mut Book<Venue>, message: &Message, number: u64) {
    let (mut policy, mut sink, payload) = (Venue(number), Venue(number), |_: &Placed| Payload::new(number));
    match *message {
        Message::Place(ref order) => drop(book.place(order, payload, &mut policy, &mut sink)),
        Message::Cancel { id } => drop(book.cancel(id, &mut sink)),
        Message::Reduce { id, left } => drop(book.reduce(id, left, &mut sink)),
        Message::Replace { id, price, quantity } => drop(book.replace(id, price, quantity, &mut policy, &mut sink)),
    }
}

/// Whether all that can be read of a book agrees.
fn agrees(book: &Book<Venue>) -> bool {
    let levels = |side| book.levels(side).map(move |(price, total)| (side, price, total));
    let mut count = 0;
    let level = |(side, price, total)| {
        let orders = book.level_orders(side, price).map(|(order, _)| order);
        let sum: u64 = orders.inspect(|_| count += 1).map(|order| order.quantity).sum();
        let there = |id| book.get(id).is_some_and(|(order, _)| (order.side, order.price) == (side, price));
        sum == total
            && sum > 0
            && book.level_orders(side, price).all(|(order, _)| order.quantity > 0 && there(order.id))
    };
    levels(Side::Buy).chain(levels(Side::Sell)).all(level) && count == book.len()
}

/// Goes on with one book until it is damaged. Returns how often a panic left it whole.
fn life(seed: u64) -> u32 {
    let (mut random, mut book, mut whole) = (Random(seed), Book::<Venue>::new(), 0);
    for turn in 0..2_000 {
        if random.one_in(20) {
            FUSE.set(random.below(30) as i64);
        }
        let message = message(&mut random);
        let run = catch_unwind(AssertUnwindSafe(|| apply(&mut book, &message, turn)));
        let Err(panic) = run else { continue };
        FUSE.set(-1);
        assert!(panic.is::<Blown>(), "seed {seed}: the book itself panicked, though its check had passed");
        if book.check().is_err() {
            break;
        }
        assert!(agrees(&book), "seed {seed}: the check has passed");
        whole += 1;
    }
    FUSE.set(-1);
    drop(book);
    assert_eq!(PAYLOADS.get(), 0, "seed {seed}: each payload is dropped once");
    whole
}

#[test]
fn after_a_panic_the_check_tells_whether_the_book_can_be_used() {
    let lives = if cfg!(miri) { 4 } else { 500 };
    let whole: Vec<u32> = (1..=lives).map(life).collect();
    assert!(whole.iter().any(|&panics| panics > 0), "some panics come between two changes: {whole:?}");
}
