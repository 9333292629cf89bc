"""Command → durable → events: the handle to the Rust shard, and routing of what comes out of it."""
