//! Replies and stream payloads, byte for byte.

mod common;

use agio_edge::errors::Action;
use agio_edge::replies::{self, Account, OrderCounts};
use agio_edge::streams::{self, DepthChanges, UserPayload};
use agio_edge::{Response, Style};
use agio_engine::events::{Aggregated, BalanceChanged, Event, Posted, Rejected, TopChanged, Traded};
use agio_engine::reasons::Reason;
use agio_engine::units::{
    AccountId, AggregateId, Amount, AssetId, ClientId, Delta, MarketId, Micros, OrderId, PreventedId, Price, Quantity,
    Rate, TradeId, UpdateId,
};
use agio_engine::vocabulary::{
    Cause, Execution, ExecutionKind, Expiry, OrderKind, OrderStatus, PreventedFill, Prevention, Rights, Side,
    TimeInForce,
};
use common::{Exchange, OWNER, event, execution, fill, id, text, view};

const TIME: Micros = Micros(1_672_515_782_136_456);
const MILLIS: Style = Style::MILLIS;

/// A market order that bought 5 LTC for two prices, with its maker's executions between its own.
fn bought() -> Vec<Event> {
    let mut order = agio_engine::vocabulary::OrderView {
        order: OrderId(28),
        client_id: id("6gCrw2kRUAF9CvJDGP16IP"),
        kind: OrderKind::Market,
        price: Price(0),
        quantity: Quantity(500_000_000),
        on_book: false,
        ..view()
    };
    let accepted = execution(ExecutionKind::New, order);
    let maker = agio_engine::vocabulary::OrderView { account: AccountId(1_001), ..view() };
    let other = Execution { fill: Some(fill(56, 400_000, 200_000_000, 1)), ..execution(ExecutionKind::Trade, maker) };
    (order.executed, order.notional, order.status) =
        (Quantity(200_000_000), Amount(800_000), OrderStatus::PartiallyFilled);
    let first =
        Execution { fill: Some(fill(56, 400_000, 200_000_000, 200_000)), ..execution(ExecutionKind::Trade, order) };
    (order.executed, order.notional, order.status) = (Quantity(500_000_000), Amount(2_000_003), OrderStatus::Filled);
    let second =
        Execution { fill: Some(fill(57, 400_001, 300_000_000, 300_000)), ..execution(ExecutionKind::Trade, order) };
    vec![event(&accepted), event(&other), event(&first), event(&second)]
}

fn placed(events: &[Event], response: Response, style: Style) -> String {
    text(|out| assert_eq!(replies::placed(events, response, style, &Exchange, out), 200))
}

const HEAD: &str = r#"{"symbol":"LTCBTC","orderId":28,"orderListId":-1,"clientOrderId":"6gCrw2kRUAF9CvJDGP16IP","transactTime":1684804350068"#;
const RESULT: &str = concat!(
    r#","price":"0.00000000","origQty":"5.00000000","executedQty":"5.00000000","origQuoteOrderQty":"0.00000000","#,
    r#""cummulativeQuoteQty":"0.02000003","status":"FILLED","timeInForce":"GTC","type":"MARKET","side":"BUY","#,
    r#""workingTime":1684804350068,"selfTradePreventionMode":"NONE""#
);

#[test]
fn placed_orders_answer_as_much_as_was_asked() {
    let fills = concat!(
        r#","fills":[{"price":"0.00400000","qty":"2.00000000","commission":"0.00200000","commissionAsset":"LTC","tradeId":56},"#,
        r#"{"price":"0.00400001","qty":"3.00000000","commission":"0.00300000","commissionAsset":"LTC","tradeId":57}]"#
    );
    assert_eq!(placed(&bought(), Response::Ack, MILLIS), format!("{HEAD}}}"));
    assert_eq!(placed(&bought(), Response::Result, MILLIS), format!("{HEAD}{RESULT}}}"));
    assert_eq!(placed(&bought(), Response::Full, MILLIS), format!("{HEAD}{RESULT}{fills}}}"));
    let micros = placed(&bought(), Response::Ack, Style::MICROS);
    assert!(micros.ends_with(r#""transactTime":1684804350068123}"#), "{micros}");
}

#[test]
fn conditional_fields_appear_when_they_apply() {
    let order = agio_engine::vocabulary::OrderView {
        life: TimeInForce::Ioc,
        status: OrderStatus::Expired,
        expiry: Expiry::UnfilledIoc,
        strategy: Some(37_463_720),
        strategy_type: Some(1_000_000),
        ..view()
    };
    let events = [event(&execution(ExecutionKind::New, view())), event(&execution(ExecutionKind::Expired, order))];
    let full = placed(&events, Response::Full, MILLIS);
    let tail = concat!(
        r#""status":"EXPIRED","timeInForce":"IOC","type":"LIMIT","side":"BUY","workingTime":1684804350068,"strategyId":37463720,"#,
        r#""strategyType":1000000,"selfTradePreventionMode":"NONE","expiryReason":"UNFILLED_IOC_QUANTITY_EXPIRED","fills":[]}"#
    );
    assert!(full.ends_with(tail), "{full}");
    assert!(!placed(&events, Response::Ack, MILLIS).contains("expiryReason"));
}

/// Both sides of a prevented match of 2 at price 2 between taker 4 and maker 3.
fn prevention(taker_reduced: u64, maker_reduced: u64) -> Vec<Event> {
    let side = |order, counter, reduced| {
        let order = agio_engine::vocabulary::OrderView {
            order: OrderId(order),
            status: OrderStatus::ExpiredInMatch,
            prevented: Quantity(reduced),
            prevented_match: Some(PreventedId(8)),
            prevention: Prevention::ExpireBoth,
            ..view()
        };
        let prevention = PreventedFill {
            id: PreventedId(8),
            counter_order: OrderId(counter),
            price: Price(200_000_000),
            quantity: Quantity(200_000_000),
            reduced: Quantity(reduced),
        };
        event(&Execution { prevention: Some(prevention), ..execution(ExecutionKind::TradePrevention, order) })
    };
    let accepted = event(&execution(ExecutionKind::New, view()));
    let taker = (taker_reduced > 0).then(|| side(4, 3, taker_reduced));
    [Some(accepted), Some(side(3, 4, maker_reduced)), taker].into_iter().flatten().collect()
}

#[test]
fn prevented_matches_show_both_sides() {
    let full = placed(&prevention(300_000_000, 100_000_000), Response::Full, MILLIS);
    let tail = concat!(
        r#""selfTradePreventionMode":"EXPIRE_BOTH","preventedMatchId":8,"preventedQuantity":"3.00000000","fills":[],"#,
        r#""preventedMatches":[{"preventedMatchId":8,"makerSymbol":"LTCBTC","makerOrderId":3,"price":"2.00000000","#,
        r#""takerPreventedQuantity":"3.00000000","makerPreventedQuantity":"1.00000000"}]}"#
    );
    assert!(full.ends_with(tail), "{full}");
    let full = placed(&prevention(0, 100_000_000), Response::Full, MILLIS);
    let tail = concat!(
        r#""selfTradePreventionMode":"NONE","fills":[],"preventedMatches":[{"preventedMatchId":8,"makerSymbol":"LTCBTC","#,
        r#""makerOrderId":3,"price":"2.00000000","makerPreventedQuantity":"1.00000000"}]}"#
    );
    assert!(full.ends_with(tail), "{full}");
}

#[test]
fn rejections_are_errors_with_a_status() {
    let rejected = |reason, detail| [Event::Rejected(Rejected { account: OWNER, reason, detail })];
    let mut out = Vec::new();
    let status =
        replies::placed(&rejected(Reason::TooManyOrdersTenSeconds, 50), Response::Full, MILLIS, &Exchange, &mut out);
    assert_eq!(status, 429);
    assert_eq!(out, br#"{"code":-1015,"msg":"Too many new orders; current limit is 50 orders per 10 SECOND."}"#);
    out.clear();
    assert_eq!(replies::canceled(&rejected(Reason::UnknownOrder, 0), MILLIS, &Exchange, &mut out), 400);
    assert_eq!(out, br#"{"code":-2011,"msg":"Unknown order sent."}"#);
    out.clear();
    assert_eq!(replies::canceled_all(&rejected(Reason::TradingDisabled, 0), MILLIS, &Exchange, &mut out), 400);
    assert_eq!(out, br#"{"code":-2011,"msg":"This account may not place or cancel orders."}"#);
    assert_eq!(replies::rejected(&bought(), Action::Place), None);
    out.clear();
    assert_eq!(replies::placed(&[], Response::Ack, MILLIS, &Exchange, &mut out), 500, "no events explain nothing");
}

fn cancel() -> Execution {
    let order = agio_engine::vocabulary::OrderView { status: OrderStatus::Canceled, on_book: false, ..view() };
    Execution { cancel_id: id("cancelMyOrder1"), ..execution(ExecutionKind::Canceled, order) }
}

const CANCELED: &str = concat!(
    r#"{"symbol":"LTCBTC","origClientOrderId":"myOrder1","orderId":4,"orderListId":-1,"clientOrderId":"cancelMyOrder1","#,
    r#""transactTime":1684804350068,"price":"2.00000000","origQty":"1.00000000","executedQty":"0.00000000","#,
    r#""origQuoteOrderQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"CANCELED","timeInForce":"GTC","#,
    r#""type":"LIMIT","side":"BUY","selfTradePreventionMode":"NONE"}"#
);

#[test]
fn cancels_report_the_order() {
    let events = [event(&cancel())];
    assert_eq!(text(|out| assert_eq!(replies::canceled(&events, MILLIS, &Exchange, out), 200)), CANCELED);
    let events = [event(&cancel()), event(&cancel())];
    assert_eq!(
        text(|out| assert_eq!(replies::canceled_all(&events, MILLIS, &Exchange, out), 200)),
        format!("[{CANCELED},{CANCELED}]")
    );
}

#[test]
fn queries_report_orders() {
    let expected = concat!(
        r#"{"symbol":"LTCBTC","orderId":4,"orderListId":-1,"clientOrderId":"myOrder1","price":"2.00000000","#,
        r#""origQty":"1.00000000","executedQty":"0.00000000","cummulativeQuoteQty":"0.00000000","status":"NEW","#,
        r#""timeInForce":"GTC","type":"LIMIT","side":"BUY","stopPrice":"0.00000000","icebergQty":"0.00000000","#,
        r#""time":1684804350068,"updateTime":1684804350068,"isWorking":true,"workingTime":1684804350068,"#,
        r#""origQuoteOrderQty":"0.00000000","selfTradePreventionMode":"NONE"}"#
    );
    assert_eq!(text(|out| replies::order(&view(), MILLIS, &Exchange, out)), expected);
    assert_eq!(text(|out| replies::orders([view()], MILLIS, &Exchange, out)), format!("[{expected}]"));
    assert_eq!(text(|out| replies::orders([], MILLIS, &Exchange, out)), "[]");
}

#[test]
fn accounts_show_their_balances() {
    let account = Account {
        id: AccountId(354_937),
        rights: Rights { trade: true, withdraw: false, deposit: true },
        maker: Rate(150_000),
        taker: Rate(155_000),
        updated: TIME,
    };
    let balances = [
        (AssetId(1), Amount(472_384_689_208_129), Amount(0)),
        (AssetId(0), Amount(0), Amount(0)),
        (AssetId(2), Amount(0), Amount(u128::from(u64::MAX) * 10)),
    ];
    let head = concat!(
        r#"{"makerCommission":15,"takerCommission":15,"buyerCommission":0,"sellerCommission":0,"commissionRates":"#,
        r#"{"maker":"0.00150000","taker":"0.00155000","buyer":"0.00000000","seller":"0.00000000"},"canTrade":true,"#,
        r#""canWithdraw":false,"canDeposit":true,"brokered":false,"requireSelfTradePrevention":false,"preventSor":false,"#,
        r#""updateTime":1672515782136,"accountType":"SPOT","balances":[{"asset":"BTC","free":"4723846.89208129","locked":"0.00000000"},"#
    );
    let zero = r#"{"asset":"LTC","free":"0.00000000","locked":"0.00000000"},"#;
    let tail = r#"{"asset":"USDT","free":"0.00000000","locked":"1844674407370.95516150"}],"permissions":["SPOT"],"uid":354937}"#;
    let written = |omit_zero| text(|out| replies::account(&account, balances, omit_zero, MILLIS, &Exchange, out));
    assert_eq!(written(false), format!("{head}{zero}{tail}"));
    assert_eq!(written(true), format!("{head}{tail}"));
}

#[test]
fn market_data_replies() {
    let level = |price, quantity| (Price(price), Quantity(quantity));
    assert_eq!(
        text(|out| replies::depth(
            UpdateId(1_027_024),
            [level(400_000_000, 43_100_000_000)],
            [level(400_000_200, u64::MAX)],
            out
        )),
        r#"{"lastUpdateId":1027024,"bids":[["4.00000000","431.00000000"]],"asks":[["4.00000200","92233720368.54775807"]]}"#
    );
    assert_eq!(text(|out| replies::depth(UpdateId(0), [], [], out)), r#"{"lastUpdateId":0,"bids":[],"asks":[]}"#);
    assert_eq!(
        text(|out| replies::average_price(5, Price(935_751_834), Some(TIME), MILLIS, out)),
        r#"{"mins":5,"price":"9.35751834","closeTime":1672515782136}"#
    );
    assert_eq!(
        text(|out| replies::average_price(5, Price(0), None, MILLIS, out)),
        r#"{"mins":5,"price":"0.00000000","closeTime":-1}"#
    );
}

#[test]
fn order_counts_and_tests() {
    let counts = OrderCounts { ten_seconds: 1, day: 2, limit_ten_seconds: 100, limit_day: 200_000 };
    assert_eq!(
        text(|out| replies::order_counts(&counts, out)),
        concat!(
            r#"[{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":100,"count":1},"#,
            r#"{"rateLimitType":"ORDERS","interval":"DAY","intervalNum":1,"limit":200000,"count":2}]"#
        )
    );
    assert_eq!(text(|out| replies::tested(None, out)), "{}");
    assert_eq!(
        text(|out| replies::tested(Some((Rate(112), Rate(114))), out)),
        concat!(
            r#"{"standardCommissionForOrder":{"maker":"0.00000112","taker":"0.00000114"},"#,
            r#""specialCommissionForOrder":{"maker":"0.00000000","taker":"0.00000000"},"#,
            r#""taxCommissionForOrder":{"maker":"0.00000000","taker":"0.00000000"},"#,
            r#""discount":{"enabledForAccount":false,"enabledForSymbol":false,"discountAsset":null,"discount":"0.00000000"}}"#
        )
    );
}

#[test]
fn public_streams() {
    let traded = Traded {
        market: MarketId(0),
        trade: TradeId(12_345),
        aggregate: AggregateId(7),
        price: Price(100_000),
        quantity: Quantity(10_000_000_000),
        notional: Amount(10_000_000),
        buy_order: OrderId(1),
        sell_order: OrderId(2),
        buyer: OWNER,
        seller: OWNER,
        buyer_is_maker: true,
        time: TIME,
    };
    assert_eq!(
        text(|out| streams::trade(&traded, MILLIS, &Exchange, out)),
        concat!(
            r#"{"e":"trade","E":1672515782136,"s":"LTCBTC","t":12345,"p":"0.00100000","q":"100.00000000","#,
            r#""T":1672515782136,"m":true,"M":true}"#
        )
    );
    let aggregated = Aggregated {
        market: MarketId(0),
        aggregate: AggregateId(12_345),
        price: Price(100_000),
        quantity: Quantity(10_000_000_000),
        first: TradeId(100),
        last: TradeId(105),
        buyer_is_maker: false,
        time: TIME,
    };
    assert_eq!(
        text(|out| streams::aggregate(&aggregated, Style::MICROS, &Exchange, out)),
        concat!(
            r#"{"e":"aggTrade","E":1672515782136456,"s":"LTCBTC","a":12345,"p":"0.00100000","q":"100.00000000","f":100,"l":105,"#,
            r#""T":1672515782136456,"m":false,"M":true}"#
        )
    );
    let top = TopChanged {
        market: MarketId(1),
        update: UpdateId(400_900_217),
        bid: Price(2_535_190_000),
        bid_total: Quantity(3_121_000_000),
        ask: Price(0),
        ask_total: Quantity(0),
        time: TIME,
    };
    assert_eq!(
        text(|out| streams::book_ticker(&top, &Exchange, out)),
        r#"{"u":400900217,"s":"BTCUSDT","b":"25.35190000","B":"31.21000000","a":"0.00000000","A":"0.00000000"}"#
    );
}

#[test]
fn depth_streams() {
    let changes = DepthChanges {
        symbol: "BNBBTC",
        first: UpdateId(157),
        last: UpdateId(160),
        bids: &[(Price(240_000), Quantity(1_000_000_000)), (Price(230_000), Quantity(0))],
        asks: &[],
        time: TIME,
    };
    assert_eq!(
        text(|out| streams::depth_update(&changes, MILLIS, out)),
        concat!(
            r#"{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"#,
            r#""b":[["0.00240000","10.00000000"],["0.00230000","0.00000000"]],"a":[]}"#
        )
    );
}

fn report(execution: &Execution) -> String {
    text(|out| streams::execution_report(execution, MILLIS, &Exchange, out))
}

#[test]
fn a_new_order_is_reported_with_every_field() {
    let expected = concat!(
        r#"{"e":"executionReport","E":1684804350068,"s":"LTCBTC","c":"myOrder1","S":"BUY","o":"LIMIT","f":"GTC","#,
        r#""q":"1.00000000","p":"2.00000000","P":"0.00000000","F":"0.00000000","g":-1,"C":"","x":"NEW","X":"NEW","r":"NONE","#,
        r#""i":4,"l":"0.00000000","z":"0.00000000","L":"0.00000000","n":"0","N":null,"T":1684804350068,"t":-1,"I":8641984,"#,
        r#""w":true,"m":false,"M":false,"O":1684804350068,"Z":"0.00000000","Y":"0.00000000","Q":"0.00000000","#,
        r#""W":1684804350068,"V":"NONE"}"#
    );
    assert_eq!(report(&execution(ExecutionKind::New, view())), expected);
}

#[test]
fn fills_cancels_and_preventions_are_reported() {
    let Event::Executed(trade) = &bought()[2] else { panic!("a fill") };
    let fill = report(&trade.execution);
    for part in [
        r#""x":"TRADE","X":"PARTIALLY_FILLED","r":"NONE","i":28,"l":"2.00000000","z":"2.00000000","L":"0.00400000","#,
        r#""n":"0.00200000","N":"LTC","T":1684804350068,"t":56,"#,
        r#""w":false,"m":false,"M":true,"#,
        r#""Z":"0.00800000","Y":"0.00800000","#,
    ] {
        assert!(fill.contains(part), "{part} is not in {fill}");
    }
    let canceled = report(&cancel());
    for part in [r#""c":"cancelMyOrder1","S""#, r#""C":"myOrder1","x":"CANCELED","X":"CANCELED""#, r#""w":false"#] {
        assert!(canceled.contains(part), "{part} is not in {canceled}");
    }
    let Event::Executed(prevented) = &prevention(300_000_000, 100_000_000)[2] else { panic!("a prevention") };
    let prevented = report(&prevented.execution);
    let part = r#""t":-1,"v":8,"A":"3.00000000","B":"3.00000000","U":3,"Cs":"LTCBTC","pl":"2.00000000","pL":"2.00000000","pY":"4.00000000","I":"#;
    assert!(prevented.contains(part), "{prevented}");
    assert!(prevented.contains(r#""x":"TRADE_PREVENTION","X":"EXPIRED_IN_MATCH""#), "{prevented}");
    assert!(prevented.contains(r#""l":"0.00000000","z":"0.00000000","L":"0.00000000""#), "{prevented}");
    let expired = agio_engine::vocabulary::OrderView {
        status: OrderStatus::Expired,
        expiry: Expiry::Liquidity,
        strategy: Some(1),
        strategy_type: Some(1_000_000),
        side: Side::Sell,
        budget: Amount(1_000_000_000),
        ..view()
    };
    let expired = report(&execution(ExecutionKind::Expired, expired));
    let tail = r#""Q":"10.00000000","W":1684804350068,"j":1,"J":1000000,"V":"NONE","eR":"INSUFFICIENT_LIQUIDITY"}"#;
    assert!(expired.ends_with(tail), "{expired}");
}

fn balance(account: AccountId, asset: u32, free: u128) -> Event {
    let (asset, free) = (AssetId(asset), Amount(free));
    Event::BalanceChanged(BalanceChanged { account, asset, free, locked: Amount(0), time: TIME })
}

fn posted(account: AccountId, delta: i128, cause: Cause) -> Event {
    let (asset, delta) = (AssetId(1), Delta(delta));
    Event::Posted(Posted { account, asset, delta, cause, market: None, trade: None, time: TIME })
}

#[test]
fn an_account_hears_what_concerns_it_in_order() {
    let other = AccountId(1_001);
    let events = [
        event(&execution(ExecutionKind::New, view())),
        event(&execution(ExecutionKind::New, agio_engine::vocabulary::OrderView { account: other, ..view() })),
        posted(OWNER, -10_000_000_000, Cause::Withdrawal),
        posted(OWNER, 5, Cause::Commission),
        posted(AccountId(0), 10_000_000_000, Cause::Withdrawal),
        balance(OWNER, 1, 0),
        balance(other, 1, 3),
        balance(OWNER, 0, 1_000_000_000_000),
    ];
    let heard = |wanted: &[AccountId]| streams::user_payloads(events.clone(), |account| wanted.contains(&account));
    let payloads = heard(&[OWNER]);
    let written: Vec<String> = payloads.iter().map(|(_, p)| text(|out| p.encode(MILLIS, &Exchange, out))).collect();
    assert!(matches!(payloads[0], (OWNER, UserPayload::Execution(_))));
    assert_eq!(
        written[1..],
        [
            r#"{"e":"balanceUpdate","E":1672515782136,"a":"BTC","d":"-100.00000000","T":1672515782136}"#.to_owned(),
            concat!(
                r#"{"e":"outboundAccountPosition","E":1672515782136,"u":1672515782136,"B":["#,
                r#"{"a":"BTC","f":"0.00000000","l":"0.00000000"},{"a":"LTC","f":"10000.00000000","l":"0.00000000"}]}"#
            )
            .to_owned(),
        ]
    );
    assert!(heard(&[AccountId(5)]).is_empty());
    let both: Vec<AccountId> = heard(&[OWNER, other]).into_iter().map(|(account, _)| account).collect();
    assert_eq!(both, [OWNER, other, OWNER, OWNER, other]);
}

#[test]
fn ids_that_could_break_json_are_escaped() {
    let order = agio_engine::vocabulary::OrderView { client_id: ClientId::new(br#"a"b\c"#).unwrap(), ..view() };
    let written = text(|out| replies::order(&order, MILLIS, &Exchange, out));
    assert!(written.contains(r#""clientOrderId":"a\"b\\c""#), "{written}");
}
