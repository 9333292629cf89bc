"""Wallet: rows of /sapi, and of products that are not here yet but whose absence clients ask about when they start."""
