"""Users, accounts and API keys. Their truth is SQL; the log knows accounts and keys by number only."""
