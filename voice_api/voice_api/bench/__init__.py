"""Measures the speech engine on this machine, beside the engines it is compared with."""
