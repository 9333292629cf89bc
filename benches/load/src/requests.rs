//! Requests as bytes, signed before the run.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::hmac;

use crate::plan::{Mode, Plan, User};

/// Cents: bids begin here and go down, asks above and go up.
const BID: u64 = 5_900_000;
const ASK: u64 = 6_100_000;
const LEVELS: u64 = 1_000;
/// The same for every order, so that one fills one.
const QUANTITY: &str = "0.00010";
/// As long as Binance allows: what is signed beforehand must be sent within it.
const WINDOW: u64 = 60_000;

/// All requests of a run.
pub(crate) fn make(plan: &Plan) -> Vec<Vec<u8>> {
    let keys: Vec<hmac::Key> = plan.users.iter().map(|user| key(&user.secret_key)).collect();
    let now = milliseconds();
    (0..plan.requests).map(|number| order(plan, &keys[number % 2], number, now)).collect()
}

fn order(plan: &Plan, key: &hmac::Key, number: usize, now: u64) -> Vec<u8> {
    let user: &User = &plan.users[number % 2];
    let (side, cents) = terms(plan.mode, number as u64);
    let mut text = format!(
        "symbol={}&side={side}&type=LIMIT&timeInForce=GTC&quantity={QUANTITY}&price={}.{:02}&newClientOrderId={}{number}\
         &recvWindow={WINDOW}&timestamp={now}",
        plan.symbol,
        cents / 100,
        cents % 100,
        plan.tag,
    );
    let signature = sign(key, &text);
    let _ = write!(text, "&signature={signature}");
    let (address, api_key) = (&plan.address, &user.api_key);
    let request = if plan.in_body {
        format!(
            "POST /api/v3/order HTTP/1.1\r\nhost: {address}\r\nx-mbx-apikey: {api_key}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{text}",
            text.len()
        )
    } else {
        format!(
            "POST /api/v3/order?{text} HTTP/1.1\r\nhost: {address}\r\nx-mbx-apikey: {api_key}\r\ncontent-length: 0\r\n\r\n"
        )
    };
    request.into_bytes()
}

/// Side and price in cents. Crossing orders take at the last price that a resting one may have.
fn terms(mode: Mode, number: u64) -> (&'static str, u64) {
    let level = number / 2 % LEVELS;
    match (mode, number % 2) {
        (Mode::Crossing, 0) => ("BUY", ASK + LEVELS),
        (Mode::Crossing, _) => ("SELL", BID - LEVELS),
        (_, 0) => ("BUY", BID - level),
        (_, _) => ("SELL", ASK + level),
    }
}

/// A key that signs.
pub(crate) fn key(secret: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())
}

/// The signature in hexadecimal digits.
pub(crate) fn sign(key: &hmac::Key, text: &str) -> String {
    let mut digits = String::with_capacity(64);
    for byte in hmac::sign(key, text.as_bytes()).as_ref() {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Wall clock, as timestamps have it.
pub(crate) fn milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
