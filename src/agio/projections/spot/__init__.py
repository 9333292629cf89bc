"""What spot's tables and statistics answer."""
