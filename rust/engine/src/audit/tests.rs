//! Each invariant can fail: a state is damaged from inside, and the audit must say what is wrong.

use super::*;
use crate::commands::{Cancel, Command, Deposit, Envelope, ListAsset, ListMarket, OpenAccount, Place, Signed, Tick};
use crate::events::Event;
use crate::reasons::Reason;
use crate::units::{Amount, ClientId, KeyId, Lane, MarketId, Micros, OrderId, Price, Quantity, Rate, Sequence};
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

#[test]
fn the_full_audit_runs_inside_the_command_whose_turn_it_is() {
    let mut engine = venue();
    engine.accounts.at_mut(ALICE).balance_mut(AssetId(1)).free.0 += 1;
    engine.sequence = Sequence(crate::AUDIT_EVERY - 2);
    assert!(apply(&mut engine, Tick {}).is_empty());
    assert!(matches!(&apply(&mut engine, Tick {})[..], [Event::Violated(_)]));
}
