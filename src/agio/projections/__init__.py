"""Stage 3: events become tables. Everything here can be dropped and made again from the log (`agio rebuild`)."""
