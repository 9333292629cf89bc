//! What a stretch of the log means for SQL: for each table one flat tuple, row behind row, in the order of
//! `agio.domain.history`, ready to be the parameters of a statement.

use agio_engine::events::{Aggregated, Posted, Traded};
use agio_engine::units::{AssetId, MarketId, Micros, OrderId, Sequence};
use agio_engine::vocabulary::{Cause, Execution, Fill, OrderView, Side};
use agio_runner::EventRef;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use rustc_hash::FxHashMap;

use crate::minutes::{Minute, Minutes};

/// A trade with what each side was charged, and the command that made it.
struct TradeRow {
    trade: Traded,
    buy: (u128, AssetId),
    sell: (u128, AssetId),
    sequence: u64,
}

struct Movement {
    sequence: u64,
    line: u32,
    posted: Posted,
}

/// Rows of commands that follow one another. An order that changes several times is one row: its last state.
#[pyclass(frozen, module = "agio._core")]
#[derive(Default)]
pub(crate) struct Rows {
    first: u64,
    last: u64,
    time: u64,
    orders: Vec<OrderView>,
    trades: Vec<TradeRow>,
    aggregates: Vec<Aggregated>,
    movements: Vec<Movement>,
    minutes: Minutes,
}

/// Collects [`Rows`] command by command.
#[derive(Default)]
pub(crate) struct Collector {
    rows: Rows,
    places: FxHashMap<(MarketId, OrderId), usize>,
    /// What the fills of this command charged.
    charged: Vec<(Side, Fill)>,
    /// How many trades and movements there were when it began.
    begun: (usize, usize),
}

impl Collector {
    /// The next command.
    pub(crate) fn begin(&mut self, sequence: Sequence, time: Micros) {
        if self.rows.first == 0 {
            self.rows.first = sequence.0;
        }
        (self.rows.last, self.rows.time) = (sequence.0, time.0);
        self.begun = (self.rows.trades.len(), self.rows.movements.len());
        self.charged.clear();
    }

    /// An event of it.
    #[inline]
    pub(crate) fn add(&mut self, event: EventRef<'_>) {
        match event {
            EventRef::Executed(e) => self.order(&e.execution),
            EventRef::Traded(e) => self.trade(e),
            EventRef::Aggregated(e) => self.rows.aggregates.push(e.clone()),
            // What a trade moves is told by its row: see `postings` in `agio.projections.schema`.
            EventRef::Posted(e) if !matches!(e.cause, Cause::Trade | Cause::Commission) => {
                let (sequence, line) = (self.rows.last, (self.rows.movements.len() - self.begun.1) as u32);
                self.rows.movements.push(Movement { sequence, line, posted: e.clone() });
            }
            _ => (),
        }
    }

    /// It has no more events.
    pub(crate) fn end(&mut self) {
        let trades = &mut self.rows.trades[self.begun.0..]; // of one market, so by their numbers
        for (side, fill) in &self.charged {
            let Ok(at) = trades.binary_search_by_key(&fill.trade, |row| row.trade.trade) else { continue };
            let row = &mut trades[at];
            let charge = if *side == Side::Buy { &mut row.buy } else { &mut row.sell };
            *charge = (fill.commission.0, fill.commission_asset);
        }
    }

    fn order(&mut self, execution: &Execution) {
        let order = execution.order;
        self.charged.extend(execution.fill.map(|fill| (order.side, fill)));
        if let Some(place) = self.places.get(&(order.market, order.order)) {
            self.rows.orders[*place] = order;
        } else {
            self.places.insert((order.market, order.order), self.rows.orders.len());
            self.rows.orders.push(order);
        }
    }

    fn trade(&mut self, trade: &Traded) {
        let (none, sequence) = ((0, AssetId(0)), self.rows.last);
        self.rows.trades.push(TradeRow { trade: trade.clone(), buy: none, sell: none, sequence });
        self.rows.minutes.add(trade);
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.__len__()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.first == 0
    }

    pub(crate) fn finish(self) -> Rows {
        self.rows
    }
}

/// A value in the form that every database takes.
trait Value {
    fn object(self, py: Python<'_>) -> Bound<'_, PyAny>;
}

/// Integers of at most 63 bits.
macro_rules! small {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn object(self, py: Python<'_>) -> Bound<'_, PyAny> {
                let Ok(object) = i64::from(self).into_pyobject(py);
                object.into_any()
            }
        }
    )*};
}
small!(u8, u32, i32, i64);

/// Integers of more; one that needs them as decimal text: see `agio.projections.schema.Amount`.
macro_rules! large {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn object(self, py: Python<'_>) -> Bound<'_, PyAny> {
                i64::try_from(self).map_or_else(|_| self.to_string().object(py), |small| small.object(py))
            }
        }
    )*};
}
large!(u64, u128, i128);

/// As a number: of Python's own `bool`, drivers are slow to find out what it is.
impl Value for bool {
    fn object(self, py: Python<'_>) -> Bound<'_, PyAny> {
        u8::from(self).object(py)
    }
}

impl Value for &str {
    fn object(self, py: Python<'_>) -> Bound<'_, PyAny> {
        PyString::new(py, self).into_any()
    }
}

impl Value for String {
    fn object(self, py: Python<'_>) -> Bound<'_, PyAny> {
        self.as_str().object(py)
    }
}

/// Stands for what is missing, as `agio.projections.rows.ABSENT`: to bind `None` takes a driver fifteen times as long.
const ABSENT: i64 = -(1 << 62);

impl<T: Value> Value for Option<T> {
    fn object(self, py: Python<'_>) -> Bound<'_, PyAny> {
        self.map_or_else(|| ABSENT.object(py), |value| value.object(py))
    }
}

macro_rules! values {
    ($py:expr, $($value:expr),* $(,)?) => {
        [$($value.object($py)),*]
    };
}

fn order<'py>(py: Python<'py>, o: &OrderView) -> [Bound<'py, PyAny>; 22] {
    values![
        py,
        o.market.0,
        o.order.0,
        o.account.0,
        o.client_id.as_str(),
        o.side as u8,
        o.kind as u8,
        o.life as u8,
        o.price.0,
        o.quantity.0,
        o.budget.0,
        o.executed.0,
        o.notional.0,
        o.prevented.0,
        o.status as u8,
        o.expiry as u8,
        o.prevention as u8,
        o.prevented_match.map(|id| id.0),
        o.strategy,
        o.strategy_type,
        o.on_book,
        o.opened.0,
        o.updated.0,
    ]
}

fn trade<'py>(py: Python<'py>, row: &TradeRow) -> [Bound<'py, PyAny>; 17] {
    let t = &row.trade;
    values![
        py,
        t.market.0,
        t.trade.0,
        t.aggregate.0,
        t.price.0,
        t.quantity.0,
        t.notional.0,
        t.buy_order.0,
        t.sell_order.0,
        t.buyer.0,
        t.seller.0,
        t.buyer_is_maker,
        t.time.0,
        row.buy.0,
        row.buy.1.0,
        row.sell.0,
        row.sell.1.0,
        row.sequence,
    ]
}

fn aggregate<'py>(py: Python<'py>, a: &Aggregated) -> [Bound<'py, PyAny>; 8] {
    values![py, a.market.0, a.aggregate.0, a.price.0, a.quantity.0, a.first.0, a.last.0, a.buyer_is_maker, a.time.0]
}

fn movement<'py>(py: Python<'py>, row: &Movement) -> [Bound<'py, PyAny>; 7] {
    let p = &row.posted;
    values![py, row.sequence, row.line, p.account.0, p.asset.0, p.delta.0, p.cause as u8, p.time.0]
}

fn minute<'py>(py: Python<'py>, m: &Minute) -> [Bound<'py, PyAny>; 13] {
    values![
        py,
        m.market,
        m.opened,
        m.open,
        m.high,
        m.low,
        m.close,
        m.volume,
        m.quote_volume,
        m.trades,
        m.taker_buy_volume,
        m.taker_buy_quote_volume,
        m.first_trade,
        m.last_trade,
    ]
}

fn flat<'py, T, const N: usize>(
    py: Python<'py>,
    rows: &[T],
    row: impl Fn(Python<'py>, &T) -> [Bound<'py, PyAny>; N],
) -> PyResult<Bound<'py, PyTuple>> {
    let mut values = Vec::with_capacity(rows.len() * N);
    for one in rows {
        values.extend(row(py, one));
    }
    PyTuple::new(py, values)
}

#[pymethods]
impl Rows {
    #[getter]
    fn first(&self) -> u64 {
        self.first
    }
    #[getter]
    fn last(&self) -> u64 {
        self.last
    }
    #[getter]
    fn time(&self) -> u64 {
        self.time
    }

    fn __len__(&self) -> usize {
        self.orders.len() + self.trades.len() + self.aggregates.len() + self.movements.len()
    }

    /// All rows of one table, or the minutes that the trades add up to, behind one another.
    fn values<'py>(&self, py: Python<'py>, table: &str) -> PyResult<Bound<'py, PyTuple>> {
        match table {
            "orders" => flat(py, &self.orders, order),
            "trades" => flat(py, &self.trades, trade),
            "aggregates" => flat(py, &self.aggregates, aggregate),
            "movements" => flat(py, &self.movements, movement),
            "minutes" => flat(py, &self.minutes.0, minute),
            other => Err(PyKeyError::new_err(other.to_owned())),
        }
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Rows>()
}
