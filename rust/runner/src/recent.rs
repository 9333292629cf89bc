//! Orders that have just finished, so that a query right after a fill need not wait for SQL.

use std::collections::VecDeque;

use agio_engine::events::Event;
use agio_engine::units::{AccountId, ClientId, MarketId, OrderId};
use agio_engine::vocabulary::{OrderStatus, OrderView};
use rustc_hash::FxHashMap;

type ByNumber = (MarketId, OrderId);
type ByClient = (MarketId, AccountId, ClientId);

/// The last finished orders, at most as many as its capacity. No part of the engine's state: it starts empty, and what
/// it does not know is in history.
pub struct Recent {
    orders: FxHashMap<ByNumber, OrderView>,
    clients: FxHashMap<ByClient, OrderId>,
    age: VecDeque<ByNumber>,
    capacity: usize,
}

impl Recent {
    /// Remembers up to `capacity` orders.
    pub fn new(capacity: usize) -> Self {
        Self { orders: FxHashMap::default(), clients: FxHashMap::default(), age: VecDeque::new(), capacity }
    }

    /// Takes the finished orders out of a command's events.
    pub fn learn(&mut self, events: &[Event]) {
        for event in events {
            if let Event::Executed(executed) = event
                && !matches!(executed.execution.order.status, OrderStatus::New | OrderStatus::PartiallyFilled)
            {
                self.insert(executed.execution.order);
            }
        }
    }

    fn insert(&mut self, order: OrderView) {
        let key = (order.market, order.order);
        if self.orders.insert(key, order).is_none() {
            self.age.push_back(key);
        }
        self.clients.insert((order.market, order.account, order.client_id), order.order);
        while self.age.len() > self.capacity {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(key) = self.age.pop_front() else { return };
        let Some(order) = self.orders.remove(&key) else { return };
        let client = (order.market, order.account, order.client_id);
        if self.clients.get(&client) == Some(&order.order) {
            self.clients.remove(&client);
        }
    }

    /// The finished order with this number, if it is the account's.
    pub fn order(&self, market: MarketId, account: AccountId, id: OrderId) -> Option<OrderView> {
        self.orders.get(&(market, id)).filter(|order| order.account == account).copied()
    }

    /// The account's last finished order with this client id.
    pub fn order_by_client(&self, market: MarketId, account: AccountId, id: &ClientId) -> Option<OrderView> {
        let order = self.clients.get(&(market, account, *id))?;
        self.orders.get(&(market, *order)).copied()
    }
}
