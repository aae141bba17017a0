"""What a command can ask of a cluster, and the clusters that can be asked."""
