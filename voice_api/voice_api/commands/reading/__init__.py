"""Reads sentences by a grammar: as they are, and as they were misheard."""
