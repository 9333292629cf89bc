//! `cargo run -p agio-sim -- [first seed] [how many]`: for working on the simulator; users have `agio sim`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use agio_sim::{Counts, Plan, Tallies, run};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>().expect("a number"));
    let (first, count) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(20));
    let (begun, mut sum, mut tallies) = (Instant::now(), Counts::default(), Tallies::new());
    let mut failed = 0;
    for seed in first..first + count {
        let done = run(Plan::new(seed));
        if let Some(finding) = &done.finding {
            println!("seed {seed}: {finding}\n  {}", done.plan);
            failed += 1;
        }
        sum.add(&done.counts);
        for (site, tally) in done.tallies {
            let all = tallies.entry(site).or_default();
            all.calls += tally.calls;
            for (all, more) in all.deaths.iter_mut().zip(tally.deaths) {
                *all += more;
            }
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    for (site, tally) in &tallies {
        println!("{:>9} {:>6?}  {site}", tally.calls, tally.deaths);
    }
    println!("{sum:#?}");
    let rates: BTreeMap<_, _> =
        [("commands", sum.commands), ("deaths", sum.deaths), ("recoveries", sum.recoveries)].into_iter().collect();
    for (name, number) in rates {
        println!("{name}/s {:.0}", number as f64 / seconds);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
