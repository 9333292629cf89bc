//! Durable events as the streams see them.

use std::sync::Arc;

use agio_edge::streams::UserPayload;
use agio_edge::{Style, streams};
use agio_engine::events::{Aggregated, Event, LevelChanged, TopChanged, Traded};
use agio_engine::units::{AccountId, MarketId};
use agio_engine::vocabulary::Side;
use agio_runner::Batch;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use rustc_hash::FxHashSet;

use crate::minutes::{Minute, Minutes};
use crate::names::Listing;

macro_rules! getters {
    ($class:ident { $($name:ident: $type:ty = $get:expr;)* } $($method:tt)*) => {
        #[pymethods]
        impl $class {
            $(#[getter]
            fn $name(&self) -> $type {
                let get: fn(&$class) -> $type = $get;
                get(self)
            })*

            $($method)*
        }
    };
}

#[pyclass(frozen, module = "agio._core")]
pub(crate) struct Trade(Traded, Arc<Listing>);

getters! {
    Trade {
        market: u32 = |e| e.0.market.0;
        id: u64 = |e| e.0.trade.0;
        aggregate: u64 = |e| e.0.aggregate.0;
        price: u64 = |e| e.0.price.0;
        quantity: u64 = |e| e.0.quantity.0;
        notional: u128 = |e| e.0.notional.0;
        buyer_is_maker: bool = |e| e.0.buyer_is_maker;
        time: u64 = |e| e.0.time.0;
    }

    fn json<'py>(&self, py: Python<'py>, micros: bool) -> Bound<'py, PyBytes> {
        payload(py, |out| streams::trade(&self.0, Style { micros }, &*self.1, out))
    }
}

#[pyclass(frozen, module = "agio._core")]
pub(crate) struct Aggregate(Aggregated, Arc<Listing>);

getters! {
    Aggregate {
        market: u32 = |e| e.0.market.0;
        id: u64 = |e| e.0.aggregate.0;
    }

    fn json<'py>(&self, py: Python<'py>, micros: bool) -> Bound<'py, PyBytes> {
        payload(py, |out| streams::aggregate(&self.0, Style { micros }, &*self.1, out))
    }
}

#[pyclass(frozen, module = "agio._core")]
pub(crate) struct Level(LevelChanged);

getters! {
    Level {
        market: u32 = |e| e.0.market.0;
        update: u64 = |e| e.0.update.0;
        is_bid: bool = |e| e.0.side == Side::Buy;
        price: u64 = |e| e.0.price.0;
        total: u64 = |e| e.0.total.0;
        time: u64 = |e| e.0.time.0;
    }
}

#[pyclass(frozen, module = "agio._core")]
pub(crate) struct Top(TopChanged, Arc<Listing>);

getters! {
    Top {
        market: u32 = |e| e.0.market.0;
        update: u64 = |e| e.0.update.0;
        bid: u64 = |e| e.0.bid.0;
        bid_total: u64 = |e| e.0.bid_total.0;
        ask: u64 = |e| e.0.ask.0;
        ask_total: u64 = |e| e.0.ask_total.0;
        time: u64 = |e| e.0.time.0;
    }

    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        payload(py, |out| streams::book_ticker(&self.0, &*self.1, out))
    }
}

/// One payload of one account's user data.
#[pyclass(frozen, module = "agio._core")]
pub(crate) struct UserEvent {
    account: AccountId,
    payload: UserPayload,
    listing: Arc<Listing>,
}

getters! {
    UserEvent {
        account: u32 = |e| e.account.0;
    }

    fn json<'py>(&self, py: Python<'py>, micros: bool) -> Bound<'py, PyBytes> {
        payload(py, |out| self.payload.encode(Style { micros }, &*self.listing, out))
    }
}

#[pyclass(frozen, module = "agio._core")]
pub(crate) struct CatalogChanged;

/// What the trades of a batch add up to, by market and minute.
#[pyclass(frozen, name = "Minute", module = "agio._core")]
pub(crate) struct MinuteOf(Minute);

getters! {
    MinuteOf {
        market: u32 = |e| e.0.market;
        opened: u64 = |e| e.0.opened;
        open: u64 = |e| e.0.open;
        high: u64 = |e| e.0.high;
        low: u64 = |e| e.0.low;
        close: u64 = |e| e.0.close;
        volume: u128 = |e| e.0.volume;
        quote_volume: u128 = |e| e.0.quote_volume;
        trades: u64 = |e| e.0.trades;
        taker_buy_volume: u128 = |e| e.0.taker_buy_volume;
        taker_buy_quote_volume: u128 = |e| e.0.taker_buy_quote_volume;
        first_trade: u64 = |e| e.0.first_trade;
        last_trade: u64 = |e| e.0.last_trade;
        last_quantity: u64 = |e| e.0.last_quantity;
    }
}

/// The best prices of a market as a batch leaves them.
#[pyclass(frozen, module = "agio._core")]
pub(crate) struct Standing(TopChanged);

getters! {
    Standing {
        market: u32 = |e| e.0.market.0;
        update: u64 = |e| e.0.update.0;
        bid: u64 = |e| e.0.bid.0;
        bid_total: u64 = |e| e.0.bid_total.0;
        ask: u64 = |e| e.0.ask.0;
        ask_total: u64 = |e| e.0.ask_total.0;
    }
}

/// Kinds of market events that Python is told of only when somebody wants them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Trade,
    Aggregate,
    Level,
    Top,
}

impl Kind {
    /// By the class of its events.
    pub(crate) fn of(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let kinds = [
            (py.get_type::<Trade>(), Self::Trade),
            (py.get_type::<Aggregate>(), Self::Aggregate),
            (py.get_type::<Level>(), Self::Level),
            (py.get_type::<Top>(), Self::Top),
        ];
        let found = kinds.iter().find(|(known, _)| known.is(class));
        found.map(|(_, kind)| *kind).ok_or_else(|| PyValueError::new_err("a kind is Trade, Aggregate, Level or Top"))
    }
}

/// Which events somebody wants: of markets by kind, and of accounts.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) kinds: FxHashSet<(Kind, u32)>,
    pub(crate) accounts: FxHashSet<u32>,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.accounts.is_empty()
    }
}

/// What is told of every batch, whoever listens: what its trades add up to, and the best prices that it leaves.
#[derive(Default)]
pub(crate) struct Summary {
    minutes: Minutes,
    tops: Vec<TopChanged>,
}

impl Summary {
    fn add(&mut self, batch: &Batch) {
        batch.traded().iter().for_each(|trade| self.minutes.add(trade));
        for e in batch.tops() {
            match self.tops.iter_mut().find(|top| top.market == e.market) {
                Some(known) => known.clone_from(e),
                None => self.tops.push(e.clone()),
            }
        }
    }

    /// Appends it as Python objects.
    pub(crate) fn tell<'py>(self, py: Python<'py>, out: &mut Vec<Bound<'py, PyAny>>) -> PyResult<()> {
        for minute in self.minutes.0 {
            out.push(Bound::new(py, MinuteOf(minute))?.into_any());
        }
        for top in self.tops {
            out.push(Bound::new(py, Standing(top))?.into_any());
        }
        Ok(())
    }
}

/// A payload in the form that `encode` writes.
fn payload(py: Python<'_>, encode: impl FnOnce(&mut Vec<u8>)) -> Bound<'_, PyBytes> {
    let mut body = Vec::with_capacity(256);
    encode(&mut body);
    PyBytes::new(py, &body)
}

/// What the streams take of a batch: what is `wanted`.
pub(crate) struct Reader<'a> {
    pub(crate) listing: &'a Arc<Listing>,
    pub(crate) wanted: &'a Wanted,
}

impl Reader<'_> {
    /// Appends the batch's events as Python objects, in order: each command's public events, then its user events.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        batch: &Arc<Batch>,
        summary: &mut Summary,
        out: &mut Vec<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        summary.add(batch);
        if self.wanted.is_empty() && !batch.changes_listing() {
            return Ok(());
        }
        let watched = |account: AccountId| self.wanted.accounts.contains(&account.0);
        for (_, events) in batch.commands() {
            for event in &events {
                if let Some(object) = self.public(py, event)? {
                    out.push(object);
                }
            }
            for (account, payload) in streams::user_payloads(events, watched) {
                let listing = Arc::clone(self.listing);
                out.push(Bound::new(py, UserEvent { account, payload, listing })?.into_any());
            }
        }
        Ok(())
    }

    fn public<'py>(&self, py: Python<'py>, event: &Event) -> PyResult<Option<Bound<'py, PyAny>>> {
        let listing = || Arc::clone(self.listing);
        let wants = |kind, market: MarketId| self.wanted.kinds.contains(&(kind, market.0));
        Ok(Some(match event {
            Event::Traded(e) if wants(Kind::Trade, e.market) => Bound::new(py, Trade(e.clone(), listing()))?.into_any(),
            Event::Aggregated(e) if wants(Kind::Aggregate, e.market) => {
                Bound::new(py, Aggregate(e.clone(), listing()))?.into_any()
            }
            Event::LevelChanged(e) if wants(Kind::Level, e.market) => Bound::new(py, Level(e.clone()))?.into_any(),
            Event::TopChanged(e) if wants(Kind::Top, e.market) => Bound::new(py, Top(e.clone(), listing()))?.into_any(),
            Event::AssetListed(_) | Event::MarketChanged(_) => Bound::new(py, CatalogChanged)?.into_any(),
            _ => return Ok(None),
        }))
    }
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Trade>()?;
    module.add_class::<Aggregate>()?;
    module.add_class::<Level>()?;
    module.add_class::<Top>()?;
    module.add_class::<UserEvent>()?;
    module.add_class::<MinuteOf>()?;
    module.add_class::<Standing>()?;
    module.add_class::<CatalogChanged>()
}
