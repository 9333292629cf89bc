//! Commands of the operator and of services: accounts, keys, money in and out, listings, the log's own.

use agio_book::Book;

use crate::accounts::{Account, MAX_SUPPLY};
use crate::commands::{
    AddKey, Deposit, Epoch, ListAsset, ListMarket, OpenAccount, RetireLane, RevokeKey, SetCommission, SetFilters,
    SetLimits, SetMarketStatus, SetRights, Withdraw,
};
use crate::engine::{Engine, Key};
use crate::events::{AccountChanged, AssetListed, KeyAdded, KeyRevoked, LaneRetired, MarketChanged, Posted};
use crate::market::{Asset, Market, Rules, check_filters, check_name};
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::sink::Events;
use crate::spot::report::put_balance;
use crate::units::{AccountId, Amount, AssetId, Delta, KeyId, MarketId, ONE, OUTSIDE, Rate, SCALE};
use crate::vocabulary::Cause;

impl Engine {
    pub(crate) fn open_account(&mut self, command: &OpenAccount, out: &mut impl Events) -> Result<(), Refusal> {
        check_rates(command.maker, command.taker)?;
        let OpenAccount { rights, maker, taker, limits } = *command;
        let account = self.accounts.push(Account::new(rights, maker, taker, limits, self.time));
        out.put(|| self.account_changed(account));
        Ok(())
    }

    pub(crate) fn set_rights(&mut self, command: &SetRights, out: &mut impl Events) -> Result<(), Refusal> {
        self.change_account(command.account, out, |account| account.rights = command.rights)
    }

    pub(crate) fn set_commission(&mut self, command: &SetCommission, out: &mut impl Events) -> Result<(), Refusal> {
        self.accounts.customer_mut(command.account)?;
        check_rates(command.maker, command.taker)?;
        self.change_account(command.account, out, |account| {
            (account.maker, account.taker) = (command.maker, command.taker);
        })
    }

    pub(crate) fn set_limits(&mut self, command: &SetLimits, out: &mut impl Events) -> Result<(), Refusal> {
        self.change_account(command.account, out, |account| account.limits = command.limits)
    }

    fn change_account(
        &mut self,
        id: AccountId,
        out: &mut impl Events,
        change: impl FnOnce(&mut Account),
    ) -> Result<(), Refusal> {
        let time = self.time;
        let account = self.accounts.customer_mut(id)?;
        change(account);
        account.updated = time;
        out.put(|| self.account_changed(id));
        Ok(())
    }

    fn account_changed(&self, id: AccountId) -> AccountChanged {
        let Account { rights, maker, taker, limits, .. } = *self.accounts.at(id);
        AccountChanged { account: id, rights, maker, taker, limits, time: self.time }
    }

    pub(crate) fn add_key(&mut self, command: &AddKey, out: &mut impl Events) -> Result<(), Refusal> {
        let AddKey { account, permissions } = *command;
        self.accounts.customer_mut(account)?;
        self.keys.push(Key { account, permissions, revoked: false });
        out.put(|| KeyAdded { key: KeyId(self.keys.len() as u32), account, permissions });
        Ok(())
    }

    /// Revoking again is harmless and says so again.
    pub(crate) fn revoke_key(&mut self, command: &RevokeKey, out: &mut impl Events) -> Result<(), Refusal> {
        let slot = (command.key.0 as usize).checked_sub(1);
        let key = slot.and_then(|slot| self.keys.get_mut(slot)).ok_or(Reason::UnknownKey)?;
        key.revoked = true;
        out.put(|| KeyRevoked { key: command.key });
        Ok(())
    }

    pub(crate) fn deposit(&mut self, command: &Deposit, out: &mut impl Events) -> Result<(), Refusal> {
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

    pub(crate) fn withdraw(&mut self, command: &Withdraw, out: &mut impl Events) -> Result<(), Refusal> {
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
    fn cross_border(&mut self, account: AccountId, asset: AssetId, delta: Delta, cause: Cause, out: &mut impl Events) {
        self.assets[asset.0 as usize].outside.0 -= delta.0;
        self.accounts.moved(account, [(asset, delta.0)]);
        let (market, trade, time) = (None, None, self.time);
        for (account, delta) in [(OUTSIDE, Delta(-delta.0)), (account, delta)] {
            out.put(|| Posted { account, asset, delta, cause, market, trade, time });
        }
        put_balance(&mut self.accounts, account, asset, time, out);
    }

    pub(crate) fn list_asset(&mut self, command: &ListAsset, out: &mut impl Events) -> Result<(), Refusal> {
        require(self.assets.iter().all(|asset| asset.name != command.name), Reason::NameTaken)?;
        check_name(&command.name)?;
        require(u32::from(command.precision) <= SCALE, Reason::BadSetting)?;
        let ListAsset { name, precision } = command.clone();
        let asset = AssetId(self.assets.len() as u32);
        self.accounts.census.list();
        self.assets.push(Asset { name: name.clone(), precision, outside: Delta(0) });
        out.put(|| AssetListed { asset, name, precision });
        Ok(())
    }

    /// A new market trades at once.
    pub(crate) fn list_market(&mut self, command: &ListMarket, out: &mut impl Events) -> Result<(), Refusal> {
        let base_unit = self.require_asset(command.base)?.unit();
        let quote_unit = self.require_asset(command.quote)?.unit();
        require(!self.symbols.contains_key(&command.symbol), Reason::NameTaken)?;
        check_name(&command.symbol)?;
        check_filters(&command.filters)?;
        require(command.base != command.quote, Reason::BadSetting)?;
        let ListMarket { symbol, base, quote, filters } = command.clone();
        let id = MarketId(self.markets.len() as u32);
        self.symbols.insert(symbol.clone(), id);
        let rules = Rules::new(id, symbol, (base, base_unit), (quote, quote_unit), filters);
        self.markets.push(Market::new(rules, Book::new()));
        out.put(|| self.market_changed(id));
        Ok(())
    }

    pub(crate) fn set_filters(&mut self, command: &SetFilters, out: &mut impl Events) -> Result<(), Refusal> {
        self.require_market(command.market)?;
        check_filters(&command.filters)?;
        self.markets[command.market.0 as usize].rules.set_filters(command.filters);
        out.put(|| self.market_changed(command.market));
        Ok(())
    }

    pub(crate) fn set_market_status(
        &mut self,
        command: &SetMarketStatus,
        out: &mut impl Events,
    ) -> Result<(), Refusal> {
        self.require_market(command.market)?;
        self.markets[command.market.0 as usize].rules.status = command.status;
        out.put(|| self.market_changed(command.market));
        Ok(())
    }

    pub(crate) fn market_changed(&self, market: MarketId) -> MarketChanged {
        let Rules { symbol, base, quote, status, filters, .. } = &self.markets[market.0 as usize].rules;
        let (symbol, base, quote, status, filters) = (symbol.clone(), *base, *quote, *status, *filters);
        MarketChanged { market, symbol, base, quote, status, filters, time: self.time }
    }

    pub(crate) fn begin_epoch(&mut self, command: &Epoch) {
        self.epoch += 1;
        self.previous_log = command.previous;
    }

    pub(crate) fn retire_lane(&mut self, command: &RetireLane, out: &mut impl Events) -> Result<(), Refusal> {
        let at = self.lane(command.retired).map_err(|_| Reason::UnknownLane)?;
        self.lanes.remove(at);
        out.put(|| LaneRetired { lane: command.retired });
        Ok(())
    }
}

/// Nobody pays more than all of what he receives.
fn check_rates(maker: Rate, taker: Rate) -> Result<(), Refusal> {
    require(u64::from(maker.0.max(taker.0)) <= ONE, Reason::BadSetting)
}
