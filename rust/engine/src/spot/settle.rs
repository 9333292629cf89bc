//! Settlement: what the book reports while it matches becomes trades, postings, commissions and executions.

use agio_book::{Fill as Match, Prevented as Clash, Sink};
use agio_planted::{Bug, planted};

use super::hold::hold;
use super::order::{Order, Placement};
use super::report::{Scratch, Touch};
use crate::accounts::Accounts;
use crate::events::{Aggregated, Traded};
use crate::limits::Running;
use crate::market::Rules;
use crate::open::OpenOrders;
use crate::sink::{Events, Moved, Told};
use crate::units::{AccountId, AggregateId, Amount, AssetId, ClientId, Micros, OrderId, Price, Quantity, TradeId};
use crate::vocabulary::{
    ExecutionKind, Expiry, Fill, OrderKind, OrderStatus, OrderView, PreventedFill, Prevention, Side, TimeInForce,
};

/// One command at work in one market.
pub(crate) struct Settler<'a, E> {
    pub now: Micros,
    pub running: Running,
    pub rules: &'a mut Rules,
    pub accounts: &'a mut Accounts,
    pub open: &'a mut OpenOrders,
    pub scratch: &'a mut Scratch,
    pub out: &'a mut E,
    /// The incoming order as it stands.
    pub taker: OrderView,
    /// A market order by budget that buys the whole book expires even though all of its quantity is executed.
    pub runs_out: bool,
}

/// The terms of one trade.
struct Terms {
    trade: TradeId,
    price: Price,
    quantity: Quantity,
    notional: Amount,
}

/// One side of a trade.
struct Party {
    account: AccountId,
    maker: bool,
    buys: bool,
    /// Whether it is its order's first fill.
    first: bool,
    /// What of its hold the fill sets free: nothing for a taker.
    released: Amount,
}

impl<E: Events> Sink<Order> for Settler<'_, E> {
    #[inline]
    fn fill(&mut self, fill: &Match, maker: &mut Order) {
        // On a large exchange all that is the maker's is in no cache: let it come at once.
        self.open.warm_node(maker.slot);
        self.accounts.warm(maker.account);
        let at = self.counterpart(fill.maker_id, fill.price);
        let terms = self.terms(fill);
        let before = hold(at.side, at.price, maker.remaining());
        let buys = self.taker.side == Side::Buy;
        let made = Party {
            account: maker.account,
            maker: true,
            buys: !buys,
            first: maker.executed.0 == 0,
            released: Amount(before.0 - hold(at.side, at.price, Quantity(fill.maker_left)).0),
        };
        let first = self.taker.executed.0 == 0;
        let taken = Party { account: self.taker.account, maker: false, buys, first, released: Amount(0) };
        maker.executed.0 += terms.quantity.0;
        maker.notional.0 += terms.notional.0;
        maker.updated = self.now;
        let (taken, made) = self.settle(&terms, &taken, &made);
        self.announce(&terms, &at, maker.account);
        self.report_taker_fill(taken);
        self.report_maker_fill(&at, maker, made);
        if fill.maker_left == 0 {
            self.forget(maker);
        }
    }

    fn prevented(&mut self, clash: &Clash, maker: &mut Order) {
        let at = self.counterpart(clash.maker_id, clash.price);
        let id = self.rules.counters.prevented();
        let (price, quantity) = (Price(clash.price), Quantity(clash.quantity));
        let lost = Quantity(clash.taker_reduced_by);
        if lost.0 > 0 {
            self.prevent_taker(PreventedFill { id, counter_order: at.order, price, quantity, reduced: lost });
        }
        let lost = match self.taker.prevention {
            Prevention::ExpireMaker | Prevention::ExpireBoth => maker.remaining(),
            Prevention::Decrement => quantity,
            Prevention::ExpireTaker | Prevention::None => return,
        };
        let met = PreventedFill { id, counter_order: self.taker.order, price, quantity, reduced: lost };
        self.prevent_maker(&at, maker, met, clash.maker_removed);
    }

    #[inline]
    fn level(&mut self, side: agio_book::Side, price: u64, total: u64) {
        self.scratch.levels.push((side.into(), Price(price), Quantity(total)));
    }
}

impl<E: Events> Settler<'_, E> {
    fn counterpart(&self, maker: u64, price: u64) -> Placement {
        let side = match self.taker.side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        Placement { order: OrderId(maker), side, price: Price(price) }
    }

    fn terms(&mut self, fill: &Match) -> Terms {
        let (price, quantity) = (Price(fill.price), Quantity(fill.quantity));
        let trade = TradeId(self.rules.counters.trades);
        self.rules.counters.trades += 1;
        Terms { trade, price, quantity, notional: price.notional(quantity) }
    }

    /// Moves the money of one trade, all but the commissions' other side; returns what taker and maker report of it.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn settle(&mut self, terms: &Terms, taker: &Party, maker: &Party) -> (Fill, Fill) {
        let fill = self.exchange(terms, taker);
        let made = self.exchange(terms, maker);
        self.scratch.touch(maker.account, Touch::BOTH);
        if taker.first {
            self.scratch.touch(taker.account, Touch::BOTH);
        }
        let (buyer, seller) = if taker.buys { (taker, maker) } else { (maker, taker) };
        let (bought, sold) = if taker.buys { (&fill, &made) } else { (&made, &fill) };
        let fee = |fill: &Fill| if planted(Bug::FeeVanishes) { 0 } else { fill.commission.0 };
        self.scratch.trades.push(Moved {
            trade: terms.trade,
            market: self.rules.id,
            base: self.rules.base,
            quote: self.rules.quote,
            buyer: buyer.account,
            seller: seller.account,
            quantity: terms.quantity.0.into(),
            paid: terms.notional.0,
            received: terms.received().0,
            base_fee: fee(bought),
            quote_fee: fee(sold),
            time: self.now,
        });
        (fill, made)
    }

    /// What one side pays and gets. The commission is taken off what it gets, and goes to the venue at the command's end.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn exchange(&mut self, terms: &Terms, party: &Party) -> Fill {
        let (base, quote) = (self.rules.base, self.rules.quote);
        let quantity = Amount(terms.quantity.0.into());
        let account = self.accounts.at_mut(party.account);
        if party.first {
            account.counts.first_fill(self.running, party.maker);
        }
        let rate = if party.maker { account.maker } else { account.taker };
        let (pays, gets, unit) = if party.buys {
            ((quote, terms.notional), (base, quantity), self.rules.base_unit)
        } else {
            ((base, quantity), (quote, terms.received()), self.rules.quote_unit)
        };
        let commission = floor(rate.of(gets.1), unit);
        let paying = account.balance_mut(pays.0);
        paying.locked.0 -= party.released.0;
        paying.free.0 = paying.free.0 + party.released.0 - pays.1.0;
        let gained = gets.1.0 - commission.0;
        account.balance_mut(gets.0).free.0 += gained;
        self.accounts.moved(party.account, [(pays.0, -(pays.1.0 as i128)), (gets.0, gained as i128)]);
        let Terms { trade, price, quantity, notional, .. } = *terms;
        Fill { trade, price, quantity, notional, commission, commission_asset: gets.0, maker: party.maker }
    }

    fn prevent_taker(&mut self, met: PreventedFill) {
        self.taker.prevented.0 += met.reduced.0;
        self.taker.prevented_match = Some(met.id);
        self.taker.status = self.taker_status(OrderStatus::ExpiredInMatch);
        self.taker.on_book = self.stays();
        self.report(ExecutionKind::TradePrevention, None, Some(met));
    }

    /// Frees what the maker no longer holds.
    fn prevent_maker(&mut self, at: &Placement, maker: &mut Order, met: PreventedFill, removed: bool) {
        let before = hold(at.side, at.price, maker.remaining());
        maker.prevented.0 += met.reduced.0;
        maker.prevented_match = met.id;
        maker.updated = self.now;
        let freed = Amount(before.0 - hold(at.side, at.price, maker.remaining()).0);
        let freed = if planted(Bug::HoldKeptOnPrevention) { Amount(0) } else { freed };
        release(self.accounts, self.scratch, maker.account, paid(self.rules, at.side), freed);
        let last = removed.then_some(OrderStatus::ExpiredInMatch);
        self.report_maker(ExecutionKind::TradePrevention, (at, maker), last, None, Some(met));
        if removed {
            self.forget(maker);
        }
    }

    /// The number of the aggregate that a trade belongs to: all trades of one taker at one price.
    fn aggregate(&mut self, terms: &Terms) -> AggregateId {
        let Terms { trade, price, quantity, .. } = *terms;
        match self.scratch.aggregates.last_mut() {
            Some(last) if last.price == price => {
                last.quantity.0 += quantity.0;
                last.last = trade;
                last.aggregate
            }
            _ => {
                let aggregate = AggregateId(self.rules.counters.aggregates);
                self.rules.counters.aggregates += 1;
                let (market, first, last, time) = (self.rules.id, trade, trade, self.now);
                let buyer_is_maker = self.taker.side == Side::Sell;
                let new = Aggregated { market, aggregate, price, quantity, first, last, buyer_is_maker, time };
                self.scratch.aggregates.push(new);
                aggregate
            }
        }
    }

    /// The trade as everybody sees it.
    fn announce(&mut self, terms: &Terms, at: &Placement, maker: AccountId) {
        let Terms { trade, price, quantity, notional } = *terms;
        let (market, time, buys) = (self.rules.id, self.now, self.taker.side == Side::Buy);
        let taker = (self.taker.order, self.taker.account);
        let (bought, sold) = if buys { (taker, (at.order, maker)) } else { ((at.order, maker), taker) };
        let aggregate = self.aggregate(terms);
        self.out.put(|| Traded {
            market,
            trade,
            aggregate,
            price,
            quantity,
            notional,
            buy_order: bought.0,
            sell_order: sold.0,
            buyer: bought.1,
            seller: sold.1,
            buyer_is_maker: !buys,
            time,
        });
        self.rules.last_trade = Some((price, time));
        self.rules.averages.add(time, price, quantity);
    }

    fn report_taker_fill(&mut self, fill: Fill) {
        self.taker.executed.0 += fill.quantity.0;
        self.taker.notional.0 += fill.notional.0;
        self.taker.status = self.taker_status(OrderStatus::Filled);
        self.taker.on_book = self.stays();
        self.report(ExecutionKind::Trade, Some(fill), None);
    }

    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn report_maker_fill(&mut self, at: &Placement, maker: &Order, fill: Fill) {
        let filled = (maker.remaining().0 == 0).then_some(OrderStatus::Filled);
        self.report_maker(ExecutionKind::Trade, (at, maker), filled, Some(fill), None);
    }

    /// Reports a maker: as it stands on the book, or gone from there with its last status.
    #[inline(always)]
    #[allow(clippy::inline_always)]
    fn report_maker(
        &mut self,
        kind: ExecutionKind,
        (at, maker): (&Placement, &Order),
        last: Option<OrderStatus>,
        fill: Option<Fill>,
        prevention: Option<PreventedFill>,
    ) {
        let (execution, time, cancel_id) = (self.rules.counters.execution(), self.now, ClientId::NONE);
        let order = &maker.view(self.open, self.rules.id, at, last);
        self.out.put_execution(&Told { kind, execution, time, order, fill, prevention, cancel_id });
    }

    /// The taker's rest; 0 when it is done.
    fn left(&self) -> u64 {
        self.taker.quantity.0 - self.taker.executed.0 - self.taker.prevented.0
    }

    /// The taker's status after a fill or a prevention: `done` when nothing is left, unless it has yet to expire.
    fn taker_status(&self, done: OrderStatus) -> OrderStatus {
        match (self.left(), self.taker.executed.0) {
            (0, _) if !(self.runs_out && done == OrderStatus::Filled) => done,
            (_, 0) => OrderStatus::New,
            _ => OrderStatus::PartiallyFilled,
        }
    }

    /// Whether what is left of the taker will rest.
    fn stays(&self) -> bool {
        self.left() > 0 && self.taker.kind != OrderKind::Market && self.taker.life == TimeInForce::Gtc
    }

    /// Reports the taker as it stands.
    #[inline]
    pub(crate) fn report(&mut self, kind: ExecutionKind, fill: Option<Fill>, prevention: Option<PreventedFill>) {
        self.taker.updated = self.now;
        let (execution, time, cancel_id) = (self.rules.counters.execution(), self.now, ClientId::NONE);
        let order = &self.taker;
        self.out.put_execution(&Told { kind, execution, time, order, fill, prevention, cancel_id });
    }

    /// Ends the taker by its own terms.
    pub(crate) fn expire(&mut self, expiry: Expiry) {
        self.taker.status = OrderStatus::Expired;
        self.taker.expiry = expiry;
        self.taker.on_book = false;
        self.report(ExecutionKind::Expired, None, None);
    }

    /// Takes a maker that has left the book out of the open orders.
    fn forget(&mut self, maker: &Order) {
        let list = self.accounts.at_mut(maker.account).open_mut(self.rules.id);
        self.open.remove(maker.slot, list);
    }
}

impl Terms {
    /// What the seller gets.
    #[inline]
    fn received(&self) -> Amount {
        Amount(self.notional.0 - u128::from(planted(Bug::SellerShortchanged)))
    }
}

/// Rounds a commission down to the smallest one of its asset.
#[inline]
fn floor(commission: Amount, unit: u64) -> Amount {
    if unit == 1 || planted(Bug::CommissionUnrounded) {
        return commission;
    }
    match u64::try_from(commission.0) {
        Ok(small) => Amount((small - small % unit).into()),
        Err(_) => Amount(commission.0 - commission.0 % u128::from(unit)),
    }
}

/// What an order of this side pays with.
#[inline]
pub(crate) fn paid_asset(rules: &Rules, side: Side) -> AssetId {
    paid(rules, side).0
}

/// The same, and which of the market's assets it is.
#[inline]
pub(crate) fn paid(rules: &Rules, side: Side) -> (AssetId, u64) {
    match side {
        Side::Buy => (rules.quote, Touch::QUOTE),
        Side::Sell => (rules.base, Touch::BASE),
    }
}

/// Sets a part of a hold free.
#[inline]
pub(crate) fn release(
    accounts: &mut Accounts,
    scratch: &mut Scratch,
    account: AccountId,
    (asset, touch): (AssetId, u64),
    amount: Amount,
) {
    let balance = accounts.at_mut(account).balance_mut(asset);
    balance.locked.0 -= amount.0;
    balance.free.0 += amount.0;
    scratch.touch(account, touch);
}
