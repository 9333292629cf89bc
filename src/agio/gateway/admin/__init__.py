"""Administration and monitoring: rows that only the owner-only socket and the ops listener serve."""
