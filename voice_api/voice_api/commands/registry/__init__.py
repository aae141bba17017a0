"""What can be called: declarations of functions with typed arguments, levels, and who may."""
