"""Questions before a change, and the answers that settle them: see decision 23. Pure but for the store."""
