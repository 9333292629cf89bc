//! The heart of a shard without its threads: requests in, one group for the log out.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use agio_engine::commands::{Command, Envelope, encode_record, encode_record_front};
use agio_engine::engine::Engine;
use agio_engine::prefetch_whole;
use agio_engine::units::{Lane, Micros, Sequence};
use agio_journal::{Frame, FrameBuilder};

use crate::batch::{Batch, Outcome, Spares};
use crate::commit::Load;
use agio_planted::{Bug, planted};

use crate::recent::Recent;
use crate::request::{Answer, Request, View};
use crate::start::Tripwire;

/// The source of every command that comes through this process.
pub const OWN_LANE: Lane = Lane(1);
/// Room that must be left in a frame for one more command.
const RECORD_ROOM: usize = 16_384;
/// How many requests ahead memory is asked for the next, before the first look at it.
const AHEAD: usize = 2;
/// Most commands and queries of one group.
pub(crate) const GROUP: usize = 1_024;

/// What becomes durable together, and what may be seen once it is.
#[derive(Debug, Default)]
pub struct Group {
    /// For the log; `None` if there are only queries.
    pub frame: Option<Frame>,
    /// The last sequence that any answer of the group reveals.
    pub last: Sequence,
    /// The events of the commands.
    pub batch: Batch,
    /// The answers, fewer than requests if nobody waits for some.
    pub answers: Vec<Answer>,
    /// How many requests were served.
    pub served: usize,
    /// The group's last command broke the engine.
    pub poisoned: Option<Poisoned>,
}

impl Group {
    /// Whether there is nothing to write and nothing to say.
    pub fn is_empty(&self) -> bool {
        self.served == 0 && self.batch.marks().is_empty()
    }
}

/// A command has broken the engine. Its record must reach the log and the skip list; the state is not to be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poisoned {
    /// The command.
    pub sequence: Sequence,
    /// What the panic said.
    pub message: String,
    /// Requests that are not answered because of it, its own first.
    pub lost: Vec<u64>,
}

/// Gives every command its sequence and time, applies it and makes its answer.
pub struct Sequencer {
    engine: Engine,
    recent: Recent,
    builder: FrameBuilder,
    group: Group,
    spares: Arc<Spares>,
    lane_number: u64,
    tripwire: Option<Tripwire>,
}

impl Sequencer {
    /// Goes on from a recovered engine.
    pub fn new(engine: Engine, builder: FrameBuilder, remember: usize) -> Self {
        let lane_number = if planted(Bug::LaneNumberForgotten) { 0 } else { engine.lane_number(OWN_LANE) };
        let (recent, group, spares) = (Recent::new(remember), Group::default(), Arc::default());
        Self { engine, recent, builder, group, spares, lane_number, tripwire: None }
    }

    /// Calls `tripwire` with each command before it is applied.
    #[must_use]
    pub fn with_tripwire(self, tripwire: Option<Tripwire>) -> Self {
        Self { tripwire, ..self }
    }

    /// The exchange.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.group.is_empty()
    }

    /// How large the group in hand is.
    pub fn load(&self) -> Load {
        Load { served: self.group.served, bytes: self.builder.len(), limit: self.builder.limit() }
    }

    /// Takes requests from the front until they or the group's room end, and no more than `most`.
    ///
    /// # Errors
    /// [`Poisoned`]: the command's record is in the group, its answer is not; nothing more may be run.
    pub fn run(&mut self, requests: &mut VecDeque<Request>, now: Micros, most: usize) -> Result<(), Poisoned> {
        let (mut served, mut outcome) = (0, Ok(()));
        let looks = self.engine.looks();
        let ahead = AHEAD + looks.first().map_or(0, |(farthest, _)| *farthest);
        // Where they stand: a request is large to be moved.
        while let Some(request) =
            requests.get_mut(served).filter(|_| served < most && outcome.is_ok() && self.has_room())
        {
            outcome = self.serve(request, now);
            served += 1;
            if let Some(coming) = requests.get(served + ahead) {
                prefetch_whole(coming); // other threads have written it, so it is in no cache near by
            }
            for &(ahead, look) in looks {
                if let Some(command) = requests.get(served + ahead).and_then(|coming| coming.command.as_ref()) {
                    self.engine.warm(command, look);
                }
            }
        }
        requests.drain(..served);
        outcome
    }

    /// Whether the group takes one more command.
    pub fn has_room(&self) -> bool {
        self.group.served < GROUP && self.builder.fits(RECORD_ROOM)
    }

    fn serve(&mut self, request: &mut Request, now: Micros) -> Result<(), Poisoned> {
        let reply = request.take_reply();
        let answer = if let Some(command) = &request.command {
            self.lane_number += 1;
            let from = (OWN_LANE, self.lane_number, request.deadline);
            let (sequence, time) = self
                .apply(command, from, now)
                .map_err(|poisoned| Poisoned { lost: vec![request.token], ..poisoned })?;
            if let Command::RetireLane(_) = command {
                self.lane_number = self.engine.lane_number(OWN_LANE); // it may have been this one, which begins again
            }
            let outcome = self.group.batch.finish(sequence, time, &mut self.recent);
            reply(&View { engine: &self.engine, recent: &self.recent, now }, &outcome)
        } else {
            reply(&View { engine: &self.engine, recent: &self.recent, now }, &Outcome::default())
        };
        self.group.answers.extend(answer);
        self.group.served += 1;
        Ok(())
    }

    /// Appends the log's own command that lets deadlines fire.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn tick(&mut self, now: Micros) -> Result<(), Poisoned> {
        let tick = Command::Tick(agio_engine::commands::Tick {});
        let (sequence, time) = self.apply(&tick, (Lane(0), 0, Micros(0)), now)?;
        self.group.batch.finish(sequence, time, &mut self.recent);
        Ok(())
    }

    /// Logs and applies; the batch's command is to be finished then.
    fn apply(
        &mut self,
        command: &Command,
        from: (Lane, u64, Micros),
        now: Micros,
    ) -> Result<(Sequence, Micros), Poisoned> {
        let (lane, number, deadline) = from;
        let sequence = Sequence(self.engine.sequence().0 + 1);
        let time = now.max(self.engine.time());
        let envelope = Envelope { sequence, time, lane, number, deadline };
        let logged = self.log(&envelope, command);
        assert_eq!(logged, Some(sequence.0), "the log and the engine count alike, and room was checked");
        let batch = &mut self.group.batch;
        batch.begin();
        let applied = catch_unwind(AssertUnwindSafe(|| {
            if let Some(trip) = self.tripwire {
                trip(command);
            }
            self.engine.apply(&envelope, command, batch);
        }));
        if let Err(panic) = applied {
            self.group.batch.undo();
            return Err(Poisoned { sequence, message: words_of(panic.as_ref()), lost: Vec::new() });
        }
        Ok((sequence, time))
    }

    fn log(&mut self, envelope: &Envelope, command: &Command) -> Option<u64> {
        let front = encode_record_front(envelope, command, self.builder.room(RECORD_ROOM));
        match front {
            Some(bytes) => self.builder.add(bytes).ok(),
            None => self.log_text(envelope, command).ok(),
        }
    }

    /// A command that may be of any length.
    #[cold]
    fn log_text(&mut self, envelope: &Envelope, command: &Command) -> agio_journal::Result<u64> {
        let mut bytes = Vec::new();
        encode_record(envelope, command, &mut bytes);
        self.builder.push(&bytes)
    }

    /// Takes the group; the next one's frame is built in the memory of `spare`.
    pub fn take(&mut self, spare: Frame) -> Group {
        let next = Group { batch: Batch::in_spare(&self.spares), ..Group::default() };
        let mut group = std::mem::replace(&mut self.group, next);
        self.group.answers.reserve(group.answers.len()); // the next will be about as large
        group.frame = self.builder.close(spare);
        group.last = self.engine.sequence();
        group
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
