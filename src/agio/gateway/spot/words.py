"""Binance's words for the engine's numbers (rust/engine/src/vocabulary.rs) and for the catalog's names."""

from __future__ import annotations

SIDES = {1: "BUY", 2: "SELL"}
TYPES = {1: "LIMIT", 2: "MARKET", 3: "LIMIT_MAKER"}
LIVES = {1: "GTC", 2: "IOC", 3: "FOK"}
PREVENTIONS = {1: "NONE", 2: "EXPIRE_TAKER", 3: "EXPIRE_MAKER", 4: "EXPIRE_BOTH", 5: "DECREMENT"}
ORDER_STATUSES = {1: "NEW", 2: "PARTIALLY_FILLED", 3: "FILLED", 4: "CANCELED", 5: "EXPIRED", 6: "EXPIRED_IN_MATCH"}
EXPIRIES = {
    1: "UNFILLED_IOC_QUANTITY_EXPIRED",
    2: "UNFILLED_FOK_ORDER_EXPIRED",
    3: "INSUFFICIENT_LIQUIDITY",
    4: "EXCHANGE_CANCELED",
}
MARKET_STATUSES = {
    "Trading": "TRADING",
    "Halt": "HALT",
    "Break": "BREAK",
    "CancelOnly": "CANCEL_ONLY",
    "EndOfDay": "END_OF_DAY",
}
PREVENTION_NAMES = {
    "None": "NONE",
    "ExpireTaker": "EXPIRE_TAKER",
    "ExpireMaker": "EXPIRE_MAKER",
    "ExpireBoth": "EXPIRE_BOTH",
    "Decrement": "DECREMENT",
}
