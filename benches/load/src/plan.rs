//! What to send, read as JSON from standard input.

use serde::Deserialize;

/// One run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Host and port of the REST listener.
    pub(crate) address: String,
    /// The kind of requests.
    pub(crate) mode: Mode,
    /// Keep-alive connections, each with one request under way.
    pub(crate) connections: usize,
    /// Requests to make beforehand; the run ends when all are answered.
    pub(crate) requests: usize,
    /// Requests a second, whatever the answers do (open loop); without it each answer draws the next request.
    #[serde(default)]
    pub(crate) rate: Option<f64>,
    /// Who trades: of `resting` orders the first buys and the second sells.
    #[serde(default)]
    pub(crate) users: Vec<User>,
    /// The market.
    #[serde(default)]
    pub(crate) symbol: String,
    /// What client order ids begin with: unique to the run.
    #[serde(default)]
    pub(crate) tag: String,
    /// Whether parameters travel in the body, as ccxt and python-binance send them, or in the query.
    #[serde(default)]
    pub(crate) in_body: bool,
    /// Host and port of the WebSocket API: measures how long after its acknowledgement an order's report arrives.
    #[serde(default)]
    pub(crate) reports: Option<String>,
}

/// What the requests are.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// LIMIT orders that rest: bids of the first user, asks of the second, in turn, over a thousand prices each.
    Resting,
    /// LIMIT orders that each fill one of as many resting ones.
    Crossing,
}

/// A key of a user.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct User {
    /// Sent in clear.
    pub(crate) api_key: String,
    /// Signs.
    pub(crate) secret_key: String,
}
