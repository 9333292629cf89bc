//! From the parameters of an order to a command.
//!
//! # The order of checks of a new order
//!
//! After what [`crate::schema`] checks: what the type needs and lacks (−1102), what was sent though the type does not
//! take it (−1106; −1013 for a peg), pegs that do not fit (−1128, −1013), then what this exchange does not offer yet
//! (−1013, the texts for a symbol that does not allow it). The filters, the balance and the rest are the engine's.
//!
//! Two choices between Binance's own words: `timeInForce` for a type that has none is −1106, as its servers answer, not
//! the −1114 of its table; and what the API refuses before the engine sees it is −1013 with the engine's text, as
//! errors.md says of that code and as its servers answer, not the −2010 of the same text from the engine.

use agio_engine::commands::{Cancel, CancelAll, Place, Signed};
use agio_engine::units::{AccountId, Amount, KeyId, MarketId, Micros, OrderId, Price, Quantity};
use agio_engine::vocabulary::{OrderKind, Prevention, Restriction, Side, TimeInForce};

use crate::auth::DEFAULT_WINDOW;
use crate::errors::{self, ApiError, Template};
use crate::schema::{Name, Values};

/// How much a reply to a new order says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// That it was accepted.
    Ack,
    /// Where it stands.
    Result,
    /// Where it stands, and its fills.
    Full,
}

/// Whose request it is.
#[derive(Clone, Copy, Debug)]
pub struct Requester {
    /// The account.
    pub account: AccountId,
    /// The key that signed.
    pub key: KeyId,
}

/// An order named by its number, its client's id, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderName {
    /// Its number.
    pub order: Option<OrderId>,
    /// Its client's id; empty when only the number is given.
    pub client_id: agio_engine::units::ClientId,
}

/// The market that `symbol` names, by `find`; −1121 when there is none, `None` when the symbol was not sent.
pub fn market(values: &Values, find: impl FnOnce(&str) -> Option<MarketId>) -> Result<Option<MarketId>, ApiError> {
    values.text(Name::Symbol).map(|symbol| find(symbol).ok_or_else(|| errors::BAD_SYMBOL.error())).transpose()
}

/// `POST /api/v3/order` and `order/test`: the command, and how to answer it.
pub fn place(values: &Values, requester: Requester, market: MarketId) -> Result<(Place, Response), ApiError> {
    let kind = values.choice(Name::Type).ok_or_else(|| errors::BAD_TYPE.error())?;
    let rule = RULES.iter().find(|rule| rule.kind == kind).ok_or_else(|| errors::BAD_TYPE.error())?;
    rule.check(values)?;
    let kind = rule.offered(values)?;
    let command = Place {
        account: requester.account,
        signed: signed(values, requester.key),
        market,
        side: side(values)?,
        kind,
        life: life(values)?,
        price: Price(values.decimal(Name::Price).unwrap_or(0)),
        quantity: Quantity(values.decimal(Name::Quantity).unwrap_or(0)),
        budget: values.amount(Name::QuoteOrderQty).unwrap_or(Amount(0)),
        client_id: values.client_id(Name::NewClientOrderId),
        prevention: prevention(values)?,
        strategy: values.long(Name::StrategyId),
        strategy_type: values.long(Name::StrategyType).map(strategy_type).transpose()?,
    };
    Ok((command, response(values, kind)?))
}

/// `DELETE /api/v3/order`.
pub fn cancel(values: &Values, requester: Requester, market: MarketId) -> Result<Cancel, ApiError> {
    let OrderName { order, client_id } = order_name(values);
    Ok(Cancel {
        account: requester.account,
        signed: signed(values, requester.key),
        market,
        order,
        client_id,
        cancel_id: values.client_id(Name::NewClientOrderId),
        restriction: match values.choice(Name::CancelRestrictions) {
            None => Restriction::None,
            Some("ONLY_NEW") => Restriction::OnlyNew,
            Some("ONLY_PARTIALLY_FILLED") => Restriction::OnlyPartiallyFilled,
            Some(_) => return Err(errors::BAD_RESTRICTION.error()),
        },
    })
}

/// `DELETE /api/v3/openOrders`.
pub fn cancel_all(values: &Values, requester: Requester, market: MarketId) -> CancelAll {
    CancelAll { account: requester.account, signed: signed(values, requester.key), market }
}

/// Which order a cancel or a query means.
pub fn order_name(values: &Values) -> OrderName {
    OrderName {
        order: values.long(Name::OrderId).map(|id| OrderId(id as u64)),
        client_id: values.client_id(Name::OrigClientOrderId),
    }
}

/// Whether a test order asks for the commission it would pay.
pub fn asks_commission(values: &Values) -> bool {
    values.flag(Name::ComputeCommissionRates)
}

fn signed(values: &Values, key: KeyId) -> Signed {
    Signed {
        key,
        sent: values.time(Name::Timestamp).unwrap_or(Micros(0)),
        window: values.time(Name::RecvWindow).unwrap_or(DEFAULT_WINDOW),
    }
}

fn side(values: &Values) -> Result<Side, ApiError> {
    match values.choice(Name::Side) {
        Some("BUY") => Ok(Side::Buy),
        Some("SELL") => Ok(Side::Sell),
        _ => Err(errors::BAD_SIDE.error()),
    }
}

fn life(values: &Values) -> Result<TimeInForce, ApiError> {
    match values.choice(Name::TimeInForce) {
        None | Some("GTC") => Ok(TimeInForce::Gtc),
        Some("IOC") => Ok(TimeInForce::Ioc),
        Some("FOK") => Ok(TimeInForce::Fok),
        Some(_) => Err(errors::BAD_LIFE.error()),
    }
}

/// `TRANSFER` moves money between accounts of a trade group, which this exchange does not have: no symbol allows it.
fn prevention(values: &Values) -> Result<Option<Prevention>, ApiError> {
    Ok(match values.choice(Name::SelfTradePreventionMode) {
        None => None,
        Some("NONE") => Some(Prevention::None),
        Some("EXPIRE_TAKER") => Some(Prevention::ExpireTaker),
        Some("EXPIRE_MAKER") => Some(Prevention::ExpireMaker),
        Some("EXPIRE_BOTH") => Some(Prevention::ExpireBoth),
        Some("DECREMENT") => Some(Prevention::Decrement),
        Some(_) => return Err(errors::NO_PREVENTION.error()),
    })
}

fn strategy_type(value: i64) -> Result<i32, ApiError> {
    i32::try_from(value).map_err(|_| errors::OVERFLOW.with(&[&Name::StrategyType.as_str()]))
}

/// The reply asked for, or by default FULL for limit and market orders and ACK for others.
fn response(values: &Values, kind: OrderKind) -> Result<Response, ApiError> {
    match values.choice(Name::NewOrderRespType) {
        Some("ACK") => Ok(Response::Ack),
        Some("RESULT") => Ok(Response::Result),
        None if kind == OrderKind::LimitMaker => Ok(Response::Ack),
        Some("FULL") | None => Ok(Response::Full),
        Some(_) => Err(errors::INVALID.with(&[&Name::NewOrderRespType.as_str()])),
    }
}

/// What an order type needs and takes.
struct Rule {
    kind: &'static str,
    /// All of them.
    needs: &'static [Name],
    /// One of two.
    either: Option<(Name, Name)>,
    /// Whether it takes both of the two.
    both: bool,
    /// These as well.
    takes: &'static [Name],
    /// The engine's type, or why there is none.
    offered: Result<OrderKind, Template>,
}

use Name::{
    IcebergQty, PegOffsetType, PegOffsetValue, PegPriceType, Price as PriceName, Quantity as QuantityName,
    QuoteOrderQty, StopPrice, TimeInForce as LifeName, TrailingDelta,
};

const PEG: [Name; 3] = [PegPriceType, PegOffsetType, PegOffsetValue];
const TRIGGER: Option<(Name, Name)> = Some((StopPrice, TrailingDelta));
const BESIDE_LIMIT: &[Name] = &[IcebergQty, PegPriceType, PegOffsetType, PegOffsetValue];

const fn rule(kind: &'static str, needs: &'static [Name], offered: Result<OrderKind, Template>) -> Rule {
    Rule { kind, needs, either: None, both: false, takes: &[], offered }
}

/// One row per type, from rest-api.md's table of additional mandatory parameters.
const RULES: &[Rule] = &[
    Rule { takes: BESIDE_LIMIT, ..rule("LIMIT", &[LifeName, QuantityName, PriceName], Ok(OrderKind::Limit)) },
    Rule { either: Some((QuantityName, QuoteOrderQty)), ..rule("MARKET", &[], Ok(OrderKind::Market)) },
    Rule { takes: BESIDE_LIMIT, ..rule("LIMIT_MAKER", &[QuantityName, PriceName], Ok(OrderKind::LimitMaker)) },
    Rule { either: TRIGGER, both: true, ..rule("STOP_LOSS", &[QuantityName], Err(errors::NO_STOP_LOSS)) },
    Rule { either: TRIGGER, both: true, ..rule("TAKE_PROFIT", &[QuantityName], Err(errors::NO_TAKE_PROFIT)) },
    Rule {
        either: TRIGGER,
        both: true,
        takes: BESIDE_LIMIT,
        ..rule("STOP_LOSS_LIMIT", &[LifeName, QuantityName, PriceName], Err(errors::NO_STOP_LOSS_LIMIT))
    },
    Rule {
        either: TRIGGER,
        both: true,
        takes: BESIDE_LIMIT,
        ..rule("TAKE_PROFIT_LIMIT", &[LifeName, QuantityName, PriceName], Err(errors::NO_TAKE_PROFIT_LIMIT))
    },
];

/// The parameters that not every type takes, in the order in which they are refused.
const BY_TYPE: &[Name] = &[
    LifeName,
    QuantityName,
    QuoteOrderQty,
    PriceName,
    StopPrice,
    TrailingDelta,
    IcebergQty,
    PegPriceType,
    PegOffsetType,
    PegOffsetValue,
];

impl Rule {
    fn check(&self, values: &Values) -> Result<(), ApiError> {
        self.lacks(values)?;
        self.refuses(values)?;
        self.pegs(values)
    }

    fn lacks(&self, values: &Values) -> Result<(), ApiError> {
        // rest-api.md: with a peg the price becomes optional.
        let optional = |name: Name| name == PriceName && values.sent(PegPriceType);
        if let Some(name) = self.needs.iter().find(|name| !values.sent(**name) && !optional(**name)) {
            return Err(errors::MANDATORY.with(&[&name.as_str()]));
        }
        match self.either {
            Some((one, other)) if !values.sent(one) && !values.sent(other) => {
                Err(errors::EITHER.with(&[&one.as_str(), &other.as_str()]))
            }
            _ => Ok(()),
        }
    }

    fn refuses(&self, values: &Values) -> Result<(), ApiError> {
        for name in BY_TYPE.iter().filter(|name| values.sent(**name)) {
            let pegged = PEG.contains(name);
            match self.takes(*name, values) {
                true => (),
                false if pegged => return Err(errors::PEG_TYPE.error()),
                false => return Err(errors::NOT_REQUIRED.with(&[&name.as_str()])),
            }
        }
        Ok(())
    }

    fn takes(&self, name: Name, values: &Values) -> bool {
        let either =
            self.either.is_some_and(|(one, other)| name == one || name == other && (self.both || !values.sent(one)));
        either || self.needs.contains(&name) || self.takes.contains(&name)
    }

    fn pegs(&self, values: &Values) -> Result<(), ApiError> {
        if values.sent(PegOffsetType) != values.sent(PegOffsetValue) {
            return Err(errors::NOT_TOGETHER.with(&[&"pegOffsetType, pegOffsetValue"]));
        }
        if self.kind == "LIMIT_MAKER" && values.choice(PegPriceType) == Some("MARKET_PEG") {
            return Err(errors::PEG_KIND.error());
        }
        Ok(())
    }

    /// The engine's type, unless the order asks for what there is not.
    fn offered(&self, values: &Values) -> Result<OrderKind, ApiError> {
        let extras =
            [(TrailingDelta, errors::NO_TRAILING), (IcebergQty, errors::NO_ICEBERG), (PegPriceType, errors::NO_PEG)];
        let kind = self.offered.map_err(|why| why.error())?;
        match extras.iter().find(|(name, _)| values.sent(*name)) {
            Some((_, why)) => Err(why.error()),
            None => Ok(kind),
        }
    }
}
