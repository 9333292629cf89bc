"""The vocabulary: money, ids, markets, keys, errors. No I/O."""
