"""The voice-api program: hears commands, answers them, and speaks."""
