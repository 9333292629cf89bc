"""What agio talks to, beside its simulated twins."""
