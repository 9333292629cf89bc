"""The wire: listeners, frames, heartbeats, lifetimes, slow readers, time units. Knows no exchange."""
