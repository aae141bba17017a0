"""The kinds of resources: what may be done with each, and how each is shown."""
