"""What is heard later: jobs, the queue that keeps them, and the worker that hears them."""
