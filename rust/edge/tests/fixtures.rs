//! The fields of our payloads against examples that others recorded or took from Binance's documents. They are not in
//! the repository: `AGIO_DATA` names their folder, and without it the comparison is skipped.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use agio_edge::{Response, Style, replies, streams};
use agio_engine::events::{BalanceChanged, TopChanged, Traded};
use agio_engine::units::{AggregateId, Amount, AssetId, MarketId, Micros, OrderId, Price, Quantity, TradeId, UpdateId};
use agio_engine::vocabulary::ExecutionKind;
use common::{Exchange, OWNER, event, execution, fill, text, view};
use serde_json::Value;

/// The examples' folder, unless it is absent.
fn folder() -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder =
        PathBuf::from(std::env::var("AGIO_DATA").unwrap_or_else(|_| default.into())).join("fixtures_binance_net");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is absent; set AGIO_DATA to compare with recorded examples", folder.display());
    None
}

/// The example's payload: the last JSON value of the file, without its wrapping.
fn example(path: &str) -> Option<Value> {
    let file = std::fs::read_to_string(folder()?.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let start = file.find("\n= ").map_or_else(|| file.find("\n{").or(file.find("\n[")), |at| Some(at + 2)).unwrap();
    let value: Value =
        serde_json::from_str(&file[start..].replace("|1|", "1")).unwrap_or_else(|e| panic!("{path}: {e}"));
    let inner = ["data", "event", "result"].iter().find_map(|wrapping| value.get(wrapping)).unwrap_or(&value);
    Some(inner.clone())
}

/// All paths of fields, array items taken together.
fn fields(value: &Value, prefix: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            let path = format!("{prefix}.{name}");
            fields(value, &path, into);
            into.insert(path);
        }),
        Value::Array(items) => items.iter().for_each(|item| fields(item, &format!("{prefix}[]"), into)),
        _ => (),
    }
}

fn names(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    fields(value, "", &mut names);
    names
}

/// Ours has the example's fields, and no others but `newer`, which were added after the example was taken; `gone` left.
fn compare(path: &str, ours: &str, newer: &[&str], gone: &[&str]) {
    let Some(theirs) = example(path) else { return };
    let set = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let (ours, theirs) = (names(&serde_json::from_str(ours).unwrap()), names(&theirs));
    assert_eq!(ours.difference(&theirs).cloned().collect::<BTreeSet<_>>(), set(newer), "{path}: ours only");
    assert_eq!(theirs.difference(&ours).cloned().collect::<BTreeSet<_>>(), set(gone), "{path}: theirs only");
}

#[test]
fn orders_have_the_examples_fields() {
    let style = Style::MILLIS;
    let order = text(|out| replies::order(&view(), style, &Exchange, out));
    compare("Endpoints/Spot/Trading/GetOrder.txt", &order, &[], &[]);
    compare("Endpoints/Spot/Trading/GetOpenOrders.txt", &format!("[{order}]"), &[], &[]);
    let cancel = [event(&execution(ExecutionKind::Canceled, view()))];
    let one = text(|out| assert_eq!(replies::canceled(&cancel, style, &Exchange, out), 200));
    compare("Endpoints/Spot/Trading/CancelOrder.txt", &one, &[".origQuoteOrderQty"], &[]);
    let all = text(|out| assert_eq!(replies::canceled_all(&cancel, style, &Exchange, out), 200));
    compare("Endpoints/Spot/Trading/CancelAllOrders.txt", &all, &["[].origQuoteOrderQty"], &[]);
}

#[test]
fn placed_orders_have_the_examples_fields() {
    let trade =
        agio_engine::vocabulary::Execution { fill: Some(fill(1, 1, 1, 0)), ..execution(ExecutionKind::Trade, view()) };
    let events = [event(&execution(ExecutionKind::New, view())), event(&trade)];
    let full = text(|out| assert_eq!(replies::placed(&events, Response::Full, Style::MILLIS, &Exchange, out), 200));
    compare("Socket/Spot/Trading/PlaceOrder.txt", &full, &[".selfTradePreventionMode"], &[]);
}

#[test]
fn order_counts_have_the_examples_fields() {
    let counts = replies::OrderCounts { ten_seconds: 0, day: 0, limit_ten_seconds: 100, limit_day: 200_000 };
    compare("Socket/Spot/Account/GetOrderRateLimits.txt", &text(|out| replies::order_counts(&counts, out)), &[], &[]);
}

#[test]
fn public_streams_have_the_examples_fields() {
    let traded = Traded {
        market: MarketId(0),
        trade: TradeId(1),
        aggregate: AggregateId(1),
        price: Price(1),
        quantity: Quantity(1),
        notional: Amount(1),
        buy_order: OrderId(1),
        sell_order: OrderId(2),
        buyer: OWNER,
        seller: OWNER,
        buyer_is_maker: true,
        time: Micros(1),
    };
    let trade = text(|out| streams::trade(&traded, Style::MILLIS, &Exchange, out));
    // The orders' ids left the trade stream on 2024-06-18.
    compare("Subscriptions/Spot/ExchangeData/Trades.txt", &trade, &[], &[".a", ".b"]);
    let top = TopChanged {
        market: MarketId(0),
        update: UpdateId(1),
        bid: Price(1),
        bid_total: Quantity(1),
        ask: Price(2),
        ask_total: Quantity(1),
        time: Micros(1),
    };
    let ticker = text(|out| streams::book_ticker(&top, &Exchange, out));
    compare("Subscriptions/Spot/ExchangeData/BookTicker.txt", &ticker, &[], &[]);
    let level = (Price(1), Quantity(1));
    let depth = text(|out| streams::partial_depth(UpdateId(1), [level], [level], out));
    compare("Subscriptions/Spot/ExchangeData/PartialBook.txt", &depth, &[], &[]);
}

#[test]
fn user_streams_have_the_examples_fields() {
    let report = text(|out| {
        streams::execution_report(&execution(ExecutionKind::New, view()), Style::MILLIS, &Exchange, out);
    });
    compare("Subscriptions/Spot/Account/Order.txt", &report, &[], &[]);
    let balance =
        BalanceChanged { account: OWNER, asset: AssetId(0), free: Amount(1), locked: Amount(0), time: Micros(1) };
    let position = text(|out| streams::account_position(&[balance], Style::MILLIS, &Exchange, out));
    compare("Subscriptions/Spot/Account/AccountPosition.txt", &position, &[], &[]);
}
