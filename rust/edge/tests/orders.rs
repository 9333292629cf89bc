//! From parameters to commands: what each type needs and takes, in Binance's words and order.

mod common;

use agio_edge::orders::{self, OrderName};
use agio_edge::{ApiError, Requester, Response, Values};
use agio_engine::commands::{Cancel, CancelAll, Place, Signed};
use agio_engine::units::{Amount, ClientId, KeyId, MarketId, Micros, OrderId, Price, Quantity};
use agio_engine::vocabulary::{OrderKind, Prevention, Restriction, Side, TimeInForce};
use common::{OWNER, cancel_schema, id, place_schema};

const BY: Requester = Requester { account: OWNER, key: KeyId(3) };

fn place(rest: &str) -> Result<(Place, Response), ApiError> {
    let query = format!("symbol=LTCBTC&side=BUY&{rest}&timestamp=1499827319559");
    orders::place(&place_schema().parse(query.as_bytes(), b"")?, BY, MarketId(0))
}

fn words(rest: &str) -> String {
    place(rest).map_or_else(|error| error.to_string(), |_| "fine".into())
}

const LIMIT: &str = "type=LIMIT&timeInForce=GTC&quantity=1&price=0.1";

#[test]
fn every_type_says_what_it_lacks() {
    let cases = [
        ("type=LIMIT", "'timeInForce'"),
        ("type=LIMIT&timeInForce=GTC", "'quantity'"),
        ("type=LIMIT&timeInForce=GTC&quantity=1", "'price'"),
        ("type=LIMIT_MAKER", "'quantity'"),
        ("type=LIMIT_MAKER&quantity=1", "'price'"),
        ("type=STOP_LOSS&stopPrice=1", "'quantity'"),
        ("type=TAKE_PROFIT&stopPrice=1", "'quantity'"),
        ("type=STOP_LOSS_LIMIT&quantity=1&price=1", "'timeInForce'"),
        ("type=TAKE_PROFIT_LIMIT&timeInForce=GTC&price=1", "'quantity'"),
        ("type=TAKE_PROFIT_LIMIT&timeInForce=GTC&quantity=1", "'price'"),
    ];
    for (rest, name) in cases {
        assert_eq!(
            words(rest),
            format!("-1102 Mandatory parameter {name} was not sent, was empty/null, or malformed."),
            "{rest}"
        );
    }
    let either = |one, other| format!("-1102 Param '{one}' or '{other}' must be sent, but both were empty/null!");
    assert_eq!(words("type=MARKET"), either("quantity", "quoteOrderQty"));
    assert_eq!(words("type=STOP_LOSS&quantity=1"), either("stopPrice", "trailingDelta"));
    assert_eq!(words("type=STOP_LOSS_LIMIT&timeInForce=GTC&quantity=1&price=1"), either("stopPrice", "trailingDelta"));
}

#[test]
fn every_type_refuses_what_it_does_not_take() {
    let cases = [
        ("type=MARKET&quantity=1&timeInForce=GTC", "timeInForce"),
        ("type=MARKET&quantity=1&price=1", "price"),
        ("type=MARKET&quantity=1&quoteOrderQty=1", "quoteOrderQty"),
        ("type=MARKET&quantity=1&stopPrice=1", "stopPrice"),
        ("type=MARKET&quantity=1&icebergQty=1", "icebergQty"),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&quoteOrderQty=1", "quoteOrderQty"),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&stopPrice=1", "stopPrice"),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&trailingDelta=1", "trailingDelta"),
        ("type=LIMIT_MAKER&quantity=1&price=1&timeInForce=GTC", "timeInForce"),
        ("type=STOP_LOSS&quantity=1&stopPrice=1&price=1", "price"),
        ("type=STOP_LOSS&quantity=1&stopPrice=1&icebergQty=1", "icebergQty"),
        ("type=TAKE_PROFIT&quantity=1&stopPrice=1&quoteOrderQty=1", "quoteOrderQty"),
    ];
    for (rest, name) in cases {
        assert_eq!(words(rest), format!("-1106 Parameter '{name}' sent when not required."), "{rest}");
    }
}

#[test]
fn what_is_not_offered_is_refused_as_for_a_symbol_without_it() {
    let peg = "pegOffsetType=PRICE_LEVEL&pegOffsetValue=1";
    let cases = [
        ("type=STOP_LOSS&quantity=1&stopPrice=1".into(), "-1013 Stop loss orders are not supported for this symbol."),
        (
            "type=STOP_LOSS&quantity=1&trailingDelta=1".into(),
            "-1013 Stop loss orders are not supported for this symbol.",
        ),
        (
            "type=STOP_LOSS_LIMIT&quantity=1&price=1&timeInForce=GTC&stopPrice=1&trailingDelta=1".into(),
            "-1013 Stop loss limit orders are not supported for this symbol.",
        ),
        (
            "type=TAKE_PROFIT&quantity=1&stopPrice=1".into(),
            "-1013 Take profit orders are not supported for this symbol.",
        ),
        (
            "type=TAKE_PROFIT_LIMIT&quantity=1&price=1&timeInForce=GTC&stopPrice=1".into(),
            "-1013 Take profit limit orders are not supported for this symbol.",
        ),
        (format!("{LIMIT}&icebergQty=0.5"), "-1013 Iceberg orders are not supported for this symbol."),
        (format!("{LIMIT}&pegPriceType=PRIMARY_PEG"), "-1013 Pegged orders are not supported for this symbol."),
        (
            format!("type=LIMIT&timeInForce=GTC&quantity=1&pegPriceType=PRIMARY_PEG&{peg}"),
            "-1013 Pegged orders are not supported for this symbol.",
        ),
        (
            format!("{LIMIT}&pegPriceType=PRIMARY_PEG&pegOffsetValue=1"),
            "-1128 Fields [pegOffsetType, pegOffsetValue] must be sent together or omitted entirely.",
        ),
        (
            "type=LIMIT_MAKER&quantity=1&pegPriceType=MARKET_PEG".into(),
            "-1013 This price peg cannot be used with this order type.",
        ),
        ("type=MARKET&quantity=1&pegPriceType=PRIMARY_PEG".into(), "-1013 This order type may not use pegged price."),
        (
            format!("{LIMIT}&selfTradePreventionMode=TRANSFER"),
            "-1013 This symbol does not allow the specified self-trade prevention mode.",
        ),
    ];
    for (rest, expected) in cases {
        assert_eq!(words(&rest), expected, "{rest}");
    }
}

#[test]
fn enums_have_their_own_errors() {
    let cases = [
        ("type=limit", "-1116 Invalid orderType."),
        ("type=LIMIT&timeInForce=GTX&quantity=1&price=1", "-1115 Invalid timeInForce."),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=1&strategyType=5", "-1134 `strategyType` was less than 1000000."),
        (
            "type=LIMIT&timeInForce=GTC&quantity=1&price=1&newOrderRespType=SHORT",
            "-1130 Data sent for parameter 'newOrderRespType' is not valid.",
        ),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=1&pegPriceType=X", "-1210 Invalid pegPriceType."),
        ("type=LIMIT&timeInForce=GTC&quantity=1&price=1&pegOffsetType=X", "-1211 Invalid pegOffsetType."),
    ];
    for (rest, expected) in cases {
        assert_eq!(words(rest), expected, "{rest}");
    }
}

#[test]
fn a_limit_order_becomes_a_command() {
    let (command, response) = place(&format!(
        "{LIMIT}&newClientOrderId=x-1&strategyId=37463720&strategyType=1000000&selfTradePreventionMode=EXPIRE_BOTH&recvWindow=6000.346"
    ))
    .unwrap();
    let expected = Place {
        account: OWNER,
        signed: Signed { key: KeyId(3), sent: Micros(1_499_827_319_559_000), window: Micros(6_000_346) },
        market: MarketId(0),
        side: Side::Buy,
        kind: OrderKind::Limit,
        life: TimeInForce::Gtc,
        price: Price(10_000_000),
        quantity: Quantity(100_000_000),
        budget: Amount(0),
        client_id: id("x-1"),
        prevention: Some(Prevention::ExpireBoth),
        strategy: Some(37_463_720),
        strategy_type: Some(1_000_000),
    };
    assert_eq!((command, response), (expected, Response::Full));
}

#[test]
fn market_orders_go_by_quantity_or_budget() {
    let (command, response) = place("type=MARKET&quantity=2").unwrap();
    assert_eq!((command.kind, command.quantity, command.budget), (OrderKind::Market, Quantity(200_000_000), Amount(0)));
    assert_eq!((command.price, command.life, response), (Price(0), TimeInForce::Gtc, Response::Full));
    assert_eq!(command.signed.window, Micros(5_000_000), "the default window");
    assert_eq!((command.client_id, command.prevention), (ClientId::NONE, None));
    let (command, _) = place("type=MARKET&quoteOrderQty=10.5").unwrap();
    assert_eq!((command.quantity, command.budget), (Quantity(0), Amount(1_050_000_000)));
}

#[test]
fn replies_have_their_default() {
    let cases = [
        ("type=LIMIT_MAKER&quantity=1&price=1", Response::Ack),
        ("type=LIMIT_MAKER&quantity=1&price=1&newOrderRespType=FULL", Response::Full),
        ("type=MARKET&quantity=1&newOrderRespType=ACK", Response::Ack),
        ("type=MARKET&quantity=1&newOrderRespType=RESULT", Response::Result),
    ];
    for (rest, expected) in cases {
        assert_eq!(place(rest).unwrap().1, expected, "{rest}");
    }
}

fn cancel_values(rest: &str) -> Result<Values, ApiError> {
    cancel_schema().parse(format!("symbol=LTCBTC&timestamp=1499827319559{rest}").as_bytes(), b"")
}

#[test]
fn cancels_name_an_order() {
    let values =
        cancel_values("&orderId=28&origClientOrderId=a&newClientOrderId=b&cancelRestrictions=ONLY_NEW").unwrap();
    let signed = Signed { key: KeyId(3), sent: Micros(1_499_827_319_559_000), window: Micros(5_000_000) };
    let expected = Cancel {
        account: OWNER,
        signed,
        market: MarketId(0),
        order: Some(OrderId(28)),
        client_id: id("a"),
        cancel_id: id("b"),
        restriction: Restriction::OnlyNew,
    };
    assert_eq!(orders::cancel(&values, BY, MarketId(0)), Ok(expected));
    assert_eq!(orders::cancel_all(&values, BY, MarketId(0)), CancelAll { account: OWNER, signed, market: MarketId(0) });
    let values = cancel_values("&origClientOrderId=a").unwrap();
    assert_eq!(orders::order_name(&values), OrderName { order: None, client_id: id("a") });
    let cancel = orders::cancel(&values, BY, MarketId(0)).unwrap();
    assert_eq!((cancel.order, cancel.restriction), (None, Restriction::None));
}

#[test]
fn cancels_are_refused_in_binances_words() {
    let words = |rest: &str| cancel_values(rest).unwrap_err().to_string();
    assert_eq!(words(""), "-1102 Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!");
    assert_eq!(
        words("&orderId=1&cancelRestrictions=X"),
        "-1145 `cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."
    );
}

#[test]
fn symbols_are_looked_up() {
    let values = cancel_values("&orderId=1").unwrap();
    assert_eq!(orders::market(&values, |symbol| (symbol == "LTCBTC").then_some(MarketId(7))), Ok(Some(MarketId(7))));
    assert_eq!(orders::market(&values, |_| None).unwrap_err().to_string(), "-1121 Invalid symbol.");
}
