//! The commands of the engine's benches as `agio.shard.batch` packs them: what lists, opens and funds in one batch, and then
//! order commands in batches of so many. To standard output; before each batch stand its bytes' number, four bytes, little
//! end first.
//!
//! `cargo run --release -p agio-runner --example orders -- COMMANDS OF_A_BATCH`.

#[path = "../../engine/examples/bench/workload.rs"]
#[allow(dead_code, reason = "it is shared with the engine's own bench")]
mod workload;

use std::error::Error;
use std::io::{Write, stdout};

use agio_engine::commands::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut next = || arguments.next().ok_or("orders COMMANDS OF_A_BATCH");
    let (count, of_a_batch) = (next()??, next()??);
    let orders: Vec<Command> =
        workload::workload(count, workload::SMALL).into_iter().map(|(_, command)| command).collect();
    write(&workload::setup(workload::SMALL))?;
    orders.chunks(of_a_batch as usize).try_for_each(write)
}

fn write(commands: &[Command]) -> Result<(), Box<dyn Error>> {
    let mut packed = Vec::new();
    for command in commands {
        command.encode(&mut packed);
    }
    stdout().write_all(&u32::try_from(packed.len())?.to_le_bytes())?;
    Ok(stdout().write_all(&packed)?)
}
