//! The engine's snapshots.

use agio_engine::Engine;
use agio_engine::commands::Tick;

use crate::exchange::{Venue, traffic};

/// Bytes that are taken for a state are the state's own, it passes its audit, and the exchange goes on.
pub(crate) fn restore(data: &[u8]) {
    let Ok(engine) = Engine::restore(data) else { return };
    let mut again = Vec::new();
    engine.snapshot(&mut again);
    assert!(again == data, "a snapshot that is not canonical was taken");
    let sound = engine.audit().is_ok();
    let mut venue = Venue::of(engine);
    venue.run(&Tick {}.into());
    for command in traffic() {
        venue.run(&command);
    }
    // A halted shard is known not to be sound, and takes cancels only.
    if sound {
        venue.engine.audit().expect("the audit passes after more commands");
    }
}
