"""Which assets and markets there are, and how they come to be listed."""
