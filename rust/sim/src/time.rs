//! Virtual clocks: they stand until the simulation moves them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use agio_runner::clock::TimeSource;

/// 2023-11-14 22:13:20 UTC.
const START: i64 = 1_700_000_000_000_000;

/// A machine's two clocks, in microseconds. Clones are the same clocks.
#[derive(Clone, Debug)]
pub(crate) struct Clocks(Arc<(AtomicI64, AtomicI64)>);

impl Default for Clocks {
    fn default() -> Self {
        Self(Arc::new((AtomicI64::new(1), AtomicI64::new(START))))
    }
}

impl Clocks {
    /// Time passes on both.
    pub(crate) fn pass(&self, micros: i64) {
        self.0.0.fetch_add(micros, Ordering::Relaxed);
        self.jump(micros);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn jump(&self, micros: i64) {
        self.0.1.fetch_add(micros, Ordering::Relaxed);
    }
}

impl TimeSource for Clocks {
    fn monotonic(&self) -> i64 {
        self.0.0.load(Ordering::Relaxed)
    }

    fn wall(&self) -> i64 {
        self.0.1.load(Ordering::Relaxed)
    }
}
