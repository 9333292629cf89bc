//! Placing an order: everything is checked (`plan`) before anything changes (`execute`). The order of the checks is
//! documented in `docs/concepts/precedence.md`.

use agio_book::{End, Incoming, Lifetime, Placed};
use agio_planted::{Bug, planted};

use super::filters;
use super::hold::hold;
use super::order::{Order, lose_priority};
use super::settle::{Settler, paid, paid_asset};
use super::walk::{Walk, Want, walk};
use crate::accounts::{Account, MAX_SUPPLY};
use crate::client_ids;
use crate::commands::Place;
use crate::engine::Engine;
use crate::limits::Running;
use crate::market::{Market, Rules, bit};
use crate::open;
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::sink::Events;
use crate::units::{Amount, Micros, OrderId, Price, Quantity};
use crate::vocabulary::{ExecutionKind, Expiry, MarketStatus, OrderKind, OrderStatus, OrderView, Side, TimeInForce};

/// What the checks found out about an order that may be placed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Its quantity: of a budget, what the book sells for it.
    quantity: Quantity,
    /// A budget that would have paid for more than the book has.
    runs_out: bool,
    /// The client id's [`open::hash`]; none if the engine makes the id.
    hash: Option<u32>,
}

impl Engine {
    /// Places an order.
    pub(crate) fn place(&mut self, command: &Place, out: &mut impl Events) -> Result<(), Refusal> {
        let plan =
            self.plan(command, self.time, self.running).inspect_err(|refusal| self.count_late(command, refusal))?;
        self.execute(command, &plan, out);
        Ok(())
    }

    /// A request that was in time at the gateway and is late here counts as an order (Binance, 2025-08-12).
    fn count_late(&mut self, command: &Place, refusal: &Refusal) {
        if refusal.reason == Reason::OutsideWindow
            && !planted(Bug::LateOrderUncounted)
            && let Ok(account) = self.accounts.customer_mut(command.account)
        {
            account.counts.add(&account.limits, self.running);
        }
    }

    /// All checks, in order of precedence; changes nothing.
    pub(crate) fn plan(&self, order: &Place, now: Micros, running: Running) -> Result<Plan, Refusal> {
        let (market, account) = self.admit(order, now)?;
        account.counts.check(&account.limits, running)?;
        check_rules(market, account, order, now)?;
        let hash = self.check_client_id(&market.rules, order)?;
        let plan = match order.kind {
            OrderKind::Limit | OrderKind::LimitMaker => plan_limit(market, account, order),
            OrderKind::Market if order.budget.0 == 0 => plan_quantity(market, account, order),
            OrderKind::Market => plan_budget(market, account, order),
        };
        plan.map(|plan| Plan { hash, ..plan })
    }

    /// What is checked of an order that is not to be matched: all of [`Self::plan`] but the account's order counts, its
    /// client ids and its money, and what the book has for it.
    pub(crate) fn check_alone(&self, order: &Place, now: Micros) -> Result<(), Refusal> {
        let (market, account) = self.admit(order, now)?;
        check_rules(market, account, order, now)
    }

    /// Whether this account may trade in this market, and asks in time.
    #[inline]
    fn admit(&self, order: &Place, now: Micros) -> Result<(&Market, &Account), Refusal> {
        self.check_signed(order.account, &order.signed, now)?;
        let market = self.require_market(order.market)?;
        let account = self.accounts.require(order.account)?;
        let trades = market.rules.status == MarketStatus::Trading || planted(Bug::ClosedMarketTrades);
        require(trades, Reason::MarketClosed)?;
        require(account.rights.trade, Reason::TradingDisabled)?;
        Ok((market, account))
    }

    /// No two open orders of an account have the same client id in a market, nor will the engine make it for another.
    /// Returns the hash.
    fn check_client_id(&self, rules: &Rules, order: &Place) -> Result<Option<u32>, Refusal> {
        let Place { account, market, client_id, .. } = order;
        if client_id.is_empty() {
            return Ok(None);
        }
        let hash = open::hash(*account, *market, client_id);
        let taken = self.open.find_hashed(hash, *account, *market, client_id).is_some();
        require(!taken || planted(Bug::DuplicateClientId), Reason::DuplicateOrder)?;
        let to_come = client_ids::is_to_come(*account, *market, rules.counters.orders, client_id);
        require(!to_come, Reason::DuplicateOrder)?;
        Ok(Some(hash))
    }

    fn execute(&mut self, command: &Place, plan: &Plan, out: &mut impl Events) {
        let (now, running) = (self.time, self.running);
        let account = self.accounts.at_mut(command.account);
        account.counts.add(&account.limits, running);
        let Market { rules, book, top } = &mut self.markets[command.market.0 as usize];
        let taker = accept(rules, command, plan, now);
        let (accounts, open, scratch) = (&mut self.accounts, &mut self.open, &mut self.scratch);
        let slot = open.reserve();
        let runs_out = plan.runs_out;
        let mut settler = Settler { now, running, rules, accounts, open, scratch, out, taker, runs_out };
        settler.report(ExecutionKind::New, None, None);
        let mut policy = filters::policy(settler.rules, command);
        let placed = book
            .place(&incoming(&taker), |_| Order::resting(&taker, slot), &mut policy, &mut settler)
            .expect("the book's own refusals were checked");
        settler.finish(&placed, slot, plan.hash);
        if placed.end == End::Rested && placed.left != taker.quantity.0 {
            let (_, resting) = book.get_mut(taker.order.0).expect("it rests");
            *resting = Order::resting(&settler.taker, slot);
        }
        if placed.end == End::Rested && planted(Bug::LostPriority) {
            lose_priority(book, taker.side.into());
        }
        let after = top.after(&scratch.levels, book);
        if after.is_crossed() {
            self.violation = Some(format!("the book of {} is crossed", rules.symbol));
        }
        scratch.flush_market(rules, (std::mem::replace(top, after), after), now, out);
        scratch.flush_ledger(rules, accounts, now, out);
    }
}

impl<E: Events> Settler<'_, E> {
    /// What becomes of the taker after matching.
    fn finish(&mut self, placed: &Placed, slot: u32, hash: Option<u32>) {
        if placed.end == End::Rested {
            self.rest(Quantity(placed.left), slot, hash);
            return;
        }
        self.open.release(slot);
        let expiry = match (placed.end, self.taker.life) {
            (End::Prevented, _) => return,
            (End::Filled, _) if !self.runs_out => return,
            (_, TimeInForce::Ioc) => Expiry::UnfilledIoc,
            (_, TimeInForce::Fok) => Expiry::UnfilledFok,
            (_, TimeInForce::Gtc) => Expiry::Liquidity,
        };
        self.expire(expiry);
    }

    /// Lets what is left of an order rest: holds its money and makes it findable.
    #[inline]
    fn rest(&mut self, left: Quantity, slot: u32, hash: Option<u32>) {
        let (order, market) = (&self.taker, self.rules.id);
        let (asset, touch) = paid(self.rules, order.side);
        let held = hold(order.side, order.price, left);
        let account = self.accounts.at_mut(order.account);
        let balance = account.balance_mut(asset);
        balance.free.0 -= held.0;
        balance.locked.0 += held.0;
        let list = account.open_mut(market);
        let (owner, client_id) = ((order.account, market), order.client_id);
        let hash = hash.unwrap_or_else(|| open::hash(owner.0, owner.1, &client_id));
        self.open.insert(slot, owner, order.order, (client_id, hash), list);
        self.scratch.touch(order.account, touch);
    }
}

/// The order by itself, and under the market's rules.
#[inline]
fn check_rules(market: &Market, account: &Account, order: &Place, now: Micros) -> Result<(), Refusal> {
    check_form(order)?;
    let mode = order.prevention.unwrap_or(market.rules.filters.prevention);
    require(market.rules.filters.preventions & bit(mode) != 0, Reason::PreventionNotAllowed)?;
    check_filters(market, account, order, now)
}

/// Whether the parameters make an order.
fn check_form(order: &Place) -> Result<(), Refusal> {
    let bare = order.budget.0 == 0;
    let fits = match order.kind {
        OrderKind::Limit => bare,
        OrderKind::LimitMaker => bare && order.life == TimeInForce::Gtc,
        OrderKind::Market => order.price.0 == 0 && order.life == TimeInForce::Gtc && (bare || order.quantity.0 == 0),
    };
    require(fits, Reason::BadCombination)?;
    let something = match order.kind {
        OrderKind::Limit | OrderKind::LimitMaker => order.price.pays(order.quantity),
        OrderKind::Market => order.quantity.0 > 0 || !bare,
    };
    require(something, Reason::ZeroOrder)
}

/// The filters that can be judged without the book: all of them, but for the lots of a budget.
fn check_filters(market: &Market, account: &Account, order: &Place, now: Micros) -> Result<(), Refusal> {
    let rules = &market.rules;
    if order.kind != OrderKind::Market {
        filters::price(rules, order.price)?;
    }
    if order.budget.0 == 0 {
        filters::lots(rules, order.kind, order.quantity)?;
    }
    filters::notional(rules, order, now)?;
    let most = if account.limits.open == 0 { rules.filters.max_orders } else { account.limits.open };
    let rests = order.kind != OrderKind::Market && order.life == TimeInForce::Gtc;
    require(!rests || most == 0 || account.open(rules.id).count < most, Refusal::of(Reason::MaxOrders, most))
}

fn plan_limit(market: &Market, account: &Account, order: &Place) -> Result<Plan, Refusal> {
    let needed = hold(order.side, order.price, order.quantity);
    let enough = needed <= account.free(paid_asset(&market.rules, order.side));
    require(enough || planted(Bug::BalanceUnchecked), Reason::InsufficientBalance)?;
    if order.life == TimeInForce::Gtc {
        let crosses = market.top.meets(order.side, order.price);
        require(!crosses || order.kind != OrderKind::LimitMaker, Reason::WouldTake)?;
        filters::room(market, order)?;
    }
    Ok(Plan { quantity: order.quantity, runs_out: false, hash: None })
}

fn plan_quantity(market: &Market, account: &Account, order: &Place) -> Result<Plan, Refusal> {
    let free = account.free(paid_asset(&market.rules, order.side));
    let needed = match order.side {
        Side::Sell => order.quantity.0.into(),
        Side::Buy => walked(market, order, Want::Quantity(order.quantity.0), |walk| walk.cost > free.0).cost,
    };
    require(needed <= free.0, Reason::InsufficientBalance)?;
    Ok(Plan { quantity: order.quantity, runs_out: false, hash: None })
}

/// A budget becomes a quantity: what the book, walked under the order's own prevention mode, gives for it.
fn plan_budget(market: &Market, account: &Account, order: &Place) -> Result<Plan, Refusal> {
    let rules = &market.rules;
    let free = account.free(paid_asset(rules, order.side));
    require(order.side == Side::Sell || order.budget <= free, Reason::InsufficientBalance)?;
    let rest = order.budget.0.min(MAX_SUPPLY);
    let step = rules.gauge.budget_step;
    let sellable = free.0.saturating_add(step.into());
    let unsellable = |walk: &Walk| order.side == Side::Sell && u128::from(walk.executed) > sellable;
    let found = walked(market, order, Want::Budget { rest, step, taken: 0 }, unsellable);
    let sum = found.executed + found.prevented;
    // What rests may be finer than today's step.
    let quantity = Quantity(sum - sum % step);
    // Of what is left, part may be an own order's, and would not trade.
    let whole = quantity.0 == sum;
    let kept = if whole { found } else { walked(market, order, Want::Quantity(quantity.0), unsellable) };
    require(order.side == Side::Buy || u128::from(kept.executed) <= free.0, Reason::InsufficientBalance)?;
    if found.runs_out {
        let low = |reason| Refusal::of(reason, sum);
        require(quantity.0 > 0 && quantity >= rules.filters.lot.min, low(Reason::LiquidityBelowLot))?;
        require(quantity >= rules.filters.market_lot.min, low(Reason::LiquidityBelowMarketLot))?;
    }
    require(quantity.0 > 0, Refusal::of(Reason::LotSize, rules.filters.lot.min.0))?;
    filters::lots(rules, order.kind, quantity)?;
    Ok(Plan { quantity, runs_out: found.runs_out, hash: None })
}

fn walked(market: &Market, order: &Place, want: Want, unpaid: impl Fn(&Walk) -> bool) -> Walk {
    walk(&market.book, order.side.into(), filters::policy(&market.rules, order), want, unpaid)
}

/// The order as it is accepted.
fn accept(rules: &mut Rules, command: &Place, plan: &Plan, now: Micros) -> OrderView {
    let order: OrderId = rules.counters.order();
    let given = command.client_id;
    let made = || client_ids::of_order(command.account, command.market, order.0);
    OrderView {
        market: command.market,
        account: command.account,
        order,
        client_id: if given.is_empty() { made() } else { given },
        side: command.side,
        kind: command.kind,
        life: command.life,
        price: command.price,
        quantity: plan.quantity,
        budget: command.budget,
        executed: Quantity(0),
        notional: Amount(0),
        prevented: Quantity(0),
        status: OrderStatus::New,
        expiry: Expiry::None,
        prevention: command.prevention.unwrap_or(rules.filters.prevention),
        prevented_match: None,
        strategy: command.strategy,
        strategy_type: command.strategy_type,
        on_book: true,
        opened: now,
        updated: now,
    }
}

fn incoming(order: &OrderView) -> Incoming {
    let lifetime = match (order.kind, order.life) {
        (OrderKind::LimitMaker, _) => Lifetime::PostOnly,
        (OrderKind::Market, _) | (_, TimeInForce::Ioc) => Lifetime::Immediate,
        (OrderKind::Limit, TimeInForce::Gtc) => Lifetime::Rest,
        (OrderKind::Limit, TimeInForce::Fok) if planted(Bug::FillOrKillFillsPart) => Lifetime::Immediate,
        (OrderKind::Limit, TimeInForce::Fok) => Lifetime::FillOrKill,
    };
    let limit = (order.price != Price(0)).then_some(order.price.0);
    Incoming { id: order.order.0, side: order.side.into(), limit, quantity: order.quantity.0, lifetime }
}
