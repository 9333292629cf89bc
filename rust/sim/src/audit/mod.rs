//! The auditor: told every command and every event once they are visible, it keeps a ledger of its own and knows what must
//! have happened. It shares no code with the engine but the words.

mod book;
mod expect;
mod ledger;
mod rules;
mod told;

use std::collections::BTreeMap;
use std::fmt;

use agio_engine::Engine;
use agio_engine::commands::Command;
use agio_engine::events::Event;
use agio_engine::reasons::Reason;
use agio_engine::units::{AccountId, AssetId, MarketId};
use agio_engine::vocabulary::{MarketStatus, Side};

pub(crate) use ledger::Ledger;
use ledger::{Account, Market, OUTSIDE};
use told::Told;
pub(crate) use told::fingerprint;

/// A check that failed: which, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: &'static str,
    /// What was expected, and what was found.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.what)
    }
}

/// Nothing, or what is wrong.
pub(crate) type Checked = Result<(), Finding>;

/// A finding, if the two differ.
pub(crate) fn same<T: PartialEq + fmt::Debug>(check: &'static str, what: &str, expected: &T, found: &T) -> Checked {
    if expected == found {
        return Ok(());
    }
    Err(Finding { check, what: format!("{what}: expected {expected:?}, found {found:?}") })
}

/// A finding, unless something holds.
pub(crate) fn holds(check: &'static str, holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Finding { check, what: what() }) }
}

/// A command as it stands in the log, as far as clients can know.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub sequence: u64,
    pub time: u64,
    pub deadline: u64,
    pub command: Command,
}

/// What is known of a command that is visible: the fingerprints of its record's content and of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub command: u64,
    /// None for a command that was skipped.
    pub events: Option<u64>,
}

/// Keeps the books.
pub(crate) struct Auditor {
    pub(crate) ledger: Ledger,
    /// What is known of each command, from sequence 1.
    pub(crate) known: Vec<Known>,
    time: u64,
    /// What events have said: (free, locked), totals of levels, tops of books.
    balances: BTreeMap<(u32, u32), (u128, u128)>,
    levels: BTreeMap<(u32, u8, u64), u64>,
    tops: BTreeMap<u32, [(u64, u64); 2]>,
    bytes: Vec<u8>,
}

impl Auditor {
    pub(crate) fn new() -> Self {
        Self {
            ledger: Ledger::new(),
            known: Vec::new(),
            time: 0,
            balances: BTreeMap::new(),
            levels: BTreeMap::new(),
            tops: BTreeMap::new(),
            bytes: Vec::new(),
        }
    }

    /// The last command that is known.
    pub(crate) fn sequence(&self) -> u64 {
        self.known.len() as u64
    }

    /// A number that two runs share only if the same was seen.
    pub(crate) fn fingerprint(&self) -> u64 {
        use std::hash::Hasher;
        let mut hasher = rustc_hash::FxHasher::default();
        for known in &self.known {
            hasher.write_u64(known.command);
            hasher.write_u64(known.events.unwrap_or(0));
        }
        hasher.finish()
    }

    /// Takes in one command with its events.
    pub(crate) fn command(&mut self, entry: &Entry, events: &[Event]) -> Checked {
        self.place_in_the_log(entry, Some(events))?;
        let told = Told::read(events);
        if let Some(violation) = told.violation {
            return Err(Finding { check: "the engine's own invariants", what: violation.to_owned() });
        }
        let expected = rules::refusal(&self.ledger, &entry.command, entry.time, entry.deadline);
        let text = || format!("command {} {:?}", entry.sequence, entry.command);
        if expected != told.refused {
            return same("refusals", &text(), &expected, &told.refused);
        }
        match expected {
            Some(reason) => {
                same("refusals", "a refusal is one event", &1, &told.count)?;
                self.refused(entry, reason);
                Ok(())
            }
            None => self.accepted(entry, &told).map_err(|found| Finding {
                what: format!("command {} {:?}: {}", entry.sequence, entry.command, found.what),
                ..found
            }),
        }
    }

    /// Takes in a command that broke the engine: it has no effect, and its market is halted.
    pub(crate) fn skipped(&mut self, entry: &Entry) -> Checked {
        let entry = Entry { time: self.time, ..entry.clone() };
        self.place_in_the_log(&entry, None)?;
        let market = entry.command.market().and_then(|market| self.ledger.markets.get_mut(market.0 as usize));
        if let Some(market) = market {
            market.status = MarketStatus::Halt;
        }
        Ok(())
    }

    fn place_in_the_log(&mut self, entry: &Entry, events: Option<&[Event]>) -> Checked {
        same("one place in the log for each", "sequence", &(self.sequence() + 1), &entry.sequence)?;
        holds("the log's time", entry.time >= self.time, || format!("{} after {}", entry.time, self.time))?;
        self.time = entry.time;
        self.bytes.clear();
        entry.command.encode(&mut self.bytes);
        let command = crc(&self.bytes);
        let events = events.map(|events| told::fingerprint(events, &mut self.bytes));
        self.known.push(Known { command, events });
        Ok(())
    }

    /// A request that was in time at the gateway and is late here counts as an order.
    fn refused(&mut self, entry: &Entry, reason: Reason) {
        if let (Command::Place(place), Reason::OutsideWindow) = (&entry.command, reason)
            && let Some(account) = self.ledger.customer(place.account)
        {
            account.count(entry.time);
        }
    }

    fn accepted(&mut self, entry: &Entry, told: &Told<'_>) -> Checked {
        match &entry.command {
            Command::Place(place) => self.placed(place, entry.time, told),
            Command::Cancel(cancel) => {
                let order = rules::cancelled(&self.ledger, cancel).expect("else it had to be refused");
                self.cancelled(cancel.market, &[order], told)
            }
            Command::CancelAll(cancel) => {
                let owned = self.ledger.owned.get(&(cancel.account.0, cancel.market.0));
                let orders: Vec<u64> = owned.into_iter().flatten().copied().collect();
                self.cancelled(cancel.market, &orders, told)
            }
            Command::Deposit(it) => self.crossed_border(it.account, it.asset, it.amount.0 as i128, told),
            Command::Withdraw(it) => self.crossed_border(it.account, it.asset, -(it.amount.0 as i128), told),
            other => {
                self.administered(other);
                let silent = matches!(other, Command::Tick(_) | Command::Remark(_) | Command::Epoch(_));
                same("events", "of a command that moves nothing", &usize::from(!silent), &told.count)
            }
        }
    }

    fn administered(&mut self, command: &Command) {
        let next = self.ledger.next_account();
        let ledger = &mut self.ledger;
        match command {
            Command::OpenAccount(it) => {
                let account = Account::new(it.rights, (it.maker.0, it.taker.0), it.limits);
                ledger.accounts.insert(next, account);
            }
            Command::SetRights(it) => ledger.customer(it.account).expect("checked").rights = it.rights,
            Command::SetLimits(it) => ledger.customer(it.account).expect("checked").limits = it.limits,
            Command::SetCommission(it) => {
                let account = ledger.customer(it.account).expect("checked");
                (account.maker, account.taker) = (it.maker.0, it.taker.0);
            }
            Command::AddKey(it) => ledger.keys.push((it.account.0, it.permissions.trade, false)),
            Command::RevokeKey(it) => ledger.keys[it.key.0 as usize - 1].2 = true,
            Command::ListAsset(it) => ledger.assets.push((it.name.clone(), it.precision.into())),
            Command::ListMarket(it) => {
                ledger.markets.push(Market::new(&it.symbol, it.base.0, it.quote.0, it.filters));
            }
            Command::SetFilters(it) => ledger.markets[it.market.0 as usize].filters = it.filters,
            Command::SetMarketStatus(it) => ledger.markets[it.market.0 as usize].status = it.status,
            Command::Epoch(_) => ledger.epochs += 1,
            _ => {}
        }
    }

    fn crossed_border(&mut self, account: AccountId, asset: AssetId, delta: i128, told: &Told<'_>) -> Checked {
        self.ledger.add(account.0, asset.0, delta);
        self.ledger.add(OUTSIDE, asset.0, -delta);
        let expected = [((asset.0, OUTSIDE), -delta), ((asset.0, account.0), delta)].into_iter().collect();
        same("postings", "of money in or out", &expected, &told.posted)?;
        self.check_balances(&[account.0], &[asset.0], told)
    }

    /// Compares all that is known with a fresh read of the exchange.
    pub(crate) fn compare(&self, engine: &Engine) -> Checked {
        same("the exchange after a start", "sequence", &self.sequence(), &engine.sequence().0)?;
        holds("the engine's own invariants", !engine.halted(), || "the shard has halted".to_owned())?;
        self.compare_money(engine)?;
        self.compare_orders(engine)?;
        (0..self.ledger.markets.len()).try_for_each(|market| self.compare_market(engine, market))
    }

    fn compare_money(&self, engine: &Engine) -> Checked {
        let known: Vec<_> = self.ledger.balances().collect();
        let fresh: Vec<_> = engine
            .accounts()
            .flat_map(|id| engine.balances(id).map(move |(asset, free, locked)| (id, asset, free.0 as i128, locked.0)))
            .collect();
        same("balances", "all of them", &known, &fresh)?;
        for asset in 0..self.ledger.assets.len() as u32 {
            same("conservation of money", "the sum over everybody", &0, &self.ledger.sum(asset))?;
            let outside = self.ledger.money.get(&(OUTSIDE, asset)).copied().unwrap_or(0);
            same("conservation of money", "outside", &outside, &engine.outside(AssetId(asset)).0)?;
        }
        let counts = |(id, account): (&u32, &Account)| {
            let found = engine.order_counts(AccountId(*id), engine.time());
            let known = account.counts(engine.time().0).map(|(count, _)| count);
            same("order counts", "of an account", &known, &[found.ten_seconds, found.day])
        };
        self.ledger.accounts.iter().try_for_each(counts)
    }

    fn compare_orders(&self, engine: &Engine) -> Checked {
        let mut fresh: Vec<_> = engine
            .accounts()
            .flat_map(|id| engine.open_orders(id, None))
            .map(|order| {
                let done = (order.executed.0, order.prevented.0, order.notional.0);
                let id = (order.market.0, order.order.0);
                (id, order.account.0, order.price.0, order.quantity.0, done, order.client_id.as_str().to_owned())
            })
            .collect();
        fresh.sort();
        let known = self.ledger.markets.iter().enumerate().flat_map(|(market, at)| {
            at.orders.iter().map(move |(id, order)| {
                let done = (order.executed, order.prevented, order.notional);
                let id = (market as u32, *id);
                (id, order.account, order.price, order.quantity, done, order.client_id.clone())
            })
        });
        same("open orders", "all of them", &known.collect::<Vec<_>>(), &fresh)
    }

    fn compare_market(&self, engine: &Engine, number: usize) -> Checked {
        let (market, id) = (&self.ledger.markets[number], MarketId(number as u32));
        let view = engine
            .market(id)
            .ok_or_else(|| Finding { check: "markets", what: format!("{} is not there", market.symbol) })?;
        same("markets", "status", &market.status, &view.status)?;
        same("markets", "the next trade", &market.numbers.trades, &view.next_trade.0)?;
        same("markets", "the last update", &market.numbers.updates, &view.last_update.0)?;
        same("markets", "the last price", &market.last_price, &view.last_price.map(|price| price.0))?;
        for side in [Side::Buy, Side::Sell] {
            let fresh: Vec<_> = engine.depth(id, side).map(|(price, total)| (price.0, total)).collect();
            same("books", "depth", &self.ledger.levels(number, side), &fresh)?;
        }
        Ok(())
    }
}

/// A number that equal bytes share.
pub(crate) fn crc(bytes: &[u8]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = rustc_hash::FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}
