//! Why a command is refused: numbered in ranges, in the order in which they are checked within a range.

use crate::layout::{DecodeError, Field, Writer};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal,)*) => {
        /// Why a command is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[repr(u16)]
        pub enum Reason { $($(#[doc = $doc])* $name = $number),* }

        impl Reason {
            /// All reasons, in order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The reason in words, for operators.
            pub fn words(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*).trim_ascii()),* }
            }
        }

        impl Field for Reason {
            const SIZE: usize = 2;
            fn put(&self, out: &mut impl Writer) {
                (*self as u16).put(out);
            }
            fn take(input: &mut &[u8]) -> Result<Self, DecodeError> {
                match u16::take(input)? {
                    $($number => Ok(Self::$name),)*
                    other => Err(DecodeError::Value { kind: "Reason", value: other.into() }),
                }
            }
        }
    };
}

reasons! {
    /// The source has already sent this number.
    LaneRepeated = 100,
    /// The source skipped a number.
    LaneGap = 101,
    /// The command waited past its deadline.
    DeadlinePassed = 102,
    /// The client's timestamp is older than its window.
    OutsideWindow = 103,
    /// The client's timestamp is ahead of the log.
    AheadOfTime = 104,
    /// The key is revoked, unknown, or lacks the permission.
    KeyRefused = 105,
    /// The shard has halted: cancels only.
    Halted = 106,
    /// No such market.
    UnknownMarket = 200,
    /// No such account.
    UnknownAccount = 201,
    /// No such asset.
    UnknownAsset = 202,
    /// No such key.
    UnknownKey = 203,
    /// The market's status does not let this through.
    MarketClosed = 300,
    /// The account may not trade.
    TradingDisabled = 301,
    /// The account may not withdraw.
    WithdrawalDisabled = 302,
    /// The account may not deposit.
    DepositDisabled = 303,
    /// Too many unfilled orders in ten seconds.
    TooManyOrdersTenSeconds = 310,
    /// Too many unfilled orders in a day.
    TooManyOrdersDay = 311,
    /// The parameters do not make an order.
    BadCombination = 320,
    /// Price or quantity is zero.
    ZeroOrder = 321,
    /// The market does not allow this self-trade prevention.
    PreventionNotAllowed = 322,
    /// The price breaks the price filter.
    PriceFilter = 330,
    /// The quantity breaks the lot size.
    LotSize = 331,
    /// The quantity breaks the market lot size.
    MarketLotSize = 332,
    /// The notional is outside its range.
    Notional = 333,
    /// The notional is too small.
    MinNotional = 334,
    /// Too many open orders.
    MaxOrders = 335,
    /// An open order of the account has this client id, or the engine will make it for one.
    DuplicateOrder = 340,
    /// The account has too little.
    InsufficientBalance = 350,
    /// The order would take.
    WouldTake = 360,
    /// The book cannot supply the smallest quantity; the figure is what it can, 0 when nothing is on it.
    LiquidityBelowLot = 361,
    /// The book cannot supply the smallest market quantity; the figure is what it can.
    LiquidityBelowMarketLot = 362,
    /// A price level cannot hold so much.
    LevelFull = 363,
    /// No such open order.
    UnknownOrder = 370,
    /// The order's number and client id name different orders.
    OrderMismatch = 371,
    /// The order's state does not fit the cancel's restriction.
    CancelRestricted = 372,
    /// The amount is zero or does not fit.
    BadAmount = 400,
    /// The name is taken.
    NameTaken = 401,
    /// The name is not of upper-case letters and digits.
    BadName = 402,
    /// The filters contradict themselves.
    BadFilters = 403,
    /// The rates, limits or precision are out of range.
    BadSetting = 404,
    /// The behaviour is not known to this release.
    UnknownBehaviour = 405,
    /// The source is not known.
    UnknownLane = 406,
}
