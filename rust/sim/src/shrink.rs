//! From a plan that finds something to a smaller one that finds the same.

use crate::plan::{KINDS, Plan};
use crate::{Run, run};

/// Tries smaller plans, as long as one of them fails the same check; answers the smallest run found. `told` hears of each.
/// A plan that finds nothing is answered as it is.
pub fn shrink(plan: Plan, mut told: impl FnMut(&Run)) -> Run {
    let mut best = run(plan);
    let Some(check) = best.finding.as_ref().map(|finding| finding.check) else { return best };
    loop {
        let better = smaller(&best).into_iter().map(run).find(|tried| {
            let same = tried.finding.as_ref().is_some_and(|finding| finding.check == check);
            same && size(tried) < size(&best)
        });
        let Some(better) = better else { return best };
        told(&better);
        best = better;
    }
}

/// What makes a run hard to read, the worst first.
fn size(run: &Run) -> (u64, usize, u32, u32) {
    let kinds = KINDS.len() - run.plan.faults.missing().count();
    (run.counts.commands, kinds, run.plan.accounts, run.plan.lives)
}

fn smaller(best: &Run) -> Vec<Plan> {
    let plan = best.plan;
    let mut plans: Vec<Plan> = [1, 2, plan.lives / 2, best.life].map(|lives| Plan { lives, ..plan }).into();
    plans.extend([1, 10, 50, plan.requests / 4, plan.requests / 2].map(|requests| Plan { requests, ..plan }));
    plans.extend([1, 2, 3, plan.accounts / 2].map(|accounts| Plan { accounts, ..plan }));
    let without = |(name, _): &(&str, &str)| plan.faults.without(name).map(|faults| Plan { faults, ..plan });
    plans.extend(KINDS.iter().filter_map(without));
    plans.retain(|tried| *tried != plan && tried.lives > 0 && tried.requests > 0 && tried.accounts > 0);
    plans
}
