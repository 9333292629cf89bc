//! Group commit adapts: an idle disk is used at once, a busy one is waited for with full groups. The disk of these tests
//! does not return from a sync until it is let.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use agio_engine::commands::Tick;
use agio_engine::units::Micros;
use agio_journal::{Durability, File, Memory, Tap, Tapped};
use agio_runner::{Answer, LONG_TAIL, Options, Reading, Reply, Request, Shard};

/// The most that one sync may make wait.
const MOST: usize = 4_096;
/// Where a frame's header has the number of its records.
const FRAME_COUNT: std::ops::Range<usize> = 12..16;

#[derive(Debug, Default)]
struct Gate {
    /// Whether syncs of the journal's thread must wait, and whether one does.
    closed: Mutex<(bool, bool)>,
    turned: Condvar,
    /// How many commands each sync has made durable.
    synced: Mutex<Vec<usize>>,
}

impl Gate {
    fn set(&self, closed: bool) {
        self.closed.lock().unwrap().0 = closed;
        self.turned.notify_all();
    }

    /// Until a sync has begun that may not end.
    fn wait_for_sync(&self) {
        let begun =
            self.turned.wait_timeout_while(self.closed.lock().unwrap(), Duration::from_secs(10), |(_, waits)| !*waits);
        assert!(begun.unwrap().0.1, "no sync has begun");
    }

    fn pass(&self) {
        let mut state = self.closed.lock().unwrap();
        while state.0 {
            state.1 = true;
            self.turned.notify_all();
            state = self.turned.wait(state).unwrap();
        }
        state.1 = false;
    }
}

impl Tap for Gate {
    fn write_at(&self, file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if let (Some("agio-journal"), Some(count)) = (std::thread::current().name(), bytes.get(FRAME_COUNT)) {
            let count = u32::from_le_bytes(count.try_into().unwrap());
            self.synced.lock().unwrap().push(count as usize);
        }
        file.write_at(offset, bytes)
    }

    fn sync_data(&self, file: &dyn File) -> io::Result<()> {
        if std::thread::current().name() == Some("agio-journal") {
            self.pass();
        }
        file.sync_data()
    }
}

fn shard() -> (Shard, Arc<Gate>) {
    let options = Options {
        folder: PathBuf::new(),
        durability: Durability::Fdatasync,
        segment_bytes: 1 << 20,
        follow_forward: true,
        least_free_bytes: 0,
        remember: 10,
        long_tail: LONG_TAIL,
        reading: Reading::default(),
        manual_time: None,
        tripwire: None,
    };
    let gate = Arc::new(Gate::default());
    let storage = Arc::new(Tapped::new(Memory::simulated(), Arc::clone(&gate)));
    (Shard::open_on(storage, &options, |_| ()).unwrap().0, gate)
}

/// All at once: the engine's thread, asleep or not yet, sees all of them or none.
fn submit(shard: &Shard, count: usize) {
    let request = |token: usize| {
        let token = token as u64;
        let reply: Reply = Box::new(move |_, _| Some(Answer { token, status: 200, body: Vec::new(), orders: None }));
        Request { token, command: Some(Tick {}.into()), deadline: Micros(0), reply }
    };
    shard.desk().put_all((0..count).map(request).collect()).unwrap();
    shard.desk().rouse();
}

/// How many commands each sync has made durable, once so many are answered.
fn groups(shard: &Shard, gate: &Gate, count: usize) -> Vec<usize> {
    let (mut answered, until) = (0, Instant::now() + Duration::from_secs(10));
    while answered < count && Instant::now() < until {
        answered += shard.desk().outbox.take().iter().map(|group| group.answers.len()).sum::<usize>();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(answered, count);
    std::mem::take(&mut *gate.synced.lock().unwrap())
}

/// Until the engine's thread has come to this command.
fn wait_for_engine(shard: &Shard, sequence: usize) {
    let until = Instant::now() + Duration::from_secs(10);
    while shard.desk().applied().0 < sequence as u64 {
        assert!(Instant::now() < until, "the engine's thread sleeps");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The syncs of one request and of those that come while it is synced; the engine's thread comes to `applied` of these
/// meanwhile.
fn behind_one(count: usize, applied: usize) -> Vec<usize> {
    let (shard, gate) = shard();
    gate.set(true);
    submit(&shard, 1);
    gate.wait_for_sync();
    submit(&shard, count);
    wait_for_engine(&shard, 1 + applied);
    assert!(shard.desk().outbox.take().is_empty(), "nothing is seen before it is durable");
    gate.set(false);
    groups(&shard, &gate, 1 + count)
}

#[test]
fn one_request_is_synced_at_once_and_alone_when_the_disk_is_idle() {
    let (shard, gate) = shard();
    for _ in 0..20 {
        submit(&shard, 1);
        assert_eq!(groups(&shard, &gate, 1), [1]);
    }
}

#[test]
fn what_comes_while_the_disk_is_busy_shares_one_sync() {
    for few in [1, 2, 15] {
        assert_eq!(behind_one(few, 0), [1, few]);
    }
    for many in [16, 17, 500, 1_024, 3_000] {
        assert_eq!(behind_one(many, many), [1, many]);
    }
}

#[test]
fn under_load_no_sync_makes_more_than_that_wait() {
    // While the disk is busy the engine's thread comes to what the next sync takes, and to a group more.
    let syncs = behind_one(3 * MOST, MOST);
    assert!(syncs.iter().all(|count| *count <= MOST), "{syncs:?}");
    assert!(syncs[1] > MOST / 2, "the first behind it is well filled: {syncs:?}");
}
