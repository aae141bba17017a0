"""What people say: numbers, corrections, negation, names, and the call that is meant. Pure."""
