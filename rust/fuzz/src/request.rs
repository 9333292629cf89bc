//! What clients send: parameters, signatures, numbers.

use std::sync::OnceLock;

use agio_edge::params::{Kind, Value, unescape};
use agio_edge::pattern::Pattern;
use agio_edge::{ApiError, Pair, Requester, Schema, Values, Verifier, auth, errors, json, orders};
use agio_engine::units::{AccountId, KeyId, MarketId, Micros};

use crate::input::Input;

const NOW: Micros = Micros(1_700_000_000_500_000);
const TIMESTAMP: &str = "timestamp=1700000000000";
const SECRET: &[u8] = b"secret";
/// One parameter of each kind.
const KINDS: &[u8] = br#"{"params": [
    {"name": "s", "kind": "symbol"}, {"name": "ss", "kind": "symbols", "max": 3},
    {"name": "l", "kind": "list", "pattern": "^[A-Z0-9_]{1,20}$"}, {"name": "p", "kind": "decimal"},
    {"name": "a", "kind": "amount"}, {"name": "n", "kind": "int", "min": 1, "max": 1000, "clamp": true},
    {"name": "o", "kind": "long"}, {"name": "e", "kind": "enum", "values": ["BUY", "SELL"], "error": -1117},
    {"name": "c", "kind": "client_id", "required": {"or": "o"}}, {"name": "b", "kind": "bool"},
    {"name": "t", "kind": "time"}, {"name": "z", "kind": "text", "pattern": "^[0-9:+\\-]{1,6}$"}]}"#;

fn kinds() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::from_json(KINDS).expect("a schema"))
}

fn order() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::from_json(include_bytes!("../../edge/tests/data/place.json")).expect("a schema"))
}

/// The first byte says what the rest is.
pub(crate) fn parse(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() % 8 {
        0 | 1 => sources(input.rest()),
        2 | 3 => signed(&mut input),
        4 => decimals(input.rest()),
        5 => texts(input.rest()),
        6 => keys(input.rest()),
        _ => drop(Schema::from_json(input.rest())),
    }
}

fn shown(result: &Result<Values, ApiError>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |values| format!("{values:?}"))
}

/// Query, body, both, and the WebSocket API's pairs read alike.
fn sources(query: &[u8]) {
    let schema = kinds();
    let whole = schema.parse(query, b"");
    assert_eq!(shown(&whole), shown(&schema.parse(b"", query)), "the body reads differently");
    if let Err(error) = &whole {
        return told(error);
    }
    for (at, _) in query.iter().enumerate().filter(|(_, byte)| **byte == b'&') {
        let split = schema.parse(&query[..at], &query[at + 1..]);
        assert_eq!(shown(&whole), shown(&split), "split at {at}");
    }
    let text = std::str::from_utf8(query).expect("it was read");
    let decoded: Vec<_> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (unescape(name, true).expect("read"), unescape(value, true).expect("read")))
        .collect();
    let pairs: Vec<_> = decoded.iter().map(|(name, value)| (name.as_ref(), Pair::Text(value.as_ref()))).collect();
    assert_eq!(shown(&whole), shown(&schema.parse_pairs(&pairs)), "the pairs read differently");
}

/// A refusal is JSON.
fn told(error: &ApiError) {
    let mut out = Vec::new();
    error.encode(&mut out);
    let read: serde_json::Value = serde_json::from_slice(&out).expect("a refusal is JSON");
    assert!(read["code"].is_i64() && read["msg"].is_string(), "{read}");
}

/// A right signature is never called wrong, and none but it is let through.
fn signed(input: &mut Input<'_>) {
    let length = usize::from(input.u8());
    let (query, body) = (input.bytes(length), input.rest());
    // A client that signs sends text, and `signature` once.
    let (Ok(query), Ok(body)) = (std::str::from_utf8(query), std::str::from_utf8(body)) else { return };
    if [query, body].iter().any(|part| part.contains("signature")) {
        return;
    }
    let query = format!("{TIMESTAMP}&{query}");
    let tag =
        ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET), format!("{query}{body}").as_bytes());
    let hex = blake3::Hash::from_bytes(tag.as_ref().try_into().expect("32 bytes")).to_hex();
    let sent = format!("{query}&signature={hex}");
    let ask =
        |query: &str, secret| auth::authorize(order(), query.as_bytes(), body.as_bytes(), &Verifier::hmac(secret), NOW);
    let right = ask(&sent, SECRET);
    match &right {
        Ok(values) => {
            let requester = Requester { account: AccountId(1_000), key: KeyId(1) };
            if let Err(error) = orders::place(values, requester, MarketId(0)) {
                told(&error);
            }
        }
        Err(error) => {
            assert_ne!(*error, errors::BAD_SIGNATURE.error(), "{sent} {body}");
            told(error);
        }
    }
    assert!(ask(&sent, b"another").is_err(), "another secret's signature is let through");
    assert!(
        ask(&sent.replace(TIMESTAMP, "timestamp=1700000000001"), SECRET).is_err(),
        "a changed request is let through"
    );
}

/// What is read as a decimal is printed as the same number.
fn decimals(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    for kind in [Kind::Decimal, Kind::Amount] {
        let Ok(value) = kind.read("p", text) else { continue };
        let number = match &value {
            Value::Decimal(number) => u128::from(*number),
            Value::Amount(amount) => amount.0,
            other => panic!("{other:?} is no decimal"),
        };
        let mut printed = Vec::new();
        json::decimal(number, &mut printed);
        let printed = String::from_utf8(printed).expect("digits");
        assert_eq!(kind.read("p", &printed).as_ref(), Ok(&value), "{text} is printed as {printed}");
    }
    for kind in [Kind::Time, Kind::Until, Kind::Window, Kind::Flag, Kind::Signature] {
        let _ = kind.read("p", text);
    }
}

/// Any text goes into JSON and comes back, and makes no pattern that panics.
fn texts(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut out = Vec::new();
    errors::encode(-1, text, &mut out);
    let read: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(read["msg"], text);
    let (pattern, value) = text.split_once('\n').unwrap_or((text, text));
    if let Some(pattern) = Pattern::new(pattern) {
        let _ = (pattern.matches(value), pattern.list());
    }
}

/// Any bytes as a public key and as a signature.
fn keys(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let verifiers = [Some(Verifier::hmac(SECRET)), Verifier::ed25519(bytes).ok(), Verifier::rsa(bytes).ok()];
    for verifier in verifiers.into_iter().flatten().chain(Verifier::ed25519(&[7; 32])) {
        assert!(!verifier.verify(b"payload", &text), "{text} is a signature");
    }
}
