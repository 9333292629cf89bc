//! The names of markets and assets, kept beside the engine so that requests are resolved without asking it.

use std::collections::HashMap;

use agio_edge::Names;
use agio_engine::engine::Engine;
use agio_engine::events::Event;
use agio_engine::units::{AssetId, MarketId};
use agio_engine::vocabulary::{Filters, MarketStatus};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Asset {
    id: AssetId,
    name: String,
    precision: u8,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Market {
    id: MarketId,
    symbol: String,
    base: AssetId,
    quote: AssetId,
    status: MarketStatus,
    filters: Filters,
}

/// All assets and markets, by their numbers.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Listing {
    assets: Vec<Asset>,
    markets: Vec<Market>,
    #[serde(skip)]
    by_symbol: HashMap<String, MarketId>,
}

impl Listing {
    pub(crate) fn of(engine: &Engine) -> Self {
        let assets = engine.assets().map(|a| Asset { id: a.id, name: a.name.to_owned(), precision: a.precision });
        let market = |m: agio_engine::MarketView<'_>| Market {
            id: m.id,
            symbol: m.symbol.to_owned(),
            base: m.base,
            quote: m.quote,
            status: m.status,
            filters: *m.filters,
        };
        let markets: Vec<Market> = engine.markets().map(market).collect();
        let by_symbol = markets.iter().map(|m| (m.symbol.clone(), m.id)).collect();
        Self { assets: assets.collect(), markets, by_symbol }
    }

    /// What a listing or a change of one makes of this, if `event` is one.
    pub(crate) fn learn(&mut self, event: &Event) -> bool {
        match event {
            Event::AssetListed(e) => {
                self.assets.push(Asset { id: e.asset, name: e.name.clone(), precision: e.precision });
            }
            Event::MarketChanged(e) => {
                let market = Market {
                    id: e.market,
                    symbol: e.symbol.clone(),
                    base: e.base,
                    quote: e.quote,
                    status: e.status,
                    filters: e.filters,
                };
                self.put(market);
            }
            _ => return false,
        }
        true
    }

    fn put(&mut self, market: Market) {
        self.by_symbol.insert(market.symbol.clone(), market.id);
        match self.markets.get_mut(market.id.0 as usize) {
            Some(place) => *place = market,
            None => self.markets.push(market),
        }
    }

    pub(crate) fn market(&self, symbol: &str) -> Option<MarketId> {
        self.by_symbol.get(symbol).copied()
    }
}

impl Names for Listing {
    fn symbol(&self, market: MarketId) -> &str {
        self.markets.get(market.0 as usize).map_or("", |market| &market.symbol)
    }
    fn asset(&self, asset: AssetId) -> &str {
        self.assets.get(asset.0 as usize).map_or("", |asset| &asset.name)
    }
}

/// The engine's own names, for replies.
pub(crate) struct Live<'a>(pub(crate) &'a Engine);

impl Names for Live<'_> {
    fn symbol(&self, market: MarketId) -> &str {
        self.0.market(market).map_or("", |market| market.symbol)
    }
    fn asset(&self, asset: AssetId) -> &str {
        self.0.assets().nth(asset.0 as usize).map_or("", |asset| asset.name)
    }
}
