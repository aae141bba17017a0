"""What leaves the machine and what is kept on it: told by the settings, proven without a network."""
