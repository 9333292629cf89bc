//! One run: clients, a process, its disk and its clocks, and the auditor, who survives what the process does not.

use std::collections::BTreeMap;

use agio_engine::commands::Command;
use agio_engine::events::Event;
use agio_engine::units::{FIRST_CUSTOMER, Micros};
use agio_engine::vocabulary::OrderStatus;
use agio_runner::clock::{ClockError, JUMP, TimeSource};
use agio_runner::{Answer, Group, Options, Outcome, Reply, Request, StartError, View};

use crate::audit::{Auditor, Checked, Entry, Finding, holds, same};
use crate::damage;
use crate::dice::Dice;
use crate::disk::{Disk, Moment, Trouble};
use crate::plan::Plan;
use crate::process::{Process, options};
use crate::replay;
use crate::report::Counts;
use crate::sites::{self, SITES, Site, UNFINISHED_SNAPSHOT};
use crate::time::Clocks;
use crate::workload::{Ask, Clients, missing};

/// What a client has asked and not heard of.
struct Sent {
    command: Option<Command>,
    deadline: u64,
    account: u32,
}

/// A command that may or may not be in the log, with the events that nobody saw (none: it broke the engine).
type Doubt = (Entry, Option<Vec<Event>>);

/// What the clocks said when the log's was anchored to the wall clock.
#[derive(Clone, Copy, Default)]
struct Anchor {
    monotonic: i64,
    wall: i64,
    log: i64,
}

/// How a process ends, when nothing is wrong with that.
enum End {
    /// It died, or it ended itself after a failure.
    Died,
    /// It goes on.
    Alive,
}

/// What the log's clock may catch up at one look.
const SLEW_AT_ONCE: i64 = 2_000;
/// The asset that a question is about.
const ASKED_ASSET: u32 = 2;

/// All that there is.
pub(crate) struct World {
    plan: Plan,
    options: Options,
    pub(crate) disk: Disk,
    clocks: Clocks,
    pub(crate) auditor: Auditor,
    clients: Clients,
    chance: Dice,
    faults: Dice,
    network: Dice,
    sent: BTreeMap<u64, Sent>,
    /// Requests on their way, by the turn at which they arrive.
    delayed: Vec<(u64, Ask)>,
    next_token: u64,
    turn: u64,
    doubts: Vec<Doubt>,
    /// What a process has said, or has begun to build on: it must be there for good.
    floor: u64,
    low: bool,
    /// When the log's clock was anchored last.
    anchor: Anchor,
    /// The latest that the log's clock has said.
    latest: i64,
    /// There is no room for a snapshot at the end of this life.
    fills: bool,
    /// Where the next life's process is to die, when this one's death only leads there.
    next_aim: Option<Trouble>,
    pub(crate) counts: Counts,
    /// Lives begun.
    pub(crate) lives: u32,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut chance = plan.dice("chance");
        let segment_bytes = chance.pick(&[32 << 10, 48 << 10, 128 << 10]);
        let long_tail = chance.pick(&[100, 400, 5_000]);
        Self {
            plan,
            options: options(segment_bytes, long_tail),
            disk: Disk::new(),
            clocks: Clocks::default(),
            auditor: Auditor::new(),
            clients: Clients::new(&plan),
            chance,
            faults: plan.dice("faults"),
            network: plan.dice("network"),
            sent: BTreeMap::new(),
            delayed: Vec::new(),
            next_token: 0,
            turn: 0,
            doubts: Vec::new(),
            floor: 0,
            low: false,
            anchor: Anchor::default(),
            latest: 0,
            fills: false,
            next_aim: None,
            counts: Counts::default(),
            lives: 0,
        }
    }

    fn has(&self, kind: &str) -> bool {
        self.plan.faults.has(kind)
    }

    /// All lives, and then a time without faults.
    pub(crate) fn run(&mut self) -> Checked {
        for life in 0..self.plan.lives {
            self.lives = life + 1;
            self.life(life)?;
        }
        self.settle()
    }

    /// Where this life's process is to die: at a place whose turn it is, or anywhere.
    fn aim(&mut self, life: u32) -> Option<Trouble> {
        let moment = self.faults.pick(&Moment::ALL);
        let calls = self.faults.pick(&[40, 300, 1_500, 4_000]);
        let (any, chance) = (self.faults.below(calls), self.faults.below(12));
        if let Some(aim) = self.next_aim.take() {
            return Some(aim);
        }
        match chance {
            _ if !self.has("crash") => self.has("error").then_some(Trouble::FailIn(any)),
            0 | 1 if life > 0 && self.has("error") => Some(Trouble::FailIn(any)),
            2..5 if life > 0 => Some(Trouble::CrashIn(any, moment)),
            _ => Some(self.aimed(life, moment)),
        }
    }

    /// The turns of one seed after another pass through all places and moments. Some places are reached only by a process
    /// whose predecessor died at another one.
    fn aimed(&mut self, life: u32, moment: Moment) -> Trouble {
        let (site, moment) = self.turn_of(life, moment);
        let aim = Trouble::CrashAt(site, moment);
        let Some(before) = sites::leading_to(site) else { return aim };
        self.next_aim = Some(aim);
        Trouble::CrashAt(before, Moment::Before)
    }

    fn turn_of(&self, life: u32, moment: Moment) -> (Site, Moment) {
        let fits = |site: &&Site| (life == 0) == (site.phase == "create");
        let sites: Vec<_> = SITES.iter().filter(fits).collect();
        // The step from one life to the next is another one for each seed: a place must not always have the same before it.
        let (seed, life, count) = (self.plan.seed, u64::from(life), sites.len() as u64);
        let turn = seed.wrapping_mul(25).wrapping_add(life.wrapping_mul(seed.wrapping_mul(2).wrapping_add(1))) % count;
        let moment = if life == 0 { seed / count % 3 } else { moment as u64 };
        (*sites[turn as usize], Moment::ALL[moment as usize])
    }

    fn life(&mut self, life: u32) -> Checked {
        self.time_passes_while_down();
        let aim = self.aim(life);
        let phase = match aim {
            Some(Trouble::CrashAt(site, _)) => site.phase,
            _ => "",
        };
        self.fills = matches!(aim, Some(Trouble::CrashAt(UNFINISHED_SNAPSHOT, _))) || self.faults.one_in(8);
        self.disk.plan(aim);
        let Some(mut process) = self.start()? else { return Ok(()) };
        if self.has("damage") && self.faults.one_in(2) {
            self.counts.damage(damage::inflict(&self.disk, &self.options, &process, &mut self.faults)?);
        }
        let poison = phase == "quarantine" || self.faults.one_in(12);
        if let End::Died = self.work(&mut process, poison)? {
            return self.died(process);
        }
        let stops = phase == "stop" || self.chance.one_in(3);
        if stops && self.has("stop") {
            return self.stop(process);
        }
        self.disk.pull_the_plug();
        self.died(process)
    }

    fn time_passes_while_down(&mut self) {
        self.clocks.pass(self.chance.below(5_000_000) as i64);
        if self.has("clock") && self.faults.one_in(6) {
            let back = -(self.faults.below(8_000_000) as i64);
            self.clocks.jump(back);
        }
    }

    /// Starts a process and compares it with what is known. None: it did not get that far.
    fn start(&mut self) -> Result<Option<Process>, Finding> {
        self.counts.starts += 1;
        let mut identity = [7; 16];
        identity[..8].copy_from_slice(&self.plan.seed.to_le_bytes());
        match Process::start(&self.disk, &self.clocks, &self.options, identity) {
            Ok(_) if self.disk.is_dead() => {
                self.end_of_process(); // while it took a snapshot, which it could have done without
                Ok(None)
            }
            Ok(process) => {
                self.recovered(&process)?;
                self.counts.recoveries += 1;
                self.counts.torn += process.notes.iter().filter(|note| note.contains("torn")).count() as u64;
                Ok(Some(process))
            }
            Err(error) => self.not_started(&error).map(|()| None),
        }
    }

    fn not_started(&mut self, error: &StartError) -> Checked {
        let excused = match error {
            StartError::Clock(ClockError::BehindLog { behind_micros }) => {
                let behind = self.clocks.wall() < self.latest - JUMP;
                self.clocks.jump(behind_micros + 5);
                behind
            }
            _ => self.disk.is_dead() || self.disk.has_failed() || self.is_short_of_space(),
        };
        self.disk.memory().set_free(u64::MAX);
        self.low = false;
        self.end_of_process();
        holds("a start", excused, || format!("refused: {error}"))
    }

    /// What the process stands on must be what was seen, with all or nothing of what was under way.
    fn recovered(&mut self, process: &Process) -> Checked {
        let (found, floor) = (process.engine().sequence().0, self.floor);
        holds("everything acknowledged is there", found >= floor, || {
            format!("sequence {floor} was visible, the log ends at {found}")
        })?;
        for (entry, events) in std::mem::take(&mut self.doubts) {
            if entry.sequence <= found {
                self.take_in(&entry, events.as_deref())?;
            }
        }
        self.auditor.compare(process.engine())?;
        let hindered = self.disk.has_failed() || self.is_short_of_space();
        let expected = ["torn tail", "broke the engine", "injected failure"];
        let expected = expected.into_iter().chain(hindered.then_some("no snapshot was taken"));
        let known = |note: &&String| expected.clone().any(|text| note.contains(text));
        let strange = process.notes.iter().find(|note| !known(note));
        holds("a start", strange.is_none(), || format!("it says, on a disk that nobody has damaged: {strange:?}"))?;
        self.floor = found;
        let (wall, last) = (self.clocks.wall(), process.engine().time().0 as i64);
        holds("a start", wall >= last - JUMP, || {
            format!("the wall clock says {wall}, the log {last}, and it started")
        })?;
        self.drop_anchor(process);
        Ok(())
    }

    fn drop_anchor(&mut self, process: &Process) {
        let (monotonic, wall, log) = (self.clocks.monotonic(), self.clocks.wall(), process.clock.now().0 as i64);
        self.anchor = Anchor { monotonic, wall, log };
    }

    fn take_in(&mut self, entry: &Entry, events: Option<&[Event]>) -> Checked {
        self.counts.commands += 1;
        match events {
            Some(events) => self.auditor.command(entry, events),
            None => self.auditor.skipped(entry),
        }
    }

    /// The process is gone; its disk keeps what the power cut, if it is one, leaves.
    fn died(&mut self, mut process: Process) -> Checked {
        self.counts.deaths += 1;
        self.check_clock(&process)?;
        for group in process.in_doubt() {
            self.doubt(&group)?;
        }
        drop(process);
        self.end_of_process();
        Ok(())
    }

    fn end_of_process(&mut self) {
        self.sent.clear();
        self.delayed.clear();
        let cut = self.chance.next();
        let power_cut = !cut.is_multiple_of(4) && self.next_aim.is_none();
        self.disk.restart(power_cut.then_some(cut));
        let _ = self.disk.has_failed();
    }

    /// Remembers a group that nobody has seen.
    fn doubt(&mut self, group: &Group) -> Checked {
        let mut commands = group.batch.commands();
        for answer in &group.answers {
            let sent = self.sent.get(&answer.token);
            let sent = sent.ok_or_else(|| never_asked(answer.token))?;
            let Some(command) = sent.command.clone() else { continue };
            let (mark, events) = commands.next().ok_or_else(|| no_events(answer.token))?;
            let entry = Entry { sequence: mark.sequence.0, time: mark.time.0, deadline: sent.deadline, command };
            self.doubts.push((entry, Some(events)));
        }
        self.doubt_poison(group)
    }

    fn doubt_poison(&mut self, group: &Group) -> Checked {
        let Some(poisoned) = &group.poisoned else { return Ok(()) };
        let token = poisoned.lost.first().copied().unwrap_or_default();
        let sent = self.sent.get(&token).ok_or_else(|| never_asked(token))?;
        let command = sent.command.clone().ok_or_else(|| never_asked(token))?;
        let entry = Entry { sequence: poisoned.sequence.0, time: 0, deadline: 0, command };
        self.doubts.push((entry, None));
        self.counts.poisons += 1;
        Ok(())
    }

    /// A group has come out: everybody sees it.
    fn publish(&mut self, group: &Group) -> Checked {
        let mut commands = group.batch.commands();
        for answer in &group.answers {
            let sent = self.sent.remove(&answer.token).ok_or_else(|| never_asked(answer.token))?;
            match sent.command {
                None => self.check_answer(&sent, answer)?,
                Some(command) => {
                    let (mark, events) = commands.next().ok_or_else(|| no_events(answer.token))?;
                    let (sequence, time) = (mark.sequence.0, mark.time.0);
                    let entry = Entry { sequence, time, deadline: sent.deadline, command };
                    self.take_in(&entry, Some(&events))?;
                    self.told(answer, sequence, &events)?;
                }
            }
        }
        same("answers", "commands without one", &0, &commands.count())?;
        self.counts.groups += 1;
        self.floor = self.auditor.sequence();
        if let Some(poisoned) = &group.poisoned {
            self.doubt_poison(group)?;
            self.floor = poisoned.sequence.0;
        }
        Ok(())
    }

    /// A client hears of its command.
    fn told(&mut self, answer: &Answer, sequence: u64, events: &[Event]) -> Checked {
        let refused = matches!(events, [Event::Rejected(_)]);
        self.counts.refusals += u64::from(refused);
        let expected = (sequence, if refused { 400 } else { 200 });
        same("answers", "(sequence, status)", &expected, &(number(answer, 0), answer.status))?;
        for event in events {
            let Event::Executed(executed) = event else { continue };
            let order = &executed.execution.order;
            self.counts.trades += u64::from(executed.execution.fill.is_some_and(|fill| !fill.maker));
            if order.status == OrderStatus::New && order.on_book {
                self.clients.learn(order.account.0, order.market.0, order.order.0);
            }
        }
        Ok(())
    }

    /// A question's answer shows the state after the last command before it.
    fn check_answer(&mut self, sent: &Sent, answer: &Answer) -> Checked {
        self.counts.questions += 1;
        let ledger = &self.auditor.ledger;
        let (free, locked) = (ledger.free(sent.account, ASKED_ASSET), ledger.locked(sent.account, ASKED_ASSET));
        let expected = (200, self.auditor.sequence(), free as u64, locked as u64);
        let found = (answer.status, number(answer, 0), number(answer, 1), number(answer, 2));
        same("answers", "a question's (status, sequence, free, locked)", &expected, &found)
    }

    /// Requests come and groups go, until the life's quota is used up or the process dies.
    fn work(&mut self, process: &mut Process, poison: bool) -> Result<End, Finding> {
        if let End::Died = self.set_up(process)? {
            return Ok(End::Died);
        }
        let quota = 1 + self.chance.below(self.plan.requests.max(1).into());
        let poison_at = poison.then(|| self.faults.below(quota));
        let full_at = (self.has("full") && self.faults.one_in(6)).then(|| self.faults.below(quota));
        let mut asked = 0;
        while asked < quota && !process.broken {
            let burst = 1 + self.chance.below(24);
            let due = |at: Option<u64>| at.is_some_and(|at| (asked..asked + burst).contains(&at));
            if due(full_at) {
                self.disk.memory().set_free(self.faults.below(self.options.segment_bytes));
            }
            if due(poison_at) {
                let now = process.clock.now().0;
                let ask = self.clients.poison(&self.auditor.ledger, now);
                if let Some(ask) = ask {
                    self.submit(process, ask);
                }
            }
            self.submit_some(process, burst);
            asked += burst;
            if let End::Died = self.turn(process)? {
                return Ok(End::Died);
            }
        }
        if process.broken { self.drain(process) } else { Ok(End::Alive) }
    }

    fn set_up(&mut self, process: &mut Process) -> Result<End, Finding> {
        while let Some(command) = missing(&self.auditor.ledger, &self.plan) {
            self.submit(process, Ask { command: Some(command), deadline: 0 });
            if let End::Died = self.drain(process)? {
                return Ok(End::Died);
            }
        }
        Ok(End::Alive)
    }

    fn submit_some(&mut self, process: &mut Process, burst: u64) {
        self.pass_time(process);
        self.turn += 1;
        let turn = self.turn;
        let (arrived, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.delayed).into_iter().partition(|(at, _)| *at <= turn);
        self.delayed = later;
        for (_, ask) in arrived {
            self.submit(process, ask);
        }
        for _ in 0..burst {
            let now = process.clock.now().0;
            let ask = self.clients.ask(&self.auditor.ledger, now);
            self.send(process, ask);
        }
    }

    fn pass_time(&mut self, process: &Process) {
        self.clocks.pass(self.chance.pick(&[0, 1, 50, 500, 20_000, 400_000, 1_300_000]));
        if self.has("clock") && self.faults.one_in(200) {
            let far = self.faults.pick(&[-90_000_000, -700_000, 700_000, 3_600_000_000]);
            self.clocks.jump(far);
        }
        if process.clock.jump().is_some() && self.faults.one_in(20) {
            process.clock.confirm();
            self.drop_anchor(process);
        }
    }

    /// The network: it loses, doubles and delays.
    fn send(&mut self, process: &mut Process, ask: Ask) {
        if self.has("network") {
            match self.network.below(60) {
                0 => return,
                1 => {
                    let again = Ask { command: ask.command.clone(), deadline: ask.deadline };
                    self.submit(process, again);
                }
                2 => return self.delayed.push((self.turn + 1 + self.network.below(5), ask)),
                _ => {}
            }
        }
        self.submit(process, ask);
    }

    fn submit(&mut self, process: &mut Process, ask: Ask) {
        let cancels = matches!(ask.command, None | Some(Command::Cancel(_) | Command::CancelAll(_)));
        if self.low && !cancels {
            return;
        }
        let token = self.next_token;
        self.next_token += 1;
        let account = FIRST_CUSTOMER.0 + (token % u64::from(self.plan.accounts.max(1))) as u32;
        let Ask { command, deadline } = ask;
        let reply = reply(token, account);
        process.intake.push_back(Request { token, command: command.clone(), deadline: Micros(deadline), reply });
        self.sent.insert(token, Sent { command, deadline, account });
    }

    /// Everybody has a turn, in an order that chance decides.
    fn turn(&mut self, process: &mut Process) -> Result<End, Finding> {
        process.apply();
        process.hand_over();
        if self.chance.one_in(24) {
            self.low = process.keep_house(self.options.segment_bytes);
            if self.low && self.faults.one_in(4) {
                self.disk.memory().set_free(u64::MAX);
            }
        }
        let slow = self.has("slow") && self.faults.one_in(3);
        if slow && process.is_writing() {
            return Ok(if self.disk.is_dead() { End::Died } else { End::Alive });
        }
        self.commit(process)
    }

    /// The disk's turn: what it makes durable comes out.
    fn commit(&mut self, process: &mut Process) -> Result<End, Finding> {
        self.check_clock(process)?;
        match process.sync() {
            Ok(groups) => {
                for group in groups {
                    self.publish(&group)?;
                    if let Some(poisoned) = group.poisoned {
                        let _ = process.quarantine(poisoned.sequence.0);
                        return Ok(End::Died);
                    }
                }
            }
            Err(error) => return self.failed(&error),
        }
        match process.write() {
            Ok(()) if self.disk.is_dead() => Ok(End::Died),
            Ok(()) => Ok(End::Alive),
            Err(error) => self.failed(&error),
        }
    }

    /// After a failure the process ends itself; there must have been one.
    fn failed(&mut self, error: &StartError) -> Result<End, Finding> {
        let excused = self.disk.is_dead() || self.disk.has_failed() || self.is_short_of_space();
        holds("failures have a cause", excused, || format!("the journal stopped: {error}"))?;
        Ok(End::Died)
    }

    fn is_short_of_space(&mut self) -> bool {
        let storage: &dyn agio_journal::Storage = &self.disk.memory();
        let full = storage.free_bytes().is_ok_and(|free| free < self.options.segment_bytes);
        self.low |= full;
        full
    }

    /// All that is under way comes out.
    fn drain(&mut self, process: &mut Process) -> Result<End, Finding> {
        while !process.is_idle() {
            process.apply();
            process.hand_over();
            if let End::Died = self.commit(process)? {
                return Ok(End::Died);
            }
        }
        Ok(End::Alive)
    }

    /// A clean stop: all are answered, and a snapshot is taken.
    fn stop(&mut self, mut process: Process) -> Checked {
        if let End::Died = self.drain(&mut process)? {
            return self.died(process);
        }
        same("answers", "requests without one at a clean stop", &0, &self.sent.len())?;
        self.counts.stops += 1;
        if self.fills && self.has("full") {
            self.disk.memory().set_free(self.faults.below(200));
        }
        if let Err(error) = process.stop() {
            self.failed(&error)?;
        }
        self.died(process)
    }

    /// The log's clock runs as the monotonic one does, neither faster nor slower, whatever the wall clock does.
    fn check_clock(&mut self, process: &Process) -> Checked {
        let (now, passed) = (process.clock.now().0 as i64, self.clocks.monotonic() - self.anchor.monotonic);
        let slack = passed / 1_000 + SLEW_AT_ONCE;
        let (slowest, fastest) = (self.anchor.wall + passed - slack, self.anchor.log + passed + slack);
        self.latest = self.latest.max(now);
        holds("the log's time", now <= fastest, || format!("{now} is ahead of {fastest}: it followed a jump"))?;
        holds("the log's time", now >= slowest, || format!("{now} is behind {slowest}: it does not run"))
    }

    /// No more faults: the exchange starts, trades, answers everybody, and its log tells the whole story again.
    fn settle(&mut self) -> Checked {
        self.disk.plan(None);
        self.disk.memory().set_free(u64::MAX);
        self.low = false;
        self.clocks.pass(60_000_000);
        let mut process = loop {
            if let Some(process) = self.start()? {
                break process;
            }
        };
        self.set_up(&mut process)?;
        for command in crate::workload::proof_of_life(self.plan.accounts) {
            let trades = matches!(&command, Command::Place(_));
            let before = self.counts.refusals;
            self.submit(&mut process, Ask { command: Some(command.clone()), deadline: 0 });
            let alive = matches!(self.drain(&mut process)?, End::Alive);
            holds("progress after the faults", alive, || "the process died".to_owned())?;
            let refused = self.counts.refusals > before;
            holds("progress after the faults", !(trades && refused), || format!("{command:?} was refused"))?;
        }
        same("progress after the faults", "requests without an answer", &0, &self.sent.len())?;
        self.auditor.compare(process.engine())?;
        replay::check(&self.disk, &self.auditor.known, process.engine())?;
        self.counts.fingerprint = self.disk.fingerprint() ^ self.auditor.fingerprint();
        Ok(())
    }
}

/// What clients are answered: the sequence, and two balances for a question.
fn reply(token: u64, account: u32) -> Reply {
    Box::new(move |view: &View<'_>, outcome: &Outcome<'_>| {
        let refused = outcome.rejected.is_some();
        let mut held = view.engine.balances(agio_engine::units::AccountId(account));
        let balance = held.find(|(asset, ..)| asset.0 == ASKED_ASSET);
        let (free, locked) = balance.map_or((0, 0), |(_, free, locked)| (free.0 as u64, locked.0 as u64));
        let numbers = [view.engine.sequence().0, free, locked];
        let body = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Some(Answer { token, status: if refused { 400 } else { 200 }, body, orders: None })
    })
}

fn number(answer: &Answer, index: usize) -> u64 {
    let bytes = answer.body.chunks_exact(8).nth(index);
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

fn never_asked(token: u64) -> Finding {
    Finding { check: "answers", what: format!("request {token} was never made, or is answered twice") }
}

fn no_events(token: u64) -> Finding {
    Finding { check: "answers", what: format!("request {token} is answered, and no command stands for it") }
}
