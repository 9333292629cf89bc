//! Many commands in one call, for bots, backtests and loaders in this process.
//!
//! They come as the log holds them (`docs/reference/layouts.md`), one behind the other, and become requests like all others;
//! but only the last one answers, for all: requests are answered in the log's order, so its answer is the last to be durable.

use std::cell::RefCell;
use std::collections::VecDeque;

use agio_engine::commands::Command;
use agio_engine::units::Micros;
use agio_runner::{Answer, Outcome, Request, View};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The token of a request for which nobody waits.
pub(crate) const SILENT: u64 = u64::MAX;
/// Most commands of one call.
const MOST: usize = 16_384;
/// Bytes of one command; less than what a frame keeps free for a record.
const LONGEST: usize = 8_192;
/// Bytes of a cancel without client ids: few commands are shorter.
const SHORT: usize = 43;
/// Bytes of one result: order's number, what it has executed, why it was refused (0: it was not), its status; zeros.
const RESULT: usize = 24;

thread_local! {
    /// Results of a batch until its last command answers with them. The engine's thread runs the commands of a batch one
    /// behind the other, so they need not be looked for, shared or locked.
    static RESULTS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The requests of these commands, the last of which answers with all results.
///
/// # Errors
/// `ValueError`: bytes that are not commands, none, or too many; nothing of them is done.
pub(crate) fn requests(token: u64, mut commands: &[u8], deadline: Micros) -> PyResult<VecDeque<Request>> {
    let mut requests = VecDeque::with_capacity(MOST.min(commands.len() / SHORT + 1));
    while !commands.is_empty() {
        let at = commands.len();
        let command = Command::take(&mut commands)
            .map_err(|error| PyValueError::new_err(format!("command {} of the batch: {error}", requests.len())))?;
        if requests.len() == MOST || at - commands.len() > LONGEST {
            return Err(PyValueError::new_err(format!("a batch has up to {MOST} commands of up to {LONGEST} bytes")));
        }
        // A box of what holds nothing takes no memory.
        requests.push_back(Request { token: SILENT, command: Some(command), deadline, reply: Box::new(noted) });
    }
    let last = requests.back_mut().ok_or_else(|| PyValueError::new_err("a batch has at least one command"))?;
    last.token = token;
    last.reply = Box::new(move |view, outcome| {
        noted(view, outcome);
        Some(Answer { token, status: 200, body: RESULTS.take(), orders: None })
    });
    Ok(requests)
}

/// Notes what became of a command, and answers nobody.
fn noted(_: &View<'_>, outcome: &Outcome<'_>) -> Option<Answer> {
    RESULTS.with_borrow_mut(|results| results.extend_from_slice(&result(outcome)));
    None
}

/// What became of a command: of the first order that it changed, or why it was refused.
fn result(outcome: &Outcome<'_>) -> [u8; RESULT] {
    let mut result = [0; RESULT];
    let reason = outcome.rejected.map_or(0, |rejected| rejected.reason as u16);
    result[16..18].copy_from_slice(&reason.to_le_bytes());
    if let Some(order) = outcome.order() {
        result[..8].copy_from_slice(&order.order.0.to_le_bytes());
        result[8..16].copy_from_slice(&order.executed.0.to_le_bytes());
        result[18] = order.status as u8;
    }
    result
}
