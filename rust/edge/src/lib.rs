//! Request bytes to typed commands, results to reply bytes; no state.
