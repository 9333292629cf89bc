//! The engine: one state, one way to change it.
//!
//! Every command passes the same gates (source, deadline, halt) and then its own handler. A handler checks everything
//! before it changes anything; what it refuses becomes one [`Rejected`] event.

use std::collections::BTreeMap;

use agio_planted::{Bug, planted};

use crate::accounts::Accounts;
use crate::audit::round::SLICE_EVERY;
use crate::commands::{Command, Envelope, Signed};
use crate::events::{Quarantined, Rejected, Violated};
use crate::limits::Running;
use crate::market::{Asset, Market};
use crate::open::OpenOrders;
use crate::reasons::Reason;
use crate::refusal::{Refusal, require};
use crate::sink::Events;
use crate::spot::report::Scratch;
use crate::units::{AccountId, Amount, AssetId, KeyId, Lane, MarketId, Micros, OUTSIDE, Sequence};
use crate::vocabulary::{MarketStatus, Permissions};

/// In so many commands the audit, of which every [`SLICE_EVERY`] commands do a slice, looks at everything once.
pub const AUDIT_EVERY: u64 = 1 << 20;
/// How far a client's timestamp may be ahead of the log (Binance's "timing security").
pub const AHEAD: Micros = Micros(1_000_000);

/// One API key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub account: AccountId,
    pub permissions: Permissions,
    pub revoked: bool,
}

/// The exchange as a pure function: the same commands give the same events and the same state, in every process.
///
/// ```
/// use agio_engine::{commands::{Command, Envelope, Tick}, engine::Engine, units::{Lane, Micros, Sequence}};
///
/// let mut engine = Engine::new();
/// let time = Micros(1_700_000_000_000_000);
/// let envelope = Envelope { sequence: Sequence(1), time, lane: Lane(0), number: 0, deadline: Micros(0) };
/// let mut events = Vec::new();
/// engine.apply(&envelope, &Command::Tick(Tick {}), &mut events);
/// assert!(events.is_empty() && engine.sequence() == Sequence(1));
/// ```
pub struct Engine {
    pub(crate) sequence: Sequence,
    pub(crate) time: Micros,
    /// The windows of the order counts at that time.
    pub(crate) running: Running,
    /// How many logs have begun, and the hash at the end of the last one's predecessor.
    pub(crate) epoch: u64,
    pub(crate) previous_log: [u8; 32],
    pub(crate) halted: bool,
    /// Sorted by source: the number of its last command.
    pub(crate) lanes: Vec<(Lane, u64)>,
    pub(crate) keys: Vec<Key>,
    pub(crate) accounts: Accounts,
    pub(crate) assets: Vec<Asset>,
    pub(crate) markets: Vec<Market>,
    pub(crate) symbols: BTreeMap<String, MarketId>,
    pub(crate) open: OpenOrders,
    /// Memory for the events of one command, empty between commands.
    pub(crate) scratch: Scratch,
    /// Found by a cheap check inside a command.
    pub(crate) violation: Option<String>,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An exchange with nothing listed and nobody but the house.
    pub fn new() -> Self {
        Self {
            sequence: Sequence(0),
            time: Micros(0),
            running: Running::default(),
            epoch: 0,
            previous_log: [0; 32],
            halted: false,
            lanes: Vec::new(),
            keys: Vec::new(),
            accounts: Accounts::new(),
            assets: Vec::new(),
            markets: Vec::new(),
            symbols: BTreeMap::new(),
            open: OpenOrders::default(),
            scratch: Scratch::default(),
            violation: None,
        }
    }

    /// Applies one command and appends its events to `out`. A refusal is a [`Rejected`] event.
    ///
    /// # Panics
    /// When the sequence is not the next one or the time goes back: the log itself is wrong. Any other panic is a bug
    /// of the engine; see [`Self::quarantine`].
    pub fn apply(&mut self, envelope: &Envelope, command: &Command, out: &mut impl Events) {
        self.advance(envelope);
        let result = self.enter(envelope).and_then(|()| self.gates(envelope, command));
        if let Err(refusal) = result.and_then(|()| self.dispatch(command, out)) {
            let Refusal { reason, detail } = refusal;
            out.put(|| Rejected { account: command.account(), reason, detail });
        }
        self.watch(out);
    }

    /// Takes a command's place in the sequence without applying it, and halts its market: a command that broke the
    /// engine once will break it again (decision 9).
    ///
    /// # Panics
    /// As [`Self::apply`] does when the log itself is wrong.
    pub fn quarantine(&mut self, envelope: &Envelope, command: &Command, out: &mut impl Events) {
        self.advance(envelope);
        let _ = self.enter(envelope);
        let market = command.market().filter(|market| self.market(*market).is_some());
        let market = market.filter(|_| !planted(Bug::QuarantineWithoutHalt));
        if let Some(market) = market {
            self.markets[market.0 as usize].rules.status = MarketStatus::Halt;
            out.put(|| self.market_changed(market));
        }
        out.put(|| Quarantined { skipped: envelope.sequence, market });
        self.watch(out);
    }

    fn advance(&mut self, envelope: &Envelope) {
        assert_eq!(envelope.sequence.0, self.sequence.0 + 1, "a command is missing or repeated in the log");
        assert!(envelope.time >= self.time, "the log's time went back");
        self.sequence = envelope.sequence;
        self.time = envelope.time;
        self.running = Running::at(envelope.time);
    }

    /// Counts a numbered command of its source: exactly the next number is let in (decision 6).
    fn enter(&mut self, envelope: &Envelope) -> Result<(), Refusal> {
        if envelope.number == 0 {
            return Ok(());
        }
        let known = self.lane(envelope.lane);
        let last = known.map_or(0, |at| self.lanes[at].1);
        require(envelope.number > last, Refusal::of(Reason::LaneRepeated, last))?;
        require(envelope.number == last + 1, Refusal::of(Reason::LaneGap, last))?;
        match known {
            Ok(at) => self.lanes[at].1 = envelope.number,
            Err(at) => self.lanes.insert(at, (envelope.lane, envelope.number)),
        }
        Ok(())
    }

    /// Where a source stands, or would stand.
    #[inline]
    pub(crate) fn lane(&self, lane: Lane) -> Result<usize, usize> {
        self.lanes.binary_search_by_key(&lane, |(lane, _)| *lane)
    }

    fn gates(&self, envelope: &Envelope, command: &Command) -> Result<(), Refusal> {
        let late = envelope.deadline.0 != 0 && envelope.time > envelope.deadline && !planted(Bug::DeadlineIgnored);
        require(!late, Refusal::of(Reason::DeadlinePassed, envelope.deadline.0))?;
        require(!self.halted || command.is_allowed_when_halted(), Reason::Halted)
    }

    fn dispatch(&mut self, command: &Command, out: &mut impl Events) -> Result<(), Refusal> {
        match command {
            Command::Place(command) => self.place(command, out),
            Command::Cancel(command) => self.cancel(command, out),
            Command::CancelAll(command) => self.cancel_all(command, out),
            Command::OpenAccount(command) => self.open_account(command, out),
            Command::SetRights(command) => self.set_rights(command, out),
            Command::SetCommission(command) => self.set_commission(command, out),
            Command::SetLimits(command) => self.set_limits(command, out),
            Command::AddKey(command) => self.add_key(command, out),
            Command::RevokeKey(command) => self.revoke_key(command, out),
            Command::Deposit(command) => self.deposit(command, out),
            Command::Withdraw(command) => self.withdraw(command, out),
            Command::ListAsset(command) => self.list_asset(command, out),
            Command::ListMarket(command) => self.list_market(command, out),
            Command::SetFilters(command) => self.set_filters(command, out),
            Command::SetMarketStatus(command) => self.set_market_status(command, out),
            Command::Tick(_) | Command::Remark(_) => Ok(()),
            Command::Epoch(command) => {
                self.begin_epoch(command);
                Ok(())
            }
            // This release knows no behaviour that is not on from the start.
            Command::Activate(command) => Err(Refusal::of(Reason::UnknownBehaviour, command.behaviour)),
            Command::RetireLane(command) => self.retire_lane(command, out),
        }
    }

    /// Cheap checks after every command, a slice of the audit every [`SLICE_EVERY`]. A violation halts the shard for all but
    /// cancels, on all replicas at the same sequence.
    fn watch(&mut self, out: &mut impl Events) {
        let mut violation = self.violation.take();
        if self.sequence.0.is_multiple_of(SLICE_EVERY) {
            let found = self.audit_slice().err().map(|found| found.invariant);
            violation = violation.or(found);
        }
        if let Some(invariant) = violation {
            self.halted = true;
            out.put(|| Violated { invariant });
        }
    }

    /// The client's timestamp against the log's time, then its key.
    pub(crate) fn check_signed(&self, account: AccountId, signed: &Signed, now: Micros) -> Result<(), Refusal> {
        if signed.sent.0 != 0 {
            let age = now.0.saturating_sub(signed.sent.0);
            require(age <= signed.window.0, Refusal::of(Reason::OutsideWindow, signed.window.0))?;
            require(signed.sent.0 < now.0.saturating_add(AHEAD.0), Refusal::of(Reason::AheadOfTime, AHEAD.0))?;
        }
        if signed.key == KeyId(0) {
            return Ok(());
        }
        let key = self.keys.get(signed.key.0 as usize - 1);
        let good = key.is_some_and(|key| {
            key.account == account && (!key.revoked || planted(Bug::RevokedKeyTrades)) && key.permissions.trade
        });
        require(good, Reason::KeyRefused)
    }

    pub(crate) fn require_market(&self, market: MarketId) -> Result<&Market, Refusal> {
        self.markets.get(market.0 as usize).ok_or_else(|| Reason::UnknownMarket.into())
    }

    pub(crate) fn require_asset(&self, asset: AssetId) -> Result<&Asset, Refusal> {
        self.assets.get(asset.0 as usize).ok_or_else(|| Reason::UnknownAsset.into())
    }

    /// What of an asset is inside the exchange.
    pub(crate) fn supply(&self, asset: AssetId) -> Amount {
        Amount(self.assets[asset.0 as usize].outside.0.unsigned_abs())
    }
}

impl Command {
    /// Whose command it is; [`OUTSIDE`] (0) stands for the operator.
    pub fn account(&self) -> AccountId {
        match self {
            Self::Place(command) => command.account,
            Self::Cancel(command) => command.account,
            Self::CancelAll(command) => command.account,
            Self::SetRights(command) => command.account,
            Self::SetCommission(command) => command.account,
            Self::SetLimits(command) => command.account,
            Self::AddKey(command) => command.account,
            Self::Deposit(command) => command.account,
            Self::Withdraw(command) => command.account,
            _ => OUTSIDE,
        }
    }

    /// The market it is about.
    pub fn market(&self) -> Option<MarketId> {
        match self {
            Self::Place(command) => Some(command.market),
            Self::Cancel(command) => Some(command.market),
            Self::CancelAll(command) => Some(command.market),
            Self::SetFilters(command) => Some(command.market),
            Self::SetMarketStatus(command) => Some(command.market),
            _ => None,
        }
    }

    /// Cancels, and what keeps the log itself going.
    fn is_allowed_when_halted(&self) -> bool {
        matches!(self, Self::Cancel(_) | Self::CancelAll(_) | Self::Tick(_) | Self::Epoch(_) | Self::RetireLane(_))
    }
}
