"""From words to an answer about the cluster: normalise, grammar, resolve, functions."""
