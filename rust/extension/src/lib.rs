//! The Python module `agio._core`: handles and conversion, nothing else. Typed by `src/agio/_core.pyi`.
#![allow(clippy::needless_pass_by_value)] // PyO3 hands owned values to functions

mod batch;
mod edge;
mod errors;
mod events;
mod log;
mod minutes;
mod names;
mod rows;
mod shard;
mod sim;

use pyo3::prelude::*;

#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    errors::register(module)?;
    edge::register(module)?;
    events::register(module)?;
    rows::register(module)?;
    log::register(module)?;
    sim::register(module)?;
    shard::register(module)
}
