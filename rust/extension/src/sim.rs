//! The simulator's door.

use std::time::Instant;

use agio_sim::{Faults, Plan, Run, Tallies};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use serde_json::{Value, json};

fn plan(seed: u64, lives: u32, requests: u32, accounts: u32, without: &[String]) -> PyResult<Plan> {
    let usual = Plan::new(seed);
    let or = |given, usual| if given == 0 { usual } else { given };
    let faults = without.iter().try_fold(Faults::ALL, |faults, kind| faults.without(kind));
    let faults = faults.ok_or_else(|| PyValueError::new_err(format!("{without:?} names no kind of trouble")))?;
    let (lives, requests) = (or(lives, usual.lives), or(requests, usual.requests));
    Ok(Plan { lives, requests, accounts: or(accounts, usual.accounts), faults, ..usual })
}

fn places(tallies: &Tallies) -> Vec<Value> {
    let place = |(site, tally): (&agio_sim::Site, &agio_sim::Tally)| {
        json!([site.phase, site.call, site.file, tally.calls, tally.deaths])
    };
    tallies.iter().map(place).collect()
}

fn told(run: &Run) -> Value {
    let counts = &run.counts;
    let damages = counts
        .damages
        .iter()
        .map(|((kind, outcome), times)| json!([format!("{kind:?}"), format!("{outcome:?}"), times]));
    json!({
        "seed": run.plan.seed, "again": run.plan.to_string(), "life": run.life,
        "finding": run.finding.as_ref().map(|found| json!({ "check": found.check, "what": found.what })),
        "counts": {
            "commands": counts.commands, "refusals": counts.refusals, "trades": counts.trades,
            "questions": counts.questions, "groups": counts.groups, "starts": counts.starts,
            "recoveries": counts.recoveries, "deaths": counts.deaths, "stops": counts.stops, "torn": counts.torn,
            "poisons": counts.poisons,
        },
        "damages": damages.collect::<Vec<_>>(),
        "fingerprint": format!("{:016x}", counts.fingerprint),
        "places": places(&run.tallies),
    })
}

/// One run, or with `shrink` the smallest that finds the same, as JSON. 0 is the usual number.
#[pyfunction]
#[pyo3(signature = (seed, *, lives=0, requests=0, accounts=0, without=vec![], shrink=false))]
fn simulate(
    py: Python<'_>,
    seed: u64,
    lives: u32,
    requests: u32,
    accounts: u32,
    without: Vec<String>,
    shrink: bool,
) -> PyResult<Bound<'_, PyBytes>> {
    let plan = plan(seed, lives, requests, accounts, &without)?;
    let begun = Instant::now();
    let run = py.detach(|| if shrink { agio_sim::shrink(plan, |_| ()) } else { agio_sim::run(plan) });
    let mut found = told(&run);
    found["seconds"] = begun.elapsed().as_secs_f64().into();
    Ok(PyBytes::new(py, found.to_string().as_bytes()))
}

/// What can go wrong in a run, and every place where a process can die, as JSON.
#[pyfunction]
fn simulated(py: Python<'_>) -> Bound<'_, PyBytes> {
    let sites: Vec<_> = agio_sim::SITES.iter().map(|site| json!([site.phase, site.call, site.file])).collect();
    PyBytes::new(py, json!({ "kinds": agio_sim::KINDS, "places": sites }).to_string().as_bytes())
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(simulate, module)?)?;
    module.add_function(wrap_pyfunction!(simulated, module)?)
}
