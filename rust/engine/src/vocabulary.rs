//! Small words that commands, events and state share.

use crate::layout::{enums, records};
use crate::units::{
    AccountId, Amount, AssetId, ClientId, ExecutionId, MarketId, Micros, OrderId, PreventedId, Price, Quantity, TradeId,
};

enums! {
    /// Which side of the book.
    Side {
        /// Buys the base asset.
        Buy = 1,
        /// Sells the base asset.
        Sell = 2,
    }
    /// An order's type.
    OrderKind {
        /// At a price or better.
        Limit = 1,
        /// At any price, by quantity or by a budget of the quote asset.
        Market = 2,
        /// A limit order that never takes.
        LimitMaker = 3,
    }
    /// How long an order lives.
    TimeInForce {
        /// Good till cancelled.
        Gtc = 1,
        /// Immediate or cancel.
        Ioc = 2,
        /// Fill or kill.
        Fok = 3,
    }
    /// What happens when an order would meet one of the same account.
    Prevention {
        /// They trade.
        None = 1,
        /// The taker's rest expires.
        ExpireTaker = 2,
        /// The maker's rest expires.
        ExpireMaker = 3,
        /// Both expire.
        ExpireBoth = 4,
        /// Both shrink by the overlap; the smaller expires.
        Decrement = 5,
    }
    /// Where an order stands.
    OrderStatus {
        /// Open, nothing filled.
        New = 1,
        /// Open, something filled.
        PartiallyFilled = 2,
        /// All filled.
        Filled = 3,
        /// Ended by its owner or an operator.
        Canceled = 4,
        /// Ended by its own terms.
        Expired = 5,
        /// Ended by self-trade prevention.
        ExpiredInMatch = 6,
    }
    /// What an execution reports.
    ExecutionKind {
        /// The order was accepted.
        New = 1,
        /// A fill.
        Trade = 2,
        /// The order was cancelled.
        Canceled = 3,
        /// The order expired.
        Expired = 4,
        /// A self-trade was prevented.
        TradePrevention = 5,
    }
    /// Why an order expired.
    Expiry {
        /// It did not.
        None = 0,
        /// An immediate-or-cancel order's rest.
        UnfilledIoc = 1,
        /// A fill-or-kill order that could not fill.
        UnfilledFok = 2,
        /// A market order ran out of book.
        Liquidity = 3,
        /// The exchange ended it.
        Exchange = 4,
    }
    /// Which open orders a cancel may end.
    Restriction {
        /// Any.
        None = 0,
        /// Only one with nothing filled.
        OnlyNew = 1,
        /// Only one with something filled.
        OnlyPartiallyFilled = 2,
    }
    /// What a market lets through.
    MarketStatus {
        /// Everything.
        Trading = 1,
        /// Cancels, after something went wrong.
        Halt = 2,
        /// Cancels, in a planned pause.
        Break = 3,
        /// Cancels (and, later, amendments).
        CancelOnly = 4,
        /// Cancels, after the day's end.
        EndOfDay = 5,
    }
    /// Which form the notional filter has.
    NotionalForm {
        /// No limit.
        Off = 0,
        /// Minimum and maximum (`NOTIONAL`).
        Range = 1,
        /// Minimum only (`MIN_NOTIONAL`).
        Minimum = 2,
    }
    /// Why a balance changed.
    Cause {
        /// A fill.
        Trade = 1,
        /// A fill's commission.
        Commission = 2,
        /// Money came in.
        Deposit = 3,
        /// Money went out.
        Withdrawal = 4,
    }
}

records! {
    /// The limits of an order's price: each is off when 0.
    PriceFilter {
        /// Lowest price.
        min: Price,
        /// Highest price.
        max: Price,
        /// Prices are multiples of it.
        tick: Price,
    }
    /// The limits of an order's quantity: each is off when 0.
    LotFilter {
        /// Smallest quantity.
        min: Quantity,
        /// Largest quantity.
        max: Quantity,
        /// Quantities are multiples of it.
        step: Quantity,
    }
    /// The limits of price × quantity.
    NotionalFilter {
        /// Which form it has.
        form: NotionalForm,
        /// Smallest notional.
        min: Amount,
        /// Whether `min` holds for market orders.
        min_to_market: bool,
        /// Largest notional (form `Range`); 0 is no limit.
        max: Amount,
        /// Whether `max` holds for market orders.
        max_to_market: bool,
        /// Minutes of the average price by which a market order is judged; 0: the last price.
        minutes: u32,
    }
    /// All that limits new orders of a market. A change applies to new orders only.
    Filters {
        /// `PRICE_FILTER`.
        price: PriceFilter,
        /// `LOT_SIZE`.
        lot: LotFilter,
        /// `MARKET_LOT_SIZE`.
        market_lot: LotFilter,
        /// `NOTIONAL` or `MIN_NOTIONAL`.
        notional: NotionalFilter,
        /// `MAX_NUM_ORDERS`: open orders of one account; 0 is no limit.
        max_orders: u32,
        /// The self-trade prevention of an order that names none.
        prevention: Prevention,
        /// Bit `1 << mode` is set for each allowed prevention mode.
        preventions: u8,
    }
    /// What an account may do.
    Rights {
        /// Place orders.
        trade: bool,
        /// Take money out.
        withdraw: bool,
        /// Bring money in.
        deposit: bool,
    }
    /// How many orders an account may have. 0 is the venue's default.
    OrderLimits {
        /// Unfilled orders in ten seconds.
        ten_seconds: u32,
        /// Unfilled orders in a day.
        day: u32,
        /// Open orders in one market, instead of the market's filter.
        open: u32,
    }
    /// What an API key may do.
    Permissions {
        /// Read the account.
        read: bool,
        /// Place and cancel.
        trade: bool,
        /// Take money out.
        withdraw: bool,
    }
    /// An order as it stands: what a query answers and every execution carries.
    OrderView {
        /// Its market.
        market: MarketId,
        /// Its owner.
        account: AccountId,
        /// Its number.
        order: OrderId,
        /// Its client's id.
        client_id: ClientId,
        /// Its side.
        side: Side,
        /// Its type.
        kind: OrderKind,
        /// Its time in force.
        life: TimeInForce,
        /// Its limit; 0 for market orders.
        price: Price,
        /// Its original quantity; for a market order by budget what was executed.
        quantity: Quantity,
        /// The budget of a market order; 0 for others.
        budget: Amount,
        /// Executed so far.
        executed: Quantity,
        /// Quote paid or got so far.
        notional: Amount,
        /// Taken away by self-trade prevention so far.
        prevented: Quantity,
        /// Where it stands.
        status: OrderStatus,
        /// Why it expired.
        expiry: Expiry,
        /// Its self-trade prevention.
        prevention: Prevention,
        /// Its last prevented match.
        prevented_match: Option<PreventedId>,
        /// The client's strategy number.
        strategy: Option<i64>,
        /// The client's strategy type.
        strategy_type: Option<i32>,
        /// Whether it is on the book.
        on_book: bool,
        /// When it was accepted.
        opened: Micros,
        /// When it last changed.
        updated: Micros,
    }
    /// One side of a trade.
    Fill {
        /// The trade.
        trade: TradeId,
        /// Its price.
        price: Price,
        /// Its quantity.
        quantity: Quantity,
        /// Price × quantity, rounded down.
        notional: Amount,
        /// What was charged.
        commission: Amount,
        /// In which asset.
        commission_asset: AssetId,
        /// Whether this side was the maker.
        maker: bool,
    }
    /// One side of a prevented self-trade.
    PreventedFill {
        /// The prevented match.
        id: PreventedId,
        /// The other order.
        counter_order: OrderId,
        /// The price at which they would have met.
        price: Price,
        /// The quantity that would have traded.
        quantity: Quantity,
        /// How much this order lost.
        reduced: Quantity,
    }
    /// A change of one order.
    Execution {
        /// What happened.
        kind: ExecutionKind,
        /// Its number.
        execution: ExecutionId,
        /// When.
        time: Micros,
        /// The order afterwards.
        order: OrderView,
        /// The fill, of a trade.
        fill: Option<Fill>,
        /// The prevented match, of a prevention.
        prevention: Option<PreventedFill>,
        /// The cancel request's own id, of a cancel.
        cancel_id: ClientId,
    }
}
