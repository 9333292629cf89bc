//! Load for an exchange that speaks Binance's REST API: one thread, many keep-alive connections, signed beforehand.
//!
//! A plan comes as JSON on standard input, what was found goes as JSON to standard output: rate, latencies, errors by
//! code, and the generator's own CPU time, so that it can be seen that it is not what was measured.

mod http;
mod outcome;
mod plan;
mod reports;
mod requests;

use std::collections::VecDeque;
use std::io::{Result, read_to_string, stdin};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll;
use rustix::fs::Timespec;
use rustix::time::{ClockId, clock_gettime};

use crate::http::Connection;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::reports::Reports;

/// How long reports may come after the last acknowledgement.
const LAST_REPORTS: Duration = Duration::from_secs(3);

fn main() {
    if let Err(error) = read_to_string(stdin()).and_then(|text| Run::new(serde_json::from_str(&text)?)?.go()) {
        eprintln!("agio-load: {error}");
        std::process::exit(1);
    }
}

/// A connection with what is under way on it: the request's number, and when it was due.
struct Slot {
    connection: Connection,
    number: usize,
    due: Instant,
}

struct Run {
    plan: Plan,
    requests: Vec<Vec<u8>>,
    poll: OwnedFd,
    slots: Vec<Slot>,
    free: VecDeque<usize>,
    reports: Vec<Reports>,
    outcome: Outcome,
    sent: usize,
    began: Instant,
}

impl Run {
    fn new(plan: Plan) -> Result<Self> {
        let requests = requests::make(&plan);
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let began = Instant::now();
        let mut slots = Vec::new();
        for index in 0..plan.connections {
            let connection = Connection::open(&plan.address)?;
            watch(&poll, &connection.socket, index)?;
            slots.push(Slot { connection, number: 0, due: began });
        }
        let mut reports = Vec::new();
        for user in plan.users.iter().filter(|_| plan.reports.is_some()) {
            let stream = Reports::open(plan.reports.as_deref().unwrap_or_default(), user, &plan.tag)?;
            watch(&poll, &stream.socket, slots.len() + reports.len())?;
            reports.push(stream);
        }
        let free = (0..slots.len()).collect();
        Ok(Self { plan, requests, poll, slots, free, reports, outcome: Outcome::default(), sent: 0, began })
    }

    fn go(mut self) -> Result<()> {
        let cpu = on_core();
        self.began = Instant::now();
        while self.outcome.replies() < self.requests.len() {
            let now = Instant::now();
            let wait = self.send(now)?;
            self.wait(wait)?;
        }
        let took = self.began.elapsed();
        let cpu = on_core().saturating_sub(cpu);
        let until = Instant::now() + LAST_REPORTS;
        while self.reported() < self.outcome.accepted() && !self.reports.is_empty() && Instant::now() < until {
            self.wait(Some(Duration::from_millis(10)))?;
        }
        println!("{}", self.outcome.tell(took, cpu, &self.reports));
        Ok(())
    }

    fn reported(&self) -> usize {
        self.reports.iter().map(|stream| stream.arrived.len()).sum()
    }

    /// Sends what is due on connections that are free; returns how long until the next is due.
    fn send(&mut self, now: Instant) -> Result<Option<Duration>> {
        while self.sent < self.requests.len() {
            let due = match self.plan.rate {
                Some(rate) => self.began + Duration::from_secs_f64(self.sent as f64 / rate),
                None => now,
            };
            if due > now {
                return Ok(Some(due - now));
            }
            let Some(index) = self.free.pop_front() else { return Ok(None) };
            let slot = &mut self.slots[index];
            (slot.number, slot.due) = (self.sent, due);
            slot.connection.send(&self.requests[self.sent])?;
            self.sent += 1;
        }
        Ok(None)
    }

    /// Takes replies and reports, waiting up to `limit` for the first.
    fn wait(&mut self, limit: Option<Duration>) -> Result<()> {
        let limit =
            limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() });
        let mut space = [MaybeUninit::<epoll::Event>::uninit(); 128];
        let (events, _) = epoll::wait(&self.poll, &mut space, limit.as_ref())?;
        for event in events.iter() {
            let index = event.data.u64() as usize;
            let Some(slot) = self.slots.get_mut(index) else {
                self.reports[index - self.slots.len()].receive()?;
                continue;
            };
            let (number, due, outcome) = (slot.number, slot.due, &mut self.outcome);
            if slot.connection.receive(|reply| outcome.add(number, due, Instant::now(), reply))? {
                self.free.push_back(index);
            }
        }
        Ok(())
    }
}

fn watch(poll: &OwnedFd, socket: &impl std::os::fd::AsFd, index: usize) -> Result<()> {
    let data = epoll::EventData::new_u64(index as u64);
    Ok(epoll::add(poll, socket, data, epoll::EventFlags::IN)?)
}

/// What this thread has used of a core.
fn on_core() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
