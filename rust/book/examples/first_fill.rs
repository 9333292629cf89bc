//! A book, a resting order, and the first fill: `cargo run -p agio-book --example first_fill`.
//!
//! Prices and quantities are whole numbers of the smallest unit, here 10^-8 as on agio.

use agio_book::{Bare, Book, Fill, Incoming, Lifetime, Prevented, Side, Sink};

const ONE: u64 = 100_000_000;

/// Prints whatever the book reports.
struct Printer;

impl Sink<()> for Printer {
    fn fill(&mut self, fill: &Fill, (): &mut ()) {
        println!("fill: {} from order {} at {}", fill.quantity, fill.maker_id, fill.price);
    }

    fn prevented(&mut self, _: &Prevented, (): &mut ()) {
        // Bare matching lets everybody trade with everybody.
    }

    fn level(&mut self, side: Side, price: u64, total: u64) {
        println!("{side:?} {price}: {total}");
    }
}

fn main() -> Result<(), agio_book::Error> {
    let mut book = Book::<Bare>::new();
    let limit = |id, side, price, quantity| {
        let (limit, lifetime) = (Some(price), Lifetime::Rest);
        Incoming { id, side, limit, quantity, lifetime }
    };

    // Nothing to trade with: it rests. The closure makes the payload, of which bare matching has none.
    book.place(&limit(1, Side::Sell, 60_000 * ONE, 2 * ONE), |_| (), &mut Bare, &mut Printer)?;

    // It pays up to 60,010, and gets the maker's 60,000.
    let taker = limit(2, Side::Buy, 60_010 * ONE, ONE / 2);
    let placed = book.place(&taker, |_| (), &mut Bare, &mut Printer)?;
    println!("order 2: executed {}, left {}, {:?}", placed.executed, placed.left, placed.end);

    let (order, ()) = book.cancel(1, &mut Printer)?;
    println!("order 1 had {} left", order.quantity);
    assert!(book.is_empty());
    Ok(())
}
