//! Group commit adapts: an idle disk is used at once, a busy one is waited for with full groups. The disk of these tests
//! does not return from a sync until it is let.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use agio_engine::commands::Tick;
use agio_engine::units::Micros;
use agio_journal::{Durability, File, Memory, Tap, Tapped};
use agio_runner::{Answer, Options, Reply, Request, Shard};

/// The most that one sync may make wait.
const GROUP: usize = 1_024;

#[derive(Debug, Default)]
struct Gate {
    /// Whether syncs of the journal's thread must wait, and whether one does.
    closed: Mutex<(bool, bool)>,
    turned: Condvar,
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
        manual_time: None,
        tripwire: None,
    };
    let gate = Arc::new(Gate::default());
    let storage = Arc::new(Tapped::new(Memory::simulated(), Arc::clone(&gate)));
    (Shard::open_on(storage, &options, |_| ()).unwrap().0, gate)
}

fn submit(shard: &Shard, count: usize) {
    for token in 0..count as u64 {
        let reply: Reply = Box::new(move |_, _| Answer { token, status: 200, body: Vec::new(), orders: None });
        let request = Request { token, command: Some(Tick {}.into()), deadline: Micros(0), reply };
        shard.desk().submit(request).unwrap();
    }
}

/// The answers of each group, once there are as many as that.
fn groups(shard: &Shard, count: usize) -> Vec<usize> {
    let (mut groups, until) = (Vec::new(), Instant::now() + Duration::from_secs(10));
    while groups.iter().sum::<usize>() < count && Instant::now() < until {
        groups.extend(shard.desk().outbox.take().iter().map(|group| group.answers.len()));
        std::thread::sleep(Duration::from_millis(1));
    }
    groups
}

/// The groups of one request and of those that come while it is synced.
fn behind_one(count: usize) -> Vec<usize> {
    let (shard, gate) = shard();
    gate.set(true);
    submit(&shard, 1);
    gate.wait_for_sync();
    submit(&shard, count);
    assert!(shard.desk().outbox.take().is_empty(), "nothing is seen before it is durable");
    gate.set(false);
    groups(&shard, 1 + count)
}

#[test]
fn one_request_is_synced_at_once_and_alone_when_the_disk_is_idle() {
    let (shard, _) = shard();
    for _ in 0..20 {
        submit(&shard, 1);
        assert_eq!(groups(&shard, 1), [1]);
    }
}

#[test]
fn what_comes_while_the_disk_is_busy_shares_one_sync() {
    for count in [1, 2, 15, 16, 17, 500, GROUP] {
        assert_eq!(behind_one(count), [1, count]);
    }
}

#[test]
fn under_load_every_group_is_full() {
    assert_eq!(behind_one(3 * GROUP + 7), [1, GROUP, GROUP, GROUP, 7]);
}
