"""Files of sound: what comes in, within limits, and what is spoken."""
