//! The exchange as a pure function of its commands.
