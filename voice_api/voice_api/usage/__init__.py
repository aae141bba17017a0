"""What cloud engines may still be used for: a ledger that is written before anything is spent."""
