//! Every target on stable Rust: the seeds, seeded mutations of them, and whatever once found something.
//!
//! `AGIO_FUZZ_INPUTS` sets how many mutations each target gets, `AGIO_FUZZ_SEED` changes them, `AGIO_FUZZ_TARGET` names
//! one target. A failure leaves its input in a file that `cargo run -p agio-fuzz --example replay` takes.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use agio_fuzz::{TARGETS, Target};

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound.max(1)
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn mutate(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut data = seeds[dice.below(seeds.len())].clone();
    for _ in 0..=dice.below(6) {
        let at = dice.below(data.len());
        match dice.below(7) {
            0 if !data.is_empty() => data[at] ^= 1 << dice.below(8),
            1 if !data.is_empty() => data[at] = [0, 1, 0x7F, 0x80, 0xFF][dice.below(5)],
            2 if !data.is_empty() => drop(data.remove(at)),
            3 => data.insert(at, dice.next() as u8),
            4 => data.truncate(at),
            5 => data.extend((0..dice.below(200)).map(|_| dice.next() as u8)),
            _ => {
                let other = &seeds[dice.below(seeds.len())];
                let from = dice.below(other.len());
                let piece = &other[from..(from + dice.below(32)).min(other.len())];
                data.splice(at..(at + piece.len()).min(data.len()), piece.iter().copied());
            }
        }
    }
    data
}

fn run(target: &Target, data: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(data))) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(target.name);
        fs::write(&path, data).expect("writable");
        eprintln!("again: cargo run -p agio-fuzz --example replay -- {} {}", target.name, path.display());
        resume_unwind(panic);
    }
}

#[test]
fn seeds_and_mutations_of_them_find_nothing() {
    let (count, first) = (setting("AGIO_FUZZ_INPUTS", 2_000), setting("AGIO_FUZZ_SEED", 1));
    let only = std::env::var("AGIO_FUZZ_TARGET").ok();
    for target in TARGETS.iter().filter(|target| only.as_ref().is_none_or(|only| only == target.name)) {
        let (seeds, mut dice) = ((target.seeds)(), Dice(first));
        let mutations = (0..count).map(|_| mutate(&mut dice, &seeds));
        for data in seeds.iter().cloned().chain(mutations) {
            run(target, &data);
        }
    }
}

#[test]
fn what_was_found_once_is_not_found_again() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("findings");
    let entries = fs::read_dir(folder).expect("the findings").map(|entry| entry.expect("an entry").path());
    for entry in entries.filter(|path| path.extension().is_some_and(|extension| extension == "bin")) {
        let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
        let target =
            agio_fuzz::target(name.split('-').next().unwrap_or_default()).expect("it is called target-what.bin");
        run(target, &fs::read(&entry).expect("readable"));
    }
}

#[test]
fn every_target_has_a_main() {
    let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml")).expect("the mains");
    for Target { name, .. } in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
        let main = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/targets/{name}.rs"));
        assert!(fs::read_to_string(main).expect("a main").contains(&format!("agio_fuzz::run(\"{name}\"")));
    }
}
