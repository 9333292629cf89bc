//! Accounts: what they may do, what they have.

use agio_book::prefetch;

use crate::audit::round::Census;
use crate::layout::records;
use crate::limits::Counts;
use crate::open::OpenList;
use crate::reasons::Reason;
use crate::refusal::Refusal;
use crate::units::{AccountId, Amount, AssetId, FEES, FIRST_CUSTOMER, INSURANCE, MarketId, Micros, Rate};
use crate::vocabulary::{OrderLimits, Rights};

/// The most that can exist of one asset, in 10^-8. It bounds every balance, hold and payment, so that no sum inside a
/// command can overflow: a payment times a rate stays below 2^124.
pub const MAX_SUPPLY: u128 = 1 << 96;

/// Up to so many balances, looking at one after the other is quicker than halving.
const FEW: usize = 8;

/// Bytes of a cache line.
const LINE: usize = 64;

/// How many accounts are the venue's own (numbers 0 to 3).
pub(crate) const HOUSE: u32 = 4;

records! {
    /// What an account has of one asset.
    Balance {
        /// Of what.
        asset: AssetId,
        /// What can be used.
        free: Amount,
        /// What open orders hold.
        locked: Amount,
    }
}

/// One account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub rights: Rights,
    pub maker: Rate,
    pub taker: Rate,
    pub limits: OrderLimits,
    pub counts: Counts,
    pub updated: Micros,
    /// Sorted by asset; an entry of zeros is as good as none.
    balances: Vec<Balance>,
    /// Sorted by market; the account's open orders in each. An empty list is as good as none.
    open: Vec<(MarketId, OpenList)>,
}

impl Account {
    pub(crate) fn new(rights: Rights, maker: Rate, taker: Rate, limits: OrderLimits, updated: Micros) -> Self {
        let counts = Counts::EMPTY;
        Self { rights, maker, taker, limits, counts, updated, balances: Vec::new(), open: Vec::new() }
    }

    /// An account with balances, sorted by asset.
    pub(crate) fn restored(
        rights: Rights,
        maker: Rate,
        taker: Rate,
        limits: OrderLimits,
        updated: Micros,
        balances: Vec<Balance>,
    ) -> Self {
        Self { balances, ..Self::new(rights, maker, taker, limits, updated) }
    }

    /// Asks for the memory of its balances and lists; the record itself should be there.
    #[inline]
    pub(crate) fn warm(&self) {
        self.balances.iter().step_by(LINE.div_ceil(size_of::<Balance>())).take(3).for_each(prefetch);
        self.open.first().into_iter().for_each(prefetch);
    }

    pub(crate) fn free(&self, asset: AssetId) -> Amount {
        self.balance(asset).free
    }

    pub(crate) fn balance(&self, asset: AssetId) -> Balance {
        let none = Balance { asset, free: Amount(0), locked: Amount(0) };
        self.find(asset).map_or(none, |at| self.balances[at])
    }

    pub(crate) fn balance_mut(&mut self, asset: AssetId) -> &mut Balance {
        let at = self.find(asset).unwrap_or_else(|at| self.open_balance(at, asset));
        &mut self.balances[at]
    }

    #[cold]
    fn open_balance(&mut self, at: usize, asset: AssetId) -> usize {
        self.balances.insert(at, Balance { asset, free: Amount(0), locked: Amount(0) });
        at
    }

    /// Who has had all assets up to this one has it at the place of its number, and nobody has it behind that.
    #[inline]
    fn find(&self, asset: AssetId) -> Result<usize, usize> {
        let place = asset.0 as usize;
        if self.balances.get(place).is_some_and(|balance| balance.asset == asset) {
            Ok(place)
        } else {
            self.search(asset)
        }
    }

    #[inline(never)]
    fn search(&self, asset: AssetId) -> Result<usize, usize> {
        if self.balances.len() > FEW {
            return self.balances.binary_search_by_key(&asset, |balance| balance.asset);
        }
        let at = self.balances.iter().position(|balance| balance.asset == asset);
        at.ok_or_else(|| self.balances.iter().take_while(|balance| balance.asset < asset).count())
    }

    /// All that is not zero, by asset.
    pub(crate) fn balances(&self) -> impl Iterator<Item = &Balance> {
        self.balances.iter().filter(|balance| balance.free.0 != 0 || balance.locked.0 != 0)
    }

    pub(crate) fn open(&self, market: MarketId) -> OpenList {
        match self.open.binary_search_by_key(&market, |(market, _)| *market) {
            Ok(at) => self.open[at].1,
            Err(_) => OpenList::EMPTY,
        }
    }

    #[inline]
    pub(crate) fn open_mut(&mut self, market: MarketId) -> &mut OpenList {
        let at = self.open.binary_search_by_key(&market, |(market, _)| *market);
        let at = at.unwrap_or_else(|_| self.begin_list(market));
        &mut self.open[at].1
    }

    /// Lists that have become empty stay, for the next order there, until their room is needed: so the memory is bounded by
    /// the markets in which the account has had orders at the same time, and nothing is moved for every order.
    #[cold]
    fn begin_list(&mut self, market: MarketId) -> usize {
        if self.open.len() == self.open.capacity() {
            self.open.retain(|(_, list)| list.count > 0);
        }
        let at = self.open.partition_point(|(other, _)| *other < market);
        self.open.insert(at, (market, OpenList::EMPTY));
        at
    }

    /// The account's lists of open orders, by market.
    pub(crate) fn open_lists(&self) -> impl Iterator<Item = (MarketId, OpenList)> {
        self.open.iter().copied()
    }
}

/// All accounts: the venue's own four, then customers in order of their numbers.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    list: Vec<Account>,
    /// What the running audit knows of their balances.
    pub census: Census,
}

impl Accounts {
    pub(crate) fn new() -> Self {
        let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
        let house = |id: u32| {
            let money = [FEES.0, INSURANCE.0].contains(&id);
            let rights = Rights { trade: false, withdraw: money, deposit: money };
            Account::new(rights, Rate(0), Rate(0), limits, Micros(0))
        };
        Self { list: (0..HOUSE).map(house).collect(), census: Census::default() }
    }

    fn slot(id: AccountId) -> Option<usize> {
        if id.0 < HOUSE {
            return Some(id.0 as usize);
        }
        Some((id.0.checked_sub(FIRST_CUSTOMER.0)? + HOUSE) as usize)
    }

    pub(crate) fn id(slot: usize) -> AccountId {
        let slot = slot as u32;
        AccountId(if slot < HOUSE { slot } else { slot - HOUSE + FIRST_CUSTOMER.0 })
    }

    pub(crate) fn get(&self, id: AccountId) -> Option<&Account> {
        self.list.get(Self::slot(id)?)
    }

    /// Asks for the memory of an account's record.
    #[inline]
    pub(crate) fn warm(&self, id: AccountId) {
        if let Some(account) = self.get(id) {
            prefetch(account);
            prefetch(&account.updated);
        }
    }

    /// Asks for the memory of what an account has, by its place; its record should be there.
    #[inline]
    pub(crate) fn warm_place(&self, place: usize) {
        self.list.get(place).into_iter().for_each(Account::warm);
    }

    /// An account that is known to exist.
    pub(crate) fn at(&self, id: AccountId) -> &Account {
        &self.list[Self::slot(id).expect("the account was checked")]
    }

    /// An account that is known to exist, to change it.
    pub(crate) fn at_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.list[Self::slot(id).expect("the account was checked")]
    }

    /// Tells the running audit that an account has got so much of some assets, or has lost it.
    #[inline]
    pub(crate) fn moved<const N: usize>(&mut self, id: AccountId, deltas: [(AssetId, i128); N]) {
        let place = Self::slot(id).expect("the account was checked");
        self.census.moved(place, deltas);
    }

    /// The account at a place: they stand in the order of their numbers.
    pub(crate) fn place(&self, place: usize) -> (AccountId, &Account) {
        (Self::id(place), &self.list[place])
    }

    pub(crate) fn require(&self, id: AccountId) -> Result<&Account, Refusal> {
        self.get(id).ok_or_else(|| Reason::UnknownAccount.into())
    }

    /// A customer's account; the venue's own cannot be changed by command.
    pub(crate) fn customer_mut(&mut self, id: AccountId) -> Result<&mut Account, Refusal> {
        let slot = Self::slot(id).filter(|_| id >= FIRST_CUSTOMER);
        slot.and_then(|slot| self.list.get_mut(slot)).ok_or_else(|| Reason::UnknownAccount.into())
    }

    /// Makes room for so many accounts.
    pub(crate) fn reserve(&mut self, accounts: usize) {
        self.list.reserve(accounts);
    }

    pub(crate) fn push(&mut self, account: Account) -> AccountId {
        self.list.push(account);
        Self::id(self.list.len() - 1)
    }

    /// Restores one of the venue's own accounts.
    pub(crate) fn replace_house(&mut self, number: u32, account: Account) {
        self.list[number as usize] = account;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountId, &Account)> {
        self.list.iter().enumerate().map(|(slot, account)| (Self::id(slot), account))
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer() -> Account {
        let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
        Account::new(Rights { trade: true, withdraw: true, deposit: true }, Rate(0), Rate(0), limits, Micros(0))
    }

    #[test]
    fn lists_of_markets_that_an_account_has_left_take_no_room() {
        let mut account = customer();
        account.open_mut(MarketId(5_000)).count = 1;
        for market in (0..5_000).chain(5_001..10_000).map(MarketId) {
            account.open_mut(market).count = 1;
            account.open_mut(market).count = 0;
            assert!(account.open.capacity() <= 4, "{} lists after {market:?}", account.open.len());
        }
        assert_eq!((account.open(MarketId(5_000)).count, account.open(MarketId(1)).count), (1, 0));
        assert!(account.open.is_sorted_by_key(|(market, _)| *market));
    }

    #[test]
    fn a_list_with_orders_is_never_lost() {
        let mut account = customer();
        for market in (0..200).rev().map(MarketId) {
            account.open_mut(market).count = market.0 % 3;
        }
        let kept: Vec<_> =
            account.open_lists().filter(|(_, list)| list.count > 0).map(|(market, _)| market.0).collect();
        assert_eq!(kept, (0..200).filter(|market| market % 3 > 0).collect::<Vec<_>>());
    }
}
