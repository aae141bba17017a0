"""The kvx program: deploys a voice API to ARM64 machines and looks after it."""
