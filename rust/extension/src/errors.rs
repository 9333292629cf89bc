//! Rust's errors as Python's.

use agio_edge::ApiError;
use agio_runner::{Refusal, StartError};
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

create_exception!(agio._core, ShardError, PyException);

/// `agio.domain.errors.ApiError`, so that Python has one class for refusals whichever side found them.
static API_ERROR: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A refused request as `ApiError(code, message, status)`.
pub(crate) fn refused(py: Python<'_>, error: &ApiError) -> PyErr {
    match API_ERROR.import(py, "agio.domain.errors", "ApiError") {
        Ok(class) => PyErr::from_type(class.clone(), (error.code, error.message.as_ref().to_owned(), error.status)),
        Err(missing) => missing,
    }
}

pub(crate) fn not_started(error: &StartError) -> PyErr {
    ShardError::new_err(error.to_string())
}

pub(crate) fn not_taken(py: Python<'_>, refusal: Refusal) -> PyErr {
    let error = match refusal {
        Refusal::Busy | Refusal::CancelsOnly => agio_edge::errors::OVERLOADED.error(),
        Refusal::Stopping => agio_edge::errors::SHUTTING_DOWN.error(),
    };
    refused(py, &error)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("ShardError", py.get_type::<ShardError>())?;
    module.add("ApiError", API_ERROR.import(py, "agio.domain.errors", "ApiError")?)
}
