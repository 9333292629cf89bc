//! Commands of the operator and of services: accounts, keys, money in and out, listings, the log's own.

use agio_book::Book;

use crate::accounts::{Account, MAX_SUPPLY};
use crate::commands::{
    AddKey, Deposit, Epoch, ListAsset, ListMarket, OpenAccount, RetireLane, RevokeKey, SetCommission, SetFilters,
    SetLimits, SetMarketStatus, SetRights, Withdraw,
};
use crate::engine::{Engine, Key};
use crate::events::{AccountChanged, AssetListed, Event, KeyAdded, KeyRevoked, LaneRetired, MarketChanged};
use crate::market::{Asset, Counters, Market, Rules, check_filters, check_name};
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::spot::average::Averages;
use crate::spot::report::Why;
use crate::units::{AccountId, Amount, AssetId, Delta, KeyId, MarketId, ONE, OUTSIDE, Rate, SCALE};
use crate::vocabulary::{Cause, MarketStatus};

impl Engine {
    pub(crate) fn open_account(&mut self, command: &OpenAccount, out: &mut Vec<Event>) -> Result<(), Refusal> {
        check_rates(command.maker, command.taker)?;
        let OpenAccount { rights, maker, taker, limits } = *command;
        let account = self.accounts.push(Account::new(rights, maker, taker, limits, self.time));
        out.push(self.account_changed(account));
        Ok(())
    }

    pub(crate) fn set_rights(&mut self, command: &SetRights, out: &mut Vec<Event>) -> Result<(), Refusal> {
        self.change_account(command.account, out, |account| account.rights = command.rights)
    }

    pub(crate) fn set_commission(&mut self, command: &SetCommission, out: &mut Vec<Event>) -> Result<(), Refusal> {
        self.accounts.customer_mut(command.account)?;
        check_rates(command.maker, command.taker)?;
        self.change_account(command.account, out, |account| {
            (account.maker, account.taker) = (command.maker, command.taker);
        })
    }

    pub(crate) fn set_limits(&mut self, command: &SetLimits, out: &mut Vec<Event>) -> Result<(), Refusal> {
        self.change_account(command.account, out, |account| account.limits = command.limits)
    }

    fn change_account(
        &mut self,
        id: AccountId,
        out: &mut Vec<Event>,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), Refusal> {
        let time = self.time;
        let account = self.accounts.customer_mut(id)?;
        change(account);
        account.updated = time;
        out.push(self.account_changed(id));
        Ok(())
    }

    fn account_changed(&self, id: AccountId) -> Event {
        let Account { rights, maker, taker, limits, .. } = *self.accounts.at(id);
        AccountChanged { account: id, rights, maker, taker, limits, time: self.time }.into()
    }

    pub(crate) fn add_key(&mut self, command: &AddKey, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let AddKey { account, permissions } = *command;
        self.accounts.customer_mut(account)?;
        self.keys.push(Key { account, permissions, revoked: false });
        out.push(KeyAdded { key: KeyId(self.keys.len() as u32), account, permissions }.into());
        Ok(())
    }

    /// Revoking again is harmless and says so again.
    pub(crate) fn revoke_key(&mut self, command: &RevokeKey, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let slot = (command.key.0 as usize).checked_sub(1);
        let key = slot.and_then(|slot| self.keys.get_mut(slot)).ok_or(Reason::UnknownKey)?;
        key.revoked = true;
        out.push(KeyRevoked { key: command.key }.into());
        Ok(())
    }

    pub(crate) fn deposit(&mut self, command: &Deposit, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let Deposit { account, asset, amount } = *command;
        let rights = self.accounts.require(account)?.rights;
        self.require_asset(asset)?;
        require(rights.deposit, Reason::DepositDisabled)?;
        let room = MAX_SUPPLY - self.supply(asset).0;
        require(amount.0 > 0 && amount.0 <= room, Reason::BadAmount)?;
        self.accounts.at_mut(account).balance_mut(asset).free.0 += amount.0;
        self.cross_border(account, asset, Delta(amount.0 as i128), Cause::Deposit, out);
        Ok(())
    }

    pub(crate) fn withdraw(&mut self, command: &Withdraw, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let Withdraw { account, asset, amount } = *command;
        let state = self.accounts.require(account)?;
        self.require_asset(asset)?;
        require(state.rights.withdraw, Reason::WithdrawalDisabled)?;
        require(amount <= state.free(asset), Reason::InsufficientBalance)?;
        require(amount > Amount(0), Reason::BadAmount)?;
        self.accounts.at_mut(account).balance_mut(asset).free.0 -= amount.0;
        self.cross_border(account, asset, Delta(-(amount.0 as i128)), Cause::Withdrawal, out);
        Ok(())
    }

    /// The outside world's side of money that comes in (`delta` above 0) or goes out.
    fn cross_border(&mut self, account: AccountId, asset: AssetId, delta: Delta, cause: Cause, out: &mut Vec<Event>) {
        self.assets[asset.0 as usize].outside.0 -= delta.0;
        let why = Why { cause, market: None, trade: None };
        self.scratch.post(OUTSIDE, asset, -delta.0, &why, self.time);
        self.scratch.post(account, asset, delta.0, &why, self.time);
        self.scratch.touch(account, asset);
        self.scratch.flush_ledger(&mut self.accounts, self.time, out);
    }

    pub(crate) fn list_asset(&mut self, command: &ListAsset, out: &mut Vec<Event>) -> Result<(), Refusal> {
        require(self.assets.iter().all(|asset| asset.name != command.name), Reason::NameTaken)?;
        check_name(&command.name)?;
        require(u32::from(command.precision) <= SCALE, Reason::BadSetting)?;
        let ListAsset { name, precision } = command.clone();
        let asset = AssetId(self.assets.len() as u32);
        self.assets.push(Asset { name: name.clone(), precision, outside: Delta(0) });
        out.push(AssetListed { asset, name, precision }.into());
        Ok(())
    }

    /// A new market trades at once.
    pub(crate) fn list_market(&mut self, command: &ListMarket, out: &mut Vec<Event>) -> Result<(), Refusal> {
        let base_unit = self.require_asset(command.base)?.unit();
        let quote_unit = self.require_asset(command.quote)?.unit();
        require(!self.symbols.contains_key(&command.symbol), Reason::NameTaken)?;
        check_name(&command.symbol)?;
        check_filters(&command.filters)?;
        require(command.base != command.quote, Reason::BadSetting)?;
        let ListMarket { symbol, base, quote, filters } = command.clone();
        let id = MarketId(self.markets.len() as u32);
        self.symbols.insert(symbol.clone(), id);
        let (status, counters, averages) = (MarketStatus::Trading, Counters::NONE, Averages::default());
        let last_trade = None;
        let rules =
            Rules { id, symbol, base, quote, base_unit, quote_unit, status, filters, counters, last_trade, averages };
        self.markets.push(Market::new(rules, Book::new()));
        out.push(self.market_changed(id));
        Ok(())
    }

    pub(crate) fn set_filters(&mut self, command: &SetFilters, out: &mut Vec<Event>) -> Result<(), Refusal> {
        self.require_market(command.market)?;
        check_filters(&command.filters)?;
        self.markets[command.market.0 as usize].rules.filters = command.filters;
        out.push(self.market_changed(command.market));
        Ok(())
    }

    pub(crate) fn set_market_status(&mut self, command: &SetMarketStatus, out: &mut Vec<Event>) -> Result<(), Refusal> {
        self.require_market(command.market)?;
        self.markets[command.market.0 as usize].rules.status = command.status;
        out.push(self.market_changed(command.market));
        Ok(())
    }

    pub(crate) fn market_changed(&self, market: MarketId) -> Event {
        let Rules { symbol, base, quote, status, filters, .. } = &self.markets[market.0 as usize].rules;
        let (symbol, base, quote, status, filters) = (symbol.clone(), *base, *quote, *status, *filters);
        MarketChanged { market, symbol, base, quote, status, filters, time: self.time }.into()
    }

    pub(crate) fn begin_epoch(&mut self, command: &Epoch) {
        self.epoch += 1;
        self.previous_log = command.previous;
    }

    pub(crate) fn retire_lane(&mut self, command: &RetireLane, out: &mut Vec<Event>) -> Result<(), Refusal> {
        require(self.lanes.remove(&command.retired).is_some(), Reason::UnknownLane)?;
        out.push(LaneRetired { lane: command.retired }.into());
        Ok(())
    }
}

/// Nobody pays more than all of what he receives.
fn check_rates(maker: Rate, taker: Rate) -> Result<(), Refusal> {
    require(u64::from(maker.0.max(taker.0)) <= ONE, Reason::BadSetting)
}
