"""Synthesisers that turn text into sound."""
