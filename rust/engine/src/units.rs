//! One type per unit. Money is integers: prices, quantities and amounts count 10^-8 of their unit.

use serde::{Deserialize, Serialize};

/// Decimal places of every price, quantity and amount.
pub const SCALE: u32 = 8;
/// One whole unit at [`SCALE`].
pub const ONE: u64 = 100_000_000;

macro_rules! unit {
    ($($(#[doc = $doc:literal])* $name:ident($inner:ty);)*) => {
        /// Name, integer and meaning of each unit, for documentation.
        pub const UNITS: &[(&str, &str, &str)] = &[$((stringify!($name), stringify!($inner), concat!($($doc),*))),*];
    $(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);
    )*};
}

unit! {
    /// Quote units for one base unit, 10^-8.
    Price(u64);
    /// Base units of an order or a fill, 10^-8.
    Quantity(u64);
    /// An amount of one asset, 10^-8: balances, holds, notionals.
    Amount(u128);
    /// A signed amount of one asset, 10^-8: postings and the outside world's balance.
    Delta(i128);
    /// A commission rate, 10^-8 of the amount received (100 000 is 0.1 %).
    Rate(u32);
    /// Microseconds since 1970, in the log's time; durations as well.
    Micros(u64);
    /// The count of commands, from 1.
    Sequence(u64);
    /// An account, issued by the engine from [`FIRST_CUSTOMER`]; lower numbers are the venue's own.
    AccountId(u32);
    /// An asset, issued by the engine from 0.
    AssetId(u32);
    /// A market, issued by the engine from 0.
    MarketId(u32);
    /// An API key as the log knows it (never the key itself), issued by the engine from 1; 0 is the operator.
    KeyId(u32);
    /// An order, dense per market from 1.
    OrderId(u64);
    /// A trade, dense per market from 0.
    TradeId(u64);
    /// An aggregate of trades, dense per market from 0.
    AggregateId(u64);
    /// A change of one price level, dense per market from 1.
    UpdateId(u64);
    /// A change of one order, dense per market from 1.
    ExecutionId(u64);
    /// A prevented self-trade, dense per market from 1.
    PreventedId(u64);
    /// A source of numbered commands: a gateway process, an outbox, another shard.
    Lane(u32);
}

/// The outside world: what all deposits came from, may be negative.
pub const OUTSIDE: AccountId = AccountId(0);
/// Receives commissions.
pub const FEES: AccountId = AccountId(1);
/// Holds what is under way between shards.
pub const TRANSIT: AccountId = AccountId(2);
/// Pays for losses that no customer can.
pub const INSURANCE: AccountId = AccountId(3);
/// The first number given to a customer.
pub const FIRST_CUSTOMER: AccountId = AccountId(1_000);

impl Price {
    /// Whether the notional is more than 0.
    #[inline]
    pub(crate) fn pays(self, quantity: Quantity) -> bool {
        u128::from(self.0) * u128::from(quantity.0) >= u128::from(ONE)
    }

    /// Price × quantity, exact in 128 bits and rounded down once: the buyer pays and the seller gets this number.
    #[inline]
    pub fn notional(self, quantity: Quantity) -> Amount {
        Amount(whole(u128::from(self.0) * u128::from(quantity.0)))
    }
}

/// Divides by [`ONE`], rounding down. A wide division is dear: up to 2^72 the twos of [`ONE`] are shifted out first, and
/// what is left fits 64 bits and is divided by a multiplication.
#[inline]
fn whole(product: u128) -> u128 {
    const TWOS: u32 = ONE.trailing_zeros();
    match u64::try_from(product >> TWOS) {
        Ok(shifted) => (shifted / (ONE >> TWOS)).into(),
        Err(_) => wide(product),
    }
}

#[cold]
fn wide(product: u128) -> u128 {
    product / u128::from(ONE)
}

impl Rate {
    /// The commission on an amount received, rounded down.
    #[inline]
    pub fn of(self, received: Amount) -> Amount {
        let product = match u64::try_from(received.0) {
            Ok(small) => u128::from(small) * u128::from(self.0),
            Err(_) => received.0 * u128::from(self.0),
        };
        Amount(whole(product))
    }
}

/// A client's order id: up to 36 characters of `[A-Za-z0-9-_]` and what else the edge lets through; empty is "none".
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(align(8))] // it is copied all the time: at odd places, one copy would read across the pieces that another has just written
pub struct ClientId {
    length: u8,
    bytes: [u8; Self::MAX],
}

impl ClientId {
    /// The longest id in bytes.
    pub const MAX: usize = 36;
    /// No id.
    pub const NONE: Self = Self { length: 0, bytes: [0; Self::MAX] };

    /// Takes up to [`Self::MAX`] ASCII bytes; `None` when longer or not printable ASCII.
    pub fn new(text: &[u8]) -> Option<Self> {
        if text.len() > Self::MAX {
            return None;
        }
        let (mut bytes, mut padded) = ([0; Self::MAX], [b'-'; Self::MAX]);
        bytes[..text.len()].copy_from_slice(text);
        padded[..text.len()].copy_from_slice(text);
        // All of a known length at once: a log is read through here.
        let graphic = padded.iter().fold(true, |all, byte| all & byte.is_ascii_graphic());
        graphic.then_some(Self { length: text.len() as u8, bytes })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The id as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }

    /// All bytes that an id has room for, zeros behind its end, and how many are its own.
    pub(crate) fn padded(&self) -> (&[u8; Self::MAX], usize) {
        (&self.bytes, self.length as usize)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl Default for ClientId {
    fn default() -> Self {
        Self::NONE
    }
}

impl std::fmt::Debug for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for ClientId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text.as_bytes())
            .ok_or_else(|| serde::de::Error::custom("client ids have up to 36 printable ASCII characters"))
    }
}
