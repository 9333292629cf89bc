//! What leaves a shard: durable events and answers, in the log's order, and rows for the projector.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

use crate::batch::Batch;
use crate::request::Answer;
use crate::sync::{self, Condvar, Mutex};

/// One durable group.
#[derive(Debug)]
pub struct Published {
    /// Its events.
    pub batch: Arc<Batch>,
    /// Its answers.
    pub answers: Vec<Answer>,
    /// Requests whose outcome is unknown: the shard broke before they were durable.
    pub lost: Vec<u64>,
}

/// Published groups that wait for the event loop, and an eventfd that wakes it.
pub struct Outbox {
    groups: Mutex<Vec<Published>>,
    wake: OwnedFd,
}

impl Outbox {
    /// An empty one.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { groups: Mutex::default(), wake: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)? })
    }

    /// The descriptor that is readable while something waits.
    pub fn fileno(&self) -> RawFd {
        self.wake.as_raw_fd()
    }

    /// Adds a group and wakes the loop.
    pub fn push(&self, published: Published) {
        let mut groups = self.groups.lock();
        groups.push(published);
        if groups.len() == 1 {
            self.ring();
        }
    }

    /// Wakes the loop without anything to take: the state has changed.
    pub fn ring(&self) {
        // It can only fail when the counter is full, and then the loop is awake.
        let _ = sync::write(&self.wake, &1_u64.to_ne_bytes());
    }

    /// Takes all that waits.
    pub fn take(&self) -> Vec<Published> {
        let mut groups = self.groups.lock();
        let _ = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        std::mem::take(&mut *groups)
    }
}

impl AsFd for Outbox {
    /// As [`Outbox::fileno`].
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[derive(Default)]
struct Waiting {
    batches: Vec<Arc<Batch>>,
    events: usize,
    closed: bool,
}

/// Batches that wait for the projector. Bounded by whoever pushes: see [`Self::is_full`].
#[derive(Default)]
pub struct Backlog {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

/// A projector this many events behind makes the shard refuse new commands.
const MOST_EVENTS: usize = 2_000_000;

impl Backlog {
    /// Adds a batch.
    pub fn push(&self, batch: Arc<Batch>) {
        if batch.marks().is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        waiting.events += batch.events();
        waiting.batches.push(batch);
        self.more.notify_one();
    }

    /// Whether the projector is too far behind.
    pub fn is_full(&self) -> bool {
        self.waiting.lock().events > MOST_EVENTS
    }

    /// Takes batches of up to about `events` events in all, waiting up to `timeout` for the first; empty on time-out, `None`
    /// once closed and empty.
    pub fn take(&self, events: usize, timeout: Duration) -> Option<Vec<Arc<Batch>>> {
        let until = Instant::now() + timeout;
        let mut waiting = self.waiting.lock();
        while waiting.batches.is_empty() && !waiting.closed {
            if self.more.wait_until(&mut waiting, until).timed_out() {
                return Some(Vec::new());
            }
        }
        if waiting.batches.is_empty() {
            return None;
        }
        let mut sum = 0;
        let full = |batch: &Arc<Batch>| {
            sum += batch.events();
            sum >= events
        };
        let count = waiting.batches.iter().position(full).map_or(waiting.batches.len(), |last| last + 1);
        let taken: Vec<_> = waiting.batches.drain(..count).collect();
        waiting.events -= taken.iter().map(|batch| batch.events()).sum::<usize>();
        Some(taken)
    }

    /// No more comes.
    pub fn close(&self) {
        self.waiting.lock().closed = true;
        self.more.notify_all();
    }
}
