//! The simulator is able to fail: each of the bugs that can be planted is found, most by the first seed.
//! `make planted` prints the table of `docs/correctness.md`.
#![cfg(feature = "planted")]

use agio_planted::{Bug, plant};
use agio_sim::{Plan, run, shrink};

/// The seeds that a bug may take.
const SEEDS: u64 = 100;

/// The first seed that finds something, and what.
fn hunt(bug: Bug) -> Option<(u64, String)> {
    plant(Some(bug));
    let found = (1..=SEEDS).find_map(|seed| run(Plan::new(seed)).finding.map(|found| (seed, found.check.to_owned())));
    plant(None);
    found
}

#[test]
fn every_planted_bug_is_found() {
    assert!(run(Plan::new(1)).finding.is_none(), "without a bug there is nothing to find");
    assert!(Bug::ALL.len() >= 30);
    let mut alive = Vec::new();
    println!("| what is wrong | found by | seed |\n|---|---|---|");
    for bug in Bug::ALL {
        match hunt(*bug) {
            Some((seed, check)) => println!("|{} | {check} | {seed} |", bug.words()),
            None => alive.push(bug),
        }
    }
    assert!(alive.is_empty(), "not found within {SEEDS} seeds: {alive:?}");
}

#[test]
fn a_run_that_finds_something_is_made_small() {
    plant(Some(Bug::HoldKeptOnCancel));
    let large = run(Plan::new(1));
    let small = shrink(Plan::new(1), |_| ());
    plant(None);
    let check = |run: &agio_sim::Run| run.finding.as_ref().expect("a finding").check;
    assert_eq!(check(&large), check(&small));
    assert!(small.counts.commands * 2 < large.counts.commands, "{} {}", large.counts.commands, small.counts.commands);
    println!("{} commands instead of {}: {}", small.counts.commands, large.counts.commands, small.plan);
}
