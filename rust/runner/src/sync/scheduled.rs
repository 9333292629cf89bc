//! Stand-ins for locks, condition variables, channels and threads: among threads that take turns these are places where
//! the turn may pass; elsewhere they are what they stand for. Calls that wake somebody, or count, can be left out.

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, SendError, TryRecvError};
use std::time::{Duration, Instant};

use super::turns::{self, Site};

fn key<T: ?Sized>(of: &T) -> usize {
    std::ptr::from_ref(of).cast::<()>().addr()
}

#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(parking_lot::Mutex<T>);

pub(crate) struct MutexGuard<'a, T> {
    of: &'a Mutex<T>,
    /// `None` while a condition variable has it.
    held: Option<parking_lot::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(parking_lot::Mutex::new(value))
    }

    #[track_caller]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        turns::point();
        MutexGuard { of: self, held: Some(self.take(Location::caller())) }
    }

    fn take(&self, site: Site) -> parking_lot::MutexGuard<'_, T> {
        while turns::scheduled() {
            match self.0.try_lock() {
                Some(held) => return held,
                None => turns::wait(key(self), site, false),
            };
        }
        self.0.lock()
    }
}

impl<T> MutexGuard<'_, T> {
    fn release(&mut self) {
        self.held = None;
        turns::wake(key(self.of), true);
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.release();
        turns::point();
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.held.as_ref().expect("locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("locked")
    }
}

#[derive(Default)]
pub(crate) struct Condvar(parking_lot::Condvar);

pub(crate) struct TimedOut(bool);

impl TimedOut {
    pub(crate) fn timed_out(&self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(parking_lot::Condvar::new())
    }

    #[track_caller]
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        if turns::scheduled() {
            self.sleep(guard, Location::caller());
        } else {
            self.0.wait(guard.held.as_mut().expect("locked"));
        }
    }

    #[track_caller]
    pub(crate) fn wait_for<T>(&self, guard: &mut MutexGuard<'_, T>, timeout: Duration) -> TimedOut {
        self.wait_until(guard, Instant::now() + timeout)
    }

    /// Among threads that take turns no time passes: only the seed says that it is over.
    #[track_caller]
    pub(crate) fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, until: Instant) -> TimedOut {
        TimedOut(if turns::scheduled() {
            self.sleep(guard, Location::caller())
        } else {
            self.0.wait_until(guard.held.as_mut().expect("locked"), until).timed_out()
        })
    }

    /// Unlocks and falls asleep in one step; who notifies without the lock may still come before it.
    fn sleep<T>(&self, guard: &mut MutexGuard<'_, T>, site: Site) -> bool {
        turns::point();
        guard.release();
        let for_nothing = turns::wait(key(self), site, true);
        guard.held = Some(guard.of.take(site));
        for_nothing
    }

    #[track_caller]
    pub(crate) fn notify_one(&self) {
        if turns::takes_effect(Location::caller()) {
            turns::wake(key(self), false);
            self.0.notify_one();
        }
    }

    #[track_caller]
    pub(crate) fn notify_all(&self) {
        if turns::takes_effect(Location::caller()) {
            turns::wake(key(self), true);
            self.0.notify_all();
        }
    }
}

pub(crate) struct AtomicUsize(std::sync::atomic::AtomicUsize);

impl AtomicUsize {
    pub(crate) const fn new(value: usize) -> Self {
        Self(std::sync::atomic::AtomicUsize::new(value))
    }

    pub(crate) fn load(&self, ordering: Ordering) -> usize {
        turns::point();
        self.0.load(ordering)
    }

    #[track_caller]
    pub(crate) fn fetch_add(&self, value: usize, ordering: Ordering) -> usize {
        self.0.fetch_add(if turns::takes_effect(Location::caller()) { value } else { 0 }, ordering)
    }

    #[track_caller]
    pub(crate) fn fetch_sub(&self, value: usize, ordering: Ordering) -> usize {
        self.0.fetch_sub(if turns::takes_effect(Location::caller()) { value } else { 0 }, ordering)
    }
}

/// Writes to an eventfd.
#[track_caller]
pub(crate) fn write(file: &OwnedFd, bytes: &[u8]) -> rustix::io::Result<usize> {
    if !turns::takes_effect(Location::caller()) {
        return Ok(bytes.len());
    }
    let written = rustix::io::write(file, bytes);
    turns::wake(file.as_raw_fd() as usize, true);
    written
}

struct Pipe<T> {
    /// What was sent, and whether nothing more comes.
    sent: Mutex<(VecDeque<T>, bool)>,
    more: Condvar,
}

pub(crate) struct Sender<T>(Arc<Pipe<T>>);
pub(crate) struct Receiver<T>(Arc<Pipe<T>>);

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let pipe = Arc::new(Pipe { sent: Mutex::new((VecDeque::new(), false)), more: Condvar::new() });
    (Sender(Arc::clone(&pipe)), Receiver(pipe))
}

impl<T> Sender<T> {
    #[expect(clippy::unnecessary_wraps, reason = "as the one that it stands for")]
    pub(crate) fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.0.sent.lock().0.push_back(value);
        self.0.more.notify_one();
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.sent.lock().1 = true;
        self.0.more.notify_one();
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.sent.lock().0.pop_front().ok_or(TryRecvError::Empty)
    }

    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        let mut sent = self.0.sent.lock();
        let late = sent.0.is_empty() && !sent.1 && self.0.more.wait_for(&mut sent, timeout).timed_out();
        sent.0.pop_front().ok_or(if late || !sent.1 {
            RecvTimeoutError::Timeout
        } else {
            RecvTimeoutError::Disconnected
        })
    }
}

#[derive(Default)]
pub(crate) struct Builder {
    name: String,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn name(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn spawn<T: Send + 'static>(
        self,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> std::io::Result<JoinHandle<T>> {
        turns::spawn(&self.name, body).map(|(thread, id)| JoinHandle { thread, id })
    }
}

pub(crate) struct JoinHandle<T> {
    thread: std::thread::JoinHandle<Option<T>>,
    id: usize,
}

impl<T> JoinHandle<T> {
    #[track_caller]
    pub(crate) fn join(self) -> std::thread::Result<T> {
        turns::join(self.id);
        self.thread.join().map(|ended| ended.expect("a schedule with a panic ends there"))
    }
}
