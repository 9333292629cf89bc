//! A shard alive: intake, engine, journal and publication.
