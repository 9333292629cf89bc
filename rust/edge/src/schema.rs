//! One operation's parameters as a table, and parsing a request by it.
//!
//! # The description
//!
//! [`Schema::from_json`] takes what the gateway's operation rows say:
//!
//! ```json
//! {
//!   "signed": true,
//!   "params": [
//!     {"name": "symbol", "kind": "symbol", "required": true},
//!     {"name": "side", "kind": "enum", "values": ["BUY", "SELL"], "error": -1117, "required": true},
//!     {"name": "orderId", "kind": "long"},
//!     {"name": "origClientOrderId", "kind": "client_id", "required": {"or": "orderId"}},
//!     {"name": "limit", "kind": "long", "min": 1, "max": 1000, "clamp": true},
//!     {"name": "symbols", "kind": "symbols", "max": 100},
//!     {"name": "permissions", "kind": "list", "pattern": "^[A-Z0-9_]{1,20}$"}
//!   ]
//! }
//! ```
//!
//! | kind | value | takes besides `name` and `required` |
//! |---|---|---|
//! | `symbol` | text | |
//! | `symbols` | list of texts | `max` (how many, default 1000) |
//! | `text` | text | `pattern` (a legal range, see [`Pattern`]) |
//! | `list` | list of texts | `pattern`, `max` |
//! | `decimal` | 10^-8 below 2^63 | |
//! | `amount` | 10^-8, 128 bits | |
//! | `long`, `int` | whole number | `min` (0), `max`, `clamp` (larger counts as `max`), `error` |
//! | `enum` | position in `values` | `values`, `error` |
//! | `client_id` | client order id | `pattern` (default Binance's) |
//! | `bool` | yes or no | |
//! | `time` | µs (sent as ms or µs) | |
//!
//! `error` is the code of one of [`crate::errors::TEMPLATES`] without placeholders; −1130 without it. `required` is
//! `false` (the default), `true`, or `{"or": other}`: this one or the other, and the −1102 names this one first.
//! `"signed": true` appends `recvWindow`, `timestamp` (mandatory) and `signature`, in this order; the WebSocket API's
//! `apiKey` is then let through and not a slot.
//!
//! # The order of checks
//!
//! 1. Size and number of parameters (−1101), the same name twice in one source (−1101).
//! 2. Of a signed request, see [`crate::auth`]: timestamp and signature present, window, signature.
//! 3. Each parameter in the schema's order: absent though mandatory (−1102), empty (−1105), illegal characters (−1100),
//!    too precise (−1111), too large (−1108), outside its range or list (its own error or −1130).
//! 4. One of two absent (−1102), in the schema's order.
//! 5. Parameters that the schema does not have (−1104).

use std::borrow::Cow;
use std::sync::Arc;

use agio_engine::units::{Amount, ClientId, Micros};
use serde::Deserialize;

use crate::errors::{self, ApiError};
use crate::params::{Kind, Range, Value, unescape};
use crate::pattern::Pattern;

/// The most bytes of query and body together.
pub const MAX_BYTES: usize = 16_384;
/// The most parameters a schema may have.
pub const MAX_PARAMS: usize = 64;
/// The most parameters a request may send, known or not.
pub const MAX_SENT: u32 = 128;

/// A description that makes no schema: which parameter, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameters cannot be described so: {0}")]
pub struct SchemaError(String);

/// Whether a parameter must be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Required {
    /// No.
    #[default]
    No,
    /// Yes.
    Yes,
    /// This one or the other.
    Or(String),
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name in requests.
    pub name: String,
    /// What it may be.
    pub kind: Kind,
    /// Whether it must be sent.
    pub required: Required,
}

/// One operation's parameters. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema(Arc<Table>);

#[derive(Debug)]
struct Table {
    params: Box<[Param]>,
    /// For each parameter of `Required::Or`: its slot and the other's.
    either: Box<[(usize, usize)]>,
    /// The slot of each well-known name.
    known: [Option<u8>; Name::COUNT],
    signed: bool,
}

/// A request's parameters, typed, in the schema's order.
#[derive(Clone, Debug)]
pub struct Values {
    schema: Schema,
    slots: Box<[Value]>,
}

/// A value of the WebSocket API's `params`, as a JSON decoder gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pair<'a> {
    /// `null`: as if it were empty.
    Null,
    /// A string.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// Another number, as it was written.
    Number(&'a str),
    /// `true` or `false`.
    Flag(bool),
    /// An array of strings.
    List(Vec<&'a str>),
}

impl<'a> Pair<'a> {
    /// The value as REST would have sent it.
    pub fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Null => "".into(),
            Self::Text(text) | Self::Number(text) => (*text).into(),
            Self::Integer(number) => number.to_string().into(),
            Self::Flag(flag) => if *flag { "true" } else { "false" }.into(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(",")).into()
            }
        }
    }
}

macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        /// Names whose slots a schema looks up once, so that building a command does not search.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Name { $($name),* }

        impl Name {
            const ALL: &'static [Self] = &[$(Self::$name),*];
            const COUNT: usize = Self::ALL.len();

            /// The name in requests.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

names! {
    Symbol = "symbol",
    Side = "side",
    Type = "type",
    TimeInForce = "timeInForce",
    Quantity = "quantity",
    QuoteOrderQty = "quoteOrderQty",
    Price = "price",
    NewClientOrderId = "newClientOrderId",
    StrategyId = "strategyId",
    StrategyType = "strategyType",
    StopPrice = "stopPrice",
    TrailingDelta = "trailingDelta",
    IcebergQty = "icebergQty",
    NewOrderRespType = "newOrderRespType",
    SelfTradePreventionMode = "selfTradePreventionMode",
    PegPriceType = "pegPriceType",
    PegOffsetValue = "pegOffsetValue",
    PegOffsetType = "pegOffsetType",
    ComputeCommissionRates = "computeCommissionRates",
    OrderId = "orderId",
    OrigClientOrderId = "origClientOrderId",
    CancelRestrictions = "cancelRestrictions",
    RecvWindow = "recvWindow",
    Timestamp = "timestamp",
    Signature = "signature",
}

impl Schema {
    /// A schema of these parameters; `signed` appends `recvWindow`, `timestamp` and `signature`.
    pub fn new(mut params: Vec<Param>, signed: bool) -> Result<Self, SchemaError> {
        if signed {
            let param = |name: Name, kind, required| Param { name: name.as_str().into(), kind, required };
            params.push(param(Name::RecvWindow, Kind::Window, Required::No));
            params.push(param(Name::Timestamp, Kind::Time, Required::Yes));
            params.push(param(Name::Signature, Kind::Signature, Required::No));
        }
        if params.len() > MAX_PARAMS {
            return Err(SchemaError(format!("{} parameters, at most {MAX_PARAMS} are possible", params.len())));
        }
        let slot = |name: &str| params.iter().position(|param| param.name == name);
        let mut either = Vec::new();
        for (index, param) in params.iter().enumerate() {
            if slot(&param.name) != Some(index) {
                return Err(SchemaError(format!("{} stands there twice", param.name)));
            }
            if let Required::Or(other) = &param.required {
                let other = slot(other).ok_or_else(|| SchemaError(format!("{}: no parameter {other}", param.name)))?;
                either.push((index, other));
            }
        }
        let mut known = [None; Name::COUNT];
        for (index, name) in Name::ALL.iter().enumerate() {
            known[index] = slot(name.as_str()).map(|slot| slot as u8);
        }
        Ok(Self(Arc::new(Table { params: params.into(), either: either.into(), known, signed })))
    }

    /// A schema of a JSON description, see above.
    pub fn from_json(description: &[u8]) -> Result<Self, SchemaError> {
        let description: Description =
            serde_json::from_slice(description).map_err(|error| SchemaError(error.to_string()))?;
        let params = description.params.into_iter().map(Row::param).collect::<Result<_, _>>()?;
        Self::new(params, description.signed)
    }

    /// The parameters' names, in the order of the values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.params.iter().map(|param| param.name.as_str())
    }

    /// Whether requests must be signed.
    pub fn signed(&self) -> bool {
        self.0.signed
    }

    /// Parses query and form body, without looking at timestamp and signature as [`crate::auth::authorize`] does.
    pub fn parse(&self, query: &[u8], body: &[u8]) -> Result<Values, ApiError> {
        self.sent(query, body)?.values()
    }

    /// Parses the WebSocket API's `params`.
    pub fn parse_pairs(&self, pairs: &[(&str, Pair<'_>)]) -> Result<Values, ApiError> {
        let texts = texts(pairs);
        self.sent_pairs(&texts)?.values()
    }

    /// Sorts query and body into the schema's slots; the query wins over the body.
    pub(crate) fn sent<'a>(&'a self, query: &'a [u8], body: &'a [u8]) -> Result<Sent<'a>, ApiError> {
        if query.len() + body.len() > MAX_BYTES {
            return Err(errors::TOO_MANY.error());
        }
        let mut sent = Sent::new(self, true);
        sent.source(query)?;
        let query = (sent.seen, sent.unknown.len());
        sent.seen = 0;
        sent.source_after(body, query)?;
        Ok(sent)
    }

    /// Sorts `params` into the schema's slots.
    pub(crate) fn sent_pairs<'a>(&'a self, texts: &'a [(&str, Cow<'a, str>)]) -> Result<Sent<'a>, ApiError> {
        let mut sent = Sent::new(self, false);
        for (name, text) in texts {
            if !(self.0.signed && *name == API_KEY) {
                sent.put((*name).into(), text.as_bytes(), (0, 0))?;
            }
        }
        Ok(sent)
    }

    fn slot(&self, name: &str, hint: usize) -> Option<usize> {
        let params = &self.0.params;
        let matches = |index: &usize| params[*index].name == name;
        (hint..params.len()).chain(0..hint.min(params.len())).find(matches)
    }

    pub(crate) fn known(&self, name: Name) -> Option<usize> {
        self.0.known[name as usize].map(usize::from)
    }
}

/// The WebSocket API's public half of a key.
const API_KEY: &str = "apiKey";

/// The pairs' values as REST would have sent them.
pub(crate) fn texts<'a>(pairs: &'a [(&'a str, Pair<'a>)]) -> Vec<(&'a str, Cow<'a, str>)> {
    pairs.iter().map(|(name, value)| (*name, value.text())).collect()
}

/// What a request sent, sorted into slots, not yet read.
pub(crate) struct Sent<'a> {
    schema: &'a Schema,
    /// Percent-encoded, if `encoded`.
    slots: [Option<&'a [u8]>; MAX_PARAMS],
    encoded: bool,
    /// Bit per slot: sent in the source at hand.
    seen: u64,
    unknown: Vec<Cow<'a, str>>,
    count: u32,
    hint: usize,
}

impl<'a> Sent<'a> {
    fn new(schema: &'a Schema, encoded: bool) -> Self {
        Self { schema, slots: [None; MAX_PARAMS], encoded, seen: 0, unknown: Vec::new(), count: 0, hint: 0 }
    }

    fn source(&mut self, source: &'a [u8]) -> Result<(), ApiError> {
        self.source_after(source, (0, 0))
    }

    /// Takes a source's pairs; `before` says which slots and how many unknown names the source before it had.
    fn source_after(&mut self, source: &'a [u8], before: (u64, usize)) -> Result<(), ApiError> {
        for pair in source.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let split = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = unescape(&pair[..split], true).ok_or_else(|| errors::ILLEGAL_ANYWHERE.error())?;
            self.put(name, pair.get(split + 1..).unwrap_or_default(), before)?;
        }
        Ok(())
    }

    fn put(&mut self, name: Cow<'a, str>, raw: &'a [u8], before: (u64, usize)) -> Result<(), ApiError> {
        if self.count == MAX_SENT {
            return Err(errors::TOO_MANY.error());
        }
        let Some(slot) = self.schema.slot(&name, self.hint) else {
            return self.put_unknown(name, before.1);
        };
        self.hint = slot + 1;
        if self.seen >> slot & 1 == 1 {
            return Err(errors::DUPLICATE.error());
        }
        self.seen |= 1 << slot;
        if before.0 >> slot & 1 == 0 {
            self.slots[slot] = Some(raw);
            self.count += 1;
        }
        Ok(())
    }

    fn put_unknown(&mut self, name: Cow<'a, str>, before: usize) -> Result<(), ApiError> {
        if self.unknown[before..].contains(&name) {
            return Err(errors::DUPLICATE.error());
        }
        if !self.unknown[..before].contains(&name) {
            self.unknown.push(name);
            self.count += 1;
        }
        Ok(())
    }

    /// The decoded text of a slot.
    fn text(&self, slot: usize) -> Result<Option<Cow<'a, str>>, ApiError> {
        let Some(raw) = self.slots[slot] else { return Ok(None) };
        let plus = !matches!(self.schema.0.params[slot].kind, Kind::Signature);
        let text = if self.encoded { unescape(raw, plus) } else { std::str::from_utf8(raw).ok().map(Cow::Borrowed) };
        text.map(Some).ok_or_else(|| errors::ILLEGAL_ANYWHERE.error())
    }

    /// Reads one slot.
    pub(crate) fn value(&self, slot: usize) -> Result<Value, ApiError> {
        let param = &self.schema.0.params[slot];
        match self.text(slot)? {
            Some(text) => param.kind.read(&param.name, &text),
            None if param.required == Required::Yes => Err(errors::MANDATORY.with(&[&param.name])),
            None => Ok(Value::Absent),
        }
    }

    /// Reads all slots.
    pub(crate) fn values(&self) -> Result<Values, ApiError> {
        let table = &self.schema.0;
        let slots = (0..table.params.len()).map(|slot| self.value(slot)).collect::<Result<Box<[_]>, _>>()?;
        for (one, other) in &table.either {
            if slots[*one] == Value::Absent && slots[*other] == Value::Absent {
                return Err(errors::EITHER.with(&[&table.params[*one].name, &table.params[*other].name]));
            }
        }
        if !self.unknown.is_empty() {
            let read = self.count - self.unknown.len() as u32;
            return Err(errors::UNREAD.with(&[&read, &self.count]));
        }
        Ok(Values { schema: self.schema.clone(), slots })
    }
}

impl Values {
    /// The schema they were read by.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// All values, in the schema's order.
    pub fn slots(&self) -> &[Value] {
        &self.slots
    }

    /// A value by its name; `None` when the schema has no such parameter.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.schema.slot(name, 0).map(|slot| &self.slots[slot])
    }

    /// The name that a [`Value::Choice`] in this slot stands for.
    pub fn choice_name(&self, slot: usize) -> Option<&str> {
        match (self.slots.get(slot)?, &self.schema.0.params[slot].kind) {
            (Value::Choice(position), Kind::Choice(names, _)) => names.get(usize::from(*position)).map(AsRef::as_ref),
            _ => None,
        }
    }

    fn at(&self, name: Name) -> &Value {
        self.schema.known(name).map_or(&Value::Absent, |slot| &self.slots[slot])
    }

    /// Whether a parameter was sent.
    pub fn sent(&self, name: Name) -> bool {
        *self.at(name) != Value::Absent
    }

    /// A decimal or an amount, 10^-8.
    pub fn amount(&self, name: Name) -> Option<Amount> {
        match self.at(name) {
            Value::Decimal(value) => Some(Amount(u128::from(*value))),
            Value::Amount(value) => Some(*value),
            _ => None,
        }
    }

    /// A decimal, 10^-8.
    pub fn decimal(&self, name: Name) -> Option<u64> {
        if let Value::Decimal(value) = self.at(name) { Some(*value) } else { None }
    }

    /// A whole number.
    pub fn long(&self, name: Name) -> Option<i64> {
        if let Value::Long(value) = self.at(name) { Some(*value) } else { None }
    }

    /// One of the parameter's names.
    pub fn choice(&self, name: Name) -> Option<&str> {
        self.choice_name(self.schema.known(name)?)
    }

    /// A client order id; [`ClientId::NONE`] when not sent.
    pub fn client_id(&self, name: Name) -> ClientId {
        if let Value::Client(id) = self.at(name) { *id } else { ClientId::NONE }
    }

    /// Yes or no; no when not sent.
    pub fn flag(&self, name: Name) -> bool {
        *self.at(name) == Value::Flag(true)
    }

    /// A time or a window.
    pub fn time(&self, name: Name) -> Option<Micros> {
        if let Value::Time(time) = self.at(name) { Some(*time) } else { None }
    }

    /// A text.
    pub fn text(&self, name: Name) -> Option<&str> {
        if let Value::Text(text) = self.at(name) { Some(text) } else { None }
    }
}

/// The JSON form of a schema.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    #[serde(default)]
    signed: bool,
    #[serde(default)]
    params: Vec<Row>,
}

/// The JSON form of a parameter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    kind: String,
    #[serde(default)]
    required: Requirement,
    values: Option<Vec<Box<str>>>,
    error: Option<i32>,
    min: Option<i64>,
    max: Option<i64>,
    clamp: Option<bool>,
    pattern: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Requirement {
    Flag(bool),
    Or { or: String },
}

impl Default for Requirement {
    fn default() -> Self {
        Self::Flag(false)
    }
}

/// How many values a list takes when the description does not say.
const MAX_LIST: i64 = 1_000;

impl Row {
    fn param(mut self) -> Result<Param, SchemaError> {
        let kind = self.kind()?;
        let left = [
            ("values", self.values.is_some()),
            ("error", self.error.is_some()),
            ("min", self.min.is_some()),
            ("max", self.max.is_some()),
            ("clamp", self.clamp.is_some()),
            ("pattern", self.pattern.is_some()),
        ];
        if let Some((field, _)) = left.iter().find(|(_, left)| *left) {
            return Err(self.wrong(&format!("{field} means nothing for kind {}", self.kind)));
        }
        let required = match self.required {
            Requirement::Flag(false) => Required::No,
            Requirement::Flag(true) => Required::Yes,
            Requirement::Or { or } => Required::Or(or),
        };
        Ok(Param { name: self.name, kind, required })
    }

    /// Takes what the kind needs; what it does not need stays.
    fn kind(&mut self) -> Result<Kind, SchemaError> {
        Ok(match self.kind.as_str() {
            "symbol" => Kind::Text(self.range(Some(Pattern::SYMBOL))?),
            "symbols" => Kind::List(self.range(Some(Pattern::SYMBOL))?, self.most()),
            "text" => Kind::Text(self.range(None)?),
            "list" => Kind::List(self.range(None)?, self.most()),
            "decimal" => Kind::Decimal,
            "amount" => Kind::Amount,
            "long" | "int" => Kind::Long(self.long()?),
            "enum" => self.choice()?,
            "client_id" => Kind::ClientId(self.range(Some(Pattern::CLIENT_ID))?),
            "bool" => Kind::Flag,
            "time" => Kind::Time,
            other => return Err(self.wrong(&format!("no kind {other}"))),
        })
    }

    fn range(&mut self, default: Option<&str>) -> Result<Pattern, SchemaError> {
        let own = self.pattern.take();
        let text = own.as_deref().or(default).ok_or_else(|| self.wrong("it needs a pattern"))?;
        Pattern::new(text).ok_or_else(|| self.wrong(&format!("{text} is no legal range such as ^[A-Z0-9]{{1,20}}$")))
    }

    fn most(&mut self) -> usize {
        self.max.take().unwrap_or(MAX_LIST).try_into().unwrap_or_default()
    }

    fn long(&mut self) -> Result<Range, SchemaError> {
        let error = self.own_error()?;
        let (min, max) = (self.min.take().unwrap_or(0), self.max.take().unwrap_or(i64::MAX));
        Ok(Range { min, max, clamp: self.clamp.take().unwrap_or_default(), error })
    }

    fn choice(&mut self) -> Result<Kind, SchemaError> {
        let error = self.own_error()?;
        let names = self.values.take().unwrap_or_default();
        if names.is_empty() || names.len() > usize::from(u8::MAX) {
            return Err(self.wrong("an enum has 1 to 255 values"));
        }
        Ok(Kind::Choice(names.into(), error))
    }

    fn own_error(&mut self) -> Result<Option<errors::Template>, SchemaError> {
        let Some(code) = self.error.take() else { return Ok(None) };
        errors::by_code(code).map(Some).ok_or_else(|| self.wrong(&format!("no error {code} without placeholders")))
    }

    fn wrong(&self, why: &str) -> SchemaError {
        SchemaError(format!("{}: {why}", self.name))
    }
}
