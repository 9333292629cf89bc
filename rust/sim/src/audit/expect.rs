//! What an accepted order or cancel must have caused, event by event.

use std::collections::BTreeMap;

use agio_engine::commands::Place;
use agio_engine::units::{MarketId, ONE, OrderId};
use agio_engine::vocabulary::{ExecutionKind, OrderKind, OrderStatus, Side, TimeInForce};

use super::book::{Course, Meeting, notional, opposite};
use super::ledger::{FEES, Loss, Open};
use super::told::Told;
use super::{Auditor, Checked, Finding, holds, rules, same};

/// What an execution must say: kind, order, owner, status, executed, prevented, notional, on the book.
type Line = (ExecutionKind, u64, u32, OrderStatus, u64, u64, u128, bool);

/// What a trade must say: number, aggregate, price, quantity, notional, (order, account) of buyer and seller, and whether
/// the buyer was the maker.
type Trade = (u64, u64, u64, u64, u128, (u64, u32), (u64, u32), bool);

/// The incoming order on its way.
struct Taker<'a> {
    place: &'a Place,
    market: u32,
    order: u64,
    quantity: u64,
    now: u64,
    /// A budget that would have paid for more than the book had.
    runs_out: bool,
    executed: u64,
    prevented: u64,
    notional: u128,
}

/// What must be told.
#[derive(Default)]
struct Expected {
    executions: Vec<Line>,
    trades: Vec<Trade>,
    posted: BTreeMap<(u32, u32), i128>,
    /// Prices of the other side whose total changes.
    prices: Vec<u64>,
    accounts: Vec<u32>,
}

impl Taker<'_> {
    fn left(&self) -> u64 {
        self.quantity - self.executed - self.prevented
    }

    fn rests(&self) -> bool {
        self.place.kind != OrderKind::Market && self.place.life == TimeInForce::Gtc
    }

    fn line(&self, kind: ExecutionKind, status: OrderStatus, on_book: bool) -> Line {
        let account = self.place.account.0;
        (kind, self.order, account, status, self.executed, self.prevented, self.notional, on_book)
    }

    /// Its line after a meeting; `done` is its status if nothing is left.
    fn met(&self, kind: ExecutionKind, done: OrderStatus) -> Line {
        let filled = self.left() == 0 && !(self.runs_out && done == OrderStatus::Filled);
        let open = if self.executed == 0 { OrderStatus::New } else { OrderStatus::PartiallyFilled };
        self.line(kind, if filled { done } else { open }, self.left() > 0 && self.rests())
    }
}

fn maker_line(kind: ExecutionKind, order: u64, open: &Open, gone: Option<OrderStatus>) -> Line {
    let status = if open.executed == 0 { OrderStatus::New } else { OrderStatus::PartiallyFilled };
    let (executed, prevented) = (open.executed, open.prevented);
    (kind, order, open.account, gone.unwrap_or(status), executed, prevented, open.notional, gone.is_none())
}

impl Auditor {
    /// An order that was accepted.
    pub(super) fn placed(&mut self, place: &Place, now: u64, told: &Told<'_>) -> Checked {
        let market = &self.ledger.markets[place.market.0 as usize];
        let mode = rules::mode(market, place);
        let (quantity, runs_out) = if place.budget.0 == 0 {
            (place.quantity.0, false)
        } else {
            let (_, quantity, runs_out) = market.book.spend(place, mode, rules::step(market));
            (quantity, runs_out)
        };
        let course = market.book.course(place, mode, quantity);
        let order = market.numbers.orders + 1;
        let (executed, prevented, notional) = (0, 0, 0);
        let market = place.market.0;
        let mut taker = Taker { place, market, order, quantity, now, runs_out, executed, prevented, notional };
        let mut expected = Expected::default();
        self.ledger.markets[market as usize].numbers.orders = order;
        self.ledger.accounts.get_mut(&place.account.0).expect("checked").count(now);
        expected.accounts.push(place.account.0);
        expected.executions.push(taker.line(ExecutionKind::New, OrderStatus::New, true));
        let before = self.top(market);
        self.run(&course, &mut taker, &mut expected);
        let within = place.budget.0 == 0 || taker.notional <= place.budget.0;
        holds("budget", within, || format!("order {order} trades for {}, of {}", taker.notional, place.budget.0))?;
        self.end(&course, &taker, &mut expected, told)?;
        self.check_executions(market, &expected.executions, told)?;
        check_trades(market, &expected.trades, told)?;
        expected.posted.retain(|_, sum| *sum != 0);
        same("postings", "of trades", &expected.posted, &told.posted)?;
        let other = opposite(place.side);
        let mut touched: Vec<(Side, u64)> = expected.prices.iter().map(|price| (other, *price)).collect();
        touched.push((place.side, place.price.0));
        self.check_levels(market, &touched, before, told)?;
        expected.accounts.push(FEES);
        let at = &self.ledger.markets[market as usize];
        let assets = [at.base, at.quote];
        self.check_balances(&expected.accounts, &assets, told)
    }

    fn run(&mut self, course: &Course, taker: &mut Taker<'_>, expected: &mut Expected) {
        for meeting in &course.meetings {
            match *meeting {
                Meeting::Trade { maker, owner, price, quantity } => {
                    self.trade(taker, (maker, owner), (price, quantity), expected);
                    expected.prices.push(price);
                    expected.accounts.push(owner);
                }
                Meeting::Prevented { maker, owner, price, taker_loses, maker_loses } => {
                    self.prevent(taker, maker, taker_loses, maker_loses, expected);
                    expected.prices.push(price);
                    expected.accounts.push(owner);
                }
            }
        }
    }

    fn trade(
        &mut self,
        taker: &mut Taker<'_>,
        (maker, owner): (u64, u32),
        (price, quantity): (u64, u64),
        expected: &mut Expected,
    ) {
        let (now, account) = (taker.now, taker.place.account.0);
        let cost = notional(price, quantity);
        if taker.executed == 0 {
            self.ledger.accounts.get_mut(&account).expect("checked").credit(now, 1);
        }
        let at = &mut self.ledger.markets[taker.market as usize];
        let first = at.orders[&maker].executed == 0;
        let new_price = expected.trades.last().is_none_or(|last| last.2 != price);
        at.numbers.aggregates += u64::from(new_price);
        let (trade, aggregate) = (at.numbers.trades, at.numbers.aggregates - 1);
        at.numbers.trades += 1;
        at.traded(now, price, quantity);
        if first {
            self.ledger.accounts.get_mut(&owner).expect("it has an order").credit(now, 5);
        }
        let open = self.ledger.reduce(MarketId(taker.market), maker, quantity, Loss::Executed);
        taker.executed += quantity;
        taker.notional += cost;
        let buys = taker.place.side == Side::Buy;
        let (mine, theirs) = ((taker.order, account), (maker, owner));
        let (buyer, seller) = if buys { (mine, theirs) } else { (theirs, mine) };
        expected.trades.push((trade, aggregate, price, quantity, cost, buyer, seller, !buys));
        expected.executions.push(taker.met(ExecutionKind::Trade, OrderStatus::Filled));
        let gone = (open.left() == 0).then_some(OrderStatus::Filled);
        expected.executions.push(maker_line(ExecutionKind::Trade, maker, &open, gone));
        self.pay(taker.market, (buyer.1, !buys), (seller.1, buys), (quantity.into(), cost), expected);
    }

    /// Moves the money of a trade; each party is (account, whether it was the maker).
    fn pay(
        &mut self,
        market: u32,
        buyer: (u32, bool),
        seller: (u32, bool),
        (quantity, cost): (u128, u128),
        expected: &mut Expected,
    ) {
        let at = &self.ledger.markets[market as usize];
        let (base, quote) = (at.base, at.quote);
        for (party, payer, asset, amount) in [(buyer, seller.0, base, quantity), (seller, buyer.0, quote, cost)] {
            let account = &self.ledger.accounts[&party.0];
            let rate = if party.1 { account.maker } else { account.taker };
            let unit = self.ledger.unit(asset);
            let commission = (amount * u128::from(rate) / u128::from(ONE) / unit * unit) as i128;
            let amount = amount as i128;
            for (who, delta) in [(payer, -amount), (party.0, amount - commission), (FEES, commission)] {
                self.ledger.add(who, asset, delta);
                *expected.posted.entry((asset, who)).or_default() += delta;
            }
        }
    }

    fn prevent(&mut self, taker: &mut Taker<'_>, maker: u64, mine: u64, theirs: u64, expected: &mut Expected) {
        self.ledger.markets[taker.market as usize].numbers.prevented += 1;
        if mine > 0 {
            taker.prevented += mine;
            expected.executions.push(taker.met(ExecutionKind::TradePrevention, OrderStatus::ExpiredInMatch));
        }
        if theirs > 0 {
            let open = self.ledger.reduce(MarketId(taker.market), maker, theirs, Loss::Prevented);
            let gone = (open.left() == 0).then_some(OrderStatus::ExpiredInMatch);
            expected.executions.push(maker_line(ExecutionKind::TradePrevention, maker, &open, gone));
        }
    }

    /// What becomes of the rest.
    fn end(&mut self, course: &Course, taker: &Taker<'_>, expected: &mut Expected, told: &Told<'_>) -> Checked {
        if course.left > 0 && taker.rests() {
            let place = taker.place;
            let accepted = told.executions.first().ok_or_else(|| missing("an order that was accepted"))?;
            let client_id = accepted.order.client_id.as_str().to_owned();
            let asked = place.client_id.as_str();
            holds("executions", asked.is_empty() || asked == client_id, || format!("the client id {client_id}"))?;
            let open = Open {
                account: place.account.0,
                side: place.side,
                price: place.price.0,
                quantity: taker.quantity,
                executed: taker.executed,
                prevented: taker.prevented,
                notional: taker.notional,
                client_id,
            };
            self.ledger.open(MarketId(taker.market), OrderId(taker.order), open);
            return Ok(());
        }
        let complete = course.left == 0 && (!taker.runs_out || course.ended_by_prevention);
        if !complete {
            expected.executions.push(taker.line(ExecutionKind::Expired, OrderStatus::Expired, false));
        }
        Ok(())
    }

    /// Orders that were cancelled.
    pub(super) fn cancelled(&mut self, market: MarketId, orders: &[u64], told: &Told<'_>) -> Checked {
        let before = self.top(market.0);
        let (mut lines, mut touched, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
        for order in orders {
            let left = self.ledger.markets[market.0 as usize].orders[order].left();
            let open = self.ledger.reduce(market, *order, left, Loss::Cancelled);
            lines.push(maker_line(ExecutionKind::Canceled, *order, &open, Some(OrderStatus::Canceled)));
            touched.push((open.side, open.price));
            accounts.push(open.account);
        }
        accounts.dedup();
        self.check_executions(market.0, &lines, told)?;
        same("postings", "of a cancel", &BTreeMap::new(), &told.posted)?;
        self.check_levels(market.0, &touched, before, told)?;
        let at = &self.ledger.markets[market.0 as usize];
        let assets = [at.base, at.quote];
        self.check_balances(&accounts, &assets, told)
    }

    fn check_executions(&mut self, market: u32, expected: &[Line], told: &Told<'_>) -> Checked {
        let numbers = &mut self.ledger.markets[market as usize].numbers;
        for (index, execution) in told.executions.iter().enumerate() {
            numbers.executions += 1;
            same("dense numbers", "execution", &numbers.executions, &execution.execution.0)?;
            let order = &execution.order;
            let done = (order.executed.0, order.prevented.0, order.notional.0);
            let found =
                (execution.kind, order.order.0, order.account.0, order.status, done.0, done.1, done.2, order.on_book);
            same("executions", "in price-time priority", &expected.get(index), &Some(&found))?;
        }
        same("executions", "how many", &expected.len(), &told.executions.len())
    }

    fn top(&self, market: u32) -> [(u64, u64); 2] {
        let book = &self.ledger.markets[market as usize].book;
        [Side::Buy, Side::Sell].map(|side| book.best(side).unwrap_or_default())
    }

    /// Levels and top as they were told, against the auditor's own book.
    fn check_levels(
        &mut self,
        market: u32,
        touched: &[(Side, u64)],
        before: [(u64, u64); 2],
        told: &Told<'_>,
    ) -> Checked {
        for level in &told.levels {
            let numbers = &mut self.ledger.markets[market as usize].numbers;
            numbers.updates += 1;
            same("dense numbers", "update", &numbers.updates, &level.update.0)?;
            self.levels.insert((market, level.side as u8, level.price.0), level.total.0);
        }
        let book = &self.ledger.markets[market as usize].book;
        let reported = told.levels.iter().map(|level| (level.side, level.price.0));
        for (side, price) in touched.iter().copied().chain(reported) {
            let known = self.levels.get(&(market, side as u8, price)).copied().unwrap_or(0);
            same("books", &format!("the {side:?} level at {price}"), &book.total(side, price), &known)?;
        }
        let after = self.top(market);
        holds("books", after[0].0 == 0 || after[1].0 == 0 || after[0].0 < after[1].0, || format!("crossed {after:?}"))?;
        same("books", "whether the top was told", &usize::from(before != after), &told.tops.len())?;
        if let Some(top) = told.tops.first() {
            let found = [(top.bid.0, top.bid_total.0), (top.ask.0, top.ask_total.0)];
            self.tops.insert(market, found);
        }
        same("books", "the top", &after, &self.tops.get(&market).copied().unwrap_or_default())
    }

    /// Balances as they were told, against the auditor's own ledger; nobody may owe.
    pub(super) fn check_balances(&mut self, accounts: &[u32], assets: &[u32], told: &Told<'_>) -> Checked {
        for balance in &told.balances {
            let key = (balance.account.0, balance.asset.0);
            self.balances.insert(key, (balance.free.0, balance.locked.0));
        }
        for account in accounts {
            for asset in assets {
                let (free, locked) = (self.ledger.free(*account, *asset), self.ledger.locked(*account, *asset));
                holds("nobody owes", free >= 0, || format!("account {account} has {free} of asset {asset}"))?;
                let known = self.balances.get(&(*account, *asset)).copied().unwrap_or_default();
                let text = || format!("account {account}, asset {asset} (free, locked)");
                if (free as u128, locked) != known {
                    return same("balances", &text(), &(free as u128, locked), &known);
                }
            }
        }
        Ok(())
    }
}

fn check_trades(market: u32, expected: &[Trade], told: &Told<'_>) -> Checked {
    let found: Vec<Trade> = told
        .trades
        .iter()
        .map(|it| {
            let (buyer, seller) = ((it.buy_order.0, it.buyer.0), (it.sell_order.0, it.seller.0));
            let terms = (it.price.0, it.quantity.0, it.notional.0);
            (it.trade.0, it.aggregate.0, terms.0, terms.1, terms.2, buyer, seller, it.buyer_is_maker)
        })
        .collect();
    same("trades", "in price-time priority", &expected, &found.as_slice())?;
    let mut sums = BTreeMap::<u64, (u64, u64)>::new();
    for trade in expected {
        sums.entry(trade.1).or_insert((trade.2, 0)).1 += trade.3;
    }
    let found = told.aggregates.iter().map(|it| (it.aggregate.0, (it.price.0, it.quantity.0))).collect();
    same("trades", &format!("aggregates of market {market}"), &sums, &found)
}

fn missing(what: &str) -> Finding {
    Finding { check: "executions", what: format!("nothing was told of {what}") }
}
