//! What orders take in memory, and when it is taken.

use agio_book::{Bare, Book, Resting, Side};

/// Orders on 200 levels, with ids that are counted or anything.
fn add(book: &mut Book<Bare>, numbers: std::ops::Range<u64>, spread: u64) {
    for number in numbers {
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let order = Resting { id: number.wrapping_mul(spread), side, price: 1_000 + number % 100 * 2, quantity: 1 };
        book.restore(Resting { price: order.price + 1_000 * (number % 2), ..order }, ()).expect("it may rest");
    }
}

#[test]
fn an_order_takes_up_to_64_bytes() {
    for spread in [1, 0x9E37_79B9_7F4A_7C15] {
        let mut book = Book::<Bare>::new();
        for end in 1..=30 {
            add(&mut book, (end - 1) * 10_000..end * 10_000, spread);
            let bytes = book.memory() / book.len();
            // 32 in the slab, and seven in a line of the index at the most.
            assert!((32 + 9..=64).contains(&bytes), "{bytes} bytes an order, with {} orders", book.len());
        }
        book.check().expect("it is sound");
    }
}

#[test]
fn levels_are_counted() {
    let memory = |step| {
        let mut book = Book::<Bare>::new();
        for number in 0..2_000 {
            let order = Resting { id: number, side: Side::Buy, price: 1 + number * step, quantity: 1 };
            book.restore(order, ()).expect("it may rest");
        }
        book.memory()
    };
    assert!(memory(64) > memory(0) + 2_000 * 64, "{} and {} bytes", memory(64), memory(0));
}

#[test]
fn room_that_was_reserved_is_there() {
    for before in [0, 5_000] {
        let mut book = Book::<Bare>::new();
        add(&mut book, 0..before, 3);
        book.reserve(50_000);
        book.check().expect("it is sound");
        add(&mut book, before..before + 1_000, 3);
        let memory = book.memory();
        add(&mut book, before + 1_000..50_000, 3);
        assert_eq!(book.memory(), memory);
        add(&mut book, 50_000..90_000, 3);
        assert!(book.memory() > memory);
        book.check().expect("it is sound");
        (0..90_000).for_each(|number| assert!(book.cancel(number * 3, &mut agio_book::Ignore).is_ok()));
        assert!(book.is_empty());
    }
}

#[test]
fn no_more_is_reserved_than_may_rest() {
    let mut book = Book::<Bare>::with_limit(100);
    book.reserve(u32::MAX);
    assert!(book.memory() < 20_000);
}
