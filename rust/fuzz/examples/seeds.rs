//! Writes each target's seeds into a folder of its name: `cargo run -p agio-fuzz --example seeds -- FOLDER`. Prints the
//! targets and what holds.

use std::fs;
use std::path::PathBuf;

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    for target in agio_fuzz::TARGETS {
        let own = folder.join(target.name);
        fs::create_dir_all(&own).expect("writable");
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(own.join(format!("seed-{number:03}")), seed).expect("writable");
        }
        println!("{}\t{}", target.name, target.holds);
    }
}
