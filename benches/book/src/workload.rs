//! The seeded workload: 50 % new orders (15 % of them immediate-or-cancel), 41 % cancels, 9 % modifies, in five price
//! regimes and two id lifetimes. Prices have a step of 0.01 at 10^-8, around 60,000.
#![allow(unreachable_pub)]

use agio_book::{Incoming, Lifetime, Message, Side};

/// One tick, in 10^-8 units.
pub const TICK: u64 = 1_000_000;
const START: f64 = 6_000_000.0;

/// What the middle of the prices does over the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Regime {
    /// It stays.
    Still,
    /// It walks at random, a tick or two at a time.
    Walk,
    /// It rises by a tenth.
    Trend,
    /// It swings by 2 % and back, twenty times.
    Swings,
    /// It loses 40 % within a hundredth of the run, and recovers half of it.
    Crash,
}

/// All of them, mildest first.
pub const REGIMES: [Regime; 5] = [Regime::Still, Regime::Walk, Regime::Trend, Regime::Swings, Regime::Crash];

/// Which orders are cancelled and modified, and what ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lives {
    /// One of the last 64 placed; ids count upwards.
    Short,
    /// Any order that may still rest, most of them long out of every cache; ids are arbitrary 64-bit numbers.
    Overlapping,
}

/// A workload.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// What prices do.
    pub regime: Regime,
    /// Whom cancels hit.
    pub lives: Lives,
    /// How many messages.
    pub messages: usize,
    /// How many orders rest before the first message.
    pub resting: usize,
    /// How far from the middle orders are placed, in ticks.
    pub depth: u64,
    /// Where it starts.
    pub seed: u64,
}

/// Messages to fill the book with, and the messages to measure.
pub fn make(spec: &Spec) -> (Vec<Message>, Vec<Message>) {
    let mut maker = Maker { spec: *spec, state: spec.seed, middle: START, live: Vec::new(), placed: 0 };
    let filling = (0..spec.resting).map(|_| maker.filler()).collect();
    let messages = (0..spec.messages).map(|at| maker.message(at)).collect();
    (filling, messages)
}

struct Maker {
    spec: Spec,
    state: u64,
    middle: f64,
    live: Vec<u64>,
    placed: u64,
}

impl Maker {
    /// `SplitMix64`.
    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.random()) * u128::from(bound)) >> 64) as u64
    }

    fn side(&mut self) -> Side {
        if self.below(2) == 0 { Side::Buy } else { Side::Sell }
    }

    fn new_id(&mut self) -> u64 {
        self.placed += 1;
        match self.spec.lives {
            Lives::Short => self.placed,
            Lives::Overlapping => self.random(),
        }
    }

    fn filler(&mut self) -> Message {
        let (id, side) = (self.new_id(), self.side());
        let away = 1 + self.below(self.spec.depth) as i64;
        self.live.push(id);
        self.place(id, side, away, Lifetime::Rest)
    }

    fn place(&mut self, id: u64, side: Side, away: i64, lifetime: Lifetime) -> Message {
        let (limit, quantity) = (Some(self.price(side, away)), 1 + self.below(1_000));
        Message::Place(Incoming { id, side, limit, quantity, lifetime })
    }

    /// A price so many ticks on the passive side of the middle.
    fn price(&self, side: Side, away: i64) -> u64 {
        let middle = self.middle as i64;
        let tick = if side == Side::Buy { middle - away } else { middle + away };
        tick.max(1) as u64 * TICK
    }

    /// Most orders are placed near the middle, a few far from it.
    fn away(&mut self) -> i64 {
        let near = self.below(self.spec.depth) * self.below(self.spec.depth) / self.spec.depth;
        near as i64 - (self.spec.depth / 50) as i64
    }

    fn message(&mut self, at: usize) -> Message {
        self.move_middle(at as f64 / self.spec.messages as f64);
        let kind = self.below(100);
        if kind < 50 || self.live.is_empty() {
            return self.new_order();
        }
        let id = self.someone(kind < 91);
        match kind {
            50..91 => Message::Cancel { id },
            91..95 => Message::Reduce { id, left: 1 + self.below(100) },
            _ => {
                let (side, away) = (self.side(), self.away());
                Message::Replace { id, price: self.price(side, away), quantity: 1 + self.below(1_000) }
            }
        }
    }

    fn new_order(&mut self) -> Message {
        let (id, side) = (self.new_id(), self.side());
        if self.below(100) < 15 {
            let through = self.below(10) as i64;
            return self.place(id, side, -through, Lifetime::Immediate);
        }
        self.live.push(id);
        let away = self.away();
        self.place(id, side, away, Lifetime::Rest)
    }

    fn someone(&mut self, last_time: bool) -> u64 {
        let among = match self.spec.lives {
            Lives::Short => self.live.len().min(64),
            Lives::Overlapping => self.live.len(),
        };
        let at = self.live.len() - 1 - self.below(among as u64) as usize;
        match (last_time, self.spec.lives) {
            (false, _) => self.live[at],
            (true, Lives::Short) => self.live.remove(at),
            (true, Lives::Overlapping) => self.live.swap_remove(at),
        }
    }

    fn move_middle(&mut self, done: f64) {
        self.middle = match self.spec.regime {
            Regime::Still => START,
            Regime::Walk => self.middle + self.below(3) as f64 - 1.0,
            Regime::Trend => START * (1.0 + 0.1 * done),
            Regime::Swings => START * (1.0 + 0.02 * (done * 20.0 * std::f64::consts::TAU).sin()),
            Regime::Crash if done < 0.5 => START,
            Regime::Crash if done < 0.51 => START * (1.0 - 0.4 * (done - 0.5) / 0.01),
            Regime::Crash => START * (0.6 + 0.4 * (done - 0.51)),
        };
    }
}
