"""Events → subscribers: market data and user data over WebSockets."""
