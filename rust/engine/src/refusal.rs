//! Why a handler refuses a command: it returns this before it has changed anything.

use crate::reasons::Reason;

/// A reason and the figure of the limit that was passed (0: none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub reason: Reason,
    pub detail: u64,
}

impl Refusal {
    pub(crate) fn of(reason: Reason, detail: impl Into<u64>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: 0 }
    }
}

/// `Err(refusal)` unless `holds`.
pub(crate) fn require(holds: bool, refusal: impl Into<Refusal>) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal.into()) }
}
