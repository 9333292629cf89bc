//! What must be refused, and why: the tables of `docs/concepts/precedence.md`, a row each. The first row that holds is the
//! reason that must be given; if none does, the command must be accepted.

use agio_engine::commands::{Cancel, CancelAll, Command, Place, Signed};
use agio_engine::reasons::Reason;
use agio_engine::units::{AccountId, FIRST_CUSTOMER, KeyId, MarketId, ONE};
use agio_engine::vocabulary::{
    LotFilter, MarketStatus, NotionalForm, OrderKind, Prevention, Restriction, Side, TimeInForce,
};

use super::book::notional;
use super::ledger::{Account, Ledger, Market, OUTSIDE};

/// The most that can exist of one asset.
const MAX_SUPPLY: u128 = 1 << 96;

/// A row: the reason, and when it holds.
type Row<T> = (Reason, fn(&Case<'_, T>) -> bool);

struct Case<'a, T> {
    ledger: &'a Ledger,
    command: &'a T,
    now: u64,
}

fn first<T>(rows: &[Row<T>], ledger: &Ledger, command: &T, now: u64) -> Option<Reason> {
    let case = Case { ledger, command, now };
    rows.iter().find(|(_, holds)| holds(&case)).map(|(reason, _)| *reason)
}

/// Why a command must be refused now, if it must.
pub(crate) fn refusal(ledger: &Ledger, command: &Command, now: u64, deadline: u64) -> Option<Reason> {
    if deadline != 0 && now > deadline {
        return Some(Reason::DeadlinePassed);
    }
    match command {
        Command::Place(place) => first(PLACE, ledger, place, now),
        Command::Cancel(cancel) => first(CANCEL, ledger, cancel, now),
        Command::CancelAll(cancel) => first(CANCEL_ALL, ledger, cancel, now),
        other => administration(ledger, other),
    }
}

fn outside_window(signed: &Signed, now: u64) -> bool {
    signed.sent.0 != 0 && now.saturating_sub(signed.sent.0) > signed.window.0
}

fn ahead_of_time(signed: &Signed, now: u64) -> bool {
    signed.sent.0 != 0 && signed.sent.0 >= now + 1_000_000
}

fn key_refused(ledger: &Ledger, signed: &Signed, account: AccountId) -> bool {
    let good = |key: &(u32, bool, bool)| key.0 == account.0 && key.1 && !key.2;
    signed.key != KeyId(0) && !ledger.keys.get(signed.key.0 as usize - 1).is_some_and(good)
}

const PLACE: &[Row<Place>] = &[
    (Reason::OutsideWindow, |case| outside_window(&case.command.signed, case.now)),
    (Reason::AheadOfTime, |case| ahead_of_time(&case.command.signed, case.now)),
    (Reason::KeyRefused, |case| key_refused(case.ledger, &case.command.signed, case.command.account)),
    (Reason::UnknownMarket, |case| case.ledger.market(case.command.market).is_none()),
    (Reason::UnknownAccount, |case| !case.ledger.accounts.contains_key(&case.command.account.0)),
    (Reason::MarketClosed, |case| case.market().status != MarketStatus::Trading),
    (Reason::TradingDisabled, |case| !case.account().rights.trade),
    (Reason::TooManyOrdersTenSeconds, |case| case.is_over(0)),
    (Reason::TooManyOrdersDay, |case| case.is_over(1)),
    (Reason::BadCombination, |case| !case.is_an_order()),
    (Reason::ZeroOrder, |case| case.is_of_nothing()),
    (Reason::PreventionNotAllowed, |case| case.market().filters.preventions & (1 << case.mode() as u8) == 0),
    (Reason::PriceFilter, |case| case.breaks_price_filter()),
    (Reason::LotSize, |case| case.has_quantity() && breaks(&case.market().filters.lot, case.command.quantity.0)),
    (Reason::MarketLotSize, |case| {
        case.is_market() && case.has_quantity() && breaks(&case.market().filters.market_lot, case.command.quantity.0)
    }),
    (Reason::Notional, |case| case.breaks_notional(NotionalForm::Range)),
    (Reason::MinNotional, |case| case.breaks_notional(NotionalForm::Minimum)),
    (Reason::MaxOrders, |case| case.has_too_many_open()),
    (Reason::DuplicateOrder, |case| case.is_duplicate()),
    (Reason::InsufficientBalance, |case| !case.can_pay()),
    (Reason::WouldTake, |case| {
        case.command.kind == OrderKind::LimitMaker
            && case.market().book.crosses(case.command.side, case.command.price.0)
    }),
    (Reason::LiquidityBelowLot, |case| {
        case.spent().is_some_and(|(sum, runs_out)| runs_out && (sum == 0 || sum < case.market().filters.lot.min.0))
    }),
    (Reason::LiquidityBelowMarketLot, |case| {
        case.spent().is_some_and(|(sum, runs_out)| runs_out && sum < case.market().filters.market_lot.min.0)
    }),
    (Reason::LotSize, |case| case.spent().is_some_and(|(sum, _)| sum == 0 || breaks(&case.market().filters.lot, sum))),
    (Reason::MarketLotSize, |case| case.spent().is_some_and(|(sum, _)| breaks(&case.market().filters.market_lot, sum))),
    (Reason::LevelFull, |case| {
        let Place { side, price, quantity, .. } = *case.command;
        case.may_rest() && case.market().book.total(side, price.0).checked_add(quantity.0).is_none()
    }),
];

/// A market order's own prevention mode, or the market's.
pub(crate) fn mode(market: &Market, place: &Place) -> Prevention {
    place.prevention.unwrap_or(market.filters.prevention)
}

/// The step of a budget: the smallest multiple of both lots' steps.
pub(crate) fn step(market: &Market) -> u64 {
    let (lot, market_lot) = (market.filters.lot.step.0.max(1), market.filters.market_lot.step.0.max(1));
    let (fine, coarse) = (lot.min(market_lot), lot.max(market_lot));
    (1..=fine).map(|times| times * coarse).find(|step| step.is_multiple_of(fine)).expect("the product is one")
}

fn breaks(filter: &LotFilter, quantity: u64) -> bool {
    quantity < filter.min.0
        || filter.max.0 != 0 && quantity > filter.max.0
        || filter.step.0 != 0 && !quantity.is_multiple_of(filter.step.0)
}

impl Case<'_, Place> {
    fn market(&self) -> &Market {
        self.ledger.market(self.command.market).expect("an earlier row asked")
    }

    fn account(&self) -> &Account {
        &self.ledger.accounts[&self.command.account.0]
    }

    fn mode(&self) -> Prevention {
        mode(self.market(), self.command)
    }

    fn is_market(&self) -> bool {
        self.command.kind == OrderKind::Market
    }

    fn has_quantity(&self) -> bool {
        self.command.budget.0 == 0
    }

    fn may_rest(&self) -> bool {
        !self.is_market() && self.command.life == TimeInForce::Gtc
    }

    fn is_over(&self, window: usize) -> bool {
        let (count, most) = self.account().counts(self.now)[window];
        count >= most
    }

    fn is_an_order(&self) -> bool {
        let Place { kind, life, price, quantity, budget, .. } = *self.command;
        match kind {
            OrderKind::Limit => budget.0 == 0,
            OrderKind::LimitMaker => budget.0 == 0 && life == TimeInForce::Gtc,
            OrderKind::Market => price.0 == 0 && life == TimeInForce::Gtc && (budget.0 == 0 || quantity.0 == 0),
        }
    }

    fn is_of_nothing(&self) -> bool {
        let Place { price, quantity, budget, .. } = *self.command;
        if self.is_market() { quantity.0 == 0 && budget.0 == 0 } else { notional(price.0, quantity.0) == 0 }
    }

    fn breaks_price_filter(&self) -> bool {
        let (filter, price) = (&self.market().filters.price, self.command.price.0);
        let outside = price < filter.min.0 || filter.max.0 != 0 && price > filter.max.0;
        !self.is_market() && (outside || filter.tick.0 != 0 && price % filter.tick.0 != 0)
    }

    fn breaks_notional(&self, form: NotionalForm) -> bool {
        let filter = &self.market().filters.notional;
        if filter.form != form {
            return false;
        }
        let floored = !self.is_market() || filter.min_to_market;
        let capped = form == NotionalForm::Range && filter.max.0 != 0 && (!self.is_market() || filter.max_to_market);
        let one = u128::from(ONE);
        let Some(value) = self.value() else { return false };
        floored && value < filter.min.0 * one || capped && value > filter.max.0 * one
    }

    /// Price × quantity, 10^-16.
    fn value(&self) -> Option<u128> {
        let Place { price, quantity, budget, .. } = *self.command;
        if budget.0 != 0 {
            return Some(budget.0.saturating_mul(ONE.into()));
        }
        let price = if self.is_market() { self.market().average(self.now)? } else { price.0 };
        Some(u128::from(price) * u128::from(quantity.0))
    }

    fn has_too_many_open(&self) -> bool {
        let own = self.account().limits.open;
        let most = if own == 0 { self.market().filters.max_orders } else { own };
        let open = self.ledger.open_count(self.command.account.0, self.command.market);
        self.may_rest() && most != 0 && open >= most as usize
    }

    fn is_duplicate(&self) -> bool {
        let Place { account, market, client_id, .. } = self.command;
        !client_id.is_empty() && self.ledger.by_client(account.0, *market, client_id.as_str()).is_some()
    }

    fn can_pay(&self) -> bool {
        let Place { account, side, price, quantity, budget, kind, .. } = *self.command;
        let free = self.ledger.free(account.0, self.market().paid(side)) as u128;
        let needed = match (kind, side) {
            (OrderKind::Limit | OrderKind::LimitMaker, Side::Buy) => notional(price.0, quantity.0),
            (OrderKind::Market, Side::Buy) if budget.0 != 0 => budget.0,
            (OrderKind::Market, Side::Buy) => self.cost(),
            (OrderKind::Market, Side::Sell) if budget.0 != 0 => self.spend().0.into(),
            (_, Side::Sell) => quantity.0.into(),
        };
        needed <= free
    }

    /// What the book's supply of a quantity costs.
    fn cost(&self) -> u128 {
        let course = self.market().book.course(self.command, self.mode(), self.command.quantity.0);
        let cost = |meeting: &super::book::Meeting| match *meeting {
            super::book::Meeting::Trade { price, quantity, .. } => notional(price, quantity),
            super::book::Meeting::Prevented { .. } => 0,
        };
        course.meetings.iter().map(cost).sum()
    }

    fn spend(&self) -> (u64, u64, bool) {
        self.market().book.spend(self.command, self.mode(), step(self.market()))
    }

    /// Of a budget, what the book gives for it, and whether it runs out.
    fn spent(&self) -> Option<(u64, bool)> {
        (!self.has_quantity()).then(|| self.spend()).map(|(_, quantity, out)| (quantity, out))
    }
}

const CANCEL: &[Row<Cancel>] = &[
    (Reason::OutsideWindow, |case| outside_window(&case.command.signed, case.now)),
    (Reason::AheadOfTime, |case| ahead_of_time(&case.command.signed, case.now)),
    (Reason::KeyRefused, |case| key_refused(case.ledger, &case.command.signed, case.command.account)),
    (Reason::UnknownMarket, |case| case.ledger.market(case.command.market).is_none()),
    (Reason::UnknownAccount, |case| !case.ledger.accounts.contains_key(&case.command.account.0)),
    (Reason::TradingDisabled, |case| may_not_cancel(case.ledger, case.command.account, case.command.signed.key)),
    (Reason::BadCombination, |case| case.command.order.is_none() && case.command.client_id.is_empty()),
    (Reason::UnknownOrder, |case| cancelled(case.ledger, case.command).is_none()),
    (Reason::OrderMismatch, |case| {
        let order = cancelled(case.ledger, case.command).expect("an earlier row asked");
        let known = &case.ledger.markets[case.command.market.0 as usize].orders[&order].client_id;
        !case.command.client_id.is_empty() && case.command.client_id.as_str() != known
    }),
    (Reason::CancelRestricted, |case| {
        let order = cancelled(case.ledger, case.command).expect("an earlier row asked");
        let executed = case.ledger.markets[case.command.market.0 as usize].orders[&order].executed;
        match case.command.restriction {
            Restriction::None => false,
            Restriction::OnlyNew => executed > 0,
            Restriction::OnlyPartiallyFilled => executed == 0,
        }
    }),
];

/// The open order that a cancel names.
pub(crate) fn cancelled(ledger: &Ledger, cancel: &Cancel) -> Option<u64> {
    let by_client = || ledger.by_client(cancel.account.0, cancel.market, cancel.client_id.as_str());
    let order = cancel.order.map(|order| order.0).or_else(by_client)?;
    let open = ledger.market(cancel.market)?.orders.get(&order)?;
    (open.account == cancel.account.0).then_some(order)
}

fn may_not_cancel(ledger: &Ledger, account: AccountId, key: KeyId) -> bool {
    !ledger.accounts[&account.0].rights.trade && key != KeyId(0)
}

const CANCEL_ALL: &[Row<CancelAll>] = &[
    (Reason::OutsideWindow, |case| outside_window(&case.command.signed, case.now)),
    (Reason::AheadOfTime, |case| ahead_of_time(&case.command.signed, case.now)),
    (Reason::KeyRefused, |case| key_refused(case.ledger, &case.command.signed, case.command.account)),
    (Reason::UnknownMarket, |case| case.ledger.market(case.command.market).is_none()),
    (Reason::UnknownAccount, |case| !case.ledger.accounts.contains_key(&case.command.account.0)),
    (Reason::TradingDisabled, |case| may_not_cancel(case.ledger, case.command.account, case.command.signed.key)),
    (Reason::UnknownOrder, |case| case.ledger.open_count(case.command.account.0, case.command.market) == 0),
];

fn administration(ledger: &Ledger, command: &Command) -> Option<Reason> {
    let because = |holds: bool, reason: Reason| holds.then_some(reason);
    let customer = |id: AccountId| id >= FIRST_CUSTOMER && ledger.accounts.contains_key(&id.0);
    let stranger = |id: AccountId| because(!customer(id), Reason::UnknownAccount);
    let no_market = |id: MarketId| because(ledger.market(id).is_none(), Reason::UnknownMarket);
    let too_much = |rates: [u32; 2]| because(rates.iter().any(|rate| u64::from(*rate) > ONE), Reason::BadSetting);
    match command {
        Command::OpenAccount(it) => too_much([it.maker.0, it.taker.0]),
        Command::SetCommission(it) => stranger(it.account).or(too_much([it.maker.0, it.taker.0])),
        Command::SetRights(it) => stranger(it.account),
        Command::SetLimits(it) => stranger(it.account),
        Command::AddKey(it) => stranger(it.account),
        Command::RevokeKey(it) => {
            because(it.key == KeyId(0) || it.key.0 as usize > ledger.keys.len(), Reason::UnknownKey)
        }
        Command::Deposit(it) => money(ledger, it.account, it.asset.0, |account| {
            let inside = ledger.money.get(&(OUTSIDE, it.asset.0)).map_or(0, |money| money.unsigned_abs());
            because(!account.rights.deposit, Reason::DepositDisabled)
                .or(because(it.amount.0 == 0 || it.amount.0 > MAX_SUPPLY - inside, Reason::BadAmount))
        }),
        Command::Withdraw(it) => money(ledger, it.account, it.asset.0, |account| {
            let free = ledger.free(it.account.0, it.asset.0) as u128;
            because(!account.rights.withdraw, Reason::WithdrawalDisabled)
                .or(because(it.amount.0 > free, Reason::InsufficientBalance))
                .or(because(it.amount.0 == 0, Reason::BadAmount))
        }),
        Command::ListAsset(it) => because(ledger.assets.iter().any(|(name, _)| *name == it.name), Reason::NameTaken),
        Command::ListMarket(it) => {
            because(ledger.markets.iter().any(|market| market.symbol == it.symbol), Reason::NameTaken)
        }
        Command::SetFilters(it) => no_market(it.market),
        Command::SetMarketStatus(it) => no_market(it.market),
        Command::Activate(_) => Some(Reason::UnknownBehaviour),
        Command::RetireLane(_) => Some(Reason::UnknownLane),
        _ => None,
    }
}

fn money(
    ledger: &Ledger,
    account: AccountId,
    asset: u32,
    then: impl FnOnce(&Account) -> Option<Reason>,
) -> Option<Reason> {
    let Some(known) = ledger.accounts.get(&account.0) else { return Some(Reason::UnknownAccount) };
    if asset as usize >= ledger.assets.len() {
        return Some(Reason::UnknownAsset);
    }
    then(known)
}
