//! Payloads of market data and user data streams, from events.
//!
//! The event time `E` is the log's time of the command, so that the same log gives the same bytes.

use std::collections::BTreeMap;

use agio_engine::events::{Aggregated, BalanceChanged, Event, Posted, TopChanged, Traded};
use agio_engine::units::{AccountId, Micros, Price, Quantity, UpdateId};
use agio_engine::vocabulary::{Cause, Execution, ExecutionKind, Expiry, OrderView};

use crate::json::{Object, Style, array, decimal};
use crate::replies::{NO_LIST, Names, Word, levels};

pub use crate::replies::depth as partial_depth;

/// `<symbol>@trade`.
pub fn trade(trade: &Traded, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.text("e", "trade");
    body.time("E", style, trade.time);
    body.text("s", names.symbol(trade.market));
    body.number("t", trade.trade.0);
    body.decimal("p", trade.price.0);
    body.decimal("q", trade.quantity.0);
    body.time("T", style, trade.time);
    body.flag("m", trade.buyer_is_maker);
    body.flag("M", true);
    body.close();
}

/// `<symbol>@aggTrade`.
pub fn aggregate(aggregate: &Aggregated, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.text("e", "aggTrade");
    body.time("E", style, aggregate.time);
    body.text("s", names.symbol(aggregate.market));
    body.number("a", aggregate.aggregate.0);
    body.decimal("p", aggregate.price.0);
    body.decimal("q", aggregate.quantity.0);
    body.number("f", aggregate.first.0);
    body.number("l", aggregate.last.0);
    body.time("T", style, aggregate.time);
    body.flag("m", aggregate.buyer_is_maker);
    body.flag("M", true);
    body.close();
}

/// What changed in a book over an interval: for each price the last total.
#[derive(Clone, Copy, Debug)]
pub struct DepthChanges<'a> {
    /// The market's name.
    pub symbol: &'a str,
    /// The first change.
    pub first: UpdateId,
    /// The last change.
    pub last: UpdateId,
    /// Changed bids; a total of 0 is gone.
    pub bids: &'a [(Price, Quantity)],
    /// Changed asks.
    pub asks: &'a [(Price, Quantity)],
    /// When it is sent.
    pub time: Micros,
}

/// `<symbol>@depth` and `<symbol>@depth@100ms`.
pub fn depth_update(changes: &DepthChanges<'_>, style: Style, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.text("e", "depthUpdate");
    body.time("E", style, changes.time);
    body.text("s", changes.symbol);
    body.number("U", changes.first.0);
    body.number("u", changes.last.0);
    levels(changes.bids.iter().copied(), body.field("b"));
    levels(changes.asks.iter().copied(), body.field("a"));
    body.close();
}

/// `<symbol>@bookTicker`; an empty side has zeros.
pub fn book_ticker(top: &TopChanged, names: &impl Names, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.number("u", top.update.0);
    body.text("s", names.symbol(top.market));
    body.decimal("b", top.bid.0);
    body.decimal("B", top.bid_total.0);
    body.decimal("a", top.ask.0);
    body.decimal("A", top.ask_total.0);
    body.close();
}

/// What an account's user data stream gets for one command.
#[derive(Clone, Debug)]
pub enum UserPayload {
    /// `executionReport`.
    Execution(Box<Execution>),
    /// `balanceUpdate`: a deposit or a withdrawal.
    Balance(Posted),
    /// `outboundAccountPosition`: all balances that the command changed.
    Position(Vec<BalanceChanged>),
}

impl UserPayload {
    /// Appends the payload.
    pub fn encode(&self, style: Style, names: &impl Names, out: &mut Vec<u8>) {
        match self {
            Self::Execution(execution) => execution_report(execution, style, names, out),
            Self::Balance(posted) => balance_update(posted, style, names, out),
            Self::Position(balances) => account_position(balances, style, names, out),
        }
    }
}

/// What those accounts that are `wanted` hear of one command's events, each in the order in which it is sent: order
/// changes, deposits and withdrawals, then the balances. One walk, however many fills a command has.
pub fn user_payloads(
    events: impl IntoIterator<Item = Event>,
    wanted: impl Fn(AccountId) -> bool,
) -> Vec<(AccountId, UserPayload)> {
    let mut payloads = Vec::new();
    let mut positions = BTreeMap::<AccountId, Vec<BalanceChanged>>::new();
    for event in events {
        match event {
            Event::Executed(executed) if wanted(executed.execution.order.account) => {
                let execution = Box::new(executed.execution);
                payloads.push((execution.order.account, UserPayload::Execution(execution)));
            }
            Event::Posted(posted)
                if matches!(posted.cause, Cause::Deposit | Cause::Withdrawal) && wanted(posted.account) =>
            {
                payloads.push((posted.account, UserPayload::Balance(posted)));
            }
            Event::BalanceChanged(balance) if wanted(balance.account) => {
                positions.entry(balance.account).or_default().push(balance);
            }
            _ => (),
        }
    }
    payloads.extend(positions.into_iter().map(|(account, balances)| (account, UserPayload::Position(balances))));
    payloads
}

/// `executionReport`.
pub fn execution_report(execution: &Execution, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let order = &execution.order;
    out.reserve(768);
    let mut body = Object::open(out);
    body.text("e", "executionReport");
    body.time("E", style, execution.time);
    body.text("s", names.symbol(order.market));
    report_order(&mut body, execution);
    report_state(&mut body, execution);
    report_fill(&mut body, execution, style, names);
    report_prevention(&mut body, execution, names);
    report_rest(&mut body, execution, style);
    body.close();
}

/// `c` to `C`: what was asked for. A cancel's own id is `c`, and the order's is `C`.
fn report_order(body: &mut Object<'_>, execution: &Execution) {
    let order = &execution.order;
    let (current, original) = match execution.kind {
        ExecutionKind::Canceled => (execution.cancel_id.as_str(), order.client_id.as_str()),
        _ => (order.client_id.as_str(), ""),
    };
    body.text("c", current);
    body.text("S", order.side.word());
    body.text("o", order.kind.word());
    body.text("f", order.life.word());
    body.decimal("q", order.quantity.0);
    body.decimal("p", order.price.0);
    body.decimal("P", 0u64);
    body.decimal("F", 0u64);
    body.signed("g", NO_LIST);
    body.text("C", original);
}

/// `x` to `i`.
fn report_state(body: &mut Object<'_>, execution: &Execution) {
    body.text("x", execution.kind.word());
    body.text("X", execution.order.status.word());
    body.text("r", "NONE");
    body.number("i", execution.order.order.0);
}

/// `l` to `t`: the fill, or zeros.
fn report_fill(body: &mut Object<'_>, execution: &Execution, style: Style, names: &impl Names) {
    let fill = execution.fill.as_ref();
    body.decimal("l", fill.map_or(0, |fill| fill.quantity.0));
    body.decimal("z", execution.order.executed.0);
    body.decimal("L", fill.map_or(0, |fill| fill.price.0));
    if let Some(fill) = fill {
        body.decimal("n", fill.commission.0);
        body.text("N", names.asset(fill.commission_asset));
    } else {
        body.text("n", "0");
        body.null("N");
    }
    body.time("T", style, execution.time);
    body.signed("t", fill.map_or(-1, |fill| fill.trade.0 as i64));
}

/// `v` and what else self-trade prevention adds.
fn report_prevention(body: &mut Object<'_>, execution: &Execution, names: &impl Names) {
    let order = &execution.order;
    if let Some(id) = order.prevented_match {
        body.number("v", id.0);
        body.decimal("A", order.prevented.0);
    }
    if let Some(prevented) = &execution.prevention {
        body.decimal("B", prevented.reduced.0);
        body.number("U", prevented.counter_order.0);
        body.text("Cs", names.symbol(order.market));
        body.decimal("pl", prevented.quantity.0);
        body.decimal("pL", prevented.price.0);
        body.decimal("pY", prevented.price.notional(prevented.quantity).0);
    }
}

/// `I` to the end.
fn report_rest(body: &mut Object<'_>, execution: &Execution, style: Style) {
    let (order, fill) = (&execution.order, execution.fill.as_ref());
    body.number("I", execution.execution.0);
    body.flag("w", works(execution));
    body.flag("m", fill.is_some_and(|fill| fill.maker));
    body.flag("M", fill.is_some());
    body.time("O", style, order.opened);
    body.decimal("Z", order.notional.0);
    body.decimal("Y", fill.map_or(0, |fill| fill.notional.0));
    body.decimal("Q", order.budget.0);
    body.time("W", style, order.opened);
    report_strategy(body, order);
    body.text("V", order.prevention.word());
    if order.expiry != Expiry::None {
        body.text("eR", order.expiry.word());
    }
}

fn report_strategy(body: &mut Object<'_>, order: &OrderView) {
    if let Some(strategy) = order.strategy {
        body.signed("j", strategy);
    }
    if let Some(kind) = order.strategy_type {
        body.signed("J", kind.into());
    }
}

/// Binance says of every accepted order, even of a market order, that it is on the book when it is new.
fn works(execution: &Execution) -> bool {
    execution.kind == ExecutionKind::New || execution.order.on_book
}

/// `outboundAccountPosition`, of balances that one command changed.
pub fn account_position(balances: &[BalanceChanged], style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let time = balances.first().map_or(Micros(0), |balance| balance.time);
    let mut body = Object::open(out);
    body.text("e", "outboundAccountPosition");
    body.time("E", style, time);
    body.time("u", style, time);
    array(balances, body.field("B"), |balance, out| {
        let mut row = Object::open(out);
        row.text("a", names.asset(balance.asset));
        row.decimal("f", balance.free.0);
        row.decimal("l", balance.locked.0);
        row.close();
    });
    body.close();
}

/// `balanceUpdate`, of a deposit or a withdrawal.
pub fn balance_update(posted: &Posted, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.text("e", "balanceUpdate");
    body.time("E", style, posted.time);
    body.text("a", names.asset(posted.asset));
    let delta = body.field("d");
    delta.extend_from_slice(if posted.delta.0 < 0 { b"\"-" } else { b"\"" });
    decimal(posted.delta.0.unsigned_abs(), delta);
    delta.push(b'"');
    body.time("T", style, posted.time);
    body.close();
}
