//! Orders that have just finished, so that a query right after a fill need not wait for SQL.
//!
//! They stand in a ring, each linked to the one before it whose key falls into the same bucket, once for numbers and
//! once for client ids. Nothing is ever taken out: a link that leads to a place that was used again is a link's end.

use std::hash::{BuildHasher, Hash};

use agio_engine::events::Executed;
use agio_engine::units::{AccountId, ClientId, MarketId, OrderId};
use agio_engine::vocabulary::{OrderStatus, OrderView};
use rustc_hash::FxBuildHasher;

/// The count of orders learned when this one was, itself included; 0 is none.
type Serial = u32;

#[derive(Clone, Copy)]
struct Finished {
    order: OrderView,
    older_number: Serial,
    older_client: Serial,
}

/// The last finished orders, at most as many as its capacity. No part of the engine's state: it starts empty, and what
/// it does not know is in history.
pub struct Recent {
    ring: Vec<Finished>,
    /// The newest order of each bucket.
    numbers: Vec<Serial>,
    clients: Vec<Serial>,
    learned: Serial,
    capacity: u32,
}

impl Recent {
    /// Remembers up to `capacity` orders.
    pub fn new(capacity: usize) -> Self {
        let buckets = vec![0; capacity.next_power_of_two() * 2];
        let capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
        Self { ring: Vec::new(), numbers: buckets.clone(), clients: buckets, learned: 0, capacity }
    }

    /// Takes the finished orders out of a command's executions.
    pub fn learn(&mut self, executed: &[Executed]) {
        for Executed { execution } in executed {
            if !matches!(execution.order.status, OrderStatus::New | OrderStatus::PartiallyFilled) {
                self.insert(&execution.order);
            }
        }
    }

    fn insert(&mut self, order: &OrderView) {
        if self.capacity == 0 {
            return;
        }
        self.learned = self.learned.wrapping_add(1).max(1);
        let place = (self.learned % self.capacity) as usize;
        let number = bucket(&self.numbers, (order.market, order.order));
        let client = bucket(&self.clients, (order.market, order.account, order.client_id));
        let older_number = std::mem::replace(&mut self.numbers[number], self.learned);
        let older_client = std::mem::replace(&mut self.clients[client], self.learned);
        let finished = Finished { order: *order, older_number, older_client };
        if place >= self.ring.len() {
            self.ring.resize(place + 1, finished);
        }
        self.ring[place] = finished;
    }

    /// From the newest of a bucket to the oldest that is still there.
    fn chain(&self, newest: Serial, older: fn(&Finished) -> Serial) -> impl Iterator<Item = &OrderView> {
        let mut next = newest;
        let mut age = None;
        std::iter::from_fn(move || {
            let its = self.learned.wrapping_sub(next);
            if next == 0 || its >= self.capacity || age.is_some_and(|age| its <= age) {
                return None;
            }
            let finished = self.ring.get((next % self.capacity) as usize)?;
            (age, next) = (Some(its), older(finished));
            Some(&finished.order)
        })
    }

    /// The finished order with this number, if it is the account's.
    pub fn order(&self, market: MarketId, account: AccountId, id: OrderId) -> Option<OrderView> {
        let newest = self.numbers[bucket(&self.numbers, (market, id))];
        let mut found = self.chain(newest, |finished| finished.older_number);
        found
            .find(|order| order.market == market && order.order == id)
            .filter(|order| order.account == account)
            .copied()
    }

    /// The account's last finished order with this client id.
    pub fn order_by_client(&self, market: MarketId, account: AccountId, id: &ClientId) -> Option<OrderView> {
        let newest = self.clients[bucket(&self.clients, (market, account, *id))];
        let mut found = self.chain(newest, |finished| finished.older_client);
        found.find(|order| order.market == market && order.account == account && order.client_id == *id).copied()
    }
}

/// The table's length is a power of two.
fn bucket(table: &[Serial], key: impl Hash) -> usize {
    FxBuildHasher.hash_one(key) as usize & (table.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use agio_engine::units::{Amount, ExecutionId, Micros, Price, Quantity};
    use agio_engine::vocabulary::{Execution, ExecutionKind, Expiry, OrderKind, Prevention, Side, TimeInForce};

    const MARKET: MarketId = MarketId(0);
    const OWNER: AccountId = AccountId(1_000);

    fn finished(number: u64, status: OrderStatus) -> Executed {
        let order = OrderView {
            market: MARKET,
            account: OWNER,
            order: OrderId(number),
            client_id: ClientId::new(format!("id-{}", number % 7).as_bytes()).unwrap(),
            side: Side::Buy,
            kind: OrderKind::Limit,
            life: TimeInForce::Gtc,
            price: Price(1),
            quantity: Quantity(1),
            budget: Amount(0),
            executed: Quantity(1),
            notional: Amount(1),
            prevented: Quantity(0),
            status,
            expiry: Expiry::None,
            prevention: Prevention::None,
            prevented_match: None,
            strategy: None,
            strategy_type: None,
            on_book: false,
            opened: Micros(1),
            updated: Micros(1),
        };
        let (kind, execution, time) = (ExecutionKind::Trade, ExecutionId(number), Micros(1));
        let cancel_id = ClientId::NONE;
        Executed { execution: Execution { kind, execution, time, order, fill: None, prevention: None, cancel_id } }
    }

    fn numbers(recent: &Recent, to: u64) -> Vec<u64> {
        (0..=to).filter(|number| recent.order(MARKET, OWNER, OrderId(*number)).is_some()).collect()
    }

    #[test]
    fn the_last_orders_are_known_and_older_ones_forgotten() {
        let mut recent = Recent::new(10);
        for number in 1..=1_000 {
            recent.learn(&[finished(number, OrderStatus::Filled)]);
            let first = number.saturating_sub(9).max(1);
            assert_eq!(numbers(&recent, number), (first..=number).collect::<Vec<_>>());
            let newest =
                recent.order_by_client(MARKET, OWNER, &ClientId::new(format!("id-{}", number % 7).as_bytes()).unwrap());
            assert_eq!(newest.map(|order| order.order.0), Some(number));
        }
    }

    #[test]
    fn a_client_id_that_only_forgotten_orders_had_is_not_known() {
        let mut recent = Recent::new(5);
        (1..=7).for_each(|number| recent.learn(&[finished(number, OrderStatus::Canceled)]));
        let known = |text: &[u8]| recent.order_by_client(MARKET, OWNER, &ClientId::new(text).unwrap()).is_some();
        assert!(!known(b"id-1") && !known(b"id-2") && known(b"id-3") && known(b"id-0"));
    }

    #[test]
    fn open_orders_and_other_accounts_orders_are_not_told() {
        let mut recent = Recent::new(5);
        recent.learn(&[finished(1, OrderStatus::New), finished(2, OrderStatus::PartiallyFilled)]);
        recent.learn(&[finished(3, OrderStatus::Expired)]);
        assert_eq!(numbers(&recent, 5), [3]);
        assert!(recent.order(MARKET, AccountId(1_001), OrderId(3)).is_none());
    }

    #[test]
    fn nothing_is_remembered_without_room() {
        let mut recent = Recent::new(0);
        recent.learn(&[finished(1, OrderStatus::Filled)]);
        assert_eq!(numbers(&recent, 2), [0_u64; 0]);
    }

    #[test]
    fn the_count_may_come_round() {
        let mut recent = Recent::new(4);
        recent.learned = u32::MAX - 2;
        (1..=9).for_each(|number| recent.learn(&[finished(number, OrderStatus::Filled)]));
        assert!(numbers(&recent, 9).ends_with(&[8, 9]));
    }
}
