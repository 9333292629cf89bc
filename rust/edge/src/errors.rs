//! What a client is told when a request is refused: Binance's codes and texts, each in one place.
//!
//! Clients match code *and* text (ccxt by the exact text, hummingbot by parts of it), so a text is never changed here
//! without the inventory `docs/reference/inventory/spot_errors.tsv`, against which a test compares every one.

use std::borrow::Cow;
use std::fmt::Display;

use agio_engine::reasons::Reason;

use crate::json::Object;

/// A request refused, in the client's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {message}")]
pub struct ApiError {
    /// Binance's code, such as −1121.
    pub code: i32,
    /// Binance's text, filled in.
    pub message: Cow<'static, str>,
    /// The HTTP status; the WebSocket API's `status` too.
    pub status: u16,
}

impl ApiError {
    /// Appends `{"code":…,"msg":"…"}`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode(self.code, &self.message, out);
    }
}

/// Appends `{"code":…,"msg":"…"}`.
pub fn encode(code: i32, message: &str, out: &mut Vec<u8>) {
    let mut body = Object::open(out);
    body.signed("code", code.into());
    body.text("msg", message);
    body.close();
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The inventory, that is Binance's `errors.md`.
    Inventory,
    /// Binance's other documents; named beside the template.
    Document(&'static str),
    /// agio's own: administration, which Binance does not have.
    Agio,
}

/// A text with `%s` for what is filled in, its code and its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Template {
    /// Binance's code.
    pub code: i32,
    /// Binance's text.
    pub text: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Where the text comes from.
    pub source: Source,
}

impl Template {
    /// The error, of a template without `%s`.
    pub fn error(&self) -> ApiError {
        debug_assert!(!self.text.contains("%s"), "{} needs values", self.text);
        ApiError { code: self.code, message: Cow::Borrowed(self.text), status: self.status }
    }

    /// The error, each `%s` replaced by the next value.
    pub fn with(&self, values: &[&dyn Display]) -> ApiError {
        let mut message = String::with_capacity(self.text.len() + 32);
        let mut values = values.iter();
        for (index, part) in self.text.split("%s").enumerate() {
            if index > 0 {
                message.push_str(&values.next().map_or_else(String::new, ToString::to_string));
            }
            message.push_str(part);
        }
        ApiError { code: self.code, message: Cow::Owned(message), status: self.status }
    }
}

macro_rules! templates {
    ($($name:ident = $code:literal $status:literal $text:literal $source:expr;)*) => {
        $(
            #[doc = concat!("`", $text, "` (", stringify!($code), ").")]
            pub const $name: Template = Template { code: $code, text: $text, status: $status, source: $source };
        )*
        /// All templates.
        pub const TEMPLATES: &[(&str, Template)] = &[$((stringify!($name), $name)),*];
    };
}

use Source::{Agio, Document, Inventory};

templates! {
    UNEXPECTED_RESPONSE = -1006 500 "An unexpected response was received from the message bus. Execution status unknown." Inventory;
    TIMEOUT = -1007 408 "Timeout waiting for response from backend server. Send status unknown; execution status unknown." Inventory;
    OVERLOADED = -1008 503 "Server is currently overloaded with other requests. Please try again in a few minutes." Inventory;
    OPERATOR_REFUSED = -1010 400 "%s" Agio;
    SHUTTING_DOWN = -1016 503 "This service is no longer available." Inventory;
    TOO_MANY_ORDERS = -1015 429 "Too many new orders; current limit is %s orders per %s." Inventory;
    OUTSIDE_WINDOW = -1021 400 "Timestamp for this request is outside of the recvWindow." Inventory;
    AHEAD_OF_TIME = -1021 400 "Timestamp for this request was 1000ms ahead of the server's time." Inventory;
    BAD_SIGNATURE = -1022 400 "Signature for this request is not valid." Inventory;
    ILLEGAL_ANYWHERE = -1100 400 "Illegal characters found in a parameter." Inventory;
    ILLEGAL = -1100 400 "Illegal characters found in parameter '%s'; legal range is '%s'." Inventory;
    TOO_MANY = -1101 400 "Too many parameters sent for this endpoint." Inventory;
    DUPLICATE = -1101 400 "Duplicate values for a parameter detected." Inventory;
    TOO_MANY_VALUES = -1101 400 "Too many values sent for parameter '%s', maximum allowed up to %s." Document("CHANGELOG 2022-06-20");
    MANDATORY = -1102 400 "Mandatory parameter '%s' was not sent, was empty/null, or malformed." Inventory;
    EITHER = -1102 400 "Param '%s' or '%s' must be sent, but both were empty/null!" Inventory;
    GREATER = -1102 400 "'%s' contains unexpected value. Cannot be greater than %s." Inventory;
    UNREAD = -1104 400 "Not all sent parameters were read; read '%s' parameter(s) but was sent '%s'." Inventory;
    EMPTY = -1105 400 "Parameter '%s' was empty." Inventory;
    NOT_REQUIRED = -1106 400 "Parameter '%s' sent when not required." Inventory;
    OVERFLOW = -1108 400 "Parameter '%s' overflowed." Inventory;
    PRECISION = -1111 400 "Parameter '%s' has too much precision." Inventory;
    BAD_LIFE = -1115 400 "Invalid timeInForce." Inventory;
    BAD_TYPE = -1116 400 "Invalid orderType." Inventory;
    BAD_SIDE = -1117 400 "Invalid side." Inventory;
    BAD_INTERVAL = -1120 400 "Invalid interval." Inventory;
    BAD_SYMBOL = -1121 400 "Invalid symbol." Inventory;
    BAD_STATUS = -1122 400 "Invalid symbolStatus." Inventory;
    NOT_TOGETHER = -1128 400 "Fields [%s] must be sent together or omitted entirely." Inventory;
    INVALID = -1130 400 "Data sent for parameter '%s' is not valid." Inventory;
    BAD_STRATEGY = -1134 400 "`strategyType` was less than 1000000." Inventory;
    BAD_TICKER = -1139 400 "Invalid ticker type." Inventory;
    BAD_RESTRICTION = -1145 400 "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`." Inventory;
    REPEATED_SYMBOL = -1151 400 "Symbol is present multiple times in the list." Inventory;
    BAD_PEG = -1210 400 "Invalid pegPriceType." Inventory;
    BAD_PEG_OFFSET = -1211 400 "Invalid pegOffsetType." Inventory;

    // An order is refused by the API (-1013) or by the engine (-2010), with texts of either table of errors.md. Each has here
    // the code that Binance's servers send it with: the API's when the market's rules suffice to refuse.
    FILTER_PRICE = -1013 400 "Filter failure: PRICE_FILTER" Inventory;
    FILTER_LOT = -1013 400 "Filter failure: LOT_SIZE" Inventory;
    FILTER_MARKET_LOT = -1013 400 "Filter failure: MARKET_LOT_SIZE" Inventory;
    FILTER_NOTIONAL = -1013 400 "Filter failure: NOTIONAL" Inventory;
    FILTER_MIN_NOTIONAL = -1013 400 "Filter failure: MIN_NOTIONAL" Inventory;
    MARKET_CLOSED = -1013 400 "Market is closed." Inventory;
    ZERO = -1013 400 "Price * QTY is zero or less." Inventory;
    NO_PREVENTION = -1013 400 "This symbol does not allow the specified self-trade prevention mode." Document("faqs/stp_faq.md");
    NO_STOP_LOSS = -1013 400 "Stop loss orders are not supported for this symbol." Inventory;
    NO_STOP_LOSS_LIMIT = -1013 400 "Stop loss limit orders are not supported for this symbol." Inventory;
    NO_TAKE_PROFIT = -1013 400 "Take profit orders are not supported for this symbol." Inventory;
    NO_TAKE_PROFIT_LIMIT = -1013 400 "Take profit limit orders are not supported for this symbol." Inventory;
    NO_TRAILING = -1013 400 "Trailing stop orders are not supported for this symbol." Inventory;
    NO_ICEBERG = -1013 400 "Iceberg orders are not supported for this symbol." Inventory;
    NO_PEG = -1013 400 "Pegged orders are not supported for this symbol." Inventory;
    PEG_TYPE = -1013 400 "This order type may not use pegged price." Inventory;
    PEG_KIND = -1013 400 "This price peg cannot be used with this order type." Inventory;

    TRADING_DISABLED = -2010 400 "This account may not place or cancel orders." Inventory;
    ACTION_DISABLED = -2010 400 "This action is disabled on this account." Inventory;
    COMBINATION = -2010 400 "Unsupported order combination" Inventory;
    FILTER_MAX_ORDERS = -2010 400 "Filter failure: MAX_NUM_ORDERS" Inventory;
    FILTER_MAX_POSITION = -2010 400 "Filter failure: MAX_POSITION" Inventory;
    DUPLICATE_ORDER = -2010 400 "Duplicate order sent." Inventory;
    INSUFFICIENT = -2010 400 "Account has insufficient balance for requested action." Inventory;
    WOULD_TAKE = -2010 400 "Order would immediately match and take." Inventory;
    THIN_LOT = -2010 400 "Order book liquidity is less than `LOT_SIZE` filter minimum quantity." Inventory;
    THIN = -2010 400 "Order book liquidity is less than symbol minimum quantity." Inventory;
    THIN_MARKET_LOT = -2010 400 "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity." Inventory;
    UNKNOWN_ORDER = -2011 400 "Unknown order sent." Inventory;
    RESTRICTED = -2011 400 "Order was not canceled due to cancel restrictions." Inventory;
    NO_SUCH_ORDER = -2013 400 "Order does not exist." Inventory;
    BAD_KEY_FORMAT = -2014 401 "API-key format invalid." Inventory;
    KEY_REFUSED = -2015 401 "Invalid API-key, IP, or permissions for action." Inventory;
    OTHER_CLIENT_ID = -2039 400 "Client order ID is not correct for this order ID." Inventory;
}

/// The template without `%s` that a parameter's description names by its code.
pub fn by_code(code: i32) -> Option<Template> {
    TEMPLATES.iter().map(|(_, template)| *template).find(|t| t.code == code && !t.text.contains("%s"))
}

/// What was asked, where the code depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A new order: refused by the engine with −2010.
    Place,
    /// A cancel: refused by the engine with −2011.
    Cancel,
    /// Anything else.
    Other,
}

/// The template of each reason.
pub fn template(reason: Reason) -> Template {
    match reason {
        Reason::LaneRepeated | Reason::LaneGap => UNEXPECTED_RESPONSE,
        Reason::DeadlinePassed | Reason::Halted => OVERLOADED,
        Reason::OutsideWindow => OUTSIDE_WINDOW,
        Reason::AheadOfTime => AHEAD_OF_TIME,
        Reason::KeyRefused => KEY_REFUSED,
        Reason::UnknownMarket => BAD_SYMBOL,
        Reason::MarketClosed => MARKET_CLOSED,
        Reason::TradingDisabled => TRADING_DISABLED,
        Reason::WithdrawalDisabled | Reason::DepositDisabled => ACTION_DISABLED,
        Reason::TooManyOrdersTenSeconds | Reason::TooManyOrdersDay => TOO_MANY_ORDERS,
        Reason::BadCombination => COMBINATION,
        Reason::ZeroOrder => ZERO,
        Reason::PreventionNotAllowed => NO_PREVENTION,
        Reason::PriceFilter => FILTER_PRICE,
        Reason::LotSize => FILTER_LOT,
        Reason::MarketLotSize => FILTER_MARKET_LOT,
        Reason::Notional => FILTER_NOTIONAL,
        Reason::MinNotional => FILTER_MIN_NOTIONAL,
        Reason::MaxOrders => FILTER_MAX_ORDERS,
        Reason::DuplicateOrder => DUPLICATE_ORDER,
        Reason::InsufficientBalance => INSUFFICIENT,
        Reason::WouldTake => WOULD_TAKE,
        Reason::LiquidityBelowLot => THIN_LOT,
        Reason::LiquidityBelowMarketLot => THIN_MARKET_LOT,
        // filters.md: a quantity that would overflow the position fails MAX_POSITION.
        Reason::LevelFull => FILTER_MAX_POSITION,
        // rest-api.md: with both ids given the cancel is refused like one of an unknown order.
        Reason::UnknownOrder | Reason::OrderMismatch => UNKNOWN_ORDER,
        Reason::CancelRestricted => RESTRICTED,
        Reason::UnknownAccount
        | Reason::UnknownAsset
        | Reason::UnknownKey
        | Reason::BadAmount
        | Reason::NameTaken
        | Reason::BadName
        | Reason::BadFilters
        | Reason::BadSetting
        | Reason::UnknownBehaviour
        | Reason::UnknownLane => OPERATOR_REFUSED,
    }
}

/// What the client is told of a rejection. `detail` is the figure of the limit that was passed.
pub fn rejection(reason: Reason, detail: u64, action: Action) -> ApiError {
    let mut error = match reason {
        Reason::TooManyOrdersTenSeconds => TOO_MANY_ORDERS.with(&[&detail, &"10 SECOND"]),
        Reason::TooManyOrdersDay => TOO_MANY_ORDERS.with(&[&detail, &"1 DAY"]),
        Reason::LiquidityBelowLot if detail == 0 => THIN.error(), // an empty book
        _ => match template(reason) {
            OPERATOR_REFUSED => OPERATOR_REFUSED.with(&[&reason.words()]),
            fixed => fixed.error(),
        },
    };
    if action == Action::Cancel && error.code == TRADING_DISABLED.code {
        error.code = UNKNOWN_ORDER.code;
    }
    error
}
