"""Answers to questions about a cluster: each one sentence to say, and the same as data."""
