//! Everything that may change the exchange.

use crate::layout::{DecodeError, Field, Packed, layouts, records};
use crate::units::{
    AccountId, Amount, AssetId, ClientId, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity, Rate, Sequence,
};
use crate::vocabulary::{
    Filters, MarketStatus, OrderKind, OrderLimits, Permissions, Prevention, Restriction, Rights, Side, TimeInForce,
};

records! {
    /// What the log adds to a command.
    Envelope {
        /// The count of commands, this one included.
        sequence: Sequence,
        /// The log's time, never back.
        time: Micros,
        /// The source.
        lane: Lane,
        /// The source's own number of this command, from 1 without gaps; 0 for commands of the log itself (ticks).
        number: u64,
        /// After this time the command has no effect but its rejection; 0 is never.
        deadline: Micros,
    }
    /// When and by which key a client asked.
    Signed {
        /// The key; 0 is the operator.
        key: KeyId,
        /// The client's timestamp; 0 switches the window check off (operator and house).
        sent: Micros,
        /// How long after `sent` the command may still be applied.
        window: Micros,
    }
}

layouts! {
    /// Everything that may change the exchange.
    Command {
        /// Places one order.
        1 v 1 Place {
            /// The owner.
            account: AccountId,
            /// The request.
            signed: Signed,
            /// The market.
            market: MarketId,
            /// The side.
            side: Side,
            /// The type.
            kind: OrderKind,
            /// The time in force (`Gtc` for market and limit-maker orders).
            life: TimeInForce,
            /// The limit; 0 for market orders.
            price: Price,
            /// The quantity; 0 when `budget` is given.
            quantity: Quantity,
            /// A market order's budget in the quote asset, instead of `quantity`; 0 otherwise.
            budget: Amount,
            /// The client's id; empty: the engine makes one.
            client_id: ClientId,
            /// The self-trade prevention; none: the market's default.
            prevention: Option<Prevention>,
            /// The client's strategy number, echoed.
            strategy: Option<i64>,
            /// The client's strategy type, echoed.
            strategy_type: Option<i32>,
        }
        /// Cancels one open order, named by its number, its client's id, or both.
        2 v 1 Cancel {
            /// The owner.
            account: AccountId,
            /// The request.
            signed: Signed,
            /// The market.
            market: MarketId,
            /// The order's number.
            order: Option<OrderId>,
            /// The order's client id; empty when only the number is given.
            client_id: ClientId,
            /// The cancel's own id; empty: the engine makes one.
            cancel_id: ClientId,
            /// Which orders may be cancelled.
            restriction: Restriction,
        }
        /// Cancels all open orders of an account in one market.
        3 v 1 CancelAll {
            /// The owner.
            account: AccountId,
            /// The request.
            signed: Signed,
            /// The market.
            market: MarketId,
        }
        /// Opens an account; the engine issues its number.
        10 v 1 OpenAccount {
            /// What it may do.
            rights: Rights,
            /// Commission as a maker.
            maker: Rate,
            /// Commission as a taker.
            taker: Rate,
            /// Its order limits.
            limits: OrderLimits,
        }
        /// Changes what an account may do.
        11 v 1 SetRights {
            /// The account.
            account: AccountId,
            /// What it may do from now on.
            rights: Rights,
        }
        /// Changes an account's commission.
        12 v 1 SetCommission {
            /// The account.
            account: AccountId,
            /// As a maker.
            maker: Rate,
            /// As a taker.
            taker: Rate,
        }
        /// Changes an account's order limits.
        13 v 1 SetLimits {
            /// The account.
            account: AccountId,
            /// The limits.
            limits: OrderLimits,
        }
        /// Registers an API key; the engine issues its number.
        14 v 1 AddKey {
            /// Whose.
            account: AccountId,
            /// What it may do.
            permissions: Permissions,
        }
        /// Revokes an API key: nothing after it trades.
        15 v 1 RevokeKey {
            /// The key.
            key: KeyId,
        }
        /// Money comes in.
        20 v 1 Deposit {
            /// To whom.
            account: AccountId,
            /// Of what.
            asset: AssetId,
            /// How much.
            amount: Amount,
        }
        /// Money goes out, from what is free.
        21 v 1 Withdraw {
            /// From whom.
            account: AccountId,
            /// Of what.
            asset: AssetId,
            /// How much.
            amount: Amount,
        }
        /// Lists an asset; the engine issues its number.
        30 v 1 ListAsset {
            /// Its name, such as `BTC`.
            name: String,
            /// Decimal places of its commissions, up to 8.
            precision: u8,
        }
        /// Lists a market; the engine issues its number.
        31 v 1 ListMarket {
            /// Its name, such as `BTCUSDT`.
            symbol: String,
            /// What is bought and sold.
            base: AssetId,
            /// What is paid.
            quote: AssetId,
            /// The limits of new orders.
            filters: Filters,
        }
        /// Changes the limits of new orders; resting ones keep price and priority.
        32 v 1 SetFilters {
            /// The market.
            market: MarketId,
            /// The limits from now on.
            filters: Filters,
        }
        /// Opens, halts or restricts a market.
        33 v 1 SetMarketStatus {
            /// The market.
            market: MarketId,
            /// The status from now on.
            status: MarketStatus,
        }
        /// Lets due deadlines fire; anyone may send it, a superfluous one changes nothing.
        40 v 1 Tick {}
        /// Begins a new log.
        41 v 1 Epoch {
            /// The hash at the end of the one before.
            previous: [u8; 32],
        }
        /// Switches a new behaviour on.
        42 v 1 Activate {
            /// Its number.
            behaviour: u32,
        }
        /// Forgets a source.
        43 v 1 RetireLane {
            /// Which.
            retired: Lane,
        }
        /// Says who gives the operator's command that follows, and why. Changes nothing.
        44 v 1 Remark {
            /// Who.
            actor: String,
            /// Why.
            reason: String,
            /// What is about to be done, such as `admin.deposit`.
            operation: String,
        }
    }
}

/// Appends a command as the log holds it: envelope, then command.
pub fn encode_record(envelope: &Envelope, command: &Command, out: &mut Vec<u8>) {
    let mut room = [0; Envelope::SIZE];
    envelope.put(&mut Packed::new(&mut room));
    out.extend_from_slice(&room);
    command.encode(out);
}

/// Writes what [`encode_record`] appends to the front of `room`, and returns its length. `None` if there is not enough room
/// for the largest command of its kind, or if its kind has no largest.
#[inline] // what the caller has just put into the envelope is still in registers: read back, it would wait for those stores
pub fn encode_record_front(envelope: &Envelope, command: &Command, room: &mut [u8]) -> Option<usize> {
    let (front, rest) = room.split_first_chunk_mut::<{ Envelope::SIZE }>()?;
    envelope.put(&mut Packed::new(front));
    Some(Envelope::SIZE + command.encode_front(rest)?)
}

/// Reads what [`encode_record`] wrote.
pub fn decode_record(mut record: &[u8]) -> Result<(Envelope, Command), DecodeError> {
    let envelope = Envelope::take(&mut record)?;
    Ok((envelope, Command::decode(record)?))
}
