//! The fast book and the naive one, side by side on random commands: every report, every result, every content.
//!
//! `AGIO_TWIN_COMMANDS` sets how many commands, `AGIO_TWIN_SEED` where they start. A failure names its seed.

mod common;

use agio_book::{Book, Incoming, Lifetime, Meeting, Message, Placed, Resting, Side, naive};
use common::{AnyBook, Event, Random, Tape, Venue};

const EPOCH: u64 = 4_000;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Where prices are, and how far they go: one of these per epoch.
#[derive(Clone, Copy, Debug)]
enum Regime {
    Still,
    Drift,
    Swings,
    Crash,
    Wild,
}

const REGIMES: [Regime; 5] = [Regime::Still, Regime::Drift, Regime::Swings, Regime::Crash, Regime::Wild];

/// Makes commands; knows the ids that may rest.
struct Maker {
    random: Random,
    regime: Regime,
    at: u64,
    step: u64,
    centre: u64,
    width: u64,
    ids: Vec<u64>,
    target: usize,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let step = [1, 10, 25, 1 << 20, 1_000_000, 96, u64::MAX / 90_000][random.below(7) as usize];
        let regime = REGIMES[random.below(5) as usize];
        let centre = 1_000 + random.below(u64::MAX / step / 3).min(5_000_000);
        let width = [3, 40, 700, 20_000, 6_000_000][random.below(5) as usize];
        let target = [3, 40, 150, 500][random.below(4) as usize];
        Self { random, regime, at: 0, step, centre, width, ids: Vec::new(), target }
    }

    fn price(&mut self, side: Side) -> u64 {
        self.at += 1;
        let wave = (self.at as f64 / 500.0).sin();
        let shift = match self.regime {
            Regime::Drift => self.at as f64 * self.width as f64 / 200.0,
            Regime::Swings => wave * 20.0 * self.width as f64,
            Regime::Crash if self.at % 1500 > 1300 => -0.9 * self.centre as f64,
            Regime::Still | Regime::Wild | Regime::Crash => 0.0,
        };
        if matches!(self.regime, Regime::Wild) && self.random.one_in(3) {
            return self.random.next() >> self.random.below(64);
        }
        if self.random.one_in(400) {
            return [1, 2, u64::MAX, u64::MAX - 1, self.random.next(), 0][self.random.below(6) as usize];
        }
        let middle = (self.centre as f64 + shift).max(1.0) as u64;
        let away = self.random.below(self.width + 1) * self.random.below(self.width + 1) / (self.width + 1);
        let away = away as i64 - (self.width / 6) as i64;
        let tick = match side {
            Side::Buy => middle.saturating_add_signed(-away),
            Side::Sell => middle.saturating_add_signed(away),
        };
        let odd = if self.random.one_in(300) { self.random.below(self.step) } else { 0 };
        tick.max(1).saturating_mul(self.step).saturating_add(odd)
    }

    fn quantity(&mut self) -> u64 {
        match self.random.below(300) {
            0 => 0,
            1 => u64::MAX,
            2 => u64::MAX / 2,
            n if n < 20 => 1 + self.random.below(2_000),
            _ => 1 + self.random.below(40),
        }
    }

    fn some_id(&mut self) -> u64 {
        if self.ids.is_empty() || self.random.one_in(50) {
            return self.random.below(20);
        }
        let at = self.random.below(self.ids.len() as u64) as usize;
        if self.random.one_in(20) { self.ids[at] } else { self.ids.swap_remove(at) }
    }

    fn order(&mut self) -> Incoming {
        let side = if self.random.one_in(2) { Side::Buy } else { Side::Sell };
        let lifetime = match self.random.below(20) {
            0..=2 => Lifetime::Immediate,
            3..=4 => Lifetime::FillOrKill,
            5..=6 => Lifetime::PostOnly,
            _ => Lifetime::Rest,
        };
        let limit = if self.random.one_in(25) { None } else { Some(self.price(side)) };
        let id = match self.random.below(100) {
            0 => self.some_id(),
            1 => self.random.below(20),
            2..50 => self.at << 20 | self.random.below(4),
            _ => self.random.next(),
        };
        self.ids.push(id);
        Incoming { id, side, limit, quantity: self.quantity(), lifetime }
    }

    fn message(&mut self, resting: usize) -> Message {
        let new = if resting < self.target { 70 } else { 35 };
        match self.random.below(100) {
            n if n < new => Message::Place(self.order()),
            n if n < 90 => Message::Cancel { id: self.some_id() },
            n if n < 95 => Message::Reduce { id: self.some_id(), left: self.quantity() },
            _ => {
                let (id, side) = (self.some_id(), if self.random.one_in(2) { Side::Buy } else { Side::Sell });
                self.ids.push(id);
                Message::Replace { id, price: self.price(side), quantity: self.quantity() }
            }
        }
    }

    fn venue(&mut self) -> Venue {
        let own = [Meeting::Trade, Meeting::CancelMaker, Meeting::CancelTaker, Meeting::CancelBoth, Meeting::Decrement];
        let mut venue = Venue::preventing(self.random.below(6) as u32, own[self.random.below(5) as usize]);
        if self.random.one_in(8) {
            venue.budget = u128::from(self.random.below(300)) * u128::from(self.centre) * u128::from(self.step);
            venue.lot = 1 + self.random.below(4);
        }
        if self.random.one_in(8) {
            let band = self.width.saturating_mul(self.step) / 4;
            let middle = self.centre.saturating_mul(self.step);
            venue.prices = (middle.saturating_sub(band), middle.saturating_add(band));
        }
        venue
    }
}

/// What must hold of any order, whatever the twins agree on: their dry runs of fill-or-kill, for one, are alike.
fn adds_up(order: &Incoming, placed: &Placed, events: &[Event]) {
    let meeting = |event: &Event| match event {
        Event::Fill(fill, _) => Some((fill.price, fill.quantity, 0)),
        Event::Prevented(prevented, _) => Some((prevented.price, 0, prevented.taker_reduced_by)),
        _ => None,
    };
    let met: Vec<_> = events.iter().filter_map(meeting).collect();
    let (executed, prevented) = (met.iter().map(|met| met.1).sum::<u64>(), met.iter().map(|met| met.2).sum::<u64>());
    assert_eq!((placed.executed, placed.prevented), (executed, prevented), "{order:?}");
    assert_eq!(executed + prevented + placed.left, order.quantity, "{order:?}");
    let worse = |one: u64, other: u64| if order.side == Side::Buy { one > other } else { one < other };
    assert!(met.is_sorted_by(|one, other| !worse(one.0, other.0)), "{order:?}: the best price first");
    assert!(order.limit.is_none_or(|limit| met.iter().all(|met| !worse(met.0, limit))), "{order:?}: within the limit");
    match order.lifetime {
        Lifetime::PostOnly => assert!(met.is_empty(), "{order:?}"),
        Lifetime::FillOrKill => assert!(events.is_empty() || executed == order.quantity, "{order:?}"),
        Lifetime::Rest | Lifetime::Immediate => {}
    }
}

fn apply<B: AnyBook>(book: &mut B, message: &Message, venue: &Venue) -> (String, Tape) {
    let (mut tape, mut venue) = (Tape::default(), venue.clone());
    let result = match *message {
        Message::Place(ref order) => {
            let placed = book.place(order, &mut venue, &mut tape);
            if let Ok(placed) = &placed {
                adds_up(order, placed, &tape.events);
            }
            format!("{placed:?}")
        }
        Message::Cancel { id } => format!("{:?}", book.cancel(id, &mut tape)),
        Message::Reduce { id, left } => format!("{:?}", book.reduce(id, left, &mut tape)),
        Message::Replace { id, price, quantity } => {
            format!("{:?}", book.replace(id, price, quantity, &mut venue, &mut tape))
        }
    };
    (format!("{result} {}", venue.budget), tape)
}

/// The pair under test.
struct Pair {
    fast: Book<Venue>,
    slow: naive::Book<Venue>,
}

impl Pair {
    fn single(&mut self, message: &Message, venue: &Venue) {
        if let Message::Cancel { id } | Message::Place(Incoming { id, .. }) = *message {
            self.fast.warm(id);
            self.fast.warm_order(id);
            self.fast.warm_price(id);
        }
        let (fast, slow) = (apply(&mut self.fast, message, venue), apply(&mut self.slow, message, venue));
        assert_eq!(fast.1.events, slow.1.events, "reports of {message:?} for {venue:?}");
        assert_eq!(fast.0, slow.0, "result of {message:?} for {venue:?}");
        let price = match *message {
            Message::Place(Incoming { limit: Some(price), .. }) | Message::Replace { price, .. } => price,
            _ => 1,
        };
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(AnyBook::best(&self.fast, side), AnyBook::best(&self.slow, side), "best after {message:?}");
            assert_eq!(self.fast.total(side, price), self.slow.total(side, price), "total after {message:?}");
        }
        assert_eq!((self.fast.len(), self.fast.is_empty()), (self.slow.len(), self.slow.is_empty()));
    }

    fn batch(&mut self, messages: &[Message], venues: &[Venue]) {
        let tape = Tape { policies: venues.to_vec(), ..Tape::default() };
        let (mut fast, mut slow) = (tape.clone(), tape);
        self.fast.apply_batch(messages, &mut fast);
        self.slow.apply_batch(messages, &mut slow);
        for (at, (fast, slow)) in fast.events.iter().zip(&slow.events).enumerate() {
            assert_eq!(fast, slow, "report {at} of a batch of {}", messages.len());
        }
        assert_eq!(fast.events.len(), slow.events.len(), "reports of a batch of {}", messages.len());
    }

    fn compare(&mut self, ids: &[u64]) {
        self.fast.check().expect("the book is sound");
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(AnyBook::orders(&self.fast, side), AnyBook::orders(&self.slow, side));
            let levels = AnyBook::levels(&self.fast, side);
            assert_eq!(levels, AnyBook::levels(&self.slow, side));
            for (price, total) in levels.into_iter().take(20) {
                let orders = AnyBook::level_orders(&self.fast, side, price);
                assert_eq!(orders, AnyBook::level_orders(&self.slow, side, price));
                assert_eq!(orders.iter().map(|(order, _)| order.quantity).sum::<u64>(), total, "total at {price}");
            }
        }
        for &id in ids.iter().take(50) {
            assert_eq!(self.fast.mark(id), self.slow.mark(id));
            assert_eq!(AnyBook::get(&self.fast, id), AnyBook::get(&self.slow, id));
        }
    }

    /// A book restored from its own orders is the same book.
    fn restored(&self) {
        let mut copy = Book::<Venue>::new();
        for side in [Side::Sell, Side::Buy] {
            for (order, note) in AnyBook::orders(&self.fast, side) {
                copy.restore(order, note).expect("what rested together can be restored");
            }
            assert_eq!(AnyBook::orders(&copy, side), AnyBook::orders(&self.fast, side));
        }
        copy.check().expect("the restored book is sound");
        let Some((price, _)) = copy.best(Side::Buy) else { return };
        let crossed = Resting { id: u64::MAX - 77, side: Side::Sell, price, quantity: 1 };
        assert_eq!(copy.restore(crossed, common::Note::default()), Err(agio_book::Error::Crossed));
    }
}

fn epoch(pair: &mut Pair, seed: u64, commands: u64) {
    let mut maker = Maker::new(seed);
    let mut done = 0;
    while done < commands {
        if maker.random.one_in(60) {
            let count = 1 + maker.random.below(60);
            let messages: Vec<Message> = (0..count).map(|_| maker.message(pair.slow.len())).collect();
            let venues: Vec<Venue> = (0..count).map(|_| maker.venue()).collect();
            pair.batch(&messages, &venues);
            done += count;
        } else {
            let (message, venue) = (maker.message(pair.slow.len()), maker.venue());
            pair.single(&message, &venue);
            done += 1;
        }
        if maker.random.one_in(400) {
            pair.compare(&maker.ids);
        }
    }
    pair.compare(&maker.ids);
    pair.restored();
}

#[test]
fn twins_agree() {
    let (commands, first) = (setting("AGIO_TWIN_COMMANDS", 200_000), setting("AGIO_TWIN_SEED", 1));
    let mut pair = Pair { fast: Book::new(), slow: naive::Book::new() };
    for number in 0..commands.div_ceil(EPOCH) {
        let seed = first + number;
        // Some epochs go on with the last one's book, at other prices and another step.
        if seed % 3 != 2 {
            let limit = if seed % 4 == 0 { 100 } else { 1_000_000 };
            pair = Pair { fast: Book::with_limit(limit), slow: naive::Book::with_limit(limit) };
        }
        let run =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| epoch(&mut pair, seed, EPOCH.min(commands))));
        if let Err(panic) = run {
            let before = u64::from(seed % 3 == 2);
            eprintln!("replay: AGIO_TWIN_SEED={} AGIO_TWIN_COMMANDS={}", seed - before, EPOCH * (before + 1));
            std::panic::resume_unwind(panic);
        }
    }
}
