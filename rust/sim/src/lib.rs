//! A shard in one thread: clients, the engine, the journal on a disk that fails, clocks that jump, and an auditor with a
//! ledger of its own. A seed decides everything; the same seed does the same again.
//!
//! What runs is the product's code: `agio_runner`'s sequencer and recovery, `agio_journal`'s writer, snapshots and skip
//! list. Only threads, clocks and disk are replaced.

mod audit;
mod damage;
mod dice;
mod disk;
mod plan;
mod process;
mod replay;
mod report;
mod shrink;
mod sites;
mod time;
mod workload;
mod world;

pub use audit::Finding;
pub use damage::{Kind, Outcome};
pub use disk::{Moment, Tallies, Tally};
pub use plan::{Faults, KINDS, Plan};
pub use report::{Counts, Run};
pub use shrink::shrink;
pub use sites::{SITES, Site};

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// This thread's panics are caught, and told as findings.
    static SIMULATES: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the panics of simulated processes off the terminal; those of other threads are told as before.
fn hold_tongue() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !SIMULATES.get() {
                before(panic);
            }
        }));
    });
}

/// Does what a plan says. A panic of the code under test is a finding like any other.
pub fn run(plan: Plan) -> Run {
    let mut world = world::World::new(plan);
    hold_tongue();
    let simulates = SIMULATES.replace(true);
    let checked = catch_unwind(AssertUnwindSafe(|| world.run()));
    SIMULATES.set(simulates);
    let finding = match checked {
        Ok(checked) => checked.err(),
        Err(panic) => Some(Finding { check: "no panics", what: words_of(panic.as_ref()) }),
    };
    let life = world.lives;
    Run { plan, life, counts: world.counts.clone(), tallies: world.disk.tallies(), finding }
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
