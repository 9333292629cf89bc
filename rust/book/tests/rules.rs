//! The rules of matching, one by one, over both books.

mod common;

use agio_book::{Done, End, Error, Incoming, Lifetime, Meeting, Message, Placed, Resting, Side};
use common::{AnyBook, Event, Note, Tape, Venue, limit};

use Lifetime::{FillOrKill, Immediate, PostOnly, Rest};
use Side::{Buy, Sell};

macro_rules! over_both {
    ($($rule:ident)*) => {
        mod fast { $(#[test] fn $rule() { super::$rule::<agio_book::Book<super::Venue>>(); })* }
        mod slow { $(#[test] fn $rule() { super::$rule::<agio_book::naive::Book<super::Venue>>(); })* }
    };
}

over_both! {
    price_then_time
    a_taker_gets_the_makers_price
    reports_come_in_order
    what_does_not_rest
    fill_or_kill_is_all_or_nothing
    fill_or_kill_counts_what_is_really_there
    post_only_never_takes
    market_orders_never_rest
    each_meeting
    a_quota_ends_matching
    a_budget_shrinks
    reducing_keeps_the_place_and_replacing_loses_it
    replacing_may_trade
    refusals_change_nothing
    totals_never_overflow
    a_full_book_still_trades
    any_price_and_any_id
    restoring_keeps_the_order
    a_batch_is_its_messages
}

fn place<B: AnyBook>(book: &mut B, order: Incoming) -> Placed {
    place_as(book, order, &mut Venue::of(0)).0
}

fn place_as<B: AnyBook>(book: &mut B, order: Incoming, venue: &mut Venue) -> (Placed, Vec<Event>) {
    let mut tape = Tape::default();
    (book.place(&order, venue, &mut tape).expect("accepted"), tape.events)
}

fn ended(executed: u64, prevented: u64, left: u64, end: End) -> Placed {
    Placed { executed, prevented, left, end }
}

fn ids<B: AnyBook>(book: &B, side: Side) -> Vec<u64> {
    book.orders(side).iter().map(|(order, _)| order.id).collect()
}

/// The makers of a tape's fills, and how much of each.
fn fills(events: &[Event]) -> Vec<(u64, u64, u64)> {
    let fill = |event: &Event| match event {
        Event::Fill(fill, _) => Some((fill.maker_id, fill.price, fill.quantity)),
        _ => None,
    };
    events.iter().filter_map(fill).collect()
}

fn price_then_time<B: AnyBook>() {
    let mut book = B::default();
    for (id, price) in [(1, 101), (2, 100), (3, 101), (4, 100), (5, 99)] {
        place(&mut book, limit(id, Sell, price, 10, Rest));
        place(&mut book, limit(id + 10, Buy, 98 - (price - 99), 10, Rest));
    }
    assert_eq!(ids(&book, Sell), [5, 2, 4, 1, 3]);
    assert_eq!(ids(&book, Buy), [15, 12, 14, 11, 13]);
    assert_eq!(book.levels(Sell), [(99, 10), (100, 20), (101, 20)]);
    assert_eq!(book.levels(Buy), [(98, 10), (97, 20), (96, 20)]);
    assert_eq!(book.level_orders(Sell, 100).iter().map(|(order, _)| order.id).collect::<Vec<_>>(), [2, 4]);
    assert_eq!((book.level_orders(Buy, 100), book.total(Buy, 100), book.level_orders(Sell, 98)), (vec![], 0, vec![]));
    let (placed, events) = place_as(&mut book, limit(20, Buy, 100, 25, Rest), &mut Venue::of(0));
    assert_eq!(placed, ended(25, 0, 0, End::Filled));
    assert_eq!(fills(&events), [(5, 99, 10), (2, 100, 10), (4, 100, 5)]);
    assert_eq!(ids(&book, Sell), [4, 1, 3]);
}

fn a_taker_gets_the_makers_price<B: AnyBook>() {
    let mut book = B::default();
    place(&mut book, limit(1, Buy, 105, 4, Rest));
    let (placed, events) = place_as(&mut book, limit(2, Sell, 90, 6, Rest), &mut Venue::of(0));
    assert_eq!(fills(&events), [(1, 105, 4)]);
    assert_eq!(placed, ended(4, 0, 2, End::Rested));
    assert_eq!((book.best(Buy), book.best(Sell)), (None, Some((90, 2))));
}

fn reports_come_in_order<B: AnyBook>() {
    let mut book = B::default();
    place(&mut book, limit(1, Sell, 100, 3, Rest));
    place(&mut book, limit(2, Sell, 100, 3, Rest));
    place(&mut book, limit(3, Sell, 102, 3, Rest));
    let (_, events) = place_as(&mut book, limit(4, Buy, 103, 10, Rest), &mut Venue::of(0));
    let kinds: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Fill(fill, note) => format!("fill {} left {} seen {}", fill.maker_id, fill.maker_left, note.seen),
            Event::Level(side, price, total) => format!("{side:?} {price}: {total}"),
            other => format!("{other:?}"),
        })
        .collect();
    let expected = [
        "fill 1 left 0 seen 1",
        "fill 2 left 0 seen 1",
        "Sell 100: 0",
        "fill 3 left 0 seen 1",
        "Sell 102: 0",
        "Buy 103: 1",
    ];
    assert_eq!(kinds, expected);
}

fn what_does_not_rest<B: AnyBook>() {
    let mut book = B::default();
    assert_eq!(place(&mut book, limit(1, Buy, 100, 5, Immediate)), ended(0, 0, 5, End::Remainder));
    place(&mut book, limit(2, Sell, 100, 3, Rest));
    assert_eq!(place(&mut book, limit(3, Buy, 100, 5, Immediate)), ended(3, 0, 2, End::Remainder));
    assert_eq!(book.len(), 0);
}

fn fill_or_kill_is_all_or_nothing<B: AnyBook>() {
    let mut book = B::default();
    place(&mut book, limit(1, Sell, 100, 3, Rest));
    place(&mut book, limit(2, Sell, 101, 3, Rest));
    let (placed, events) = place_as(&mut book, limit(3, Buy, 100, 4, FillOrKill), &mut Venue::of(0));
    assert_eq!((placed, events), (ended(0, 0, 4, End::Killed), vec![]));
    assert_eq!(place(&mut book, limit(3, Buy, 99, 1, FillOrKill)), ended(0, 0, 1, End::Killed));
    assert_eq!(place(&mut book, limit(4, Buy, 101, 6, FillOrKill)), ended(6, 0, 0, End::Filled));
    assert_eq!(book.len(), 0);
}

fn fill_or_kill_counts_what_is_really_there<B: AnyBook>() {
    let cases = [
        (Meeting::Trade, ended(6, 0, 0, End::Filled)),
        (Meeting::CancelMaker, ended(0, 0, 6, End::Killed)),
        (Meeting::CancelTaker, ended(0, 0, 6, End::Killed)),
        (Meeting::CancelBoth, ended(0, 0, 6, End::Killed)),
        (Meeting::Decrement, ended(0, 0, 6, End::Killed)),
    ];
    for (own, expected) in cases {
        let mut book = B::default();
        place_as(&mut book, limit(1, Sell, 100, 3, Rest), &mut Venue::of(7));
        place(&mut book, limit(2, Sell, 101, 3, Rest));
        let (placed, _) = place_as(&mut book, limit(3, Buy, 101, 6, FillOrKill), &mut Venue::preventing(7, own));
        assert_eq!(placed, expected, "{own:?}");
        assert_eq!(book.len(), if expected.end == End::Killed { 2 } else { 0 }, "{own:?}");
    }
    // A maker that would be cancelled is no liquidity, but what lies behind it is.
    let mut book = B::default();
    place_as(&mut book, limit(1, Sell, 100, 3, Rest), &mut Venue::of(7));
    place(&mut book, limit(2, Sell, 101, 6, Rest));
    let venue = &mut Venue::preventing(7, Meeting::CancelMaker);
    assert_eq!(place_as(&mut book, limit(3, Buy, 101, 6, FillOrKill), venue).0, ended(6, 0, 0, End::Filled));
    // A budget that ends too early kills, and the dry run has not spent it.
    place(&mut book, limit(4, Sell, 100, 6, Rest));
    let venue = &mut Venue { budget: 500, ..Venue::of(0) };
    assert_eq!(place_as(&mut book, limit(5, Buy, 100, 6, FillOrKill), venue).0, ended(0, 0, 6, End::Killed));
    assert_eq!(venue.budget, 500);
}

fn post_only_never_takes<B: AnyBook>() {
    let mut book = B::default();
    assert_eq!(place(&mut book, limit(1, Sell, 100, 3, PostOnly)), ended(0, 0, 3, End::Rested));
    let (placed, events) = place_as(&mut book, limit(2, Buy, 100, 3, PostOnly), &mut Venue::of(0));
    assert_eq!((placed, events), (ended(0, 0, 3, End::WouldTake), vec![]));
    assert_eq!(place(&mut book, limit(2, Buy, 99, 3, PostOnly)), ended(0, 0, 3, End::Rested));
}

fn market_orders_never_rest<B: AnyBook>() {
    let mut book = B::default();
    let market = |id, side, quantity, lifetime| Incoming { id, side, limit: None, quantity, lifetime };
    for lifetime in [Rest, Immediate, PostOnly] {
        for side in [Buy, Sell] {
            assert_eq!(place(&mut book, market(1, side, 5, lifetime)), ended(0, 0, 5, End::Remainder));
        }
    }
    assert_eq!(place(&mut book, market(1, Buy, 5, FillOrKill)), ended(0, 0, 5, End::Killed));
    place(&mut book, limit(2, Sell, u64::MAX, 2, Rest));
    place(&mut book, limit(3, Buy, 1, 2, Rest));
    assert_eq!(place(&mut book, market(4, Buy, 5, Rest)), ended(2, 0, 3, End::Remainder));
    assert_eq!(place(&mut book, market(4, Sell, 5, Rest)), ended(2, 0, 3, End::Remainder));
    assert_eq!(book.len(), 0);
}

/// Own maker of 3 before somebody else's 3, against 5 or 2: what each meeting leaves.
fn each_meeting<B: AnyBook>() {
    let cases = [
        (Meeting::Trade, 5, ended(5, 0, 0, End::Filled), vec![(2, 1)]),
        (Meeting::CancelMaker, 5, ended(3, 0, 2, End::Rested), vec![]),
        (Meeting::CancelTaker, 5, ended(0, 5, 0, End::Prevented), vec![(1, 3), (2, 3)]),
        (Meeting::CancelBoth, 5, ended(0, 5, 0, End::Prevented), vec![(2, 3)]),
        (Meeting::Decrement, 5, ended(2, 3, 0, End::Filled), vec![(2, 1)]),
        (Meeting::Decrement, 2, ended(0, 2, 0, End::Prevented), vec![(1, 1), (2, 3)]),
        (Meeting::Decrement, 3, ended(0, 3, 0, End::Prevented), vec![(2, 3)]),
    ];
    for (own, quantity, expected, left) in cases {
        let mut book = B::default();
        place_as(&mut book, limit(1, Sell, 100, 3, Rest), &mut Venue::of(7));
        place(&mut book, limit(2, Sell, 100, 3, Rest));
        let mut venue = Venue::preventing(7, own);
        let (placed, events) = place_as(&mut book, limit(3, Buy, 100, quantity, Rest), &mut venue);
        assert_eq!(placed, expected, "{own:?}");
        let rest: Vec<_> = book.orders(Sell).iter().map(|(order, _)| (order.id, order.quantity)).collect();
        assert_eq!(rest, left, "{own:?}");
        let Some(Event::Prevented(prevented, _)) = events.iter().find(|e| matches!(e, Event::Prevented(..))) else {
            assert_eq!(own, Meeting::Trade);
            continue;
        };
        assert_eq!(prevented.quantity, quantity.min(3), "{own:?}");
        assert_eq!(prevented.taker_reduced_by, placed.prevented, "{own:?}");
        assert_eq!(prevented.maker_removed, !left.iter().any(|&(id, _)| id == 1), "{own:?}");
        let maker_left = if own == Meeting::Decrement { 3 - quantity.min(3) } else { 3 };
        assert_eq!(prevented.maker_left, maker_left, "{own:?}");
        let changed = events.iter().filter(|event| matches!(event, Event::Level(Sell, ..))).count();
        assert_eq!(changed, usize::from(own != Meeting::CancelTaker), "{own:?}: levels are told when they change");
    }
}

fn a_quota_ends_matching<B: AnyBook>() {
    let mut book = B::default();
    place(&mut book, limit(1, Sell, 100, 3, Rest));
    place(&mut book, limit(2, Sell, 102, 3, Rest));
    let band = &mut Venue { prices: (0, 101), ..Venue::of(0) };
    assert_eq!(place_as(&mut book, limit(3, Buy, 105, 5, Rest), band).0, ended(3, 0, 2, End::Remainder));
    let (placed, events) = place_as(&mut book, limit(3, Buy, 105, 5, Rest), band);
    assert_eq!((placed, events), (ended(0, 0, 5, End::Remainder), vec![]));
    assert_eq!(ids(&book, Sell), [2]);
}

fn a_budget_shrinks<B: AnyBook>() {
    let mut book = B::default();
    place(&mut book, limit(1, Sell, 100, 3, Rest));
    place(&mut book, limit(2, Sell, 110, 9, Rest));
    let venue = &mut Venue { budget: 800, ..Venue::of(0) };
    let market = Incoming { id: 3, side: Buy, limit: None, quantity: u64::MAX, lifetime: Immediate };
    let (placed, events) = place_as(&mut book, market, venue);
    assert_eq!(fills(&events), [(1, 100, 3), (2, 110, 4)]);
    assert_eq!((placed.executed, placed.end, venue.budget), (7, End::Remainder, 60));
}

fn reducing_keeps_the_place_and_replacing_loses_it<B: AnyBook>() {
    let (mut book, mut tape) = (B::default(), Tape::default());
    for id in 1..=3 {
        place(&mut book, limit(id, Buy, 100, 10, Rest));
    }
    let reduced = book.reduce(1, 4, &mut tape).expect("it rests");
    assert_eq!(reduced, Resting { id: 1, side: Buy, price: 100, quantity: 4 });
    assert_eq!((ids(&book, Buy), book.total(Buy, 100)), (vec![1, 2, 3], 24));
    assert_eq!(tape.events, [Event::Level(Buy, 100, 24)]);
    let (placed, payload) = book.replace(1, 100, 4, &mut Venue::of(0), &mut tape).expect("it rests");
    assert_eq!((placed, payload), (ended(0, 0, 4, End::Rested), None));
    assert_eq!((ids(&book, Buy), book.total(Buy, 100)), (vec![2, 3, 1], 24));
    assert_eq!(tape.events[1..], [Event::Level(Buy, 100, 20), Event::Level(Buy, 100, 24)]);
}

fn replacing_may_trade<B: AnyBook>() {
    let mut book = B::default();
    place(&mut book, limit(1, Sell, 105, 5, Rest));
    place_as(&mut book, limit(2, Buy, 100, 8, Rest), &mut Venue::of(9));
    let mut tape = Tape::default();
    let (placed, payload) = book.replace(2, 105, 5, &mut Venue::of(9), &mut tape).expect("it rests");
    assert_eq!((placed, payload), (ended(5, 0, 0, End::Filled), Some(Note { account: 9, seen: 0 })));
    assert_eq!(book.len(), 0);
}

fn refusals_change_nothing<B: AnyBook>() {
    let (mut book, mut tape) = (B::default(), Tape::default());
    place(&mut book, limit(1, Sell, 100, 5, Rest));
    let venue = &mut Venue::of(0);
    let mut refused = |order: Incoming| book.place(&order, venue, &mut tape).expect_err("refused");
    assert_eq!(refused(limit(2, Buy, 0, 5, Rest)), Error::ZeroPrice);
    assert_eq!(refused(limit(2, Buy, 100, 0, Rest)), Error::ZeroQuantity);
    assert_eq!(refused(limit(1, Buy, 100, 5, Immediate)), Error::Duplicate);
    assert_eq!(book.cancel(2, &mut tape), Err(Error::Unknown));
    assert_eq!(book.reduce(1, 0, &mut tape), Err(Error::ZeroQuantity));
    assert_eq!(book.reduce(1, 5, &mut tape), Err(Error::NotLess));
    assert_eq!(book.reduce(2, 5, &mut tape), Err(Error::Unknown));
    assert_eq!(book.replace(1, 0, 5, venue, &mut tape), Err(Error::ZeroPrice));
    assert_eq!(book.replace(1, 100, 0, venue, &mut tape), Err(Error::ZeroQuantity));
    assert_eq!(book.replace(2, 100, 5, venue, &mut tape), Err(Error::Unknown));
    assert_eq!(tape.events, []);
    assert_eq!(book.orders(Sell), [(Resting { id: 1, side: Sell, price: 100, quantity: 5 }, Note::default())]);
}

fn totals_never_overflow<B: AnyBook>() {
    let (mut book, mut tape, venue) = (B::default(), Tape::default(), &mut Venue::of(0));
    place(&mut book, limit(1, Buy, 100, u64::MAX - 5, Rest));
    assert_eq!(book.place(&limit(2, Buy, 100, 6, Rest), venue, &mut tape), Err(Error::LevelFull));
    assert_eq!(place(&mut book, limit(2, Buy, 100, 5, Rest)).end, End::Rested);
    place(&mut book, limit(3, Buy, 99, 5, Rest));
    assert_eq!(book.replace(3, 100, 1, venue, &mut tape), Err(Error::LevelFull));
    assert!(book.replace(2, 100, 5, venue, &mut tape).is_ok(), "an order's own quantity makes room for itself");
    let other = Resting { id: 4, side: Buy, price: 100, quantity: 1 };
    assert_eq!(book.restore(other, Note::default()), Err(Error::LevelFull));
    assert_eq!(book.total(Buy, 100), u64::MAX);
}

fn a_full_book_still_trades<B: AnyBook>() {
    let (mut book, mut tape, venue) = (B::with_limit(2), Tape::default(), &mut Venue::of(0));
    place(&mut book, limit(1, Sell, 100, 5, Rest));
    place(&mut book, limit(2, Sell, 101, 5, Rest));
    assert_eq!(book.place(&limit(3, Buy, 99, 5, Rest), venue, &mut tape), Err(Error::Full));
    assert_eq!(book.place(&limit(3, Sell, 101, 5, PostOnly), venue, &mut tape), Err(Error::Full));
    let other = Resting { id: 3, side: Buy, price: 99, quantity: 1 };
    assert_eq!(book.restore(other, Note::default()), Err(Error::Full));
    assert_eq!(place(&mut book, limit(3, Buy, 99, 5, Immediate)).end, End::Remainder);
    assert_eq!(place(&mut book, limit(3, Buy, 100, 7, Rest)), ended(5, 0, 2, End::Rested));
    assert!(book.replace(3, 98, 7, venue, &mut tape).is_ok());
    assert_eq!((ids(&book, Buy), ids(&book, Sell)), (vec![3], vec![2]));
}

fn any_price_and_any_id<B: AnyBook>() {
    let mut book = B::default();
    let prices = [1, 2, 1 << 20, u64::MAX / 3, u64::MAX - 1, u64::MAX];
    for (at, price) in prices.into_iter().enumerate() {
        place(&mut book, limit(u64::MAX - at as u64, Sell, price, 1, Rest));
    }
    assert_eq!(book.levels(Sell), prices.map(|price| (price, 1)));
    assert_eq!(place(&mut book, limit(0, Buy, u64::MAX, 7, Rest)), ended(6, 0, 1, End::Rested));
    assert_eq!((book.best(Buy), book.best(Sell)), (Some((u64::MAX, 1)), None));
    assert_eq!(book.get(0).map(|(order, _)| order.side), Some(Buy));
    assert_eq!(place(&mut book, limit(1, Buy, u64::MAX, 7, PostOnly)).end, End::Rested);
    assert_eq!(place(&mut book, limit(2, Sell, 1, 8, Rest)), ended(8, 0, 0, End::Filled));
    assert_eq!((book.best(Buy), book.best(Sell), book.len()), (None, None, 0));
}

fn restoring_keeps_the_order<B: AnyBook>() {
    let mut book = B::default();
    for id in 1..=40 {
        let side = if id % 2 == 0 { Buy } else { Sell };
        let price = if side == Buy { 100 - id % 7 } else { 101 + id % 5 };
        place_as(&mut book, limit(id, side, price, id, Rest), &mut Venue::of(id as u32));
    }
    let mut copy = B::default();
    for side in [Sell, Buy] {
        for (order, note) in book.orders(side) {
            copy.restore(order, note).expect("it rested");
        }
        assert_eq!(copy.orders(side), book.orders(side));
    }
    let mut restore = |id, side, price, quantity| {
        copy.restore(Resting { id, side, price, quantity }, Note::default()).expect_err("refused")
    };
    assert_eq!(restore(90, Buy, 0, 1), Error::ZeroPrice);
    assert_eq!(restore(90, Buy, 90, 0), Error::ZeroQuantity);
    assert_eq!(restore(1, Buy, 90, 1), Error::Duplicate);
    assert_eq!(restore(90, Buy, 101, 1), Error::Crossed);
}

fn a_batch_is_its_messages<B: AnyBook>() {
    let mut book = B::default();
    let messages = [
        Message::Place(limit(1, Sell, 100, 5, Rest)),
        Message::Place(limit(1, Sell, 100, 5, Rest)),
        Message::Place(limit(2, Buy, 100, 3, Rest)),
        Message::Reduce { id: 1, left: 1 },
        Message::Replace { id: 1, price: 101, quantity: 9 },
        Message::Cancel { id: 1 },
        Message::Cancel { id: 1 },
    ];
    let venues = (0..7).map(Venue::of).collect();
    let mut tape = Tape { policies: venues, ..Tape::default() };
    book.apply_batch(&messages, &mut tape);
    let done: Vec<_> = tape.events.into_iter().filter(|event| matches!(event, Event::Done(..))).collect();
    let order = |price, quantity| Resting { id: 1, side: Sell, price, quantity };
    let expected = [
        (Ok(Done::Placed(ended(0, 0, 5, End::Rested))), None),
        (Err(Error::Duplicate), None),
        (Ok(Done::Placed(ended(3, 0, 0, End::Filled))), None),
        (Ok(Done::Reduced(order(100, 1))), None),
        (Ok(Done::Placed(ended(0, 0, 9, End::Rested))), None),
        (Ok(Done::Cancelled(order(101, 9))), Some(Note { account: 0, seen: 1 })),
        (Err(Error::Unknown), None),
    ];
    let expected = expected.into_iter().enumerate().map(|(at, (result, note))| Event::Done(at, result, note));
    assert_eq!(done, expected.collect::<Vec<_>>());
}
