//! What the tests share: the schemas of order operations, and an exchange of two markets.
#![allow(dead_code, unreachable_pub)]

use agio_edge::{Names, Schema};
use agio_engine::events::{Event, Executed};
use agio_engine::units::{
    AccountId, Amount, AssetId, ClientId, ExecutionId, MarketId, Micros, OrderId, Price, Quantity, TradeId,
};
use agio_engine::vocabulary::{
    Execution, ExecutionKind, Expiry, Fill, OrderKind, OrderStatus, OrderView, Prevention, Side, TimeInForce,
};

pub const NOW: Micros = Micros(1_499_827_319_600_000);
pub const OWNER: AccountId = AccountId(1_000);

pub fn place_schema() -> Schema {
    Schema::from_json(include_bytes!("../data/place.json")).unwrap()
}

pub fn cancel_schema() -> Schema {
    Schema::from_json(include_bytes!("../data/cancel.json")).unwrap()
}

pub struct Exchange;

impl Names for Exchange {
    fn symbol(&self, market: MarketId) -> &str {
        ["LTCBTC", "BTCUSDT"][market.0 as usize]
    }

    fn asset(&self, asset: AssetId) -> &str {
        ["LTC", "BTC", "USDT"][asset.0 as usize]
    }
}

pub fn id(text: &str) -> ClientId {
    ClientId::new(text.as_bytes()).unwrap()
}

/// A resting limit order, nothing filled.
pub fn view() -> OrderView {
    OrderView {
        market: MarketId(0),
        account: OWNER,
        order: OrderId(4),
        client_id: id("myOrder1"),
        side: Side::Buy,
        kind: OrderKind::Limit,
        life: TimeInForce::Gtc,
        price: Price(200_000_000),
        quantity: Quantity(100_000_000),
        budget: Amount(0),
        executed: Quantity(0),
        notional: Amount(0),
        prevented: Quantity(0),
        status: OrderStatus::New,
        expiry: Expiry::None,
        prevention: Prevention::None,
        prevented_match: None,
        strategy: None,
        strategy_type: None,
        on_book: true,
        opened: Micros(1_684_804_350_068_123),
        updated: Micros(1_684_804_350_068_123),
    }
}

pub fn execution(kind: ExecutionKind, order: OrderView) -> Execution {
    Execution {
        kind,
        execution: ExecutionId(8_641_984),
        time: order.updated,
        order,
        fill: None,
        prevention: None,
        cancel_id: ClientId::NONE,
    }
}

pub fn fill(trade: u64, price: u64, quantity: u64, commission: u128) -> Fill {
    let (price, quantity) = (Price(price), Quantity(quantity));
    let notional = price.notional(quantity);
    Fill {
        trade: TradeId(trade),
        price,
        quantity,
        notional,
        commission: Amount(commission),
        commission_asset: AssetId(0),
        maker: false,
    }
}

pub fn event(execution: &Execution) -> Event {
    Event::Executed(Executed { execution: *execution })
}

pub fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice::<serde_json::Value>(&out).expect("the bytes are JSON");
    String::from_utf8(out).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
