//! Cancelling open orders. Every market status lets cancels through, and so does a halted shard.

use agio_planted::{Bug, planted};

use super::hold::hold;
use super::order::{Order, Placement};
use super::report::Levels;
use super::settle::{paid, release};
use crate::client_ids;
use crate::commands::{Cancel, CancelAll};
use crate::engine::Engine;
use crate::market::Market;
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::sink::{Events, Told};
use crate::units::{AccountId, Amount, ClientId, KeyId, MarketId, OrderId};
use crate::vocabulary::{ExecutionKind, OrderStatus, Restriction};

impl Engine {
    /// Cancels one open order.
    pub(crate) fn cancel(&mut self, command: &Cancel, out: &mut impl Events) -> Result<(), Refusal> {
        let order = self.plan_cancel(command)?;
        self.take_off(command.market, order, command.cancel_id, out);
        self.close_cancels(command.market, out);
        Ok(())
    }

    /// Cancels all open orders of an account in one market, in order of their numbers.
    pub(crate) fn cancel_all(&mut self, command: &CancelAll, out: &mut impl Events) -> Result<(), Refusal> {
        self.check_signed(command.account, &command.signed, self.time)?;
        self.check_canceller(command.account, command.market, command.signed.key)?;
        let list = self.accounts.at(command.account).open(command.market);
        require(list.count > 0, Reason::UnknownOrder)?;
        let orders: Vec<OrderId> = self.open.list(list).map(|node| node.order).collect();
        for order in orders {
            self.take_off(command.market, order, ClientId::NONE, out);
        }
        self.scratch.merge_levels();
        self.close_cancels(command.market, out);
        Ok(())
    }

    /// All checks of a cancel, in order of precedence.
    fn plan_cancel(&self, command: &Cancel) -> Result<OrderId, Refusal> {
        self.check_signed(command.account, &command.signed, self.time)?;
        let market = self.check_canceller(command.account, command.market, command.signed.key)?;
        let named = command.order.is_some() || !command.client_id.is_empty();
        require(named, Reason::BadCombination)?;
        let (id, order) = self.find(market, command)?;
        require(
            match command.restriction {
                Restriction::None => true,
                Restriction::OnlyNew => order.status() == OrderStatus::New,
                Restriction::OnlyPartiallyFilled => order.status() == OrderStatus::PartiallyFilled,
            },
            Reason::CancelRestricted,
        )?;
        Ok(id)
    }

    /// An account that may not trade may not cancel either; an operator may do it for the account.
    fn check_canceller(&self, account: AccountId, market: MarketId, key: KeyId) -> Result<&Market, Refusal> {
        let market = self.require_market(market)?;
        let rights = self.accounts.require(account)?.rights;
        require(rights.trade || key == KeyId(0), Reason::TradingDisabled)?;
        Ok(market)
    }

    /// By number, verified against the client id if there is one too; else by client id.
    fn find<'a>(&'a self, market: &'a Market, command: &Cancel) -> Result<(OrderId, &'a Order), Refusal> {
        let (account, client_id) = (command.account, &command.client_id);
        let by_client = || self.open.find(account, command.market, client_id).map(|node| node.order);
        let id = command.order.or_else(by_client).ok_or(Reason::UnknownOrder)?;
        let (_, order) = market.book.get(id.0).ok_or(Reason::UnknownOrder)?;
        require(order.account == account, Reason::UnknownOrder)?;
        let same = client_id.is_empty() || self.open.node(order.slot).client_id == *client_id;
        require(same, Reason::OrderMismatch)?;
        Ok((id, order))
    }

    /// Takes one open order off the book, frees its hold and reports it.
    fn take_off(&mut self, market: MarketId, id: OrderId, cancel_id: ClientId, out: &mut impl Events) {
        let now = self.time;
        let Market { rules, book, .. } = &mut self.markets[market.0 as usize];
        let mut levels = Levels(&mut self.scratch.levels);
        let (resting, mut order) = book.cancel(id.0, &mut levels).expect("the order was found");
        order.updated = now;
        let at = Placement::from(resting);
        let held = hold(at.side, at.price, order.remaining());
        let held = if planted(Bug::HoldKeptOnCancel) { Amount(0) } else { held };
        release(&mut self.accounts, &mut self.scratch, order.account, paid(rules, at.side), held);
        let execution = rules.counters.execution();
        let made = || client_ids::of_cancel(order.account, market, execution.0);
        let cancel_id = if cancel_id.is_empty() { made() } else { cancel_id };
        let (kind, time) = (ExecutionKind::Canceled, now);
        let (fill, prevention) = (None, None);
        let view = &order.view(&self.open, market, &at, Some(OrderStatus::Canceled));
        out.put_execution(&Told { kind, execution, time, order: view, fill, prevention, cancel_id });
        self.open.remove(order.slot, self.accounts.at_mut(order.account).open_mut(market));
    }

    fn close_cancels(&mut self, market: MarketId, out: &mut impl Events) {
        let Market { rules, book, top } = &mut self.markets[market.0 as usize];
        let after = top.after(&self.scratch.levels, book);
        let before = std::mem::replace(top, after);
        self.scratch.flush_market(rules, (before, *top), self.time, out);
        self.scratch.flush_ledger(rules, &mut self.accounts, self.time, out);
    }
}
