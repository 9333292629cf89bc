"""Spot: rows and handlers of /api/v3 and of the WebSocket API."""
