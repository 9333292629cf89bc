//! The log's files: records, frames, segments, snapshots and recovery.
