//! The book and the naive one, side by side.

#[path = "../../book/tests/common/mod.rs"]
mod common;

use agio_book::{Book, Incoming, Lifetime, Meeting, Message, Side, naive};
use common::{AnyBook, Tape, Venue};

use crate::input::Input;

const MEETINGS: [Meeting; 5] =
    [Meeting::Trade, Meeting::CancelMaker, Meeting::CancelTaker, Meeting::CancelBoth, Meeting::Decrement];
const LIFETIMES: [Lifetime; 4] = [Lifetime::Rest, Lifetime::Immediate, Lifetime::FillOrKill, Lifetime::PostOnly];
const STEPS: [u64; 6] = [1, 10, 96, 1 << 20, 1_000_000, u64::MAX / 90_000];

/// Where this input's prices are.
struct Prices {
    step: u64,
    centre: u64,
}

impl Prices {
    fn take(&self, input: &mut Input<'_>) -> u64 {
        let away = input.u8();
        let tick = match away {
            0xF8..=0xFF => u64::from(input.u16()) << (away & 7),
            _ => self.centre + u64::from(away & 63),
        };
        input.number(|_| tick.saturating_mul(self.step))
    }
}

/// The same messages, one at a time and in batches: the same reports, the same results, the same contents.
pub(crate) fn twins(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = if input.seldom() { 1 + u32::from(input.u8()) } else { 1_000_000 };
    let prices = Prices { step: input.pick(&STEPS), centre: 1 + u64::from(input.u16()) };
    let (mut fast, mut slow) = (Book::<Venue>::with_limit(limit), naive::Book::<Venue>::with_limit(limit));
    while !input.is_empty() {
        let count = if input.seldom() { 1 + input.below(40) } else { 1 };
        let messages: Vec<Message> = (0..count).map(|_| message(&mut input, &prices)).collect();
        let tape = Tape { policies: (0..count).map(|_| venue(&mut input)).collect(), ..Tape::default() };
        let (mut one, mut other) = (tape.clone(), tape);
        AnyBook::apply_batch(&mut fast, &messages, &mut one);
        AnyBook::apply_batch(&mut slow, &messages, &mut other);
        assert_eq!(one.events, other.events, "reports of {messages:?}");
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(AnyBook::best(&fast, side), AnyBook::best(&slow, side), "best after {messages:?}");
        }
    }
    fast.check().expect("the book is sound");
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(AnyBook::orders(&fast, side), AnyBook::orders(&slow, side));
        assert_eq!(AnyBook::levels(&fast, side), AnyBook::levels(&slow, side));
    }
    restored(&fast);
}

/// A book restored from its own orders is the same book.
fn restored(book: &Book<Venue>) {
    let mut copy = Book::<Venue>::new();
    for side in [Side::Sell, Side::Buy] {
        for (order, note) in AnyBook::orders(book, side) {
            copy.restore(order, note).expect("what rested together can be restored");
        }
        assert_eq!(AnyBook::orders(&copy, side), AnyBook::orders(book, side));
    }
    copy.check().expect("the restored book is sound");
}

fn venue(input: &mut Input<'_>) -> Venue {
    let mut venue = Venue::preventing(u32::from(input.u8() & 3), input.pick(&MEETINGS));
    if input.seldom() {
        venue.budget = input.large(|input| u64::from(input.u32()));
        venue.lot = 1 + u64::from(input.u8() & 3);
    }
    venue
}

fn quantity(input: &mut Input<'_>) -> u64 {
    input.number(|input| u64::from(input.u8() & 63))
}

fn message(input: &mut Input<'_>, prices: &Prices) -> Message {
    let choice = input.u8();
    let id = input.number(|input| u64::from(input.u8()));
    let side = input.pick(&[Side::Buy, Side::Sell]);
    match choice {
        0..0xA0 => {
            let limit = if choice == 0 { None } else { Some(prices.take(input)) };
            let lifetime = if input.flag() { Lifetime::Rest } else { input.pick(&LIFETIMES) };
            Message::Place(Incoming { id, side, limit, quantity: quantity(input), lifetime })
        }
        0xA0..0xD8 => Message::Cancel { id },
        0xD8..0xE8 => Message::Reduce { id, left: quantity(input) },
        _ => Message::Replace { id, price: prices.take(input), quantity: quantity(input) },
    }
}
