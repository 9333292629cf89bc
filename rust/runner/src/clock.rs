//! The log's clock: monotonic, anchored to the wall clock and slewed towards it, never back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use agio_engine::units::Micros;
use agio_planted::{Bug, planted};
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};

/// A wall clock further away than this has jumped.
pub const JUMP: i64 = 1_000_000;
/// The slew: at most this many µs per second of running.
const SLEW: i64 = 500;

/// Where raw time comes from, in µs; a test brings its own.
pub trait TimeSource: Send + Sync {
    /// A clock that only runs forward.
    fn monotonic(&self) -> i64;
    /// The wall clock since 1970.
    fn wall(&self) -> i64;
}

/// The machine's clocks.
pub struct SystemTime;

impl TimeSource for SystemTime {
    fn monotonic(&self) -> i64 {
        micros(ClockId::Monotonic)
    }
    fn wall(&self) -> i64 {
        micros(ClockId::Realtime)
    }
}

/// A clock that stands until it is set: for recorded data and for runs that must be the same each time.
#[derive(Clone, Debug)]
pub struct ManualTime(Arc<AtomicI64>);

impl ManualTime {
    /// It begins at `start`.
    pub fn at(start: Micros) -> Self {
        Self(Arc::new(AtomicI64::new(start.0 as i64)))
    }

    /// Moves it forward to `now`; false, and it stays, when that is behind.
    pub fn set(&self, now: Micros) -> bool {
        let now = now.0 as i64;
        self.0.fetch_max(now, Ordering::AcqRel) <= now
    }
}

impl TimeSource for ManualTime {
    fn monotonic(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }
    fn wall(&self) -> i64 {
        self.monotonic()
    }
}

fn micros(id: ClockId) -> i64 {
    let time = clock_gettime(id);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

/// A wall clock that cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// At start the wall clock is behind what the log has already seen.
    #[error(
        "the wall clock is {behind_micros} µs behind the log's last time: set the clock right (a log's time never goes back) and start again"
    )]
    BehindLog {
        /// By how much.
        behind_micros: i64,
    },
}

struct Anchor {
    wall: i64,
    monotonic: i64,
    last: i64,
    looked: i64,
    jump: Option<i64>,
}

/// The log's clock.
pub struct Clock {
    source: Box<dyn TimeSource>,
    anchor: Mutex<Anchor>,
    follow_forward: bool,
}

impl Clock {
    /// Anchors the clock to the wall clock now.
    ///
    /// `last` is the log's last time; `follow_forward` confirms forward jumps by itself (a development exchange).
    pub fn new(source: Box<dyn TimeSource>, last: Micros, follow_forward: bool) -> Result<Self, ClockError> {
        let (wall, monotonic, last) = (source.wall(), source.monotonic(), last.0 as i64);
        if last - wall > JUMP && !planted(Bug::ClockBehindAccepted) {
            return Err(ClockError::BehindLog { behind_micros: last - wall });
        }
        let anchor = Mutex::new(Anchor { wall, monotonic, last, looked: monotonic, jump: None });
        Ok(Self { source, anchor, follow_forward })
    }

    /// The log's time now.
    pub fn now(&self) -> Micros {
        let monotonic = self.source.monotonic();
        let mut anchor = self.anchor.lock();
        if monotonic - anchor.looked >= 1_000_000 {
            self.look(&mut anchor, monotonic);
        }
        let time = anchor.wall + if planted(Bug::ClockStands) { 0 } else { monotonic - anchor.monotonic };
        anchor.last = anchor.last.max(time);
        Micros(anchor.last as u64)
    }

    /// By how many µs the wall clock has jumped away and waits for [`Self::confirm`]; the log's clock runs on without it.
    pub fn jump(&self) -> Option<i64> {
        self.anchor.lock().jump
    }

    /// Follows a jump of the wall clock. The log's time stands still until a wall clock set back has caught up.
    pub fn confirm(&self) {
        let monotonic = self.source.monotonic();
        let mut anchor = self.anchor.lock();
        self.follow(&mut anchor, monotonic);
    }

    fn follow(&self, anchor: &mut Anchor, monotonic: i64) {
        anchor.wall = self.source.wall();
        anchor.monotonic = monotonic;
        anchor.jump = None;
    }

    fn look(&self, anchor: &mut Anchor, monotonic: i64) {
        let time = anchor.wall + (monotonic - anchor.monotonic);
        let away = self.source.wall() - time;
        let seconds = (monotonic - anchor.looked) / 1_000_000;
        anchor.looked = monotonic;
        if away.abs() <= JUMP {
            anchor.jump = None;
            anchor.wall += away.clamp(-SLEW * seconds, SLEW * seconds);
        } else if away > 0 && (self.follow_forward || planted(Bug::ClockFollows)) {
            self.follow(anchor, monotonic);
        } else {
            anchor.jump = Some(away);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[derive(Clone, Default)]
    struct Fake(Arc<(AtomicI64, AtomicI64)>);

    impl TimeSource for Fake {
        fn monotonic(&self) -> i64 {
            self.0.0.load(Relaxed)
        }
        fn wall(&self) -> i64 {
            self.0.1.load(Relaxed)
        }
    }

    impl Fake {
        fn pass(&self, monotonic: i64, wall: i64) {
            self.0.0.fetch_add(monotonic, Relaxed);
            self.0.1.fetch_add(wall, Relaxed);
        }
    }

    fn clock(follow: bool) -> (Fake, Clock) {
        let fake = Fake::default();
        fake.pass(5, 1_000_000_000);
        (fake.clone(), Clock::new(Box::new(fake), Micros(0), follow).unwrap())
    }

    #[test]
    fn runs_with_the_monotonic_clock_and_slews_slowly() {
        let (fake, clock) = clock(false);
        assert_eq!(clock.now(), Micros(1_000_000_000));
        fake.pass(1_000_000, 1_900_000);
        assert_eq!(clock.now(), Micros(1_001_000_500), "0.9 s away: followed at 500 µs a second");
        assert_eq!(clock.jump(), None);
    }

    #[test]
    fn a_jump_waits_for_an_operator() {
        let (fake, clock) = clock(false);
        fake.pass(1_000_000, 61_000_000);
        assert_eq!(clock.now(), Micros(1_001_000_000));
        assert_eq!(clock.jump(), Some(60_000_000));
        clock.confirm();
        assert_eq!((clock.jump(), clock.now()), (None, Micros(1_061_000_000)));
    }

    #[test]
    fn a_development_clock_follows_forward_but_not_back() {
        let (fake, clock) = clock(true);
        fake.pass(1_000_000, 61_000_000);
        assert_eq!(clock.now(), Micros(1_061_000_000));
        fake.pass(1_000_000, -59_000_000);
        assert_eq!(clock.now(), Micros(1_062_000_000));
        assert!(clock.jump().is_some());
        clock.confirm();
        assert_eq!(clock.now(), Micros(1_062_000_000), "never back");
    }

    #[test]
    fn a_manual_clock_moves_when_it_is_set_and_never_back() {
        let time = ManualTime::at(Micros(1_000));
        let clock = Clock::new(Box::new(time.clone()), Micros(0), false).unwrap();
        assert_eq!(clock.now(), Micros(1_000));
        assert!(time.set(Micros(90_000_000_000)), "a day is no jump: nothing else tells the time");
        assert_eq!((clock.now(), clock.jump()), (Micros(90_000_000_000), None));
        assert!(!time.set(Micros(5)));
        assert_eq!(clock.now(), Micros(90_000_000_000));
    }

    #[test]
    fn a_start_behind_the_log_is_refused() {
        let fake = Fake::default();
        let refused = Clock::new(Box::new(fake.clone()), Micros(1_000_001), false).err();
        assert_eq!(refused, Some(ClockError::BehindLog { behind_micros: 1_000_001 }));
        assert!(Clock::new(Box::new(fake), Micros(1_000_000), false).is_ok());
    }
}
