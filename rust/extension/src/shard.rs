//! The handle to a shard: requests in, durable events and answers out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agio_edge::errors::{self, Action};
use agio_edge::orders::{self, OrderName};
use agio_edge::{Requester, Style, Values, replies};
use agio_engine::commands::Command;
use agio_engine::units::{AccountId, Amount, AssetId, KeyId, MarketId, Micros, UpdateId};
use agio_engine::vocabulary::{OrderView, Side};
use agio_runner::clock::ManualTime;
use agio_runner::{
    Answer, Batch, Desk, Durability, Follower, LONG_TAIL, Options, Outcome, Published, Reading, Reply, Request, Shard,
    State, View,
};
use parking_lot::{Mutex, RwLock};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyType};

use crate::batch::{self, SILENT};
use crate::edge::PyValues;
use crate::errors::{not_started, not_taken, refused};
use crate::events::{Kind, Reader, Summary, Wanted};
use crate::log::{STEP_ROWS, json_of, next_rows, told};
use crate::names::{Listing, Live};
use crate::rows::{Collector, Rows};

/// A command that waited longer than this has no effect (Binance's own limit for its engine).
const PATIENCE: u64 = 10_000_000;
/// Free bytes below which only cancels are taken.
const LEAST_FREE: u64 = 256 << 20;
/// Finished orders that a query finds without SQL: twice as many as SQL is behind at 20,000 orders a second.
const REMEMBER: usize = 4_096;
/// Bytes of an administrative command; less than what a frame keeps free for a record.
const LONGEST_COMMAND: usize = 8_192;
/// Events of one step of the projector.
const STEP_EVENTS: usize = 16_000;

/// How far those have come that are being opened, by folder.
static STARTS: Mutex<BTreeMap<PathBuf, Reading>> = Mutex::new(BTreeMap::new());

/// Bytes read of a log that is being opened, and all there are to read; zeros if it is not.
#[pyfunction]
fn opening(folder: PathBuf) -> (u64, u64) {
    let progress = STARTS.lock().get(&folder).map(Reading::progress).unwrap_or_default();
    (progress.done, progress.total)
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(opening, module)?)?;
    module.add_class::<PyShard>()
}

/// Commands that SQL has not seen and that are no longer in memory: read from the log, up to where the shard started.
struct Behind {
    follower: Option<Follower>,
    until: u64,
}

#[pyclass(name = "Shard", frozen, module = "agio._core")]
pub(crate) struct PyShard {
    /// Until it is stopped: then it is gone, and with it the folder's lock.
    shard: Mutex<Option<Shard>>,
    desk: Arc<Desk>,
    listing: RwLock<Arc<Listing>>,
    wanted: Mutex<Wanted>,
    behind: Mutex<Behind>,
    notes: Vec<String>,
    manual_time: Option<ManualTime>,
}

fn durability(name: &str) -> PyResult<Durability> {
    match name {
        "memory" => Ok(Durability::Memory),
        "page-cache" => Ok(Durability::PageCache),
        "fdatasync" => Ok(Durability::Fdatasync),
        other => Err(PyValueError::new_err(format!("durability {other:?}: choose memory, page-cache or fdatasync"))),
    }
}

#[pymethods]
impl PyShard {
    #[new]
    #[pyo3(signature = (folder, *, projected, durability = "fdatasync", segment_bytes = 64 << 20, confirm_jumps = false, least_free_bytes = LEAST_FREE, manual_time = None))]
    #[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        projected: u64,
        durability: &str,
        segment_bytes: u64,
        confirm_jumps: bool,
        least_free_bytes: u64,
        manual_time: Option<u64>,
    ) -> PyResult<Self> {
        let durability = self::durability(durability)?;
        let options = Options {
            folder,
            durability,
            segment_bytes,
            follow_forward: confirm_jumps,
            least_free_bytes,
            remember: REMEMBER,
            long_tail: LONG_TAIL,
            reading: Reading::default(),
            manual_time: manual_time.map(|start| ManualTime::at(Micros(start))),
            tripwire: None,
        };
        STARTS.lock().insert(options.folder.clone(), options.reading.clone());
        let opened = py.detach(|| Self::open(&options, projected));
        STARTS.lock().remove(&options.folder);
        opened.map_err(|error| not_started(&error))
    }

    fn fileno(&self) -> i32 {
        self.desk.outbox.fileno()
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyList>)> {
        let groups = self.desk.outbox.take();
        let mut events = Vec::new();
        let mut answers = Vec::new();
        let mut summary = Summary::default();
        for group in groups {
            let Published { batch, answers: said, lost } = group;
            let listing = self.learn(&batch);
            let wanted = self.wanted.lock();
            Reader { listing: &listing, wanted: &wanted }.read(py, &batch, &mut summary, &mut events)?;
            drop(wanted);
            let lost = lost.into_iter().filter(|token| *token != SILENT).map(unknown_outcome);
            for answer in said.into_iter().chain(lost) {
                let (seconds, day) = answer.orders.map_or((-1, -1), |(s, d)| (i64::from(s), i64::from(d)));
                let body = PyBytes::new(py, &answer.body);
                answers.push((answer.token, answer.status, body, seconds, day).into_pyobject(py)?);
            }
        }
        summary.tell(py, &mut events)?;
        Ok((PyList::new(py, events)?, PyList::new(py, answers)?))
    }

    /// Wakes the engine for the requests made since the last call; without it they may wait.
    fn rouse(&self) {
        self.desk.rouse();
    }

    fn now(&self) -> u64 {
        self.desk.clock.now().0
    }

    /// Moves a manual clock forward.
    fn set_time(&self, micros: u64) -> PyResult<()> {
        let Some(time) = &self.manual_time else {
            return Err(PyValueError::new_err("this shard follows the machine's clock: open it with manual_time"));
        };
        if !time.set(Micros(micros)) {
            return Err(PyValueError::new_err(format!("{micros} lies behind the log's time, which never goes back")));
        }
        self.desk.look_at_clock();
        Ok(())
    }

    fn state(&self) -> &'static str {
        match self.desk.state() {
            State::Running => "running",
            State::CancelsOnly => "cancels-only",
            State::Halted => "halted",
            State::Stopping => "stopping",
            State::Failed => "failed",
        }
    }

    fn overloaded(&self) -> bool {
        self.desk.backlog.is_full()
    }

    /// Why the state is failed or halted.
    fn failure(&self) -> Option<String> {
        self.desk.failure().or_else(|| self.desk.halted())
    }

    /// What recovery had to say.
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn applied(&self) -> u64 {
        self.desk.applied().0
    }

    /// By how many µs the wall clock has jumped away from the log's, when it waits for `confirm_jump`.
    fn jump(&self) -> Option<i64> {
        self.desk.clock.jump()
    }

    /// Follows the wall clock after a jump.
    fn confirm_jump(&self) {
        self.desk.clock.confirm();
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.shard.lock().take().map_or(Ok(()), |mut shard| shard.stop()))
            .map_err(|error| not_started(&error))
    }

    fn catalog<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let text = serde_json::to_vec(&**self.listing.read()).map_err(|e| PyValueError::new_err(e.to_string()))?;
        Ok(PyBytes::new(py, &text))
    }

    fn metrics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let metrics = PyDict::new(py);
        metrics.set_item("applied", self.desk.applied().0)?;
        metrics.set_item("under_way", self.desk.under_way())?;
        Ok(metrics)
    }

    fn watch(&self, account: u32) {
        self.wanted.lock().accounts.insert(account);
    }

    fn unwatch(&self, account: u32) {
        self.wanted.lock().accounts.remove(&account);
    }

    fn want(&self, kind: &Bound<'_, PyType>, market: u32) -> PyResult<()> {
        let kind = Kind::of(kind)?;
        self.wanted.lock().kinds.insert((kind, market));
        Ok(())
    }

    fn unwant(&self, kind: &Bound<'_, PyType>, market: u32) -> PyResult<()> {
        let kind = Kind::of(kind)?;
        self.wanted.lock().kinds.remove(&(kind, market));
        Ok(())
    }

    fn place(
        &self,
        py: Python<'_>,
        token: u64,
        values: &PyValues,
        account: u32,
        key: u32,
        micros: bool,
    ) -> PyResult<()> {
        let (account, key) = (AccountId(account), KeyId(key));
        let market = self.market(py, &values.0)?;
        let (command, response) =
            orders::place(&values.0, Requester { account, key }, market).map_err(|error| refused(py, &error))?;
        let reply = move |view: &View<'_>, outcome: &Outcome<'_>| {
            let mut body = Vec::with_capacity(640);
            let status = replies::placed(&outcome.told(), response, Style { micros }, &Live(view.engine), &mut body);
            let counts = view.engine.order_counts(account, view.now);
            Some(Answer { token, status, body, orders: Some((counts.ten_seconds, counts.day)) })
        };
        self.submit(py, token, Some(Command::Place(command)), Box::new(reply))
    }

    fn test_order(
        &self,
        py: Python<'_>,
        token: u64,
        values: &PyValues,
        account: u32,
        key: u32,
        micros: bool,
    ) -> PyResult<()> {
        let _ = micros;
        let (account, key) = (AccountId(account), KeyId(key));
        let market = self.market(py, &values.0)?;
        let (command, _) =
            orders::place(&values.0, Requester { account, key }, market).map_err(|error| refused(py, &error))?;
        let rates = orders::asks_commission(&values.0);
        self.ask(py, token, move |view, body| {
            if let Err((reason, detail)) = view.engine.test(&command, view.now) {
                return replies::refusal(&errors::rejection(reason, detail, Action::Place), body);
            }
            let account = view.engine.account(account).filter(|_| rates);
            replies::tested(account.map(|a| (a.maker, a.taker)), body);
            200
        })
    }

    fn cancel(
        &self,
        py: Python<'_>,
        token: u64,
        values: &PyValues,
        account: u32,
        key: u32,
        micros: bool,
    ) -> PyResult<()> {
        let requester = Requester { account: AccountId(account), key: KeyId(key) };
        let market = self.market(py, &values.0)?;
        let command = orders::cancel(&values.0, requester, market).map_err(|error| refused(py, &error))?;
        let encode = move |view: &View<'_>, outcome: &Outcome<'_>, body: &mut Vec<u8>| {
            replies::canceled(&outcome.told(), Style { micros }, &Live(view.engine), body)
        };
        self.command_with(py, token, Command::Cancel(command), encode)
    }

    fn cancel_all(
        &self,
        py: Python<'_>,
        token: u64,
        values: &PyValues,
        account: u32,
        key: u32,
        micros: bool,
    ) -> PyResult<()> {
        let requester = Requester { account: AccountId(account), key: KeyId(key) };
        let market = self.market(py, &values.0)?;
        let command = orders::cancel_all(&values.0, requester, market);
        let encode = move |view: &View<'_>, outcome: &Outcome<'_>, body: &mut Vec<u8>| {
            replies::canceled_all(&outcome.told(), Style { micros }, &Live(view.engine), body)
        };
        self.command_with(py, token, Command::CancelAll(command), encode)
    }

    fn order(&self, py: Python<'_>, token: u64, values: &PyValues, account: u32, micros: bool) -> PyResult<()> {
        let (account, name) = (AccountId(account), orders::order_name(&values.0));
        let market = self.market(py, &values.0)?;
        self.ask(py, token, move |view, body| match find(view, market, account, &name) {
            None => 0,
            Some(order) if name.order.is_some() && !name.client_id.is_empty() && order.client_id != name.client_id => {
                replies::refusal(&errors::OTHER_CLIENT_ID.error(), body)
            }
            Some(order) => {
                replies::order(&order, Style { micros }, &Live(view.engine), body);
                200
            }
        })
    }

    fn open_orders(&self, py: Python<'_>, token: u64, values: &PyValues, account: u32, micros: bool) -> PyResult<()> {
        let find = |symbol: &str| self.listing.read().market(symbol);
        let market = orders::market(&values.0, find).map_err(|error| refused(py, &error))?;
        self.ask(py, token, move |view, body| {
            let open = view.engine.open_orders(AccountId(account), market);
            replies::orders(open, Style { micros }, &Live(view.engine), body);
            200
        })
    }

    fn account(&self, py: Python<'_>, token: u64, account: u32, omit_zero: bool, micros: bool) -> PyResult<()> {
        let id = AccountId(account);
        self.ask(py, token, move |view, body| {
            let Some(found) = view.engine.account(id) else {
                return replies::refusal(&errors::KEY_REFUSED.error(), body);
            };
            let replies_account = replies::Account {
                id,
                rights: found.rights,
                maker: found.maker,
                taker: found.taker,
                updated: found.updated,
            };
            let names = Live(view.engine);
            let balances = all_balances(view, id);
            replies::account(&replies_account, balances, omit_zero, Style { micros }, &names, body);
            200
        })
    }

    fn depth(&self, py: Python<'_>, token: u64, symbol: &str, limit: usize) -> PyResult<()> {
        let market = self.named(py, symbol)?;
        self.ask(py, token, move |view, body| {
            let last = view.engine.market(market).map_or(UpdateId(0), |found| found.last_update);
            let side = |side| view.engine.depth(market, side).take(limit);
            replies::depth(last, side(Side::Buy), side(Side::Sell), body);
            200
        })
    }

    fn average_price(&self, py: Python<'_>, token: u64, symbol: &str, micros: bool) -> PyResult<()> {
        let market = self.named(py, symbol)?;
        self.ask(py, token, move |view, body| {
            let (minutes, last) =
                view.engine.market(market).map_or((0, None), |found| (found.filters.notional.minutes, found.last_time));
            let price = view.engine.average_price(market, view.now).map(|(_, price)| price).unwrap_or_default();
            replies::average_price(minutes, price, last, Style { micros }, body);
            200
        })
    }

    fn order_counts(&self, py: Python<'_>, token: u64, account: u32) -> PyResult<()> {
        self.ask(py, token, move |view, body| {
            let counts = view.engine.order_counts(AccountId(account), view.now);
            let counts = replies::OrderCounts {
                ten_seconds: counts.ten_seconds,
                day: counts.day,
                limit_ten_seconds: counts.limit_ten_seconds,
                limit_day: counts.limit_day,
            };
            replies::order_counts(&counts, body);
            200
        })
    }

    /// What an operator asks, as JSON. The hash costs a walk over all state.
    fn position(&self, py: Python<'_>, token: u64) -> PyResult<()> {
        self.ask(py, token, move |view, body| {
            let engine = view.engine;
            let hash = crate::log::blake3_hex(engine.hash());
            let position = serde_json::json!({
                "sequence": engine.sequence(), "time": engine.time(), "halted": engine.halted(), "hash": hash,
            });
            body.extend_from_slice(position.to_string().as_bytes());
            200
        })
    }

    fn live_keys(&self, py: Python<'_>, token: u64) -> PyResult<()> {
        self.ask(py, token, move |view, body| {
            let keys: Vec<_> = view.engine.live_keys().map(|key| (key.id.0, key.account.0)).collect();
            body.extend_from_slice(serde_json::json!(keys).to_string().as_bytes());
            200
        })
    }

    fn command(&self, py: Python<'_>, token: u64, command: &[u8]) -> PyResult<()> {
        if command.len() > LONGEST_COMMAND {
            return Err(PyValueError::new_err(format!("a command has at most {LONGEST_COMMAND} bytes")));
        }
        let command: Command = serde_json::from_slice(command)
            .map_err(|error| PyValueError::new_err(format!("not a command of this release: {error}")))?;
        let encode = |_: &View<'_>, outcome: &Outcome<'_>, body: &mut Vec<u8>| {
            body.extend(json_of(&told(&outcome.events())));
            if outcome.rejected.is_some() { 400 } else { 200 }
        };
        self.command_with(py, token, command, encode)
    }

    /// Many commands in one call, in the log's layout; one answer for all of them.
    fn batch(&self, py: Python<'_>, token: u64, commands: &[u8]) -> PyResult<()> {
        let deadline = Micros(self.desk.clock.now().0 + PATIENCE);
        let put =
            py.detach(|| batch::requests(token, commands, deadline).map(|requests| self.desk.put_all(requests)))?;
        put.map_err(|refusal| not_taken(py, refusal))
    }

    fn rows(&self, py: Python<'_>, timeout_ms: u64) -> PyResult<Option<Rows>> {
        py.detach(|| self.next_rows(Duration::from_millis(timeout_ms))).map_err(|error| not_started(&error))
    }
}

/// The reply to a request whose group never became durable.
fn unknown_outcome(token: u64) -> Answer {
    let mut body = Vec::new();
    let status = replies::refusal(&errors::TIMEOUT.error(), &mut body);
    Answer { token, status, body, orders: None }
}

fn find(view: &View<'_>, market: MarketId, account: AccountId, name: &OrderName) -> Option<OrderView> {
    match name.order {
        Some(id) => view.engine.order(market, account, id).or_else(|| view.recent.order(market, account, id)),
        None => view
            .engine
            .order_by_client(market, account, &name.client_id)
            .or_else(|| view.recent.order_by_client(market, account, &name.client_id)),
    }
}

/// Every listed asset, as Binance lists them: also those that the account never had.
fn all_balances(view: &View<'_>, account: AccountId) -> impl Iterator<Item = replies::Balance> {
    let mut held = view.engine.balances(account).collect::<Vec<_>>().into_iter().peekable();
    let assets: Vec<AssetId> = view.engine.assets().map(|asset| asset.id).collect();
    assets.into_iter().map(move |asset| held.next_if(|(id, ..)| *id == asset).unwrap_or((asset, Amount(0), Amount(0))))
}

impl PyShard {
    fn open(options: &Options, projected: u64) -> Result<Self, agio_runner::StartError> {
        let (shard, listing) = Shard::open_and(options, Listing::of)?;
        let until = shard.started_at().0;
        let follower = if projected < until { Some(Follower::open(&options.folder, projected + 1)?) } else { None };
        Ok(Self {
            desk: Arc::clone(shard.desk()),
            notes: shard.notes().to_vec(),
            manual_time: options.manual_time.clone(),
            shard: Mutex::new(Some(shard)),
            listing: RwLock::new(Arc::new(listing)),
            wanted: Mutex::default(),
            behind: Mutex::new(Behind { follower, until }),
        })
    }

    /// The listing after these events.
    fn learn(&self, batch: &Batch) -> Arc<Listing> {
        let current = Arc::clone(&self.listing.read());
        if !batch.changes_listing() {
            return current;
        }
        let mut next = (*current).clone();
        for event in batch.commands().flat_map(|(_, events)| events) {
            next.learn(&event);
        }
        let next = Arc::new(next);
        *self.listing.write() = Arc::clone(&next);
        next
    }

    fn named(&self, py: Python<'_>, symbol: &str) -> PyResult<MarketId> {
        self.listing.read().market(symbol).ok_or_else(|| refused(py, &errors::BAD_SYMBOL.error()))
    }

    fn market(&self, py: Python<'_>, values: &Values) -> PyResult<MarketId> {
        let find = |symbol: &str| self.listing.read().market(symbol);
        let market = orders::market(values, find).and_then(|market| market.ok_or_else(|| errors::BAD_SYMBOL.error()));
        market.map_err(|error| refused(py, &error))
    }

    fn submit(&self, py: Python<'_>, token: u64, command: Option<Command>, reply: Reply) -> PyResult<()> {
        let deadline = Micros(self.desk.clock.now().0 + PATIENCE);
        self.desk.put(Request { token, command, deadline, reply }).map_err(|refusal| not_taken(py, refusal))
    }

    fn command_with(
        &self,
        py: Python<'_>,
        token: u64,
        command: Command,
        encode: impl FnOnce(&View<'_>, &Outcome<'_>, &mut Vec<u8>) -> u16 + Send + 'static,
    ) -> PyResult<()> {
        let reply = move |view: &View<'_>, outcome: &Outcome<'_>| {
            let mut body = Vec::with_capacity(512);
            let status = encode(view, outcome, &mut body);
            Some(Answer { token, status, body, orders: None })
        };
        self.submit(py, token, Some(command), Box::new(reply))
    }

    fn ask(
        &self,
        py: Python<'_>,
        token: u64,
        encode: impl FnOnce(&View<'_>, &mut Vec<u8>) -> u16 + Send + 'static,
    ) -> PyResult<()> {
        let reply = move |view: &View<'_>, _: &Outcome<'_>| {
            let mut body = Vec::with_capacity(512);
            let status = encode(view, &mut body);
            Some(Answer { token, status, body, orders: None })
        };
        self.submit(py, token, None, Box::new(reply))
    }

    fn next_rows(&self, timeout: Duration) -> Result<Option<Rows>, agio_runner::StartError> {
        let mut behind = self.behind.lock();
        let until = behind.until;
        if let Some(follower) = &mut behind.follower {
            if let Some(rows) = next_rows(follower, until)? {
                return Ok(Some(rows));
            }
            behind.follower = None;
        }
        drop(behind);
        let Some(batches) = self.desk.backlog.take(STEP_EVENTS.max(STEP_ROWS), timeout) else { return Ok(None) };
        let mut collector = Collector::default();
        for batch in &batches {
            for mark in batch.marks() {
                collector.begin(mark.sequence, mark.time);
                batch.show(mark, |event| collector.add(event));
                collector.end();
            }
        }
        Ok((!collector.is_empty()).then(|| collector.finish()))
    }
}
