//! What somebody knows who has only ever read events: old state + events must equal a fresh read (invariant 7).

use std::collections::BTreeMap;

use agio_engine::Engine;
use agio_engine::events::*;
use agio_engine::units::*;
use agio_engine::vocabulary::*;

/// The numbers of one market, each dense.
#[derive(Default)]
struct Numbers {
    trades: u64,
    aggregates: u64,
    updates: u64,
    executions: u64,
    orders: u64,
}

#[derive(Default)]
pub(crate) struct Mirror {
    balances: BTreeMap<(AccountId, AssetId), (Amount, Amount)>,
    ledger: BTreeMap<(AccountId, AssetId), i128>,
    orders: BTreeMap<(AccountId, MarketId, OrderId), OrderView>,
    levels: BTreeMap<(MarketId, u8, Price), Quantity>,
    tops: BTreeMap<MarketId, TopChanged>,
    markets: BTreeMap<MarketId, MarketChanged>,
    accounts: BTreeMap<AccountId, AccountChanged>,
    keys: BTreeMap<KeyId, (AccountId, bool)>,
    numbers: BTreeMap<MarketId, Numbers>,
    pub(crate) executions: BTreeMap<&'static str, u64>,
}

impl Mirror {
    /// Takes in the events of one command, checking what must hold for each command alone.
    pub(crate) fn read(&mut self, events: &[Event]) {
        let ranks: Vec<u8> = events.iter().map(rank).collect();
        assert!(ranks.is_sorted(), "events out of order: {events:?}");
        if events.iter().any(|event| matches!(event, Event::Rejected(_))) {
            assert_eq!(events.len(), 1, "a refusal is one event: {events:?}");
        }
        both_sides_of_every_trade(events);
        let mut sums = BTreeMap::<AssetId, i128>::new();
        for event in events {
            if let Event::Posted(posted) = event {
                *sums.entry(posted.asset).or_default() += posted.delta.0;
            }
            self.read_one(event);
        }
        assert!(sums.values().all(|sum| *sum == 0), "postings do not sum to zero: {events:?}");
    }

    fn read_one(&mut self, event: &Event) {
        match event {
            Event::Executed(it) => self.executed(&it.execution),
            Event::Traded(it) => {
                let numbers = self.numbers.entry(it.market).or_default();
                assert_eq!(it.trade.0, numbers.trades, "trades are dense");
                assert_eq!(it.notional, it.price.notional(it.quantity));
                numbers.trades += 1;
            }
            Event::Aggregated(it) => {
                let numbers = self.numbers.entry(it.market).or_default();
                assert_eq!(it.aggregate.0, numbers.aggregates, "aggregates are dense");
                numbers.aggregates += 1;
            }
            Event::LevelChanged(it) => {
                let numbers = self.numbers.entry(it.market).or_default();
                numbers.updates += 1;
                assert_eq!(it.update.0, numbers.updates, "updates are dense");
                let key = (it.market, it.side as u8, it.price);
                if it.total.0 == 0 {
                    self.levels.remove(&key)
                } else {
                    self.levels.insert(key, it.total)
                };
            }
            Event::TopChanged(it) => {
                self.tops.insert(it.market, it.clone());
            }
            Event::Posted(it) => *self.ledger.entry((it.account, it.asset)).or_default() += it.delta.0,
            Event::BalanceChanged(it) => {
                self.balances.insert((it.account, it.asset), (it.free, it.locked));
            }
            Event::MarketChanged(it) => {
                self.markets.insert(it.market, it.clone());
            }
            Event::AccountChanged(it) => {
                self.accounts.insert(it.account, it.clone());
            }
            Event::KeyAdded(it) => {
                self.keys.insert(it.key, (it.account, false));
            }
            Event::KeyRevoked(it) => self.keys.get_mut(&it.key).expect("a known key").1 = true,
            _ => {}
        }
    }

    fn executed(&mut self, it: &Execution) {
        let order = it.order;
        let numbers = self.numbers.entry(order.market).or_default();
        numbers.executions += 1;
        assert_eq!(it.execution.0, numbers.executions, "executions are dense");
        if it.kind == ExecutionKind::New {
            numbers.orders += 1;
            assert_eq!(order.order.0, numbers.orders, "orders are dense");
        }
        assert!(order.executed.0 + order.prevented.0 <= order.quantity.0, "{order:?}");
        assert!(order.budget.0 == 0 || order.notional <= order.budget, "more than the budget: {order:?}");
        let ended = !matches!(order.status, OrderStatus::New | OrderStatus::PartiallyFilled);
        assert!(!ended || !order.on_book, "{order:?}");
        *self.executions.entry(name(it.kind, order.status)).or_default() += 1;
        let key = (order.account, order.market, order.order);
        if ended {
            self.orders.remove(&key)
        } else {
            self.orders.insert(key, order)
        };
    }

    /// Compares all that was read with a fresh read.
    pub(crate) fn compare(&self, engine: &Engine) {
        self.compare_balances(engine);
        self.compare_orders(engine);
        for market in engine.markets() {
            self.compare_market(engine, market.id);
        }
        for (id, known) in &self.accounts {
            let account = engine.account(*id).expect("known");
            assert_eq!(account.rights, known.rights);
            assert_eq!((account.maker, account.taker, account.limits), (known.maker, known.taker, known.limits));
        }
        for (id, known) in &self.keys {
            let key = engine.key(*id).expect("known");
            assert_eq!((key.account, key.revoked), *known);
        }
        let live = self.keys.iter().filter(|(_, (_, revoked))| !revoked).map(|(id, (account, _))| (*id, *account));
        assert!(live.eq(engine.live_keys().map(|key| (key.id, key.account))));
    }

    fn compare_balances(&self, engine: &Engine) {
        let zero = (Amount(0), Amount(0));
        let known = self.balances.iter().filter(|(_, balance)| **balance != zero);
        let known: Vec<_> =
            known.map(|((account, asset), (free, locked))| (*account, *asset, *free, *locked)).collect();
        let fresh = engine.accounts().flat_map(|account| {
            engine.balances(account).map(move |(asset, free, locked)| (account, asset, free, locked))
        });
        assert_eq!(known, fresh.collect::<Vec<_>>());
        for ((account, asset), sum) in &self.ledger {
            let (free, locked) = self.balances.get(&(*account, *asset)).copied().unwrap_or(zero);
            let held = if *account == OUTSIDE { engine.outside(*asset).0 } else { (free.0 + locked.0) as i128 };
            assert_eq!(*sum, held, "the ledger of account {} and asset {}", account.0, asset.0);
        }
    }

    fn compare_orders(&self, engine: &Engine) {
        let fresh: Vec<_> = engine.accounts().flat_map(|account| engine.open_orders(account, None)).collect();
        let known: Vec<_> = self.orders.values().copied().collect();
        assert_eq!(known, fresh);
        for order in fresh {
            assert_eq!(engine.order_by_client(order.market, order.account, &order.client_id), Some(order));
        }
    }

    fn compare_market(&self, engine: &Engine, id: MarketId) {
        let view = engine.market(id).expect("listed");
        let known = &self.markets[&id];
        assert_eq!((view.symbol, view.status, *view.filters), (known.symbol.as_str(), known.status, known.filters));
        let numbers = self.numbers.get(&id);
        assert_eq!(view.last_update.0, numbers.map_or(0, |numbers| numbers.updates));
        assert_eq!(view.next_trade.0, numbers.map_or(0, |numbers| numbers.trades));
        let top = self.tops.get(&id);
        for side in [Side::Buy, Side::Sell] {
            let fresh: Vec<_> = engine.depth(id, side).collect();
            let range = (id, side as u8, Price(0))..=(id, side as u8, Price(u64::MAX));
            let mut known: Vec<_> = self.levels.range(range).map(|((_, _, price), total)| (*price, *total)).collect();
            if side == Side::Buy {
                known.reverse();
            }
            assert_eq!(known, fresh);
            let best = fresh.first().copied().unwrap_or_default();
            let known = top.map_or((Price(0), Quantity(0)), |top| match side {
                Side::Buy => (top.bid, top.bid_total),
                Side::Sell => (top.ask, top.ask_total),
            });
            assert_eq!(known, best);
        }
    }
}

/// Each trade stands once on each side, with the same terms (invariant 4).
fn both_sides_of_every_trade(events: &[Event]) {
    let mut trades = BTreeMap::new();
    let mut sides = Vec::new();
    for event in events {
        match event {
            Event::Traded(it) => assert!(trades.insert(it.trade, it).is_none(), "a trade twice: {it:?}"),
            Event::Executed(it) => sides.extend(it.execution.fill.map(|fill| (fill, it.execution.order))),
            _ => {}
        }
    }
    assert_eq!(sides.len(), trades.len() * 2);
    for (fill, order) in sides {
        let trade = trades[&fill.trade];
        let mine = if order.side == Side::Buy { trade.buy_order } else { trade.sell_order };
        assert_eq!((order.order, order.market), (mine, trade.market));
        assert_eq!((fill.price, fill.quantity, fill.notional), (trade.price, trade.quantity, trade.notional));
        assert_eq!(fill.maker, trade.buyer_is_maker == (order.side == Side::Buy));
    }
}

/// Where an event stands among those of its command.
fn rank(event: &Event) -> u8 {
    match event {
        Event::Executed(_) | Event::Traded(_) => 0,
        Event::Aggregated(_) => 1,
        Event::LevelChanged(_) => 2,
        Event::TopChanged(_) => 3,
        Event::Posted(_) => 4,
        Event::BalanceChanged(_) => 5,
        _ => 6,
    }
}

fn name(kind: ExecutionKind, status: OrderStatus) -> &'static str {
    match (kind, status) {
        (ExecutionKind::New, _) => "new",
        (ExecutionKind::Trade, OrderStatus::Filled) => "filled",
        (ExecutionKind::Trade, _) => "partly filled",
        (ExecutionKind::Canceled, _) => "canceled",
        (ExecutionKind::Expired, _) => "expired",
        (ExecutionKind::TradePrevention, OrderStatus::ExpiredInMatch) => "expired in match",
        (ExecutionKind::TradePrevention, _) => "decremented",
    }
}
