//! Orders that have just finished, so that a query right after a fill need not wait for SQL.
//!
//! They stand in a ring, and learning one is no more than writing it there. They are looked up in an index that is brought up
//! to date when somebody asks: each order is linked to the one before it whose key falls into the same bucket, once for
//! numbers and once for client ids. Nothing is ever taken out: a link that leads to a place that was used again is a link's
//! end.

use std::hash::{BuildHasher, Hash};

use agio_engine::units::{AccountId, ClientId, MarketId, OrderId};
use agio_engine::vocabulary::{OrderStatus, OrderView};
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;

use crate::brief::BriefOrder;

/// The count of orders learned when this one was, itself included; 0 is none.
type Serial = u64;

enum Finished {
    Brief(BriefOrder),
    Whole(Box<OrderView>),
}

impl Finished {
    fn key(&self) -> (MarketId, AccountId, OrderId, &ClientId) {
        match self {
            Self::Brief(order) => (order.market, order.account, order.order, &order.client_id),
            Self::Whole(order) => (order.market, order.account, order.order, &order.client_id),
        }
    }

    fn order(&self) -> OrderView {
        match self {
            Self::Brief(order) => order.whole(),
            Self::Whole(order) => **order,
        }
    }
}

/// The last finished orders, at most as many as its capacity. No part of the engine's state: it starts empty, and what
/// it does not know is in history.
pub struct Recent {
    ring: Vec<Finished>,
    learned: Serial,
    /// The place of the next.
    next: usize,
    capacity: usize,
    /// Only who asks locks it: the engine's thread, which is also the one that learns.
    index: Mutex<Index>,
}

/// Where to find the orders up to the last that it has seen.
#[derive(Default)]
struct Index {
    seen: Serial,
    /// The newest order of each bucket.
    numbers: Vec<Serial>,
    clients: Vec<Serial>,
    /// By place in the ring: the orders before it in both of its buckets.
    older: Vec<Older>,
}

#[derive(Clone, Copy, Default)]
struct Older {
    number: Serial,
    client: Serial,
}

impl Recent {
    /// Remembers up to `capacity` orders.
    pub fn new(capacity: usize) -> Self {
        Self { ring: Vec::new(), learned: 0, next: 0, capacity, index: Mutex::default() }
    }

    /// Takes an order, if it is finished.
    #[inline]
    pub(crate) fn learn(&mut self, order: &BriefOrder) {
        if is_finished(order.status) {
            self.insert(Finished::Brief(*order));
        }
    }

    /// As [`Self::learn`], for one that does not fit there.
    pub(crate) fn learn_whole(&mut self, order: &OrderView) {
        if is_finished(order.status) {
            self.insert(Finished::Whole(Box::new(*order)));
        }
    }

    #[inline]
    fn insert(&mut self, finished: Finished) {
        if self.ring.len() < self.capacity {
            self.ring.push(finished);
        } else if let Some(place) = self.ring.get_mut(self.next) {
            *place = finished;
        } else {
            return;
        }
        self.learned += 1;
        self.next = if self.next + 1 == self.capacity { 0 } else { self.next + 1 };
    }

    /// Where an order stands: the first at 0.
    fn place(&self, serial: Serial) -> usize {
        (serial - 1) as usize % self.capacity
    }

    /// Whether an order is not overwritten yet.
    fn knows(&self, serial: Serial) -> bool {
        serial > 0 && self.learned - serial < self.capacity as u64
    }

    /// From the newest of a bucket to the oldest that is still there, the first that is wanted.
    fn find(
        &self,
        newest: Serial,
        older: impl Fn(usize) -> Serial,
        wanted: impl Fn(&Finished) -> bool,
    ) -> Option<&Finished> {
        let mut serial = newest;
        while self.knows(serial) {
            let place = self.place(serial);
            if wanted(&self.ring[place]) {
                return Some(&self.ring[place]);
            }
            serial = older(place);
        }
        None
    }

    /// The finished order with this number, if it is the account's.
    pub fn order(&self, market: MarketId, account: AccountId, id: OrderId) -> Option<OrderView> {
        let mut index = self.index.lock();
        index.see(self);
        let newest = newest(&index.numbers, (market, id));
        let wanted = |finished: &Finished| {
            let (its_market, _, order, _) = finished.key();
            its_market == market && order == id
        };
        let found = self.find(newest, |place| index.older[place].number, wanted)?;
        (found.key().1 == account).then(|| found.order())
    }

    /// The account's last finished order with this client id.
    pub fn order_by_client(&self, market: MarketId, account: AccountId, id: &ClientId) -> Option<OrderView> {
        let mut index = self.index.lock();
        index.see(self);
        let newest = newest(&index.clients, (market, account, *id));
        let wanted = |finished: &Finished| {
            let (its_market, owner, _, client_id) = finished.key();
            its_market == market && owner == account && client_id == id
        };
        self.find(newest, |place| index.older[place].client, wanted).map(Finished::order)
    }
}

impl Index {
    /// Looks at what was learned since it was asked last, as far as it is still there.
    fn see(&mut self, recent: &Recent) {
        if recent.learned > 0 && self.numbers.is_empty() {
            let buckets = recent.capacity.next_power_of_two() * 2;
            (self.numbers, self.clients) = (vec![0; buckets], vec![0; buckets]);
            self.older = vec![Older::default(); recent.capacity];
        }
        let first = self.seen.max(recent.learned - recent.ring.len() as u64) + 1;
        for serial in first..=recent.learned {
            let place = recent.place(serial);
            let (market, account, order, client_id) = recent.ring[place].key();
            let number = bucket(&self.numbers, (market, order));
            let client = bucket(&self.clients, (market, account, *client_id));
            let number = std::mem::replace(&mut self.numbers[number], serial);
            let client = std::mem::replace(&mut self.clients[client], serial);
            self.older[place] = Older { number, client };
        }
        self.seen = recent.learned;
    }
}

/// The newest order of a key's bucket; there are no buckets before there are orders.
fn newest(buckets: &[Serial], key: impl Hash) -> Serial {
    if buckets.is_empty() { 0 } else { buckets[bucket(buckets, key)] }
}

fn is_finished(status: OrderStatus) -> bool {
    !matches!(status, OrderStatus::New | OrderStatus::PartiallyFilled)
}

/// The table's length is a power of two.
fn bucket(table: &[Serial], key: impl Hash) -> usize {
    FxBuildHasher.hash_one(key) as usize & (table.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: MarketId = MarketId(0);
    const OWNER: AccountId = AccountId(1_000);

    fn learn(recent: &mut Recent, number: u64, status: OrderStatus) {
        let placed = crate::brief::tests::placed().order;
        let client_id = ClientId::new(format!("id-{}", number % 7).as_bytes()).unwrap();
        // Every third has what makes it be kept whole.
        let strategy = number.is_multiple_of(3).then_some(1);
        let order = OrderId(number);
        let view = OrderView { market: MARKET, account: OWNER, order, client_id, status, strategy, ..placed };
        match BriefOrder::of(&view) {
            Some(brief) => recent.learn(&brief),
            None => recent.learn_whole(&view),
        }
    }

    fn numbers(recent: &Recent, to: u64) -> Vec<u64> {
        (0..=to).filter(|number| recent.order(MARKET, OWNER, OrderId(*number)).is_some()).collect()
    }

    #[test]
    fn the_last_orders_are_known_and_older_ones_forgotten() {
        let mut recent = Recent::new(10);
        for number in 1..=1_000 {
            learn(&mut recent, number, OrderStatus::Filled);
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
        (1..=7).for_each(|number| learn(&mut recent, number, OrderStatus::Canceled));
        let known = |text: &[u8]| recent.order_by_client(MARKET, OWNER, &ClientId::new(text).unwrap()).is_some();
        assert!(!known(b"id-1") && !known(b"id-2") && known(b"id-3") && known(b"id-0"));
    }

    #[test]
    fn open_orders_and_other_accounts_orders_are_not_told() {
        let mut recent = Recent::new(5);
        learn(&mut recent, 1, OrderStatus::New);
        learn(&mut recent, 2, OrderStatus::PartiallyFilled);
        learn(&mut recent, 3, OrderStatus::PartiallyFilled);
        learn(&mut recent, 3, OrderStatus::Expired);
        assert_eq!(numbers(&recent, 5), [3]);
        assert!(recent.order(MARKET, AccountId(1_001), OrderId(3)).is_none());
    }

    #[test]
    fn nothing_is_remembered_without_room() {
        let mut recent = Recent::new(0);
        (1..=3).for_each(|number| learn(&mut recent, number, OrderStatus::Filled));
        assert_eq!(numbers(&recent, 3), [0_u64; 0]);
    }

    #[test]
    fn whoever_asks_seldom_is_told_as_much() {
        for pause in [1, 3, 10, 11, 100] {
            let mut recent = Recent::new(10);
            for round in 1..20 {
                (1..=pause).for_each(|step| learn(&mut recent, (round - 1) * pause + step, OrderStatus::Filled));
                let last = round * pause;
                let known: Vec<_> = (last.saturating_sub(9).max(1)..=last).collect();
                assert_eq!(numbers(&recent, last), known, "asked every {pause}");
                let strategies = known.iter().map(|number| (number % 3 == 0).then_some(1));
                let order =
                    |number: &u64| recent.order(MARKET, OWNER, OrderId(*number)).and_then(|order| order.strategy);
                assert!(known.iter().map(order).eq(strategies));
            }
        }
    }
}
