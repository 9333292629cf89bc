//! Plays a story: reads commands, applies them, writes down what happened.

mod read;
mod write;

use std::collections::BTreeMap;

use agio_engine::commands::{Command, Signed};
use agio_engine::units::{AccountId, Lane, Micros};

use crate::common::{OPERATOR, World};

/// What a line may set for its own command only.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) lane: (Lane, u64),
    pub(crate) deadline: Micros,
    pub(crate) signed: Signed,
}

/// The world, the names of its accounts, and which kinds of events the story tells.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) names: BTreeMap<AccountId, String>,
    pub(crate) shown: Vec<String>,
    pub(crate) options: Options,
    /// The name that the next account gets.
    pub(crate) opening: String,
}

/// Returns the story with the events that happened in place of those that were told.
pub(crate) fn play(told: &str) -> Result<String, String> {
    let mut story = Story::new();
    let mut happened = String::new();
    for (number, line) in told.lines().enumerate() {
        if line.starts_with(' ') {
            continue;
        }
        happened.push_str(line);
        happened.push('\n');
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with("--")).collect();
        if words.is_empty() || line.starts_with('#') {
            if line.starts_with("# ---") {
                story = Story::new();
            }
            continue;
        }
        let at = |error: String| format!("line {}: {error}", number + 1);
        for told in story.play_line(&words).map_err(at)? {
            happened.push_str("    ");
            happened.push_str(&told);
            happened.push('\n');
        }
        story.world.engine.audit().map_err(|violation| at(violation.to_string()))?;
    }
    Ok(happened)
}

impl Story {
    fn new() -> Self {
        let names = [(0, "outside"), (1, "fees"), (2, "transit"), (3, "insurance")];
        let names = names.into_iter().map(|(id, name)| (AccountId(id), name.to_owned())).collect();
        let shown = ["refused", "order", "balance"].map(str::to_owned).to_vec();
        let options = Options { lane: (Lane(0), 0), deadline: Micros(0), signed: OPERATOR };
        Self { world: World::new(), names, shown, options, opening: String::new() }
    }

    fn play_line(&mut self, words: &[&str]) -> Result<Vec<String>, String> {
        match words {
            ["show", kinds @ ..] => {
                self.shown = kinds.iter().map(|kind| (*kind).to_owned()).collect();
                Ok(Vec::new())
            }
            ["time", step] => {
                self.world.time.0 += read::duration(step)?;
                Ok(Vec::new())
            }
            ["counts", name] => Ok(vec![self.counts(name)?]),
            ["average", symbol] => Ok(vec![self.average(symbol)]),
            ["depth", symbol] => Ok(self.depth(symbol)),
            ["restart"] => self.restart(),
            ["quarantine", rest @ ..] => {
                let command = self.command(rest)?;
                let envelope = self.world.envelope();
                let mut events = Vec::new();
                self.world.engine.quarantine(&envelope, &command, &mut events);
                Ok(self.tell(&events))
            }
            _ => {
                let command = self.command(words)?;
                Ok(self.apply(&command))
            }
        }
    }

    fn apply(&mut self, command: &Command) -> Vec<String> {
        let mut envelope = self.world.envelope();
        (envelope.lane, envelope.number) = self.options.lane;
        envelope.deadline = self.options.deadline;
        let events = self.world.run_as(&envelope, command);
        self.learn_name(command, &events);
        self.tell(&events)
    }

    /// Snapshot, restore, and go on.
    fn restart(&mut self) -> Result<Vec<String>, String> {
        let mut bytes = Vec::new();
        self.world.engine.snapshot(&mut bytes);
        self.world.engine = agio_engine::Engine::restore(&bytes).map_err(|error| error.to_string())?;
        let mut again = Vec::new();
        self.world.engine.snapshot(&mut again);
        if bytes == again { Ok(Vec::new()) } else { Err("the snapshot of the snapshot differs".to_owned()) }
    }
}
