//! What a run found, as JSON.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Reply, find};
use crate::reports::Reports;

/// Counts and times of a run.
#[derive(Default)]
pub(crate) struct Outcome {
    accepted: usize,
    filled: usize,
    reply_bytes: usize,
    errors: BTreeMap<String, usize>,
    /// Nanoseconds, from when a request was due to when its reply was read.
    latencies: Vec<i64>,
    /// When each request was acknowledged, by its number.
    acknowledged: Vec<(usize, Instant)>,
}

impl Outcome {
    /// Takes one reply.
    pub(crate) fn add(&mut self, number: usize, due: Instant, now: Instant, reply: &Reply<'_>) {
        self.latencies.push((now - due).as_nanos() as i64);
        if reply.status != 200 {
            *self.errors.entry(code(reply)).or_default() += 1;
            return;
        }
        self.accepted += 1;
        self.filled += usize::from(find(reply.body, br#""status":"FILLED""#).is_some());
        self.reply_bytes += reply.body.len();
        self.acknowledged.push((number, now));
    }

    /// How many replies came.
    pub(crate) fn replies(&self) -> usize {
        self.latencies.len()
    }

    /// How many orders were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted
    }

    /// Everything; times in µs.
    pub(crate) fn tell(mut self, took: Duration, cpu: Duration, reports: &[Reports]) -> Value {
        let mut behind = self.behind(reports);
        let seconds = took.as_secs_f64();
        json!({
            "requests": self.replies(), "accepted": self.accepted, "filled": self.filled, "errors": self.errors,
            "seconds": seconds, "rate": self.replies() as f64 / seconds,
            "latency": quantiles(&mut self.latencies), "report_after_ack": quantiles(&mut behind),
            "reports": behind.len(), "reply_bytes": self.reply_bytes / self.accepted.max(1),
            "own_cpu_us": cpu.as_secs_f64() * 1e6 / self.replies().max(1) as f64,
        })
    }

    /// Nanoseconds from each acknowledgement to its report; below 0 when the report was first.
    fn behind(&self, reports: &[Reports]) -> Vec<i64> {
        let signed = |ack: &Instant, report: &Instant| match report.checked_duration_since(*ack) {
            Some(after) => after.as_nanos() as i64,
            None => -((*ack - *report).as_nanos() as i64),
        };
        let found = |(number, ack): &(usize, Instant)| {
            reports.iter().find_map(|stream| stream.arrived.get(number)).map(|report| signed(ack, report))
        };
        self.acknowledged.iter().filter_map(found).collect()
    }
}

fn code(reply: &Reply<'_>) -> String {
    let body: Value = serde_json::from_slice(reply.body).unwrap_or_default();
    body.get("code").map_or_else(|| format!("HTTP {}", reply.status), ToString::to_string)
}

fn quantiles(nanoseconds: &mut [i64]) -> Value {
    if nanoseconds.is_empty() {
        return Value::Null;
    }
    nanoseconds.sort_unstable();
    let last = nanoseconds.len() - 1;
    let at = |of_thousand: usize| nanoseconds[last * of_thousand / 1_000] as f64 / 1e3;
    json!({ "p50": at(500), "p99": at(990), "p999": at(999), "max": at(1_000) })
}
