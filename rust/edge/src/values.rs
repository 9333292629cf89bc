//! A request's parameters once they are read, and the names by which commands ask for them.

use agio_engine::units::{Amount, ClientId, Micros};

use crate::params::{Kind, Value};
use crate::schema::Schema;

/// A request's parameters, typed, in the schema's order.
#[derive(Clone, Debug)]
pub struct Values {
    schema: Schema,
    slots: Box<[Value]>,
}

macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        /// Names whose slots a schema looks up once, so that building a command does not search.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        pub enum Name { $($name),* }

        impl Name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];
            pub(crate) const COUNT: usize = Self::ALL.len();

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

impl Values {
    pub(crate) fn new(schema: Schema, slots: Box<[Value]>) -> Self {
        Self { schema, slots }
    }

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
        match (self.slots.get(slot)?, &self.schema.params()[slot].kind) {
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
