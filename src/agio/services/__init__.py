"""Off the trading path, one room each."""
