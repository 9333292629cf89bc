//! What the edge costs per order: `cargo run --release -p agio-edge --example bench`.
//!
//! Signed order: verify (HMAC-SHA256), parse 11 parameters, build the command. Replies and payloads: into a buffer
//! that is reused. Each figure is the best of many short rounds, which a busy machine disturbs least; the checksums
//! show that the work was done.

use std::hint::black_box;
use std::time::Instant;

use agio_edge::{Names, Requester, Response, Schema, Style, Verifier, auth, orders, replies, streams};
use agio_engine::events::{Event, Executed};
use agio_engine::units::{
    AccountId, Amount, AssetId, ClientId, ExecutionId, KeyId, MarketId, Micros, OrderId, Price, Quantity, TradeId,
};
use agio_engine::vocabulary::{
    Execution, ExecutionKind, Expiry, Fill, OrderKind, OrderStatus, OrderView, Prevention, Side, TimeInForce,
};

const ROUNDS: u32 = 200;
const CALLS: u32 = 1_000;
const NOW: Micros = Micros(1_499_827_319_600_000);
const SECRET: &[u8] = b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j";
const QUERY: &[u8] = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1.25&price=0.01234500\
    &newClientOrderId=x-HNA2TXFJabcdef0123456789&newOrderRespType=FULL&recvWindow=5000&timestamp=1499827319559";

struct Exchange;

impl Names for Exchange {
    fn symbol(&self, _: MarketId) -> &'static str {
        "LTCBTC"
    }

    fn asset(&self, _: AssetId) -> &'static str {
        "BTC"
    }
}

/// Prints the nanoseconds of one call, best of [`ROUNDS`], and what the calls added up to.
fn measure(what: &str, mut call: impl FnMut() -> usize) {
    let mut best = f64::MAX;
    let mut sum = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        sum = (0..CALLS).map(|_| black_box(call())).sum();
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(CALLS));
    }
    println!("{what:<40} {best:>7.0} ns   checksum {sum}");
}

fn signed() -> Vec<u8> {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET);
    let tag = ring::hmac::sign(&key, QUERY);
    let hex = |digit: u8| char::from_digit(digit.into(), 16).unwrap_or_default() as u8;
    let signature = tag.as_ref().iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]);
    QUERY.iter().copied().chain(*b"&signature=").chain(signature).collect()
}

fn order() -> OrderView {
    OrderView {
        market: MarketId(0),
        account: AccountId(1_000),
        order: OrderId(12_510_053_279),
        client_id: ClientId::new(b"x-HNA2TXFJabcdef0123456789").unwrap_or_default(),
        side: Side::Buy,
        kind: OrderKind::Limit,
        life: TimeInForce::Gtc,
        price: Price(1_234_500),
        quantity: Quantity(125_000_000),
        budget: Amount(0),
        executed: Quantity(125_000_000),
        notional: Amount(1_543_125),
        prevented: Quantity(0),
        status: OrderStatus::Filled,
        expiry: Expiry::None,
        prevention: Prevention::None,
        prevented_match: None,
        strategy: None,
        strategy_type: None,
        on_book: false,
        opened: NOW,
        updated: NOW,
    }
}

fn execution(fill: Option<Fill>) -> Execution {
    let kind = if fill.is_some() { ExecutionKind::Trade } else { ExecutionKind::New };
    Execution {
        kind,
        execution: ExecutionId(8_641_984),
        time: NOW,
        order: order(),
        fill,
        prevention: None,
        cancel_id: ClientId::NONE,
    }
}

/// A limit order that two fills finished.
fn events() -> Vec<Event> {
    let fill = Fill {
        trade: TradeId(1_650_422_481),
        price: Price(1_234_500),
        quantity: Quantity(62_500_000),
        notional: Amount(771_562),
        commission: Amount(62_500),
        commission_asset: AssetId(0),
        maker: false,
    };
    [None, Some(fill), Some(fill)].map(|fill| Event::Executed(Executed { execution: execution(fill) })).into()
}

fn main() {
    let schema = Schema::from_json(include_bytes!("../tests/data/place.json")).expect("the schema is right");
    let verifier = Verifier::hmac(SECRET);
    let query = signed();
    let requester = Requester { account: AccountId(1_000), key: KeyId(1) };
    let (events, mut out) = (events(), Vec::with_capacity(4_096));
    measure("verify", || usize::from(verifier.verify(black_box(QUERY), black_box(&"0".repeat(64)))));
    measure("parse", || schema.parse(&query, b"").map_or(0, |values| values.slots().len()));
    measure("verify + parse + build a signed order", || {
        let values = auth::authorize(&schema, &query, b"", &verifier, NOW).expect("it is signed");
        orders::place(&values, requester, MarketId(0)).map_or(0, |(place, _)| place.price.0 as usize)
    });
    for (what, response) in [("encode ACK", Response::Ack), ("encode FULL, two fills", Response::Full)] {
        measure(what, || {
            out.clear();
            replies::placed(&events, response, Style::MILLIS, &Exchange, &mut out);
            out.len()
        });
    }
    let report = execution(None);
    measure("encode executionReport", || {
        out.clear();
        streams::execution_report(&report, Style::MILLIS, &Exchange, &mut out);
        out.len()
    });
}
