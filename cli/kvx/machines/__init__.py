"""Decides about machines: which, where, whose, and what a refusal means; pure."""
