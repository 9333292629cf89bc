"""The exchange in a box: house liquidity for development. A client of the exchange, with no way in of its own."""
