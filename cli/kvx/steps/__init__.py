"""The kinds of steps: frozen values that say what they will do, in words and as a command."""
