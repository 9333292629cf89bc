//! Seeds through and through: nothing is found, and the same seed does the same again.

use agio_sim::{Faults, Plan, Run, run};

fn clean(plan: Plan) -> Run {
    let done = run(plan);
    if let Some(finding) = &done.finding {
        panic!("{finding}\nagain: {plan}");
    }
    done
}

#[test]
fn nothing_is_found_and_a_seed_does_the_same_twice() {
    for seed in 1..=6 {
        let plan = Plan { lives: 8, ..Plan::new(seed) };
        let (first, second) = (clean(plan), clean(plan));
        assert_eq!(first.counts, second.counts, "{plan}");
        assert_eq!(first.tallies, second.tallies, "{plan}");
        assert!(first.counts.commands > 100 && first.counts.recoveries > 1, "{plan}: {:?}", first.counts);
    }
    let other = clean(Plan { lives: 8, ..Plan::new(7) });
    assert_ne!(other.counts.fingerprint, clean(Plan { lives: 8, ..Plan::new(8) }).counts.fingerprint);
}

#[test]
fn every_kind_of_trouble_can_be_left_out() {
    for (name, _) in agio_sim::KINDS {
        let faults = Faults::ALL.without(name).expect("a known kind");
        clean(Plan { lives: 6, faults, ..Plan::new(11) });
    }
    assert_eq!(Faults::ALL.without("nothing of that name"), None);
}

#[test]
fn a_plan_is_one_command_line() {
    let plan = Plan { lives: 3, faults: Faults::ALL.without("clock").expect("known"), ..Plan::new(9) };
    assert_eq!(plan.to_string(), "agio sim --seed 9 --lives 3 --without clock");
}
