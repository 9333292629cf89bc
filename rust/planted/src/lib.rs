//! Bugs on purpose, one at a time, to see that the simulator finds each. Without the feature `on`, which nothing but the
//! simulator's own test switches on, [`planted`] is `false` at compile time and nothing is left of them.

macro_rules! bugs {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// A bug that can be planted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[doc = $doc])* $name),* }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What is wrong, in words.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),*)),* }
            }
        }
    };
}

bugs! {
    /// A frame is called durable and was not synced.
    SkippedSync,
    /// Of two groups that share a sync, the later one's records are left out.
    LaterGroupNotWritten,
    /// A rename is called durable and the folder was not synced.
    SkippedFolderSync,
    /// A new segment's header is not synced before it gets its name.
    UnsyncedHeader,
    /// Recovery yields what the page cache has, and does not make it durable first.
    TailNotSecured,
    /// Recovery syncs the tail where it lies: after a sync that failed there is nothing left to be synced.
    TailSyncedInPlace,
    /// All that is wrong at the end of the log is called torn, and dropped.
    DamageCalledTorn,
    /// The head is not told of a new segment.
    HeadForgotten,
    /// Frames are believed whatever their hash says.
    FrameHashUnchecked,
    /// The skip list is not synced before it gets its name.
    SkipListUnsynced,
    /// A snapshot is not synced before it gets its name.
    SnapshotUnsynced,
    /// Recovery passes over the first record after its snapshot.
    FirstRecordLost,
    /// The log's clock follows a jump of the wall clock.
    ClockFollows,
    /// The log's clock stands still.
    ClockStands,
    /// A wall clock behind the log is accepted at start.
    ClockBehindAccepted,
    /// A question is answered from the events of the command before it.
    EventsOfTheLast,
    /// A restart counts its commands from 1 again.
    LaneNumberForgotten,
    /// A cancel keeps the order's hold.
    HoldKeptOnCancel,
    /// A prevented self-trade keeps the maker's hold.
    HoldKeptOnPrevention,
    /// Commissions are taken and given to nobody.
    FeeVanishes,
    /// Commissions are not rounded to the asset's precision.
    CommissionUnrounded,
    /// A seller gets 10^-8 of the quote less than the buyer pays.
    SellerShortchanged,
    /// A limit order is not asked for its money.
    BalanceUnchecked,
    /// Two open orders may share a client id.
    DuplicateClientId,
    /// A revoked key still trades.
    RevokedKeyTrades,
    /// A command is executed past its deadline.
    DeadlineIgnored,
    /// A market that is halted still trades.
    ClosedMarketTrades,
    /// A first fill as a maker takes four off the order counts.
    MakerCreditWrong,
    /// A command that broke the engine does not halt its market.
    QuarantineWithoutHalt,
    /// A restored market gives out its last trade's number again.
    TradeNumberForgotten,
    /// An account's order counts are not in snapshots.
    CountsForgotten,
    /// A late order is not counted.
    LateOrderUncounted,
    /// When an order comes to rest, the first of its side goes to the end of its level.
    LostPriority,
    /// A restart sends the first order of a side to the end of its level.
    PriorityLostOnRestore,
    /// Fill-or-kill fills what there is.
    FillOrKillFillsPart,
    /// A cancel tells a wrong total of its level.
    LevelKeepsCancelled,
}

#[cfg(feature = "on")]
mod on {
    use super::Bug;
    use std::cell::Cell;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether this bug is planted in this thread.
    pub fn planted(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Plants a bug in this thread, instead of the one before.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.set(bug);
    }
}

#[cfg(feature = "on")]
pub use on::{plant, planted};

/// Whether this bug is planted: never, without the feature `on`.
#[cfg(not(feature = "on"))]
#[inline]
pub const fn planted(_: Bug) -> bool {
    false
}
