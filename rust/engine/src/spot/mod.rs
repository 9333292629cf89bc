//! Spot trading: placing, matching, settling, cancelling.

pub(crate) mod average;
pub(crate) mod cancel;
pub(crate) mod filters;
pub(crate) mod hold;
pub(crate) mod order;
pub(crate) mod place;
pub(crate) mod report;
pub(crate) mod settle;
pub(crate) mod walk;
