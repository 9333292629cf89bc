//! Request bytes to typed commands, results to reply bytes; no state.
//!
//! ```
//! use agio_edge::{Requester, Schema, Style, Verifier, auth, orders};
//! use agio_engine::units::{AccountId, KeyId, MarketId, Micros};
//!
//! // At start-up, one schema per operation row (its form: `agio_edge::schema`).
//! let schema = Schema::from_json(br#"{"signed": true, "params": [
//!     {"name": "symbol", "kind": "symbol", "required": true},
//!     {"name": "orderId", "kind": "long", "required": true}
//! ]}"#)?;
//! // Per key, once.
//! let verifier = Verifier::hmac(b"secret");
//! // Per request: check and parse, then build the command.
//! let query = b"symbol=BTCUSDT&orderId=7&timestamp=1700000000000";
//! let body = b"signature=17dc9302c9eef62b15b60c6fbe0dc7b7b1e4c1b2a1a4e3a8f5d9a9d0f4e1c2b3";
//! match auth::authorize(&schema, query, body, &verifier, Micros(1_700_000_000_500_000)) {
//!     Ok(values) => {
//!         let market = orders::market(&values, |symbol| (symbol == "BTCUSDT").then_some(MarketId(0)))?;
//!         let requester = Requester { account: AccountId(1_000), key: KeyId(1) };
//!         let command = orders::cancel(&values, requester, market.unwrap())?;
//!         // … to the shard; then agio_edge::replies::canceled(&events, Style::MILLIS, &names, &mut out).
//! #       let _ = (command, Style::MILLIS);
//!     }
//!     Err(error) => {
//!         let mut out = Vec::new();
//!         error.encode(&mut out);
//!         assert_eq!(out, br#"{"code":-1022,"msg":"Signature for this request is not valid."}"#);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod auth;
mod description;
pub mod errors;
pub mod json;
pub mod orders;
pub mod params;
pub mod pattern;
pub mod replies;
pub mod schema;
pub mod streams;
mod values;

pub use auth::Verifier;
pub use errors::ApiError;
pub use json::Style;
pub use orders::{Requester, Response};
pub use params::Value;
pub use replies::Names;
pub use schema::{Pair, Schema, Values};
