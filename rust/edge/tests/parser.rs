//! Parsing requests: every refusal in its order, both transports, and nothing that makes it panic.

use agio_edge::schema::{MAX_BYTES, Name, SchemaError};
use agio_edge::{Pair, Schema, Value, json};
use agio_engine::units::{Amount, ClientId, Micros};
use proptest::prelude::*;

fn schema(params: &str) -> Schema {
    Schema::from_json(format!(r#"{{"params": [{params}]}}"#).as_bytes()).unwrap()
}

/// One parameter of each kind.
fn all_kinds() -> Schema {
    schema(
        r#"{"name": "symbol", "kind": "symbol", "required": true},
        {"name": "symbols", "kind": "symbols", "max": 2},
        {"name": "permissions", "kind": "list", "pattern": "^[A-Z0-9_]{1,20}$"},
        {"name": "price", "kind": "decimal"},
        {"name": "amount", "kind": "amount"},
        {"name": "limit", "kind": "int", "min": 1, "max": 1000, "clamp": true},
        {"name": "strategyType", "kind": "int", "min": 1000000, "error": -1134},
        {"name": "side", "kind": "enum", "values": ["BUY", "SELL"], "error": -1117},
        {"name": "mode", "kind": "enum", "values": ["A"]},
        {"name": "orderId", "kind": "long"},
        {"name": "origClientOrderId", "kind": "client_id"},
        {"name": "flag", "kind": "bool"},
        {"name": "startTime", "kind": "time"},
        {"name": "endTime", "kind": "time"},
        {"name": "zone", "kind": "text", "pattern": "^[0-9:+\\-]{1,6}$"}"#,
    )
}

/// The refusal of `symbol=X&` and the rest.
fn refused(rest: &str) -> String {
    match all_kinds().parse(format!("symbol=X&{rest}").as_bytes(), b"") {
        Ok(values) => panic!("{rest} was let through: {values:?}"),
        Err(error) => error.to_string(),
    }
}

/// What follows `symbol=X&`, and the refusal.
const REFUSALS: &[(&str, &str)] = &[
    (
        "symbols=BTC",
        r#"-1100 Illegal characters found in parameter 'symbols'; legal range is '^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'."#,
    ),
    (
        r#"symbols=["A", "B"]"#,
        r#"-1100 Illegal characters found in parameter 'symbols'; legal range is '^\[("[\w\-._&&[^a-z]]{1,50}"(,"[\w\-._&&[^a-z]]{1,50}"){0,}){0,1}\]$'."#,
    ),
    (r#"symbols=["A","B","C"]"#, "-1101 Too many values sent for parameter 'symbols', maximum allowed up to 2."),
    (r#"symbols=["A","A"]"#, "-1151 Symbol is present multiple times in the list."),
    ("price=", "-1105 Parameter 'price' was empty."),
    ("price", "-1105 Parameter 'price' was empty."),
    (
        "price=1e-5",
        r"-1100 Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    (
        "price=-1",
        r"-1100 Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    (
        "price=.5",
        r"-1100 Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    (
        "price=1.",
        r"-1100 Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    (
        "price=1,5",
        r"-1100 Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    ("price=0.123456789", "-1111 Parameter 'price' has too much precision."),
    ("price=92233720368.54775808", "-1108 Parameter 'price' overflowed."),
    ("price=99999999999999999999", "-1108 Parameter 'price' overflowed."),
    (
        "price=123456789012345678901",
        r"-1100 Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'.",
    ),
    ("amount=0.000000001", "-1111 Parameter 'amount' has too much precision."),
    ("limit=0", "-1130 Data sent for parameter 'limit' is not valid."),
    ("limit=ten", "-1100 Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."),
    ("strategyType=999999", "-1134 `strategyType` was less than 1000000."),
    ("side=buy", "-1117 Invalid side."),
    ("mode=B", "-1130 Data sent for parameter 'mode' is not valid."),
    ("orderId=-5", "-1100 Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'."),
    ("orderId=9223372036854775808", "-1108 Parameter 'orderId' overflowed."),
    (
        "origClientOrderId=a.b",
        "-1100 Illegal characters found in parameter 'origClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    (
        "origClientOrderId=1234567890123456789012345678901234567",
        "-1100 Illegal characters found in parameter 'origClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    ("flag=1", "-1130 Data sent for parameter 'flag' is not valid."),
    ("startTime=now", "-1100 Illegal characters found in parameter 'startTime'; legal range is '^[0-9]{1,20}$'."),
    ("zone=UTC", r"-1100 Illegal characters found in parameter 'zone'; legal range is '^[0-9:+\-]{1,6}$'."),
    ("symbol=Y", "-1101 Duplicate values for a parameter detected."),
    ("what=1&what=2", "-1101 Duplicate values for a parameter detected."),
    ("what=1&limit=5", "-1104 Not all sent parameters were read; read '2' parameter(s) but was sent '3'."),
    ("zone=%zz", "-1100 Illegal characters found in a parameter."),
    ("zone=%ff", "-1100 Illegal characters found in a parameter."),
    ("%ff=1", "-1100 Illegal characters found in a parameter."),
];

#[test]
fn every_refusal_has_binances_words() {
    for (rest, words) in REFUSALS {
        assert_eq!(refused(rest), *words, "{rest}");
    }
}

#[test]
fn refusals_come_in_order() {
    let schema = schema(
        r#"{"name": "one", "kind": "long", "required": true},
        {"name": "two", "kind": "long", "required": true},
        {"name": "three", "kind": "long", "required": {"or": "four"}},
        {"name": "four", "kind": "long"}"#,
    );
    let refused =
        |query: &str| schema.parse(query.as_bytes(), b"").map_or_else(|error| error.to_string(), |_| "fine".into());
    let cases = [
        ("extra=1&one=x&one=y", "-1101 Duplicate values for a parameter detected."),
        ("extra=1&two=x", "-1102 Mandatory parameter 'one' was not sent, was empty/null, or malformed."),
        ("extra=1&two=x&one=1", "-1100 Illegal characters found in parameter 'two'; legal range is '^[0-9]{1,20}$'."),
        ("extra=1&two=2&one=1", "-1102 Param 'three' or 'four' must be sent, but both were empty/null!"),
        (
            "extra=1&two=2&one=1&four=4",
            "-1104 Not all sent parameters were read; read '3' parameter(s) but was sent '4'.",
        ),
        ("two=2&one=1&four=4", "fine"),
    ];
    for (query, words) in cases {
        assert_eq!(refused(query), words, "{query}");
    }
}

#[test]
fn values_are_typed() {
    let schema = all_kinds();
    let query = "symbol=BTCUSDT&symbols=%5B%22A%22%2C%22B%22%5D&permissions=SPOT&price=0.1&amount=123456789012345678.1\
                 &limit=5000&side=SELL&orderId=7&origClientOrderId=x-1_a&flag=TRUE&startTime=1700000000000&zone=%2B08:00";
    let values = schema.parse(query.as_bytes(), b"").unwrap();
    let expected = [
        ("symbol", Value::Text("BTCUSDT".into())),
        ("symbols", Value::List(["A".into(), "B".into()].into())),
        ("permissions", Value::List(["SPOT".into()].into())),
        ("price", Value::Decimal(10_000_000)),
        ("amount", Value::Amount(Amount(12_345_678_901_234_567_810_000_000))),
        ("limit", Value::Long(1_000)),
        ("strategyType", Value::Absent),
        ("side", Value::Choice(1)),
        ("orderId", Value::Long(7)),
        ("origClientOrderId", Value::Client(ClientId::new(b"x-1_a").unwrap())),
        ("flag", Value::Flag(true)),
        ("startTime", Value::Time(Micros(1_700_000_000_000_000))),
        ("zone", Value::Text("+08:00".into())),
    ];
    for (name, value) in expected {
        assert_eq!(values.get(name), Some(&value), "{name}");
    }
    assert_eq!(values.get("nothing"), None);
    assert_eq!(values.choice(Name::Side), Some("SELL"));
    assert_eq!(values.slots().len(), schema.names().count());
}

#[test]
fn microseconds_are_told_by_their_magnitude() {
    let time = |text: &str| {
        let values = all_kinds().parse(format!("symbol=X&startTime={text}").as_bytes(), b"").unwrap();
        values.get("startTime").cloned()
    };
    assert_eq!(time("1700000000000123"), Some(Value::Time(Micros(1_700_000_000_000_123))));
    assert_eq!(time("99999999999999"), Some(Value::Time(Micros(99_999_999_999_999_000))));
    assert_eq!(time("0"), Some(Value::Time(Micros(0))));
}

#[test]
fn the_end_of_a_window_in_milliseconds_is_all_of_its_millisecond() {
    let end = |text: &str| {
        let values = all_kinds().parse(format!("symbol=X&endTime={text}").as_bytes(), b"").unwrap();
        values.get("endTime").cloned()
    };
    assert_eq!(end("1700000000123"), Some(Value::Time(Micros(1_700_000_000_123_999))));
    assert_eq!(end("1700000000123000"), Some(Value::Time(Micros(1_700_000_000_123_000))));
}

#[test]
fn the_query_wins_over_the_body_and_nothing_is_counted_twice() {
    let schema = all_kinds();
    let values = schema.parse(b"symbol=QUERY", b"symbol=BODY&limit=5").unwrap();
    assert_eq!(values.text(Name::Symbol), Some("QUERY"));
    assert_eq!(values.get("limit"), Some(&Value::Long(5)));
    let error = schema.parse(b"symbol=X&what=1", b"symbol=Y&what=2&other=3").unwrap_err();
    assert_eq!(error.to_string(), "-1104 Not all sent parameters were read; read '1' parameter(s) but was sent '3'.");
    let error = schema.parse(b"symbol=X", b"limit=1&limit=2").unwrap_err();
    assert_eq!(error.code, -1101);
}

#[test]
fn requests_are_bounded() {
    let schema = all_kinds();
    let long = vec![b'a'; MAX_BYTES + 1];
    assert_eq!(schema.parse(&long, b"").unwrap_err().to_string(), "-1101 Too many parameters sent for this endpoint.");
    let many: Vec<String> = (0..200).map(|n| format!("p{n}=1")).collect();
    assert_eq!(schema.parse(many.join("&").as_bytes(), b"").unwrap_err().code, -1101);
}

#[test]
fn json_values_are_read_like_their_text() {
    let schema = all_kinds();
    let pairs = [
        ("symbol", Pair::Text("BTCUSDT")),
        ("symbols", Pair::List(vec!["A", "B"])),
        ("price", Pair::Number("0.5")),
        ("orderId", Pair::Integer(12)),
        ("flag", Pair::Flag(false)),
    ];
    let values = schema.parse_pairs(&pairs).unwrap();
    assert_eq!(values.get("symbols"), Some(&Value::List(["A".into(), "B".into()].into())));
    assert_eq!(values.get("price"), Some(&Value::Decimal(50_000_000)));
    assert_eq!(values.get("orderId"), Some(&Value::Long(12)));
    assert_eq!(values.get("flag"), Some(&Value::Flag(false)));
    // What REST would decode stays as it is.
    let error = schema.parse_pairs(&[("symbol", Pair::Text("A%42"))]).unwrap_err();
    assert_eq!(error.code, -1100);
    let error = schema.parse_pairs(&[("symbol", Pair::Null)]).unwrap_err();
    assert_eq!(error.to_string(), "-1105 Parameter 'symbol' was empty.");
    let error = schema.parse_pairs(&[("symbol", Pair::Text("X")), ("apiKey", Pair::Text("k"))]).unwrap_err();
    assert_eq!(error.code, -1104, "an unsigned operation takes no key");
}

#[test]
fn descriptions_are_checked_at_start_up() {
    let wrong =
        |params: &str| Schema::from_json(format!(r#"{{"params": [{params}]}}"#).as_bytes()).unwrap_err().to_string();
    let cases = [
        (r#"{"name": "a", "kind": "float"}"#, "a: no kind float"),
        (r#"{"name": "a", "kind": "long", "pattern": "x"}"#, "a: pattern means nothing for kind long"),
        (r#"{"name": "a", "kind": "text"}"#, "a: it needs a pattern"),
        (r#"{"name": "a", "kind": "text", "pattern": "^.*$"}"#, "a: ^.*$ is no legal range such as ^[A-Z0-9]{1,20}$"),
        (r#"{"name": "a", "kind": "enum"}"#, "a: an enum has 1 to 255 values"),
        (r#"{"name": "a", "kind": "long", "error": -1100000}"#, "a: no error -1100000 without placeholders"),
        (r#"{"name": "a", "kind": "long", "required": {"or": "b"}}"#, "a: no parameter b"),
        (r#"{"name": "a", "kind": "long"}, {"name": "a", "kind": "bool"}"#, "a stands there twice"),
        (r#"{"name": "a", "kind": "long", "requird": true}"#, "unknown field `requird`"),
    ];
    for (params, why) in cases {
        assert!(wrong(params).contains(why), "{params}: {}", wrong(params));
    }
    let many: Vec<String> = (0..65).map(|n| format!(r#"{{"name": "p{n}", "kind": "long"}}"#)).collect();
    assert!(wrong(&many.join(",")).contains("65 parameters, at most 64 are possible"));
    let _: SchemaError = Schema::from_json(b"[").unwrap_err();
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(query in prop::collection::vec(any::<u8>(), 0..200), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = all_kinds().parse(&query, &body);
    }

    #[test]
    fn no_request_like_text_makes_it_panic(query in "((symbol|symbols|price|limit|side|zone|x)=[%0-9a-fA-Z\\[\\]\",.+&é]{0,12}&){0,6}") {
        let _ = all_kinds().parse(query.as_bytes(), query.as_bytes());
        let _ = all_kinds().parse_pairs(&[("symbols", Pair::Text(&query)), ("price", Pair::Number(&query))]);
    }

    #[test]
    fn decimals_come_back_as_they_went(value in prop_oneof![0..=i64::MAX as u64, 0..1_000_000_000u64]) {
        let mut text = Vec::new();
        json::decimal(value.into(), &mut text);
        let query = [b"symbol=X&price=", &text[..]].concat();
        let values = all_kinds().parse(&query, b"").unwrap();
        prop_assert_eq!(values.get("price"), Some(&Value::Decimal(value)));
    }

    #[test]
    fn amounts_come_back_as_they_went(value in 0..10u128.pow(28)) {
        let mut text = Vec::new();
        json::decimal(value, &mut text);
        let query = [b"symbol=X&amount=", &text[..]].concat();
        let values = all_kinds().parse(&query, b"").unwrap();
        prop_assert_eq!(values.get("amount"), Some(&Value::Amount(Amount(value))));
    }

    #[test]
    fn the_decimal_writer_is_the_obvious_one(value in any::<u128>()) {
        let mut text = Vec::new();
        json::decimal(value, &mut text);
        prop_assert_eq!(String::from_utf8(text).unwrap(), format!("{}.{:08}", value / 100_000_000, value % 100_000_000));
    }
}
