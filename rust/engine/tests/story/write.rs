//! From events to lines.

use std::fmt::{Debug, Write as _};

use agio_engine::events::{AccountChanged, Event};
use agio_engine::units::{AccountId, AssetId, MarketId};
use agio_engine::vocabulary::{Execution, Expiry, OrderLimits, Rights, Side};

use super::Story;

/// A number at 10^-8, without trailing zeros.
pub(crate) fn decimal(value: u128) -> String {
    let text = format!("{}.{:08}", value / 100_000_000, value % 100_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn signed(value: i128) -> String {
    format!("{}{}", if value < 0 { "-" } else { "+" }, decimal(value.unsigned_abs()))
}

/// `OnlyPartiallyFilled` as `only-partially-filled`.
pub(crate) fn words(value: &impl Debug) -> String {
    let mut text = String::new();
    for letter in format!("{value:?}").chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

impl Story {
    /// The events that this story shows, a line each.
    pub(crate) fn tell(&self, events: &[Event]) -> Vec<String> {
        let lines = events.iter().map(|event| self.line(event));
        lines.filter(|(kind, _)| self.shown.iter().any(|shown| shown == kind)).map(|(_, line)| line).collect()
    }

    fn line(&self, event: &Event) -> (&'static str, String) {
        let number = |value: u64| decimal(value.into());
        match event {
            Event::Executed(executed) => ("order", self.execution(&executed.execution)),
            Event::Traded(it) => {
                let (buyer, seller) = (self.name(it.buyer), self.name(it.seller));
                let maker = if it.buyer_is_maker { &buyer } else { &seller };
                let (quantity, price, paid) = (number(it.quantity.0), number(it.price.0), decimal(it.notional.0));
                let id = (it.trade.0, it.aggregate.0);
                (
                    "trade",
                    format!(
                        "trade {}/{} {quantity} @ {price} = {paid}, {buyer} buys of {seller}, maker {maker}",
                        id.0, id.1
                    ),
                )
            }
            Event::Aggregated(it) => {
                let (quantity, price) = (number(it.quantity.0), number(it.price.0));
                let id = it.aggregate.0;
                ("aggregate", format!("aggregate {id} {quantity} @ {price}, trades {} to {}", it.first.0, it.last.0))
            }
            Event::LevelChanged(it) => {
                let line = format!(
                    "level {} {} {} = {}",
                    it.update.0,
                    words(&it.side),
                    number(it.price.0),
                    number(it.total.0)
                );
                ("level", line)
            }
            Event::TopChanged(it) => {
                let (bid, ask) = ((it.bid.0, it.bid_total.0), (it.ask.0, it.ask_total.0));
                let side = |(price, total)| format!("{} x {}", number(price), number(total));
                ("top", format!("top {} bid {} ask {}", it.update.0, side(bid), side(ask)))
            }
            Event::Posted(it) => {
                let (name, asset) = (self.name(it.account), self.asset_name(it.asset));
                let trade = it.trade.map_or(String::new(), |trade| format!(" of trade {}", trade.0));
                ("posting", format!("post {name} {} {asset} {}{trade}", signed(it.delta.0), words(&it.cause)))
            }
            Event::BalanceChanged(it) => {
                let (name, asset) = (self.name(it.account), self.asset_name(it.asset));
                ("balance", format!("{name} has {} {asset} free, {} locked", decimal(it.free.0), decimal(it.locked.0)))
            }
            Event::Rejected(it) => {
                let detail = if it.detail == 0 { String::new() } else { format!(" {}", it.detail) };
                ("refused", format!("refused {:?}{detail}", it.reason))
            }
            other => ("admin", self.administration(other)),
        }
    }

    fn administration(&self, event: &Event) -> String {
        match event {
            Event::MarketChanged(it) => format!("market {} is {}", it.symbol, words(&it.status)),
            Event::Quarantined(it) => {
                let market = it.market.map_or("no market".to_owned(), |market| self.symbol(market));
                format!("command {} skipped, {market} halted", it.skipped.0)
            }
            Event::AssetListed(it) => format!("asset {} with {} places", it.name, it.precision),
            Event::AccountChanged(it) => self.account_line(it),
            Event::KeyAdded(it) => format!("key {} of {}", it.key.0, self.name(it.account)),
            Event::KeyRevoked(it) => format!("key {} revoked", it.key.0),
            Event::LaneRetired(it) => format!("source {} forgotten", it.lane.0),
            Event::Violated(it) => format!("violated: {}", it.invariant),
            other => format!("{other:?}"),
        }
    }

    fn account_line(&self, it: &AccountChanged) -> String {
        let Rights { trade, withdraw, deposit } = it.rights;
        let mut line = format!("account {} may", self.name(it.account));
        for (word, may) in [(" trade", trade), (" withdraw", withdraw), (" deposit", deposit)] {
            line.push_str(if may { word } else { "" });
        }
        let (maker, taker) = (decimal(it.maker.0.into()), decimal(it.taker.0.into()));
        let OrderLimits { ten_seconds, day, open } = it.limits;
        line + &format!("; maker {maker} taker {taker}; limits {ten_seconds} {day} {open}")
    }

    fn execution(&self, it: &Execution) -> String {
        let order = &it.order;
        let (name, id, side) = (self.name(order.account), order.order.0, words(&order.side));
        let sum = format!("{}/{}", decimal(order.executed.0.into()), decimal(order.quantity.0.into()));
        let mut line = format!("{name} #{id} {side} {}: {}, {sum}", words(&it.kind), words(&order.status));
        if order.notional.0 > 0 {
            write!(line, " = {}", decimal(order.notional.0)).expect("memory");
        }
        if order.prevented.0 > 0 {
            write!(line, ", {} prevented", decimal(order.prevented.0.into())).expect("memory");
        }
        if let Some(fill) = it.fill {
            let (quantity, price) = (decimal(fill.quantity.0.into()), decimal(fill.price.0.into()));
            let role = if fill.maker { "maker" } else { "taker" };
            let asset = self.asset_name(fill.commission_asset);
            write!(line, "; {role} {quantity} @ {price}, fee {} {asset}", decimal(fill.commission.0)).expect("memory");
        }
        if let Some(met) = it.prevention {
            let (quantity, price) = (decimal(met.quantity.0.into()), decimal(met.price.0.into()));
            let lost = decimal(met.reduced.0.into());
            write!(line, "; match {} with #{} {quantity} @ {price}, loses {lost}", met.id.0, met.counter_order.0)
                .expect("memory");
        }
        if order.expiry != Expiry::None {
            write!(line, "; {}", words(&order.expiry)).expect("memory");
        }
        line
    }

    fn name(&self, account: AccountId) -> String {
        self.names.get(&account).cloned().unwrap_or_else(|| format!("account {}", account.0))
    }

    fn asset_name(&self, asset: AssetId) -> String {
        let found = self.world.engine.assets().find(|known| known.id == asset);
        found.map_or_else(|| format!("asset {}", asset.0), |asset| asset.name.to_owned())
    }

    fn symbol(&self, market: MarketId) -> String {
        self.world.engine.market(market).map_or_else(String::new, |market| market.symbol.to_owned())
    }

    pub(crate) fn counts(&self, name: &str) -> Result<String, String> {
        let counts = self.world.engine.order_counts(self.named(name)?, self.world.time);
        let (ten, day) = (counts.ten_seconds, counts.day);
        Ok(format!("{ten} of {} in 10 s, {day} of {} today", counts.limit_ten_seconds, counts.limit_day))
    }

    pub(crate) fn average(&self, symbol: &str) -> String {
        let average = self.world.engine.average_price(self.market(symbol), self.world.time);
        average.map_or("no average".to_owned(), |(minutes, price)| {
            format!("{} over {minutes} minutes", decimal(price.0.into()))
        })
    }

    pub(crate) fn depth(&self, symbol: &str) -> Vec<String> {
        let market = self.market(symbol);
        let side = |side| {
            let levels = self.world.engine.depth(market, side);
            let text =
                levels.map(|(price, total)| format!("{} x {}", decimal(price.0.into()), decimal(total.0.into())));
            text.collect::<Vec<_>>().join(", ")
        };
        vec![format!("bids {}", side(Side::Buy)), format!("asks {}", side(Side::Sell))]
    }
}
