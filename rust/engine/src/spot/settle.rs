//! Settlement: what the book reports while it matches becomes trades, postings, commissions and executions.

use agio_book::{Fill as Match, Prevented as Clash, Sink};
use agio_planted::{Bug, planted};

use super::hold::hold;
use super::order::{Order, Placement};
use super::report::{Scratch, Why, put};
use crate::accounts::Accounts;
use crate::events::{Aggregated, Event, Executed, Traded};
use crate::market::Rules;
use crate::open::OpenOrders;
use crate::units::{
    AccountId, AggregateId, Amount, AssetId, ClientId, FEES, Micros, OrderId, Price, Quantity, TradeId,
};
use crate::vocabulary::{
    Cause, Execution, ExecutionKind, Expiry, Fill, OrderKind, OrderStatus, OrderView, PreventedFill, Prevention, Side,
    TimeInForce,
};

/// One command at work in one market.
pub(crate) struct Settler<'a> {
    pub now: Micros,
    pub rules: &'a mut Rules,
    pub accounts: &'a mut Accounts,
    pub open: &'a mut OpenOrders,
    pub scratch: &'a mut Scratch,
    pub out: &'a mut Vec<Event>,
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

/// One side of a trade: who, and what of its hold the fill sets free (nothing for a taker).
struct Party {
    account: AccountId,
    maker: bool,
    released: Amount,
}

impl Sink<Order> for Settler<'_> {
    fn fill(&mut self, fill: &Match, maker: &mut Order) {
        let at = self.counterpart(fill.maker_id, fill.price);
        let terms = self.terms(fill);
        let before = hold(at.side, at.price, maker.remaining());
        let firsts = (self.taker.executed.0 == 0, maker.executed.0 == 0);
        maker.executed.0 += terms.quantity.0;
        maker.notional.0 += terms.notional.0;
        maker.updated = self.now;
        let released = Amount(before.0 - hold(at.side, at.price, maker.remaining()).0);
        self.count_first_fills(maker.account, firsts);
        let (taken, made) = self.settle(&terms, maker.account, released);
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

    fn level(&mut self, side: agio_book::Side, price: u64, total: u64) {
        self.scratch.levels.push((side.into(), Price(price), Quantity(total)));
    }
}

impl Settler<'_> {
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

    fn count_first_fills(&mut self, maker: AccountId, (taker_first, maker_first): (bool, bool)) {
        if taker_first {
            self.accounts.at_mut(self.taker.account).counts.first_fill(self.now, false);
        }
        if maker_first {
            self.accounts.at_mut(maker).counts.first_fill(self.now, true);
        }
    }

    /// Moves the money of one trade; returns what taker and maker report of it.
    fn settle(&mut self, terms: &Terms, maker: AccountId, released: Amount) -> (Fill, Fill) {
        let maker = Party { account: maker, maker: true, released };
        let taker = Party { account: self.taker.account, maker: false, released: Amount(0) };
        let buys = self.taker.side == Side::Buy;
        let (buyer, seller) = if buys { (&taker, &maker) } else { (&maker, &taker) };
        let (base, quote) = (self.rules.base, self.rules.quote);
        self.touch(maker.account);
        if self.taker.executed.0 == 0 {
            self.touch(taker.account);
        }
        let quantity = Amount(terms.quantity.0.into());
        self.pay(buyer, quote, terms.notional, terms.trade);
        self.pay(seller, base, quantity, terms.trade);
        let bought = self.receive(buyer, base, quantity, terms);
        let short = u128::from(planted(Bug::SellerShortchanged));
        let sold = self.receive(seller, quote, Amount(terms.notional.0 - short), terms);
        if buys { (bought, sold) } else { (sold, bought) }
    }

    /// Notes that what an account has of both assets may have changed.
    fn touch(&mut self, account: AccountId) {
        self.scratch.touch(account, self.rules.base);
        self.scratch.touch(account, self.rules.quote);
    }

    fn why(&self, cause: Cause, trade: TradeId) -> Why {
        Why { cause, market: Some(self.rules.id), trade: Some(trade) }
    }

    fn pay(&mut self, party: &Party, asset: AssetId, amount: Amount, trade: TradeId) {
        let balance = self.accounts.at_mut(party.account).balance_mut(asset);
        balance.locked.0 -= party.released.0;
        balance.free.0 = balance.free.0 + party.released.0 - amount.0;
        let why = self.why(Cause::Trade, trade);
        self.scratch.post(party.account, asset, -(amount.0 as i128), &why, self.now);
    }

    /// Credits what was bought or sold for, less the commission, which goes to [`FEES`].
    fn receive(&mut self, party: &Party, asset: AssetId, amount: Amount, terms: &Terms) -> Fill {
        let account = self.accounts.at_mut(party.account);
        let rate = if party.maker { account.maker } else { account.taker };
        let unit = if asset == self.rules.base { self.rules.base_unit } else { self.rules.quote_unit };
        let exact = rate.of(amount).0;
        let commission = if unit == 1 || planted(Bug::CommissionUnrounded) { exact } else { exact / unit * unit };
        account.balance_mut(asset).free.0 += amount.0 - commission;
        let why = self.why(Cause::Trade, terms.trade);
        self.scratch.post(party.account, asset, amount.0 as i128, &why, self.now);
        if commission > 0 && !planted(Bug::FeeVanishes) {
            self.accounts.at_mut(FEES).balance_mut(asset).free.0 += commission;
            let why = Why { cause: Cause::Commission, ..why };
            self.scratch.post(party.account, asset, -(commission as i128), &why, self.now);
            self.scratch.post(FEES, asset, commission as i128, &why, self.now);
            self.scratch.touch(FEES, asset);
        }
        let Terms { trade, price, quantity, notional } = *terms;
        let commission = Amount(commission);
        Fill { trade, price, quantity, notional, commission, commission_asset: asset, maker: party.maker }
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
        release(self.accounts, self.scratch, maker.account, paid_asset(self.rules, at.side), freed);
        let mut view = maker.view(self.open, self.rules.id, at);
        if removed {
            (view.status, view.on_book) = (OrderStatus::ExpiredInMatch, false);
            self.forget(maker);
        }
        self.push(ExecutionKind::TradePrevention, &view, None, Some(met));
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
        put(self.out, || Traded {
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

    fn report_maker_fill(&mut self, at: &Placement, maker: &Order, fill: Fill) {
        let mut view = maker.view(self.open, self.rules.id, at);
        if maker.remaining().0 == 0 {
            (view.status, view.on_book) = (OrderStatus::Filled, false);
        }
        self.push(ExecutionKind::Trade, &view, Some(fill), None);
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
    pub(crate) fn report(&mut self, kind: ExecutionKind, fill: Option<Fill>, prevention: Option<PreventedFill>) {
        self.taker.updated = self.now;
        let order = self.taker;
        self.push(kind, &order, fill, prevention);
    }

    /// Ends the taker by its own terms.
    pub(crate) fn expire(&mut self, expiry: Expiry) {
        self.taker.status = OrderStatus::Expired;
        self.taker.expiry = expiry;
        self.taker.on_book = false;
        self.report(ExecutionKind::Expired, None, None);
    }

    #[inline]
    fn push(&mut self, kind: ExecutionKind, order: &OrderView, fill: Option<Fill>, prevention: Option<PreventedFill>) {
        let (execution, time, cancel_id) = (self.rules.counters.execution(), self.now, ClientId::NONE);
        put(self.out, || Executed {
            execution: Execution { kind, execution, time, order: *order, fill, prevention, cancel_id },
        });
    }

    /// Takes a maker that has left the book out of the open orders.
    fn forget(&mut self, maker: &Order) {
        let list = self.accounts.at_mut(maker.account).open_mut(self.rules.id);
        self.open.remove(maker.slot, list);
    }
}

/// What an order of this side pays with.
pub(crate) fn paid_asset(rules: &Rules, side: Side) -> AssetId {
    match side {
        Side::Buy => rules.quote,
        Side::Sell => rules.base,
    }
}

/// Sets a part of a hold free.
pub(crate) fn release(
    accounts: &mut Accounts,
    scratch: &mut Scratch,
    account: AccountId,
    asset: AssetId,
    amount: Amount,
) {
    let balance = accounts.at_mut(account).balance_mut(asset);
    balance.locked.0 -= amount.0;
    balance.free.0 += amount.0;
    scratch.touch(account, asset);
}
