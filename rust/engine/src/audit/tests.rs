//! Each invariant can fail: a state is damaged from inside, and the audit must say what is wrong.

use super::*;
use crate::audit::round::SLICE_EVERY;
use crate::commands::{
    Cancel, Command, Deposit, Envelope, ListAsset, ListMarket, OpenAccount, Place, Signed, Tick, Withdraw,
};
use crate::engine::AUDIT_EVERY;
use crate::events::Event;
use crate::reasons::Reason;
use crate::spot::order::lose_priority;
use crate::units::{Amount, ClientId, FEES, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity, Rate, Sequence};
use crate::vocabulary::{
    Filters, LotFilter, NotionalFilter, NotionalForm, OrderKind, OrderLimits, Prevention, PriceFilter, Restriction,
    Rights, Side, TimeInForce,
};

const OPERATOR: Signed = Signed { key: KeyId(0), sent: Micros(0), window: Micros(0) };
const ALICE: AccountId = AccountId(1_000);

fn apply(engine: &mut Engine, command: impl Into<Command>) -> Vec<Event> {
    let sequence = Sequence(engine.sequence().0 + 1);
    let envelope = Envelope { sequence, time: Micros(1), lane: Lane(0), number: 0, deadline: Micros(0) };
    let mut events = Vec::new();
    engine.apply(&envelope, &command.into(), &mut events);
    events
}

fn filters() -> Filters {
    let lot = LotFilter { min: Quantity(0), max: Quantity(0), step: Quantity(0) };
    let (form, none) = (NotionalForm::Off, Amount(0));
    let notional =
        NotionalFilter { form, min: none, min_to_market: false, max: none, max_to_market: false, minutes: 0 };
    Filters {
        price: PriceFilter { min: Price(0), max: Price(0), tick: Price(0) },
        lot,
        market_lot: lot,
        notional,
        max_orders: 0,
        prevention: Prevention::None,
        preventions: 1 << Prevention::None as u8,
    }
}

fn order(side: Side, price: u64) -> Place {
    Place {
        account: ALICE,
        signed: OPERATOR,
        market: MarketId(0),
        side,
        kind: OrderKind::Limit,
        life: TimeInForce::Gtc,
        price: Price(price),
        quantity: Quantity(100_000_000),
        budget: Amount(0),
        client_id: ClientId::NONE,
        prevention: None,
        strategy: None,
        strategy_type: None,
    }
}

/// Two open buys and an open sell of one account.
fn venue() -> Engine {
    let mut engine = Engine::new();
    for name in ["BTC", "USDT"] {
        apply(&mut engine, ListAsset { name: name.to_owned(), precision: 8 });
    }
    let (base, quote) = (AssetId(0), AssetId(1));
    apply(&mut engine, ListMarket { symbol: "BTCUSDT".to_owned(), base, quote, filters: filters() });
    let rights = Rights { trade: true, withdraw: true, deposit: true };
    let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
    apply(&mut engine, OpenAccount { rights, maker: Rate(0), taker: Rate(0), limits });
    for asset in [base, quote] {
        apply(&mut engine, Deposit { account: ALICE, asset, amount: Amount(1_000_000_000) });
    }
    for place in [order(Side::Buy, 10), order(Side::Buy, 9), order(Side::Sell, 11)] {
        apply(&mut engine, place);
    }
    assert_eq!(engine.audit(), Ok(()));
    engine
}

/// The same with 130 markets.
fn wide_venue() -> Engine {
    let mut engine = venue();
    let (base, quote) = (AssetId(0), AssetId(1));
    for number in 1..130 {
        apply(&mut engine, ListMarket { symbol: format!("M{number}"), base, quote, filters: filters() });
    }
    engine
}

fn found(damage: impl FnOnce(&mut Engine)) -> String {
    let mut engine = venue();
    damage(&mut engine);
    engine.audit().expect_err("the damage was not found").invariant
}

#[test]
fn money_from_nowhere_is_found() {
    let story = found(|engine| engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).free.0 += 1);
    assert_eq!(story, "all balances of USDT sum to 1, not 0 (outside: -1000000000)");
}

#[test]
fn a_hold_without_an_order_is_found() {
    let story = found(|engine| engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).locked.0 += 1);
    assert_eq!(story, "account 1000 has 20 of asset 1 locked and holds 19");
}

#[test]
fn an_order_without_a_hold_is_found() {
    let story = found(|engine| engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).locked.0 = 0);
    assert!(story.contains("locked and holds") || story.contains("not backed"), "{story}");
}

#[test]
fn a_lost_quantity_is_found() {
    let story = found(|engine| {
        let (_, order) = engine.markets[0].book.get_mut(2).expect("open");
        order.executed.0 += 1;
    });
    assert_eq!(story, "executed + prevented + remaining is not the quantity of order 2 of BTCUSDT");
}

#[test]
fn a_number_that_was_never_issued_is_found() {
    let story = found(|engine| engine.markets[0].rules.counters.orders = 2);
    assert_eq!(story, "order 3 of BTCUSDT was never issued");
}

#[test]
fn a_lost_index_entry_is_found() {
    let story = found(|engine| {
        let slot = engine.markets[0].book.get(1).expect("open").1.slot;
        let mut list = engine.accounts.at(ALICE).open(MarketId(0));
        engine.open.remove(slot, &mut list);
    });
    assert!(story.contains("client id") || story.contains("indexed"), "{story}");
}

#[test]
fn a_wrong_list_is_found() {
    let story = found(|engine| engine.accounts.at_mut(ALICE).open_mut(MarketId(0)).count = 7);
    assert_eq!(story, "account 1000 lists 3 orders, not 7");
}

#[test]
fn orders_of_another_account_in_a_list_are_found() {
    let story = found(|engine| {
        let list = engine.accounts.at(ALICE).open(MarketId(0));
        *engine.accounts.at_mut(FEES).open_mut(MarketId(0)) = list;
    });
    assert_eq!(story, "order 1 is misplaced in the list of account 1");
}

#[test]
fn an_order_that_has_lost_its_turn_is_found() {
    let story = found(|engine| {
        apply(engine, order(Side::Buy, 10));
        lose_priority(&mut engine.markets[0].book, agio_book::Side::Buy);
    });
    assert_eq!(story, "order 1 of BTCUSDT is out of turn");
}

#[test]
fn a_violation_halts_the_shard_for_all_but_cancels() {
    let mut engine = venue();
    engine.violation = Some("two and two are five".to_owned());
    let events = apply(&mut engine, Tick {});
    assert!(matches!(&events[..], [Event::Violated(violated)] if violated.invariant == "two and two are five"));
    assert!(engine.halted());
    let events = apply(&mut engine, order(Side::Buy, 1));
    assert!(matches!(&events[..], [Event::Rejected(rejected)] if rejected.reason == Reason::Halted));
    assert_eq!(engine.check(&order(Side::Buy, 1), Micros(1)), Err((Reason::Halted, 0)));
    let events = apply(
        &mut engine,
        Cancel {
            account: ALICE,
            signed: OPERATOR,
            market: MarketId(0),
            order: Some(OrderId(1)),
            client_id: ClientId::NONE,
            cancel_id: ClientId::NONE,
            restriction: Restriction::None,
        },
    );
    assert!(matches!(&events[0], Event::Executed(_)), "{events:?}");
    let mut bytes = Vec::new();
    engine.snapshot(&mut bytes);
    assert!(Engine::restore(&bytes).expect("a halted state comes back").halted());
}

/// Takes an order from its owner's list and sets its hold free, so that only the book still knows of it.
fn disown(engine: &mut Engine, market: usize, order: u64) {
    let (resting, &order) = engine.markets[market].book.get(order).expect("open");
    let at = Placement::from(resting);
    let alice = engine.accounts.at_mut(ALICE);
    engine.open.remove(order.slot, alice.open_mut(MarketId(market as u32)));
    let held = hold(at.side, at.price, order.remaining());
    let balance = alice.balance_mut(paid_asset(&engine.markets[market].rules, at.side));
    balance.locked.0 -= held.0;
    balance.free.0 += held.0;
}

#[test]
fn a_hold_without_any_balance_is_found() {
    let story = found(|engine| {
        let balance = engine.accounts.at_mut(ALICE).balance_mut(AssetId(1));
        let lost = std::mem::take(&mut balance.free.0) + std::mem::take(&mut balance.locked.0);
        engine.assets[1].outside.0 += lost as i128;
    });
    assert_eq!(story, "account 1000 holds 19 of asset 1, not backed by a balance");
}

/// The sums that the round has after as many commands as the engine says.
fn recount(engine: &mut Engine) {
    let mut census = round::Census::after(engine.sequence, engine.assets.len());
    for place in 0..engine.accounts.len() {
        for balance in engine.accounts.place(place).1.balances() {
            census.moved(place, [(balance.asset, (balance.free.0 + balance.locked.0) as i128)]);
        }
    }
    engine.accounts.census = census;
}

/// Damages a venue after `begun` commands of a round and applies ticks until the damage is found; returns how many it
/// took, and what was said.
fn ticks_until_found(begun: u64, damage: fn(&mut Engine)) -> (u64, String) {
    let mut engine = venue();
    engine.sequence = Sequence(AUDIT_EVERY + begun);
    recount(&mut engine);
    damage(&mut engine);
    for ticks in 1..=2 * AUDIT_EVERY {
        if let [Event::Violated(violated)] = &apply(&mut engine, Tick {})[..] {
            assert!(engine.halted());
            return (ticks, violated.invariant.clone());
        }
    }
    panic!("the damage was not found");
}

#[test]
fn any_damage_is_found_within_a_round_wherever_the_round_stands() {
    type Damage = (fn(&mut Engine), &'static str);
    let damages: [Damage; 7] = [
        (|engine| disown(engine, 0, 3), "order 3"),
        (|engine| engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).locked.0 += 1, "locked and holds"),
        (|engine| engine.accounts.at_mut(ALICE).open_mut(MarketId(0)).count = 7, "lists 3 orders, not 7"),
        (|engine| engine.markets[0].rules.counters.orders = 2, "was never issued"),
        (|engine| engine.markets[0].book.get_mut(2).expect("open").1.executed.0 += 1, "is not the quantity"),
        (|engine| engine.markets[0].top = Top::of(&agio_book::Book::new()), "is not the one that was last told"),
        (
            |engine| {
                let slot = engine.markets[0].book.get(1).expect("open").1.slot;
                let mut list = engine.accounts.at(ALICE).open(MarketId(0));
                engine.open.remove(slot, &mut list);
            },
            "order",
        ),
    ];
    for (damage, words) in damages {
        for begun in [0, 1, 300, AUDIT_EVERY / 2, AUDIT_EVERY - 1] {
            let (ticks, story) = ticks_until_found(begun, damage);
            assert!(story.contains(words), "{story}");
            assert!(ticks <= AUDIT_EVERY, "{story}: found after {ticks} commands");
        }
    }
}

#[test]
fn every_market_has_its_turn_in_a_round() {
    for market in [0, 1, 63, 64, 65, 129] {
        let mut engine = wide_venue();
        engine.markets[market].top = Top::of(&agio_book::Book::new());
        apply(&mut engine, Place { market: MarketId(market as u32), ..order(Side::Buy, 8) });
        engine.markets[market].top = Top::of(&agio_book::Book::new());
        let found = (0..AUDIT_EVERY).any(|_| !apply(&mut engine, Tick {}).is_empty());
        assert!(found, "the top of market {market} is wrong, and nobody looked");
    }
}

#[test]
fn every_level_has_its_turn_in_a_round() {
    for market in [0, 1, 63, 64, 65, 129] {
        let mut engine = wide_venue();
        apply(&mut engine, Place { market: MarketId(market as u32), ..order(Side::Buy, 8) });
        let (first, _) = engine.markets[market].book.orders(agio_book::Side::Buy).last().expect("open");
        disown(&mut engine, market, first.id);
        let found = (0..AUDIT_EVERY).any(|_| !apply(&mut engine, Tick {}).is_empty());
        assert!(found, "only the book of market {market} knows an order, and nobody looked");
    }
}

/// Money from nowhere shows when all balances have been added up: at the end of the round that has yet to see the account.
#[test]
fn money_from_nowhere_is_found_at_the_end_of_the_round_that_sees_it() {
    let damage: fn(&mut Engine) = |engine| engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).free.0 += 1;
    let words = "all balances of USDT sum to 1, not 0 (outside: -1000000000)";
    assert_eq!(ticks_until_found(0, damage), (AUDIT_EVERY, words.to_owned()));
    assert_eq!(ticks_until_found(1_000, damage), (2 * AUDIT_EVERY - 1_000, words.to_owned()));
}

/// A quarantined command is one of the round, too: its slice is looked at, and the sums stay whole.
#[test]
fn a_quarantine_where_a_slice_is_due_leaves_none_out() {
    for due in [SLICE_EVERY, AUDIT_EVERY] {
        let mut engine = venue();
        engine.sequence = Sequence(due - 1);
        recount(&mut engine);
        let envelope =
            Envelope { sequence: Sequence(due), time: Micros(1), lane: Lane(0), number: 0, deadline: Micros(0) };
        let mut events = Vec::new();
        engine.quarantine(&envelope, &Tick {}.into(), &mut events);
        assert!(matches!(events[..], [Event::Quarantined(_)]), "{events:?}");
        let mut bytes = Vec::new();
        engine.snapshot(&mut bytes);
        let restored = Engine::restore(&bytes).expect("it was just taken");
        assert_eq!(restored.accounts.census, engine.accounts.census, "after {due} commands");
    }
}

/// In a shard that has halted, too: what a replica that was restored later says of it is the same.
#[test]
fn what_is_found_leaves_the_sums_of_a_round_whole() {
    let damages: [fn(&mut Engine); 2] = [
        |engine| engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).locked.0 += 1,
        |engine| engine.violation = Some("by a command where a slice is due".to_owned()),
    ];
    for damage in damages {
        let mut engine = venue();
        engine.sequence = Sequence(SLICE_EVERY - 1);
        recount(&mut engine);
        damage(&mut engine);
        let events = apply(&mut engine, Tick {});
        assert!(matches!(events[..], [Event::Violated(_)]), "{events:?}");
        let census = engine.accounts.census.clone();
        recount(&mut engine);
        assert_eq!(engine.accounts.census, census);
    }
}

/// Money that moves while a round runs is in its sums, whoever has been seen already.
#[test]
fn money_that_moves_during_a_round_is_not_missed() {
    let mut engine = venue();
    let rights = Rights { trade: true, withdraw: true, deposit: true };
    let limits = OrderLimits { ten_seconds: 0, day: 0, open: 0 };
    for _ in 0..40 {
        apply(&mut engine, OpenAccount { rights, maker: Rate(100_000), taker: Rate(100_000), limits });
    }
    for round in 0..2 {
        for step in 0..50_000_u32 {
            let account = AccountId(1_000 + step % 41);
            let events = match step % 5 {
                0 => apply(&mut engine, Deposit { account, asset: AssetId(step % 2), amount: Amount(1_000_000_000) }),
                1 => apply(&mut engine, Withdraw { account, asset: AssetId(step % 2), amount: Amount(1_000) }),
                2 => apply(&mut engine, Place { account, ..order(Side::Sell, 20 + u64::from(step % 3)) }),
                3 => apply(&mut engine, Place { account, ..order(Side::Buy, 22) }),
                _ => apply(&mut engine, Tick {}),
            };
            assert!(!events.iter().any(|event| matches!(event, Event::Violated(_))), "{events:?}");
        }
        let mut bytes = Vec::new();
        engine.snapshot(&mut bytes);
        let restored = Engine::restore(&bytes).expect("it was just taken");
        assert_eq!(restored.accounts.census, engine.accounts.census, "a restored shard goes on with the same sums");
        // As if the commands up to a place in the next round had been ticks.
        engine.sequence = Sequence((round + 2) * AUDIT_EVERY - 40_000);
        recount(&mut engine);
    }
    assert_eq!(engine.audit(), Ok(()));
}
