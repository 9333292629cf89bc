//! What a run does: a seed, how long, and which faults. All of it fits on one command line.

use std::fmt;

use crate::dice::Dice;

/// Kinds of trouble, each of which can be left out.
pub const KINDS: [(&str, &str); 10] = [
    ("crash", "the process dies before, during or after a call to the disk, with and without a power cut"),
    ("error", "a call to the disk fails, and the process ends itself"),
    ("slow", "syncs that take many turns, while the engine goes on"),
    ("full", "a full disk"),
    ("damage", "flipped bits, misdirected writes, truncated, swapped and missing files, on a copy of the disk"),
    ("clock", "wall clocks that jump, and that are wrong at start"),
    ("network", "requests that are duplicated, dropped and reordered"),
    ("hostile", "requests that no honest client sends"),
    ("poison", "commands that break the engine"),
    ("stop", "clean stops, with a snapshot"),
];

/// A set of [`KINDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults(u16);

impl Faults {
    /// All of them.
    pub const ALL: Self = Self((1 << KINDS.len()) - 1);

    fn bit(name: &str) -> Option<u16> {
        KINDS.iter().position(|(known, _)| *known == name).map(|place| 1 << place)
    }

    /// Whether a kind is on.
    ///
    /// # Panics
    /// If there is no such kind: an error in the calling code.
    pub fn has(self, name: &str) -> bool {
        self.0 & Self::bit(name).expect("a known kind") != 0
    }

    /// The same without one kind; `None` if there is no such kind.
    #[must_use]
    pub fn without(self, name: &str) -> Option<Self> {
        Self::bit(name).map(|bit| Self(self.0 & !bit))
    }

    /// The kinds that are off.
    pub fn missing(self) -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|(name, _)| *name).filter(move |name| !self.has(name))
    }
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Decides everything that the rest leaves open.
    pub seed: u64,
    /// How often the process is started, at most.
    pub lives: u32,
    /// The most requests of one life.
    pub requests: u32,
    /// How many accounts trade, from 1.
    pub accounts: u32,
    /// What goes wrong.
    pub faults: Faults,
}

impl Plan {
    /// How often a process is started in a run that nobody shortened.
    pub const LIVES: u32 = 24;
    /// How many requests a life has at most in a run that nobody shortened.
    pub const REQUESTS: u32 = 4_000;
    /// How many accounts trade in a run that nobody shortened.
    pub const ACCOUNTS: u32 = 12;

    /// A whole run with everything that can go wrong.
    pub fn new(seed: u64) -> Self {
        let (lives, requests, accounts) = (Self::LIVES, Self::REQUESTS, Self::ACCOUNTS);
        Self { seed, lives, requests, accounts, faults: Faults::ALL }
    }

    /// The dice of one part.
    pub(crate) fn dice(&self, part: &str) -> Dice {
        Dice::new(self.seed, part)
    }
}

/// The command line that repeats the run.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Self::new(self.seed);
        write!(f, "agio sim --seed {}", self.seed)?;
        let numbers = [
            ("lives", self.lives, whole.lives),
            ("requests", self.requests, whole.requests),
            ("accounts", self.accounts, whole.accounts),
        ];
        for (name, number, usual) in numbers {
            if number != usual {
                write!(f, " --{name} {number}")?;
            }
        }
        self.faults.missing().try_for_each(|name| write!(f, " --without {name}"))
    }
}
