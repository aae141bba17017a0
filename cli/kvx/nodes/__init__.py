"""The nodes of a cluster as values: what the inventory hands over, and what Kubernetes knows of them."""
