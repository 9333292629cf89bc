//! What the threads of a shard wait for each other with, named once: in this crate's own tests they can be made to take
//! turns as a seed says (`turns`). In everything else these are the real ones.

#[cfg(test)]
mod scheduled;
#[cfg(test)]
pub(crate) mod turns;

#[cfg(not(test))]
mod real {
    pub(crate) use std::sync::atomic::AtomicUsize;
    pub(crate) use std::sync::mpsc::{Receiver, Sender, channel};
    pub(crate) use std::thread::{Builder, JoinHandle};

    pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
    pub(crate) use rustix::io::write;
}

#[cfg(not(test))]
pub(crate) use real::*;
#[cfg(test)]
pub(crate) use scheduled::*;
