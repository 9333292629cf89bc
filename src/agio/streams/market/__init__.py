"""Market data streams."""

from agio.streams.market.market import MarketData

__all__ = ["MarketData"]
