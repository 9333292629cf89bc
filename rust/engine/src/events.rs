//! Facts. Everything that can be read is derived from them. Events of one command come in this order: executions and
//! trades as they happened, aggregates, levels, the top of the book, postings, balances.

use crate::layout::layouts;
use crate::reasons::Reason;
use crate::units::{
    AccountId, AggregateId, Amount, AssetId, Delta, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity, Rate,
    Sequence, TradeId, UpdateId,
};
use crate::vocabulary::{Cause, Execution, Filters, MarketStatus, OrderLimits, Permissions, Rights, Side};

layouts! {
    /// Facts.
    Event {
        /// An order changed.
        1 v 1 Executed {
            /// How.
            execution: Execution,
        }
        /// A maker and a taker traded.
        2 v 1 Traded {
            /// Where.
            market: MarketId,
            /// Its number.
            trade: TradeId,
            /// The aggregate it belongs to.
            aggregate: AggregateId,
            /// The maker's price.
            price: Price,
            /// How much.
            quantity: Quantity,
            /// Price × quantity, rounded down.
            notional: Amount,
            /// The buying order.
            buy_order: OrderId,
            /// The selling order.
            sell_order: OrderId,
            /// The buyer.
            buyer: AccountId,
            /// The seller.
            seller: AccountId,
            /// Whether the buyer was the maker.
            buyer_is_maker: bool,
            /// When.
            time: Micros,
        }
        /// All trades of one taker at one price.
        3 v 1 Aggregated {
            /// Where.
            market: MarketId,
            /// Its number.
            aggregate: AggregateId,
            /// The price.
            price: Price,
            /// The sum.
            quantity: Quantity,
            /// Its first trade.
            first: TradeId,
            /// Its last trade.
            last: TradeId,
            /// Whether the buyer was the maker.
            buyer_is_maker: bool,
            /// When.
            time: Micros,
        }
        /// A price level has a new total.
        4 v 1 LevelChanged {
            /// Where.
            market: MarketId,
            /// The number of this change.
            update: UpdateId,
            /// The side.
            side: Side,
            /// The price.
            price: Price,
            /// The total; 0 is gone.
            total: Quantity,
            /// When.
            time: Micros,
        }
        /// The best price or its total changed; a price of 0 is an empty side.
        5 v 1 TopChanged {
            /// Where.
            market: MarketId,
            /// The last change of a level.
            update: UpdateId,
            /// The best bid.
            bid: Price,
            /// Its total.
            bid_total: Quantity,
            /// The best ask.
            ask: Price,
            /// Its total.
            ask_total: Quantity,
            /// When.
            time: Micros,
        }
        /// One line of the ledger. Those of one command sum to zero per asset.
        6 v 1 Posted {
            /// Whose balance.
            account: AccountId,
            /// Of what.
            asset: AssetId,
            /// By how much.
            delta: Delta,
            /// Why.
            cause: Cause,
            /// The market, of a trade or its commission.
            market: Option<MarketId>,
            /// The trade.
            trade: Option<TradeId>,
            /// When.
            time: Micros,
        }
        /// An account's balance of an asset, after the command.
        7 v 1 BalanceChanged {
            /// Whose.
            account: AccountId,
            /// Of what.
            asset: AssetId,
            /// What can be used.
            free: Amount,
            /// What open orders hold.
            locked: Amount,
            /// When.
            time: Micros,
        }
        /// The command was refused and changed nothing.
        10 v 1 Rejected {
            /// For whom, 0 for the operator.
            account: AccountId,
            /// Why.
            reason: Reason,
            /// The figure of the limit that was passed, if the reason has one.
            detail: u64,
        }
        /// An account is new or has changed.
        20 v 1 AccountChanged {
            /// Which.
            account: AccountId,
            /// What it may do.
            rights: Rights,
            /// Commission as a maker.
            maker: Rate,
            /// Commission as a taker.
            taker: Rate,
            /// Its order limits.
            limits: OrderLimits,
            /// When.
            time: Micros,
        }
        /// An API key is new.
        21 v 1 KeyAdded {
            /// Its number.
            key: KeyId,
            /// Whose.
            account: AccountId,
            /// What it may do.
            permissions: Permissions,
        }
        /// An API key is revoked.
        22 v 1 KeyRevoked {
            /// Which.
            key: KeyId,
        }
        /// An asset is new.
        30 v 1 AssetListed {
            /// Its number.
            asset: AssetId,
            /// Its name.
            name: String,
            /// Decimal places of its commissions.
            precision: u8,
        }
        /// A market is new or has changed.
        31 v 1 MarketChanged {
            /// Its number.
            market: MarketId,
            /// Its name.
            symbol: String,
            /// What is bought and sold.
            base: AssetId,
            /// What is paid.
            quote: AssetId,
            /// Its status.
            status: MarketStatus,
            /// The limits of new orders.
            filters: Filters,
            /// When.
            time: Micros,
        }
        /// A command that broke the engine was skipped and its market halted.
        40 v 1 Quarantined {
            /// Which command.
            skipped: Sequence,
            /// The halted market.
            market: Option<MarketId>,
        }
        /// An invariant does not hold; the shard takes cancels only from here on.
        41 v 1 Violated {
            /// Which, in words.
            invariant: String,
        }
        /// A source was forgotten.
        42 v 1 LaneRetired {
            /// Which.
            lane: Lane,
        }
    }
}
