//! Pure functions on request and reply bytes.

use agio_edge::schema::Pair;
use agio_edge::streams::{self, DepthChanges};
use agio_edge::{Schema, Style, Value, Values, Verifier, auth, replies};
use agio_engine::units::{Micros, Price, Quantity, UpdateId};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList, PyNone, PyString, PyTuple};

use crate::errors::refused;

#[pyclass(name = "Verifier", frozen, module = "agio._core")]
pub(crate) struct PyVerifier(Verifier);

#[pymethods]
impl PyVerifier {
    #[staticmethod]
    fn hmac(secret: &[u8]) -> Self {
        Self(Verifier::hmac(secret))
    }
    #[staticmethod]
    fn ed25519(public_key: &[u8]) -> PyResult<Self> {
        Verifier::ed25519(public_key).map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }
    #[staticmethod]
    fn rsa(public_key: &[u8]) -> PyResult<Self> {
        Verifier::rsa(public_key).map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

#[pyclass(name = "Values", frozen, module = "agio._core")]
pub(crate) struct PyValues(pub(crate) Values);

#[pymethods]
impl PyValues {
    fn tuple<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let slots = self.0.slots().iter().enumerate();
        let values: PyResult<Vec<_>> = slots.map(|(slot, value)| self.object(py, slot, value)).collect();
        PyTuple::new(py, values?)
    }

    fn get<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        match self.0.schema().names().position(|known| known == name) {
            Some(slot) => self.object(py, slot, &self.0.slots()[slot]),
            None => Ok(PyNone::get(py).to_owned().into_any()),
        }
    }
}

impl PyValues {
    fn object<'py>(&self, py: Python<'py>, slot: usize, value: &Value) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Absent => PyNone::get(py).to_owned().into_any(),
            Value::Decimal(number) => number.into_pyobject(py)?.into_any(),
            Value::Amount(number) => number.0.into_pyobject(py)?.into_any(),
            Value::Long(number) => number.into_pyobject(py)?.into_any(),
            Value::Choice(_) => PyString::new(py, self.0.choice_name(slot).unwrap_or_default()).into_any(),
            Value::Client(id) => PyString::new(py, id.as_str()).into_any(),
            Value::Flag(flag) => PyBool::new(py, *flag).to_owned().into_any(),
            Value::Time(time) => time.0.into_pyobject(py)?.into_any(),
            Value::Text(text) => PyString::new(py, text).into_any(),
            Value::List(items) => PyList::new(py, items.iter().map(AsRef::<str>::as_ref))?.into_any(),
        })
    }
}

#[pyclass(name = "Schema", frozen, module = "agio._core")]
pub(crate) struct PySchema(Schema);

#[pymethods]
impl PySchema {
    #[new]
    fn new(description: &[u8]) -> PyResult<Self> {
        Schema::from_json(description).map(Self).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn parse(&self, py: Python<'_>, query: &[u8], body: &[u8]) -> PyResult<PyValues> {
        self.0.parse(query, body).map(PyValues).map_err(|error| refused(py, &error))
    }

    fn authorize(
        &self,
        py: Python<'_>,
        query: &[u8],
        body: &[u8],
        verifier: &PyVerifier,
        now: u64,
    ) -> PyResult<PyValues> {
        let values = auth::authorize(&self.0, query, body, &verifier.0, Micros(now));
        values.map(PyValues).map_err(|error| refused(py, &error))
    }

    fn parse_pairs(&self, py: Python<'_>, params: &Bound<'_, PyDict>) -> PyResult<PyValues> {
        let pairs = Pairs::new(params)?;
        self.0.parse_pairs(&pairs.borrowed()).map(PyValues).map_err(|error| refused(py, &error))
    }

    fn authorize_pairs(
        &self,
        py: Python<'_>,
        params: &Bound<'_, PyDict>,
        verifier: &PyVerifier,
        now: u64,
    ) -> PyResult<PyValues> {
        let pairs = Pairs::new(params)?;
        let values = auth::authorize_pairs(&self.0, &pairs.borrowed(), &verifier.0, Micros(now));
        values.map(PyValues).map_err(|error| refused(py, &error))
    }

    fn authorize_session(&self, py: Python<'_>, params: &Bound<'_, PyDict>, now: u64) -> PyResult<PyValues> {
        let pairs = Pairs::new(params)?;
        let values = auth::authorize_session(&self.0, &pairs.borrowed(), Micros(now));
        values.map(PyValues).map_err(|error| refused(py, &error))
    }
}

enum Owned {
    Null,
    Text(PyBackedStr),
    Integer(i64),
    Number(String),
    Flag(bool),
    List(Vec<PyBackedStr>),
}

/// A JSON object's members, as Python decoded them.
struct Pairs(Vec<(PyBackedStr, Owned)>);

impl Pairs {
    fn new(params: &Bound<'_, PyDict>) -> PyResult<Self> {
        let pair = |(name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| Ok((name.extract()?, owned(&value)?));
        params.iter().map(pair).collect::<PyResult<_>>().map(Self)
    }

    fn borrowed(&self) -> Vec<(&str, Pair<'_>)> {
        let pair = |value| match value {
            &Owned::Null => Pair::Null,
            Owned::Text(text) => Pair::Text(text),
            &Owned::Integer(number) => Pair::Integer(number),
            Owned::Number(text) => Pair::Number(text),
            &Owned::Flag(flag) => Pair::Flag(flag),
            Owned::List(items) => Pair::List(items.iter().map(|item| &**item).collect()),
        };
        self.0.iter().map(|(name, value)| (&**name, pair(value))).collect()
    }
}

/// What is neither text, number, flag nor a list of texts reads as a text that no parameter accepts.
fn owned(value: &Bound<'_, PyAny>) -> PyResult<Owned> {
    if value.is_none() {
        return Ok(Owned::Null);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return text.extract().map(Owned::Text);
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Owned::Flag(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return value.extract().map(Owned::Integer).or_else(|_| Ok(Owned::Number(value.str()?.to_string())));
    }
    if let Ok(items) = value.cast::<PyList>()
        && let Ok(items) = items.extract()
    {
        return Ok(Owned::List(items));
    }
    Ok(Owned::Number("{}".into())) // not its own `str`, which fails when it is nested deeply
}

#[pyfunction]
fn error_body<'py>(py: Python<'py>, code: i32, message: &str) -> Bound<'py, PyBytes> {
    let mut body = Vec::with_capacity(96);
    agio_edge::errors::encode(code, message, &mut body);
    PyBytes::new(py, &body)
}

#[pyfunction]
fn used<'py>(py: Python<'py>, head: &[u8], weight: u64, orders_10s: i64, orders_1d: i64) -> Bound<'py, PyBytes> {
    let mut lines = Vec::with_capacity(256);
    lines.extend_from_slice(head);
    let orders = u64::try_from(orders_10s).ok().zip(u64::try_from(orders_1d).ok());
    replies::used(weight, orders, &mut lines);
    PyBytes::new(py, &lines)
}

#[pyfunction]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)]
fn depth_update<'py>(
    py: Python<'py>,
    market_symbol: &str,
    first: u64,
    last: u64,
    bids: Vec<(u64, u64)>,
    asks: Vec<(u64, u64)>,
    time: u64,
    micros: bool,
) -> Bound<'py, PyBytes> {
    let levels = |side: Vec<(u64, u64)>| -> Vec<_> { side.into_iter().map(|(p, q)| (Price(p), Quantity(q))).collect() };
    let (bids, asks) = (levels(bids), levels(asks));
    let (first, last, time) = (UpdateId(first), UpdateId(last), Micros(time));
    let changes = DepthChanges { symbol: market_symbol, first, last, bids: &bids, asks: &asks, time };
    let mut body = Vec::with_capacity(128 + 32 * (bids.len() + asks.len()));
    streams::depth_update(&changes, Style { micros }, &mut body);
    PyBytes::new(py, &body)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyVerifier>()?;
    module.add_class::<PySchema>()?;
    module.add_class::<PyValues>()?;
    module.add_function(wrap_pyfunction!(error_body, module)?)?;
    module.add_function(wrap_pyfunction!(used, module)?)?;
    module.add_function(wrap_pyfunction!(depth_update, module)?)
}
