"""Makes a change in a cluster: looked at, reviewed, dry run, written as the user, and verified."""
