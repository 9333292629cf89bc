//! Every text against the inventory of Binance's errors, and every reason against the table.

use std::collections::HashMap;
use std::path::Path;

use agio_edge::errors::{self, Action, ApiError, Source, TEMPLATES, rejection, template};
use agio_engine::reasons::Reason;

/// The codes under which each text stands; engine messages stand under several.
fn inventory() -> HashMap<String, Vec<i32>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/inventory/spot_errors.tsv");
    let table = std::fs::read_to_string(path).expect("the inventory is in the repository");
    let mut texts: HashMap<String, Vec<i32>> = HashMap::new();
    for row in table.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let codes: Vec<i32> = columns[0].split('/').filter_map(|code| code.parse().ok()).collect();
        for text in columns[2].split(" || ") {
            texts.entry(text.to_owned()).or_default().extend(&codes);
        }
    }
    texts
}

/// The API (-1013) and the engine (-2010) refuse orders with the same words (errors.md).
const OF_AN_ORDER: [i32; 2] = [-1013, -2010];

#[test]
fn every_text_is_binances() {
    let inventory = inventory();
    for (name, template) in TEMPLATES {
        match template.source {
            Source::Inventory => {
                let codes = inventory.get(template.text).unwrap_or_else(|| panic!("{name}: no such text"));
                let of_an_order = |code: &i32| OF_AN_ORDER.contains(code);
                let either = of_an_order(&template.code) && codes.iter().any(of_an_order);
                assert!(codes.contains(&template.code) || either, "{name}: {} is not {codes:?}", template.code);
            }
            Source::Document(document) => {
                assert!(!document.is_empty() && !inventory.contains_key(template.text), "{name} is in the inventory");
            }
            Source::Agio => assert_eq!(template.code, -1010, "{name}: administration answers under one code"),
        }
    }
}

#[test]
fn every_reason_says_something_fit_for_clients() {
    for reason in Reason::ALL {
        let error = rejection(*reason, 100, Action::Other);
        assert!(error.code < 0 && (400..=599).contains(&error.status), "{reason:?}: {error:?}");
        assert!(!error.message.is_empty() && !error.message.contains("%s"), "{reason:?}: {error:?}");
        let number = *reason as u16;
        let administrative = (201..=203).contains(&number) || number >= 400;
        assert_eq!(template(*reason).source == Source::Agio, administrative, "{reason:?}");
    }
}

#[test]
fn reasons_have_these_words() {
    let cases = [
        (
            Reason::TooManyOrdersTenSeconds,
            Action::Place,
            "-1015 Too many new orders; current limit is 100 orders per 10 SECOND.",
        ),
        (Reason::TooManyOrdersDay, Action::Place, "-1015 Too many new orders; current limit is 100 orders per 1 DAY."),
        (Reason::InsufficientBalance, Action::Place, "-2010 Account has insufficient balance for requested action."),
        (Reason::MarketClosed, Action::Place, "-1013 Market is closed."),
        (Reason::ZeroOrder, Action::Place, "-1013 Price * QTY is zero or less."),
        (Reason::MaxOrders, Action::Place, "-2010 Filter failure: MAX_NUM_ORDERS"),
        (Reason::LevelFull, Action::Place, "-2010 Filter failure: MAX_POSITION"),
        (Reason::TradingDisabled, Action::Place, "-2010 This account may not place or cancel orders."),
        (Reason::TradingDisabled, Action::Cancel, "-2011 This account may not place or cancel orders."),
        (Reason::UnknownOrder, Action::Cancel, "-2011 Unknown order sent."),
        (Reason::LotSize, Action::Place, "-1013 Filter failure: LOT_SIZE"),
        (Reason::WouldTake, Action::Place, "-2010 Order would immediately match and take."),
        (Reason::DuplicateOrder, Action::Place, "-2010 Duplicate order sent."),
        (Reason::OutsideWindow, Action::Cancel, "-1021 Timestamp for this request is outside of the recvWindow."),
        (Reason::KeyRefused, Action::Place, "-2015 Invalid API-key, IP, or permissions for action."),
        (Reason::NameTaken, Action::Other, "-1010 The name is taken."),
    ];
    for (reason, action, words) in cases {
        assert_eq!(rejection(reason, 100, action).to_string(), words);
    }
    assert_eq!(rejection(Reason::TooManyOrdersDay, 1, Action::Place).status, 429);
    assert_eq!(rejection(Reason::KeyRefused, 0, Action::Place).status, 401);
}

#[test]
fn bodies_are_escaped() {
    let body = |error: &ApiError| {
        let mut out = Vec::new();
        error.encode(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(body(&errors::BAD_SYMBOL.error()), r#"{"code":-1121,"msg":"Invalid symbol."}"#);
    let error = errors::ILLEGAL.with(&[&"a\"\n", &r"^\w$"]);
    let parsed: serde_json::Value = serde_json::from_str(&body(&error)).unwrap();
    assert_eq!(parsed["msg"], *error.message);
}
