"""Speech: what is heard becomes text, what is written becomes sound."""
