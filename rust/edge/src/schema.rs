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
//! | `list` | list of texts, or one text without brackets | `pattern`, `max` |
//! | `decimal` | 10^-8 below 2^63 | |
//! | `amount` | 10^-8, 128 bits | |
//! | `long`, `int` | whole number | `min` (0), `max`, `clamp` (larger counts as `max`), `error` |
//! | `enum` | position in `values` | `values`, `error` |
//! | `client_id` | client order id | `pattern` (default Binance's) |
//! | `bool` | yes or no | |
//! | `time` | µs (sent as ms or µs; `endTime` in ms is the last µs of its ms) | |
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

use memchr::memchr2;

use crate::description;
use crate::errors::{self, ApiError};
use crate::params::{Kind, Value, named, pairs, unescape};
#[cfg(doc)]
use crate::pattern::Pattern;
pub use crate::values::{Name, Values};

/// The most bytes of query and body together.
pub const MAX_BYTES: usize = 16_384;
/// The most parameters a schema may have.
pub const MAX_PARAMS: usize = 64;
/// The most parameters a request may send, known or not.
pub const MAX_SENT: u32 = 128;

/// A description that makes no schema: which parameter, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("parameters cannot be described so: {0}")]
pub struct SchemaError(pub(crate) String);

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
        let (params, signed) = description::read(description)?;
        Self::new(params, signed)
    }

    /// The parameters' names, in the order of the values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.params.iter().map(|param| param.name.as_str())
    }

    /// The parameters, in the order of the values.
    pub fn params(&self) -> &[Param] {
        &self.0.params
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
        let mut sent = Sent::new(self);
        sent.source(query, 0, 0)?;
        let (seen, unknown) = (std::mem::take(&mut sent.seen), sent.unknown.len());
        sent.source(body, seen, unknown)?;
        Ok(sent)
    }

    /// Sorts `params` into the schema's slots.
    pub(crate) fn sent_pairs<'a>(&'a self, texts: &'a [(&str, Cow<'a, str>)]) -> Result<Sent<'a>, ApiError> {
        let mut sent = Sent::new(self);
        for (name, text) in texts {
            if !(self.0.signed && *name == API_KEY) {
                sent.put((*name).into(), text, 0, 0)?;
            }
        }
        Ok(sent)
    }

    /// The slot of a name; the search begins at `hint`.
    pub(crate) fn slot(&self, name: &str, hint: usize) -> Option<usize> {
        let params = &self.0.params;
        let matches = |index: &usize| params[*index].name == name;
        (hint..params.len()).chain(0..hint.min(params.len())).find(matches)
    }

    /// The slot of a well-known name.
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
    /// Percent-encoded, if `escaped`.
    slots: Vec<Option<&'a str>>,
    /// Whether a source has anything to decode at all.
    escaped: bool,
    /// Bit per slot: sent in the source at hand.
    seen: u64,
    unknown: Vec<Cow<'a, str>>,
    count: u32,
    hint: usize,
}

impl<'a> Sent<'a> {
    fn new(schema: &'a Schema) -> Self {
        let slots = vec![None; schema.params().len()];
        Self { schema, slots, escaped: false, seen: 0, unknown: Vec::new(), count: 0, hint: 0 }
    }

    /// Takes a source's pairs; the source before it had the slots `seen` and that many `unknown` names.
    fn source(&mut self, source: &'a [u8], seen: u64, unknown: usize) -> Result<(), ApiError> {
        let illegal = || errors::ILLEGAL_ANYWHERE.error();
        let source = std::str::from_utf8(source).map_err(|_| illegal())?;
        let escaped = memchr2(b'%', b'+', source.as_bytes()).is_some();
        self.escaped |= escaped;
        for pair in pairs(source).filter(|pair| !pair.is_empty()) {
            let (name, raw) = named(pair);
            let name = if escaped { unescape(name, true).ok_or_else(illegal)? } else { name.into() };
            self.put(name, raw, seen, unknown)?;
        }
        Ok(())
    }

    fn put(&mut self, name: Cow<'a, str>, raw: &'a str, seen: u64, unknown: usize) -> Result<(), ApiError> {
        if self.count == MAX_SENT {
            return Err(errors::TOO_MANY.error());
        }
        let Some(slot) = self.schema.slot(&name, self.hint) else {
            return self.put_unknown(name, unknown);
        };
        self.hint = slot + 1;
        if self.seen >> slot & 1 == 1 {
            return Err(errors::DUPLICATE.error());
        }
        self.seen |= 1 << slot;
        if seen >> slot & 1 == 0 {
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

    /// The decoded text of a slot. A `+` in a signature is one: base64 has it, and some clients do not escape it.
    fn text(&self, slot: usize) -> Result<Option<Cow<'a, str>>, ApiError> {
        match self.slots[slot] {
            Some(raw) if self.escaped => {
                let plus = !matches!(self.schema.params()[slot].kind, Kind::Signature);
                unescape(raw, plus).map(Some).ok_or_else(|| errors::ILLEGAL_ANYWHERE.error())
            }
            raw => Ok(raw.map(Cow::Borrowed)),
        }
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
        let mut slots = vec![Value::Absent; table.params.len()];
        for (index, slot) in slots.iter_mut().enumerate() {
            if self.slots[index].is_some() || table.params[index].required == Required::Yes {
                *slot = self.value(index)?;
            }
        }
        for (one, other) in &table.either {
            if slots[*one] == Value::Absent && slots[*other] == Value::Absent {
                return Err(errors::EITHER.with(&[&table.params[*one].name, &table.params[*other].name]));
            }
        }
        if !self.unknown.is_empty() {
            let read = self.count - self.unknown.len() as u32;
            return Err(errors::UNREAD.with(&[&read, &self.count]));
        }
        Ok(Values::new(self.schema.clone(), slots.into()))
    }
}
