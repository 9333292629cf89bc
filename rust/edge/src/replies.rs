//! Reply bodies, appended to bytes that are ready to send.

pub use agio_engine::OrderCounts;
use agio_engine::events::Event;
use agio_engine::units::{
    AccountId, Amount, AssetId, MarketId, Micros, OrderId, PreventedId, Price, Quantity, Rate, UpdateId,
};
use agio_engine::vocabulary::{
    Execution, ExecutionKind, Expiry, Fill, OrderKind, OrderStatus, OrderView, PreventedFill, Prevention, Rights, Side,
    TimeInForce,
};

use crate::errors::{self, Action, ApiError};
use crate::json::{Object, Style, array, decimal, quoted_decimal, whole};
use crate::orders::Response;

/// The names of markets and assets, as clients know them.
pub trait Names {
    /// Such as `BTCUSDT`.
    fn symbol(&self, market: MarketId) -> &str;
    /// Such as `BTC`.
    fn asset(&self, asset: AssetId) -> &str;
}

/// Binance's word for each value of the engine's enums.
pub trait Word {
    /// The word.
    fn word(self) -> &'static str;
}

macro_rules! words {
    ($($enum:ident { $($variant:ident = $word:literal),* $(,)? })*) => {$(
        impl Word for $enum {
            fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    )*};
}

words! {
    Side { Buy = "BUY", Sell = "SELL" }
    OrderKind { Limit = "LIMIT", Market = "MARKET", LimitMaker = "LIMIT_MAKER" }
    TimeInForce { Gtc = "GTC", Ioc = "IOC", Fok = "FOK" }
    OrderStatus {
        New = "NEW", PartiallyFilled = "PARTIALLY_FILLED", Filled = "FILLED", Canceled = "CANCELED",
        Expired = "EXPIRED", ExpiredInMatch = "EXPIRED_IN_MATCH",
    }
    ExecutionKind {
        New = "NEW", Trade = "TRADE", Canceled = "CANCELED", Expired = "EXPIRED", TradePrevention = "TRADE_PREVENTION",
    }
    Prevention {
        None = "NONE", ExpireTaker = "EXPIRE_TAKER", ExpireMaker = "EXPIRE_MAKER", ExpireBoth = "EXPIRE_BOTH",
        Decrement = "DECREMENT",
    }
    Expiry {
        None = "NONE", UnfilledIoc = "UNFILLED_IOC_QUANTITY_EXPIRED", UnfilledFok = "UNFILLED_FOK_ORDER_EXPIRED",
        Liquidity = "INSUFFICIENT_LIQUIDITY", Exchange = "EXCHANGE_CANCELED",
    }
}

/// The order list of an order that is in none.
pub(crate) const NO_LIST: i64 = -1;

fn executions(events: &[Event]) -> impl Iterator<Item = &Execution> {
    events
        .iter()
        .filter_map(|event| if let Event::Executed(executed) = event { Some(&executed.execution) } else { None })
}

/// The rejection among a command's events, in the client's words.
pub fn rejected(events: &[Event], action: Action) -> Option<ApiError> {
    events.iter().find_map(|event| match event {
        Event::Rejected(refused) => Some(errors::rejection(refused.reason, refused.detail, action)),
        _ => None,
    })
}

/// The lines of an HTTP answer that tell what is used of the limits, behind those that `head` already has: the
/// minute's weight, and the account's order counts where they were counted.
pub fn used(weight: u64, orders: Option<(u64, u64)>, head: &mut Vec<u8>) {
    let mut tell = |name: &str, count| {
        head.extend_from_slice(name.as_bytes());
        whole(count, head);
        head.extend_from_slice(b"\r\n");
    };
    tell("x-mbx-used-weight: ", weight);
    tell("x-mbx-used-weight-1m: ", weight);
    if let Some((ten_seconds, day)) = orders {
        tell("x-mbx-order-count-10s: ", ten_seconds);
        tell("x-mbx-order-count-1d: ", day);
    }
}

/// Appends `error` and returns its status.
pub fn refusal(error: &ApiError, out: &mut Vec<u8>) -> u16 {
    error.encode(out);
    error.status
}

fn unexplained(out: &mut Vec<u8>) -> u16 {
    refusal(&errors::UNEXPECTED_RESPONSE.error(), out)
}

/// The reply to a new order from its command's events; returns the HTTP status.
pub fn placed(events: &[Event], response: Response, style: Style, names: &impl Names, out: &mut Vec<u8>) -> u16 {
    if let Some(error) = rejected(events, Action::Place) {
        return refusal(&error, out);
    }
    let Some(first) = executions(events).next() else { return unexplained(out) };
    let own = first.order.order;
    let last = executions(events).filter(|execution| execution.order.order == own).last().unwrap_or(first);
    out.reserve(768);
    let mut body = Object::open(out);
    place_head(&mut body, &last.order, first.time, style, names);
    if response != Response::Ack {
        place_result(&mut body, &last.order, style);
    }
    if response == Response::Full {
        fills(events, own, names, body.field("fills"));
        prevented_matches(events, &last.order, names, &mut body);
    }
    body.close();
    200
}

fn place_head(body: &mut Object<'_>, order: &OrderView, time: Micros, style: Style, names: &impl Names) {
    body.text("symbol", names.symbol(order.market));
    body.number("orderId", order.order.0);
    body.signed("orderListId", NO_LIST);
    body.text("clientOrderId", order.client_id.as_str());
    body.time("transactTime", style, time);
}

fn place_result(body: &mut Object<'_>, order: &OrderView, style: Style) {
    amounts(body, order);
    terms(body, order);
    body.time("workingTime", style, order.opened);
    ending(body, order);
}

/// `price` to `cummulativeQuoteQty` (Binance's spelling).
fn amounts(body: &mut Object<'_>, order: &OrderView) {
    body.decimal("price", order.price.0);
    body.decimal("origQty", order.quantity.0);
    body.decimal("executedQty", order.executed.0);
    body.decimal("origQuoteOrderQty", order.budget.0);
    body.decimal("cummulativeQuoteQty", order.notional.0);
}

/// `status` to `side`, and the strategy if there is one.
fn terms(body: &mut Object<'_>, order: &OrderView) {
    body.text("status", order.status.word());
    body.text("timeInForce", order.life.word());
    body.text("type", order.kind.word());
    body.text("side", order.side.word());
}

/// The strategy, self-trade prevention and expiry, as far as they apply.
fn ending(body: &mut Object<'_>, order: &OrderView) {
    if let Some(strategy) = order.strategy {
        body.signed("strategyId", strategy);
    }
    if let Some(kind) = order.strategy_type {
        body.signed("strategyType", kind.into());
    }
    body.text("selfTradePreventionMode", order.prevention.word());
    if let Some(id) = order.prevented_match {
        body.number("preventedMatchId", id.0);
        body.decimal("preventedQuantity", order.prevented.0);
    }
    if order.expiry != Expiry::None {
        body.text("expiryReason", order.expiry.word());
    }
}

fn fills(events: &[Event], own: OrderId, names: &impl Names, out: &mut Vec<u8>) {
    let own = executions(events).filter(|execution| execution.order.order == own).filter_map(|e| e.fill.as_ref());
    array(own, out, |fill: &Fill, out| {
        let mut body = Object::open(out);
        body.decimal("price", fill.price.0);
        body.decimal("qty", fill.quantity.0);
        body.decimal("commission", fill.commission.0);
        body.text("commissionAsset", names.asset(fill.commission_asset));
        body.number("tradeId", fill.trade.0);
        body.close();
    });
}

/// A self-trade that did not happen, as both sides saw it.
struct Prevented<'a> {
    id: PreventedId,
    maker: OrderId,
    taker_side: Option<&'a PreventedFill>,
    maker_side: Option<&'a PreventedFill>,
}

/// The self-trades prevented by a new order, in the order of their ids.
fn prevented<'a>(events: &'a [Event], own: OrderId) -> Vec<Prevented<'a>> {
    let mut matches: Vec<Prevented<'a>> = Vec::new();
    for (order, fill) in executions(events).filter_map(|e| Some((e.order.order, e.prevention.as_ref()?))) {
        let maker = if order == own { fill.counter_order } else { order };
        let known = matches.iter().position(|one| one.id == fill.id);
        let index = known.unwrap_or_else(|| {
            matches.push(Prevented { id: fill.id, maker, taker_side: None, maker_side: None });
            matches.len() - 1
        });
        let side = if order == own { &mut matches[index].taker_side } else { &mut matches[index].maker_side };
        *side = Some(fill);
    }
    matches
}

fn prevented_matches(events: &[Event], own: &OrderView, names: &impl Names, body: &mut Object<'_>) {
    let matches = prevented(events, own.order);
    if matches.is_empty() {
        return;
    }
    array(&matches, body.field("preventedMatches"), |one, out| {
        let Some(fill) = one.taker_side.or(one.maker_side) else { return };
        let mut body = Object::open(out);
        body.number("preventedMatchId", one.id.0);
        body.text("makerSymbol", names.symbol(own.market));
        body.number("makerOrderId", one.maker.0);
        body.decimal("price", fill.price.0);
        if let Some(taker) = one.taker_side.filter(|fill| fill.reduced != Quantity(0)) {
            body.decimal("takerPreventedQuantity", taker.reduced.0);
        }
        if let Some(maker) = one.maker_side.filter(|fill| fill.reduced != Quantity(0)) {
            body.decimal("makerPreventedQuantity", maker.reduced.0);
        }
        body.close();
    });
}

/// The reply to a cancel from its command's events; returns the HTTP status.
pub fn canceled(events: &[Event], style: Style, names: &impl Names, out: &mut Vec<u8>) -> u16 {
    if let Some(error) = rejected(events, Action::Cancel) {
        return refusal(&error, out);
    }
    match cancels(events).next() {
        Some(execution) => cancel_report(execution, style, names, out),
        None => return unexplained(out),
    }
    200
}

/// The reply to a cancel of all orders of a symbol from its command's events; returns the HTTP status.
pub fn canceled_all(events: &[Event], style: Style, names: &impl Names, out: &mut Vec<u8>) -> u16 {
    if let Some(error) = rejected(events, Action::Cancel) {
        return refusal(&error, out);
    }
    array(cancels(events), out, |execution, out| cancel_report(execution, style, names, out));
    200
}

fn cancels(events: &[Event]) -> impl Iterator<Item = &Execution> {
    executions(events).filter(|execution| execution.kind == ExecutionKind::Canceled)
}

fn cancel_report(execution: &Execution, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let order = &execution.order;
    let mut body = Object::open(out);
    body.text("symbol", names.symbol(order.market));
    body.text("origClientOrderId", order.client_id.as_str());
    body.number("orderId", order.order.0);
    body.signed("orderListId", NO_LIST);
    body.text("clientOrderId", execution.cancel_id.as_str());
    body.time("transactTime", style, execution.time);
    amounts(&mut body, order);
    terms(&mut body, order);
    ending(&mut body, order);
    body.close();
}

/// One order, as a query answers it.
pub fn order(order: &OrderView, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.text("symbol", names.symbol(order.market));
    body.number("orderId", order.order.0);
    body.signed("orderListId", NO_LIST);
    body.text("clientOrderId", order.client_id.as_str());
    body.decimal("price", order.price.0);
    body.decimal("origQty", order.quantity.0);
    body.decimal("executedQty", order.executed.0);
    body.decimal("cummulativeQuoteQty", order.notional.0);
    terms(&mut body, order);
    body.decimal("stopPrice", 0u64);
    body.decimal("icebergQty", 0u64);
    body.time("time", style, order.opened);
    body.time("updateTime", style, order.updated);
    body.flag("isWorking", true);
    body.time("workingTime", style, order.opened);
    body.decimal("origQuoteOrderQty", order.budget.0);
    ending(&mut body, order);
    body.close();
}

/// Orders, as `openOrders` answers them.
pub fn orders(views: impl IntoIterator<Item = OrderView>, style: Style, names: &impl Names, out: &mut Vec<u8>) {
    array(views, out, |view, out| order(&view, style, names, out));
}

/// What `GET /api/v3/account` says besides the balances.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    /// Its number, Binance's `uid`.
    pub id: AccountId,
    /// What it may do.
    pub rights: Rights,
    /// Commission as a maker.
    pub maker: Rate,
    /// Commission as a taker.
    pub taker: Rate,
    /// When its balances last changed.
    pub updated: Micros,
}

/// An asset with what is free and what is locked.
pub type Balance = (AssetId, Amount, Amount);

/// `GET /api/v3/account`. `omit_zero` leaves out assets of which nothing is free or locked.
pub fn account(
    account: &Account,
    balances: impl IntoIterator<Item = Balance>,
    omit_zero: bool,
    style: Style,
    names: &impl Names,
    out: &mut Vec<u8>,
) {
    let mut body = Object::open(out);
    body.number("makerCommission", basis_points(account.maker));
    body.number("takerCommission", basis_points(account.taker));
    body.number("buyerCommission", 0);
    body.number("sellerCommission", 0);
    commission_rates(account, body.field("commissionRates"));
    body.flag("canTrade", account.rights.trade);
    body.flag("canWithdraw", account.rights.withdraw);
    body.flag("canDeposit", account.rights.deposit);
    body.flag("brokered", false);
    body.flag("requireSelfTradePrevention", false);
    body.flag("preventSor", false);
    body.time("updateTime", style, account.updated);
    body.text("accountType", "SPOT");
    let shown = balances.into_iter().filter(|(_, free, locked)| !omit_zero || free.0 + locked.0 > 0);
    array(shown, body.field("balances"), |balance, out| balance_row(balance, names, out));
    body.field("permissions").extend_from_slice(br#"["SPOT"]"#);
    body.number("uid", account.id.0.into());
    body.close();
}

fn balance_row((asset, free, locked): Balance, names: &impl Names, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.text("asset", names.asset(asset));
    body.decimal("free", free.0);
    body.decimal("locked", locked.0);
    body.close();
}

/// A rate of 10^-8 in hundredths of a percent, rounded down.
fn basis_points(rate: Rate) -> u64 {
    u64::from(rate.0) / 10_000
}

fn commission_rates(account: &Account, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.decimal("maker", account.maker.0);
    body.decimal("taker", account.taker.0);
    body.decimal("buyer", 0u64);
    body.decimal("seller", 0u64);
    body.close();
}

/// The reply to an order test that the engine would accept: `{}`, or the commission that its fills would pay.
pub fn tested(commission: Option<(Rate, Rate)>, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    if let Some((maker, taker)) = commission {
        for (name, maker, taker) in [
            ("standardCommissionForOrder", maker, taker),
            ("specialCommissionForOrder", Rate(0), Rate(0)),
            ("taxCommissionForOrder", Rate(0), Rate(0)),
        ] {
            let mut rates = Object::open(body.field(name));
            rates.decimal("maker", maker.0);
            rates.decimal("taker", taker.0);
            rates.close();
        }
        discount(body.field("discount"));
    }
    body.close();
}

/// There is no discount for paying in an asset of the exchange's own.
fn discount(out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.flag("enabledForAccount", false);
    body.flag("enabledForSymbol", false);
    body.null("discountAsset");
    body.decimal("discount", 0u64);
    body.close();
}

/// `GET /api/v3/depth`, and the payload of partial depth streams. Best levels first.
pub fn depth(
    last: UpdateId,
    bids: impl IntoIterator<Item = (Price, Quantity)>,
    asks: impl IntoIterator<Item = (Price, Quantity)>,
    out: &mut Vec<u8>,
) {
    let mut body = Object::open(out);
    body.number("lastUpdateId", last.0);
    levels(bids, body.field("bids"));
    levels(asks, body.field("asks"));
    body.close();
}

/// Levels as `[["price","quantity"],…]`. Totals are capped at 2^63 − 1, as at Binance.
pub(crate) fn levels(levels: impl IntoIterator<Item = (Price, Quantity)>, out: &mut Vec<u8>) {
    array(levels, out, |(price, quantity), out| {
        out.extend_from_slice(b"[\"");
        decimal(price.0.into(), out);
        out.extend_from_slice(b"\",");
        quoted_decimal(quantity.0.min(crate::params::MAX_DECIMAL).into(), out);
        out.push(b']');
    });
}

/// `GET /api/v3/avgPrice`. Before the first trade the price is 0, and `closeTime` −1 (`sbe/schemas/spot_3_5.xml`).
pub fn average_price(minutes: u32, price: Price, last_trade: Option<Micros>, style: Style, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.number("mins", minutes.into());
    body.decimal("price", price.0);
    match last_trade {
        Some(time) => body.time("closeTime", style, time),
        None => body.signed("closeTime", -1),
    }
    body.close();
}

/// `GET /api/v3/rateLimit/order`.
pub fn order_counts(counts: &OrderCounts, out: &mut Vec<u8>) {
    let rows = [("SECOND", 10, counts.limit_ten_seconds, counts.ten_seconds), ("DAY", 1, counts.limit_day, counts.day)];
    array(rows, out, |(interval, number, limit, count), out| {
        let mut body = Object::open(out);
        body.text("rateLimitType", "ORDERS");
        body.text("interval", interval);
        body.number("intervalNum", number);
        body.number("limit", limit.into());
        body.number("count", count.into());
        body.close();
    });
}
