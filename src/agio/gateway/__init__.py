"""Requests to commands: one table of operations behind REST, the WebSocket API and the administration socket."""
