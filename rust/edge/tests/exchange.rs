//! Through the real engine: signed requests become commands, and its events become replies and payloads.

mod common;

use agio_edge::errors::{Action, rejection};
use agio_edge::{Names, Requester, Schema, Style, Verifier, auth, orders, replies, streams};
use agio_engine::Engine;
use agio_engine::commands::{AddKey, Command, Deposit, Envelope, ListAsset, ListMarket, OpenAccount};
use agio_engine::events::Event;
use agio_engine::units::{AccountId, Amount, AssetId, KeyId, Lane, MarketId, Micros, Price, Quantity, Rate, Sequence};
use agio_engine::vocabulary::{
    Filters, LotFilter, NotionalFilter, NotionalForm, OrderLimits, Permissions, Prevention, PriceFilter, Rights,
};
use common::{cancel_schema, hex, place_schema};
use serde_json::Value;

const START: Micros = Micros(1_700_000_000_000_000);
const SECRET: &[u8] = b"secret";

/// An engine with one market, BTCUSDT, and what is needed to ask it as a client does.
struct Venue {
    engine: Engine,
    place: Schema,
    cancel: Schema,
    verifier: Verifier,
}

struct Listed<'a>(&'a Engine);

impl Names for Listed<'_> {
    fn symbol(&self, market: MarketId) -> &str {
        self.0.market(market).unwrap().symbol
    }

    fn asset(&self, asset: AssetId) -> &str {
        self.0.assets().find(|view| view.id == asset).unwrap().name
    }
}

/// Ticks of 0.01, steps of 0.001, at least 0.01 and 5 USDT.
fn filters() -> Filters {
    let lot = LotFilter { min: Quantity(1_000_000), max: Quantity(900_000_000_000), step: Quantity(100_000) };
    Filters {
        price: PriceFilter { min: Price(1_000_000), max: Price(100_000_000_000_000), tick: Price(1_000_000) },
        lot,
        market_lot: lot,
        notional: NotionalFilter {
            form: NotionalForm::Range,
            min: Amount(500_000_000),
            min_to_market: true,
            max: Amount(u128::from(u64::MAX)),
            max_to_market: false,
            minutes: 0,
        },
        max_orders: 3,
        prevention: Prevention::ExpireMaker,
        preventions: 0b11_1110,
    }
}

impl Venue {
    fn new() -> Self {
        let mut venue = Self {
            engine: Engine::new(),
            place: place_schema(),
            cancel: cancel_schema(),
            verifier: Verifier::hmac(SECRET),
        };
        for name in ["BTC", "USDT"] {
            venue.run(ListAsset { name: name.into(), precision: 8 });
        }
        let (base, quote) = (AssetId(0), AssetId(1));
        venue.run(ListMarket { symbol: "BTCUSDT".into(), base, quote, filters: filters() });
        venue
    }

    fn run(&mut self, command: impl Into<Command>) -> Vec<Event> {
        let sequence = Sequence(self.engine.sequence().0 + 1);
        let envelope = Envelope { sequence, time: START, lane: Lane(0), number: 0, deadline: Micros(0) };
        let mut events = Vec::new();
        self.engine.apply(&envelope, &command.into(), &mut events);
        events
    }

    /// A customer with 10 BTC and 1,000,000 USDT who pays 0.1 %.
    fn customer(&mut self) -> Requester {
        let rights = Rights { trade: true, withdraw: true, deposit: true };
        let limits = OrderLimits { ten_seconds: 6, day: 0, open: 0 };
        let opened = self.run(OpenAccount { rights, maker: Rate(100_000), taker: Rate(100_000), limits });
        let account = opened.iter().find_map(|e| if let Event::AccountChanged(a) = e { Some(a.account) } else { None });
        let account = account.unwrap();
        for (asset, amount) in [(0, 1_000_000_000), (1, 100_000_000_000_000)] {
            self.run(Deposit { account, asset: AssetId(asset), amount: Amount(amount) });
        }
        let permissions = Permissions { read: true, trade: true, withdraw: false };
        let added = self.run(AddKey { account, permissions });
        let key = added.iter().find_map(|e| if let Event::KeyAdded(k) = e { Some(k.key) } else { None });
        Requester { account, key: key.unwrap_or(KeyId(0)) }
    }

    /// Sends a signed order; returns its events and its reply.
    fn place(&mut self, by: Requester, rest: &str) -> (Vec<Event>, u16, Value) {
        let query = signed(rest);
        let values = auth::authorize(&self.place, query.as_bytes(), b"", &self.verifier, START).unwrap();
        let (command, response) = orders::place(&values, by, MarketId(0)).unwrap();
        let foretold = self.engine.check(&command, START);
        let events = self.run(command);
        let mut out = Vec::new();
        let status = replies::placed(&events, response, Style::MILLIS, &Listed(&self.engine), &mut out);
        let reply: Value = serde_json::from_slice(&out).unwrap();
        match foretold {
            Ok(()) => assert_eq!(status, 200, "{reply}"),
            Err((reason, detail)) => assert_eq!(reply["msg"], *rejection(reason, detail, Action::Place).message),
        }
        (events, status, reply)
    }

    fn cancel(&mut self, by: Requester, rest: &str) -> (Vec<Event>, u16, Value) {
        let query = signed(rest);
        let values = auth::authorize(&self.cancel, query.as_bytes(), b"", &self.verifier, START).unwrap();
        let events = self.run(orders::cancel(&values, by, MarketId(0)).unwrap());
        let mut out = Vec::new();
        let status = replies::canceled(&events, Style::MILLIS, &Listed(&self.engine), &mut out);
        (events, status, serde_json::from_slice(&out).unwrap())
    }

    /// What the account's user data stream gets for a command.
    fn heard(&self, events: &[Event], account: AccountId) -> Vec<Value> {
        let names = Listed(&self.engine);
        let payloads = streams::user_payloads(events.iter().cloned(), |wanted| wanted == account);
        let written = payloads.iter().map(|(_, payload)| {
            let mut out = Vec::new();
            payload.encode(Style::MILLIS, &names, &mut out);
            serde_json::from_slice(&out).unwrap()
        });
        written.collect()
    }
}

fn signed(rest: &str) -> String {
    let payload = format!("symbol=BTCUSDT&{rest}&timestamp={}", START.0 / 1_000);
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET), payload.as_bytes());
    format!("{payload}&signature={}", hex(tag.as_ref()))
}

fn limit(side: &str, quantity: &str, price: &str) -> String {
    format!("side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}")
}

/// The kinds and statuses of execution reports.
fn reported(heard: &[Value]) -> Vec<String> {
    let reports = heard.iter().filter(|payload| payload["e"] == "executionReport");
    reports.map(|report| format!("{} {}", report["x"].as_str().unwrap(), report["X"].as_str().unwrap())).collect()
}

#[test]
fn a_taker_gets_its_fills_and_both_sides_hear_of_them() {
    let mut venue = Venue::new();
    let (maker, taker) = (venue.customer(), venue.customer());
    for price in ["100.00", "100.01"] {
        let (_, status, reply) = venue.place(maker, &limit("SELL", "1", price));
        assert_eq!((status, &reply["status"], reply["fills"].as_array().map(Vec::len)), (200, &"NEW".into(), Some(0)));
    }
    let (events, status, reply) = venue.place(taker, "side=BUY&type=MARKET&quantity=1.5&newClientOrderId=mine");
    assert_eq!(status, 200);
    let told = |name: &str| reply[name].as_str().unwrap().to_owned();
    assert_eq!(told("clientOrderId"), "mine");
    assert_eq!(
        (told("status"), told("executedQty"), told("cummulativeQuoteQty")),
        ("FILLED".into(), "1.50000000".into(), "150.00500000".into())
    );
    assert_eq!(reply["fills"][0]["qty"], "1.00000000");
    assert_eq!(
        reply["fills"][1],
        serde_json::json!({"price": "100.01000000", "qty": "0.50000000", "commission": "0.00050000", "commissionAsset": "BTC", "tradeId": 1})
    );
    let heard = venue.heard(&events, taker.account);
    assert_eq!(reported(&heard), ["NEW NEW", "TRADE PARTIALLY_FILLED", "TRADE FILLED"]);
    assert_eq!((&heard[0]["w"], &heard[1]["w"], &heard[2]["m"]), (&true.into(), &false.into(), &false.into()));
    let position = heard.last().unwrap();
    assert_eq!((&position["e"], position["B"].as_array().map(Vec::len)), (&"outboundAccountPosition".into(), Some(2)));
    let heard = venue.heard(&events, maker.account);
    assert_eq!(reported(&heard), ["TRADE FILLED", "TRADE PARTIALLY_FILLED"]);
    assert_eq!((&heard[1]["m"], &heard[1]["w"], &heard[1]["N"]), (&true.into(), &true.into(), &"USDT".into()));
}

#[test]
fn budgets_and_expiries_are_told() {
    let mut venue = Venue::new();
    let (maker, taker) = (venue.customer(), venue.customer());
    venue.place(maker, &limit("SELL", "1", "100.00"));
    let (_, _, reply) = venue.place(taker, "side=BUY&type=MARKET&quoteOrderQty=50");
    assert_eq!((&reply["origQty"], &reply["origQuoteOrderQty"]), (&"0.50000000".into(), &"50.00000000".into()));
    let (events, _, reply) = venue.place(taker, "side=BUY&type=LIMIT&timeInForce=IOC&quantity=2&price=100");
    assert_eq!(
        (&reply["status"], &reply["expiryReason"]),
        (&"EXPIRED".into(), &"UNFILLED_IOC_QUANTITY_EXPIRED".into())
    );
    let heard = venue.heard(&events, taker.account);
    assert_eq!(reported(&heard), ["NEW NEW", "TRADE PARTIALLY_FILLED", "EXPIRED EXPIRED"]);
    assert_eq!(heard[2]["eR"], "UNFILLED_IOC_QUANTITY_EXPIRED");
}

/// `stp_faq.md`'s scenarios of one maker of 1 and a taker of 3.
#[test]
fn prevented_matches_are_told_as_in_binances_scenarios() {
    let cases = [
        ("EXPIRE_MAKER", "NEW", None, (None, Some("1.00000000"))),
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", Some("3.00000000"), (Some("3.00000000"), None)),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", Some("3.00000000"), (Some("3.00000000"), Some("1.00000000"))),
        ("DECREMENT", "NEW", Some("1.00000000"), (Some("1.00000000"), Some("1.00000000"))),
    ];
    for (mode, status, prevented, (taker, maker)) in cases {
        let mut venue = Venue::new();
        let owner = venue.customer();
        venue.place(owner, &limit("BUY", "1", "100.00"));
        let order = format!("{}&selfTradePreventionMode={mode}", limit("SELL", "3", "100.00"));
        let (events, _, reply) = venue.place(owner, &order);
        assert_eq!((&reply["status"], &reply["selfTradePreventionMode"]), (&status.into(), &mode.into()), "{reply}");
        assert_eq!(reply["preventedQuantity"].as_str(), prevented, "{reply}");
        let one = &reply["preventedMatches"][0];
        assert_eq!(
            (one["takerPreventedQuantity"].as_str(), one["makerPreventedQuantity"].as_str()),
            (taker, maker),
            "{reply}"
        );
        assert_eq!((&one["makerOrderId"], &one["price"]), (&1.into(), &"100.00000000".into()), "{reply}");
        let heard = venue.heard(&events, owner.account);
        let preventions = heard.iter().filter(|payload| payload["x"] == "TRADE_PREVENTION");
        assert!(preventions.clone().all(|payload| payload["l"] == "0.00000000" && payload["pL"] == "100.00000000"));
        assert_eq!(preventions.count(), usize::from(taker.is_some()) + usize::from(maker.is_some()), "{mode}");
    }
}

#[test]
fn cancels_carry_both_ids() {
    let mut venue = Venue::new();
    let owner = venue.customer();
    venue.place(owner, &format!("{}&newClientOrderId=first", limit("BUY", "1", "100")));
    let (events, status, reply) = venue.cancel(owner, "origClientOrderId=first&newClientOrderId=undo");
    assert_eq!((status, &reply["origClientOrderId"], &reply["clientOrderId"]), (200, &"first".into(), &"undo".into()));
    let heard = venue.heard(&events, owner.account);
    assert_eq!((&heard[0]["c"], &heard[0]["C"], &heard[0]["X"]), (&"undo".into(), &"first".into(), &"CANCELED".into()));
    let (_, status, reply) = venue.cancel(owner, "origClientOrderId=first");
    assert_eq!((status, &reply["code"], &reply["msg"]), (400, &(-2011).into(), &"Unknown order sent.".into()));
}

#[test]
fn the_engines_refusals_have_binances_words() {
    let mut venue = Venue::new();
    let owner = venue.customer();
    let mut refused = |rest: &str| {
        let (_, status, reply) = venue.place(owner, rest);
        format!("{status} {} {}", reply["code"], reply["msg"].as_str().unwrap_or("accepted"))
    };
    let cases = [
        (limit("BUY", "1", "100.001"), "400 -1013 Filter failure: PRICE_FILTER"),
        (limit("BUY", "1.00001", "100"), "400 -1013 Filter failure: LOT_SIZE"),
        (limit("BUY", "0.01", "100"), "400 -1013 Filter failure: NOTIONAL"),
        (limit("BUY", "0", "100"), "400 -1013 Price * QTY is zero or less."),
        (limit("SELL", "11", "100"), "400 -2010 Account has insufficient balance for requested action."),
        (
            "side=BUY&type=MARKET&quoteOrderQty=50".into(),
            "400 -2010 Order book liquidity is less than symbol minimum quantity.",
        ),
        (format!("{}&newClientOrderId=a", limit("BUY", "1", "100")), "200 null accepted"),
        (format!("{}&newClientOrderId=a", limit("BUY", "1", "100")), "400 -2010 Duplicate order sent."),
        ("side=SELL&type=LIMIT_MAKER&quantity=1&price=100".into(), "400 -2010 Order would immediately match and take."),
        (limit("BUY", "1", "100"), "200 null accepted"),
        (limit("BUY", "1", "100"), "200 null accepted"),
        (limit("BUY", "1", "100"), "400 -2010 Filter failure: MAX_NUM_ORDERS"),
    ];
    for (rest, words) in cases {
        assert_eq!(refused(&rest), words, "{rest}");
    }
}

#[test]
fn too_many_orders_name_the_limit() {
    let mut venue = Venue::new();
    let owner = venue.customer();
    let mut last = Value::Null;
    for _ in 0..7 {
        let (_, status, reply) = venue.place(owner, &limit("BUY", "1", "100"));
        if status == 200 {
            venue.cancel(owner, &format!("orderId={}", reply["orderId"]));
        }
        last = reply;
    }
    assert_eq!(last["msg"], "Too many new orders; current limit is 6 orders per 10 SECOND.");
    let mut out = Vec::new();
    replies::order_counts(&venue.engine.order_counts(owner.account, START), &mut out);
    let counts: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        (&counts[0]["limit"], &counts[0]["count"], &counts[1]["interval"]),
        (&6.into(), &6.into(), &"DAY".into())
    );
}

#[test]
fn queries_answer_what_the_engine_knows() {
    let mut venue = Venue::new();
    let owner = venue.customer();
    venue.place(owner, &limit("BUY", "1", "100"));
    let names = Listed(&venue.engine);
    let mut out = Vec::new();
    replies::orders(venue.engine.open_orders(owner.account, None), Style::MILLIS, &names, &mut out);
    let open: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        (&open[0]["symbol"], &open[0]["status"], &open[0]["isWorking"]),
        (&"BTCUSDT".into(), &"NEW".into(), &true.into())
    );
    out.clear();
    let view = venue.engine.account(owner.account).unwrap();
    let account = replies::Account {
        id: view.id,
        rights: view.rights,
        maker: view.maker,
        taker: view.taker,
        updated: view.updated,
    };
    replies::account(&account, venue.engine.balances(owner.account), true, Style::MICROS, &names, &mut out);
    let account: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(
        account["balances"][1],
        serde_json::json!({"asset": "USDT", "free": "999900.00000000", "locked": "100.00000000"})
    );
    assert_eq!((&account["makerCommission"], &account["updateTime"]), (&10.into(), &START.0.into()));
}
