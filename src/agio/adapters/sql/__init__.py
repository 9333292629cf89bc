"""SQL databases: engines, and bringing a schema up to date."""
