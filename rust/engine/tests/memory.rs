//! What open orders and accounts cost in memory, all in all: counted by the allocator, and for the
//! order book, whose larger parts are no allocator's, by a book of as many orders.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use agio_book::{Bare, Book, Resting};
use agio_engine::BookOrder;
use agio_engine::commands::{Command, Deposit, ListAsset, ListMarket, OpenAccount, Place};
use agio_engine::units::{AccountId, Amount, AssetId, ClientId, FIRST_CUSTOMER, MarketId, Rate};
use agio_engine::vocabulary::Side;
use common::{ALL_RIGHTS, NO_LIMITS, World, limit};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are held.
fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

/// Applies a command and keeps nothing of what it says.
fn quietly(world: &mut World, command: impl Into<Command>) {
    world.must(command);
    world.events.clear();
}

fn venue(accounts: u32) -> World {
    let mut world = World::new();
    for name in ["BTC", "ETH", "USDT"] {
        quietly(&mut world, ListAsset { name: name.to_owned(), precision: 8 });
    }
    let (base, quote, filters) = (AssetId(0), AssetId(2), common::open_filters());
    quietly(&mut world, ListMarket { symbol: "BTCUSDT".to_owned(), base, quote, filters });
    for number in 0..accounts {
        let (rights, maker, taker) = (ALL_RIGHTS, Rate(0), Rate(0));
        quietly(&mut world, OpenAccount { rights, maker, taker, limits: NO_LIMITS });
        for asset in 0..3 {
            let account = AccountId(FIRST_CUSTOMER.0 + number);
            quietly(&mut world, Deposit { account, asset: AssetId(asset), amount: Amount(1 << 60) });
        }
    }
    world
}

/// A resting order with a client id of full length.
fn order(number: u64) -> Place {
    let account = AccountId(FIRST_CUSTOMER.0 + (number % 100) as u32);
    let client_id =
        ClientId::new(format!("a-client-id-of-36-characters-{number:07}").as_bytes()).expect("36 characters");
    let price = 1_000_000_000 - number % 5_000 * 1_000;
    Place { client_id, ..limit(account, MarketId(0), Side::Buy, 100_000, price) }
}

/// What a book of so many orders takes beside what the allocator knows of.
fn mapped(orders: u64) -> usize {
    let (before, mut book) = (held(), Book::<Bare>::new());
    let slots = size_of::<Option<BookOrder>>() * orders as usize;
    for id in 1..=orders {
        let order = Resting { id, side: agio_book::Side::Buy, price: 1_000_000_000 - id % 5_000 * 1_000, quantity: 1 };
        book.restore(order, ()).expect("it may rest");
    }
    book.memory() + slots - (held() - before)
}

/// Tables and lists that double take more right after they have; so several sizes are looked at. One test: all share the
/// allocator's count.
#[test]
fn an_order_takes_up_to_256_bytes_and_a_million_accounts_less_than_a_gigabyte() {
    let before = held();
    let mut world = venue(10_000);
    let account = (held() - before) / 10_000;
    assert!(account < 1_000, "an account with three assets takes {account} bytes");
    let before = held();
    let mut sizes = Vec::new();
    for number in 1..=400_000 {
        quietly(&mut world, order(number));
        if number % 50_000 == 0 {
            sizes.push((held() - before + mapped(number)) / number as usize);
        }
    }
    assert!(sizes.iter().all(|size| *size <= 256), "an open order takes {sizes:?} bytes, {account} an account");
}
