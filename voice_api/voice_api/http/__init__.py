"""HTTP: the routes, what they share, and the server that answers them."""
