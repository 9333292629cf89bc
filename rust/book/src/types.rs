//! The vocabulary: what goes into a book, what comes out, and the two seams a venue fills in.

use std::fmt;

/// The side of an order or of a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    /// Bids.
    Buy,
    /// Asks.
    Sell,
}

impl Side {
    /// The side that an order of this side trades against.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// What becomes of the part of an order that does not trade at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Lifetime {
    /// It rests until cancelled (GTC).
    Rest,
    /// It is dropped (IOC, and market orders).
    Immediate,
    /// All of it trades at once, or nothing happens (FOK).
    FillOrKill,
    /// It rests, and nothing happens when any of it would trade at once (post-only).
    PostOnly,
}

/// An order on its way in. Prices and quantities are whole units of the caller's choosing (agio: 10^-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Incoming {
    /// Any 64-bit number that no resting order bears.
    pub id: u64,
    /// The worst price it accepts, at least 1; `None` for a market order, which never rests.
    pub limit: Option<u64>,
    /// How much it wants, at least 1.
    pub quantity: u64,
    /// Its side.
    pub side: Side,
    /// What becomes of the rest.
    pub lifetime: Lifetime,
}

/// An order in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resting {
    /// The id it was placed with.
    pub id: u64,
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: u64,
    /// What is left of it, never 0.
    pub quantity: u64,
}

/// One trade between the incoming order and a maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fill {
    /// The resting order that traded.
    pub maker_id: u64,
    /// The maker's price, at which the trade happened.
    pub price: u64,
    /// How much traded.
    pub quantity: u64,
    /// What is left of the maker; at 0 it has left the book.
    pub maker_left: u64,
}

/// One trade that self-trade prevention stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prevented {
    /// The resting order that would have traded.
    pub maker_id: u64,
    /// The maker's price.
    pub price: u64,
    /// The overlap: the smaller of what was left of both.
    pub quantity: u64,
    /// What is left of the maker. For a maker that was cancelled: what it had left, all of which is prevented.
    pub maker_left: u64,
    /// Whether the maker has left the book.
    pub maker_removed: bool,
    /// How much the incoming order lost: all that was left when it is cancelled, the overlap at
    /// [`Meeting::Decrement`], 0 when only the maker is cancelled.
    pub taker_reduced_by: u64,
}

/// What [`Policy::meet`] decides when the incoming order meets a maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meeting {
    /// They trade.
    Trade,
    /// The maker is cancelled, the incoming order goes on.
    CancelMaker,
    /// The incoming order ends here; all that was left of it is prevented.
    CancelTaker,
    /// Both end here.
    CancelBoth,
    /// Both lose the smaller of what is left of them, without a trade; who has nothing left ends.
    Decrement,
}

/// How an incoming order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// Nothing is left of it, and the last of it traded.
    Filled,
    /// What is left of it rests in the book.
    Rested,
    /// Something is left of it and does not rest: immediate and market orders, and any order whose quota came to 0.
    Remainder,
    /// It could not fill whole; nothing happened.
    Killed,
    /// Post-only, and it would have traded; nothing happened.
    WouldTake,
    /// Self-trade prevention ended it.
    Prevented,
}

/// What became of an incoming order. `executed + prevented + left` is its quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// How much traded.
    pub executed: u64,
    /// How much self-trade prevention took away.
    pub prevented: u64,
    /// What is left: resting at [`End::Rested`], dropped otherwise.
    pub left: u64,
    /// How it ended.
    pub end: End,
}

/// Why a call was refused. A refused call has changed nothing and reported nothing to the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// No resting order bears this id.
    Unknown,
    /// A resting order bears this id already.
    Duplicate,
    /// A price of 0.
    ZeroPrice,
    /// A quantity of 0.
    ZeroQuantity,
    /// A reduction to as much as is left, or to more.
    NotLess,
    /// The total of the level would pass `u64::MAX`.
    LevelFull,
    /// The book holds as many orders as it may.
    Full,
    /// A restored order would cross the other side.
    Crossed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "no resting order bears this id",
            Self::Duplicate => "a resting order bears this id already; choose another id",
            Self::ZeroPrice => "the price is 0; prices start at 1, and a market order has no limit",
            Self::ZeroQuantity => "the quantity is 0; to take an order out of the book, cancel it",
            Self::NotLess => "the new quantity is not less than what is left; to enlarge an order, replace it",
            Self::LevelFull => "the total of the level would pass the largest 64-bit number",
            Self::Full => "the book holds as many orders as it may",
            Self::Crossed => "the order would cross the other side; only orders that rested together can be restored",
        })
    }
}

impl std::error::Error for Error {}

/// What a venue adds to bare matching, fixed at compile time. All methods have the bare answer as default.
///
/// `Clone`, because fill-or-kill is decided by a dry run: the whole walk on a clone, before anything changes.
pub trait Policy: Clone {
    /// What the venue keeps beside each resting order; of at most a cache line's alignment, or it does not compile.
    type Order;

    /// The most that may be taken at this price, asked before each meeting; 0 ends matching (price limits, budgets).
    fn quota(&mut self, price: u64, remaining: u64) -> u64 {
        let _ = price;
        remaining
    }

    /// What happens when the incoming order meets this maker.
    fn meet(&mut self, maker: &Self::Order) -> Meeting {
        let _ = maker;
        Meeting::Trade
    }

    /// Told after each fill, so that a budget can shrink.
    fn took(&mut self, price: u64, quantity: u64) {
        let _ = (price, quantity);
    }
}

/// Bare matching: no payload, no quota, everybody trades with everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare;

impl Policy for Bare {
    type Order = ();
}

/// Where a book reports what happened, in order. Passed in by the caller and statically dispatched.
pub trait Sink<Order> {
    /// A trade. The maker's payload may be changed; a maker with nothing left is dropped afterwards.
    fn fill(&mut self, fill: &Fill, maker: &mut Order);

    /// A trade that self-trade prevention stopped.
    fn prevented(&mut self, prevented: &Prevented, maker: &mut Order);

    /// The new total of a level, once for each level whose total changed, after matching is done with it; 0 means
    /// that it is gone. The incoming order's own level comes last.
    fn level(&mut self, side: Side, price: u64, total: u64);
}

/// A sink that keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ignore;

impl<Order> Sink<Order> for Ignore {
    fn fill(&mut self, _: &Fill, _: &mut Order) {}
    fn prevented(&mut self, _: &Prevented, _: &mut Order) {}
    fn level(&mut self, _: Side, _: u64, _: u64) {}
}

/// One instruction of a batch; see [`crate::Book::apply_batch`].
///
/// The layout is fixed so that ids, and prices, stand at the same place in all variants: a batch looks at messages that
/// are still to come, and must not have to guess what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Message {
    /// [`crate::Book::place`].
    Place(Incoming),
    /// [`crate::Book::cancel`].
    Cancel {
        /// Whom.
        id: u64,
    },
    /// [`crate::Book::reduce`].
    Reduce {
        /// Whom.
        id: u64,
        /// What is to be left of it.
        left: u64,
    },
    /// [`crate::Book::replace`].
    Replace {
        /// Whom.
        id: u64,
        /// Its new quantity.
        quantity: u64,
        /// Its new price.
        price: u64,
    },
}

/// What became of one message of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// A place or a replace.
    Placed(Placed),
    /// A cancel: the order as it was.
    Cancelled(Resting),
    /// A reduction: the order as it is.
    Reduced(Resting),
}

/// What a batch asks of the caller beside the events.
pub trait BatchSink<P: Policy>: Sink<P::Order> {
    /// The policy for the incoming order of message `index`.
    fn policy(&mut self, index: usize) -> P;

    /// The payload of message `index`, whose order is about to rest.
    fn payload(&mut self, index: usize, placed: &Placed) -> P::Order;

    /// Message `index` is done; `payload` is that of an order which left the book by cancel or replace.
    fn done(&mut self, index: usize, result: Result<Done, Error>, payload: Option<P::Order>);
}
