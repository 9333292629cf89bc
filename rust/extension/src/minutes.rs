//! What trades add up to: candles and statistics are made of whole minutes, not of trades one by one.

use agio_engine::events::Traded;

const MINUTE: u64 = 60_000_000;

/// The trades of one market within one minute, or those of them that one batch has.
pub(crate) struct Minute {
    pub(crate) market: u32,
    pub(crate) opened: u64,
    pub(crate) open: u64,
    pub(crate) high: u64,
    pub(crate) low: u64,
    pub(crate) close: u64,
    pub(crate) volume: u128,
    pub(crate) quote_volume: u128,
    pub(crate) trades: u64,
    pub(crate) taker_buy_volume: u128,
    pub(crate) taker_buy_quote_volume: u128,
    pub(crate) first_trade: u64,
    pub(crate) last_trade: u64,
    pub(crate) last_quantity: u64,
}

impl Minute {
    fn new(first: &Traded) -> Self {
        let (price, number) = (first.price.0, first.trade.0);
        Self {
            market: first.market.0,
            opened: first.time.0 - first.time.0 % MINUTE,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: 0,
            quote_volume: 0,
            trades: 0,
            taker_buy_volume: 0,
            taker_buy_quote_volume: 0,
            first_trade: number,
            last_trade: number,
            last_quantity: 0,
        }
    }

    fn add(&mut self, trade: &Traded) {
        let (price, quantity, notional) = (trade.price.0, u128::from(trade.quantity.0), trade.notional.0);
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.volume += quantity;
        self.quote_volume += notional;
        self.trades += 1;
        if !trade.buyer_is_maker {
            self.taker_buy_volume += quantity;
            self.taker_buy_quote_volume += notional;
        }
        self.last_trade = trade.trade.0;
        self.last_quantity = trade.quantity.0;
    }
}

/// The minutes of trades that follow one another; of each market in order.
#[derive(Default)]
pub(crate) struct Minutes(pub(crate) Vec<Minute>);

impl Minutes {
    /// One more trade.
    pub(crate) fn add(&mut self, trade: &Traded) {
        let latest = self.0.iter().rposition(|minute| minute.market == trade.market.0);
        let place = latest.filter(|place| trade.time.0 < self.0[*place].opened + MINUTE).unwrap_or_else(|| {
            self.0.push(Minute::new(trade));
            self.0.len() - 1
        });
        self.0[place].add(trade);
    }
}
