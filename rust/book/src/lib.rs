//! One market's order book: levels, matching and a compile-time policy.
