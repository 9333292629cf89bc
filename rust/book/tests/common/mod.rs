//! What the suites share: one interface over both books, a venue with accounts, and a sink that remembers.
#![allow(dead_code, missing_docs, unreachable_pub)]

use agio_book::{
    BatchSink, Done, Error, Fill, Incoming, Lifetime, Meeting, Message, Placed, Policy, Prevented, Resting, Side, Sink,
};

/// Payload of the test venue: whose order it is, and how often a sink has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    pub account: u32,
    pub seen: u32,
}

/// The test venue: self-trade prevention by account, a worst price and a budget.
#[derive(Clone, Debug)]
pub struct Venue {
    pub account: u32,
    pub own: Meeting,
    pub prices: (u64, u64),
    pub budget: u128,
    pub lot: u64,
}

impl Venue {
    pub fn of(account: u32) -> Self {
        Self { account, own: Meeting::Trade, prices: (0, u64::MAX), budget: u128::MAX, lot: 1 }
    }

    pub fn preventing(account: u32, own: Meeting) -> Self {
        Self { own, ..Self::of(account) }
    }
}

impl Policy for Venue {
    type Order = Note;

    fn quota(&mut self, price: u64, remaining: u64) -> u64 {
        if price < self.prices.0 || price > self.prices.1 {
            return 0;
        }
        let affordable = self.budget / u128::from(price);
        let lots = affordable.min(u128::from(remaining)) as u64 / self.lot;
        if lots * self.lot == 0 && affordable >= u128::from(remaining) { remaining } else { lots * self.lot }
    }

    fn meet(&mut self, maker: &Note) -> Meeting {
        if maker.account == self.account { self.own } else { Meeting::Trade }
    }

    fn took(&mut self, price: u64, quantity: u64) {
        self.budget -= u128::from(price) * u128::from(quantity);
    }
}

/// Everything a book may report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Fill(Fill, Note),
    Prevented(Prevented, Note),
    Level(Side, u64, u64),
    Payload(usize, Placed),
    Done(usize, Result<Done, Error>, Option<Note>),
}

/// Remembers everything, and changes each payload it is shown.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub events: Vec<Event>,
    pub policies: Vec<Venue>,
}

impl Sink<Note> for Tape {
    fn fill(&mut self, fill: &Fill, maker: &mut Note) {
        maker.seen += 1;
        self.events.push(Event::Fill(*fill, maker.clone()));
    }

    fn prevented(&mut self, prevented: &Prevented, maker: &mut Note) {
        maker.seen += 100;
        self.events.push(Event::Prevented(*prevented, maker.clone()));
    }

    fn level(&mut self, side: Side, price: u64, total: u64) {
        self.events.push(Event::Level(side, price, total));
    }
}

impl BatchSink<Venue> for Tape {
    fn policy(&mut self, index: usize) -> Venue {
        self.policies[index].clone()
    }

    fn payload(&mut self, index: usize, placed: &Placed) -> Note {
        self.events.push(Event::Payload(index, *placed));
        Note { account: self.policies[index].account, seen: 0 }
    }

    fn done(&mut self, index: usize, result: Result<Done, Error>, payload: Option<Note>) {
        self.events.push(Event::Done(index, result, payload));
    }
}

/// The interface that both books have.
pub trait AnyBook: Default {
    fn with_limit(orders: u32) -> Self;
    fn place(&mut self, order: &Incoming, venue: &mut Venue, tape: &mut Tape) -> Result<Placed, Error>;
    fn cancel(&mut self, id: u64, tape: &mut Tape) -> Result<(Resting, Note), Error>;
    fn reduce(&mut self, id: u64, left: u64, tape: &mut Tape) -> Result<Resting, Error>;
    fn replace(
        &mut self,
        id: u64,
        price: u64,
        quantity: u64,
        venue: &mut Venue,
        tape: &mut Tape,
    ) -> Result<(Placed, Option<Note>), Error>;
    fn apply_batch(&mut self, messages: &[Message], tape: &mut Tape);
    fn restore(&mut self, order: Resting, note: Note) -> Result<(), Error>;
    fn get(&self, id: u64) -> Option<(Resting, Note)>;
    fn mark(&mut self, id: u64) -> Option<Resting>;
    fn best(&self, side: Side) -> Option<(u64, u64)>;
    fn total(&self, side: Side, price: u64) -> u64;
    fn levels(&self, side: Side) -> Vec<(u64, u64)>;
    fn orders(&self, side: Side) -> Vec<(Resting, Note)>;
    fn level_orders(&self, side: Side, price: u64) -> Vec<(Resting, Note)>;
    fn len(&self) -> usize;
}

macro_rules! any_book {
    ($book:ty) => {
        impl AnyBook for $book {
            fn with_limit(orders: u32) -> Self {
                <$book>::with_limit(orders)
            }
            fn place(&mut self, order: &Incoming, venue: &mut Venue, tape: &mut Tape) -> Result<Placed, Error> {
                let account = venue.account;
                self.place(order, |_| Note { account, seen: 0 }, venue, tape)
            }
            fn cancel(&mut self, id: u64, tape: &mut Tape) -> Result<(Resting, Note), Error> {
                self.cancel(id, tape)
            }
            fn reduce(&mut self, id: u64, left: u64, tape: &mut Tape) -> Result<Resting, Error> {
                self.reduce(id, left, tape)
            }
            fn replace(
                &mut self,
                id: u64,
                price: u64,
                quantity: u64,
                venue: &mut Venue,
                tape: &mut Tape,
            ) -> Result<(Placed, Option<Note>), Error> {
                self.replace(id, price, quantity, venue, tape)
            }
            fn apply_batch(&mut self, messages: &[Message], tape: &mut Tape) {
                self.apply_batch(messages, tape);
            }
            fn restore(&mut self, order: Resting, note: Note) -> Result<(), Error> {
                self.restore(order, note)
            }
            fn get(&self, id: u64) -> Option<(Resting, Note)> {
                self.get(id).map(|(order, note)| (order, note.clone()))
            }
            fn mark(&mut self, id: u64) -> Option<Resting> {
                let (order, note) = self.get_mut(id)?;
                note.seen += 10_000;
                Some(order)
            }
            fn best(&self, side: Side) -> Option<(u64, u64)> {
                self.best(side)
            }
            fn total(&self, side: Side, price: u64) -> u64 {
                self.total(side, price)
            }
            fn levels(&self, side: Side) -> Vec<(u64, u64)> {
                self.levels(side).collect()
            }
            fn orders(&self, side: Side) -> Vec<(Resting, Note)> {
                self.orders(side).map(|(order, note)| (order, note.clone())).collect()
            }
            fn level_orders(&self, side: Side, price: u64) -> Vec<(Resting, Note)> {
                self.level_orders(side, price).map(|(order, note)| (order, note.clone())).collect()
            }
            fn len(&self) -> usize {
                self.len()
            }
        }
    };
}

any_book!(agio_book::Book<Venue>);
any_book!(agio_book::naive::Book<Venue>);

/// An order with a limit.
pub fn limit(id: u64, side: Side, price: u64, quantity: u64, lifetime: Lifetime) -> Incoming {
    Incoming { id, side, limit: Some(price), quantity, lifetime }
}

/// Seeded random numbers (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
