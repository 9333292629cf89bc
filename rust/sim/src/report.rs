//! What a run has seen.

use std::collections::BTreeMap;

use crate::audit::Finding;
use crate::damage::{Kind, Outcome};
use crate::disk::Tallies;
use crate::plan::Plan;

/// Figures of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Commands that the auditor has checked.
    pub commands: u64,
    /// Of them, refusals that clients were told of.
    pub refusals: u64,
    /// Trades that clients were told of.
    pub trades: u64,
    /// Questions answered.
    pub questions: u64,
    /// Groups made durable and seen.
    pub groups: u64,
    /// Times a process was started.
    pub starts: u64,
    /// Times it got as far as to serve.
    pub recoveries: u64,
    /// Times it ended after that.
    pub deaths: u64,
    /// Of them, clean stops.
    pub stops: u64,
    /// Torn tails dropped.
    pub torn: u64,
    /// Commands that broke the engine.
    pub poisons: u64,
    /// Damage done to copies, and how it went.
    pub damages: BTreeMap<(Kind, Outcome), u64>,
    /// Equal for two runs only if they did the same.
    pub fingerprint: u64,
}

impl Counts {
    pub(crate) fn damage(&mut self, done: Option<(Kind, Outcome)>) {
        if let Some(done) = done {
            *self.damages.entry(done).or_default() += 1;
        }
    }

    /// Adds another run's figures.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.commands, other.commands),
            (&mut self.refusals, other.refusals),
            (&mut self.trades, other.trades),
            (&mut self.questions, other.questions),
            (&mut self.groups, other.groups),
            (&mut self.starts, other.starts),
            (&mut self.recoveries, other.recoveries),
            (&mut self.deaths, other.deaths),
            (&mut self.stops, other.stops),
            (&mut self.torn, other.torn),
            (&mut self.poisons, other.poisons),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
        for (done, times) in &other.damages {
            *self.damages.entry(*done).or_default() += times;
        }
        self.fingerprint ^= other.fingerprint;
    }
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The run.
    pub plan: Plan,
    /// The life that it ended in, from 1.
    pub life: u32,
    /// Its figures.
    pub counts: Counts,
    /// Calls and deaths by place.
    pub tallies: Tallies,
    /// The first check that failed.
    pub finding: Option<Finding>,
}
