//! A small venue for tests: commands get their envelopes, events come back.

#![allow(dead_code, missing_docs)]

pub(crate) mod mirror;
pub(crate) mod random;

use agio_engine::Engine;
use agio_engine::commands::{Command, Envelope, Place, Signed};
use agio_engine::events::Event;
use agio_engine::units::{AccountId, Amount, ClientId, KeyId, Lane, MarketId, Micros, Price, Quantity, Sequence};
use agio_engine::vocabulary::{
    Filters, LotFilter, NotionalFilter, NotionalForm, OrderKind, OrderLimits, Prevention, PriceFilter, Rights, Side,
    TimeInForce,
};

/// 2023-11-14 22:13:20 UTC, ten seconds into a minute and at the start of a ten-second window.
pub(crate) const START: Micros = Micros(1_700_000_000_000_000);
pub(crate) const OPERATOR: Signed = Signed { key: KeyId(0), sent: Micros(0), window: Micros(0) };
pub(crate) const ALL_RIGHTS: Rights = Rights { trade: true, withdraw: true, deposit: true };
pub(crate) const NO_LIMITS: OrderLimits = OrderLimits { ten_seconds: u32::MAX, day: u32::MAX, open: 0 };

/// Filters that let everything through.
pub(crate) fn open_filters() -> Filters {
    let lot = LotFilter { min: Quantity(0), max: Quantity(0), step: Quantity(0) };
    Filters {
        price: PriceFilter { min: Price(0), max: Price(0), tick: Price(0) },
        lot,
        market_lot: lot,
        notional: NotionalFilter {
            form: NotionalForm::Off,
            min: Amount(0),
            min_to_market: false,
            max: Amount(0),
            max_to_market: false,
            minutes: 0,
        },
        max_orders: 0,
        prevention: Prevention::None,
        preventions: 0b11_1110,
    }
}

/// An engine and the log's counters.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) time: Micros,
    /// All events so far, by command.
    pub(crate) events: Vec<Vec<Event>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { engine: Engine::new(), time: START, events: Vec::new() }
    }

    pub(crate) fn envelope(&self) -> Envelope {
        let sequence = Sequence(self.engine.sequence().0 + 1);
        Envelope { sequence, time: self.time, lane: Lane(0), number: 0, deadline: Micros(0) }
    }

    /// Applies a command; returns its events.
    pub(crate) fn run(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let envelope = self.envelope();
        self.run_as(&envelope, &command.into())
    }

    pub(crate) fn run_as(&mut self, envelope: &Envelope, command: &Command) -> Vec<Event> {
        let mut events = Vec::new();
        self.engine.apply(envelope, command, &mut events);
        self.events.push(events.clone());
        events
    }

    /// Applies a command that must not be refused.
    pub(crate) fn must(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let events = self.run(command);
        let refused = events.iter().find(|event| matches!(event, Event::Rejected(_)));
        assert!(refused.is_none(), "{refused:?}");
        events
    }
}

/// A good-till-cancelled limit order by the operator.
pub(crate) fn limit(account: AccountId, market: MarketId, side: Side, quantity: u64, price: u64) -> Place {
    Place {
        account,
        signed: OPERATOR,
        market,
        side,
        kind: OrderKind::Limit,
        life: TimeInForce::Gtc,
        price: Price(price),
        quantity: Quantity(quantity),
        budget: Amount(0),
        client_id: ClientId::NONE,
        prevention: None,
        strategy: None,
        strategy_type: None,
    }
}
