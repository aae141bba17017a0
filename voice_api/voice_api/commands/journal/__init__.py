"""The journal of commands: append-only, hash-chained, and written before anything is done."""
