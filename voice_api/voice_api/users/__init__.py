"""Who speaks: users with roles and environments, known by an API key or a session."""
